package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock-dev/penstock/errcat"
)

// defaultPoison is the default of RetryOptions.Poison.
const defaultPoison = 8

// refused reports whether err says that a batch as a whole was not taken because of what
// is in it, so that a part of it may be taken.
func refused(err error) bool {
	var p *Partial
	if err == nil || errors.As(err, &p) || errcat.Retryable(err) {
		return false
	}
	switch errcat.Of(err) {
	case errcat.SinkRejected, errcat.Oversize, errcat.SchemaViolation, errcat.TypeMismatch, errcat.EncodingError:
		return true
	}
	return false
}

// bisect finds the rows for which the sink has refused b with cause, and writes all
// others. It returns nil or a Partial.
//
// For one such row among n it writes at most ⌈log2 n⌉ + 1 times: one half after the
// other, always into the half that must have it, and in the end all that was left aside
// at once. Where the size was the cause both halves may be fine, so that nothing is
// concluded from one about the other.
func (r *Retry[T]) bisect(ctx context.Context, b *Batch[T], cause error) error {
	var p Partial
	suspects := make([]int, b.Len())
	for i := range suspects {
		suspects[i] = i
	}
	var aside []int // of which nothing is known
	other := func(rows []int, err error) {
		for _, f := range Failures(err, len(rows)) {
			p.Fail(rows[f.Row], f.Err)
		}
	}
	for found := 0; ; {
		for len(suspects) > 1 {
			half, rest := suspects[:len(suspects)/2], suspects[len(suspects)/2:]
			switch err := r.once(ctx, b.Select(half)); {
			case refused(err):
				suspects, cause = half, err
				aside = append(aside, rest...)
			case err == nil && errcat.Of(cause) != errcat.Oversize:
				suspects = rest
			default: // what the sink says now is about single rows, or about itself
				other(half, err)
				aside = append(aside, rest...)
				suspects = nil
			}
		}
		if len(suspects) == 1 {
			p.Fail(suspects[0], cause)
			found++
		}
		if len(aside) == 0 {
			return p.sorted()
		}
		slices.Sort(aside)
		err := r.once(ctx, b.Select(aside))
		if !refused(err) {
			other(aside, err)
			return p.sorted()
		}
		if found >= r.opts.Poison {
			for _, row := range aside {
				p.Fail(row, fmt.Errorf("refused together with %d rows that are refused each by itself: %w", found, err))
			}
			return p.sorted()
		}
		suspects, aside, cause = aside, nil, err
	}
}
