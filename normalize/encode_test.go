package normalize_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

var vendorNames = []string{
	"acme", "acme.wall", "acme.wall.zone", "acme.wall.zone.in", "acme.wall.zone-x", "acme.wall.q\"uo\\te", "zz.last", "@first",
	"source.acme", "source.ip.acme", "labels.acme", "a.b.c.d.e.f.g.h.i.j.k.l.m.n", "a.b.c.d.e.f.g.h.i.j.k.l", "a.b.c.d.e.f.g.h.i.j.k.l.m.o",
}

func testSchema(t testing.TB) *parse.Schema {
	t.Helper()
	s, err := parse.NewSchema(vendorNames...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads one JSON object and refuses repeated keys and bytes that are not UTF-8.
func decode(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("not UTF-8")
	}
	if bytes.IndexByte(b, '\n') >= 0 {
		return nil, fmt.Errorf("more than one line")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := decodeValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something behind the object: %v", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("not an object")
	}
	return m, nil
}

func decodeValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		m := map[string]any{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			if _, ok := m[k.(string)]; ok {
				return nil, fmt.Errorf("key %q twice", k)
			}
			if m[k.(string)], err = decodeValue(d); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return m, err
	case json.Delim('['):
		l := []any{}
		for d.More() {
			v, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		_, err := d.Token()
		return l, err
	}
	return t, nil
}

// flatten joins the names of nested objects. Objects in keep are values.
func flatten(prefix string, m map[string]any, keep map[string]bool, into map[string]any) {
	for k, v := range m {
		if o, ok := v.(map[string]any); ok && !keep[prefix+k] {
			flatten(prefix+k+".", o, keep, into)
			continue
		}
		into[prefix+k] = v
	}
}

// plain is what encoding/json reads of a value's text.
func plain(t testing.TB, v parse.Value, array bool) any {
	var x any
	switch v.Kind() {
	case parse.KindList:
		l := []any{}
		for _, e := range v.List() {
			l = append(l, plain(t, e, false))
		}
		return l
	case parse.KindNull:
	case parse.KindString:
		x = repaired(v.Str())
	case parse.KindBool:
		x = v.Bool()
	case parse.KindInt, parse.KindFloat:
		x = json.Number(v.String())
	case parse.KindTime, parse.KindIP:
		x = v.String()
	case parse.KindObject, parse.KindArray:
		d := json.NewDecoder(bytes.NewReader(v.Bytes()))
		d.UseNumber()
		var err error
		if x, err = decodeValue(d); err != nil {
			t.Fatal(err)
		}
		if v.Kind() == parse.KindArray {
			return x
		}
	}
	if array {
		return []any{x}
	}
	return x
}

// repaired has U+FFFD for each byte that is not UTF-8.
func repaired(s string) string { return string([]rune(s)) }

// want is what the record should be when flattened, and the number of fields left out.
func want(t testing.TB, r *parse.Record, ecsOnly bool) (fields map[string]any, objects map[string]bool, conflicts int) {
	fields, objects = map[string]any{}, map[string]bool{}
	all := map[string]bool{}
	for k := range r.All() {
		if !ecsOnly || k < ecs.Count {
			all[r.Name(k)] = true
		}
	}
	above := func(path string) bool { // a field above has a value
		for i := strings.LastIndexByte(path, '.'); i >= 0; i = strings.LastIndexByte(path, '.') {
			if path = path[:i]; all[path] {
				return true
			}
		}
		return false
	}
	add := func(path string, v parse.Value, array bool) {
		if above(path) {
			conflicts++
			return
		}
		fields[path] = plain(t, v, array)
		if v.Kind() == parse.KindObject {
			objects[path] = true
		}
	}
	for k, v := range r.All() {
		if all[r.Name(k)] {
			add(r.Name(k), v, k < ecs.Count && k.Array())
		}
	}
	if !ecsOnly {
		for _, d := range r.Dynamics() {
			add(r.Name(d.Container)+"."+string(d.Name), d.Value, false)
		}
	}
	return fields, objects, conflicts
}

func checkEncoding(t *testing.T, r *parse.Record, encoders map[normalize.EncoderOptions]*normalize.Encoder) {
	t.Helper()
	for o, e := range encoders {
		before := e.Conflicts
		out, err := e.Append([]byte("before"), r)
		if err != nil || !bytes.HasPrefix(out, []byte("before")) {
			t.Fatalf("%+v: error %v, or dst was overwritten", o, err)
		}
		out = out[len("before"):]
		got, err := decode(out)
		if err != nil {
			t.Fatalf("%+v: %v: %s", o, err, out)
		}
		fields, objects, conflicts := want(t, r, o.ECSOnly)
		flat := got
		if !o.Flat {
			flat = map[string]any{}
			flatten("", got, objects, flat)
		}
		if !reflect.DeepEqual(flat, fields) {
			t.Fatalf("%+v:\n got %v\nwant %v\nfrom %s", o, flat, fields, out)
		}
		if n := e.Conflicts - before; n != conflicts {
			t.Fatalf("%+v: %d conflicts counted, want %d: %s", o, n, conflicts, out)
		}
		again, _ := e.Worker().Append(nil, r.Clone())
		if !bytes.Equal(again, out) {
			t.Fatalf("%+v: the same event as\n%s\nand %s", o, out, again)
		}
	}
}

func allEncoders() map[normalize.EncoderOptions]*normalize.Encoder {
	m := map[normalize.EncoderOptions]*normalize.Encoder{}
	for i := range 4 {
		o := normalize.EncoderOptions{Flat: i&1 != 0, ECSOnly: i&2 != 0}
		m[o] = normalize.NewEncoder(o)
	}
	return m
}

// FuzzEncode builds random records and reads their JSON with another reader.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0, 2, 8, 0, 3, 9, 1, 4, 3, 1, 5, 4, 2, 9, 9}, "a\"b\\c\n\x00\xffé\u2028", true)
	f.Add([]byte{0, 8, 8, 0, 9, 8, 0, 10, 8, 1, 9, 1, 1, 10, 2, 1, 11, 3}, "x", true)
	f.Add([]byte{1, 4, 1, 1, 4, 2, 0, 4, 10, 0, 6, 10, 1, 6, 9, 0, 7, 8}, "name", false)
	f.Add([]byte{0, 19, 8, 0, 20, 8, 0, 21, 8, 1, 20, 1, 1, 19, 1}, "deep", true)
	schema := testSchema(f)
	keys := []parse.Key{ecs.Timestamp, ecs.SourceIP, ecs.SourceAddress, ecs.EventCategory, ecs.Labels, ecs.RelatedIP, ecs.DNSAnswers, ecs.DNSAnswersName}
	for i := range len(vendorNames) {
		keys = append(keys, ecs.Count+parse.Key(i))
	}
	encoders := allEncoders()
	f.Fuzz(func(t *testing.T, ops []byte, text string, vendor bool) {
		var r parse.Record
		if vendor {
			r.Use(schema)
		}
		value := func(b byte) parse.Value {
			switch b % 14 {
			case 0:
				return parse.NullValue()
			case 1:
				return parse.IntValue(int64(b) - 100)
			case 2:
				return parse.FloatValue(math.Ldexp(1.25, int(b)-128))
			case 3:
				return parse.BoolValue(b > 99)
			case 4:
				return parse.TimeValue(int64(b) * 1e15)
			case 5:
				return parse.IPv4Value(1, []byte("0.0.0.1"))
			case 6:
				return parse.ListValue([]parse.Value{parse.StringValue(text), parse.IntValue(1), parse.NullValue()})
			case 7:
				return parse.ListValue(nil)
			case 8:
				return parse.RawValue(parse.KindObject, []byte(`{"x":{"y":[1,"z"]}}`))
			case 9:
				return parse.RawValue(parse.KindArray, []byte(`[1,{"a":null}]`))
			case 10:
				return parse.RawValue(parse.KindFloat, []byte("-1.5e+300"))
			case 11:
				return parse.StringValue("constant").WithFlags(parse.Constant)
			}
			return parse.StringValue(text)
		}
		for ; len(ops) >= 3; ops = ops[3:] {
			k := keys[int(ops[1])%len(keys)]
			switch ops[0] % 4 {
			case 0, 1:
				r.Set(k, value(ops[2]))
			case 2:
				name := text
				if ops[2]%2 == 0 {
					name = fmt.Sprint("n", ops[2])
				}
				r.AddDynamic(k, []byte(name), value(ops[2]/2))
			case 3:
				r.Append(k, value(ops[2]))
			}
			if len(ops)%5 == 0 {
				checkEncoding(t, &r, encoders)
			}
		}
		checkEncoding(t, &r, encoders)
	})
}

func TestEncode(t *testing.T) {
	schema := testSchema(t)
	key := func(name string) parse.Key {
		k, ok := schema.Lookup(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		return k
	}
	for _, tc := range []struct {
		name, nested, flat string
		fill               func(r *parse.Record)
	}{
		{"nothing", `{}`, `{}`, func(*parse.Record) {}},
		{"order and types", `{"@timestamp":"1970-01-01T00:00:00.000000001Z","event":{"category":["network"],"duration":5},"source":{"ip":"1.2.3.4","port":80}}`,
			`{"@timestamp":"1970-01-01T00:00:00.000000001Z","event.category":["network"],"event.duration":5,"source.ip":"1.2.3.4","source.port":80}`,
			func(r *parse.Record) {
				r.SetInt(ecs.SourcePort, 80)
				r.Set(ecs.SourceIP, parse.IPv4Value(0x01020304, []byte("1.2.3.4")))
				r.SetInt(ecs.EventDuration, 5)
				r.SetConst(ecs.EventCategory, "network")
				r.Set(ecs.Timestamp, parse.TimeValue(1))
			}},
		{"vendor fields between those of ECS", `{"@first":true,"source":{"acme":"x","domain":"d"},"zz":{"last":null}}`,
			`{"@first":true,"source.acme":"x","source.domain":"d","zz.last":null}`,
			func(r *parse.Record) {
				r.Set(key("zz.last"), parse.NullValue())
				r.SetString(ecs.SourceDomain, "d")
				r.SetString(key("source.acme"), "x")
				r.SetBool(key("@first"), true)
			}},
		{"dynamic fields", `{"acme":{"wall":{"w":1,"zone":{"in":"i","q\"":"\n","zone":2}}}}`,
			`{"acme.wall.w":1,"acme.wall.zone.q\"":"\n","acme.wall.zone.zone":2,"acme.wall.zone.in":"i"}`,
			func(r *parse.Record) {
				r.AddDynamic(key("acme.wall.zone"), []byte(`q"`), parse.StringValue("\n"))
				r.AddDynamic(key("acme.wall"), []byte("w"), parse.IntValue(1))
				r.AddDynamic(key("acme.wall.zone"), []byte("zone"), parse.IntValue(2))
				r.SetString(key("acme.wall.zone.in"), "i")
			}},
		{"a value with fields below", `{"acme":{"wall":"v"}}`, `{"acme.wall":"v"}`, func(r *parse.Record) {
			r.SetString(key("acme.wall"), "v")
			r.SetString(key("acme.wall.zone"), "z")
			r.AddDynamic(key("acme.wall"), []byte("d"), parse.IntValue(1))
			r.AddDynamic(key("acme.wall.zone.in"), []byte("d"), parse.IntValue(1))
		}},
		{"not UTF-8", `{"message":"a` + "\uFFFD\uFFFD" + `b"}`, `{"message":"a` + "\uFFFD\uFFFD" + `b"}`, func(r *parse.Record) {
			r.SetString(ecs.Message, "a\xff\xfeb")
		}},
	} {
		var r parse.Record
		r.Use(schema)
		tc.fill(&r)
		for flat, want := range map[bool]string{false: tc.nested, true: tc.flat} {
			e := normalize.NewEncoder(normalize.EncoderOptions{Flat: flat})
			got, _ := e.Append(nil, &r)
			var a, b any
			if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("%s: %s, want %s", tc.name, got, want)
			}
		}
		checkEncoding(t, &r, allEncoders())
	}
}

func TestEncodeCounts(t *testing.T) {
	schema := testSchema(t)
	e := normalize.NewEncoder(normalize.EncoderOptions{})
	var r parse.Record
	r.Use(schema)
	r.SetString(ecs.Message, "\xff\xff")
	k, _ := schema.Lookup("acme")
	r.SetString(k, "v")
	r.AddDynamic(k, []byte("a"), parse.IntValue(1))
	r.AddDynamic(k, []byte("b"), parse.IntValue(1))
	if _, err := e.Append(nil, &r); err != nil || e.Invalid != 2 || e.Conflicts != 2 {
		t.Errorf("%d invalid bytes and %d conflicts, want 2 and 2", e.Invalid, e.Conflicts)
	}
}

// One encoder meets records of many schemas, more than it remembers.
func TestEncodeManySchemas(t *testing.T) {
	e := normalize.NewEncoder(normalize.EncoderOptions{})
	for i := range 1100 {
		name := fmt.Sprintf("acme%d.x", i)
		s, err := parse.NewSchema(name)
		if err != nil {
			t.Fatal(err)
		}
		var r parse.Record
		r.Use(s)
		k, _ := s.Lookup(name)
		r.SetInt(k, 1)
		r.SetInt(ecs.SourcePort, 2)
		got, _ := e.Append(nil, &r)
		if want := fmt.Sprintf(`{"acme%d":{"x":1},"source":{"port":2}}`, i); string(got) != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

var insideText, outsideText = []byte("10.0.0.1"), []byte("93.184.216.34")

// record25 fills a record as a firewall's event has it.
func record25(r *parse.Record) {
	r.Use(nil)
	r.Set(ecs.Timestamp, parse.TimeValue(1700000000_123456789))
	r.SetConst(ecs.EventKind, "event")
	r.SetConst(ecs.EventModule, "acme")
	r.SetConst(ecs.EventDataset, "acme.wall")
	r.SetConst(ecs.EventOutcome, "success")
	r.SetConst(ecs.EventAction, "flow_closed")
	r.Append(ecs.EventCategory, parse.StringValue("network"))
	r.Append(ecs.EventType, parse.StringValue("connection"))
	r.Append(ecs.EventType, parse.StringValue("end"))
	r.SetInt(ecs.EventDuration, 12_000_000_000)
	r.SetInt(ecs.EventSeverity, 6)
	r.SetConst(ecs.LogLevel, "informational")
	r.SetConst(ecs.ObserverVendor, "Acme")
	r.SetConst(ecs.ObserverProduct, "Wall")
	r.SetConst(ecs.ObserverType, "firewall")
	r.SetConst(ecs.ObserverHostname, "fw-01")
	r.SetConst(ecs.NetworkTransport, "tcp")
	r.SetConst(ecs.NetworkProtocol, "https")
	r.Set(ecs.SourceIP, parse.IPv4Value(0x0a000001, insideText))
	r.SetInt(ecs.SourcePort, 51234)
	r.SetInt(ecs.SourceBytes, 1234)
	r.Set(ecs.DestinationIP, parse.IPv4Value(0x5db8d822, outsideText))
	r.SetInt(ecs.DestinationPort, 443)
	r.SetInt(ecs.DestinationBytes, 56789)
	r.SetConst(ecs.RuleName, "allow web")
	r.SetConst(ecs.Message, "Teardown TCP connection 1234 for outside to inside")
}

func TestEncodeAllocations(t *testing.T) {
	for _, dynamic := range []bool{false, true} {
		var r parse.Record
		record25(&r)
		if dynamic {
			r.AddDynamic(ecs.Labels, []byte("team"), parse.StringValue("net"))
		}
		e := normalize.NewEncoder(normalize.EncoderOptions{})
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() { _, _ = e.Append(buf, &r) }); n != 0 {
			t.Errorf("%v allocations with dynamic fields %v, want none", n, dynamic)
		}
	}
}

func BenchmarkEncode25(b *testing.B) {
	var r parse.Record
	record25(&r)
	for _, flat := range []bool{false, true} {
		b.Run(map[bool]string{false: "nested", true: "flat"}[flat], func(b *testing.B) {
			e := normalize.NewEncoder(normalize.EncoderOptions{Flat: flat})
			buf, _ := e.Append(nil, &r)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = e.Append(buf[:0], &r)
			}
		})
	}
}
