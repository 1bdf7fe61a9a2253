package yaml

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// dump writes a tree in one line.
func dump(n *Node) string {
	switch n.Kind {
	case Null:
		return "null"
	case List:
		var items []string
		for _, i := range n.Items {
			items = append(items, dump(i))
		}
		return "[" + strings.Join(items, " ") + "]"
	case Map:
		var pairs []string
		for _, p := range n.Pairs {
			pairs = append(pairs, p.Key.Text+":"+dump(p.Value))
		}
		return "{" + strings.Join(pairs, " ") + "}"
	}
	return fmt.Sprintf("%s(%s)", map[Kind]string{String: "s", Int: "i", Float: "f", Bool: "b"}[n.Kind], n.Text)
}

func TestParse(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"scalars", "a: x\nb: 12\nc: 1.5\nd: true\ne:\nf: ~\ng: null\n", "{a:s(x) b:i(12) c:f(1.5) d:b(true) e:null f:null g:null}"},
		{"texts", "a: 'it''s'\nb: \"x\\ty\"\nc: \"12\"\nd: yes\ne: \"\"\n", "{a:s(it's) b:s(x\ty) c:s(12) d:s(yes) e:s()}"},
		{"odd numbers", "a: 0x1F\nb: 1_000\nc: -3\nd: 2.0e3\n", "{a:i(0x1F) b:i(1_000) c:i(-3) d:f(2.0e3)}"},
		{"lists", "a: [1, b]\nb:\n  - c\n  - d: e\n    f: g\n  - - h\n", "{a:[i(1) s(b)] b:[s(c) {d:s(e) f:s(g)} [s(h)]]}"},
		{"a list at the key's column", "a:\n- b\n- c\nd: e\n", "{a:[s(b) s(c)] d:s(e)}"},
		{"flow", "{a: {b: [c, {d: e}]}, f: [], g: {}}", "{a:{b:[s(c) {d:s(e)}]} f:[] g:{}}"},
		{"flow over lines", "a: {\n  b: c,\n  d: [\n    e,\n    f ]}\n", "{a:{b:s(c) d:[s(e) s(f)]}}"},
		{"blocks", "a: |\n  x\n  y\nb: >\n  x\n  y\nc: |-\n  z\n", "{a:s(x\ny\n) b:s(x y\n) c:s(z)}"},
		{"comments", "# one\na: b # two\n# three\nc: 'd # e'\n", "{a:s(b) c:s(d # e)}"},
		{"keys that look like others", "1: a\ntrue: b\n1.5: c\n\"q k\": d\n", "{1:s(a) true:s(b) 1.5:s(c) q k:s(d)}"},
		{"a document mark", "---\na: b\n", "{a:s(b)}"},
		{"only a text", "a", "s(a)"},
		{"line ends of Windows", "a: b\r\nc:\r\n  - d\r\n  - 'e'\r\nf: |\r\n  g\r\n  h\r\n", "{a:s(b) c:[s(d) s(e)] f:s(g\nh\n)}"},
		{"not quite anchors", "a: 'x & y'\nb: x*y\nc: hi!\nd: R&D\ne: what?\n", "{a:s(x & y) b:s(x*y) c:s(hi!) d:s(R&D) e:s(what?)}"},
		{"UTF-8", "ü: é\n", "{ü:s(é)}"},
		{"a byte order mark", "\uFEFFa: b\n", "{a:s(b)}"},
	} {
		f, err := Parse("f.yaml", []byte(tc.in))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := dump(f.Root); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"anchor", "a: &x b\n", "f.yaml:1:4: anchors"},
		{"alias", "a: b\nc: *x\n", "f.yaml:2:4: aliases"},
		{"billion laughs", "a: &a [x, x]\nb: &b [*a, *a]\n", "f.yaml:1:4: anchors"},
		{"merge key", "a: {b: c}\nd:\n  <<: {e: f}\n", "f.yaml:3:3: merge keys"},
		{"quoted merge key", "\"<<\": {e: f}\n", "f.yaml:1:1: merge keys"},
		{"tag", "a: !!binary b\n", "f.yaml:1:4: tags"},
		{"own tag", "!x a\n", "f.yaml:1:1: tags"},
		{"directive", "%YAML 1.2\n---\na: b\n", "f.yaml:1:1: directives"},
		{"marked key", "? a\n: b\n", "f.yaml:1:1: keys marked"},
		{"key twice", "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: "},
		{"key twice inside", "x:\n  - a: 1\n    a: 2\n", "f.yaml:3:5: "},
		{"key twice in braces", "x: {a: 1, a: 2}\n", "f.yaml:1:11: "},
		{"key twice in other quotes", "a: 1\n'a': 2\n\"\\x61\": 3\n", "f.yaml:2:1: "},
		{"list as key", "[a]: b\n", "f.yaml:1:"},
		{"two documents", "a: b\n---\nc: d\n", "f.yaml:2:1: a second document"},
		{"two documents, the first empty", "---\n---\na: b\n", "f.yaml:2:1: a second document"},
		{"empty", "", "f.yaml:1:1: the file is empty"},
		{"comments only", "# a\n", "f.yaml:1:1: the file is empty"},
		{"tab as indent", "a:\n\tb: c\n", "f.yaml:2:1: "},
		{"open bracket", "a: [b\n", "f.yaml:1:4: "},
		{"open quote", "a: 'b\n", "f.yaml:1:4: "},
		{"too wide", "a:\n" + strings.Repeat(" ", 600) + "b: c\n", "f.yaml:2:1: indented by 600"},
		{"dashes", strings.Repeat("- ", 5000) + "a", "f.yaml:1:1: indented by"},
		{"deep brackets", strings.Repeat("[", 65), "f.yaml:1:65: brackets nested deeper than 64"},
		{"deep brackets on lines of their own", strings.Repeat("[\n", 200_000), "f.yaml:65:1: brackets nested deeper than 64"},
		{"deep braces", strings.Repeat("{a:\n", 200_000), "f.yaml:65:1: brackets nested deeper than 64"},
		{"deep blocks", stairs(70), "f.yaml:66:"},
		{"many entries", entries(MaxEntries+1, "\n"), "f.yaml:8193:"},
		{"many entries in braces", "{" + entries(MaxEntries+1, ", ") + "}", "a mapping with more than 8192 entries"},
		{"too large", "a: " + strings.Repeat("x", MaxSize), "f.yaml:1:1: the file has"},
	} {
		start := time.Now()
		_, err := Parse("f.yaml", []byte(tc.in))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %.200v, want %s", tc.name, err, tc.want)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: the message has %d bytes", tc.name, len(err.Error()))
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", tc.name, d)
		}
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func entries(n int, sep string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: v%s", i, sep)
	}
	return b.String()
}

// As many entries as are allowed must also be quick, and the limit is one of each mapping.
func TestManyEntries(t *testing.T) {
	start := time.Now()
	f, err := Parse("", []byte("a:\n"+strings.ReplaceAll("\n"+entries(6000, "\n"), "\nk", "\n  k")+"\nb:\n  c: d\ne: {f: g}\n"+
		strings.ReplaceAll("\n"+entries(6000, "\n"), "\nk", "\nl")))
	if err != nil {
		t.Fatal(err)
	}
	if n, m := len(f.Root.Get("a").Pairs), len(f.Root.Pairs); n != 6000 || m != 6003 {
		t.Errorf("%d and %d entries", n, m)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestPositions(t *testing.T) {
	f, err := Parse("f.yaml", []byte("a: b\n\nlist:\n  - x\n  - k: 'v'\n    \"n\": {m: [1, 2]}\nnil:\nlast: |\n  text\n"))
	if err != nil {
		t.Fatal(err)
	}
	list := f.Root.Get("list")
	inner := list.Items[1]
	for _, tc := range []struct {
		what string
		n    *Node
		want string
	}{
		{"root", f.Root, "1:1"},
		{"a", f.Root.Get("a"), "1:4"},
		{"list item", list.Items[0], "4:5"},
		{"map in a list", inner, "5:5"},
		{"quoted value", inner.Get("k"), "5:8"},
		{"quoted key", inner.Pairs[1].Key, "6:5"},
		{"braces", inner.Get("n"), "6:10"},
		{"list in braces", inner.Get("n").Get("m"), "6:14"},
		{"number", inner.Get("n").Get("m").Items[1], "6:18"},
	} {
		if got := fmt.Sprintf("%d:%d", tc.n.Line, tc.n.Col); got != tc.want {
			t.Errorf("%s stands at %s, want %s", tc.what, got, tc.want)
		}
	}
	if n := f.Root.Get("nil"); n.Line != 7 {
		t.Errorf("an empty value stands on line %d, want 7", n.Line)
	}
	if got := f.Errorf(inner.Get("k"), "wrong").Error(); got != "f.yaml:5:8: wrong\n    - k: 'v'\n         ^" {
		t.Errorf("message is %q", got)
	}
}

func TestNodeInt(t *testing.T) {
	for in, want := range map[string]int64{"12": 12, "-3": -3, "0x1F": 31, "1_000": 1000, "0": 0, "0o17": 15} {
		f, err := Parse("", []byte("a: "+in))
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := f.Root.Get("a").Int(); !ok || n != want {
			t.Errorf("%s is %d, %v; want %d", in, n, ok, want)
		}
	}
	for _, in := range []string{"'12'", "1.5", "true", "a", "99999999999999999999", "[1]", "010"} {
		f, err := Parse("", []byte("a: "+in))
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := f.Root.Get("a").Int(); ok {
			t.Errorf("%s is the number %d", in, n)
		}
	}
	var none *Node
	if none.Get("a") != nil {
		t.Error("nothing has a member")
	}
}

// FuzzParse: no input makes Parse panic or take long, and each node has a place in the
// file.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a: b\nc: [1, {d: 'e'}]\nf: |\n  g\n", "- a\n- - b\n", "? a\n: b", "a: &b c\nd: *b", "!!map {a: b}", "--- a\n...\n--- b", "a:\r\n\tb",
		"\"\\u00\"", "'", "a: >+2\n   x", "{a, b: }", "[[[[", "a: b: c", "%TAG ! x", "\xff\xfe", "<<: {a: b}", "a: #\n #\n", "- ? - ? -", "a: |9\n b", "\r\r0",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 4096 {
			return
		}
		start := time.Now()
		file, err := Parse("f", src)
		if d := time.Since(start); d > 10*time.Second {
			t.Fatalf("%d bytes took %v", len(src), d)
		}
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("an error without place: %v", err)
			}
			return
		}
		var visit func(n *Node, depth int)
		visit = func(n *Node, depth int) {
			if n == nil || n.Line < 1 || n.Col < 1 || n.Line > len(file.lines)+1 {
				t.Fatalf("a node without place: %+v", n)
			}
			if depth > MaxDepth+1 {
				t.Fatal("too deep")
			}
			seen := map[string]bool{}
			for _, p := range n.Pairs {
				if seen[p.Key.Text] {
					t.Fatalf("key %q twice", p.Key.Text)
				}
				seen[p.Key.Text] = true
				visit(p.Key, depth+1)
				visit(p.Value, depth+1)
			}
			for _, i := range n.Items {
				visit(i, depth+1)
			}
		}
		visit(file.Root, 0)
	})
}
