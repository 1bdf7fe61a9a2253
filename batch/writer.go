package batch

import (
	"context"
	"io"
	"sync"
)

// Writer is a Sink that writes the lines of each batch with one call of an
// io.Writer's Write. Safe for concurrent use; batches do not mix.
type Writer[T any] struct {
	mu   sync.Mutex
	w    io.Writer
	torn bool // the last write ended within a line
}

// NewWriter returns a Sink that writes lines to w. It adds no buffering: a batch is
// written when Write returns. w is not closed.
func NewWriter[T any](w io.Writer) *Writer[T] { return &Writer[T]{w: w} }

// LinesOnly marks the sink.
func (*Writer[T]) LinesOnly() {}

// Write writes the lines of b. Of a write that fails half-way the lines that went out
// whole count as taken, and the next write starts on a new line.
func (s *Writer[T]) Write(_ context.Context, b *Batch[T]) error {
	if len(b.Lines) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.torn {
		if _, err := s.w.Write([]byte{'\n'}); err != nil {
			return err
		}
		s.torn = false
	}
	n, err := s.w.Write(b.Lines)
	if err == nil && n < len(b.Lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return nil
	}
	whole := 0
	for whole < len(b.Ends) && int(b.Ends[whole]) <= n {
		whole++
	}
	s.torn = n > 0 && b.Lines[n-1] != '\n'
	if whole == 0 {
		return err
	}
	var p Partial
	for i := whole; i < len(b.Ends); i++ {
		p.Fail(i, err)
	}
	return p.Err()
}
