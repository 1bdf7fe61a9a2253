package text

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/internal/cputime"
	"github.com/penstock-dev/penstock/parse"
)

func TestCutAndFlipped(t *testing.T) {
	patterns := []Pattern{{0, builtPattern}, {1, "Built <a> <b:word> connection {<n:int>|<w:word>}{ for <rest:rest>}"}, {2, "B<x:until?>"}}
	s, err := Compile(patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := newReference(patterns)
	if !ok {
		t.Fatal("no reference")
	}
	line := builtLine + " (bob)"
	for i := range line {
		compare(t, patterns, s, r, line[:i])
		compare(t, patterns, s, r, line[i:])
		for _, c := range []byte{line[i] ^ 0xff, line[i] ^ 1, ' ', '0', '(', ':', 0} {
			compare(t, patterns, s, r, line[:i]+string([]byte{c})+line[i+1:])
		}
	}
}

// hostileSets would take for ever with backtracking.
func hostileSets(many int) map[string][]Pattern {
	sets := map[string][]Pattern{}
	one := func(name, p string) { sets[name] = []Pattern{{0, p}} }
	one("a or aa", strings.Repeat("{a|aa}", 200)+"x")
	one("optional a", strings.Repeat("{a}", 400)+"x")
	one("int or word", strings.Repeat("{<:int>|<:hex>|<:number>} ", 40)+"x")
	one("many finds", strings.Repeat("<_>a", 100)+"x")
	one("optional finds", strings.Repeat("<_>{a|b|c} ", 40)+"x")
	one("nested", strings.Repeat("{<_> a ", 7)+"b"+strings.Repeat("|<_> b}", 7)+"x")
	one("empty captures", strings.Repeat("{<_:word?>|<_:int?>}a", 60)+"x")
	one("quoted", "<_>'{<_:quoted>|<_:until>'<_:quoted>}x")
	for i := range many {
		add := func(name, p string) { sets[name] = append(sets[name], Pattern{i, p}) }
		add("many ends", fmt.Sprintf("<_> a%d <n:int> x", i))
		add("many names", fmt.Sprintf("<n%d> a%d", i%500, i))
		add("many literals", fmt.Sprintf("%sx%d <_> y", strings.Repeat("a ", i%50), i))
		add("many classes", fmt.Sprintf("<_:chars(a-z0-9 :%c)>a%dx", 'A'+i%26, i))
	}
	return sets
}

// TestLinear matches 1 MB and 2 MB of text that almost matches.
func TestLinear(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	many, size := 10_000, 1<<20
	if testing.Short() {
		many, size = 1000, 1<<18
	}
	for name, patterns := range hostileSets(many) {
		start := cputime.Thread()
		s, err := Compile(patterns, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cputime.Thread() - start; d > 5*time.Second {
			t.Errorf("%s: compiled in %v", name, d)
		}
		var worst time.Duration
		worstUnit := ""
		for _, unit := range []string{"a", "1 ", "a ", " ", "a1 a2 ", "x a77 b", "'\\", "'a'", "1.1 ", "a b c "} {
			text := []byte(strings.Repeat(unit, size/len(unit)))
			start := cputime.Thread()
			s.Match(text, nil)
			if d := cputime.Thread() - start; d > worst {
				worst, worstUnit = d, unit
			}
		}
		t.Logf("%s: worst %v for %q, given up %d times", name, worst, worstUnit, s.Exhausted())
		if worst > 2*time.Second {
			t.Errorf("%s: %d bytes of %q take %v", name, size, worstUnit, worst)
		}
	}
}

// steps matches text as Match does, and returns what it spent: one for each way that was
// tried, and for each few bytes that a value or a search went over.
func steps(t *testing.T, s *Set, text string) int {
	t.Helper()
	m := matcher{set: s, text: []byte(text), fuel: firstFuel + len(text)/4}
	before := m.fuel
	if m.run(0, 0); m.fuel < 0 {
		t.Fatalf("%q needs a second try", text)
	}
	return before - m.fuel
}

// TestManyPatterns compares the work for one line in a set of one pattern and in one of
// thousands, most of which begin as it does: they share one tree, in which a literal is
// found by its first byte and a capture that all have is tried once.
func TestManyPatterns(t *testing.T) {
	patterns := []Pattern{{0, builtPattern}}
	for i := 1; i < 10_000; i++ {
		patterns = append(patterns, Pattern{i, fmt.Sprintf("Built <direction:word> <transport:word> session%d <id:int> for <user>", i)})
		patterns = append(patterns, Pattern{i, fmt.Sprintf("%x <action:word> by <user>", i*7919)})
	}
	one, err := Compile(patterns[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Compile(patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := all.Match([]byte(builtLine), make([]parse.Value, all.Slots())); !ok || id != 0 {
		t.Fatal(id, ok)
	}
	inTurn := 0
	for i := range patterns[:100] {
		s, err := Compile(patterns[i:i+1], nil)
		if err != nil {
			t.Fatal(err)
		}
		inTurn += steps(t, s, builtLine)
	}
	for _, line := range []string{builtLine, "Built inbound TCP session5001 7 for ann", "Built inbound TCP session9999x 7", "1f4f0e1 denied by ann", "no such line"} {
		few, many := steps(t, one, line), steps(t, all, line)
		t.Logf("%d steps with one pattern, %d with %d: %s", few, many, len(patterns), line)
		if many > few+2 {
			t.Errorf("%q: %d steps with one pattern, %d with %d of them", line, few, many, len(patterns))
		}
	}
	if few := steps(t, one, builtLine); inTurn < few+100/2 {
		t.Errorf("a hundred patterns in turn take %d steps, one takes %d: the comparison shows nothing", inTurn, few)
	}
	// What steps do not count: a way out by a literal is one look at the next byte.
	for i := range all.choices {
		c := &all.choices[i]
		var seen [256]bool
		for _, b := range c.firsts {
			if seen[b] {
				t.Errorf("two literals of one choice begin with %q", b)
			}
			seen[b] = true
		}
		if len(c.caps) > 2 {
			t.Errorf("%d captures are tried at one place", len(c.caps))
		}
	}
	for i := range all.searches {
		if s := &all.searches[i]; len(s.terms) > 1 && s.trie == nil {
			t.Errorf("%d literals are looked for one by one", len(s.terms))
		}
	}
}

func TestHugeText(t *testing.T) {
	s := compile(t, "a <x> b <y:rest>", "<x:word>", `<x:quoted>`)
	slots := make([]parse.Value, s.Slots())
	text := bytes.Repeat([]byte("x y "), 10<<20/4)
	text = append(append([]byte("a "), text...), "b c"...)
	if id, ok := s.Match(text, slots); !ok || id != 0 || slots[1].Str() != "c" {
		t.Error(id, ok)
	}
	text = bytes.Repeat([]byte("x"), 10<<20)
	if id, ok := s.Match(text, slots); !ok || id != 1 || len(slots[0].Bytes()) != len(text) {
		t.Error(id, ok)
	}
	for _, b := range []string{`\`, `"`, "\x00", "\xff", " ", "\n"} {
		s.Match([]byte(`"`+strings.Repeat(b, 10<<20)), slots)
	}
}

func TestNoAllocation(t *testing.T) {
	many := ""
	for i := range 40 {
		many += fmt.Sprintf("<n%d:int> ", i)
	}
	s := compile(t, builtPattern, many, "{<a:int>|<b:word>} {<c:ip>|<d>}: <e:quoted> <f:time(rfc3339)> <g:number>", "x <h> y", "x <h> z", "x <i:host>")
	slots := make([]parse.Value, s.Slots())
	lines := [][]byte{[]byte(builtLine), []byte(strings.Repeat("5 ", 40)), []byte(`z fe80::1: "a" 2024-01-02T03:04:05Z 1.5`), []byte("x q z"), []byte("x a:b"), []byte("none of them 12:30")}
	if n := testing.AllocsPerRun(100, func() {
		for _, l := range lines {
			s.Match(l, slots)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := compile(t, strings.Repeat("{<:int>|<:hex>|<:number>} ", 30)+"x", builtPattern, strings.Repeat("<_> a ", 5)+"<n:int>")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			slots := make([]parse.Value, s.Slots())
			for range 50 {
				if _, ok := s.Match([]byte(builtLine), slots); !ok {
					t.Error("no match")
				}
				if _, ok := s.Match([]byte(strings.Repeat("1 ", 30)), slots); ok {
					t.Error("match")
				}
			}
		})
	}
	wg.Wait()
}
