package ingest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// Ledger accounts for every message that was received and every event that was made
// of one. At every moment
//
//	Received + Split = Delivered + Filtered + Shed + DeadLettered + Failed + Joined + InFlight
//
// and every term is counted for itself.
type Ledger struct {
	Received     int64 // messages that a source sent or missed, those that it joined included
	Split        int64 // events and rejects beyond the first that a message was made into
	Delivered    int64 // written by every required sink
	Filtered     int64 // taken out on purpose: by a stage, or a message without events
	Shed         int64 // dropped for lack of room: by a required sink's policy, a class, or before the source (Emit.Missed)
	DeadLettered int64 // gone to the dead letters, or counted and dropped if there are none
	Failed       int64 // lost to a required sink or to the dead letters: the source knows
	Joined       int64 // merged into another message by the source
	InFlight     int64 // received and not yet at an end
}

// Check returns an error if the ledger does not balance.
func (l Ledger) Check() error {
	in := l.Received + l.Split
	out := l.Delivered + l.Filtered + l.Shed + l.DeadLettered + l.Failed + l.Joined + l.InFlight
	if in == out && l.InFlight >= 0 {
		return nil
	}
	return errcat.Newf(errcat.Internal, errcat.StageUnknown, "the ledger does not balance, %d came in and %d are accounted for: %+v", in, out, l)
}

func (l *Ledger) add(m Ledger) {
	l.Received += m.Received
	l.Split += m.Split
	l.Delivered += m.Delivered
	l.Filtered += m.Filtered
	l.Shed += m.Shed
	l.DeadLettered += m.DeadLettered
	l.Failed += m.Failed
	l.Joined += m.Joined
	l.InFlight += m.InFlight
}

// Stats is a consistent snapshot of a pipeline's counters.
type Stats struct {
	Ledger                // of all sources together
	Sources []SourceStats // in the order of the Config
	// Parsers has one entry for each name of a pack or parser that made an event or a
	// dead letter, the empty name for those that nobody claimed. Messages that no
	// worker has seen yet are not in it.
	Parsers []ParserStats
	Sinks   []SinkStats // in the order of the Config, then the dead letters' sink
	// DeadLetters counts the dead letters by category, those included that were
	// dropped because nobody takes them.
	DeadLetters map[errcat.Category]int64
	// Classes are those of Priorities, in their order; empty without.
	Classes []ClassStats
	// Notices counts them by kind.
	Notices     map[NoticeKind]int64
	Latencies   Latencies
	Bytes       int64         // of messages received
	Skipped     int64         // blank lines and the like, left out by the framing
	Repaired    int64         // messages that were not UTF-8 and were made so, see Decoding.Invalid
	Panics      int64         // contained
	Elapsed     time.Duration // since Run was called, until it returned
	Pressure    float64       // part of the chunks in use, see Priorities
	Workers     int           // that there are now
	Idle        int           // of them, that wait for chunks
	Waiting     int           // chunks that wait for workers
	Replaced    int64         // workers that were replaced because a component hung
	LeftBehind  int           // of their goroutines, that have not returned
	LostNotices int64         // that could not be made into events
}

// ClassStats are the counters of one class of Priorities.
type ClassStats struct {
	Name string
	Ledger
	// Sampled and ByStep are the events and messages that were shed in the step Sample
	// and in the step Shed, by the class that Refine gave them, if it did.
	Sampled, ByStep int64
	Step            Step           // that the class is in now
	Entered         map[Step]int64 // how often each step was entered
	Waiting         int            // chunks that wait for workers
	Total           Histogram      // from Emit.Send to the acknowledgement
}

// SourceStats are the counters of one source.
type SourceStats struct {
	Name string
	Ledger
	Bytes    int64 // of messages received
	Chunks   int64 // sent
	Skipped  int64 // see Chunk.Skipped
	Repaired int64 // see Chunk.Repaired
	Missed   int64 // those of Shed that the source never had or dropped itself, see Emit.Missed
	Running  bool
	// Lag is how long the oldest chunk that is not acknowledged has been on its way.
	Lag time.Duration
}

// ParserStats are the counters of one parser or pack.
type ParserStats struct {
	Name string
	Ledger
}

// SinkStats are the counters of one sink. At every moment
//
//	Offered = Rows + Failed + Dropped + InFlight
//
// and every term is counted for itself.
type SinkStats struct {
	Name         string
	Required     bool
	Offered      int64     // rows that were meant for it
	Rows         int64     // written
	Failed       int64     // rows that were given up
	DeadLettered int64     // those of Failed that went to the dead letters
	Dropped      int64     // rows that found the queue full, by policy
	InFlight     int64     // rows in the queue or being written
	Bytes        int64     // of lines written
	Batches      int64     // handed to the sink, repeats not counted
	Retries      int64     // batches or parts of batches written again
	Queued       int       // batches in the queue now
	QueueBytes   int64     // what they hold, raw messages included
	Took         Histogram // for one batch, retries included
	LastError    error     // of the last batch that failed or is retried; nil after a success
}

// Check returns an error if the counters do not balance.
func (s *SinkStats) Check() error {
	if s.Offered == s.Rows+s.Failed+s.Dropped+s.InFlight && s.InFlight >= 0 && s.DeadLettered <= s.Failed {
		return nil
	}
	return errcat.Newf(errcat.Internal, errcat.StageDeliver, "the counters of the sink do not balance: %+v", *s)
}

// Check returns an error if a ledger or the counters of a sink do not balance, or the
// ledgers of the sources do not add up to the total.
func (s *Stats) Check() error {
	var errs []error
	var sum Ledger
	for i := range s.Sources {
		sum.add(s.Sources[i].Ledger)
	}
	if sum != s.Ledger {
		errs = append(errs, errcat.Newf(errcat.Internal, errcat.StageUnknown, "the sources add up to %+v, the total is %+v", sum, s.Ledger))
	}
	check := func(name string, l Ledger) {
		if err := l.Check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	check("total", s.Ledger)
	for i := range s.Sources {
		check("source "+s.Sources[i].Name, s.Sources[i].Ledger)
	}
	for i := range s.Parsers {
		check("parser "+s.Parsers[i].Name, s.Parsers[i].Ledger)
	}
	for i := range s.Classes {
		check("class "+s.Classes[i].Name, s.Classes[i].Ledger)
	}
	for i := range s.Sinks {
		if err := s.Sinks[i].Check(); err != nil {
			errs = append(errs, fmt.Errorf("sink %s: %w", s.Sinks[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

// packState is guarded by core.mu.
type packState struct {
	name   string
	ledger Ledger
}

// maxPacks bounds the names that are counted apart, since an event type may take its
// name from the wire. Later ones share the entry otherPacks.
const (
	maxPacks   = 4096
	otherPacks = "(other)"
)

// packID returns the number of a name.
func (c *core) packID(name string) uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, ok := c.packIDs[name]; ok {
		return id
	}
	if len(c.packs) >= maxPacks-1 {
		name = otherPacks
		if id, ok := c.packIDs[name]; ok {
			return id
		}
	}
	name = strings.Clone(name) // it may alias a chunk
	id := uint16(len(c.packs))
	c.packs = append(c.packs, packState{name: name})
	c.packIDs[name] = id
	return id
}

func (c *core) packName(id uint16) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.packs[id].name
}

// maxCategories is more than there are categories.
const maxCategories = 32

// tally is what one worker counts while it works on one chunk.
type tally struct {
	split, filtered int
	packs           []packTally // by pack number
	seen            []uint16    // those with counts
	last            *packTally  // of the number that was asked for last
	lastID          uint16
	cats            [maxCategories]int64
	dead            bool                 // cats has counts
	byClass         [maxClasses][2]int64 // events sampled out and shed
	refined         bool                 // byClass has counts
}

type packTally struct{ received, split, filtered int64 }

// reset forgets the counts, in time proportional to what was counted.
func (t *tally) reset() {
	t.split, t.filtered = 0, 0
	for _, id := range t.seen {
		t.packs[id] = packTally{}
	}
	t.seen, t.last = t.seen[:0], nil
	if t.dead {
		clear(t.cats[:])
		t.dead = false
	}
	if t.refined {
		clear(t.byClass[:])
		t.refined = false
	}
}

func (t *tally) pack(id uint16) *packTally {
	if t.last != nil && t.lastID == id {
		return t.last
	}
	if int(id) >= len(t.packs) {
		t.packs = append(t.packs, make([]packTally, int(id)+1-len(t.packs))...)
	}
	p := &t.packs[id]
	if *p == (packTally{}) {
		t.seen = append(t.seen, id)
	}
	t.last, t.lastID = p, id
	return p
}

// count enters what a worker made of a chunk.
func (c *core) count(src *sourceState, class uint8, t *tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := Ledger{Split: int64(t.split), Filtered: int64(t.filtered), InFlight: int64(t.split - t.filtered)}
	src.ledger.add(n)
	c.classes[class].ledger.add(n)
	if t.refined {
		for i := range c.classes {
			c.classes[i].sampled += t.byClass[i][0]
			c.classes[i].shed += t.byClass[i][1]
		}
	}
	for _, id := range t.seen {
		p, l := &t.packs[id], &c.packs[id].ledger
		l.Received += p.received
		l.Split += p.split
		l.Filtered += p.filtered
		l.InFlight += p.received + p.split - p.filtered
	}
	if t.dead {
		for i, n := range t.cats {
			c.cats[i] += n
		}
	}
}

// countDead enters a dead letter that was made behind the workers.
func (c *core) countDead(cat errcat.Category) {
	c.mu.Lock()
	c.cats[cat%maxCategories]++
	c.mu.Unlock()
}
