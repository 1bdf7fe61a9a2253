package ingest

import (
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// Stats returns a snapshot of all counters. It may be called at any time.
func (p *Pipeline[T]) Stats() Stats {
	s := p.core.snapshot()
	for _, o := range p.allOutputs() {
		s.Sinks = append(s.Sinks, o.stats())
	}
	if p.dead != nil {
		s.Sinks = append(s.Sinks, p.dead.stats())
	}
	replaced, left := p.workers.leaks()
	s.Replaced, s.LeftBehind = replaced, len(left)
	return s
}

// snapshot is Stats without the sinks.
func (c *core) snapshot() Stats {
	s := Stats{
		DeadLetters: map[errcat.Category]int64{}, Notices: map[NoticeKind]int64{},
		Latencies: c.times.snapshot(), Pressure: c.pressure(),
	}
	depths, workers, idle := c.feed.state(nil)
	s.Workers, s.Idle = workers, idle
	for _, n := range depths {
		s.Waiting += n
	}
	var entered []map[Step]int64
	for i := range c.classes {
		if c.ladder != nil {
			entered = append(entered, c.ladder.times(i))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if s.Elapsed = c.elapsed; s.Elapsed == 0 && !c.begun.IsZero() {
		s.Elapsed = now.Sub(c.begun)
	}
	s.Panics, s.LostNotices = c.panics, c.unnoticed
	for _, src := range c.sources {
		s.add(src.ledger)
		s.Bytes += src.bytes
		s.Skipped += src.skipped
		s.Repaired += src.repaired
		s.Sources = append(s.Sources, SourceStats{
			Name: src.name, Ledger: src.ledger, Bytes: src.bytes, Chunks: src.chunks, Skipped: src.skipped, Repaired: src.repaired,
			Missed: src.missed, Running: src.running,
		})
	}
	for a := c.live.next; a != &c.live; a = a.next {
		l := &s.Sources[a.of].Lag
		*l = max(*l, now.Sub(a.born))
	}
	for i := range c.packs {
		if p := &c.packs[i]; p.ledger != (Ledger{}) {
			s.Parsers = append(s.Parsers, ParserStats{p.name, p.ledger})
		}
	}
	for i, n := range c.cats {
		if n > 0 {
			s.DeadLetters[errcat.Category(i)] = n
		}
	}
	for i, n := range c.noticed {
		if n > 0 {
			s.Notices[NoticeKind(i)] = n
		}
	}
	if c.ladder != nil {
		s.Classes = c.classStats(depths, entered)
	}
	return s
}

// classStats is called with mu held.
func (c *core) classStats(depths []int, entered []map[Step]int64) []ClassStats {
	stats := make([]ClassStats, len(c.classes))
	for i := range stats {
		st := &c.classes[i]
		stats[i] = ClassStats{
			Name: c.ladder.classes[i].Name, Ledger: st.ledger, Sampled: st.sampled, ByStep: st.shed,
			Step: c.ladder.step(i), Entered: entered[i], Waiting: depths[i], Total: c.extent[i].snapshot(),
		}
	}
	return stats
}

// times returns how often the steps of a class were entered.
func (l *ladder) times(class int) map[Step]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := map[Step]int64{}
	for s, n := range l.entered[class] {
		if n > 0 {
			m[Step(s)] = n
		}
	}
	return m
}
