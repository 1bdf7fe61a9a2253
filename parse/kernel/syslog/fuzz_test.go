package syslog_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
	"github.com/penstock-dev/penstock/parse/kernel/syslog/strict"
)

func FuzzParse(f *testing.F) {
	for _, r := range rows() {
		f.Add([]byte(r.line))
	}
	used, named := syslog.Parser{Options: *options}, syslog.Parser{Options: *options}
	keys, err := parse.NewKeys([]string{"iut", "eventSource", "y"}, []int{0, 1, 2})
	if err != nil {
		f.Fatal(err)
	}
	named.Names(parse.NewKeyOrder(keys, '='))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		var m, again, inner syslog.Message
		err := syslog.Parse(raw, options, &m)
		check(t, raw, &m)
		if m.HeaderLen == 0 && (m.HasPriority || m.HasTime || m.Version != 0 || m.Hostname != nil || m.AppName != nil) {
			t.Fatalf("%q: fields without a header: %s", raw, show(&m))
		}
		for range 2 { // the second time the minute is remembered
			if err2 := used.Parse(raw, &again); (err == nil) != (err2 == nil) || show(&m) != show(&again) {
				t.Fatalf("%q: a used Parser reads\n     %s\nwant %s", raw, show(&again), show(&m))
			}
		}
		var buf []byte
		var p syslog.Param
		n := 0
		for e := m.Elements(); e.Next(&p); n++ {
			if len(p.ID) == 0 || n > len(m.StructuredData) {
				t.Fatalf("%q: element %d is broken", raw, n)
			}
			if buf = syslog.AppendUnescaped(buf[:0], p.Value); len(buf) > len(p.Value) || !p.Escaped && !bytes.Equal(buf, p.Value) {
				t.Fatalf("%q: unescaped %q to %q", raw, p.Value, buf)
			}
		}
		for range 2 { // the second time the names come as expected
			if err2 := named.Parse(raw, &again); (err == nil) != (err2 == nil) || show(&m) != show(&again) {
				t.Fatalf("%q: a Parser with names reads\n     %s\nwant %s", raw, show(&again), show(&m))
			}
			params, i := named.Params(&again), 0
			for e := m.Elements(); e.Next(&p); i++ {
				var q syslog.Param
				if i < params.Len() {
					params.At(i, &q)
				}
				if p.Slot = q.Slot; !reflect.DeepEqual(p, q) {
					t.Fatalf("%q: parameter %d is noted as %+v, want %+v", raw, i, q, p)
				}
			}
			if i != params.Len() {
				t.Fatalf("%q: %d parameters are noted, want %d", raw, params.Len(), i)
			}
		}
		if (n == 0) != (len(m.StructuredData) == 0) {
			t.Fatalf("%q: %d parameters in %q", raw, n, m.StructuredData)
		}
		if used.Relayed(&m, &inner) {
			check(t, m.Payload, &inner)
			if len(inner.Payload) >= len(m.Payload) {
				t.Fatalf("%q: relayed message does not become shorter", raw)
			}
		}
		if !bytes.Equal(raw, before) {
			t.Fatalf("%q: was written to", before)
		}
	})
}

// FuzzAgainstStrict: what the strict grammar of RFC 5424 accepts is read the
// same. The differences are those that doc.go lists.
func FuzzAgainstStrict(f *testing.F) {
	for _, r := range rfc5424Rows {
		f.Add([]byte(r.line))
	}
	f.Add([]byte(`<165>1 2003-10-11T22:14:15.003Z h a - ID47 [ex@32473 iut="3" e="a\"b\\c\]d\x"][x@1 y="1" y="2"] text`))
	f.Add([]byte("<191>12 1999-12-31T23:59:59.999999+23:59 ! # $ % [] \x00"))
	parser := strict.New5424()
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := parser.Parse(raw)
		if err != nil {
			return
		}
		var m syslog.Message
		o := syslog.Options{MaxLen: -1, MaxParams: -1}
		if err := syslog.Parse(raw, &o, &m); err != nil {
			t.Fatalf("%q: strict accepts it, this package: %v", raw, err)
		}
		same := func(name string, got []byte, want string) {
			if string(got) != want {
				t.Fatalf("%q: %s is %q, strict has %q", raw, name, got, want)
			}
		}
		if m.Priority != want.Priority || !m.HasPriority || m.Version != want.Version {
			t.Fatalf("%q: priority %d, version %d, strict has %d, %d", raw, m.Priority, m.Version, want.Priority, want.Version)
		}
		first, last := time.Unix(0, -1<<63), time.Unix(0, 1<<63-1)
		switch in := want.HasTime && want.Time.After(first) && want.Time.Before(last); {
		case in != m.HasTime:
			t.Fatalf("%q: time is %v, strict has %v", raw, m.HasTime, want.Time)
		case in && !want.Time.Equal(m.Time.Time()):
			t.Fatalf("%q: time is %v, strict has %v", raw, m.Time.Time(), want.Time)
		}
		same("host", m.Hostname, want.Hostname)
		same("app", m.AppName, want.AppName)
		same("procid", m.ProcID, want.ProcID)
		same("msgid", m.MsgID, want.MsgID)
		same("message", m.Payload, strings.TrimPrefix(strings.TrimRight(want.Payload, "\r\n\x00"), "\xEF\xBB\xBF"))
		got := map[string]map[string]string{}
		var p syslog.Param
		for e := m.Elements(); e.Next(&p); {
			id := string(p.ID)
			if p.First {
				got[id] = map[string]string{}
			}
			if p.Name != nil {
				got[id][string(p.Name)] = string(syslog.AppendUnescaped(nil, p.Value))
			}
		}
		if len(got) != len(want.StructuredData) {
			t.Fatalf("%q: elements %q, strict has %q", raw, got, want.StructuredData)
		}
		for id, params := range want.StructuredData {
			if len(params) != len(got[id]) {
				t.Fatalf("%q: element %q is %q, strict has %q", raw, id, got[id], params)
			}
			for name, value := range params {
				if got[id][name] != value {
					t.Fatalf("%q: %s %s is %q, strict has %q", raw, id, name, got[id][name], value)
				}
			}
		}
	})
}
