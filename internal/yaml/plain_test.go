package yaml

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// places writes a tree with the place of everything.
func places(n *Node) string {
	var b strings.Builder
	var walk func(n *Node)
	walk = func(n *Node) {
		col := n.Col
		if n.Kind == Null {
			col = 0 // the library has one before or behind the colon, depending on what follows
		}
		fmt.Fprintf(&b, "%d:%d %d %q", n.Line, col, n.Kind, n.Text)
		for _, i := range n.Items {
			b.WriteString("\n- ")
			walk(i)
		}
		for _, p := range n.Pairs {
			b.WriteString("\n? ")
			walk(p.Key)
			b.WriteString("\n: ")
			walk(p.Value)
		}
		b.WriteString(" .")
	}
	walk(n)
	return b.String()
}

// twice reads a document plainly and with the library.
func twice(t *testing.T, name string, src []byte) (plainly bool) {
	t.Helper()
	f, err := Parse(name, src)
	if err != nil {
		return false
	}
	g := &File{Name: name, lines: f.lines}
	text, whole := withinMarks(strings.Join(f.lines, "\n"))
	tree := g.plainTree()
	if tree == nil {
		return false
	}
	if err := g.parse(text, whole); err != nil {
		t.Errorf("%s: read plainly, but refused by the library: %v\n%s", name, err, src)
		return true
	}
	if got, want := places(tree), places(g.Root); got != want {
		g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
		for i := range g {
			if i >= len(w) || g[i] != w[i] {
				t.Errorf("%s: node %d is %s, of the library %s\n%.300s", name, i, g[i], w[min(i, len(w)-1)], src)
				break
			}
		}
	}
	return true
}

// Nearly every pack is read plainly, into the library's tree.
func TestPlainPacks(t *testing.T) {
	files, err := filepath.Glob("../../parse/vendors/*/pack.yaml")
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	declined := 0
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !twice(t, name, src) {
			declined++
			t.Logf("%s: read by the library", name)
		}
	}
	if declined > len(files)/20 {
		t.Errorf("%d of %d packs are not read plainly", declined, len(files))
	}
}

// What looks like the plain form and is not, and what is at its edges.
var edges = []string{
	"a: b\n", "a:\n  - b\n  - c: d\n    e: [f, 'g', \"h\\t\"]\n", "a:\n- b\n- - c\nd: {e: f, g: [h]}\n",
	"a: |\n  x\n\n  y\n\nb: |-\n    z\n   \nc:\n", "a: |\n  x\n y\n", "a: |2\n   x\n", "a: |\n\n  x\n", "a:\n  - |\n    x\n  - y\n",
	"a: b\n  c\n", "a: b # c\n#d\n", "a: b #\n", "a: b#c\n", "a: 'b' #c\n", "a: 'b'c\n", "a: 'b'#c\n", "a: [b]c\n", "a:\n  b\n", "a:\n  'b'\n", "a:\n  {b: c}\n", "a:\n{b: c}\n",
	"a: [b,\n  c, # d\n  e]\n", "a: [b,\nc]\n", "a: [b c\n  d]\n", "a: [b, ]\n", "a: [, b]\n", "a: [b,, c]\n", "a: {b, c: d}\n", "a: {b: , c: d}\n", "a: {b:c, d: e}\n", "a: {'b':c}\n", "a: {b: c d: e}\n",
	"a: [b: c]\n", "a: {b: [c}]\n", "a: [b#c, d #e\n ]\n", "a: [a: b, c]\n", "a: [x:y, z:]\n", "a: b: c\n", "a: b:\n", "a : b\n", "a:b\n", "a:  b  \n", "a:\n    b: c\n  d: e\n", "a:\n  b: c\n d: e\n",
	"- a\n- b: c\n  d: e\n-  f\n", "- a\n - b\n", "-\n  a\n", "- - a\n  - b\n- c\n", "- a: b\n c: d\n", "-a: b\n", "a: -b\n", "a: - b\n", "a: --- b\n", "--- a\n", "a: b\n...\n", "...: a\n", "a: .\n", "a: =\n", "=: a\n",
	"a: 1\nb: 01\nc: 1e3\nd: .5\ne: +1\nf: 1.\ng: -\nh: 0o7\ni: 0b1\nj: .inf\nk: .nan\nl: Null\nm: ~\nn: TRUE\no: 1_0\np: _1\nq: 1:2\nr: 2001-01-01\n", "1: a\n~: b\ntrue: c\nnull: d\n", "a: ''\nb: \"\"\nc: 'it''s'\nd: \"\\\"\"\n",
	"a: \"b\n  c\"\n", "'a': b\n\"c\": d\n'a b' : c\n", "a: 'b\n", "a: \"\\x41\"\n", "a: @b\n", "a: %b\n", "a: \"\\/\"\n", "a: ? b\n", "? a\n", "a: <b\n", "<<: a\n", "é: ü # ö\nb: {ü: é, c: d}\n", "a: b\na: c\n", "a:\n\n\n  b: c\n\n", "a: \u00a0b\n", "a: b\u2028c\n", "\u00a0a: b\n", "a: b\x00c\n", "a: [\u00a0]\n",
	"a: \xe4\n", "{0:0: 0}\n", "a: {b:c: d}\n", "a: |\n 0", "a: |-\n b \n", "a:  b  \n", "- -\x00", "a: |\n b",
	"a: [b\n  , c]\n", "a: {\n  b: c,\n  d:\n    e}\n", "a: {b: c}\n  d: e\n", "a: #b\n  c: d\n", "a: # b\n  c: d\n", "a:# b\n", "- # a\n  b: c\n", "a: [b, c]: d\n", "{a: b}: c\n", "{a: b}\n", "[a]\n", "a: ]\n", "a: b]\n", "a: b, c\n", "a: [-b, - c]\n", "a: [-]\n", "a: {-: b}\n", "a: [\"b\"c]\n", "a: ['b', \"c\" , d ]\n", "a: {\"b\": c}\n", "a: {b: \"c\"}\n", "a: [b {c}]\n",
}

func TestPlainEdges(t *testing.T) {
	n := 0
	for i, src := range edges {
		if twice(t, fmt.Sprintf("edge %d (%.60q)", i, src), []byte(src)) {
			n++
		}
	}
	if n < len(edges)/3 {
		t.Errorf("%d of %d are read plainly: the test shows nothing", n, len(edges))
	}
}

// Whatever is read plainly is what the library reads.
func FuzzPlain(f *testing.F) {
	for _, src := range edges {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 2000 {
			return
		}
		twice(t, "f", src)
	})
}

func BenchmarkParse(b *testing.B) {
	src, err := os.ReadFile("../../parse/vendors/cisco.asa/pack.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Parse", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			if _, err := Parse("f", src); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		f := &File{Name: "f", lines: strings.Split(string(src), "\n")}
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			if err := f.parse(string(src), true); err != nil {
				b.Fatal(err)
			}
		}
	})
}
