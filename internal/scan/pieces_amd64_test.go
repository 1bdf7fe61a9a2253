//go:build unix && !purego

package scan

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock-dev/penstock/internal/pagetest"
)

// plainFollow is FollowPieces in the plain way, up to the first piece that is not there or whose
// value ends otherwise.
func plainFollow(b []byte, at *Piece, i int, ends []int32) (*Piece, int, int, bool) {
	n, odd := 0, false
	for n < len(ends) && at.Guess != nil && at.Guess.stops != nil {
		p := at.Guess
		if !bytes.HasPrefix(b[i:], Bytes(p.text)) {
			break
		}
		s := p.stops
		from := i + len(p.text)
		size := bytes.IndexAny(b[from:], string([]byte{s[0][0], s[1][0], s[2][0]}))
		if size < 0 || b[from+size] != s[0][0] {
			break
		}
		for _, c := range b[from : from+size] {
			odd = odd || c < ' ' || c >= 0x80
		}
		at, i = p, from+size
		ends[n] = int32(i)
		n++
	}
	return at, i, n, odd
}

// FuzzFollowPieces compares with the plain way. Messages end where the memory that may be
// read does, or near it.
func FuzzFollowPieces(f *testing.F) {
	page, mem := pagetest.Guarded(f)
	for i := range uint64(200) {
		f.Add(i, uint16(i%40))
	}
	f.Fuzz(func(t *testing.T, seed uint64, gap uint16) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		text := func(most int, letters string) []byte {
			b := make([]byte, rnd.IntN(most))
			for i := range b {
				b[i] = letters[rnd.IntN(len(letters))]
			}
			return b
		}
		all := []*Stops{NewStops('<', '&', '&'), NewStops('"', '\\', '\\'), NewStops('"', '<', '&')}
		letters := "abcdefgh 12345.:-_/"
		if rnd.IntN(3) == 0 {
			letters = "abcdefghijklmno\n\x80\xff\x1f <&\\"
		}
		var msg, stop []byte
		pieces := make([]Piece, 2+rnd.IntN(20))
		for i := 1; i < len(pieces); i++ {
			// A piece begins with the byte at which the value before it ended.
			piece := append(stop, text(60, "<abc\"=> ")...)
			stops := all[rnd.IntN(len(all))]
			pieces[i] = NewPiece(piece, stops)
			pieces[i-1].Guess = &pieces[i]
			msg = append(msg, piece...)
			if rnd.IntN(30) == 0 && len(msg) > 0 {
				msg[len(msg)-1] ^= 1
			}
			msg = append(msg, text(50, letters)...)
			stop = []byte{stops[0][0]}
		}
		if msg = append(msg, stop...); rnd.IntN(4) == 0 {
			pieces[rnd.IntN(len(pieces))].stops = nil
		}
		if len(msg) > page {
			return
		}
		end := 2*page - int(gap)%page
		b := mem[end-len(msg) : end : end]
		copy(b, msg)
		got, want := make([]int32, 1+rnd.IntN(24)), make([]int32, 24)
		want = want[:len(got)]
		last, i, n, strange := plainFollow(b, &pieces[0], 0, want)
		at, to, passed, unusual := FollowPieces(b, &pieces[0], 0, got)
		if passed > n || passed < n && (2*page-end > 15 || len(b)-to > 150) {
			t.Fatalf("%d pieces, want %d: %q", passed, n, b)
		}
		if passed < n { // near the end of the memory
			last, i, _, strange = plainFollow(b, &pieces[0], 0, want[:passed])
		}
		if at != last || to != i || !slices.Equal(got[:passed], want[:passed]) {
			t.Fatalf("stops at %d, want %d: %q", to, i, b)
		}
		if strange && !unusual {
			t.Fatalf("nothing unusual in %q", b)
		}
	})
}
