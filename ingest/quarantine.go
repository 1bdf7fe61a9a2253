package ingest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// ward is what Quarantine watches for itself: one component on the messages of one sender
// that are of one pack.
type ward struct {
	sender    senderKey
	component int    // as in set.out
	pack      string // empty: of all
}

const (
	// maxWards bounds those that have a record. A sender that comes later is not watched
	// until others are forgotten.
	maxWards = 4096
	// hangKept is how long a hang counts.
	hangKept = time.Minute
)

// wards are the records of a set.
type wards struct {
	records map[ward]*service // guarded by core.mu
	out     map[ward]string   // those that are out, with the component's name; guarded by core.mu

	// Messages of senders that have a record are counted, those of all others cost a look
	// at senders.
	senders atomic.Int32
	mu      sync.RWMutex
	seen    map[senderKey]*sightings
}

type sightings struct {
	messages atomic.Int64
	records  int
}

// see counts a message.
func (w *wards) see(sender senderKey) {
	w.mu.RLock()
	if s := w.seen[sender]; s != nil {
		s.messages.Add(1)
	}
	w.mu.RUnlock()
}

// count is how many messages of a sender were counted.
func (w *wards) count(sender senderKey) int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if s := w.seen[sender]; s != nil {
		return s.messages.Load()
	}
	return 0
}

// watch counts the records of a sender.
func (w *wards) watch(sender senderKey, records int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen[sender]
	if s == nil {
		if w.seen == nil {
			w.seen = map[senderKey]*sightings{}
		}
		s = &sightings{}
		w.seen[sender] = s
	}
	if s.records += records; s.records == 0 {
		delete(w.seen, sender)
	}
	w.senders.Store(int32(len(w.seen)))
}

// shutOut are the wards that are out, by their senders. It is never changed.
type shutOut map[senderKey][]ward

// senderOf is the sender of a message.
func senderOf(src *sourceState, m *parse.Message) senderKey {
	key := senderKey{source: src.index}
	if m.Origin != nil {
		key.name, key.peer = m.Origin.Source, m.Origin.Peer
	}
	return key
}

// accuse counts a panic or a hang of a component on a message, and shuts the sender out of
// it where it is one too many.
func (p *Pipeline[T]) accuse(s *set[T], number int, component string, src *sourceState, m *parse.Message, pack string, hang bool) {
	q := &p.cfg.Quarantine
	if number == noService || q.SenderFaults < 0 {
		return
	}
	now := p.core.mono()
	sender := senderOf(src, m)
	f := fault{ends: now.Add(q.Window), weight: 1}
	if hang {
		f.ends, f.weight = now.Add(max(q.Window, hangKept)), (q.SenderFaults+1)/2
	}
	w := ward{sender, number, pack}
	p.core.mu.Lock()
	if _, out := s.wards.out[w]; out {
		p.core.mu.Unlock()
		return // another worker had one of its messages already
	}
	sv := s.wards.records[w]
	if sv == nil {
		if len(s.wards.records) >= maxWards {
			p.core.mu.Unlock()
			return
		}
		if s.wards.records == nil {
			s.wards.records, s.wards.out = map[ward]*service{}, map[ward]string{}
		}
		w.sender.name, w.pack = strings.Clone(w.sender.name), strings.Clone(w.pack)
		sv = &service{}
		s.wards.records[w] = sv
		s.wards.watch(w.sender, 1)
	}
	f.seen = s.wards.count(sender) // not before: other workers go on, and the order counts
	if !sv.fail(q, f, q.SenderFaults, now) {
		p.core.mu.Unlock()
		return
	}
	s.wards.out[w] = component
	s.shut()
	p.core.mu.Unlock()
	p.core.notice(Notice{Kind: OutOfService, Source: src.name, Sender: w.sender.String(), Component: component, Detail: pack, Count: int64(q.SenderFaults)})
}

// shut tells the workers who is shut out of what. The caller holds core.mu.
func (s *set[T]) shut() {
	if len(s.wards.out) == 0 {
		s.shutOut.Store(nil)
		return
	}
	list := shutOut{}
	for w := range s.wards.out {
		list[w.sender] = append(list[w.sender], w)
	}
	s.shutOut.Store(&list)
}

// restoreSenders lets those back in whose pause is over, and forgets who behaves.
func (p *Pipeline[T]) restoreSenders(s *set[T], now time.Time) {
	var notices []Notice
	p.core.mu.Lock()
	for w, sv := range s.wards.records {
		if component, out := s.wards.out[w]; out {
			if !sv.until.IsZero() && !now.Before(sv.until) {
				sv.until, sv.trial, sv.back = time.Time{}, now, s.wards.count(w.sender)
				delete(s.wards.out, w)
				notices = append(notices, Notice{Kind: BackInService, Source: p.core.sources[w.sender.source].name, Sender: w.sender.String(), Component: component, Detail: w.pack})
			}
			continue
		}
		current := slices.ContainsFunc(sv.faults, func(f fault) bool { return !now.After(f.ends) })
		if !current && (sv.trial.IsZero() || now.Sub(sv.trial) > sv.pause) {
			delete(s.wards.records, w)
			s.wards.watch(w.sender, -1)
		}
	}
	if len(notices) > 0 {
		s.shut()
	}
	p.core.mu.Unlock()
	for _, n := range notices {
		p.core.notice(n)
	}
}

// barred returns the components that the sender of a message is shut out of, for the pack
// that would parse it.
func (w *worker[T]) barred(list []ward, m *parse.Message) (components uint64) {
	pack, asked := "", false
	for i := range list {
		if list[i].pack != "" && !asked {
			w.phase = inParser
			pack, asked = w.choice(m), true
			w.phase = inPipeline
		}
		if list[i].pack == pack || list[i].pack == "" {
			components |= 1 << list[i].component
		}
	}
	return components
}

// choice names the pack that would parse m, where the parser can tell.
func (w *worker[T]) choice(m *parse.Message) string {
	c, ok := w.parser.(parse.Chooser)
	if !ok || w.pass {
		return ""
	}
	return c.Choose(m)
}

// accuse is Pipeline.accuse for the panic that was contained last, with fresh instances.
func (w *worker[T]) accuse() {
	c := w.culpable
	w.culpable = nil
	if c == nil || c.msg == w.accused || w.p.cfg.Quarantine.SenderFaults < 0 {
		return // all events of a message count as one
	}
	w.accused = c.msg
	m := &w.slot.chunk.Msgs[c.msg]
	pack := ""
	func() {
		defer func() { _ = recover() }() // where choosing panics too, all of the sender's messages stand for one
		pack = w.choice(m)
	}()
	w.p.accuse(w.set, c.number, c.component, w.src, m, pack, false)
}

// culpable is a panic for which nobody has been blamed yet.
type culpable struct {
	number    int
	component string
	msg       int
}

// barredLetter makes a dead letter of a message whose sender is shut out of a component.
func (w *worker[T]) barredLetter(m *parse.Message, name string) {
	err := errcat.Newf(errcat.ParserPanic, errcat.StageParse, "the %s is out of service for this sender: it has failed too often on its messages", name)
	w.deadLetter(m, m.Raw, 0, errcat.StageParse, "", "", name, nil, err)
}

// String is the name of a sender in notices.
func (k senderKey) String() string {
	if k.peer.IsValid() {
		return fmt.Sprintf("%s %s", k.name, k.peer)
	}
	return k.name
}
