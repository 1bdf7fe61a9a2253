package ingest

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/parse"
)

// ladder decides which steps the classes are in. A pipeline without Priorities has
// none.
type ladder struct {
	classes  []Class
	classify func(m *parse.Message) int
	key      func(m *parse.Message) []byte
	high     float64
	low      float64
	enter    time.Duration
	leave    time.Duration
	seed     maphash.Seed
	keep     [maxClasses]uint64 // a hash up to this is kept by Sample
	rungs    []rung
	apply    func(class int, s Step) // called when the step of a class changes
	// tell is called for each step that is entered, or left after a time.
	tell func(class int, s Step, in bool, after time.Duration)

	now [maxClasses]atomic.Uint32 // the step of each class

	mu      sync.Mutex
	level   int       // rungs that are entered
	since   time.Time // the pressure is high, or low, since then
	where   int       // 1 high, -1 low, 0 between
	entered [maxClasses][numSteps]int64
}

type rung struct {
	class int
	step  Step
	since time.Time // entered
	// hold is how long the pressure must be low before the rung is left. It grows with
	// each time that it was left too early: that one and no other, or a rung that comes and
	// goes during a spike would hold those below it long after.
	hold time.Duration
	left time.Time // last; zero: it was not, or that has been dealt with
}

// newLadder makes the ladder of prepared options.
func newLadder[T any](p *Priorities[T]) *ladder {
	l := &ladder{
		classes: p.Classes, classify: p.Classify, key: p.Key, high: p.High, low: p.Low, enter: p.Enter, leave: p.Leave,
		seed: maphash.MakeSeed(),
	}
	for i := len(p.Classes) - 1; i >= 0; i-- {
		l.keep[i] = uint64(p.Classes[i].Sample * math.MaxUint64)
		for _, s := range p.Classes[i].Steps {
			l.rungs = append(l.rungs, rung{class: i, step: s, hold: p.Leave})
		}
	}
	return l
}

// step is the step that a class is in.
func (l *ladder) step(class int) Step { return Step(l.now[class].Load()) }

// drops reports whether a message of a class is shed now, and by which step.
func (l *ladder) drops(class int, m *parse.Message) (Step, bool) {
	switch s := l.step(class); s {
	case Shed:
		return s, true
	case Sample:
		key := m.Raw
		if l.key != nil {
			key = l.key(m)
		}
		return s, maphash.Bytes(l.seed, key) > l.keep[class]
	}
	return NoStep, false
}

// holdLimit is how many times Leave the time may grow that a step is held.
const holdLimit = 16

// look takes notice of the pressure at a time, and enters or leaves a step where one is
// due. It is called every few milliseconds.
func (l *ladder) look(now time.Time, pressure float64) {
	l.mu.Lock()
	r, in, after := l.move(now, pressure)
	l.mu.Unlock()
	if r != nil {
		l.tell(r.class, r.step, in, after)
	}
}

// move is look without telling anybody. It returns the rung that was entered or left.
func (l *ladder) move(now time.Time, pressure float64) (r *rung, in bool, after time.Duration) {
	where := 0
	switch {
	case pressure >= l.high:
		where = 1
	case pressure <= l.low:
		where = -1
	}
	if where != l.where {
		l.where, l.since = where, now
		return nil, false, 0
	}
	switch {
	case where > 0 && l.level < len(l.rungs) && now.Sub(l.since) >= l.enter:
		r = &l.rungs[l.level]
		if !r.left.IsZero() && now.Sub(r.left) < 4*r.hold {
			r.hold = min(2*r.hold, holdLimit*l.leave) // it was left too early
		}
		l.level++
		l.since, r.since, r.left = now, now, time.Time{}
		l.entered[r.class][r.step]++
		l.set(r.class)
		return r, true, 0
	case where < 0 && l.level > 0 && now.Sub(l.since) >= l.rungs[l.level-1].hold:
		l.level--
		r = &l.rungs[l.level]
		l.since, r.left = now, now
		l.set(r.class)
		return r, false, now.Sub(r.since)
	case where < 0 && l.level == 0:
		for i := range l.rungs {
			if r := &l.rungs[i]; now.Sub(l.since) >= 4*r.hold {
				r.hold, r.left = l.leave, time.Time{} // calm again
			}
		}
	}
	return nil, false, 0
}

// set computes the step of a class from the rungs that are entered.
func (l *ladder) set(class int) {
	s := NoStep
	for _, r := range l.rungs[:l.level] {
		if r.class == class {
			s = max(s, r.step)
		}
	}
	l.now[class].Store(uint32(s))
	l.apply(class, s)
}
