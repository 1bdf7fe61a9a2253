package text

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

func compile(t testing.TB, patterns ...string) *Set {
	t.Helper()
	var ps []Pattern
	for i, p := range patterns {
		ps = append(ps, Pattern{ID: i, Text: p})
	}
	s, err := Compile(ps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// result is the match of text as "id name=value …", with the kind of values that are no
// text.
func result(s *Set, text string) string {
	slots := make([]parse.Value, s.Slots())
	id, ok := s.Match([]byte(text), slots)
	if !ok {
		return "none"
	}
	out := fmt.Sprint(id)
	for i, v := range slots {
		switch v.Kind() {
		case parse.KindNone:
		case parse.KindString:
			out += fmt.Sprintf(" %s=%s", s.Names()[i], v)
		default:
			out += fmt.Sprintf(" %s=%s:%s", s.Names()[i], v.Kind(), v)
		}
	}
	return out
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct{ patterns, text, want string }{
		// Literals and white space.
		{"user logged in", "user logged in", "0"},
		{"user logged in", "user  logged\tin \r\n", "0"},
		{"user logged in", "user loggedin", "none"},
		{"user logged in", "user logged in twice", "none"},
		{"user logged in...", "user logged in twice", "0"},
		{"user ", "user", "0"},
		{"reason: <r:rest>", "reason:", "0"},
		{"reason: <r:until?>", "reason: ", "0"},
		{"reason: <r>", "reason: ", "none"},
		{`\<<n:int>\> \{a\|b\} \\`, `<13> {a|b} \`, "0 n=int:13"},
		{`wait\...`, "wait...", "0"},
		{`wait\...`, "wait..", "none"},
		{"<a> -> <b>", "x y -> z", "0 a=x y b=z"},
		{"a{ b} c", "a c", "0"},
		{"a {b} c", "a c", "0"},
		{"a {b} c", "a b c", "0"},
		// Where captures end.
		{"<a>: <b> done", "x:y: z done", "0 a=x:y b=z"},
		{"<a>:<b>", ":x:y", "0 a=:x b=y"},
		{"<a> (<b:ip>)", "j (x) (1.2.3.4)", "none"},
		{"<a>{ (<b>)} to <c>", "x to y (z) to w", "0 a=x c=y (z) to w"},
		{"<a>{ (<b>)} to <c>", "x (z) to w", "0 a=x b=z c=w"},
		{"<a:word>:<b>", "x:y:z", "0 a=x b=y:z"},
		{"<a:word>: <b>", "x:y: z", "0 a=x:y b=z"},
		{"<a:token>:<b>", "x:y", "none"},
		{"<a:token> <b>", "x:y z", "0 a=x:y b=z"},
		{"<a:word><b:quoted>", `x"y"`, "none"},
		{"<a:user><b:quoted>", `x"y"`, "0 a=x b=y"},
		{"<a:chars(a-z)><b:int>", "abc12", "0 a=abc b=int:12"},
		{"<a:chars(^,)>,<b:rest>", "a b,", "0 a=a b"},
		{`<a:chars(\)\-x)>.`, "x-).", "0 a=x-)"},
		{"<a:int?>x", "x", "0"},
		{"<a:int?>x", "5x", "0 a=int:5"},
		{"<_> <_:int> <:ip>", "a 1 ::", "0"},
		// Types.
		{"<a:int>", "-12", "0 a=int:-12"},
		{"<a:int>", "+12", "0 a=+12"},
		{"<a:int>", "007", "0 a=007"},
		{"<a:int>", "9223372036854775807", "0 a=int:9223372036854775807"},
		{"<a:int>", "9223372036854775808", "0 a=9223372036854775808"},
		{"<a:int>", "-", "none"},
		{"<a:int>", "1x", "none"},
		{"<a:number>", "1.50", "0 a=float:1.50"},
		{"<a:number>", "-3e9", "0 a=float:-3e9"},
		{"<a:number>", "42", "0 a=int:42"},
		{"<a:number>", ".5", "0 a=.5"},
		{"<a:number>.", "1.", "0 a=int:1"},
		{"<a:hex>", "0xdeadBEEF", "0 a=0xdeadBEEF"},
		{"<a:hex>", "0x", "none"},
		{"<a:port>", "65535", "0 a=int:65535"},
		{"<a:port>", "65536", "none"},
		{"<a:port>", "080", "0 a=080"},
		{"<a:ip>", "192.0.2.1", "0 a=ip:192.0.2.1"},
		{"<a:ip>", "192.0.2.256", "none"},
		{"<a:ip>", "192.0.2.01", "none"},
		{"<a:ip>.", "192.0.2.1.", "0 a=ip:192.0.2.1"},
		{"<a:ip>", "2001:db8::1", "0 a=ip:2001:db8::1"},
		{"<a:ip>", "2001:DB8::1", "0 a=2001:DB8::1"},
		{"<a:ip>: x", "fe80::1%eth0: x", "0 a=fe80::1%eth0"},
		{"<a:ip>", "12:30:45", "none"},
		{"<a:ip>/<b:port>", "::/53", "0 a=ip::: b=int:53"},
		{"<a:host>:<b:port>", "www.example.com:443", "0 a=www.example.com b=int:443"},
		{"<a:host> x", "2001:db8::1 x", "0 a=2001:db8::1"},
		{"<a:host>.", "www.example.com.", "0 a=www.example.com"},
		{"<a:mac> x", "00:1a:2B:3c:4d:5e x", "0 a=00:1a:2B:3c:4d:5e"},
		{"<a:mac>", "001a.2b3c.4d5e", "0 a=001a.2b3c.4d5e"},
		{"<a:mac>", "00-1a-2B-3c-4d-5e-6f", "none"},
		{"<a:quoted> x", `"a \"b\"" x`, `0 a=a \"b\"`},
		{"<a:quoted>", `''`, `0 a=`},
		{"<a:quoted>", `"a`, `none`},
		{"<a:time(Jan _2 15:04:05)> <b>", "Feb  3 04:05:06 x", "0 a=Feb  3 04:05:06 b=x"},
		{"<a:time(Jan _2 15:04:05)> <b>", "Fex  3 04:05:06 x", "none"},
		{"<a:time(rfc3339)>", "2024-02-29T01:02:03.5Z", "0 a=2024-02-29T01:02:03.5Z"},
		// Braces.
		{"{a|b|}c", "bc", "0"},
		{"{a|b|}c", "c", "0"},
		{"{a|b}c", "c", "none"},
		{"{Built|Teardown} {<n:int>|<w:word>}{ {x|y} z}", "Built 5 y z", "0 n=int:5"},
		{"{<a> x|y <a>}", "y 5", "0 a=5"},
		// Which pattern wins.
		{"a <x>\na b", "a b", "1"},
		{"a <x:word>\na b...\na b c", "a b c", "2"},
		{"a <x:word>\na b...\na b c", "a b d", "1"},
		{"a <x:word>...\na <y:ip>", "a 1.2.3.4", "0 x=1.2.3.4"},
		{"a <y:ip>\na <x:word>...", "a 1.2.3.4", "0 y=ip:1.2.3.4"},
		{"a...\na <y:ip>", "a 1.2.3.4", "1 y=ip:1.2.3.4"},
		{"<a:number>", "9223372036854775808", "0 a=float:9223372036854775808"},
		{"a <x>\na <y:ip>", "a 1.2.3.4", "0 x=1.2.3.4"},
		{"<a> one\n<b> two\n<a> three", "x three", "2 a=x"},
		{"<a> x <b>\n<a> y <b:int>", "1 y z x 2", "0 a=1 y z b=2"},
		{"<a> x <b>\n<a> y <b:int>", "1 x z y 2", "0 a=1 b=z y 2"},
		{"<a> x\n<a> x y\n<a>", "1 x y", "1 a=1"},
	} {
		s := compile(t, strings.Split(tc.patterns, "\n")...)
		if got := result(s, tc.text); got != tc.want {
			t.Errorf("%q on %q: %s, want %s", tc.patterns, tc.text, got, tc.want)
		}
	}
}

func TestPatternErrors(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		offset  int
		problem string // part of the message
	}{
		{"", 0, "empty"},
		{"  ", 0, "empty"},
		{"a <b", 2, `write \<`},
		{"a <b c>", 4, `write \<`},
		{"a <>", 2, "<_>"},
		{"a <b:integer>", 5, "did you mean int?"},
		{"a <b:wrod>", 5, "did you mean word?"},
		{"a <b:xyzzyx>", 5, "types are"},
		{"a <b:int(3)>", 5, "no argument"},
		{"a <b:chars>", 5, "needs an argument"},
		{"a <b:chars()>", 5, "no character"},
		{"a <b:chars(z-a)>", 5, "a-z"},
		{"a <b:chars(a>", 10, "without its )"},
		{"a <b:time(hello)>", 5, "Go layout"},
		{"a {b", 2, `write \{`},
		{"a } b", 2, `write \}`},
		{"a | b", 2, `\|`},
		{"a {} b", 2, "empty braces"},
		{`a \`, 2, `\\`},
		{`C:\Users`, 2, `\\`},
		{"<a><b:int>", 0, "no literal to stop at"},
		{"x <a>{<b:ip>}", 2, "no literal to stop at"},
		{"<a:rest> x", 0, "takes everything"},
		{"<a> <a>", 4, "twice"},
		{strings.Repeat("{", MaxNesting+1), MaxNesting, "nested"},
		{strings.Repeat("a", MaxPattern+1), MaxPattern, "longer"},
		{strings.Repeat("<_:int> ", MaxCaptures+1), 8 * MaxCaptures, "more than"},
	} {
		_, err := Compile([]Pattern{{7, "fine"}, {8, tc.pattern}}, nil)
		var e *errcat.Error
		var p *PatternError
		if !errors.As(err, &e) || !errors.As(err, &p) {
			t.Errorf("%.40q: error is %T", tc.pattern, err)
			continue
		}
		if p.Offset != tc.offset || e.Offset != int64(tc.offset) || p.Index != 1 || p.ID != 8 || !strings.Contains(p.Error(), tc.problem) {
			t.Errorf("%.40q: %v; want byte %d and %q", tc.pattern, err, tc.offset, tc.problem)
		}
	}
	if err := Check("{a|b} <c:ip>..."); err != nil {
		t.Error(err)
	}
}

func TestUnreachable(t *testing.T) {
	for _, tc := range []struct {
		patterns string
		want     string
	}{
		{"a <b>\na <c:ip>\nb", "[1]"},
		{"a <b>\na <b>\na  <b>", "[1 2]"},
		{"a <c:ip>\na <b>", "[]"},
		{"a <b>\na b", "[]"},
		{"a <b:rest>\na <c:rest>\na ...", "[1 2]"},
		{"a <b>\na <c:rest>", "[]"},
		{"a{ b}\na b\na", "[1 2]"},
		{"a...\na <b>", "[]"},
	} {
		s := compile(t, strings.Split(tc.patterns, "\n")...)
		if got := fmt.Sprint(s.Unreachable()); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.patterns, got, tc.want)
		}
	}
}

func TestSlots(t *testing.T) {
	s, err := Compile([]Pattern{{5, "<a> <b> <c>"}}, func(name string) int {
		return map[string]int{"a": 3, "b": -1, "c": 0}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Slots() != 4 {
		t.Error(s.Slots())
	}
	slots := make([]parse.Value, 4)
	slots[1] = parse.IntValue(9)
	if id, ok := s.Match([]byte("x y z"), slots); !ok || id != 5 {
		t.Error(id, ok)
	}
	if slots[3].Str() != "x" || slots[0].Str() != "z" || slots[1].Int() != 9 || !slots[2].IsZero() {
		t.Error(slots)
	}
	if _, ok := s.Match([]byte("x y z"), slots[:1]); !ok {
		t.Error("too few slots")
	}
	if id, ok := (compile(t)).Match([]byte("x"), nil); ok {
		t.Error("the empty set matched", id)
	}
}

func TestAppendUnescaped(t *testing.T) {
	for in, want := range map[string]string{`a`: `a`, `a\"b\'c\\d`: `a"b'c\d`, `C:\Users\x`: `C:\Users\x`, `\`: `\`, ``: ``} {
		if got := string(AppendUnescaped([]byte("x"), []byte(in))); got != "x"+want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
