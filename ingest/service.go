package ingest

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Quarantine says when a component that panics or hangs again and again is taken out
// of service. While it is out, a stage that is Optional is left out; without any other
// component nothing can be made of a message, and the messages become dead letters of
// category PARSER_PANIC, which Replay can bring back.
//
// The zero value takes a component out for one sender at a time: whoever sends what makes
// it fail loses its service, and nobody else does. Where the parser is a parse.Chooser, as
// pack.Auto is, that goes for the sender's messages of the same pack only.
type Quarantine struct {
	// SenderFaults is how many panics of one component on messages of one sender (see
	// Watch) and of one pack, within Window, take it out for these, if nine of ten messages
	// of the sender caused one. A hang, which costs a goroutine for good, counts
	// for half as many, for a minute, for all packs, and however many messages there
	// were. Default: 10. Negative: none do.
	SenderFaults int
	// Faults is how many panics and hangs of one component, within Window, take it
	// out for everybody: set it where a broken component costs more than its absence.
	// Default: none do, since a sender that knows how to cause a panic could stop all.
	Faults int
	// Window is the time in which they are counted. Default: 1 s.
	Window time.Duration
	// Pause is how long the component stays out. Then it is tried again: its next
	// fault within Pause takes it out for twice as long, up to 16 times Pause. Default:
	// 10 s. Negative: until Swap.
	Pause time.Duration
}

func (q *Quarantine) prepare() error {
	if q.SenderFaults == 0 {
		q.SenderFaults = 10
	}
	if q.Window == 0 {
		q.Window = time.Second
	}
	if q.Pause == 0 {
		q.Pause = 10 * time.Second
	}
	if q.Faults < 0 || q.Window < 0 {
		return fmt.Errorf("ingest: Quarantine{Faults: %d, Window: %s}: want no negative numbers", q.Faults, q.Window)
	}
	return nil
}

// The components of a set, as bits of set.out.
const (
	serviceParser = iota
	serviceStamp
	serviceValidator
	serviceEncoder
	serviceNaming
	serviceRefine
	serviceRouter
	firstStage

	maxServices = 64
	noService   = -1
)

var serviceNames = [firstStage]string{"parser", "stamp", "validator", "encoder", "PackOf", "Refine", "router"}

func serviceName(i int) string {
	if i < firstStage {
		return serviceNames[i]
	}
	return fmt.Sprintf("stage %d", i-firstStage)
}

// serviceOf is the number of the component that is at work in a phase.
func serviceOf(ph phase, stage int) int {
	switch ph {
	case inParser:
		return serviceParser
	case inStamp:
		return serviceStamp
	case inStage:
		if stage < maxServices-firstStage {
			return firstStage + stage
		}
	case inValidator:
		return serviceValidator
	case inEncoder:
		return serviceEncoder
	case inNaming:
		return serviceNaming
	case inRefine:
		return serviceRefine
	case inRouter:
		return serviceRouter
	}
	return noService
}

// service is the record of one component of a set; guarded by core.mu.
type service struct {
	faults []fault   // that count, oldest first
	until  time.Time // it is out until then; zero: it is not, or for good
	pause  time.Duration
	trial  time.Time // it has been back since, on probation
	back   int64     // messages of the sender before that
}

type fault struct {
	ends   time.Time // then it counts no more
	weight int       // more than 1: a hang
	seen   int64     // messages of the sender before it
}

// fail notes a fault, and reports whether the component is to be taken out for it.
func (sv *service) fail(q *Quarantine, f fault, most int, now time.Time) bool {
	sv.faults = slices.DeleteFunc(sv.faults, func(f fault) bool { return now.After(f.ends) })
	sv.faults = append(sv.faults, f)
	sum := 0
	for _, f := range sv.faults {
		sum += f.weight
	}
	probation := !sv.trial.IsZero() && now.Sub(sv.trial) <= sv.pause && (f.weight > 1 || 9*(f.seen-sv.back) <= 10*int64(len(sv.faults)))
	// Where some messages are parsed it is less harm to contain each fault than to make dead
	// letters of all.
	often := f.weight > 1 || 9*(f.seen-sv.faults[0].seen+1) <= 10*int64(len(sv.faults))
	if !probation && (sum < most || !often) {
		if len(sv.faults) > 2*most { // so many among very many
			sv.faults = sv.faults[len(sv.faults)-most:]
		}
		return false
	}
	switch {
	case q.Pause < 0:
		sv.until = time.Time{}
	case probation:
		sv.pause = min(2*sv.pause, 16*q.Pause)
		sv.until = now.Add(sv.pause)
	default:
		sv.pause = q.Pause
		sv.until = now.Add(sv.pause)
	}
	sv.faults, sv.trial = nil, time.Time{}
	return true
}

// blame counts a panic or a hang of a component, and takes it out where it is one too
// many. It reports whether it did.
func (p *Pipeline[T]) blame(s *set[T], number int, component string) bool {
	q := &p.cfg.Quarantine
	if number == noService || q.Faults == 0 {
		return false
	}
	now := p.core.mono()
	p.core.mu.Lock()
	if s.out.Load()>>number&1 == 1 || !s.services[number].fail(q, fault{ends: now.Add(q.Window), weight: 1}, q.Faults, now) {
		p.core.mu.Unlock()
		return false
	}
	s.out.Or(1 << number)
	p.core.mu.Unlock()
	p.core.notice(Notice{Kind: OutOfService, Component: component, Count: int64(q.Faults)})
	return true
}

// restore puts components whose pause is over back into service.
func (p *Pipeline[T]) restore(now time.Time) {
	s := p.set.Load()
	p.restoreSenders(s, now)
	out := s.out.Load()
	if out == 0 {
		return
	}
	for i := range maxServices {
		if out>>i&1 == 0 {
			continue
		}
		p.core.mu.Lock()
		sv := &s.services[i]
		back := !sv.until.IsZero() && !now.Before(sv.until)
		if back {
			sv.until, sv.trial = time.Time{}, now
			s.out.And(^(uint64(1) << i))
		}
		p.core.mu.Unlock()
		if back {
			p.core.notice(Notice{Kind: BackInService, Component: serviceName(i)})
		}
	}
}

// outOfService makes a dead letter of a message that needs a component that is out.
func (w *worker[T]) outOfService(m *parse.Message, out uint64) {
	name := serviceName(bits.TrailingZeros64(out))
	err := errcat.Newf(errcat.ParserPanic, errcat.StageParse, "the %s is out of service: it has failed too often", name)
	w.deadLetter(m, m.Raw, 0, errcat.StageParse, "", "", name, nil, err)
}

// refined reports whether an event is shed by the class that Refine gives it.
func (w *worker[T]) refined(m *parse.Message, e *T) bool {
	if w.src.patient {
		return false
	}
	l := w.p.core.ladder
	w.phase = inRefine
	class := min(max(w.p.refine(m, e), 0), len(l.classes)-1)
	step, drop := l.drops(class, m)
	w.phase = inPipeline
	if !drop {
		return false
	}
	t := &w.tally
	t.refined = true
	if step == Sample {
		t.byClass[class][0]++
	} else {
		t.byClass[class][1]++
	}
	w.phase = inNaming
	pack := w.packOf(e)
	w.phase = inPipeline
	w.item(pack, stateByClass)
	return true
}
