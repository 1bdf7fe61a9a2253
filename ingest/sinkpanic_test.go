package ingest_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// A sink that panics in a later write for the same batch has what it took before: only
// the rows of the write that panicked are dead letters.
func TestSinkPanicsLater(t *testing.T) {
	partial := func(from, n int) error {
		var p batch.Partial
		for i := from; i < n; i++ {
			p.Fail(i, errcat.TransientNetwork)
		}
		return p.Err()
	}
	for name, answers := range map[string][]error{
		"in the search for what was refused": {errcat.SinkRejected, nil, nil},
		"in the repetition of a part":        {partial(5, 8)},
	} {
		var taken, dead []string
		calls := 0
		cfg := config(discard(), ingest.FromReader("r", strings.NewReader("a\nb\nc\nd\ne\nf\ng\nh\n")))
		cfg.Outputs = []ingest.Output[event]{{Name: "out", Retry: batch.RetryOptions{MinDelay: time.Microsecond, MaxDelay: time.Microsecond},
			Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
				calls++
				if calls > len(answers) {
					panic("later")
				}
				err := answers[calls-1]
				n := b.Len()
				if f := batch.Failures(err, n); len(f) > 0 {
					n = f[0].Row
				}
				for line := range bytes.Lines(b.Lines) {
					if n--; n < 0 {
						break
					}
					taken = append(taken, string(bytes.TrimSpace(line)))
				}
				return err
			})}}
		cfg.Sink = nil
		cfg.DeadLetters = batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			dead = append(dead, string(d.Raw))
			return nil
		})
		p := mustNew(t, cfg)
		mustRun(t, p)
		s := p.Stats()
		all := slices.Sorted(slices.Values(slices.Concat(taken, dead)))
		if strings.Join(all, "") != "abcdefgh" || len(dead) == 0 || len(taken) < 5 || int(s.Delivered) != len(taken) || int(s.DeadLettered) != len(dead) || s.Panics == 0 {
			t.Errorf("%s: taken %q, dead letters %q, %d panics, %+v", name, taken, dead, s.Panics, s.Ledger)
		}
	}
}
