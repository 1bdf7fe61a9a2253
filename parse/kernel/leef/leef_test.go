package leef

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
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

// line is a made-up event of 24 attributes.
const line = "LEEF:1.0|Example Corp|Border Guard|7.4.2|1047|devTime=Jan 05 2026 09:14:02.118 +0100\tdevTimeFormat=MMM dd yyyy HH:mm:ss.SSS Z\tcat=Intrusion\tsev=8\tsrc=203.0.113.77\tsrcPort=51334\tdst=10.20.30.40\tdstPort=8443\tproto=tcp\tusrName=amelie.roth\tdomain=CORP\tsrcMAC=02:42:ac:11:00:07\tsrcPostNAT=198.51.100.9\tsrcPostNATPort=40022\tsrcBytes=18231\tdstBytes=99120\tsrcPackets=112\tdstPackets=804\tpolicy=Strict perimeter rules\trole=staff\tresource=laptop-amelie\turl=https://shop.example.com/cart?item=8812&lang=en\taction=blocked\tmsg=Connection matched a rule of the perimeter policy and was dropped"

func TestAttributes(t *testing.T) {
	tests := []struct {
		name, delim, text string
		want              []pair
		stray             string
	}{
		{"tabs", "\t", "src=10.0.0.1\tdst=10.0.0.2", []pair{{"src", "10.0.0.1"}, {"dst", "10.0.0.2"}}, ""},
		{"default", "", "src=10.0.0.1\tdst=10.0.0.2", []pair{{"src", "10.0.0.1"}, {"dst", "10.0.0.2"}}, ""},
		{"caret", "^", "a=1^b=x y^c=3^", []pair{{"a", "1"}, {"b", "x y"}, {"c", "3"}}, ""},
		{"pipe", "|", "a=1|b=2", []pair{{"a", "1"}, {"b", "2"}}, ""},
		{"two bytes", "¦", "a=1¦b=2", []pair{{"a", "1"}, {"b", "2"}}, ""},
		{"escaped tab of a relay", "#011", `a=C:\dir\#011b=2`, []pair{{"a", `C:\dir\`}, {"b", "2"}}, ""},
		{"equals in values", "\t", "url=http://h/?a=1&b=2\tdn=CN=x,O=y", []pair{{"url", "http://h/?a=1&b=2"}, {"dn", "CN=x,O=y"}}, ""},
		{"empty values", "\t", "a=\tb=\tc=1", []pair{{"a", ""}, {"b", ""}, {"c", "1"}}, ""},
		{"delimiters doubled", "^", "^^a=1^^b=2^ ^c=3^^", []pair{{"a", "1"}, {"b", "2"}, {"c", "3"}}, ""},
		{"delimiter in a value", "\t", "msg=one\ttwo\tthree\tb=1", []pair{{"msg", "one\ttwo\tthree"}, {"b", "1"}}, ""},
		{"escaped delimiter", "^", `msg=a\^src=1^b=C:\\^c=2`, []pair{{"msg", "a^src=1"}, {"b", `C:\`}, {"c", "2"}}, ""},
		{"escapes", "\t", `a=x\=y\|z\\n` + "\t" + `b=C:\temp\new`, []pair{{"a", `x=y|z\n`}, {"b", `C:\temp\new`}}, ""},
		{"backslash before a tab", "\t", "p=C:\\\tb=1", []pair{{"p", `C:\`}, {"b", "1"}}, ""},
		{"blanks", "\t", "  a= 1 \t  b=2  \r\n", []pair{{"a", "1"}, {"b", "2"}}, ""},
		{"no text at all", "\t", "a=\x00\xff\tb=\xc3", []pair{{"a", "\x00\xff"}, {"b", "\xc3"}}, ""},
		{"key with a space", "\t", "a=1\tb c=2", []pair{{"a", "1\tb c=2"}}, ""},
		{"stray", "\t", "some text\ta=1", []pair{{"a", "1"}}, "some text"},
		{"nothing", "\t", " \t\t", nil, ""},
	}
	for _, tt := range tests {
		r := NewReader(nil)
		f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
		for range 2 {
			f.Reset(0, f.Text)
			_, got, err := collect(r, nil, []byte(tt.text), []byte(tt.delim), &f)
			if err != nil || !slices.Equal(got, tt.want) || string(r.Stray()) != tt.stray {
				t.Errorf("%s: got %q, stray %q, %v\nwant %q, stray %q", tt.name, got, r.Stray(), err, tt.want, tt.stray)
			}
		}
		if tt.delim != "" {
			if got, stray := plainPairs(tt.text, tt.delim); !slices.Equal(got, tt.want) || stray != tt.stray {
				t.Errorf("%s: plain reading: %q, stray %q", tt.name, got, stray)
			}
		}
	}
}

func check(t *testing.T, name string, err error, want errcat.Category, offset int64) {
	t.Helper()
	if errcat.Of(err) != want {
		t.Errorf("%s: %v, want %v", name, err, want)
	}
	var e *errcat.Error
	if err != nil && (!errors.As(err, &e) || e.Offset != offset || e.Stage != errcat.StageParse || e.Parser != "leef") {
		t.Errorf("%s: %+v, want offset %d", name, e, offset)
	}
}

func TestReadErrors(t *testing.T) {
	long := strings.Repeat("k", parse.MaxKeyLength)
	tests := []struct {
		name, text string
		rest       int
		want       errcat.Category
		offset     int64
	}{
		{"no pair", " just\twords", 0, errcat.SchemaViolation, 1},
		{"longest key", "a=1\t" + long + "=1", 0, errcat.None, 0},
		{"key too long", "a=1\t" + long + "k=1", 0, errcat.Oversize, 4},
		{"rest full", "a=1\tb=2\tc=3", 2, errcat.Oversize, 8},
	}
	for _, tt := range tests {
		f := parse.Frame{KeepRest: true, MaxRest: tt.rest}
		check(t, tt.name, NewReader(nil).Read([]byte(tt.text), nil, &f), tt.want, tt.offset)
	}
}

func TestHeader(t *testing.T) {
	tests := []struct {
		name, raw, want, delim, text string
	}{
		{"version 1", "LEEF:1.0|V|P|1|E|a=1", "1.0 V P 1 E", "\t", "a=1"},
		{"version 1 without minor", "LEEF:1|V|P|1|E|a=1", "1.0 V P 1 E", "\t", "a=1"},
		{"space before the version", "LEEF: 1.0|V|P|1|E|a=1", "1.0 V P 1 E", "\t", "a=1"},
		{"version 1 has no delimiter", "LEEF:1.0|V|P|1|E|^|a=1", "1.0 V P 1 E", "\t", "^|a=1"},
		{"caret", "LEEF:2.0|V|P|1|E|^|a=1", "2.0 V P 1 E", "^", "a=1"},
		{"caret as a word", "LEEF:2.0|V|P|1|E|caret|a=1", "2.0 V P 1 E", "^", "a=1"},
		{"tab as itself", "LEEF:2.0|V|P|1|E|\t|a=1", "2.0 V P 1 E", "\t", "a=1"},
		{"hexadecimal", "LEEF:2.0|V|P|1|E|0x5e|a=1", "2.0 V P 1 E", "^", "a=1"},
		{"short hexadecimal", "LEEF:2.0|V|P|1|E|x09|a=1", "2.0 V P 1 E", "\t", "a=1"},
		{"long hexadecimal", "LEEF:2.0|V|P|1|E|X007C|a=1", "2.0 V P 1 E", "|", "a=1"},
		{"hexadecimal Latin-1", "LEEF:2.0|V|P|1|E|xA6|a=1\xa6b=2", "2.0 V P 1 E", "\xa6", "a=1\xa6b=2"},
		{"hexadecimal, text in UTF-8", "LEEF:2.0|V|P|1|E|xA6|a=1¦b=2", "2.0 V P 1 E", "¦", "a=1¦b=2"},
		{"character of two bytes", "LEEF:2.0|V|P|1|E|¦|a=1", "2.0 V P 1 E", "¦", "a=1"},
		{"pipe", "LEEF:2.0|V|P|1|E|||a=1|b=2", "2.0 V P 1 E", "|", "a=1|b=2"},
		{"empty", "LEEF:2.0|V|P|1|E||a=1", "2.0 V P 1 E", "\t", "a=1"},
		{"missing", "LEEF:2.0|V|P|1|E|a=1\tb=2", "2.0 V P 1 E", "\t", "a=1\tb=2"},
		{"missing, pipe in a value", "LEEF:2.0|V|P|1|E|a=x|y\tb=2", "2.0 V P 1 E", "\t", "a=x|y\tb=2"},
		{"relay escaped the tabs", "LEEF:1.0|V|P|1|E|a=1#011b=2", "1.0 V P 1 E", "#011", "a=1#011b=2"},
		{"escapes", `LEEF:1.0|V\|1|P\\|1\0|E|a=1`, `1.0 V|1 P\ 1\0 E`, "\t", "a=1"},
		{"no attributes", "LEEF:1.0|V|P|1|E", "1.0 V P 1 E", "\t", ""},
		{"empty fields", "LEEF:1.0|||||a=1", "1.0    ", "\t", "a=1"},
	}
	for _, tt := range tests {
		var h Header
		text, err := ParseHeader([]byte(tt.raw), &h)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		h.Unescape(nil)
		got := fmt.Sprintf("%d.%d %s %s %s %s", h.Major, h.Minor, h.Vendor, h.Product, h.ProductVersion, h.EventID)
		if got != tt.want || string(h.Delimiter) != tt.delim || string(text) != tt.text || tt.raw[h.Attributes:] != tt.text {
			t.Errorf("%s: got %q, delimiter %q, attributes %q", tt.name, got, h.Delimiter, text)
		}
	}
	faults := []struct {
		name, raw string
		want      errcat.Category
		offset    int64
	}{
		{"nothing", "", errcat.SchemaViolation, 0},
		{"other text", "hello", errcat.SchemaViolation, 0},
		{"cut in the magic", "LEE", errcat.Truncated, 3},
		{"cut in the version", "LEEF:2.", errcat.Truncated, 7},
		{"no version", "LEEF:|V|P|1|E|", errcat.SchemaViolation, 5},
		{"version 0", "LEEF:0|V|P|1|E|", errcat.SchemaViolation, 6},
		{"cut in the product", "LEEF:1.0|V|Pro", errcat.Truncated, 14},
		{"event id left out", "LEEF:1.0|V|P|1|a=1\tb=2", errcat.SchemaViolation, 15},
		{"letter delimits", "LEEF:2.0|V|P|1|E|a|b=1", errcat.SchemaViolation, 17},
		{"code of a letter", "LEEF:2.0|V|P|1|E|x61|b=1", errcat.SchemaViolation, 17},
		{"no delimiter", "LEEF:2.0|V|P|1|E|###|b=1", errcat.SchemaViolation, 17},
	}
	for _, tt := range faults {
		var h Header
		_, err := ParseHeader([]byte(tt.raw), &h)
		check(t, tt.name, err, tt.want, tt.offset)
	}
}

func TestFind(t *testing.T) {
	const e = "LEEF:1.0|V|P|1|E|"
	for _, p := range []string{"", " ", "\ufeff", "<13>", "<13>Jan 18 11:07:53 192.0.2.1 ", "<133>1 2026-01-18T11:07:53.520+07:00 myhost ", "Jan 18 11:07:53 h app[1]: ", "h "} {
		if got := Find([]byte(p + e)); got != len(p) {
			t.Errorf("Find(%q) = %d, want %d", p+e, got, len(p))
		}
	}
	for _, s := range []string{"", "LEEF:", "LEEF:1.0", "the words " + e, `{"a":"` + e, strings.Repeat(" ", 5000)} {
		if got := Find([]byte(s)); got != -1 {
			t.Errorf("Find(%q) = %d, want -1", s, got)
		}
	}
}

func TestPredefined(t *testing.T) {
	prev := ""
	for a := range Predefined() {
		if a.Key <= prev || a.Type.String() == "invalid" {
			t.Errorf("%s is out of order or has no type", a.Key)
		}
		prev = a.Key
		if got, ok := Lookup(a.Key); !ok || got != a {
			t.Errorf("Lookup(%q) = %v, %v", a.Key, got, ok)
		}
	}
	if a, ok := Lookup("devTime"); !ok || a.Type != Date {
		t.Errorf("devTime: %v", a)
	}
	if _, ok := Lookup("SRC"); ok {
		t.Error("SRC found")
	}
}

func TestCutAndFlip(t *testing.T) {
	r := NewReader(nil)
	var h Header
	f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
	try := func(b []byte) {
		f.Text.Reset()
		f.Reset(0, f.Text)
		err := r.ReadEvent(b, &h, &f)
		var e *errcat.Error
		if err != nil && (!errors.As(err, &e) || !e.Category.Valid() || e.Offset < 0 || e.Offset > int64(len(b))) {
			t.Fatalf("%q: %v", b, err)
		}
	}
	for _, s := range []string{"<13>Jan  5 09:14:02 edge-07 " + line, `LEEF:2.0|A\|B|P|1|E|x5E|a=1\^2^b=\\^c\=d=`} {
		raw := []byte(s)
		for i := range raw {
			try(raw[:i])
			for _, c := range []byte{0, ' ', '=', '\\', '|', '\t', 0xff, raw[i] ^ 1, raw[i] ^ 0x80} {
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
		fmt.Fprintf(&many, "k%d=%d\t", i, i)
	}
	inputs := map[string][]byte{
		"a million keys": many.Bytes(),
		"one value":      []byte("a=" + strings.Repeat("x", 10<<20)),
	}
	for _, unit := range []string{"a", " ", "=", "\\", "a=", "\t", "\ta", "\t=", "a=\\\t", "a\tb\t", "#", "#a", "\\#", "a=#", "-", "\x00"} {
		inputs["pair and repeated "+unit] = append([]byte("src=1\t"), bytes.Repeat([]byte(unit), 4<<20/len(unit))...)
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		for _, delim := range []string{"\t", "#", "-", "#011"} {
			r := NewReader(nil)
			f := parse.Frame{Text: new(arena.Bytes)}
			start := cputime.Thread()
			_ = r.Read(inputs[name], []byte(delim), &f)
			for it := Iterate(inputs[name], []byte(delim)); it.Next(); {
			}
			if d := cputime.Thread() - start; d > 2*time.Second {
				t.Errorf("%s: %v", name, d)
			}
		}
	}
}

func TestAllocs(t *testing.T) {
	raw := []byte(`LEEF:2.0|V|A\|B|1|E|^|src=10.0.0.1^msg=a\=b c^act=x`)
	r := NewReader(nil)
	var h Header
	f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
	run := func() {
		f.Text.Reset()
		f.Reset(0, f.Text)
		if err := r.ReadEvent(raw, &h, &f); err != nil {
			t.Fatal(err)
		}
		for it := Iterate(raw[h.Attributes:], h.Delimiter); it.Next(); {
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per event", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(line[strings.LastIndexByte(line, '|')+1:]), uint8(0))
	f.Add([]byte(`a=1\^2^b=\\^^c\=d=^e`), uint8(1))
	f.Add([]byte("stray#011src=1#011 msg=a\tb#011#011dst="), uint8(5))
	delims := []string{"\t", "^", "|", "#", "¦", "#011", ";", "-", "\xa6"}
	names := []string{"src", "dst", "msg", "act", "devTimeFormat", "identHostNameAndMore"}
	slots := []int{0, 1, 2, 3, 4, 5}
	f.Fuzz(func(t *testing.T, data []byte, d uint8) {
		delim := delims[int(d)%len(delims)]
		keys, err := parse.NewKeys(names, slots)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(keys)
		want, stray := plainPairs(string(data), delim)
		wantSlots, wantRest, dup := split(names, want)
		fr := parse.Frame{KeepRest: true, MaxRest: 1 << 30, Text: new(arena.Bytes)}
		for range 2 {
			fr.Reset(len(names), fr.Text)
			gotSlots, gotRest, err := collect(r, names, data, []byte(delim), &fr)
			if errcat.Of(err) == errcat.Oversize {
				return
			}
			if (err != nil) != (len(want) == 0 && stray != "") {
				t.Fatalf("%q: %v", data, err)
			}
			if !maps.Equal(gotSlots, wantSlots) || !slices.Equal(gotRest, wantRest) || fr.Duplicates != dup || string(r.Stray()) != stray {
				t.Fatalf("%q %q\ngot  %q %q %q\nwant %q %q %q", data, delim, gotSlots, gotRest, r.Stray(), wantSlots, wantRest, stray)
			}
		}
		var walked []pair
		for it := Iterate(data, []byte(delim)); it.Next(); {
			walked = append(walked, pair{string(it.Key()), string(AppendValue(nil, it.Value(), []byte(delim)))})
		}
		if !slices.Equal(walked, want) {
			t.Fatalf("%q %q\ngot  %q\nwant %q", data, delim, walked, want)
		}
	})
}
