package batch

import (
	"context"
	"encoding/binary"
	"io"
	"unicode/utf8"
)

// Console is a Writer for a terminal: of lines of JSON it escapes what JSON may hold as it
// is and a terminal obeys: DEL, the C1 controls (U+0080 to U+009F), marks of direction and
// the separators of lines and paragraphs. They become \u escapes, so that the JSON says the
// same. Safe for concurrent use.
type Console[T any] struct{ w Writer[T] }

// NewConsole returns a Sink that writes lines of JSON to a terminal. w is not closed.
func NewConsole[T any](w io.Writer) *Console[T] { return &Console[T]{Writer[T]{w: w}} }

// LinesOnly marks the sink.
func (*Console[T]) LinesOnly() {}

// Write writes the lines of b.
func (c *Console[T]) Write(ctx context.Context, b *Batch[T]) error {
	if allPlain(b.Lines) {
		return c.w.Write(ctx, b)
	}
	tame := Batch[T]{Msg: b.Msg, Msgs: b.Msgs, Ends: make([]int32, len(b.Ends))}
	from := int32(0)
	for i, end := range b.Ends {
		tame.Lines = AppendVisible(tame.Lines, b.Lines[from:end])
		tame.Ends[i], from = int32(len(tame.Lines)), end
	}
	return c.w.Write(ctx, &tame)
}

// allPlain reports whether all bytes are below 0x7f. It looks at 32 at a time: one by one this was
// a quarter of all instructions of an event.
func allPlain(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] {
		w, x := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		y, z := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		if (w|(w+ones)|x|(x+ones)|y|(y+ones)|z|(z+ones))&highs != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= 0x7f {
			return false
		}
	}
	return true
}

// AppendVisible appends a line of JSON as Console writes it.
func AppendVisible(dst, line []byte) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(line); {
		if line[i] < 0x7f {
			from := i
			for i < len(line) && line[i] < 0x7f {
				i++
			}
			dst = append(dst, line[from:i]...)
			continue
		}
		r, n := utf8.DecodeRune(line[i:])
		switch {
		case r == utf8.RuneError && n == 1: // no text, and perhaps a C1 control of an old terminal
			dst = append(dst, `\ufffd`...)
		case r <= 0x9f, r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			dst = append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = append(dst, line[i:i+n]...)
		}
		i += n
	}
	return dst
}
