package json_test

import (
	"testing"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

var peekPaths = []json.Path{{Path: "a", Slot: 0}, {Path: "b.c", Slot: 1}, {Path: "b", Slot: 2}, {Path: "l[0].x", Slot: 3},
	{Path: "l[1]", Slot: 4}, {Path: "m[].y", Slot: 5}, {Path: `"d.e"`, Slot: 6}, {Path: "n", Slot: 7}}

var peekTexts = []string{
	`{}`, ` {"a":1}`, `{"a":"x","a":"y"}`, `{"b":{"c":true,"c":false},"n":null}`, `{"b":7,"n":-0,"a":1.50}`,
	`{"l":[{"x":"\u0041"},"two"],"m":[{"y":1},{"z":{}},{"y":[2]}]}`, `{"d.e":"q\"q","other":{"deep":[1,{"s":"}]"}]}}`,
	"\xef\xbb\xbf{ \n \"a\" : [ 1 , 2 ] , \"b\" : { } }", `{"l":[],"m":{}}`, `{"\u0061":"escaped key"}`,
}

// What Peek finds of a text that Read takes is what Read finds.
func checkPeek(t *testing.T, tree *json.Tree, p *json.Peeker, data []byte) {
	var f parse.Frame
	f.Reset(tree.Slots(), nil)
	_, err := tree.Reader().ReadPrefix(data, &f)
	found, ok := p.Peek(data)
	for i := range found {
		found[i].Plain(nil)
	}
	if err != nil {
		return
	}
	if !ok {
		t.Fatalf("%q: not an object", data)
	}
	got := map[int][]json.Found{}
	for _, e := range found {
		got[e.Slot] = append(got[e.Slot], e)
	}
	for slot, v := range f.Slots {
		list := got[slot]
		switch {
		case v.IsZero() != (len(list) == 0):
			t.Fatalf("%q: slot %d is %v, Peek found %d", data, slot, v, len(list))
		case v.Kind() == parse.KindList:
			if len(v.List()) != len(list) {
				t.Fatalf("%q: slot %d has %d elements, Peek found %d", data, slot, len(v.List()), len(list))
			}
		case len(list) > 0:
			if len(list) > 1 || list[0].Kind != v.Kind() {
				t.Fatalf("%q: slot %d is %v %v, Peek found %v", data, slot, v.Kind(), v, list)
			}
			if k := v.Kind(); k == parse.KindString || k == parse.KindInt || k == parse.KindBool {
				if text := string(list[0].Plain(nil)); text != v.String() {
					t.Fatalf("%q: slot %d is %q, Peek found %q", data, slot, v, text)
				}
			}
		}
	}
}

func TestPeek(t *testing.T) {
	tree, err := json.New(peekPaths)
	if err != nil {
		t.Fatal(err)
	}
	p := tree.Peeker()
	for range 2 { // the second time it knows the order of the keys
		for _, text := range peekTexts {
			checkPeek(t, tree, p, []byte(text))
		}
	}
	for _, text := range []string{`{"\u":1}`, `{"a":"\u"}`, `{"a":"\u12"}`, `{"a":"\ud800\u"}`, `{"\ud800\u":"\x"}`} {
		checkPeek(t, tree, p, []byte(text))
	}
	for _, text := range []string{"", "[]", "1", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":"x`, `{a:1}`, `{"a":[1}`, `{"a" 1}`, `{"a":x}`, `{"l":[{"x":1}`} {
		if found, ok := p.Peek([]byte(text)); ok {
			t.Errorf("%q is an object: %v", text, found)
		}
	}
}

func FuzzPeek(f *testing.F) {
	tree, err := json.New(peekPaths)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range peekTexts {
		f.Add([]byte(text))
	}
	p := tree.Peeker()
	f.Fuzz(func(t *testing.T, data []byte) { checkPeek(t, tree, p, data) })
}
