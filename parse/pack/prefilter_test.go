package pack

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

func TestNeedle(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, alphabet := range []string{"aA=|", "abc=", "ab\x00\xff"} {
		text := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = alphabet[rng.IntN(4)]
			}
			return b
		}
		for range 20000 {
			b, w := text(rng.IntN(40)), text(1+rng.IntN(4))
			n := newNeedle(string(w))
			if got := n.in(b); got != bytes.Contains(b, w) {
				t.Fatalf("%q in %q: %t", w, b, got)
			}
			var pairs pairSet
			if pairs.of(b); pairs.holds(b, &n) != n.in(b) {
				t.Fatalf("%q in %q: its pairs are not there", w, b)
			}
		}
	}
}

// What the prefilter knows of a regular expression is true of every text that it matches.
func TestPrefilter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for expr, want := range map[string]string{ // what one of the needed texts is, "" for none
		`^%[A-Z]+-\d: `:                       "",
		`^ab?c+(de|df)g`:                      "deg",
		`^(?:x|yy)*z \[(?:emerg|alert)\] `:    " [emerg] ",
		`(?:^|: )[0-9a-f]{3}:[0-7]: `:         ":0: ",
		`^\s*[^ ]{0,3}b`:                      "b",
		`^(?i)ask`:                            "",
		`^[é-ü]a.\w`:                          "a",
		`^a{2,3}(b|c){1,2}$`:                  "",
		`x(?:-PPE-\d+)+`:                      "-PPE-",
		`^(\w+\[\d+\]: )?<\d{2}> (?:<A>|\|)`:  "> <A>",
		`^[a-z][a-z0-9]{0,4}: ?[^:]`:          "",
		`^ *[a-c]+ *[<|](?:A|\d|é)`:           "",
		`^[^:]*: `:                            ": ",
		`^ *(?i:[ask]):`:                      "",
		`(?:[0-9x]{3}|[a-c]{3,}) ?([a-e]{3})`: "",
		`[0-9]{2} (?:emerg|x|\[)`:             " emerg",
	} {
		re := regexp.MustCompile(expr)
		parsed, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		sets, texts := beginnings(parsed), needed(parsed)
		list := []*syntax.Regexp{parsed}
		bytesOf, first, rows := heldBy(list), leadsOf(list)[0], stretchesBy(list)
		if want != "" && !strings.Contains(strings.Join(texts, "\x00"), want) {
			t.Errorf("%s needs %q, not %q", expr, texts, want)
		}
		matched := 0
		alphabet := []rune("abcdefgxyz %-:[]<>|A09éß emerg\n")
		for range 20000 {
			var b strings.Builder
			for range 1 + rng.IntN(9) {
				switch rng.IntN(12) {
				case 0:
					b.WriteString([]string{"emerg] ", "-PPE-7", ":3: ", "<12> ", "deg", "%AB-1: ", "aabb"}[rng.IntN(7)])
				case 1:
					b.WriteByte(byte(0x80 + rng.IntN(0x80))) // no UTF-8
				default:
					b.WriteRune(alphabet[rng.IntN(len(alphabet))])
				}
			}
			s := b.String()
			if !re.MatchString(s) {
				continue
			}
			matched++
			for _, row := range rows {
				if !row.in([]byte(s)) {
					t.Fatalf("%s matches %q, which has not %d in a row", expr, s, row.n)
				}
			}
			if there := new(presence); !there.of([]byte(s)).meetsAll(bytesOf) || !first.allows([]byte(s)) {
				t.Fatalf("%s matches %q, which has not all that it should: %v, %v", expr, s, bytesOf, first)
			}
			for i := range sets {
				if i >= len(s) || !sets[i].has(s[i]) {
					t.Fatalf("%s matches %q, whose byte %d is not foreseen", expr, s, i)
				}
			}
			if len(texts) > 0 {
				ok := false
				for _, w := range texts {
					ok = ok || strings.Contains(s, w)
				}
				if !ok {
					t.Fatalf("%s matches %q, which holds none of %q", expr, s, texts)
				}
			}
		}
		t.Logf("%s: %d matches, %d places, %q, %d sets, lead %t", expr, matched, len(sets), texts, len(bytesOf), first != lead{})
	}
}

// Presence is what a loop over the bytes finds, and what it excludes are the texts of a few
// expressions that signatures have.
func TestPresence(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		b := make([]byte, rng.IntN(60))
		var want byteSet
		for i := range b {
			b[i] = byte(rng.IntN(256))
			want.add(b[i])
		}
		if got := new(presence).of(b); *got != want {
			t.Fatalf("%q: %x, want %x", b, *got, want)
		}
	}
	for range 20000 {
		b := make([]byte, rng.IntN(20))
		for i := range b {
			b[i] = "0a"[rng.IntN(2)]
		}
		s := stretch{n: 1 + rng.IntN(5)}
		s.of.add('0')
		if got := s.in(b); got != strings.Contains(string(b), strings.Repeat("0", s.n)) {
			t.Fatalf("%d in a row in %q: %t", s.n, b, got)
		}
	}
	parse := func(expr string) []*syntax.Regexp {
		re, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		return []*syntax.Regexp{re}
	}
	digits := stretchesBy(parse(`\b\d{5} (?:auth|mgr): `))
	if len(digits) != 1 || digits[0].in([]byte("at 10:42:0123 this")) || !digits[0].in([]byte("a 12345")) {
		t.Errorf("five digits: %v", digits)
	}
	for _, c := range []struct {
		expr, text string
		bytes      bool // a byte is missing
	}{
		{`\b\d{5} (?:auth|mgr): `, "neither this nor that", true},
		{`\b\d{5} (?:auth|mgr): `, "at 10:42: this", false},
		{`^[A-Za-z_][\w.-]{0,40}=(?:"[^"]*"|[^ "=]*) `, "Something is a=b", false},
		{`^[A-Za-z_][\w.-]{0,40}=(?:"[^"]*"|[^ "=]*) `, "Something is nothing", true},
		{`^ *[\[<(]?(?:TRACE|DEBUG|error)[\])>]? ?[:\]|] ?\S`, "error in nothing", true},
	} {
		list := parse(c.expr)
		missing := !new(presence).of([]byte(c.text)).meetsAll(heldBy(list))
		anchored := c.expr[0] == '^'
		if missing != c.bytes || !missing && anchored && leadsOf(list)[0].allows([]byte(c.text)) {
			t.Errorf("%s is tried on %q", c.expr, c.text)
		}
	}
}
