package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"unsafe"
)

// Record is one record that the oracle has issued.
type Record struct {
	ID uint64
	// Line is {"id":…,"crc":…,"payload":"…"} without line feed.
	Line []byte
}

// Oracle issues records, is told which were accepted, and sees what arrives. Safe for
// concurrent use.
type Oracle struct {
	seed uint64
	size int

	mu      sync.Mutex
	issued  uint64 // ids are 1 to issued
	fates   []fate // by id
	damaged int
	strange int // well-formed, but never issued
}

// fate is what became of one record. It is small, since tests judge the memory of runs
// with millions of them.
type fate struct {
	accepted, dead bool
	delivered      uint16
}

// fate returns that of a record. The caller holds the lock.
func (o *Oracle) fate(id uint64) *fate {
	for uint64(len(o.fates)) <= id {
		o.fates = append(o.fates, fate{})
	}
	return &o.fates[id]
}

// bytes is the memory that the oracle holds.
func (o *Oracle) bytes() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return int64(cap(o.fates)) * int64(unsafe.Sizeof(fate{}))
}

// NewOracle returns an oracle whose payloads follow from seed and id.
func NewOracle(seed uint64) *Oracle {
	return &Oracle{seed: seed, size: 300}
}

// Size sets about how long lines are, in bytes. Default: 300.
func (o *Oracle) Size(bytes int) { o.mu.Lock(); o.size = bytes; o.mu.Unlock() }

// Issue returns the next record.
func (o *Oracle) Issue() Record {
	o.mu.Lock()
	o.issued++
	id, size := o.issued, o.size
	o.mu.Unlock()
	return Record{id, Line(o.seed, id, size)}
}

// Line is the record with the given id: the same for the same arguments, with a
// payload that has quotes, backslashes and bytes of several letters in it.
func Line(seed, id uint64, size int) []byte {
	rnd := rand.New(rand.NewPCG(seed, id))
	size = max(size-40, 1)
	payload := make([]byte, 0, size+8)
	for len(payload) < size {
		switch r := rnd.IntN(64); {
		case r == 0:
			payload = append(payload, `"`...)
		case r == 1:
			payload = append(payload, `\`...)
		case r == 2:
			payload = append(payload, "é"...)
		default:
			payload = append(payload, byte('0'+r))
		}
	}
	text, _ := json.Marshal(string(payload))
	line := append([]byte(`{"id":`), strconv.FormatUint(id, 10)...)
	line = append(line, `,"crc":`...)
	line = strconv.AppendUint(line, uint64(sum(id, payload)), 10)
	line = append(line, `,"payload":`...)
	line = append(line, text...)
	return append(line, '}')
}

func sum(id uint64, payload []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(strconv.AppendUint(nil, id, 10)), crc32.IEEETable, payload)
}

// ParseLine reads the id of a record, and reports whether it is undamaged.
func ParseLine(line []byte) (id uint64, ok bool) {
	var r struct {
		ID      uint64 `json:"id"`
		CRC     uint32 `json:"crc"`
		Payload string `json:"payload"`
	}
	if json.Unmarshal(bytes.TrimSpace(line), &r) != nil {
		return 0, false
	}
	return r.ID, r.CRC == sum(r.ID, []byte(r.Payload))
}

// Accept notes that the component under test has confirmed a record: from now on it
// is an obligation.
func (o *Oracle) Accept(ids ...uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		o.fate(id).accepted = true
	}
}

// Receive notes a line that has arrived at the sink.
func (o *Oracle) Receive(line []byte) {
	id, ok := ParseLine(line)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !ok:
		o.damaged++
	case id == 0 || id > o.issued && o.issued > 0:
		o.strange++
	default:
		o.fate(id).delivered++
	}
}

// ReceiveAll notes every line of lines.
func (o *Oracle) ReceiveAll(lines []byte) {
	for line := range bytes.Lines(lines) {
		o.Receive(line)
	}
}

// Arrived reports whether a record has arrived at the sink, or as a dead letter.
func (o *Oracle) Arrived(id uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.fate(id)
	return f.delivered > 0 || f.dead
}

// Issued is the id of the last record issued.
func (o *Oracle) Issued() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.issued
}

// Bury notes a record that has arrived as a dead letter.
func (o *Oracle) Bury(line []byte) {
	id, ok := ParseLine(line)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !ok {
		o.damaged++
		return
	}
	o.fate(id).dead = true
}

// Report is what the oracle knows.
type Report struct {
	Issued, Accepted, Delivered, Dead int
	// Lost are the obligations that have not arrived, in order.
	Lost []uint64
	// Missing are the issued records that have not arrived, in order: those that were
	// never accepted are still with their source.
	Missing []uint64
	// Duplicates counts deliveries beyond the first of each record.
	Duplicates int
	// Damaged counts lines that no record is, Strange those that were never issued.
	Damaged, Strange int
}

// Report compares the sets.
func (o *Oracle) Report() Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := Report{Issued: int(o.issued), Damaged: o.damaged, Strange: o.strange}
	for id := uint64(1); id <= o.issued || id < uint64(len(o.fates)); id++ {
		f := o.fate(id)
		if f.accepted {
			r.Accepted++
		}
		if f.dead {
			r.Dead++
		}
		if f.delivered > 0 {
			r.Delivered++
			r.Duplicates += int(f.delivered) - 1
		} else if !f.dead {
			if f.accepted {
				r.Lost = append(r.Lost, id)
			}
			if id <= o.issued {
				r.Missing = append(r.Missing, id)
			}
		}
	}
	return r
}

// String is one line of figures.
func (r Report) String() string {
	return fmt.Sprintf("issued %d, accepted %d, delivered %d, dead letters %d, lost %d, duplicates %d, damaged %d, strange %d",
		r.Issued, r.Accepted, r.Delivered, r.Dead, len(r.Lost), r.Duplicates, r.Damaged, r.Strange)
}

// Limits are what a test allows. The zero value allows nothing.
type Limits struct {
	// MaxLost is how many obligations may be missing, because the component has
	// counted and reported them.
	MaxLost int
	// MaxDuplicates is how many records may arrive again; negative: any number.
	MaxDuplicates int
}

// Check fails t if the report is not within limits.
func (o *Oracle) Check(t testing.TB, l Limits) Report {
	t.Helper()
	r := o.Report()
	if len(r.Lost) > l.MaxLost {
		t.Errorf("%d obligations lost, at most %d allowed, the first are %v (%s)", len(r.Lost), l.MaxLost, r.Lost[:min(len(r.Lost), 10)], r)
	}
	if l.MaxDuplicates >= 0 && r.Duplicates > l.MaxDuplicates {
		t.Errorf("%d duplicates, at most %d allowed (%s)", r.Duplicates, l.MaxDuplicates, r)
	}
	if r.Damaged+r.Strange > 0 {
		t.Errorf("%d damaged and %d strange records were delivered (%s)", r.Damaged, r.Strange, r)
	}
	return r
}
