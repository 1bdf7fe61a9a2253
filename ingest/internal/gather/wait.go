package gather

import (
	"context"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// stopGrace is how long, after the context has ended, what was added may take.
const stopGrace = time.Second

var errLate = errcat.New(errcat.Timeout, errcat.StageCollect, "the source was stopped before this was delivered")

// AddWait adds b, sends it at once, and waits until it has reached its end. alive, if
// set, is called every so often meanwhile; its error ends the waiting. A nil error means
// that nothing was lost, see ingest.Result.OK.
func (g *Gatherer) AddWait(ctx context.Context, b *Block, every time.Duration, alive func() error) error {
	answer := make(chan ingest.Result, 1)
	if err := g.Add(ctx, b, true, func(r ingest.Result) { answer <- r }); err != nil {
		return err
	}
	var tick <-chan time.Time
	if alive != nil {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	stopped := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case r := <-answer:
			if r.OK() {
				return nil
			}
			return errcat.Newf(errcat.SinkRejected, errcat.StageDeliver, "not delivered: %w", r.Err)
		case <-tick:
			if err := alive(); err != nil {
				return err
			}
		case <-stopped:
			stopped = nil
			t := time.NewTimer(stopGrace)
			defer t.Stop()
			late = t.C
		case <-late:
			return errLate
		}
	}
}
