//go:build unix && !purego

package parse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock-dev/penstock/internal/pagetest"
)

// plainPass finds the values that PassSpaced or PassQuoted may pass, in the plain way: keys are those that
// should come behind the one whose value begins at b[from:].
func plainPass(b []byte, from int, keys []string, quoted bool) (values []Value) {
	for _, k := range keys {
		rest := b[from:]
		var v []byte
		next, flags := 0, Flags(0)
		switch {
		case !quoted:
			eq := bytes.IndexAny(rest, `=\`)
			if next = eq - len(k); eq < 0 || rest[eq] != '=' || next < 1 {
				return values
			}
			if v = rest[:next-1]; rest[next-1] != ' ' || len(v) > 0 && (v[0] <= ' ' || v[len(v)-1] <= ' ') {
				return values
			}
		case len(rest) > 0 && rest[0] == '"':
			end := bytes.IndexAny(rest[1:], `"\`)
			if end < 0 || rest[1+end] != '"' {
				return values
			}
			v, next, flags = rest[1:1+end], end+3, Quoted
			if next > len(rest) || rest[next-1] != ' ' {
				return values
			}
		default:
			end := bytes.IndexFunc(rest, func(r rune) bool { return r <= ' ' || r >= 0x80 })
			if end < 1 || rest[end] != ' ' || rest[0] == '=' {
				return values
			}
			v, next = rest[:end], end+1
		}
		if !bytes.HasPrefix(rest[next:], []byte(k+"=")) {
			return values
		}
		values = append(values, BytesValue(v).WithFlags(flags))
		from += next + len(k) + 1
	}
	return values
}

// FuzzPass compares with the plain way. Texts end where the memory that may be read does, or
// near it.
func FuzzPass(f *testing.F) {
	page, mem := pagetest.Guarded(f)
	for i := range uint64(300) {
		f.Add(i, uint16(i%50), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, gap uint16, quoted bool) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		letters := "abcdefghij0123456789.:/-"
		if rnd.IntN(3) == 0 {
			letters += " \"=\\\t\xc3"
		} else if !quoted {
			letters += `  "`
		}
		var names []string
		var text []byte
		for i := range 2 + rnd.IntN(20) {
			name := fmt.Sprintf("k%d%.*s", i, rnd.IntN(32), "aVeryLongNameOfAFieldIndeed.More")
			names = append(names, name)
			if i > 0 {
				text = append(text, ' ')
			}
			text = append(append(text, name...), '=')
			q := quoted && rnd.IntN(2) == 0
			if q {
				text = append(text, '"')
			}
			for range rnd.IntN(40) {
				text = append(text, letters[rnd.IntN(len(letters))])
			}
			if q {
				text = append(text, '"')
			}
		}
		if len(text) > page {
			return
		}
		end := 2*page - int(gap)%page
		b := mem[end-len(text) : end : end]
		copy(b, text)
		o := orderOf(names)
		o.Guess(b, 0)
		fr := &Frame{KeepRest: true}
		eq := len(names[0])
		want := plainPass(b, eq+1, names[1:], quoted)
		pass := o.PassSpaced
		if quoted {
			pass = o.PassQuoted
		}
		start, at, slot, ok := pass(b, 0, eq, -1, fr)
		n := len(fr.Rest)
		// It may stop where the memory or the text ends, and at names of more than 31 bytes.
		if n > len(want) || !ok || slot != -1 || n < len(want) && len(names[n+1]) <= wordsKey && 2*page-end > 15 && bytes.LastIndexByte(b, '=') < len(b)-8 {
			t.Fatalf("%d values, want %d: %q", n, len(want), b)
		}
		for i, p := range fr.Rest {
			if string(p.Key) != names[i] || !p.Value.Equal(want[i]) || p.Value.Flags() != want[i].Flags() {
				t.Fatalf("%s=%q, want %s=%q: %q", p.Key, p.Value.Bytes(), names[i], want[i].Bytes(), b)
			}
		}
		if string(b[start:at]) != names[n] || b[at] != '=' || o.Last().Len() != len(names[n]) {
			t.Fatalf("then %q, want %s", b[start:at], names[n])
		}
	})
}

// plainParameters finds what Parameters may find behind names that come as expected, in the plain way.
func plainParameters(b []byte, names []string) (found []Parameter) {
	at := 0
	for _, name := range names {
		front := " " + name + `="`
		if !bytes.HasPrefix(b[at:], []byte(front)) {
			break
		}
		p := Parameter{From: int32(at + len(front))}
		end := int(p.From)
		for ; end < len(b) && b[end] != '"'; end++ {
			if b[end] == '\\' {
				p.Escaped = true
				end++
			}
		}
		if end+1 >= len(b) {
			break
		}
		p.To = int32(end)
		found = append(found, p)
		at = end + 1
	}
	return found
}

// FuzzParameters compares with the plain way, as FuzzPass does.
func FuzzParameters(f *testing.F) {
	page, mem := pagetest.Guarded(f)
	for i := range uint64(300) {
		f.Add(i, uint16(i%50))
	}
	f.Fuzz(func(t *testing.T, seed uint64, gap uint16) {
		rnd := rand.New(rand.NewPCG(seed, 10))
		letters := "abcdefghij0123456789.:/- ="
		if rnd.IntN(3) == 0 {
			letters += "\"\\]\xc3"
		}
		var names []string
		var text []byte
		for i := range 1 + rnd.IntN(20) {
			name := fmt.Sprintf("k%d%.*s", i, rnd.IntN(32), "aVeryLongNameOfAFieldIndeed.More")
			names = append(names, name)
			text = append(append(append(text, ' '), name...), "=\""...)
			for range rnd.IntN(40) {
				text = append(text, letters[rnd.IntN(len(letters))])
			}
			text = append(text, '"')
		}
		if rnd.IntN(3) > 0 {
			text = append(text, "] message"...)
		}
		if len(text) > page {
			return
		}
		end := 2*page - int(gap)%page
		b := mem[end-len(text) : end : end]
		copy(b, text)
		o := orderOf(names)
		room := make([]Parameter, 1+rnd.IntN(32))
		want := plainParameters(b, names)
		want = want[:min(len(want), len(room))]
		n := o.Parameters(b, 0, room)
		// It may stop where the memory or the text ends, and at names of more than 31 bytes.
		if n > len(want) || n < len(want) && len(names[n]) <= wordsKey && len(b)-int(want[n].To)+2*page-end > 16 {
			t.Fatalf("%d values, want %d: %q", n, len(want), b)
		}
		for i, p := range room[:n] {
			if p != want[i] {
				t.Fatalf("%+v, want %+v: %q", p, want[i], b)
			}
		}
	})
}

// orderOf expects names, as after a message that had them.
func orderOf(names []string) *KeyOrder {
	o := NewKeyOrder(nil, '=')
	o.Begin()
	for _, n := range names {
		o.Find([]byte(n))
	}
	o.Begin()
	return o
}
