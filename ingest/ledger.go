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
	Received     int64 // messages that a source sent, those that it joined included
	Split        int64 // events and rejects beyond the first that a message was made into
	Delivered    int64 // written by every required sink
	Filtered     int64 // taken out on purpose: by a stage, or a message without events
	Shed         int64 // dropped for lack of room, where a required sink's policy says so
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
	Bytes       int64         // of messages received
	Skipped     int64         // blank lines and the like, left out by the framing
	Repaired    int64         // messages that were not UTF-8 and were made so, see Decoding.Invalid
	Panics      int64         // contained
	Elapsed     time.Duration // since Run was called, until it returned
}

// SourceStats are the counters of one source.
type SourceStats struct {
	Name string
	Ledger
	Bytes    int64 // of messages received
	Chunks   int64 // sent
	Skipped  int64 // see Chunk.Skipped
	Repaired int64 // see Chunk.Repaired
	Running  bool
}

// ParserStats are the counters of one parser or pack.
type ParserStats struct {
	Name string
	Ledger
}

// SinkStats are the counters of one sink.
type SinkStats struct {
	Name       string
	Required   bool
	Rows       int64 // written
	Bytes      int64 // of lines written
	Batches    int64 // handed to the sink, repeats not counted
	Failed     int64 // rows that were given up
	Dropped    int64 // rows that found the queue full, by policy
	Retries    int64 // batches or parts of batches written again
	Queued     int   // batches in the queue now
	QueueBytes int64 // what they hold, raw messages included
	LastError  error // of the last batch that failed or is retried; nil after a success
}

// Check returns an error if a ledger does not balance, or those of the sources do not
// add up to the total.
func (s *Stats) Check() error {
	var errs []error
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
	dead            bool // cats has counts
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
func (c *core) count(src *sourceState, t *tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &src.ledger
	l.Split += int64(t.split)
	l.Filtered += int64(t.filtered)
	l.InFlight += int64(t.split - t.filtered)
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

func (c *core) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{DeadLetters: map[errcat.Category]int64{}, Panics: c.panics, Elapsed: c.elapsed}
	if s.Elapsed == 0 && !c.begun.IsZero() {
		s.Elapsed = time.Since(c.begun)
	}
	for _, src := range c.sources {
		s.add(src.ledger)
		s.Bytes += src.bytes
		s.Skipped += src.skipped
		s.Repaired += src.repaired
		s.Sources = append(s.Sources, SourceStats{
			Name: src.name, Ledger: src.ledger, Bytes: src.bytes, Chunks: src.chunks, Skipped: src.skipped, Repaired: src.repaired, Running: src.running,
		})
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
	return s
}
