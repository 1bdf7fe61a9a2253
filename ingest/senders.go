package ingest

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// Watch says when it is worth a Notice that a sender is silent or its clock is wrong. A
// sender is what Origin.Source and Origin.Peer name: a file, or each device that sends
// to a listener. The zero value works.
type Watch struct {
	// Silence is the multiple of its usual interval after which a sender counts as
	// silent. The usual interval is the longest of the recent ones, and is known after
	// a few of them. Default: 4. Negative: never.
	Silence float64
	// MinSilence is the shortest time that counts as silence. Default: 1 min.
	MinSilence time.Duration
	// Skew is the difference between the times of events and of their reception beyond
	// which a sender's clock counts as wrong. It is that of the least delayed of
	// several events. Default: 5 min. Negative: none does.
	Skew time.Duration
	// Gap is how often a Gap is raised while events are shed. Default: 10 s.
	Gap time.Duration
	// Senders is how many senders are watched and counted apart at most; those that
	// come later share one account, "(other)". Default: 10,000. 1 to 1,000,000. Negative:
	// none are watched.
	Senders int
}

func (w *Watch) prepare() error {
	if w.Silence == 0 {
		w.Silence = 4
	}
	if w.MinSilence == 0 {
		w.MinSilence = time.Minute
	}
	if w.Skew == 0 {
		w.Skew = 5 * time.Minute
	}
	if w.Gap == 0 {
		w.Gap = 10 * time.Second
	}
	if w.Senders == 0 {
		w.Senders = 10_000
	}
	if w.MinSilence < 0 || w.Gap < 0 || w.Senders > 1_000_000 {
		return fmt.Errorf("ingest: Watch{MinSilence: %s, Gap: %s, Senders: %d}: want no negative time and at most 1,000,000", w.MinSilence, w.Gap, w.Senders)
	}
	return nil
}

// SenderStats are what is known of one sender.
type SenderStats struct {
	Source   string     // as in Stats
	Name     string     // Origin.Source; "(other)" for all that are not told apart
	Peer     netip.Addr // Origin.Peer
	Messages int64
	Last     time.Time     // when it sent last
	Interval time.Duration // the usual one; 0 while it is not known
	Silent   bool
	Skew     time.Duration // see Notice.Skew; 0 while it is not known
	Skewed   bool
}

type senderKey struct {
	source int
	name   string
	peer   netip.Addr
}

// sender is one account; guarded by senders.mu.
type sender struct {
	key      senderKey
	messages int64
	times    int // that it sent, up to knownAfter
	last     time.Time
	usual    time.Duration
	silent   bool

	samples int // since the last estimate
	least   time.Duration
	skew    time.Duration
	skewed  bool
}

const (
	// knownAfter is how many intervals make a usual one.
	knownAfter = 4
	// skewSamples is how many events make an estimate of a clock.
	skewSamples = 16
	// usualDecay is in how many times itself a usual interval is forgotten.
	usualDecay = 8
)

// senders are the accounts of a pipeline's senders, nil where none are watched.
type senders struct {
	Watch
	core   *core
	mu     sync.Mutex
	all    map[senderKey]*sender
	recent *sender // that was asked for last
}

func newSenders(c *core, w Watch) *senders {
	if w.Senders < 0 {
		return nil
	}
	return &senders{Watch: w, core: c, all: map[senderKey]*sender{}}
}

// of returns the account of an origin. The caller holds mu.
func (s *senders) of(src *sourceState, o *parse.Origin) *sender {
	key := senderKey{source: src.index}
	if o != nil {
		key.name, key.peer = o.Source, o.Peer
	}
	if s.recent != nil && s.recent.key == key {
		return s.recent
	}
	a := s.all[key]
	if a == nil {
		if len(s.all) >= s.Senders {
			key = senderKey{source: -1, name: "(other)"}
			a = s.all[key]
		}
		if a == nil {
			a = &sender{key: key}
			s.all[key] = a
		}
	}
	s.recent = a
	return a
}

// sent notes the messages of a chunk that is sent now.
func (s *senders) sent(src *sourceState, msgs []parse.Message, now time.Time) {
	if len(msgs) == 0 {
		return
	}
	var back []Notice
	s.mu.Lock()
	for i := 0; i < len(msgs); {
		o := msgs[i].Origin
		n := 1
		for i+n < len(msgs) && msgs[i+n].Origin == o {
			n++
		}
		a := s.of(src, o)
		a.messages += int64(n)
		i += n
		if a.last != now {
			if a.silent {
				a.silent = false
				back = append(back, Notice{Kind: SenderBack, Source: s.source(a), Sender: a.name(), Since: s.wall(a.last, now)})
			}
			if !a.last.IsZero() {
				gap := now.Sub(a.last)
				a.usual = max(gap, a.usual-gap/usualDecay)
				a.times++
			}
			a.last = now
		}
	}
	s.mu.Unlock()
	for _, n := range back {
		s.core.notice(n)
	}
}

// wall is a time of the monotonic clock on the pipeline's own.
func (s *senders) wall(t, now time.Time) time.Time { return s.core.now().Add(t.Sub(now)) }

func (a *sender) name() string { return a.key.String() }

func (s *senders) source(a *sender) string {
	if a.key.source < 0 {
		return ""
	}
	return s.core.sources[a.key.source].name
}

// look raises the notices of silence. ended says of a source that it has nothing more
// to say.
func (s *senders) look(now time.Time, ended func(source int) bool) {
	if s.Silence < 0 {
		return
	}
	var notices []Notice
	s.mu.Lock()
	for _, a := range s.all {
		if a.silent || a.times < knownAfter || a.key.source < 0 {
			continue
		}
		limit := max(s.MinSilence, time.Duration(s.Silence*float64(a.usual)))
		if now.Sub(a.last) < limit || ended(a.key.source) {
			continue
		}
		a.silent = true
		notices = append(notices, Notice{
			Kind: SenderSilent, Source: s.source(a), Sender: a.name(), Since: s.wall(a.last, now), Interval: a.usual,
		})
	}
	s.mu.Unlock()
	for _, n := range notices {
		s.core.notice(n)
	}
}

// timed notes the difference between reception and event time of one event.
func (s *senders) timed(src *sourceState, o *parse.Origin, delay time.Duration) {
	s.mu.Lock()
	a := s.of(src, o)
	if a.samples == 0 || delay < a.least {
		a.least = delay
	}
	if a.samples++; a.samples < skewSamples {
		s.mu.Unlock()
		return
	}
	a.samples = 0
	a.skew = a.least
	size := a.skew.Abs()
	var n Notice
	switch {
	case s.Skew < 0:
	case !a.skewed && size > s.Skew:
		a.skewed = true
		n = Notice{Kind: ClockSkewed, Source: s.source(a), Sender: a.name(), Skew: a.skew}
	case a.skewed && size <= s.Skew/2:
		a.skewed = false
		n = Notice{Kind: ClockRight, Source: s.source(a), Sender: a.name(), Skew: a.skew}
	}
	s.mu.Unlock()
	if n.Kind != 0 {
		s.core.notice(n)
	}
}

// Senders returns what is known of the senders, in no order. Their number is bounded by
// Watch.Senders.
func (p *Pipeline[T]) Senders() []SenderStats {
	s := p.core.senders
	if s == nil {
		return nil
	}
	now := s.core.mono()
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make([]SenderStats, 0, len(s.all))
	for _, a := range s.all {
		st := SenderStats{
			Source: s.source(a), Name: a.key.name, Peer: a.key.peer, Messages: a.messages, Last: s.wall(a.last, now),
			Silent: a.silent, Skew: a.skew, Skewed: a.skewed,
		}
		if a.times >= knownAfter {
			st.Interval = a.usual
		}
		stats = append(stats, st)
	}
	return stats
}

// maxTimed bounds the events of one batch whose times are compared.
const maxTimed = 16

// compareTime notes the time of an event, of a few in each batch.
func (w *worker[T]) compareTime(m *parse.Message, e *T) {
	if m.Received.IsZero() || m.Origin == w.timedOf && w.timed > 0 {
		return
	}
	w.timed++
	w.timedOf = m.Origin
	w.phase = inTime
	t, ok := w.p.cfg.TimeOf(e)
	w.phase = inPipeline
	if ok {
		w.p.core.senders.timed(w.src, m.Origin, m.Received.Sub(t))
	}
}

// timeOf is the default of Config.TimeOf for T, or nil.
func timeOf[T any]() func(*T) (time.Time, bool) {
	if _, ok := any((*T)(nil)).(*parse.Record); !ok {
		return nil
	}
	return func(e *T) (time.Time, bool) {
		v := any(e).(*parse.Record).Get(ecs.Timestamp)
		return v.Time(), v.Kind() == parse.KindTime
	}
}
