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
		}
	}
}

// What the prefilter knows of a regular expression is true of every text that it matches.
func TestPrefilter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for expr, want := range map[string]string{ // what one of the needed texts is, "" for none
		`^%[A-Z]+-\d: `:                      "",
		`^ab?c+(de|df)g`:                     "deg",
		`^(?:x|yy)*z \[(?:emerg|alert)\] `:   " [emerg] ",
		`(?:^|: )[0-9a-f]{3}:[0-7]: `:        ":0: ",
		`^\s*[^ ]{0,3}b`:                     "b",
		`^(?i)ask`:                           "",
		`^[é-ü]a.\w`:                         "a",
		`^a{2,3}(b|c){1,2}$`:                 "",
		`x(?:-PPE-\d+)+`:                     "-PPE-",
		`^(\w+\[\d+\]: )?<\d{2}> (?:<A>|\|)`: "> <A>",
	} {
		re := regexp.MustCompile(expr)
		parsed, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		sets, texts := beginnings(parsed), needed(parsed)
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
				default:
					b.WriteRune(alphabet[rng.IntN(len(alphabet))])
				}
			}
			s := b.String()
			if !re.MatchString(s) {
				continue
			}
			matched++
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
		t.Logf("%s: %d matches, %d places, %q", expr, matched, len(sets), texts)
	}
}
