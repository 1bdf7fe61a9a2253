package kv

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/cputime"
	"github.com/penstock-dev/penstock/parse"
)

// pair is a pair with its value as text; "«true»" and "«null»" stand for those.
type pair struct{ key, value string }

func text(v parse.Value) string {
	switch v.Kind() {
	case parse.KindBool:
		return "«true»"
	case parse.KindNull:
		return "«null»"
	}
	return v.Str()
}

func collect(r *Reader, data string, f *parse.Frame) ([]pair, error) {
	f.KeepRest = true
	f.Reset(0, f.Text)
	err := r.Read([]byte(data), f)
	var got []pair
	for _, p := range f.Rest {
		got = append(got, pair{string(p.Key), text(p.Value)})
	}
	return got, err
}

func TestDialects(t *testing.T) {
	comma := Options{PairSeparators: ", ", KeySeparators: ":", Quotes: "'`", Escapes: EscapeDoubled, TrimKey: "<>"}
	spaced := Options{PairSeparators: ";\n", SpacedSeparator: true}
	flags := Options{BareKeys: BareEmpty}
	tests := []struct {
		name  string
		opts  Options
		data  string
		want  []pair
		words int
		stray string
	}{
		{"usual", Fortinet(), `a=1 b="x y" c=`, []pair{{"a", "1"}, {"b", "x y"}, {"c", ""}}, 0, ""},
		{"spaces", Fortinet(), "  a=1   b=2 \r\n", []pair{{"a", "1"}, {"b", "2"}}, 0, ""},
		{"empty quotes", Fortinet(), `a="" b=2`, []pair{{"a", ""}, {"b", "2"}}, 0, ""},
		{"equals in values", Fortinet(), `a=x=y b="p=q r=s" c==`, []pair{{"a", "x=y"}, {"b", "p=q r=s"}, {"c", "="}}, 0, ""},
		{"escapes", Fortinet(), `a="say \"hi\" \\ x" b="C:\Tools\n"`, []pair{{"a", `say "hi" \ x`}, {"b", `C:\Tools\n`}}, 0, ""},
		{"backslash before the quote", Fortinet(), `a="C:\dir\" b="x"`, []pair{{"a", `C:\dir\`}, {"b", "x"}}, 0, ""},
		{"quotes inside of quotes", Fortinet(), `msg="user "bob" logged in" id=7`, []pair{{"msg", `user "bob" logged in`}, {"id", "7"}}, 0, ""},
		{"quotes at the end", Fortinet(), `a="x="y"" b=1`, []pair{{"a", `x="y"`}, {"b", "1"}}, 0, ""},
		{"a quote that is not closed", Fortinet(), `a="x b="y" c=1`, []pair{{"a", `x b="y`}, {"c", "1"}}, 0, ""},
		{"no space behind a quote", Fortinet(), `a="x"bc="y" d=1`, []pair{{"a", "x"}, {"bc", "y"}, {"d", "1"}}, 0, ""},
		{"quote within a bare value", Fortinet(), `a=x"y z" b=1`, []pair{{"a", `x"y`}, {"b", "1"}}, 1, ""},
		{"stray words", Options{KeepStray: true}, `one two a=1 three b="x y" four`, []pair{{"a", "1"}, {"b", "x y"}}, 4, "one two three four"},
		{"stray quoted text", Options{KeepStray: true}, `"k=v w" a=1`, []pair{{"a", "1"}}, 1, `"k=v w"`},
		{"stray words not kept", Fortinet(), `one a=1 two`, []pair{{"a", "1"}}, 2, ""},
		{"no key", Fortinet(), `=1 a=2 ==3`, []pair{{"a", "2"}}, 2, ""},
		{"bytes that are no text", Fortinet(), "a=\x00\xff b=\"\xc3\"", []pair{{"a", "\x00\xff"}, {"b", "\xc3"}}, 0, ""},
		{"separator doubled", Fortinet(), `a=="x y" b=1`, []pair{{"a", "x y"}, {"b", "1"}}, 0, ""},

		{"other marks", comma, "<a>:1,b:'it''s',,c:`x, y` d:\"q", []pair{{"a", "1"}, {"b", "it's"}, {"c", "x, y"}, {"d", `"q`}}, 0, ""},
		{"doubled quotes", comma, "a:'' b:'''' c:'''x''' d:'x'", []pair{{"a", ""}, {"b", "'"}, {"c", "'x'"}, {"d", "x"}}, 0, ""},
		{"blanks around the separator", spaced, "a = 1 ; b= \"x;y\" ;c =z z\nd=", []pair{{"a", "1"}, {"b", "x;y"}, {"c", "z z"}, {"d", ""}}, 0, ""},
		{"flags", flags, "a b=1 c", []pair{{"a", ""}, {"b", "1"}, {"c", ""}}, 0, ""},
		{"no quotes", Options{NoQuotes: true}, `a="x y" b='1`, []pair{{"a", `"x`}, {"b", "'1"}}, 1, ""},

		{"logfmt", Logfmt(), `at=info msg="a \"b\"\n\tc \u00e9\ud83d\ude00 \/" debug t=1`,
			[]pair{{"at", "info"}, {"msg", "a \"b\"\n\tc é😀 /"}, {"debug", "«true»"}, {"t", "1"}}, 0, ""},
		{"logfmt, broken escapes", Logfmt(), `a="\u12 \ud83d \q"`, []pair{{"a", "\\u12 \ufffd \\q"}}, 0, ""},
		{"sonicwall", SonicWall(), `id=firewall sn=0017C5000000 time="2026-01-05 09:14:02" msg=Web site hit src=10.0.0.9:51334:X0 dst= proto=tcp/https`,
			[]pair{{"id", "firewall"}, {"sn", "0017C5000000"}, {"time", "2026-01-05 09:14:02"}, {"msg", "Web site hit"}, {"src", "10.0.0.9:51334:X0"}, {"dst", ""}, {"proto", "tcp/https"}}, 0, ""},
		{"sophos", Sophos(), `device="SFW" log_id=010101600001 message="" src_ip=10.0.0.9`,
			[]pair{{"device", "SFW"}, {"log_id", "010101600001"}, {"message", ""}, {"src_ip", "10.0.0.9"}}, 0, ""},
		{"watchguard", WatchGuard(), `msg_id="3000-0148" Deny lan wan 52 tcp geo_dst="ISL" (policy-00)`,
			[]pair{{"msg_id", "3000-0148"}, {"geo_dst", "ISL"}}, 6, "Deny lan wan 52 tcp (policy-00)"},
		{"check point", CheckPoint(), `[action:"Accept"; ifname:"eth0"; tag:"p[x=1;y=\]"; sys_message::"The \"eth1\" link is down"; n:7; origin:"fe80::1"]`,
			[]pair{{"action", "Accept"}, {"ifname", "eth0"}, {"tag", "p[x=1;y=]"}, {"sys_message", `The "eth1" link is down`}, {"n", "7"}, {"origin", "fe80::1"}}, 0, ""},
		{"juniper", Juniper(), `[junos@2636.1.1.1.2.129 source-address="192.0.2.1" reason="TCP \"FIN\" \]" rule-name="a b"]`,
			[]pair{{"source-address", "192.0.2.1"}, {"reason", `TCP "FIN" ]`}, {"rule-name", "a b"}}, 1, "junos@2636.1.1.1.2.129"},
		{"iptables", IPTables(), `[lan-out]IN=eth0 OUT= MAC=02:42 SRC=192.0.2.1 DF PROTO=TCP SYN URGP=0 [SRC=10.0.0.1 LEN=4 ] `,
			[]pair{{"IN", "eth0"}, {"OUT", ""}, {"MAC", "02:42"}, {"SRC", "192.0.2.1"}, {"DF", "«true»"}, {"PROTO", "TCP"}, {"SYN", "«true»"}, {"URGP", "0"}, {"SRC", "10.0.0.1"}, {"LEN", "4"}}, 3, "[lan-out] [ ]"},
		{"auditd", Auditd(), `type=SYSCALL msg=audit(1767604442.118:9041): arch=c000003e exe="/usr/bin/id" a0=7f key=(null)`,
			[]pair{{"type", "SYSCALL"}, {"msg", "audit(1767604442.118:9041):"}, {"arch", "c000003e"}, {"exe", "/usr/bin/id"}, {"a0", "7f"}, {"key", "«null»"}}, 0, ""},
		{"auditd, nested", Auditd(), "type=USER_LOGIN msg=audit(1767604442.118:9042): pid=1 msg='op=login acct=\"ada b\" exe=\"/usr/sbin/sshd\" hostname=? res=failed'\x1dUID=\"root\" AUID=\"unset\"",
			[]pair{{"type", "USER_LOGIN"}, {"msg", "audit(1767604442.118:9042):"}, {"pid", "1"}, {"op", "login"}, {"acct", "ada b"}, {"exe", "/usr/sbin/sshd"}, {"hostname", "?"}, {"res", "failed"}, {"UID", "root"}, {"AUID", "unset"}}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			format := compile(t, tt.opts)
			r := format.NewReader(nil)
			f := parse.Frame{Text: new(arena.Bytes)}
			for range 2 {
				got, err := collect(r, tt.data, &f)
				if err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("got  %q, %v\nwant %q", got, err, tt.want)
				}
				if words, stray := r.Stray(); words != tt.words || string(stray) != tt.stray {
					t.Errorf("stray %d %q, want %d %q", words, stray, tt.words, tt.stray)
				}
			}
			var walked []string
			it := format.Iterate([]byte(tt.data))
			for it.Next() {
				walked = append(walked, string(it.Key()))
				if it.Bare() && it.Value() != nil {
					t.Errorf("%s: bare with a value", it.Key())
				}
			}
			if len(walked) != len(tt.want) || it.Err() != nil || it.Stray() != tt.words {
				t.Errorf("iterator: %q, %d stray, %v", walked, it.Stray(), it.Err())
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	long := strings.Repeat("k", parse.MaxKeyLength)
	tests := []struct {
		name   string
		opts   Options
		data   string
		rest   int
		want   errcat.Category
		offset int64
		pairs  int
	}{
		{"nothing", Fortinet(), "", 0, errcat.SchemaViolation, 0, 0},
		{"blanks", Fortinet(), "  ", 0, errcat.SchemaViolation, 0, 0},
		{"words", Fortinet(), "the quick brown fox", 0, errcat.SchemaViolation, 0, 0},
		{"flags alone", Logfmt(), "the quick brown fox", 0, errcat.SchemaViolation, 0, 4},
		{"quote without end", Fortinet(), `a=1 b="x y`, 0, errcat.Truncated, 6, 1},
		{"quote at the end", Fortinet(), `a=1 b="`, 0, errcat.Truncated, 6, 1},
		{"nested without end", Auditd(), `a=1 msg='op=x res=fai`, 0, errcat.Truncated, 8, 1},
		{"longest key", Fortinet(), long + "=1", 0, errcat.None, 0, 1},
		{"key too long", Fortinet(), "a=1 " + long + "k=1", 0, errcat.Oversize, 4, 1},
		{"rest full", Fortinet(), "a=1 b=2 c=3", 2, errcat.Oversize, 8, 2},
		{"rest full, other dialect", SonicWall(), "a=1 b=2 c=3", 2, errcat.Oversize, 8, 2},
	}
	for _, tt := range tests {
		f := parse.Frame{MaxRest: tt.rest, Text: new(arena.Bytes)}
		got, err := collect(compile(t, tt.opts).NewReader(nil), tt.data, &f)
		var e *errcat.Error
		if errcat.Of(err) != tt.want || err != nil && (!errors.As(err, &e) || e.Offset != tt.offset || e.Parser != "kv") || len(got) != tt.pairs {
			t.Errorf("%s: %v, %d pairs; want %v at %d, %d pairs", tt.name, err, len(got), tt.want, tt.offset, tt.pairs)
		}
	}
}

func TestNew(t *testing.T) {
	for name, o := range map[string]Options{
		"separator twice":        {PairSeparators: " =", KeySeparators: "="},
		"quote as separator":     {PairSeparators: `"`},
		"backslash":              {KeySeparators: `\`},
		"odd quote":              {Quotes: "x"},
		"quotes and none":        {Quotes: `"`, NoQuotes: true},
		"nested that is not":     {Nested: '\''},
		"words without flags":    {BareWords: []string{"SYN"}},
		"unknown escapes":        {Escapes: 9},
		"unknown bare":           {BareKeys: 9},
		"empty range of key":     {KeyBytes: "z-a"},
		"nested without a quote": {NoQuotes: true, Nested: '"'},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f := compile(t, Options{})
	if o := f.Options(); o.PairSeparators != " " || o.KeySeparators != "=" || o.Quotes != `"` {
		t.Errorf("defaults: %+v", o)
	}
	for name, o := range presets() {
		if _, err := New(o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func presets() map[string]Options {
	return map[string]Options{"fortinet": Fortinet(), "sophos": Sophos(), "sonicwall": SonicWall(), "watchguard": WatchGuard(), "checkpoint": CheckPoint(),
		"juniper": Juniper(), "logfmt": Logfmt(), "iptables": IPTables(), "auditd": Auditd()}
}

func TestFlags(t *testing.T) {
	keys, err := parse.NewKeys([]string{"a", "b"}, []int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	r := compile(t, Fortinet()).NewReader(keys)
	f := parse.Frame{}
	for range 2 {
		f.Reset(2, new(arena.Bytes))
		if err := r.Read([]byte(`a="" b=1 a=2`), &f); err != nil {
			t.Fatal(err)
		}
		if f.Slots[0].Flags()&parse.Quoted == 0 || f.Slots[1].Flags()&parse.Quoted != 0 || f.Duplicates != 1 {
			t.Errorf("%+v", f)
		}
	}
}

func TestAudit(t *testing.T) {
	nanos, serial, ok := AuditStamp([]byte("audit(1767604442.118:9041):"))
	if !ok || nanos != 1767604442118000000 || serial != 9041 {
		t.Error(nanos, serial, ok)
	}
	if nanos, serial, ok = AuditStamp([]byte("audit(5:1)")); !ok || nanos != 5e9 || serial != 1 {
		t.Error(nanos, serial, ok)
	}
	for _, s := range []string{"", "audit()", "audit(:)", "audit(1:)", "audit(.1:2)", "audit(1.:2)", "audit(1.x:2)", "audit(1.2:3", "audit(99999999999:1)", "audit(1.1234567890:1)", "x(1:2)"} {
		if n, s2, ok := AuditStamp([]byte(s)); ok {
			t.Errorf("%q: %d %d", s, n, s2)
		}
	}
	if out, ok := AppendHex([]byte("x"), []byte("2F62696E006C73")); !ok || string(out) != "x/bin\x00ls" {
		t.Errorf("%q %v", out, ok)
	}
	for _, s := range []string{"", "2", "2f", "2G", "(null)"} {
		if out, ok := AppendHex(nil, []byte(s)); ok || len(out) != 0 {
			t.Errorf("%q: %q", s, out)
		}
	}
}

func TestCutAndFlip(t *testing.T) {
	samples := map[string]string{"fortinet": traffic + ` path="C:\a\" msg="a "b" c" x`, "logfmt": `at=info msg="a \"b\" \u00e9" debug`,
		"sonicwall": `id=fw msg=Web site hit src=10.0.0.9 dst=`, "checkpoint": `[action:"Accept"; n:7; m::"x \" y"]`,
		"juniper": `[j@1 a="1" b="x \] y"]`, "iptables": `[x]IN=eth0 OUT= DF SYN [SRC=1 ]`, "watchguard": `a="1" Deny b="2"`, "sophos": `a="1" b=2`,
		"auditd": "type=X msg=audit(1.2:3): msg='op=x acct=\"a b\" key=(null)'\x1dUID=\"root\""}
	for name, o := range presets() {
		r := compile(t, o).NewReader(nil)
		f := parse.Frame{Text: new(arena.Bytes)}
		try := func(b []byte) {
			f.Text.Reset()
			_, err := collect(r, string(b), &f)
			var e *errcat.Error
			if err != nil && (!errors.As(err, &e) || !e.Category.Valid() || e.Offset < 0 || e.Offset > int64(len(b))) {
				t.Fatalf("%s: %q: %v", name, b, err)
			}
		}
		raw := []byte(samples[name])
		for i := range raw {
			try(raw[:i])
			for _, c := range []byte{0, ' ', '=', '\\', '"', '\'', ';', ':', 0xff, raw[i] ^ 1} {
				b := bytes.Clone(raw)
				b[i] = c
				try(b)
			}
		}
	}
}

func TestLarge(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if testing.Short() {
		t.Skip("large inputs")
	}
	var many bytes.Buffer
	for i := range 1_000_000 {
		fmt.Fprintf(&many, "k%d=%d ", i, i)
	}
	inputs := map[string][]byte{
		"a million keys": many.Bytes(),
		"one value":      []byte("a=" + strings.Repeat("x", 10<<20)),
		"one quoted":     []byte(`a="` + strings.Repeat("x ", 5<<20) + `"`),
	}
	for _, unit := range []string{"a", " ", "=", "\\", `"`, "'", "a=", " a", " =", ` "`, `" `, `"a `, `a=" `, `a=b" `, `a="x"y `, `a="x" y `, `\" `, `\"`, `a="\" `, "m='' ", "m='a=1' ", `a='"' `, "a = ", `a = "x"y `, `a = "\" `, `a = " x" y`, "[a=", "; ", ":", `a:"x" `, "\x1d"} {
		b := bytes.Repeat([]byte(unit), 1<<18/len(unit))
		inputs["repeated "+unit] = b
		inputs["pair and repeated "+unit] = append([]byte(`src=1 `), b...)
		inputs["quote and repeated "+unit] = append([]byte(`src="1 `), b...)
	}
	all := presets()
	all["spaced"] = Options{SpacedSeparator: true, UnquotedSpaces: true, KeepStray: true, Quotes: "\"'`", Escapes: EscapeDoubled}
	delete(all, "sophos")
	for name, o := range all {
		r := compile(t, o).NewReader(nil)
		f := parse.Frame{Text: new(arena.Bytes)}
		for _, in := range slices.Sorted(maps.Keys(inputs)) {
			start := cputime.Thread()
			f.Reset(0, f.Text)
			f.Text.Reset()
			_ = r.Read(inputs[in], &f)
			if d := cputime.Thread() - start; d > 2*time.Second {
				t.Errorf("%s: %s: %v", name, in, d)
			}
		}
	}
}

func TestAllocs(t *testing.T) {
	for name, o := range presets() {
		o.KeepStray = true
		r := compile(t, o).NewReader(nil)
		data := []byte(`type=X one a="x \" y" two k='op=1' b=2 c:"3"; d="e"`)
		f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
		run := func() {
			f.Text.Reset()
			f.Reset(0, f.Text)
			if err := r.Read(data, &f); err != nil {
				t.Fatal(name, err)
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations per event", name, n)
		}
	}
}

// plainPairs reads the usual dialect of text without quotes and backslashes: words
// between spaces; the key is the end of what stands before the first '='.
func plainPairs(data string) (pairs []pair, words int) {
	const blank = " \t\r\n"
	for _, w := range strings.Split(strings.Trim(data, blank), " ") {
		w = strings.Trim(w, blank)
		if w == "" {
			continue
		}
		before, value, found := strings.Cut(w, "=")
		before = strings.TrimRight(before, blank)
		cut := strings.LastIndexFunc(before, func(r rune) bool { return r < 0x21 || r == 0x7f }) + 1
		switch {
		case !found || cut == len(before):
			words++
			continue
		case strings.Trim(before[:cut], blank) != "":
			words++
		}
		pairs = append(pairs, pair{before[cut:], strings.Trim(value, blank)})
	}
	return pairs, words
}

func FuzzRead(f *testing.F) {
	f.Add(traffic)
	f.Add(`a=1 msg="user "bob" logged in" src="C:\" b=\"`)
	f.Add("x y=1 \x7fdst=  stray =3 action==\"1\" \tz= 1")
	f.Add(`a="x"b="y z" c="\" d" e`)
	names := []string{"src", "dst", "msg", "act", "a", "srcintfrole", "sourceTranslatedAddress"}
	slots := []int{0, 1, 2, 3, 4, 5, 6}
	fast, general := compile(f, Options{KeepStray: true}), compile(f, Options{KeepStray: true})
	general.fast = false
	f.Fuzz(func(t *testing.T, data string) {
		keys, err := parse.NewKeys(names, slots)
		if err != nil {
			t.Fatal(err)
		}
		a, b := fast.NewReader(keys), general.NewReader(keys.Clone())
		fa := parse.Frame{KeepRest: true, MaxRest: 1 << 30, Text: new(arena.Bytes)}
		fb := parse.Frame{KeepRest: true, MaxRest: 1 << 30, Text: new(arena.Bytes)}
		for range 2 {
			fa.Reset(len(names), fa.Text)
			fb.Reset(len(names), fb.Text)
			errA, errB := a.Read([]byte(data), &fa), b.Read([]byte(data), &fb)
			if fmt.Sprint(errA) != fmt.Sprint(errB) {
				t.Fatalf("%q: %v, %v", data, errA, errB)
			}
			same := func(v, w parse.Value) bool { return v.Equal(w) && v.Flags() == w.Flags() }
			if !slices.EqualFunc(fa.Slots, fb.Slots, same) || fa.Duplicates != fb.Duplicates ||
				!slices.EqualFunc(fa.Rest, fb.Rest, func(x, y parse.Pair) bool { return bytes.Equal(x.Key, y.Key) && same(x.Value, y.Value) }) {
				t.Fatalf("%q\n%+v\n%+v", data, fa, fb)
			}
			wa, ta := a.Stray()
			wb, tb := b.Stray()
			if wa != wb || !bytes.Equal(ta, tb) {
				t.Fatalf("%q: stray %d %q, %d %q", data, wa, ta, wb, tb)
			}
		}
		if strings.ContainsAny(data, "\"'`\\") {
			return
		}
		want, words := plainPairs(data)
		got, err := collect(fast.NewReader(nil), data, &fa)
		if errcat.Of(err) == errcat.Oversize {
			return
		}
		if n, _ := a.Stray(); !slices.Equal(got, want) || n != words || (err != nil) != (len(want) == 0) {
			t.Fatalf("%q\ngot  %q, %d stray, %v\nwant %q, %d stray", data, got, n, err, want, words)
		}
	})
}

// FuzzDialects checks for every dialect that pairs which a device wrote by the rules
// come back as they were.
func FuzzDialects(f *testing.F) {
	f.Add(uint64(1), "some \"text\" a=b c='d'; \\ ]")
	formats := map[string]*Format{}
	for name, o := range presets() {
		formats[name] = compile(f, o)
	}
	f.Fuzz(func(t *testing.T, seed uint64, data string) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		for _, name := range []string{"fortinet", "checkpoint", "juniper", "logfmt", "watchguard", "sonicwall"} {
			format := formats[name]
			o := format.Options()
			var want []pair
			var line []byte
			for i, chunk := range strings.SplitAfterN(data, " ", 5) {
				want = append(want, pair{fmt.Sprintf("k%d", rnd.IntN(3)+10*i), chunk})
				p := want[i]
				if i > 0 {
					line = append(line, o.PairSeparators[0])
				}
				line = append(append(line, p.key...), o.KeySeparators[0], '"')
				for k := range len(chunk) {
					if c := chunk[k]; c == '"' || c == '\\' || c == ']' {
						line = append(line, '\\')
					}
					line = append(line, chunk[k])
				}
				line = append(line, '"')
			}
			fr := parse.Frame{Text: new(arena.Bytes)}
			r := format.NewReader(nil)
			got, err := collect(r, string(line), &fr)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s: %q\ngot  %q, %v\nwant %q", name, line, got, err, want)
			}
			_, _ = collect(r, data, &fr) // whatever it is, it must not panic
		}
		for _, format := range formats {
			_, _ = collect(format.NewReader(nil), data, &parse.Frame{})
		}
	})
}
