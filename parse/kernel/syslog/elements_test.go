package syslog_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

func TestElements(t *testing.T) {
	for _, tc := range []struct{ sd, want string }{
		{`[a]`, `a 1 = esc=false;`},
		{`[a][b]`, `a 1 = esc=false;b 1 = esc=false;`},
		{`[a b="1" c="2"][d e="3"]`, `a 1 b=1 esc=false;a 0 c=2 esc=false;d 1 e=3 esc=false;`},
		{`[a b="1" b="2"]`, `a 1 b=1 esc=false;a 0 b=2 esc=false;`},
		{`[a b="x\"y\]\\z"]`, `a 1 b=x"y]\z esc=true;`},
		{`[a b="C:\new"]`, `a 1 b=C:\new esc=true;`},
		{`[a b="]" ][c]`, `a 1 b=] esc=false;c 1 = esc=false;`},
		{`[a b=""]`, `a 1 b= esc=false;`},
		{`[same x="1"][same x="2"]`, `same 1 x=1 esc=false;same 1 x=2 esc=false;`},
	} {
		t.Run(tc.sd, func(t *testing.T) {
			var m syslog.Message
			if err := syslog.Parse([]byte("<1>1 - h a - - "+tc.sd+" text"), nil, &m); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			var p syslog.Param
			for e := m.Elements(); e.Next(&p); {
				first := 0
				if p.First {
					first = 1
				}
				fmt.Fprintf(&b, "%s %d %s=%s esc=%v;", p.ID, first, p.Name, syslog.AppendUnescaped(nil, p.Value), p.Escaped)
			}
			if b.String() != tc.want {
				t.Errorf("got  %s\nwant %s", b.String(), tc.want)
			}
		})
	}
	// What nobody checked must end too.
	for _, sd := range []string{"[", "[a", "[a ", "[a b", "[a b=", `[a b="`, `[a b="c`, `[a b="c"`, "]", "x", "[]", `[a "`, "[a =", "[a]["} {
		m := syslog.Message{StructuredData: []byte(sd)}
		var p syslog.Param
		n := 0
		for e := m.Elements(); e.Next(&p) && n < 10; n++ {
		}
		if n == 10 {
			t.Errorf("%q: does not end", sd)
		}
	}
}

// A parser with names tells what Elements walks over, with the slots, whatever came before.
func TestParams(t *testing.T) {
	keys, err := parse.NewKeys([]string{"a", "port", "a-long-name-of-a-parameter"}, []int{7, 8, 9})
	if err != nil {
		t.Fatal(err)
	}
	slots := map[string]int{"a": 7, "port": 8, "a-long-name-of-a-parameter": 9, "other": 3}
	names := parse.NewKeyOrder(keys, '=')
	names.Otherwise(func(key []byte) int {
		if string(key) == "other" {
			return 3
		}
		return -1
	})
	var p syslog.Parser
	p.Names(names)
	tails := []string{`[x a="1" port="2"] m`, `[x port="2" a="q\"b\\c\]" other="3"][y@1 unknown="" a="4"] m`, `[x][y a="1"] m`, `[x  a="[1]" ] m`, `[x a="1"]m`,
		`[x a-long-name-of-a-parameter="5" a-long-name-of-a-parametes="6"]`, `[info][net]: up`, `[x a="`, `- m`, `[x a=b] m`, `[x aa="1" po="2" ports="3"] m`}
	rnd := rand.New(rand.NewPCG(1, 2))
	ready, elsewhere := 0, 0
	var other syslog.Parser
	other.Names(parse.NewKeyOrder(nil, '='))
	room := make([]byte, 200) // the same for all, as it is when chunks are used again
	for range 3000 {
		raw := append(room[:0], "<1>1 - h app - - "+tails[rnd.IntN(len(tails))]...)
		if rnd.IntN(5) == 0 {
			raw[17+rnd.IntN(len(raw)-17)] = "\"=] [a\\"[rnd.IntN(7)]
		}
		var m, plain syslog.Message
		err, want := p.Parse(raw, &m), syslog.Parse(raw, nil, &plain)
		if (err == nil) != (want == nil) || string(m.StructuredData) != string(plain.StructuredData) || string(m.Payload) != string(plain.Payload) {
			t.Fatalf("%q: %v, %q, %q, want %v, %q, %q", raw, err, m.StructuredData, m.Payload, want, plain.StructuredData, plain.Payload)
		}
		by := &p
		switch rnd.IntN(5) {
		case 0:
			var inner syslog.Message
			p.Relayed(&m, &inner) // what was noted is another message's now
		case 2:
			if by = &other; by.Parse(raw, &m) == nil {
				elsewhere++
			}
		case 1:
			m = plain // another parser's
		default:
			ready++
		}
		got := p.ParamsOf(by, &m)
		var q syslog.Param
		n := 0
		for e := plain.Elements(); e.Next(&q); n++ {
			q.Slot = -1
			if s, ok := slots[string(q.Name)]; ok {
				q.Slot = s
			}
			var a syslog.Param
			if n < got.Len() {
				got.At(n, &a)
			}
			value, escaped := []byte(nil), false
			if a.Name != nil {
				value, escaped = got.Value(n)
			}
			if !reflect.DeepEqual(a, q) || got.Slot(n) != q.Slot || string(value) != string(q.Value) || escaped != q.Escaped {
				t.Fatalf("%q: parameter %d is %+v, want %+v", raw, n, a, q)
			}
		}
		if n != got.Len() {
			t.Fatalf("%q: %d parameters, want %d", raw, got.Len(), n)
		}
		var frame parse.Frame
		var text arena.Bytes
		frame.Reset(10, &text)
		filled, others := map[int]string{}, 0
		var left []int
		if !got.Fill(&frame, func(i int) bool { left = append(left, i); return true }) {
			t.Fatalf("%q: Fill stopped", raw)
		}
		for i := range got.Len() {
			if _, taken := filled[got.Slot(i)]; got.Slot(i) < 0 || taken {
				if others >= len(left) || left[others] != i {
					t.Fatalf("%q: %v are left, not %d", raw, left, i)
				}
				others++
				continue
			}
			value, _ := got.Value(i)
			filled[got.Slot(i)] = string(syslog.AppendUnescaped(nil, value))
		}
		for i := range frame.Slots {
			if want, ok := filled[i]; frame.Slots[i].Str() != want || frame.IsFilled(i) != ok {
				t.Fatalf("%q: slot %d is %q, want %q", raw, i, frame.Slots[i].Str(), want)
			}
		}
	}
	if ready == 0 {
		t.Error("nothing was noted")
	}
}
