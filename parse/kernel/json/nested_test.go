package json

import (
	stdjson "encoding/json"
	"strings"
	"testing"
)

// nestedTexts are the texts of all parts of data.
func nestedTexts(n *Nested, data string, most int) (texts []string, all bool) {
	var p Parts
	all = n.Find([]byte(data), most, &p)
	for i := range p.Len() {
		text := ""
		for _, piece := range p.Pieces(i) {
			text += data[piece.From:piece.To]
		}
		texts = append(texts, text)
	}
	return texts, all
}

func TestNested(t *testing.T) {
	for _, tc := range []struct {
		paths string
		in    string
		want  []string
	}{
		{"a[]", `{"a":[1,2]}`, []string{`{"a":[1]}`, `{"a":[2]}`}},
		{"a[]", "{\"x\":{} , \"a\" : [ 1 , {\"b\":[3,4]}\n] }", []string{`{"x":{} , "a" : [1] }`, `{"x":{} , "a" : [{"b":[3,4]}] }`}},
		{"a[]", `{"a":[]}`, nil},
		{"a[]", `{"a":[null,1]}`, []string{`{"a":[1]}`}},
		{"a[]", `{"a":{"b":1}}`, []string{`{"a":{"b":1}}`}},
		{"a[]", `{"a":"x"}`, []string{`{"a":"x"}`}},
		{"a[]", `{"a":null}`, nil},
		{"a[]", `{}`, nil},
		{"a[]", `[1]`, nil},
		{"a[]", `{"b":{"a":[1,2]}}`, nil},
		{"a[]", `{"a":[1,2]`, nil},
		{"a[]", `{"a":[1 2]}`, nil},
		{"a[]", `{"a":[1,2]} x`, nil},
		{"a[]", `{"\u0061":[1,2]}`, []string{`{"\u0061":[1]}`, `{"\u0061":[2]}`}},
		{"a[]", `{"a":[1],"a":[2]}`, []string{`{"a":[1],"a":[2]}`}},
		{"a.b[]", `{"a":{"b":[1,2],"c":3}}`, []string{`{"a":{"b":[1],"c":3}}`, `{"a":{"b":[2],"c":3}}`}},
		{"a.b[]", `{"a":[{"b":[1]}]}`, nil},
		{`a."b.c"[]`, `{"a":{"b.c":[1],"b":{"c":[2]}}}`, []string{`{"a":{"b.c":[1],"b":{"c":[2]}}}`}},
		{"a[].b[].c[]", `{"a":[{"k":1,"b":[{"c":["x","y"]},{"c":[]},7,{"c":["z"]}]},{"b":{"c":["w"]}}]}`, []string{
			`{"a":[{"k":1,"b":[{"c":["x"]}]}]}`,
			`{"a":[{"k":1,"b":[{"c":["y"]}]}]}`,
			`{"a":[{"k":1,"b":[{"c":["z"]}]}]}`,
			`{"a":[{"b":{"c":["w"]}}]}`,
		}},
		{"e.o[].a[] e.a[]", `{"e":{"a":[1,2],"n":0,"o":[{"i":1,"a":[3]},{"i":2,"a":[4]}]}}`, []string{
			`{"e":{"a":[],"n":0,"o":[{"i":1,"a":[3]}]}}`,
			`{"e":{"a":[],"n":0,"o":[{"i":2,"a":[4]}]}}`,
			`{"e":{"a":[1],"n":0,"o":[]}}`,
			`{"e":{"a":[2],"n":0,"o":[]}}`,
		}},
		{"a[].b[] a[].c[]", `{"a":[{"b":[1],"c":[2]},{"c":[3]}]}`, []string{
			`{"a":[{"b":[1],"c":[]}]}`, `{"a":[{"b":[],"c":[2]}]}`, `{"a":[{"c":[3]}]}`,
		}},
		{"a.b[] c.d[]", `{"a":{"b":[1]},"c":{"d":[2]}}`, []string{`{"a":{"b":[1]},"c":{"d":[]}}`, `{"a":{"b":[]},"c":{"d":[2]}}`}},
	} {
		n, err := NewNested(strings.Fields(tc.paths)...)
		if err != nil {
			t.Errorf("%s: %v", tc.paths, err)
			continue
		}
		got, all := nestedTexts(n, tc.in, 100)
		if strings.Join(got, "\n") != strings.Join(tc.want, "\n") || !all {
			t.Errorf("%s in %s:\n%s\nwant\n%s", tc.paths, tc.in, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
}

func TestNestedLimit(t *testing.T) {
	n, err := NewNested("a[]")
	if err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]bool{0: false, 2: false, 3: true, 4: true} {
		if texts, all := nestedTexts(n, `{"a":[1,2,3]}`, most); all != want || len(texts) != min(most, 3) {
			t.Errorf("at most %d: %q, all %t", most, texts, all)
		}
	}
	// More keys than an event may have: the text around them is not judged here.
	in := `{"a":[` + strings.Repeat(`{"k":1,"l":2},`, DefaultMaxKeys) + `{}]}`
	if texts, all := nestedTexts(n, in, 2); all || len(texts) != 2 {
		t.Errorf("%d elements of a long array", len(texts))
	}
}

func TestNestedPaths(t *testing.T) {
	for paths, want := range map[string]string{
		"":                                    "0 paths",
		"a":                                   "[] is missing",
		"a[].b":                               "[] is missing",
		"a[0]":                                "no index",
		"a[][]":                               "no index",
		"a..b[]":                              "empty key",
		"[]":                                  "empty key",
		`a."b[]`:                              "quote is not closed",
		"a[] a[]":                             "another path leads to the elements",
		"a[] a[].b[]":                         "another path leads to the elements",
		"a[].b[] a[]":                         "another path leads to the elements",
		"a[].b[] a.c[]":                       "with and without []",
		"a.b.c.d.e.f.g.h.i[]":                 "more than 8 keys",
		"a[] b[] c[] d[] e[] f[] g[] h[] i[]": "9 paths",
	} {
		if _, err := NewNested(strings.Fields(paths)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", paths, err, want)
		}
	}
}

// FuzzNested: whatever the text, its parts are valid JSON, and there are as many as the
// standard library finds elements.
func FuzzNested(f *testing.F) {
	for _, seed := range []string{
		`{"a":[{"b":[1,"]",{}]},{"b":[]}],"c":{"d":[null,2]}}`, `{"a":{"b":[1]}}`, `{"a":[`, "{\"a\" :\n[ ]}", `{"c":{"d":7}}`, "\ufeff{\"c\":{\"d\":[1]}}",
	} {
		f.Add([]byte(seed))
	}
	n, err := NewNested("a[].b[]", "c.d[]")
	if err != nil {
		f.Fatal(err)
	}
	list := func(v any) []any {
		switch v := v.(type) {
		case nil:
			return nil
		case []any:
			return v
		}
		return []any{v}
	}
	count := func(v any, key string) (c int) {
		o, _ := v.(map[string]any)
		for _, e := range list(o[key]) {
			if e != nil {
				c++
			}
		}
		return c
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Parts
		if !n.Find(data, 1000, &p) {
			return
		}
		for i := range p.Len() {
			var text []byte
			for _, piece := range p.Pieces(i) {
				text = append(text, data[piece.From:piece.To]...)
			}
			if err := Valid(text); err != nil {
				t.Fatalf("part %q of %q: %v", text, data, err)
			}
		}
		plain, err := Compact(nil, data) // drops equal keys
		if err != nil {
			if p.Len() > 0 && len(data) < DefaultMaxKeys {
				t.Fatalf("%q is not valid and has %d parts", data, p.Len())
			}
			return
		}
		var v any
		if stdjson.Unmarshal(plain, &v) != nil {
			return
		}
		o, _ := v.(map[string]any)
		want := count(o["c"], "d")
		for _, e := range list(o["a"]) {
			want += count(e, "b")
		}
		if p.Len() != want {
			t.Fatalf("%q: %d parts, want %d", data, p.Len(), want)
		}
	})
}
