package netflow

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Options bound what a Tracker remembers and what a datagram may hold. The zero Options
// have the defaults. A negative MaxHeld means that nothing is held.
type Options struct {
	MaxDomains   int // exporters and observation domains; default 1024, at most 1 << 20
	MaxTemplates int // of one domain; default 512, at most 65280
	MaxFields    int // of one template; default 256, at most 16384
	MaxAllFields int // of all templates; default 1 << 18 (about 8 MiB), at most 1 << 26
	MaxRecords   int // of one datagram; default 8192, at most 65536
	// MaxHeld is how many bytes of data are held until their templates come, over all
	// exporters; of one domain a quarter of it. Default 1 MiB, at most 1 GiB.
	MaxHeld int
	// MaxHeldAge is how long, by the time of reception, data is held. Default 5 minutes.
	MaxHeldAge time.Duration
}

func (o Options) check() (Options, error) {
	if o.MaxHeld < 0 {
		o.MaxHeld = -1
	}
	for _, l := range [...]struct {
		name             string
		value            *int
		normal, low, max int
	}{
		{"MaxDomains", &o.MaxDomains, 1024, 1, 1 << 20},
		{"MaxTemplates", &o.MaxTemplates, 512, 1, 65280},
		{"MaxFields", &o.MaxFields, 256, 1, 16384},
		{"MaxAllFields", &o.MaxAllFields, 1 << 18, 1, 1 << 26},
		{"MaxRecords", &o.MaxRecords, 8192, 1, 65536},
		{"MaxHeld", &o.MaxHeld, 1 << 20, -1, 1 << 30},
	} {
		switch {
		case *l.value == 0:
			*l.value = l.normal
		case *l.value < l.low || *l.value > l.max:
			return o, fmt.Errorf("netflow: %s is %d; want 1 to %d, or 0 for the default %d", l.name, *l.value, l.max, l.normal)
		}
	}
	if o.MaxHeldAge == 0 {
		o.MaxHeldAge = 5 * time.Minute
	}
	if o.MaxHeldAge < 0 {
		return o, fmt.Errorf("netflow: MaxHeldAge is %v, which is negative", o.MaxHeldAge)
	}
	return o, nil
}

// Stats count what Trackers saw. All fields but the gauges only grow.
type Stats struct {
	Datagrams int64 // with a sound header
	Templates int64 // new or changed
	Withdrawn int64 // templates that the exporter took back
	Evicted   int64 // domains that were forgotten because there were too many
	Held      int64 // data sets that came before their template and were held
	Released  int64 // of those: the template came
	Expired   int64 // of those: given up, by age or limit; each is a dead letter
	Gaps      int64 // times that sequence numbers jumped ahead
	Lost      int64 // what they left out: flows (5), datagrams (9), records (10)
	Resets    int64 // times that they went back: an exporter began anew, or datagrams changed places
}

// Counters hold the Stats of several Trackers. Safe for concurrent use; the zero value is
// ready.
type Counters struct {
	datagrams, templates, withdrawn, evicted, held, released, expired, gaps, lost, resets atomic.Int64
}

// Stats returns the sums so far.
func (c *Counters) Stats() Stats {
	return Stats{c.datagrams.Load(), c.templates.Load(), c.withdrawn.Load(), c.evicted.Load(), c.held.Load(), c.released.Load(),
		c.expired.Load(), c.gaps.Load(), c.lost.Load(), c.resets.Load()}
}

// Context is what a datagram needs besides its bytes. It is constant.
type Context struct {
	templates *table
	started   int64    // of the exporter, see Header.Started
	held      []int    // numbers of the datagram's data sets that are held
	release   [][]byte // held before, each as a datagram, and readable now
	expire    [][]byte // held before, and given up
	faults    []fault  // what is wrong with the datagram's templates
}

type fault struct {
	raw []byte // a datagram
	err error
}

// Template returns the template with an ID in the context's domain, or nil.
func (c *Context) Template(id uint16) *Template { return c.templates.get(id) }

// Tracker keeps the templates of exporters and observation domains, and gives each datagram
// the Context that Decode needs. It is a parse.Tracker; a message's exporter is its Origin
// (source name and peer address).
type Tracker struct {
	o        Options
	counters *Counters
	domains  map[domainKey]*domain
	fields   int // of all templates
	heldSize int
	clock    uint64 // counts messages
	origin   *parse.Origin
	last     *domain // of the message before
	extra    Context // of the message at hand
	lastKey  domainKey
	changes  []change
}

type domainKey struct {
	source  string
	peer    netip.Addr
	version uint16
	domain  uint32
}

type domain struct {
	current  *Context // without anything but templates
	used     uint64
	held     []held // from first on
	first    int
	heldSize int
	next     uint32 // expected sequence number
	known    bool   // next is
}

type held struct {
	raw []byte // a datagram with one data set
	id  uint16
	at  time.Time
	m   parse.Message // without Raw
}

// NewTracker returns a Tracker that counts in counters, which may be nil. An error says
// which option is wrong.
func NewTracker(o Options, counters *Counters) (*Tracker, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	if counters == nil {
		counters = &Counters{}
	}
	return &Tracker{o: o, counters: counters, domains: map[domainKey]*domain{}}, nil
}

// Track gives each datagram its Context. Messages that are no datagrams get none.
func (t *Tracker) Track(msgs []parse.Message) {
	for i := range msgs {
		t.track(&msgs[i])
	}
}

func (t *Tracker) track(m *parse.Message) {
	h, _, err := readHeader(m.Raw)
	if err != nil {
		return
	}
	t.counters.datagrams.Add(1)
	extra := &t.extra
	d := t.domain(m, &h, extra)
	if h.Version == 5 {
		t.sequence(d, &h, min(h.count, (h.end-h.size)/v5RecordSize), true)
	} else {
		records, sure := t.sets(m, &h, d, extra)
		if h.Version == 9 {
			records, sure = 1, true
		}
		t.sequence(d, &h, records, sure)
	}
	t.age(d, m, extra)
	if extra.held == nil && extra.release == nil && extra.expire == nil && extra.faults == nil {
		m.Context = d.current
		return
	}
	c := *extra
	c.templates, c.started, *extra = d.current.templates, d.current.started, Context{}
	m.Context = &c
}

// domain finds or makes the state of the message's exporter and domain.
func (t *Tracker) domain(m *parse.Message, h *Header, extra *Context) *domain {
	t.clock++
	if t.last != nil && m.Origin == t.origin && t.lastKey.version == h.Version && t.lastKey.domain == h.Domain {
		t.last.used = t.clock
		return t.last
	}
	key := domainKey{version: h.Version, domain: h.Domain}
	if m.Origin != nil {
		key.source, key.peer = m.Origin.Source, m.Origin.Peer
	}
	d := t.domains[key]
	if d == nil {
		if len(t.domains) >= t.o.MaxDomains {
			t.evict(nil, extra)
		}
		d = &domain{current: &Context{}}
		t.domains[key] = d
	}
	d.used = t.clock
	t.last, t.lastKey, t.origin = d, key, m.Origin
	return d
}

// evict forgets the domain that was silent for the longest time, but not keep.
func (t *Tracker) evict(keep *domain, extra *Context) bool {
	var oldest *domain
	var key domainKey
	for k, d := range t.domains {
		if d != keep && (oldest == nil || d.used < oldest.used) {
			oldest, key = d, k
		}
	}
	if oldest == nil {
		return false
	}
	for len(oldest.waiting()) > 0 {
		t.giveUp(oldest, extra)
	}
	if tb := oldest.current.templates; tb != nil {
		t.fields -= tb.fields
	}
	delete(t.domains, key)
	if t.last == oldest {
		t.last = nil
	}
	t.counters.evicted.Add(1)
	return true
}

// giveUp ends the wait of the domain's oldest data.
func (t *Tracker) giveUp(d *domain, extra *Context) {
	extra.expire = append(extra.expire, t.pop(d).raw)
}

// pop takes the domain's oldest data out, which has expired.
func (t *Tracker) pop(d *domain) held {
	x := d.held[d.first]
	d.held[d.first] = held{}
	d.first++
	if 2*d.first >= len(d.held) {
		n := copy(d.held, d.held[d.first:])
		clear(d.held[n:])
		d.held, d.first = d.held[:n], 0
	}
	t.unheld(d, &x)
	t.counters.expired.Add(1)
	return x
}

func (d *domain) waiting() []held { return d.held[d.first:] }

// heldOverhead is about what held data takes besides its bytes.
const heldOverhead = 256

func (t *Tracker) unheld(d *domain, x *held) {
	d.heldSize -= len(x.raw) + heldOverhead
	t.heldSize -= len(x.raw) + heldOverhead
}

func (t *Tracker) age(d *domain, m *parse.Message, extra *Context) {
	for len(d.waiting()) > 0 && !m.Received.IsZero() && m.Received.Sub(d.waiting()[0].at) > t.o.MaxHeldAge {
		t.giveUp(d, extra)
	}
}

// sequence compares the datagram's number with what was expected. count is what it
// carries, if that is sure.
func (t *Tracker) sequence(d *domain, h *Header, count int, sure bool) {
	if d.known {
		switch gap := int32(h.Sequence - d.next); {
		case gap > 0:
			t.counters.gaps.Add(1)
			t.counters.lost.Add(int64(gap))
		case gap < 0:
			t.counters.resets.Add(1)
		}
	}
	d.next, d.known = h.Sequence+uint32(count), sure
}

// sets takes up the datagram's templates and holds data without one. It returns the number
// of its records and whether that is sure.
func (t *Tracker) sets(m *parse.Message, h *Header, d *domain, extra *Context) (records int, sure bool) {
	sure = true
	changes := t.changes[:0]
	s := sets{b: m.Raw[h.size:h.end]}
	for x, ok := s.next(); ok; x, ok = s.next() {
		if templates, options := x.kind(h.Version); templates {
			changes = t.templates(m, h, d, &x, options, changes, extra)
		}
	}
	if len(changes) > 0 {
		t.adopt(d, changes, extra)
	}
	clear(changes)
	t.changes = changes[:0]
	s = sets{b: m.Raw[h.size:h.end]}
	for x, ok := s.next(); ok; x, ok = s.next() {
		if x.id < 256 {
			continue
		}
		if tm := d.current.templates.get(x.id); tm != nil {
			if h.Version == 10 {
				records += tm.records(x.body)
				t.start(d, tm, x.body)
			}
			continue
		}
		sure = false
		t.hold(m, h, d, &x, s.num-1, extra)
	}
	if s.err != nil {
		sure = false
	}
	return records, sure
}

// start notes when the exporter started, if the first record of an options set says so.
func (t *Tracker) start(d *domain, tm *Template, body []byte) {
	if tm.initAt < 0 || len(body) < tm.initAt+8 {
		return
	}
	if at, ok := timeOf(Milliseconds, body[tm.initAt:tm.initAt+8]); ok && at != d.current.started {
		d.current = &Context{templates: d.current.templates, started: at}
	}
}

// templates collects the changes that the template set x makes.
func (t *Tracker) templates(m *parse.Message, h *Header, d *domain, x *set, options bool, changes []change, extra *Context) []change {
	find := func(id uint16) *Template {
		for i := len(changes) - 1; i >= 0; i-- {
			if changes[i].id == id {
				return changes[i].template
			}
		}
		return d.current.templates.get(id)
	}
	bad := func(err error) {
		extra.faults = append(extra.faults, fault{alone(h, m.Raw, x.raw), err})
	}
	count := 0
	if tb := d.current.templates; tb != nil {
		count = tb.count
	}
	for b := x.body; len(b) >= 4; {
		id := be.Uint16(b)
		old := find(id)
		if old != nil && old.Options == options && bytes.HasPrefix(b, old.def) {
			b = b[len(old.def):]
			continue
		}
		if id == 0 && allZero(b) {
			return changes // padding
		}
		tm, n, err := readTemplate(b, h.Version, options, t.o.MaxFields)
		if err != nil {
			bad(err)
			return changes // where the next one begins is not known
		}
		b = b[n:]
		switch {
		case len(changes) >= 2*t.o.MaxTemplates:
			bad(fail(errcat.Oversize, "a datagram with more changes of templates than twice MaxTemplates"))
			return changes
		case tm.Fields != nil:
			if old == nil && count+len(changes) >= t.o.MaxTemplates {
				bad(fail(errcat.Oversize, "the exporter has more templates than MaxTemplates"))
				return changes
			}
			changes = append(changes, change{id, tm})
		case id == x.id: // all of the kind
			for _, id := range d.current.templates.ids(options) {
				changes = append(changes, change{id, nil})
				t.counters.withdrawn.Add(1)
			}
		case old != nil:
			changes = append(changes, change{id, nil})
			t.counters.withdrawn.Add(1)
		}
	}
	return changes
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// adopt makes the changes the domain's, and releases the data that waited for them.
func (t *Tracker) adopt(d *domain, changes []change, extra *Context) {
	old := d.current.templates
	if old != nil {
		t.fields -= old.fields
	}
	tb := old.with(changes)
	t.fields += tb.fields
	d.current = &Context{templates: tb, started: d.current.started}
	for _, c := range changes {
		if c.template != nil {
			t.counters.templates.Add(1)
		}
	}
	for t.fields > t.o.MaxAllFields && t.evict(d, extra) {
	}
	if t.fields > t.o.MaxAllFields { // it alone has too many
		t.fields -= tb.fields
		d.current = &Context{started: d.current.started}
	}
	kept := d.held[:0]
	for _, x := range d.waiting() {
		if d.current.templates.get(x.id) == nil {
			kept = append(kept, x)
			continue
		}
		extra.release = append(extra.release, x.raw)
		t.unheld(d, &x)
		t.counters.released.Add(1)
	}
	clear(d.held[len(kept):])
	d.held, d.first = kept, 0
}

// maxHeldSets is how many sets of one datagram are held.
const maxHeldSets = 64

// hold keeps a data set whose template is not known, where the limits allow it.
func (t *Tracker) hold(m *parse.Message, h *Header, d *domain, x *set, num int, extra *Context) {
	size := h.size + len(x.raw) + heldOverhead
	if x.cut || size > t.o.MaxHeld/4 || len(extra.held) >= maxHeldSets {
		return // it is a dead letter at once
	}
	for d.heldSize+size > t.o.MaxHeld/4 {
		t.giveUp(d, extra)
	}
	for t.heldSize+size > t.o.MaxHeld {
		var most *domain
		for _, o := range t.domains {
			if most == nil || o.heldSize > most.heldSize {
				most = o
			}
		}
		t.giveUp(most, extra)
	}
	keep := held{raw: alone(h, m.Raw, x.raw), id: x.id, at: m.Received, m: *m}
	keep.m.Raw, keep.m.Context = nil, nil
	d.held = append(d.held, keep)
	d.heldSize += size
	t.heldSize += size
	extra.held = append(extra.held, num)
	t.counters.held.Add(1)
}

// Flush yields the data that is still held, each set as a datagram of its own, and forgets
// it.
func (t *Tracker) Flush(yield func(m parse.Message, err error) bool) {
	for _, d := range t.domains {
		for len(d.waiting()) > 0 {
			x := t.pop(d)
			x.m.Raw = x.raw
			if !yield(x.m, errNoTemplate) {
				return
			}
		}
	}
}

var errNoTemplate = fail(errcat.UnknownFormat, "data whose template did not come")
