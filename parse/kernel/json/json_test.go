package json

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// read returns the values of paths and the frame.
func read(t testing.TB, text string, keep bool, paths ...string) (*parse.Frame, *Tree, error) {
	t.Helper()
	tree := pathTree(t, paths)
	f := &parse.Frame{KeepRest: keep}
	f.Reset(tree.Slots(), new(arena.Bytes))
	err := tree.Reader().Read([]byte(text), f)
	return f, tree, err
}

func describe(v parse.Value) string {
	if v.Kind() == parse.KindList {
		var parts []string
		for _, e := range v.List() {
			parts = append(parts, describe(e))
		}
		return "list(" + strings.Join(parts, " ") + ")"
	}
	return v.Kind().String() + ":" + v.String()
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		paths      []string
		want       []string
	}{
		{"scalars", `{"s":"x","i":-12,"f":1.50,"t":true,"n":null}`, []string{"s", "i", "f", "t", "n", "none"}, []string{"string:x", "int:-12", "float:1.50", "bool:true", "null:", "none:"}},
		{"integers that are no int64", `{"a":9223372036854775808,"b":-9223372036854775808,"c":-0,"d":1e2,"e":123456789012345678901234567890}`, []string{"a", "b", "c", "d", "e"}, []string{"float:9223372036854775808", "int:-9223372036854775808", "float:-0", "float:1e2", "float:123456789012345678901234567890"}},
		{"nested", `{"a":{"b":{"c":1},"d":2},"e":3}`, []string{"a.b.c", "a.d", "e"}, []string{"int:1", "int:2", "int:3"}},
		{"path and what goes on from it", `{"a":{"b":1,"x":[1, 2]}}`, []string{"a", "a.b"}, []string{`object:{"b":1,"x":[1, 2]}`, "int:1"}},
		{"element", `{"a":[{"b":1},{"b":2}]}`, []string{"a[1].b", "a[0]", "a[2].b"}, []string{"int:2", `object:{"b":1}`, "none:"}},
		{"all elements", `{"a":[{"b":1},{"c":0},{"b":"x"}],"l":["p",null,[1]],"e":[]}`, []string{"a[].b", "l[]", "e[]", "a[0].b"}, []string{"list(int:1 string:x)", "list(string:p null: array:[1])", "none:", "int:1"}},
		{"nested arrays", `{"a":[[1,2],[3],4]}`, []string{"a[][]", "a[0][1]"}, []string{"list(int:1 int:2 int:3)", "int:2"}},
		{"quoted keys", `{"a":{"b.c":{"d":1},"":2,"[]":3,"\"":4}}`, []string{`a."b.c".d`, `a.""`, `a."[]"`, `a."\""`}, []string{"int:1", "int:2", "int:3", "int:4"}},
		{"escaped key", `{"\u0061":{"\u0062":1}}`, []string{"a.b"}, []string{"int:1"}},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00"}`, []string{"a"}, []string{"string:\"\\/\b\f\n\r\té€😀"}},
		{"lone surrogates", `{"a":"\ud800","b":"x\udc00y","c":"\ud800\ud800\udc00","d":"\ud800\n"}`, []string{"a", "b", "c", "d"}, []string{"string:\uFFFD", "string:x\uFFFDy", "string:\uFFFD\U00010000", "string:\uFFFD\n"}},
		{"escaped NUL", `{"a":"\u0000"}`, []string{"a"}, []string{"string:\x00"}},
		{"first of equal keys wins", `{"a":1,"a":2,"b":{"c":1},"b":{"d":2}}`, []string{"a", "b.c", "b.d"}, []string{"int:1", "int:1", "none:"}},
		{"first wins, whatever its shape", `{"b":null,"b":{"c":1}}`, []string{"b.c"}, []string{"none:"}},
		{"another shape than wanted", `{"a":"text","b":[{"c":1}]}`, []string{"a.b", "b.c"}, []string{"none:", "none:"}},
		{"white space", "\xEF\xBB\xBF \t\r\n{ \"a\" : [ { \"b\" : 1 } , 2 ] , \"c\" : { } }\r\n ", []string{"a[].b", "c", "a"}, []string{"list(int:1)", "object:{ }", `array:[ { "b" : 1 } , 2 ]`}},
		{"raw on more lines", "{\"a\":{\"b\" :\n[1,\r\n{}],\"c\": \"x y\"}}", []string{"a"}, []string{`object:{"b":[1,{}],"c":"x y"}`}},
		{"raw with equal keys", `{"a":{"k":1,"\u006b":{"x":1},"l":[{"m":1,"m":2}]}}`, []string{"a"}, []string{`object:{"k":1,"l":[{"m":1}]}`}},
		{"raw with a lone surrogate", `{"a":["\ud800","\n\ud83d\ude00"]}`, []string{"a"}, []string{`array:["` + "\uFFFD" + `","\n\ud83d\ude00"]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _, err := read(t, c.text, false, c.paths...)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if got := describe(f.Slots[i]); got != want {
					t.Errorf("%s is %s, want %s", c.paths[i], got, want)
				}
			}
		})
	}
}

func TestRest(t *testing.T) {
	f, tree, err := read(t, `{"x":1,"a":{"b":1,"y":{"k":1,"k":2}},"x":2,"a":3,"l":[{"n":1},{"n":2,"m":3}],"o":[{"n":1}],"q":"t","z\n":"\n","e":[]}`,
		true, "a.b", "l[].n", "o[].n", "q.r", "e[].n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/x=int:1", `a/y=object:{"k":1}`, `/l=array:[{"n":1},{"n":2,"m":3}]`, "/q=string:t", "/z\n=string:\n", "/e=array:[]"}
	var got []string
	for _, p := range f.Rest {
		got = append(got, tree.Nodes()[p.Parent]+"/"+string(p.Key)+"="+describe(p.Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Rest is\n%q, want\n%q", got, want)
	}
	if f.Duplicates != 3 {
		t.Errorf("%d duplicates, want 3: x, a, k", f.Duplicates)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, p := range [][]Path{
		{{"", 0}}, {{"a.", 0}}, {{".a", 0}}, {{"a..b", 0}}, {{"a[", 0}}, {{"a[x]", 0}}, {{"a[-1]", 0}}, {{`a."b`, 0}}, {{"[]", 0}},
		{{`a"b`, 0}}, {{"a]", 0}}, {{"a[]b", 0}}, {{"a", -1}}, {{"a", 0}, {"b", 0}}, {{"a", 0}, {`"a"`, 1}}, {{strings.Repeat("a.", 64) + "a", 0}},
	} {
		if _, err := New(p); err == nil {
			t.Errorf("New(%v): no error", p)
		}
	}
	tree := pathTree(t, nil)
	for _, o := range []Options{{MaxDepth: -1}, {MaxDepth: 1001}, {MaxKeys: -1}} {
		if _, err := tree.With(o); err == nil {
			t.Errorf("With(%+v): no error", o)
		}
	}
}

func TestErrors(t *testing.T) {
	deep := strings.Repeat(`{"a":`, DefaultMaxDepth)
	for _, c := range []struct {
		text     string
		category errcat.Category
		offset   int64
	}{
		{``, errcat.Truncated, 0},
		{" \n", errcat.Truncated, 2},
		{"\xEF\xBB", errcat.Truncated, 2},
		{`{"a":"x`, errcat.Truncated, 7},
		{`{"a":"\ud83d\u`, errcat.Truncated, 14},
		{`{"a":tru`, errcat.Truncated, 8},
		{`{"a":-`, errcat.Truncated, 6},
		{`{"a":1.`, errcat.Truncated, 7},
		{`{"a":1e+`, errcat.Truncated, 8},
		{`[1]`, errcat.SchemaViolation, 0},
		{`"x"`, errcat.SchemaViolation, 0},
		{`<134>text`, errcat.SchemaViolation, 0},
		{`{"a":NaN}`, errcat.SchemaViolation, 5},
		{`{"a":Infinity}`, errcat.SchemaViolation, 5},
		{`{"a":01}`, errcat.SchemaViolation, 5},
		{`{"a":1e}`, errcat.SchemaViolation, 5},
		{`{"a":-}`, errcat.SchemaViolation, 5},
		{`{"a":+1}`, errcat.SchemaViolation, 5},
		{`{"a":.5}`, errcat.SchemaViolation, 5},
		{`{"a":1.5.5}`, errcat.SchemaViolation, 8},
		{`{"a":0x10}`, errcat.SchemaViolation, 6},
		{`{"a":True}`, errcat.SchemaViolation, 5},
		{`{"a":nul1}`, errcat.SchemaViolation, 5},
		{`{"a":"\q"}`, errcat.SchemaViolation, 6},
		{`{"a":"\u12g4"}`, errcat.SchemaViolation, 6},
		{`{"a":"\U0041"}`, errcat.SchemaViolation, 6},
		{"{\"a\":\"b\tc\"}", errcat.SchemaViolation, 7},
		{"{\"a\":\"b\x00c\"}", errcat.SchemaViolation, 7},
		{"{\"a\":1\x00}", errcat.SchemaViolation, 6},
		{"{\"a\":1}\x00", errcat.SchemaViolation, 7},
		{"{\"a\":1,\v\"b\":1}", errcat.SchemaViolation, 7},
		{`{"a":1,}`, errcat.SchemaViolation, 7},
		{`{"a":[1,]}`, errcat.SchemaViolation, 8},
		{`{"a" 1}`, errcat.SchemaViolation, 5},
		{`{"a":1 "b":2}`, errcat.SchemaViolation, 7},
		{`{"a":1]`, errcat.SchemaViolation, 6},
		{`{"a":[1}}`, errcat.SchemaViolation, 7},
		{`{a:1}`, errcat.SchemaViolation, 1},
		{`{'a':1}`, errcat.SchemaViolation, 1},
		{`{"a":1}{`, errcat.SchemaViolation, 7},
		{`{"a":1}//`, errcat.SchemaViolation, 7},
		{`/**/{}`, errcat.SchemaViolation, 0},
		{"\xEF\xBB\xBF\xEF\xBB\xBF{}", errcat.SchemaViolation, 3},
		{"{\"a\":\"0123456789\xff\"}", errcat.EncodingError, 16},
		{"{\"\xc3\":1}", errcat.EncodingError, 2},
		{"{\"a\":\"\xed\xa0\x80\"}", errcat.EncodingError, 6},
		{"{\"a\":\"\xc0\xaf\"}", errcat.EncodingError, 6},
		{deep + `1` + strings.Repeat("}", DefaultMaxDepth), errcat.None, 0},
		{deep + `[]` + strings.Repeat("}", DefaultMaxDepth), errcat.Oversize, int64(len(deep))},
		{`{"` + strings.Repeat("k", parse.MaxKeyLength) + `":1}`, errcat.None, 0},
		{`{"` + strings.Repeat("k", parse.MaxKeyLength+1) + `":1}`, errcat.Oversize, 1},
	} {
		// Whoever wants the value and whoever skips it see the same fault.
		for _, paths := range [][]string{nil, {"a"}, {"a[]", "a.a", "a[0].a", "a"}} {
			for _, keep := range []bool{false, true} {
				_, _, err := read(t, c.text, keep, paths...)
				if c.category == errcat.None {
					if err != nil {
						t.Errorf("%.40q, %v: %v", c.text, paths, err)
					}
					continue
				}
				var e *errcat.Error
				if !errors.As(err, &e) || e.Category != c.category || e.Offset != c.offset {
					t.Errorf("%.40q, %v: %v, want %v at byte %d", c.text, paths, err, c.category, c.offset)
				}
			}
		}
	}
}

func TestLimits(t *testing.T) {
	tree := pathTree(t, []string{"l[]"})
	small, err := tree.With(Options{MaxDepth: 2, MaxKeys: 4})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]errcat.Category{
		`{"a":{}}`:                        errcat.None,
		`{"a":{"b":[]}}`:                  errcat.Oversize,
		`{"a":1,"b":2,"c":3,"d":4}`:       errcat.None,
		`{"a":{"b":1,"c":1,"d":1,"e":1}}`: errcat.Oversize,
		`{"a":1,"b":2,"c":3,"d":4,"e":5}`: errcat.Oversize,
		`{"l":[1,2,3]}`:                   errcat.None,
		`{"l":[1,2,3,4]}`:                 errcat.Oversize,
		`{"m":[1,2,3,4,5,6]}`:             errcat.None,
	} {
		var f parse.Frame
		f.Reset(1, nil)
		if got := errcat.Of(small.Reader().Read([]byte(text), &f)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	f := parse.Frame{KeepRest: true, MaxRest: 2}
	f.Reset(1, nil)
	if err := tree.Reader().Read([]byte(`{"a":1,"b":1,"c":1}`), &f); errcat.Of(err) != errcat.Oversize {
		t.Errorf("more than MaxRest: %v", err)
	}
	f.Reset(0, nil)
	if err := tree.Reader().Read([]byte(`{}`), &f); errcat.Of(err) != errcat.Internal {
		t.Errorf("too few slots: %v", err)
	}
}

// Every beginning of a text is TRUNCATED, however it is read.
func TestTruncation(t *testing.T) {
	texts := []string{oracleSeeds[0], oracleSeeds[1], oracleSeeds[3], oracleSeeds[5], oracleSeeds[6], string(cloudTrail(3)[2]),
		"\xEF\xBB\xBF {\"a\" : [ 1 ,\n\t2.5e3 , -1 ] , \"é\":\"日本語\", \"b\":[[true],[false,null],\"\\ud83d\\ude00\"]}"}
	for _, text := range texts {
		for n := range len(text) {
			for _, paths := range [][]string{nil, {"a", "a.b", "c[].a", "b[]", "userIdentity.arn"}} {
				if _, _, err := read(t, text[:n], n%2 == 0, paths...); errcat.Of(err) != errcat.Truncated {
					t.Fatalf("%q: %v, want TRUNCATED", text[:n], err)
				}
			}
		}
	}
}

// Every byte changed gives a value or an error, and the same as encoding/json.
func TestFlippedBytes(t *testing.T) {
	for _, seed := range append([]string{string(cloudTrail(1)[0])}, oracleSeeds[:7]...) {
		for i := range seed {
			for _, x := range []byte{0x01, 0x20, 0x80, 0xff, seed[i] ^ '"', seed[i] ^ '\\', seed[i] ^ '}'} {
				data := []byte(seed)
				data[i] ^= x
				if len(seed) < 200 || x == 0x01 {
					checkRead(t, data, 0x5a5a5a|uint32(x), i%2 == 0)
				}
			}
		}
	}
}

func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("several seconds under the race detector")
	}
	manyKeys := func(n int, key func(i int) string) string {
		var b strings.Builder
		b.WriteString(`{"a":{`)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%s":1`, key(i))
		}
		return b.String() + "}}"
	}
	million := 1_000_000
	tree := pathTree(t, []string{"a"})
	wide, err := tree.With(Options{MaxKeys: 3 * million})
	if err != nil {
		t.Fatal(err)
	}
	same := strings.Repeat("x", 20)
	for _, c := range []struct {
		name, text string
		tree       *Tree
		want       errcat.Category
		twice      int
	}{
		{"1,000,000 brackets", `{"a":` + strings.Repeat("[", million), wide, errcat.Oversize, 0},
		{"1,000,000 objects", strings.Repeat(`{"a":`, million), wide, errcat.Oversize, 0},
		{"1,000,000 keys", manyKeys(million, func(i int) string { return fmt.Sprint(i) }), wide, errcat.None, 0},
		{"1,000,000 keys that look alike", manyKeys(million, func(i int) string { return same + fmt.Sprintf("%08d", i) + same }), wide, errcat.None, 0},
		{"1,000,000 keys, default limit", manyKeys(million, func(i int) string { return fmt.Sprint(i) }), tree, errcat.Oversize, 0},
		{"1,000,000 equal keys", manyKeys(million, func(i int) string { return "k" }), wide, errcat.None, million - 1},
		{"every key twice, once escaped", manyKeys(2*100_000, func(i int) string { return fmt.Sprintf([]string{"k%d", `\u006b%d`}[i%2], i/2) }), wide, errcat.None, 100_000},
		{"10 MiB string", `{"a":"` + strings.Repeat("x", 10<<20) + `"}`, tree, errcat.None, 0},
		{"10 MiB of escapes", `{"a":"` + strings.Repeat(`\u0000`, 10<<20/6) + `"}`, tree, errcat.None, 0},
		{"1,000,000 small objects", `{"a":[` + strings.Repeat(`{"a":1},`, million) + `1]}`, wide, errcat.None, 0},
		{"10 MiB of digits", `{"a":` + strings.Repeat("9", 10<<20) + `}`, tree, errcat.None, 0},
		{"10 MiB of spaces", `{"a":` + strings.Repeat(" ", 10<<20) + `1}`, tree, errcat.None, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var (
				f    parse.Frame
				text arena.Bytes
			)
			f.Reset(1, &text)
			err := c.tree.Reader().Read([]byte(c.text), &f)
			if errcat.Of(err) != c.want || err == nil && f.Duplicates != c.twice {
				t.Errorf("%v, %d duplicates; want %v, %d", err, f.Duplicates, c.want, c.twice)
			}
		})
	}
}

func TestRepair(t *testing.T) {
	tree, err := pathTree(t, []string{"a", "o"}).With(Options{RepairUTF8: true})
	if err != nil {
		t.Fatal(err)
	}
	r := tree.Reader()
	var f parse.Frame
	f.Reset(2, nil)
	if err := r.Read([]byte("{\"a\":\"x\xff\xe9\\n\",\"o\":{\"k\xff\":1,\"k\xfe\":2}}"), &f); err != nil {
		t.Fatal(err)
	}
	if got := f.Slots[0].Str(); got != "x\uFFFD\uFFFD\n" {
		t.Errorf("a is %q", got)
	}
	if got := f.Slots[1].Str(); got != "{\"k\uFFFD\":1}" || f.Duplicates != 1 {
		t.Errorf("o is %q, %d duplicates", got, f.Duplicates)
	}
	if r.Repaired() != 3 {
		t.Errorf("%d bytes repaired, want 3", r.Repaired())
	}
}

// A Reader that learned one order of keys reads every other one.
func TestOrder(t *testing.T) {
	names := []string{"a", "b", "key8byte", "key16bytes_abcde", "key16bytes_abcdf", "a_rather_long_key_of_this_product", "c", "other"}
	r := pathTree(t, names[:6]).Reader()
	var f parse.Frame
	for i := range 200 {
		text := "{"
		order := append([]string(nil), names...)
		for j := range order {
			k := (j*7 + i*(i+j)) % len(order)
			order[j], order[k] = order[k], order[j]
		}
		for j, n := range order {
			if j > 0 {
				text += ","
			}
			text += fmt.Sprintf(`"%s":"%s-%d"`, n, n, i)
		}
		f.Reset(6, nil)
		if err := r.Read([]byte(text+"}"), &f); err != nil {
			t.Fatal(err)
		}
		for j, n := range names[:6] {
			if want := fmt.Sprintf("%s-%d", n, i); f.Slots[j].Str() != want {
				t.Fatalf("%s: %s is %q, want %q", text, n, f.Slots[j], want)
			}
		}
	}
}

func TestReadPrefix(t *testing.T) {
	r := pathTree(t, []string{"a"}).Reader()
	data := []byte(" {\"a\":1}{\"a\":2}\n{\"a\":3}")
	var f parse.Frame
	for want := int64(1); want <= 3; want++ {
		f.Reset(1, nil)
		n, err := r.ReadPrefix(data, &f)
		if err != nil || f.Slots[0].Int() != want {
			t.Fatalf("%q: %v, %v", data, f.Slots[0], err)
		}
		data = data[n:]
	}
	if len(data) != 0 {
		t.Errorf("%q is left", data)
	}
}

func TestNoAllocations(t *testing.T) {
	lines := cloudTrail(50)
	lines = append(lines, []byte(`{"requestParameters":{"a":1,"a":2,"\u0062":3,`+"\n"+`"c":[1]},"resources":[{"ARN":"x"}],"eventName":"a\nb"}`))
	tree := pathTree(t, append([]string{"requestParameters", "resources[].ARN"}, cloudTrailPaths...))
	r := tree.Reader()
	f := parse.Frame{KeepRest: true}
	var text arena.Bytes
	allocs := testing.AllocsPerRun(10, func() {
		for _, l := range lines {
			text.Reset()
			f.Reset(tree.Slots(), &text)
			if err := r.Read(l, &f); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for %d lines", allocs, len(lines))
	}
}

func TestValidAndCompact(t *testing.T) {
	for text, want := range map[string]string{
		" [ 1 , {\"a\" : \"b c\" , \"a\":2} ]\n": `[1,{"a":"b c"}]`,
		`"x"`:                                    `"x"`, ` -1.0e5 `: `-1.0e5`, `null`: `null`, `{ }`: `{}`, "\xEF\xBB\xBF[ ]": `[]`,
		`[1`: "", ``: "", `1 2`: "", `tru`: "",
	} {
		got, err := Compact(nil, []byte(text))
		if string(got) != want || (err == nil) != (want != "") || (Valid([]byte(text)) == nil) != (want != "") {
			t.Errorf("Compact(%q) is %q, %v", text, got, err)
		}
	}
}

func TestIter(t *testing.T) {
	var (
		key  []byte
		v    parse.Value
		text arena.Bytes
		got  []string
	)
	for it := Object([]byte(` {"a":1 , "b\u0062":"x\n", "c":[1, 2],"d":{"e":{}},"f":null,"g":true}`), &text); it.Next(&key, &v); {
		got = append(got, string(key)+"="+describe(v))
	}
	want := []string{"a=int:1", "bb=string:x\n", "c=array:[1, 2]", `d=object:{"e":{}}`, "f=null:", "g=bool:true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []string{"", "[]", "{", `{"a`, `{"a"`, `{"a":`, `{"a":"x`, `{"a":[1`, "1", `{]`, "{:}"} {
		if it := Object([]byte(bad), &text); it.Next(&key, &v) {
			t.Errorf("Object(%q) has a member %s", bad, describe(v))
		}
	}
	for _, bad := range []string{"", "{}", "[", "[]", `["a`, "[[", "[}"} {
		if it := Array([]byte(bad), &text); it.Next(&key, &v) {
			t.Errorf("Array(%q) has an element %s", bad, describe(v))
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, text string
		o          *SplitOptions
		want       []string // Wrapper, colon, Raw or the category of Err; and | Envelope
	}{
		{"nothing", " \n", nil, nil},
		{"one", ` {"a":1} `, nil, []string{`:{"a":1}`}},
		{"lines", "{\"a\":1}\n{\"b\":2}\r\n\n{\"c\":3}", nil, []string{`:{"a":1}`, `:{"b":2}`, `:{"c":3}`}},
		{"values", `{"a":1}{"b":[{}]} {}`, nil, []string{`:{"a":1}`, `:{"b":[{}]}`, `:{}`}},
		{"value on more lines", "{\n \"a\": {\n }\n}\n{}", nil, []string{":{\n \"a\": {\n }\n}", ":{}"}},
		{"array", "\xEF\xBB\xBF[{\"a\":1}, {\"b\":\"]\"} ]", nil, []string{`:{"a":1}`, `:{"b":"]"}`}},
		{"empty array", `[ ]`, nil, nil},
		{"wrapper", `{"Records":[{"a":1},{"b":2}]}`, nil, []string{`Records:{"a":1}|{"Records":[{"a":1},{"b":2}]}`, `Records:{"b":2}|{"Records":[{"a":1},{"b":2}]}`}},
		{"wrapper with an envelope", `{"owner":"1","filters":["x"],"logEvents":[{"a":1}],"n":null}`, nil, []string{`logEvents:{"a":1}|{"owner":"1","filters":["x"],"logEvents":[{"a":1}],"n":null}`}},
		{"wrapper key with escapes", `{"\u0052ecords":[{}]}`, nil, []string{`Records:{}|{"\u0052ecords":[{}]}`}},
		{"event with events", `{"id":{"x":1},"events":[{"a":1}]}`, nil, []string{`:{"id":{"x":1},"events":[{"a":1}]}`}},
		{"event with events first", `{"events":[{"a":1}],"actor":{}} {}`, nil, []string{`:{"events":[{"a":1}],"actor":{}}`, ":{}"}},
		{"any envelope", `{"meta":{},"events":[{"a":1}]}`, &SplitOptions{AnyEnvelope: true}, []string{`events:{"a":1}|{"meta":{},"events":[{"a":1}]}`}},
		{"own wrappers", `{"Records":[{}]} {"x":[{"a":1}]}`, &SplitOptions{Wrappers: []string{"x"}}, []string{`:{"Records":[{}]}`, `x:{"a":1}|{"x":[{"a":1}]}`}},
		{"no wrappers", `{"Records":[{}]}`, &SplitOptions{Wrappers: []string{}}, []string{`:{"Records":[{}]}`}},
		{"wrapper of no objects", `{"value":[1,2]} {"value":[]}`, nil, []string{`:{"value":[1,2]}`, `:{"value":[]}`}},
		{"one level only", `{"Records":[{"Records":[{}]}]}`, nil, []string{`Records:{"Records":[{}]}|{"Records":[{"Records":[{}]}]}`}},
		{"broken line", "{\"a\":\"x\n{\"b\":1}\n{\"c\"\n{}", nil, []string{":TRUNCATED", `:{"b":1}`, ":TRUNCATED", ":{}"}},
		{"not JSON", "<134>x {}\n{\"a\":1}", nil, []string{":SCHEMA_VIOLATION", `:{"a":1}`}},
		{"bad element", `[{"a":1},2,"x",[3],{"b":01},nul]`, nil, []string{`:{"a":1}`, ":SCHEMA_VIOLATION", ":SCHEMA_VIOLATION", ":SCHEMA_VIOLATION", `:{"b":01}`, ":SCHEMA_VIOLATION"}},
		{"element with a raw line break", "[{\"a\":\"x\ny\"},{\"b\":1}]", nil, []string{":{\"a\":\"x\ny\"}", `:{"b":1}`}},
		{"commas", `[{"a":1} {"b":1},{"c":1},]`, nil, []string{`:{"a":1}`, ":SCHEMA_VIOLATION", `:{"c":1}`, ":SCHEMA_VIOLATION"}},
		{"cut wrapper", `{"Records":[{"a":1},{"b":`, nil, []string{`Records:{"a":1}`, "Records:TRUNCATED"}},
		{"framed", `{"a":{}} trailing `, &SplitOptions{Framed: true}, []string{`:{"a":{}} trailing`}},
		{"framed wrapper", `{"Records":[{"a":1}]}`, &SplitOptions{Framed: true}, []string{`Records:{"a":1}|{"Records":[{"a":1}]}`}},
		{"control characters", "\x00\n{\"a\":1}", nil, []string{":SCHEMA_VIOLATION", `:{"a":1}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for it := range Split([]byte(c.text), c.o) {
				s := it.Wrapper + ":" + string(it.Raw)
				if it.Err != nil {
					s = it.Wrapper + ":" + errcat.Of(it.Err).String()
				}
				if it.Envelope != nil {
					s += "|" + string(it.Envelope)
				}
				if string(it.Raw) != c.text[it.Offset:it.Offset+len(it.Raw)] {
					t.Errorf("item %q does not stand at %d", it.Raw, it.Offset)
				}
				got = append(got, s)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%q, want\n%q", got, c.want)
			}
		})
	}
}

// Splitting takes linear time: each of these takes minutes if it does not.
func TestSplitHostile(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("{", 1<<20), strings.Repeat("{\n", 1<<20), strings.Repeat("{\"a\":[1,\n", 1<<18), "{\"\n" + strings.Repeat("{}", 1<<19),
		strings.Repeat("[", 1<<20), "[" + strings.Repeat("\"", 1<<20), strings.Repeat("{\"value\":[{", 1<<18), strings.Repeat("{\"x\":[1]", 1<<18),
	} {
		for it := range Split([]byte(text), nil) {
			_ = it
		}
	}
}

// What Read keeps raw is JSON to others too.
func TestKeptIsStandard(t *testing.T) {
	f, _, err := read(t, string(cloudTrail(1)[0]), true, "requestParameters")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Rest {
		if k := p.Value.Kind(); (k == parse.KindObject || k == parse.KindArray) && !stdjson.Valid(p.Value.Bytes()) {
			t.Errorf("%s: %s", p.Key, p.Value)
		}
	}
}
