package gather

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// cutAll feeds in to a Cutter in pieces and describes what comes out.
func cutAll(t testing.TB, f ingest.Framing, in []byte, piece func() int, end error) (out []string, most int) {
	t.Helper()
	limits := ingest.Limits{MaxMessage: 300, KeepOversize: 20}
	c := NewCutter(f, &parse.Origin{}, limits)
	add := func(b *Block) {
		fault := 0
		for i, m := range b.Msgs {
			text := string(m.Raw)
			if fault < len(b.Faults) && b.Faults[fault].Msg == i {
				text += fmt.Sprintf(" !%v %d", b.Faults[fault].Err, b.Faults[fault].Length)
				fault++
			} else if len(m.Raw) > limits.MaxMessage {
				t.Fatalf("a message of %d bytes", len(m.Raw))
			}
			out = append(out, text)
		}
		if fault != len(b.Faults) {
			t.Fatalf("faults %v of %d messages", b.Faults, len(b.Msgs))
		}
		for range b.Skipped {
			out = append(out, "(skipped)")
		}
	}
	for len(in) > 0 {
		room := c.Room()
		if len(room) == 0 {
			t.Fatal("no room")
		}
		n := copy(room[:min(piece(), len(room))], in)
		in = in[n:]
		add(c.Cut(n, time.Time{}))
		c.Shrink()
		most = max(most, len(c.buf))
	}
	add(c.End(end, time.Time{}))
	return out, most
}

var seeds = []string{
	"<1>a\n<2>b\r\n\n<3>c", "5 <1>ab4 <2>c", "12 <1>a\n", "0 <1>a\n9 <1>abcdef<2>g\n", strings.Repeat("x", 2000) + "\nshort\n",
	"400 <" + strings.Repeat("y", 399) + "3 <z>", "9999999999 <1>", "99999999999 <1>\n", "1 <2 <33 <1>", "a\x00b\x00\x00c", " \n", "7 ", "7",
}

func FuzzCutter(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint64(i), i%2 == 0)
	}
	framings := map[string]ingest.Framing{"auto": Auto, "lines": ingest.Lines, "nul": ingest.NUL, "octets": ingest.OctetCounting}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, broken bool) {
		end := io.EOF
		if broken {
			end = io.ErrUnexpectedEOF
		}
		for name, framing := range framings {
			r := rand.New(rand.NewPCG(seed, 1))
			whole, most := cutAll(t, framing, in, func() int { return 1 << 20 }, end)
			dripped, _ := cutAll(t, framing, in, func() int { return 1 + r.IntN(40) }, end)
			if most > largeRead {
				t.Errorf("%s: a buffer of %d bytes", name, most)
			}
			// Blank lines are counted for each block, so their place among the messages differs.
			if a, b := sorted(whole), sorted(dripped); a != b {
				t.Errorf("%s: %q cut at once is\n%s\nand dripped\n%s", name, in, a, b)
			}
		}
	})
}

func sorted(s []string) string {
	skipped := 0
	var b bytes.Buffer
	for _, x := range s {
		if x == "(skipped)" {
			skipped++
		} else {
			fmt.Fprintf(&b, "%q\n", x)
		}
	}
	return fmt.Sprintf("%s%d skipped", b.String(), skipped)
}
