package ingest

import "time"

// SetClock gives a pipeline that does not run yet another monotonic clock, for silence and
// for what the minder does, and the ticks at which the minder looks around.
func (p *Pipeline[T]) SetClock(now func() time.Time, ticks <-chan time.Time) {
	p.core.mono, p.ticks = now, ticks
}

// Taps is how many taps are open.
func (p *Pipeline[T]) Taps() int {
	if taps := p.core.taps.Load(); taps != nil {
		return len(*taps)
	}
	return 0
}
