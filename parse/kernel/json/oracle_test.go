package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// refObject is an object as encoding/json's tokens tell it, first key wins.
type refObject struct {
	keys   []string
	values map[string]any
}

type refCount struct{ twice, keys, depth int }

// refDecode reads data with encoding/json only.
func refDecode(data []byte) (any, refCount, error) {
	d := stdjson.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var n refCount
	v, err := refValue(d, &n, 1, true)
	return v, n, err
}

func refValue(d *stdjson.Decoder, n *refCount, depth int, count bool) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case stdjson.Delim('{'):
		n.depth = max(n.depth, depth)
		o := &refObject{values: map[string]any{}}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			n.keys++
			_, twice := o.values[k.(string)]
			v, err := refValue(d, n, depth+1, count && !twice)
			if err != nil {
				return nil, err
			}
			if twice {
				if count {
					n.twice++
				}
				continue
			}
			o.keys = append(o.keys, k.(string))
			o.values[k.(string)] = v
		}
		_, err = d.Token()
		return o, err
	case stdjson.Delim('['):
		n.depth = max(n.depth, depth)
		a := []any{}
		for d.More() {
			v, err := refValue(d, n, depth+1, count)
			if err != nil {
				return nil, err
			}
			a = append(a, v)
		}
		_, err = d.Token()
		return a, err
	}
	return tok, nil
}

// refEqual compares a value of ours with the oracle's.
func refEqual(v parse.Value, ref any) error {
	want := fmt.Sprintf("%#v", ref)
	switch ref := ref.(type) {
	case nil:
		if v.Kind() == parse.KindNull {
			return nil
		}
	case bool:
		if v.Kind() == parse.KindBool && v.Bool() == ref {
			return nil
		}
	case string:
		if v.Kind() == parse.KindString && v.Str() == ref {
			if text := v.JSON(); text != nil && `"`+string(text)+`"` != string(scan.AppendJSONString(nil, []byte(ref))) {
				return fmt.Errorf("%q is kept as the JSON text %s", ref, text)
			}
			return nil
		}
		want = fmt.Sprintf("%q", ref)
	case stdjson.Number:
		n, err := ref.Int64()
		if integer := err == nil && fmt.Sprint(n) == ref.String(); integer {
			if v.Kind() == parse.KindInt && v.Int() == n && v.Str() == ref.String() {
				return nil
			}
		} else if v.Kind() == parse.KindFloat && v.Str() == ref.String() {
			return nil
		}
	case *refObject, []any:
		kind := parse.KindObject
		if _, ok := ref.([]any); ok {
			kind = parse.KindArray
		}
		if v.Kind() != kind {
			break
		}
		if err := refRaw(v.Bytes()); err != nil {
			return err
		}
		return refIter(v, ref)
	}
	return fmt.Errorf("got %v %q, want %s", v.Kind(), v.Str(), want)
}

// refRaw checks that raw text is what Read promises.
func refRaw(raw []byte) error {
	if !stdjson.Valid(raw) || !utf8.Valid(raw) || bytes.ContainsAny(raw, "\r\n") {
		return fmt.Errorf("raw text is not one valid line: %q", raw)
	}
	if _, n, err := refDecode(raw); err != nil || n.twice != 0 {
		return fmt.Errorf("raw text %q: %d keys twice, %v", raw, n.twice, err)
	}
	return nil
}

// refIter compares through Iter.
func refIter(v parse.Value, ref any) error {
	var (
		key  []byte
		e    parse.Value
		text arena.Bytes
		i    int
	)
	switch ref := ref.(type) {
	case *refObject:
		for it := Object(v.Bytes(), &text); it.Next(&key, &e); i++ {
			if i >= len(ref.keys) || string(key) != ref.keys[i] {
				return fmt.Errorf("Iter: key %d is %q, want of %q", i, key, ref.keys)
			}
			if err := refEqual(e, ref.values[ref.keys[i]]); err != nil {
				return err
			}
		}
		if i != len(ref.keys) {
			return fmt.Errorf("Iter: %d keys of %d", i, len(ref.keys))
		}
	case []any:
		for it := Array(v.Bytes(), &text); it.Next(&key, &e); i++ {
			if i >= len(ref) {
				return fmt.Errorf("Iter: more than %d elements", len(ref))
			}
			if err := refEqual(e, ref[i]); err != nil {
				return err
			}
		}
		if i != len(ref) {
			return fmt.Errorf("Iter: %d elements of %d", i, len(ref))
		}
	}
	return nil
}

// refExpect is what Read should find.
type refExpect struct {
	slots map[int][]any // lists have one element for each of theirs
	list  map[int]bool
	rest  []refPair
}

type refPair struct {
	parent int32
	key    string
	value  any
}

func (x *refExpect) object(n *node, o *refObject, keep bool) (all bool) {
	all = true
	for _, k := range o.keys {
		i := -1
		for j := range n.entries {
			if n.entries[j].name == k {
				i = j
			}
		}
		if i < 0 {
			all = false
			if keep {
				x.rest = append(x.rest, refPair{n.id, k, o.values[k]})
			}
			continue
		}
		mapped := x.value(&n.entries[i], o.values[k], keep)
		all = all && mapped
		if !mapped && keep {
			if _, ok := o.values[k].(*refObject); !ok || n.entries[i].obj == nil {
				x.rest = append(x.rest, refPair{n.id, k, o.values[k]})
			}
		}
	}
	return all
}

func (x *refExpect) value(e *entry, v any, keep bool) (all bool) {
	if e.slot >= 0 {
		x.slots[int(e.slot)] = append(x.slots[int(e.slot)], v)
		x.list[int(e.slot)] = e.list >= 0
	}
	all = e.slot >= 0
	switch v := v.(type) {
	case *refObject:
		if e.obj != nil {
			mapped := x.object(e.obj, v, keep && e.slot < 0)
			all = all || mapped
		}
	case []any:
		if e.arr != nil {
			mapped := len(v) > 0
			for i, elem := range v {
				done := false
				for _, at := range e.arr.at {
					if at.index == i {
						if !x.value(at.entry, elem, false) {
							mapped = false
						}
						done = true
					}
				}
				if e.arr.all != nil {
					if !x.value(e.arr.all, elem, false) {
						mapped = false
					}
					done = true
				}
				mapped = mapped && done
			}
			all = all || mapped
		}
	}
	return all
}

// fuzzPaths is what a fuzzed mask chooses from.
var fuzzPaths = []string{
	"a", "a.b", "a.b.c", "b", "c[]", "c[].a", "c[].b.a", "c[0]", "c[1].a", "a[]", "b.a", "b[][0]",
	`"x.y"`, `"x.y".z`, `"é"`, `""`, `"\""`, "userIdentity.sessionContext", "userIdentity.sessionContext.attributes",
	"eventName", "key16bytes_abcde", "key8byte", "k",
}

func fuzzTree(t testing.TB, mask uint32) *Tree {
	var paths []Path
	for i, p := range fuzzPaths {
		if mask>>i&1 != 0 {
			paths = append(paths, Path{p, i})
		}
	}
	tree, err := New(paths)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

var oracleSeeds = []string{
	`{"a":{"b":1,"c":2},"c":[{"a":"x"},{"b":{"a":2},"m":3}],"raw":{"k":1,"k":2},"x.y":{"z":"\u00e9\ud83d\ude00"},"z":-0,"z":1}`,
	`{"a":1,"b":{"a":[1,2,{"q":[]}]},"c":[],"\u0061":2,"":null,"\"":true}`,
	"\xEF\xBB\xBF {\"a\" : [ 1 ,\n\t2.5e3 , -1 ] , \"é\":\"日本語テキスト\", \"b\":[[1],[2,3],4]}\r\n",
	`{"userIdentity":{"sessionContext":{"attributes":{"mfa":"false"}},"type":"Root"},"eventName":"AddUser","key16bytes_abcde":1,"key8byte":2,"k":3}`,
	`{"a":"\ud800","b":"\udc00\ud800","c":["\ud800\ud800\udc00",{"a":"\ud83d\ude00"}],"\ud801":1,"\ud802":2}`,
	`{"a":9223372036854775807,"b":-9223372036854775808,"c":[9223372036854775808,1e400,0.1,-0.0,123456789012345678901234567890]}`,
	`{"a":{"b":{"c":[{"d":{"d":1,"d":2}}]},"b":7}}`, `{"a":"x` + "\x00" + `"}`, `{"a":"` + "\xff\xfe" + `"}`, `{"a":NaN}`,
	`{"a":01}`, `{"a":1e}`, `{"a":-}`, `{"a":+1}`, `{"a":.5}`, `{"a":5.}`, `{"a":1,}`, `{"a":[1,]}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{'a':1}`,
	`{"a":tru}`, `{"a":True}`, `{"a":"\q"}`, `{"a":"\u12"}`, `{"a":1}x`, `{} {}`, `[]`, `1`, ``, ` `, `{`, `{"a":"\`, "{\"a\":\"b\nc\"}", "{\"a\":1\f}", `{"a":1]`, `{"a":[1}}`,
}

func FuzzRead(f *testing.F) {
	for i, s := range oracleSeeds {
		f.Add([]byte(s), uint32(0x7fffff), true)
		f.Add([]byte(s), uint32(0x155555>>(i%3)), false)
		f.Add([]byte(s), uint32(2|8|0x40|0x800), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, mask uint32, keep bool) {
		if len(data) < 1<<14 {
			checkRead(t, data, mask, keep)
		}
	})
}

func checkRead(t testing.TB, data []byte, mask uint32, keep bool) {
	tree := fuzzTree(t, mask)
	r := tree.Reader()
	var (
		frame parse.Frame
		text  arena.Bytes
	)
	body := bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	valid := stdjson.Valid(body) && utf8.Valid(body)
	if got := Valid(data) == nil; got != valid && !isOversize(Valid(data)) {
		t.Fatalf("Valid(%q) is %v, encoding/json says %v", data, Valid(data), valid)
	}
	ref, count, _ := refDecode(body)
	top, isObject := ref.(*refObject)
	// Twice: the second time with what the first taught about the order of keys.
	for range 2 {
		text.Reset()
		frame = parse.Frame{KeepRest: keep}
		frame.Reset(tree.Slots(), &text)
		err := r.Read(data, &frame)
		if err != nil {
			var e *errcat.Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(data)) {
				t.Fatalf("Read(%q): error %#v", data, err)
			}
			if isOversize(err) && (count.keys > 1000 || count.depth > DefaultMaxDepth || len(data) > parse.MaxKeyLength) {
				return
			}
			if valid && isObject {
				t.Fatalf("Read(%q): %v, encoding/json takes it", data, err)
			}
			return
		}
		if !valid || !isObject {
			t.Fatalf("Read(%q): no error, encoding/json refuses it", data)
		}
		x := refExpect{slots: map[int][]any{}, list: map[int]bool{}}
		x.object(tree.nodes[0], top, keep)
		for i, v := range frame.Slots {
			want := x.slots[i]
			switch {
			case len(want) == 0:
				if !v.IsZero() {
					t.Fatalf("Read(%q): slot %s is %v, want none", data, fuzzPaths[i], v)
				}
			case x.list[i]:
				got := v.List()
				if len(got) != len(want) {
					t.Fatalf("Read(%q): slot %s has %d elements, want %d", data, fuzzPaths[i], len(got), len(want))
				}
				for j := range want {
					if err := refEqual(got[j], want[j]); err != nil {
						t.Fatalf("Read(%q): slot %s[%d]: %v", data, fuzzPaths[i], j, err)
					}
				}
			default:
				if err := refEqual(v, want[0]); err != nil {
					t.Fatalf("Read(%q): slot %s: %v", data, fuzzPaths[i], err)
				}
			}
		}
		if len(frame.Rest) != len(x.rest) {
			t.Fatalf("Read(%q): %d pairs in Rest, want %d: %v", data, len(frame.Rest), len(x.rest), x.rest)
		}
		for i, p := range frame.Rest {
			w := x.rest[i]
			if p.Parent != w.parent || string(p.Key) != w.key {
				t.Fatalf("Read(%q): Rest[%d] is %d %q, want %d %q", data, i, p.Parent, p.Key, w.parent, w.key)
			}
			if err := refEqual(p.Value, w.value); err != nil {
				t.Fatalf("Read(%q): Rest %q: %v", data, p.Key, err)
			}
		}
		if keep && frame.Duplicates != count.twice {
			t.Fatalf("Read(%q): %d duplicates, want %d", data, frame.Duplicates, count.twice)
		}
	}
	if !valid {
		return
	}
	compact, err := Compact(nil, data)
	if err != nil {
		t.Fatal(err)
	}
	if err := refRaw(compact); err != nil {
		t.Fatalf("Compact(%q): %v", data, err)
	}
	checkOthers(t, body, top)
}

// checkOthers compares with the readers that hosts use, for the text of one key. They
// differ from encoding/json in what they make of lone surrogates.
func checkOthers(t testing.TB, data []byte, top *refObject) {
	tree, err := New([]Path{{"a", 0}})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(`\u`)) {
		return
	}
	var (
		frame parse.Frame
		text  arena.Bytes
	)
	frame.Reset(1, &text)
	if err := tree.Reader().Read(data, &frame); err != nil {
		t.Fatal(err)
	}
	v := frame.Slots[0]
	g := gjson.GetBytes(data, "a")
	fast, err := fastjson.ParseBytes(data)
	if err != nil {
		return // depth
	}
	o := fast.Get("a")
	if g.Exists() != !v.IsZero() || (o != nil) != !v.IsZero() {
		t.Fatalf("%q: a is %v here, %v in gjson, %v in fastjson", data, v, g, o)
	}
	if v.Kind() == parse.KindString && (g.String() != v.Str() || string(o.GetStringBytes()) != v.Str()) {
		t.Fatalf("%q: a is %q here, %q in gjson, %q in fastjson", data, v, g, o)
	}
	if v.Kind() == parse.KindInt && (g.Int() != v.Int() || o.GetInt64() != v.Int()) {
		t.Fatalf("%q: a is %v here, %v in gjson, %v in fastjson", data, v, g, o)
	}
}

func isOversize(err error) bool { return errors.Is(err, errcat.Oversize) }

// FuzzRepair compares the repair of bytes that are not UTF-8 with encoding/json's,
// which is the same.
func FuzzRepair(f *testing.F) {
	for _, s := range []string{"\xff", "a\x80b", "\xe2\x82", `\ud800`, "é\xc3", `\u00e9\xff`, "\xf0\x9f\x98", `\\` + "\xff"} {
		f.Add([]byte(s))
	}
	tree, err := New([]Path{{"a", 0}, {"o", 1}})
	if err != nil {
		f.Fatal(err)
	}
	if tree, err = tree.With(Options{RepairUTF8: true}); err != nil {
		f.Fatal(err)
	}
	r := tree.Reader()
	f.Fuzz(func(t *testing.T, inside []byte) {
		data := fmt.Appendf(nil, `{"o":{"k%s":["%s"],"l":1},"a":"%s"}`, inside, inside, inside)
		var (
			frame parse.Frame
			text  arena.Bytes
			want  struct{ A string }
		)
		frame.Reset(2, &text)
		err := r.Read(data, &frame)
		if (err == nil) != stdjson.Valid(data) {
			t.Fatalf("Read(%q): %v", data, err)
		}
		if err != nil || strings.Contains(string(data), `"a"`) && bytes.Count(data, []byte(`"`)) != 14 {
			return
		}
		if err := stdjson.Unmarshal(data, &want); err != nil || frame.Slots[0].Str() != want.A {
			t.Fatalf("Read(%q): a is %q, want %q, %v", data, frame.Slots[0].Str(), want.A, err)
		}
		if !utf8.Valid(inside) && r.Repaired() == 0 {
			t.Fatalf("Read(%q): no byte was repaired", data)
		}
		ref, _, _ := refDecode(data)
		if err := refEqual(frame.Slots[1], ref.(*refObject).values["o"]); err != nil {
			t.Fatalf("Read(%q): o: %v", data, err)
		}
	})
}

func FuzzSplit(f *testing.F) {
	for _, s := range oracleSeeds {
		f.Add([]byte(s), false)
	}
	for _, s := range []string{
		`{"Records":[{"a":1},{"b":[]}]} {"x":1}{"y":"cut` + "\n" + ` {"z":1}`, `[{"a":1},2,{"b":1}{"c":1},{"d`, `{"x":{},"value":[{}]}`, `{"logEvents":[{},],"o":1}`,
	} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, framed bool) {
		o := SplitOptions{Framed: framed}
		end := 0
		n := 0
		for it := range Split(data, &o) {
			n++
			if it.Offset < end || it.Offset+len(it.Raw) > len(data) || !bytes.Equal(data[it.Offset:it.Offset+len(it.Raw)], it.Raw) {
				t.Fatalf("Split(%q): item %q at %d after %d", data, it.Raw, it.Offset, end)
			}
			end = it.Offset + len(it.Raw)
			if it.Err == nil && it.Raw[0] != '{' {
				t.Fatalf("Split(%q): item %q", data, it.Raw)
			}
		}
		if got := len(AppendItems(nil, data, &o)); got != n {
			t.Fatalf("Split(%q): %d items, AppendItems %d", data, n, got)
		}
	})
}
