package join

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Limits bound what is held. The zero Limits have the defaults.
type Limits struct {
	MaxBytes int           // of a joined message; default 256 KiB, and not more than the pipeline's MaxMessage
	MaxParts int           // of a joined message; default 1000
	MaxOpen  int           // messages that are not complete; default 1024
	MaxHeld  int           // bytes of all of them; default 16 MiB
	MaxWait  time.Duration // since the last part; default 5 seconds
}

func (l *Limits) check() error {
	for _, n := range [...]struct {
		name   string
		value  *int
		normal int
	}{{"MaxBytes", &l.MaxBytes, 256 << 10}, {"MaxParts", &l.MaxParts, 1000}, {"MaxOpen", &l.MaxOpen, 1024}, {"MaxHeld", &l.MaxHeld, 16 << 20}} {
		switch {
		case *n.value == 0:
			*n.value = n.normal
		case *n.value < 1 || *n.value > 1<<30:
			return fmt.Errorf("join: %s is %d; want 1 to %d, or 0 for the default of %d", n.name, *n.value, 1<<30, n.normal)
		}
	}
	switch {
	case l.MaxWait == 0:
		l.MaxWait = 5 * time.Second
	case l.MaxWait < time.Millisecond:
		return fmt.Errorf("join: MaxWait is %v; want a millisecond at least, or 0 for the default of 5 s", l.MaxWait)
	}
	return nil
}

// Stats count what a Source did.
type Stats struct {
	Joined  int64 // parts that became part of a message that began before them
	Cut     int64 // messages that were sent because of a bound, and not because they were complete
	Expired int64 // messages that were sent because nothing came for MaxWait
}

// Source is a source whose messages are joined.
type Source struct {
	inner  ingest.Source
	limits Limits
	rule   rule

	joined, cut, expired atomic.Int64
}

// rule says what belongs together.
type rule interface {
	// key names the message that m is a part of; ok is false for one that stands alone.
	key(m *parse.Message) (k any, ok bool)
	// goesOn reports whether m goes on with g, which is open under its key.
	goesOn(m *parse.Message, g *group) bool
	// ends reports whether g, whose last part is m, is complete.
	ends(m *parse.Message, g *group) bool
	// outdated reports whether g cannot get another part once m has been seen.
	outdated(m *parse.Message, g *group) bool
	// flushes reports whether a message that stands alone ends the open ones of its origin.
	flushes() bool
}

// group is a message that is not complete.
type group struct {
	key     any
	m       parse.Message // of the first part
	raw     []byte        // so far
	own     bool          // raw lies in memory of its own
	parts   int
	last    time.Time // when the last part came, on the monotonic clock
	got     time.Time // Received of the last part
	stamp   int64     // of an audit event
	tag     int       // where a container line has its tag
	tail    int       // bytes behind the text of a container line
	refs    []*ref    // chunks with parts of it
	touched bool      // it has a part of the chunk at hand
}

// Name is that of the inner source, if it has one.
func (s *Source) Name() string {
	if n, ok := s.inner.(ingest.Named); ok {
		return n.Name()
	}
	return ""
}

// Stats returns the counts so far.
func (s *Source) Stats() Stats {
	return Stats{s.joined.Load(), s.cut.Load(), s.expired.Load()}
}

// Run runs the inner source.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	j := &joiner{s: s, out: out, limits: s.limits, open: map[any]*group{}}
	j.limits.MaxBytes = min(j.limits.MaxBytes, out.Limits().MaxMessage)
	// The goroutine that sends what waited too long is started here, and ends with Run.
	stop := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() { j.watch(stop) })
	end := sync.OnceValue(j.end)
	err := s.inner.Run(ctx, out.Through(j.send, func() { _ = end() }))
	close(stop)
	waiting.Wait()
	if left := end(); err == nil {
		err = left
	}
	return err
}

// joiner is the state of Run.
type joiner struct {
	s      *Source
	out    *ingest.Emit
	limits Limits

	mu     sync.Mutex
	open   map[any]*group
	order  []*group        // open ones, the oldest first
	held   int             // bytes in memory of their own
	msgs   []parse.Message // that are complete
	before []parse.Message // of the chunk at hand
	faults []ingest.Fault
	ready  []*ref // of messages that the chunk at hand carries
	joined int    // parts joined into them
	chunk  *ingest.Chunk
	ref    *ref // of the chunk at hand
}

// ref is the acknowledgement of an inner chunk.
type ref struct {
	mu   sync.Mutex
	n    int // who still has to answer
	r    ingest.Result
	done func(ingest.Result)
}

// release is one answer. Of another chunk's result only losses count.
func (f *ref) release(r ingest.Result, own bool) {
	f.mu.Lock()
	if own {
		r.Failed += f.r.Failed
		r.Shed += f.r.Shed
		if r.Err == nil {
			r.Err = f.r.Err
		}
		f.r = r
	} else if !r.OK() {
		f.r.Failed += r.Failed
		f.r.Shed += r.Shed
		if f.r.Err == nil {
			f.r.Err = r.Err
		}
	}
	f.n--
	done, result := f.done, f.r
	if f.n > 0 {
		done = nil
	}
	f.mu.Unlock()
	if done != nil {
		done(result)
	}
}

func (f *ref) hold() {
	f.mu.Lock()
	f.n++
	f.mu.Unlock()
}

// send takes a chunk of the inner source.
func (j *joiner) send(c *ingest.Chunk) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.chunk, j.ref = c, nil
	if c.Done != nil {
		j.ref = &ref{n: 1, done: c.Done}
	}
	now := time.Now()
	known := c.Faults
	for i := range c.Msgs {
		m := &c.Msgs[i]
		if len(known) > 0 && known[0].Msg == i {
			f := known[0]
			known = known[1:]
			j.flushOrigin(m)
			f.Msg = len(j.msgs)
			j.faults = append(j.faults, f)
			j.msgs = append(j.msgs, *m)
			continue
		}
		j.message(m, now)
	}
	for _, g := range j.order {
		j.settle(g)
	}
	for j.held > j.limits.MaxHeld && len(j.order) > 0 {
		j.s.cut.Add(1)
		j.flush(j.order[0])
	}
	return j.pass(c)
}

// pass sends c with the messages that are complete.
func (j *joiner) pass(c *ingest.Chunk) error {
	j.before = append(j.before[:0], c.Msgs...)
	faults, done, joined := c.Faults, c.Done, c.Joined
	c.Msgs = append(c.Msgs[:0], j.msgs...)
	c.Faults = append([]ingest.Fault(nil), j.faults...)
	c.Joined += j.joined
	own, carried := j.ref, slices.Clone(j.ready)
	if own != nil || len(carried) > 0 {
		c.Done = func(r ingest.Result) {
			if own != nil {
				own.release(r, true)
			}
			for _, f := range carried {
				f.release(r, false)
			}
		}
	}
	err := j.out.Send(c)
	if err != nil { // c is still the source's, as it was
		c.Msgs, c.Faults, c.Done, c.Joined = append(c.Msgs[:0], j.before...), faults, done, joined
		for _, f := range carried {
			f.release(ingest.Result{Failed: 1, Err: err}, false)
		}
	}
	clear(j.before)
	clear(j.msgs)
	clear(j.faults)
	clear(j.ready)
	j.msgs, j.faults, j.ready, j.joined, j.chunk, j.ref = j.msgs[:0], j.faults[:0], j.ready[:0], 0, nil, nil
	return err
}

// message takes one message of the chunk at hand.
func (j *joiner) message(m *parse.Message, now time.Time) {
	k, ok := j.s.rule.key(m)
	if !ok {
		if j.s.rule.flushes() {
			j.flushOrigin(m)
		}
		j.msgs = append(j.msgs, *m)
		return
	}
	g := j.open[k]
	switch {
	case g == nil:
	case !j.s.rule.goesOn(m, g):
		j.flush(g)
		g = nil
	case g.parts >= j.limits.MaxParts || len(g.raw)+1+len(m.Raw) > j.limits.MaxBytes:
		j.s.cut.Add(1)
		j.flush(g)
		g = nil
	}
	if g == nil {
		for i := 0; i < len(j.order); {
			if old := j.order[i]; j.s.rule.outdated(m, old) {
				j.flush(old)
			} else {
				i++
			}
		}
		if len(j.order) >= j.limits.MaxOpen {
			j.s.cut.Add(1)
			j.flush(j.order[0])
		}
		g = &group{key: k, m: *m, raw: m.Raw}
		g.m.Raw = nil
		j.open[k] = g
		j.order = append(j.order, g)
	} else {
		j.append(g, m.Raw)
		j.s.joined.Add(1)
	}
	g.parts++
	g.last, g.got = now, m.Received
	if !g.touched && j.ref != nil {
		j.ref.hold()
		g.refs = append(g.refs, j.ref)
	}
	g.touched = true
	if j.s.rule.ends(m, g) {
		j.flush(g)
	}
}

// splicer is a rule that does not put its parts behind each other as lines.
type splicer interface {
	splice(g *group, part []byte) // changes g.raw
}

// append puts a part behind g. Where both stand in the chunk as lines of it nothing is copied.
func (j *joiner) append(g *group, part []byte) {
	if r, ok := j.s.rule.(splicer); ok {
		if !g.own {
			g.raw = append(make([]byte, 0, 2*(len(g.raw)+len(part))), g.raw...)
			g.own = true
			j.held += len(g.raw)
		}
		before := len(g.raw)
		r.splice(g, part)
		j.held += len(g.raw) - before
		return
	}
	if !g.own {
		buf := j.chunk.Buf
		if at, next := scan.Offset(buf, g.raw), scan.Offset(buf, part); at >= 0 && next == at+len(g.raw)+1 && buf[next-1] == '\n' {
			end := next + len(part)
			g.raw = buf[at:end:end]
			return
		}
		g.raw = append(make([]byte, 0, 2*(len(g.raw)+len(part)+1)), g.raw...)
		g.own = true
		j.held += len(g.raw)
	}
	g.raw = append(append(g.raw, '\n'), part...)
	j.held += len(part) + 1
}

// settle gives g memory of its own, since the chunk at hand is going away.
func (j *joiner) settle(g *group) {
	g.touched = false
	if !g.own {
		g.raw = slices.Clone(g.raw)
		g.own = true
		j.held += len(g.raw)
	}
}

// flush makes g a message of the chunk at hand.
func (j *joiner) flush(g *group) {
	delete(j.open, g.key)
	i := slices.Index(j.order, g)
	j.order = slices.Delete(j.order, i, i+1)
	if g.own {
		j.held -= len(g.raw)
	}
	m := g.m
	m.Raw = slices.Clip(g.raw)
	j.msgs = append(j.msgs, m)
	j.joined += g.parts - 1
	for _, f := range g.refs {
		if f == j.ref { // it answers for the chunk anyway
			f.mu.Lock()
			f.n--
			f.mu.Unlock()
			continue
		}
		j.ready = append(j.ready, f)
	}
}

// flushOrigin sends what is open of the origin of m.
func (j *joiner) flushOrigin(m *parse.Message) {
	for i := 0; i < len(j.order); {
		if g := j.order[i]; g.m.Origin == m.Origin {
			j.flush(g)
		} else {
			i++
		}
	}
}

// watch sends what has waited too long.
func (j *joiner) watch(stop <-chan struct{}) {
	t := time.NewTicker(max(j.limits.MaxWait/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		if !j.late() {
			continue
		}
		// The chunk before the lock: it may take long, and the inner source goes on meanwhile.
		c, err := j.out.Chunk()
		if err != nil {
			return // end tells what becomes of the rest
		}
		j.mu.Lock()
		now := time.Now()
		j.chunk = c
		for i := 0; i < len(j.order); {
			if g := j.order[i]; now.Sub(g.last) >= j.limits.MaxWait {
				j.s.expired.Add(1)
				j.flush(g)
			} else {
				i++
			}
		}
		if len(j.msgs) == 0 {
			j.out.Discard(c)
			j.chunk = nil
		} else if err := j.pass(c); err != nil {
			j.out.Discard(c)
		}
		j.mu.Unlock()
	}
}

func (j *joiner) late() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	return slices.ContainsFunc(j.order, func(g *group) bool { return now.Sub(g.last) >= j.limits.MaxWait })
}

// end sends what is left when the inner source has ended.
func (j *joiner) end() error {
	j.mu.Lock()
	left := len(j.order)
	j.mu.Unlock()
	if left == 0 {
		return nil
	}
	c, err := j.out.Chunk()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.chunk = c
	for len(j.order) > 0 {
		j.flush(j.order[0])
	}
	if err != nil { // nothing is taken any more: the source must offer it again
		for _, f := range j.ready {
			f.release(ingest.Result{Failed: 1, Err: err}, false)
		}
		return err
	}
	if err := j.pass(c); err != nil {
		j.out.Discard(c)
		return err
	}
	return nil
}
