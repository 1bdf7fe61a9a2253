package ingest

import "time"

// SetClock gives a pipeline that does not run yet another monotonic clock, for silence and
// for what the minder does, and the ticks at which the minder looks around.
func (p *Pipeline[T]) SetClock(now func() time.Time, ticks <-chan time.Time) {
	p.core.mono, p.ticks = now, ticks
}
