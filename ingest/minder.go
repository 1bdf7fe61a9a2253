package ingest

import "time"

// mindEvery is how often the pipeline looks after itself, at most.
const mindEvery = 100 * time.Millisecond

// mind looks after what no message causes: workers that hang or have nothing to do,
// pressure, silence, gaps. It is the body of one goroutine: Run starts it, closes ended
// and waits for it.
func (p *Pipeline[T]) mind(ended <-chan struct{}) {
	every := mindEvery
	if p.core.ladder != nil {
		every = min(every, max(p.cfg.Priorities.Enter/4, time.Millisecond))
	}
	if p.cfg.ParseTimeout > 0 {
		every = min(every, max(p.cfg.ParseTimeout/8, time.Millisecond))
	}
	ticks := p.ticks
	if ticks == nil {
		tick := time.NewTicker(every)
		defer tick.Stop()
		ticks = tick.C
	}
	last := p.core.mono()
	var slow, shrunk time.Time
	for {
		select {
		case <-ended:
			p.core.log.flush(p.core.mono(), true)
			return
		case <-ticks:
		}
		now := p.core.mono()
		// A process that was stopped for a while blames nobody for it.
		passed := min(now.Sub(last), 2*every)
		last = now
		if p.cfg.ParseTimeout > 0 {
			p.findHung(passed)
		}
		p.core.feed.release()
		if l := p.core.ladder; l != nil {
			l.look(now, p.core.pressure())
		}
		if now.Sub(slow) < mindEvery {
			continue
		}
		slow = now
		p.restore(now)
		if s := p.core.senders; s != nil {
			s.look(now, p.core.hasEnded)
		}
		p.core.gaps(now, p.cfg.Watch.Gap)
		p.core.log.flush(now, false)
		if now.Sub(shrunk) >= shrinkEvery {
			shrunk = now
			p.core.feed.shrink()
		}
		p.core.sendNotices()
	}
}

// shrinkEvery is how long a worker must have had nothing to do before it is ended.
const shrinkEvery = 2 * time.Second

// hasEnded reports whether a source has nothing more to say.
func (c *core) hasEnded(source int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sources[source].ended
}

// gaps raises a Gap for each source of which something was shed since its last one, if
// that is every ago.
func (c *core) gaps(now time.Time, every time.Duration) {
	var notices []Notice
	c.mu.Lock()
	for _, src := range c.sources {
		shed := src.ledger.Shed
		if shed == src.gapShed {
			src.gapSince = now
			continue
		}
		if now.Sub(src.gapSince) < every {
			continue
		}
		notices = append(notices, Notice{Kind: Gap, Source: src.name, Count: shed - src.gapShed, Since: c.now().Add(src.gapSince.Sub(now))})
		src.gapShed, src.gapSince = shed, now
	}
	c.mu.Unlock()
	for _, n := range notices {
		c.notice(n)
	}
}

// stepNotice is told of each step that a class enters or leaves.
func (p *Pipeline[T]) stepNotice(class int, s Step, in bool, after time.Duration) {
	n := Notice{Kind: StepEntered, Class: p.cfg.Priorities.Classes[class].Name, Step: s}
	if !in {
		n.Kind, n.Interval = StepLeft, after
	}
	p.core.notice(n)
}
