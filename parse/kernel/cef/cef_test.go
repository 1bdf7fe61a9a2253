package cef

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

func TestExtension(t *testing.T) {
	tests := []struct {
		name, ext string
		want      []pair
		stray     string
	}{
		{"two pairs", "src=10.0.0.1 dst=10.0.0.2", []pair{{"src", "10.0.0.1"}, {"dst", "10.0.0.2"}}, ""},
		{"spaces in a value", "msg=one two  three act=drop", []pair{{"msg", "one two  three"}, {"act", "drop"}}, ""},
		{"empty value", "duser= sproc=cron", []pair{{"duser", ""}, {"sproc", "cron"}}, ""},
		{"empty last value", "a=1 b=", []pair{{"a", "1"}, {"b", ""}}, ""},
		{"blanks around values", "  a=  1   b=2 \t\r\n", []pair{{"a", "1"}, {"b", "2"}}, ""},
		{"escaped equals", `msg=x\=1 y\=2 act=a`, []pair{{"msg", "x=1 y=2"}, {"act", "a"}}, ""},
		{"escapes", `msg=a\\b\nc\rd\|e\=f`, []pair{{"msg", "a\\b\nc\rd|e=f"}}, ""},
		{"backslash for itself", `filePath=C:\Tools\app.exe act=x`, []pair{{"filePath", `C:\Tools\app.exe`}, {"act", "x"}}, ""},
		{"backslash at the end", `a=x\ b=y\`, []pair{{"a", `x\`}, {"b", `y\`}}, ""},
		{"escaped backslash before a key", `a=C:\\ b=1`, []pair{{"a", `C:\`}, {"b", "1"}}, ""},
		{"bare equals in a URL", "request=https://h.example/p?q=1&r=2 act=x", []pair{{"request", "https://h.example/p?q=1&r=2"}, {"act", "x"}}, ""},
		{"bare equals in a name", "dn=CN=web,O=Example Corp act=x", []pair{{"dn", "CN=web,O=Example Corp"}, {"act", "x"}}, ""},
		{"equals doubled", "a==b c==", []pair{{"a", "=b"}, {"c", "="}}, ""},
		{"a value that looks like a key", "msg=set mode=fast now act=x", []pair{{"msg", "set"}, {"mode", "fast now"}, {"act", "x"}}, ""},
		{"pipes", "a=1|2 b=|", []pair{{"a", "1|2"}, {"b", "|"}}, ""},
		{"vendor keys", "ad.field[0]=x my-key=y _z=1 Cs1Label=L u@d=2", []pair{{"ad.field[0]", "x"}, {"my-key", "y"}, {"_z", "1"}, {"Cs1Label", "L"}, {"u@d", "2"}}, ""},
		{"not a key", "a=1 -x=2 .y=3 [z]=4", []pair{{"a", "1 -x=2 .y=3 [z]=4"}}, ""},
		{"tabs and line feeds between pairs", "a=1\tb=2\nc=3", []pair{{"a", "1"}, {"b", "2"}, {"c", "3"}}, ""},
		{"bytes that are no text", "a=\x00\xff\xc3 b=\xe4", []pair{{"a", "\x00\xff\xc3"}, {"b", "\xe4"}}, ""},
		{"stray text first", "some words a=1", []pair{{"a", "1"}}, "some words"},
		{"nothing", "", nil, ""},
		{"blanks", " \t ", nil, ""},
		{"a key without text", "a=", []pair{{"a", ""}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(nil)
			f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
			for range 3 { // the second time the order is known
				f.Reset(0, f.Text)
				_, got, err := collect(r, nil, []byte(tt.ext), &f)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
				if string(r.Stray()) != tt.stray {
					t.Errorf("stray %q, want %q", r.Stray(), tt.stray)
				}
			}
			if got, _ := plainPairs(tt.ext); !slices.Equal(got, tt.want) {
				t.Errorf("plain reading: got %q", got)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	long := strings.Repeat("k", parse.MaxKeyLength)
	tests := []struct {
		name, ext string
		rest      int
		want      errcat.Category
		offset    int64
	}{
		{"no pair", "  just words", 0, errcat.SchemaViolation, 2},
		{"no key", "=1", 0, errcat.SchemaViolation, 0},
		{"longest key", "a=1 " + long + "=1", 0, errcat.None, 0},
		{"key too long", "a=1 " + long + "k=1", 0, errcat.Oversize, 4},
		{"rest full", "a=1 b=2 c=3", 2, errcat.Oversize, 8},
	}
	for _, tt := range tests {
		f := parse.Frame{KeepRest: true, MaxRest: tt.rest}
		err := NewReader(nil).Read([]byte(tt.ext), &f)
		check(t, tt.name, err, tt.want, tt.offset)
	}
}

func check(t *testing.T, name string, err error, want errcat.Category, offset int64) {
	t.Helper()
	if errcat.Of(err) != want {
		t.Errorf("%s: %v, want %v", name, err, want)
	}
	var e *errcat.Error
	if err != nil && (!errors.As(err, &e) || e.Offset != offset || e.Stage != errcat.StageParse || e.Parser != "cef") {
		t.Errorf("%s: %+v, want offset %d", name, e, offset)
	}
}

func TestHeader(t *testing.T) {
	tests := []struct {
		name, raw, want, ext string
	}{
		{"usual", "CEF:0|V|P|1.0|100|Name|5|a=1", "0 V P 1.0 100 Name 5", "a=1"},
		{"version 1", "CEF:1|V|P|1.0|100|Name|5|a=1", "1 V P 1.0 100 Name 5", "a=1"},
		{"space before the version", "CEF: 0|V|P|1.0|100|Name|5|a=1", "0 V P 1.0 100 Name 5", "a=1"},
		{"minor version", "CEF:0.1|V|P|1.0|100|Name|5|a=1", "0 V P 1.0 100 Name 5", "a=1"},
		{"escapes", `CEF:0|V\|1|P\\|1\0|100|A\=B\n|5|a=1|2`, `0 V|1 P\ 1\0 100 A\=B\n 5`, "a=1|2"},
		{"words with spaces", "CEF:0|Big Vendor|The Product|1|x y|a b|Very-High|", "0 Big Vendor The Product 1 x y a b Very-High", ""},
		{"empty fields", "CEF:0|||||||a=1", "0      ", "a=1"},
		{"no pipe at the end", "CEF:0|V|P|1|2|N|7 \n", "0 V P 1 2 N 7", ""},
		{"severity empty and last", "CEF:0|V|P|1|2|N|", "0 V P 1 2 N ", ""},
	}
	for _, tt := range tests {
		var h Header
		ext, err := ParseHeader([]byte(tt.raw), &h)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		h.Unescape(nil)
		got := fmt.Sprintf("%d %s %s %s %s %s %s", h.Version, h.Vendor, h.Product, h.DeviceVersion, h.ClassID, h.Name, h.Severity)
		if got != tt.want || string(ext) != tt.ext || tt.raw[h.Extension:] != tt.ext {
			t.Errorf("%s: got %q, extension %q", tt.name, got, ext)
		}
	}
	faults := []struct {
		name, raw string
		want      errcat.Category
		offset    int64
	}{
		{"nothing", "", errcat.SchemaViolation, 0},
		{"other text", "hello", errcat.SchemaViolation, 0},
		{"cut in the magic", "CE", errcat.Truncated, 2},
		{"cut in the version", "CEF:0", errcat.Truncated, 5},
		{"no version", "CEF:|V|P|1|2|N|7|", errcat.SchemaViolation, 4},
		{"word as version", "CEF:x|V|P|1|2|N|7|", errcat.SchemaViolation, 4},
		{"cut in the product", "CEF:0|V|Pro", errcat.Truncated, 11},
		{"cut behind a backslash", `CEF:0|V|Pro\`, errcat.Truncated, 12},
		{"pipe escaped away", `CEF:0|V|P|1|2|N\|7`, errcat.Truncated, 18},
		{"severity left out", "CEF:0|V|P|1|2|N|src=10.0.0.1 dst=10.0.0.2", errcat.SchemaViolation, 16},
	}
	for _, tt := range faults {
		var h Header
		_, err := ParseHeader([]byte(tt.raw), &h)
		check(t, tt.name, err, tt.want, tt.offset)
	}
}

func TestSeverityNumber(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "7": 7, "10": 10, "11": -1, "99": -1, "100": -1, "-1": -1, "": -1, "5.0": -1, " 5": -1,
		"Low": 0, "medium": 4, "HIGH": 7, "Very-High": 9, "very high": 9, "Unknown": -1, "critical": -1,
	} {
		n, ok := SeverityNumber([]byte(text))
		if ok != (want >= 0) || ok && n != want || !ok && n != 0 {
			t.Errorf("SeverityNumber(%q) = %d, %v", text, n, ok)
		}
	}
}

func TestFind(t *testing.T) {
	const e = "CEF:0|V|P|1|2|N|7|"
	found := []string{
		"", " ", "\ufeff", "\r\n", "<134>", "<134>1 2026-01-05T09:14:02.118Z edge-07 cef - - - ",
		"<13>Jan  5 09:14:02 edge-07 ", "Jan  5 09:14:02 edge-07 ", "Jan  5 2026 09:14:02 edge-07: ", "2026-01-05T09:14:02+01:00 edge-07 ",
		"<13>Jan  5 09:14:02 edge-07 cefd[812]: ", "<13>Jan  5 09:14:02 edge-07 cefd:", "edge-07 ", "cefd: ", "edge-07 cefd[1]: ", "- ",
		"<13>1 2026-01-05T09:14:02Z 10.0.0.1 app 99 ID7 [x@1 k=\"v ] CEF:\" j=\"\\\"\"] ", "<13>1 2026-01-05T09:14:02Z h - - - - \ufeff",
		"<13>Jan  5 09:14:02 10.0.0.1 edge-07 cefd: ",
		"<13>Jan  5 09:14:02 relay <14>Jan  5 09:14:01 edge-07 cefd[812]: ", "<13>1 2026-01-05T09:14:02Z relay - - - - <14>", "<13><14>",
	}
	for _, p := range found {
		if got := Find([]byte(p + e)); got != len(p) {
			t.Errorf("Find(%q) = %d, want %d", p+e, got, len(p))
		}
	}
	lost := []string{
		"user sent the text ", `{"msg":"`, `msg="`, "a|b|", "<134>Jan  5 09:14:02 edge-07 app: the user wrote that ", "x=", "<x>", "<13", "<13>Jan  5 09:14:02 relay <b>", "<13>Jan  5 09:14:02 relay app: the user wrote that <14>", "one two three: ",
	}
	for _, p := range lost {
		if got := Find([]byte(p + e)); got != -1 {
			t.Errorf("Find(%q) = %d, want -1", p+e, got)
		}
	}
	for _, s := range []string{"", "C", "CEF:", "CEF:0", "CEF:x|", "CEF|0|", "cef:0|", strings.Repeat(" ", 10), "<13>Jan  5 09:14:02 h app: started CEF output"} {
		if got := Find([]byte(s)); got != -1 {
			t.Errorf("Find(%q) = %d, want -1", s, got)
		}
	}
}

func TestReadEvent(t *testing.T) {
	keys, err := parse.NewKeys([]string{"src", "msg"}, []int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(keys)
	var h Header
	f := parse.Frame{KeepRest: true}
	f.Reset(2, new(arena.Bytes))
	raw := []byte(`<13>Jan  5 09:14:02 edge-07 CEF:0|V|A\|B|1|2|N|7|src=10.0.0.1 act=x msg=a\=b src=10.0.0.2`)
	if err := r.ReadEvent(raw, &h, &f); err != nil {
		t.Fatal(err)
	}
	if h.Product.Str() != "A|B" || f.Slots[0].Str() != "10.0.0.1" || f.Slots[1].Str() != "a=b" || f.Duplicates != 1 || len(f.Rest) != 1 {
		t.Errorf("header %+v, frame %+v", h, f)
	}
	if got := string(raw[h.Extension:]); !strings.HasPrefix(got, "src=") {
		t.Errorf("extension at %q", got)
	}
	check(t, "other text", r.ReadEvent([]byte("hello"), &h, &f), errcat.UnknownFormat, 0)
	check(t, "cut", r.ReadEvent([]byte("<1>CEF:0|V|P"), &h, &f), errcat.Truncated, 12)
	check(t, "no pair", r.ReadEvent([]byte("<1>CEF:0|V|P|1|2|N|7|words"), &h, &f), errcat.SchemaViolation, 21)
}

// What AppendEscapedValue writes is what the reader returns, so that no value can
// make a pair of its own.
func TestRoundTrip(t *testing.T) {
	for _, v := range []string{"", "plain", "a=b", "x src=1.2.3.4", `\`, `\\`, `a\nb`, "a\nb\rc", "|", `C:\new\ram`, "k=\\="} {
		ext := append(AppendEscapedValue([]byte("msg="), []byte(v)), " act=x"...)
		f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
		_, got, err := collect(NewReader(nil), nil, ext, &f)
		if err != nil || !slices.Equal(got, []pair{{"msg", v}, {"act", "x"}}) {
			t.Errorf("%q → %q → %q, %v", v, ext, got, err)
		}
		field := AppendEscapedHeader(nil, []byte(v))
		if back := AppendHeader(nil, field); string(back) != v {
			t.Errorf("header %q → %q → %q", v, field, back)
		}
	}
}

func TestDictionary(t *testing.T) {
	full := map[string]string{}
	prev := ""
	for e := range Dictionary() {
		if e.Key <= prev {
			t.Errorf("%s is out of order", e.Key)
		}
		prev = e.Key
		if other, ok := full[e.FullName]; ok {
			t.Errorf("%s and %s have one full name", e.Key, other)
		}
		full[e.FullName] = e.Key
		if strings.HasSuffix(e.Key, "Label") && (e.Type != String || e.Length == 0) {
			t.Errorf("%s: %+v", e.Key, e)
		}
		if e.Type > Timestamp || e.Type.String() == "invalid" {
			t.Errorf("%s: type %v", e.Key, e.Type)
		}
	}
	tests := []struct {
		key, name string
		typ       Type
		ok        bool
	}{
		{"src", "sourceAddress", IP, true}, {"sourceAddress", "sourceAddress", IP, true}, {"c6a4Label", "deviceCustomIPv6Address4Label", String, true},
		{"cfp2", "deviceCustomFloatingPoint2", Float, true}, {"cs6", "deviceCustomString6", String, true}, {"flexNumber2", "flexNumber2", Long, true},
		{"rt", "deviceReceiptTime", Timestamp, true}, {"dlat", "destinationGeoLatitude", Double, true}, {"SRC", "", 0, false}, {"", "", 0, false}, {"zz", "", 0, false},
	}
	for _, tt := range tests {
		if name, typ, ok := FullName(tt.key); name != tt.name || typ != tt.typ || ok != tt.ok {
			t.Errorf("FullName(%q) = %q, %v, %v", tt.key, name, typ, ok)
		}
	}
}

// Every cut and every changed byte of an event is read without a fault of ours.
func TestCutAndFlip(t *testing.T) {
	raw := []byte("<13>Jan  5 09:14:02 edge-07 " + strings.Replace(line, "Border Guard", `Border\|Guard`, 1) + ` note=a\=b\\`)
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
	for i := range raw {
		try(raw[:i])
		for _, c := range []byte{0, ' ', '=', '\\', '|', 0xff, raw[i] ^ 1, raw[i] ^ 0x80} {
			b := bytes.Clone(raw)
			b[i] = c
			try(b)
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
	}
	for _, unit := range []string{"a", " ", "=", "\\", "a=", " a", "a ", " =", "\\=", "a=\\ ", "a=b c", "|", "\x00"} {
		inputs["repeated "+unit] = bytes.Repeat([]byte(unit), 4<<20/len(unit))
		inputs["pair and repeated "+unit] = append([]byte("src=1 "), bytes.Repeat([]byte(unit), 4<<20/len(unit))...)
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		r := NewReader(nil)
		f := parse.Frame{Text: new(arena.Bytes)}
		start := cputime.Thread()
		_ = r.Read(inputs[name], &f)
		for it := Iterate(inputs[name]); it.Next(); {
		}
		Find(inputs[name])
		if d := cputime.Thread() - start; d > 2*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

func TestAllocs(t *testing.T) {
	raw := []byte(`CEF:0|V|A\|B|1|2|N|7|src=10.0.0.1 msg=a\=b c act=x`)
	r := NewReader(nil)
	var h Header
	f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
	run := func() {
		f.Text.Reset()
		f.Reset(0, f.Text)
		if err := r.ReadEvent(raw, &h, &f); err != nil {
			t.Fatal(err)
		}
		for it := Iterate(raw[h.Extension:]); it.Next(); {
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per event", n)
	}
}

// What the reader remembers never changes what it answers.
func TestOrderForgets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var names []string
	var slots []int
	for i := range 700 {
		names = append(names, fmt.Sprintf("k%d", i)+strings.Repeat("x", rnd.IntN(60)))
		slots = append(slots, i)
	}
	keys, err := parse.NewKeys(names[:400], slots[:400])
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(keys)
	f := parse.Frame{KeepRest: true, Text: new(arena.Bytes)}
	for range 300 {
		var ext []byte
		var pairs []pair
		for i := range rnd.IntN(40) {
			p := pair{names[(rnd.IntN(3)*rnd.IntN(len(names))+i)%len(names)], fmt.Sprint(rnd.IntN(100000))}
			pairs = append(pairs, p)
			ext = append(append(append(append(ext, p.key...), '='), p.value...), ' ')
		}
		f.Reset(400, f.Text)
		gotSlots, gotRest, err := collect(r, names, ext, &f)
		wantSlots, wantRest, dup := split(names[:400], pairs)
		if err != nil || !maps.Equal(gotSlots, wantSlots) || !slices.Equal(gotRest, wantRest) || dup != f.Duplicates {
			t.Fatalf("%s\n%v %v\n%v %v %v", ext, wantSlots, wantRest, gotSlots, gotRest, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(extension(line)))
	f.Add([]byte(`a=1 b=\=2 c=x\\ d= e=f=g h`))
	f.Add([]byte("stray src=1 msg=a b\tdst=\r\nact==x ad.f[0]=\\n"))
	names := []string{"src", "dst", "msg", "act", "request", "deviceCustomString1Label"}
	slots := []int{0, 1, 2, 3, 4, 5}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parse.NewKeys(names, slots)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(keys)
		want, stray := plainPairs(string(data))
		wantSlots, wantRest, dup := split(names, want)
		fr := parse.Frame{KeepRest: true, MaxRest: 1 << 30, Text: new(arena.Bytes)}
		for range 2 {
			fr.Reset(len(names), fr.Text)
			gotSlots, gotRest, err := collect(r, names, data, &fr)
			if errcat.Of(err) == errcat.Oversize {
				return
			}
			if (err != nil) != (len(want) == 0 && stray != "") {
				t.Fatalf("%q: %v", data, err)
			}
			if !maps.Equal(gotSlots, wantSlots) || !slices.Equal(gotRest, wantRest) || fr.Duplicates != dup || string(r.Stray()) != stray {
				t.Fatalf("%q\ngot  %q %q %q\nwant %q %q %q", data, gotSlots, gotRest, r.Stray(), wantSlots, wantRest, stray)
			}
		}
		var walked []pair
		for it := Iterate(data); it.Next(); {
			v := string(it.Value())
			if it.Escaped() {
				v = string(AppendValue(nil, it.Value()))
			}
			walked = append(walked, pair{string(it.Key()), v})
		}
		if !slices.Equal(walked, want) {
			t.Fatalf("%q\ngot  %q\nwant %q", data, walked, want)
		}
	})
}

// A header agrees with the plain way: cut at pipes that no odd number of backslashes
// stands before.
func FuzzHeader(f *testing.F) {
	f.Add([]byte(line))
	f.Add([]byte(`<13>Jan  5 09:14:02 h CEF: 1|a\|b|c\\|d|e|f\|7`))
	f.Fuzz(func(t *testing.T, data []byte) {
		at := Find(data)
		if at < 0 {
			return
		}
		raw := data[at:]
		var h Header
		ext, err := ParseHeader(raw, &h)
		var fields []string
		field := ""
		for i := 0; i < len(raw) && len(fields) < 7; i++ {
			switch {
			case raw[i] == '\\' && i+1 < len(raw):
				field += string(raw[i : i+2])
				i++
			case raw[i] == '|':
				fields = append(fields, field)
				field = ""
			default:
				field += string(raw[i : i+1])
			}
		}
		if len(fields) < 7 {
			return // a header that ends early, or with its severity: see the table
		}
		if err != nil {
			if strings.Contains(fields[6], "=") || errcat.Of(err) == errcat.SchemaViolation && strings.Trim(fields[0], "CEF:.0123456789 ") == "" {
				return
			}
			t.Fatalf("%q: %v", raw, err)
		}
		for i, v := range []parse.Value{h.Vendor, h.Product, h.DeviceVersion, h.ClassID, h.Name, h.Severity} {
			if v.Str() != fields[i+1] && (i < 5 || len(ext) > 0) {
				t.Fatalf("%q: field %d is %q, want %q", raw, i, v.Str(), fields[i+1])
			}
		}
	})
}
