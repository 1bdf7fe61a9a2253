package ingest

import (
	"context"
	"io"
)

// Copier copies a stream that grows, such as a file that somebody writes: what is there now,
// and later what came since. Between two calls it holds the begin of a message that is not
// complete, bounded by Limits.MaxMessage, and no chunk. Not safe for concurrent use.
type Copier struct{ c copier }

// Grow returns a Copier for a stream that is read as it grows. It begins at s.Offset. Of
// s.Decoding only Invalid applies: compressed streams and other character sets are decoded by
// whoever reads (Decoding.Reader).
func (s Stream) Grow(out *Emit) *Copier {
	c := &Copier{newCopier(s, out)}
	c.c.grows = true
	return c
}

// More copies r, which goes on where the last one ended, until it ends or fails, and sends
// the messages that are complete. See Stream.Copy for what it does with them. After an error
// of r, which it returns, it may be called again.
func (c *Copier) More(ctx context.Context, r io.Reader) error {
	err := c.c.copy(ctx, r)
	c.c.drop()
	return err
}

// End sends what there is of the message at hand, as at the end of a stream. What comes
// later begins a new message.
func (c *Copier) End() error {
	err := c.c.end(io.EOF)
	if err == nil {
		err = c.c.send()
	}
	c.c.drop()
	return err
}

// Position is that of the message at hand: everything before it has been sent. Held is how
// many bytes of that message came so far.
func (c *Copier) Position() (at, held int64) {
	return c.c.pos, int64(len(c.c.carry)) + c.c.passed
}

// suspend sends what is complete and keeps the rest until there is more.
func (c *copier) suspend() error {
	if c.pending() {
		return c.send()
	}
	if c.chunk != nil {
		c.carry = append(c.carry[:0], c.chunk.Buf[c.start:]...)
		c.carried = c.scanned - c.start
	}
	return nil
}

// drop gives the chunk at hand back.
func (c *copier) drop() {
	c.out.Discard(c.chunk)
	c.chunk = nil
}
