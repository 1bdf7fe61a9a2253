package pack

import (
	"math/bits"

	"github.com/penstock-dev/penstock/internal/scan"
)

// windows finds which of many texts a message holds: of each text it knows the grams of a piece
// of size bytes, and looks at so few places that one of them must be the beginning of a gram,
// however many the texts are. It is constant once built.
type windows struct {
	size  int                        // of a window: a text has as many bytes at least, eight at most
	grams [1 << gramBits / 64]uint64 // which hashes of grams windows have
	// By the hash of a gram: a bit for each place of a window at which it is in one.
	places [1 << gramBits]uint8
	head   []int16 // by the hash of a window: the first one, or -1
	items  []window
}

type window struct {
	text uint64 // its bytes, the first lowest
	next int16  // another one of the same hash, or -1
	// The texts that it is a piece of.
	whole []wholeText
}

type wholeText struct {
	before, after string // what stands around the window
	sets          bitset // the candidates that are possible with it
}

const (
	gramLen     = 3
	gramBits    = 15
	windowHeads = 1 << 12
	maxWindows  = 1 << 14
)

func newWindows(size int) *windows {
	w := &windows{size: size, head: make([]int16, windowHeads)}
	for i := range w.head {
		w.head[i] = -1
	}
	return w
}

func gramHash(gram uint64) uint64 {
	return gram & (1<<(8*gramLen) - 1) * 0x9e3779b97f4a7c15 >> (64 - gramBits)
}

func windowHash(text uint64) int { return int(text * 0x9e3779b97f4a7c15 >> (64 - 12)) }

// wordAt is the eight bytes from b[i:], or those there are.
func wordAt(b []byte, i int) (w uint64) {
	if i+8 <= len(b) {
		return scan.Load64(b, i)
	}
	if len(b) >= 8 {
		return scan.Load64(b, len(b)-8) >> (8 * (i + 8 - len(b)))
	}
	for k := len(b) - 1; k >= i; k-- {
		w = w<<8 | uint64(b[k])
	}
	return w
}

// at is the window at b[i:].
func (w *windows) at(b []byte, i int) uint64 {
	return wordAt(b, i) << (64 - 8*w.size) >> (64 - 8*w.size)
}

// add makes candidate possible for messages that hold text, which has size bytes or more. It is false if there are too many.
func (w *windows) add(text string, words, candidate int) bool {
	from := rarest(text, w.size)
	n := w.at([]byte(text), from)
	h := windowHash(n)
	at := int(w.head[h])
	for at >= 0 && w.items[at].text != n {
		at = int(w.items[at].next)
	}
	if at < 0 {
		if len(w.items) == maxWindows {
			return false
		}
		for k := 0; k+gramLen <= w.size; k++ {
			gram := gramHash(n >> (8 * k))
			w.grams[gram/64] |= 1 << (gram % 64)
			w.places[gram] |= 1 << k
		}
		at = len(w.items)
		w.items = append(w.items, window{text: n, next: w.head[h]})
		w.head[h] = int16(at)
	}
	it := &w.items[at]
	before, after := text[:from], text[from+w.size:]
	for i := range it.whole {
		if it.whole[i].before == before && it.whole[i].after == after {
			it.whole[i].sets.set(candidate)
			return true
		}
	}
	sets := make(bitset, words)
	sets.set(candidate)
	it.whole = append(it.whole, wholeText{before, after, sets})
	return true
}

// frequency is how often bytes stand in log texts, more or less: of ten thousand.
var frequency = func() (f [256]int) {
	for c := range f {
		switch {
		case c >= '0' && c <= '9':
			f[c] = 250
		case c >= 'A' && c <= 'Z':
			f[c] = 60
		default:
			f[c] = 20
		}
	}
	for i, c := range []byte(" etaoinsrdlcumpf.:=\"-/h,gb_wyv") {
		f[c] = max(100, 900-50*i)
	}
	return f
}()

// rarest returns where in text the piece of size bytes begins whose grams the fewest messages hold, as far
// as the frequencies of bytes tell.
func rarest(text string, size int) int {
	best, at := 0, 0
	for i := 0; i+size <= len(text); i++ {
		n := 0
		for k := i; k+gramLen <= i+size; k++ {
			n += frequency[text[k]] * frequency[text[k+1]] * frequency[text[k+2]]
		}
		if i == 0 || n < best {
			best, at = n, i
		}
	}
	return at
}

// find adds the candidates that are possible with what b holds to sets.
func (w *windows) find(b []byte, sets bitset) {
	step := w.size - gramLen + 1
	i := 0
	for ; i+8 <= len(b); i += step {
		if g := gramHash(scan.Load64(b, i)); w.grams[g/64]>>(g%64)&1 != 0 {
			w.hit(b, i, g, sets)
		}
	}
	for ; i+gramLen <= len(b); i += step {
		if g := gramHash(wordAt(b, i)); w.grams[g/64]>>(g%64)&1 != 0 {
			w.hit(b, i, g, sets)
		}
	}
}

// hit looks for the windows of which a gram may begin at b[i:].
func (w *windows) hit(b []byte, i int, gram uint64, sets bitset) {
	for places := w.places[gram%(1<<gramBits)]; places != 0; places &= places - 1 {
		from := i - bits.TrailingZeros8(places)
		if from < 0 || from+w.size > len(b) {
			continue
		}
		text := w.at(b, from)
		for at := w.head[windowHash(text)]; at >= 0; at = w.items[at].next {
			if w.items[at].text == text {
				w.items[at].found(b, from, from+w.size, sets)
				break
			}
		}
	}
}

// found adds the candidates that are possible with the window b[from:end] and what stands
// around it.
func (it *window) found(b []byte, from, end int, sets bitset) {
	for k := range it.whole {
		t := &it.whole[k]
		if from >= len(t.before) && string(b[from-len(t.before):from]) == t.before &&
			len(b)-end >= len(t.after) && string(b[end:end+len(t.after)]) == t.after {
			for k, m := range t.sets {
				sets[k] |= m
			}
		}
	}
}
