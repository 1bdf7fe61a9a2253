package evtx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/evtx"
)

const (
	fileHeader  = 4096
	fileMagic   = "ElfFile\x00"
	chunkMagic  = "ElfChnk\x00"
	chunkHeader = 512
	// turnChunks is how many chunks of one file are read before the next has its turn.
	turnChunks = 32
	// coarse is how much later a write may come that does not change the time of the last one.
	coarse = 2 * time.Second
	// rewindPause is how long after a sink has failed its records are read again.
	rewindPause = time.Second
	// maxBroken bounds the broken parts that are remembered of a file.
	maxBroken = 4096
)

// sum tells chunk headers and records apart.
type sum [16]byte

func sumOf(parts ...[]byte) (s sum) {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	copy(s[:], h.Sum(nil))
	return s
}

// mark is the last record that was delivered: by it a log is known again.
type mark struct {
	Record uint64
	Sum    sum
}

func markOf(r *kernel.Record) mark {
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], r.ID)
	binary.LittleEndian.PutUint64(head[8:], uint64(r.Written.UnixNano()))
	return mark{r.ID, sumOf(head[:], r.Raw())}
}

// eventLog is one file. Only the goroutine of Run uses it, but for its generation.
type eventLog struct {
	path    string
	info    fs.FileInfo // as of the last scan; nil for one from the checkpoint
	seen    time.Time   // when it was gone
	origin  *parse.Origin
	known   bool // its generation is that of this file
	size    int64
	changed time.Time // as it was when it was read
	dirty   bool      // there was something that may be better later
	next    time.Time // not before
	headers []sum     // of the chunks, as they were read
	gen     *generation
}

// generation is the content of a log until it is cleared. Source.mu guards it, except sent.
type generation struct {
	sent      ranges // numbers of records
	delivered ranges
	last      mark
	broken    map[int64]bool // offsets that were reported
	pending   int            // chunks of the pipeline
	failed    bool
}

// part is a chunk of the file, by its header.
type part struct {
	index   int
	records span
	header  sum
	open    bool // it is being written
}

// turn reads what one file has. again says that there is more.
func (s *Source) turn(ctx context.Context, l *eventLog, e *emitter) (again bool, err error) {
	now := s.opts.Now()
	if !s.opts.Once && s.rewind(l) {
		l.next = now.Add(rewindPause)
	}
	if now.Before(l.next) {
		return false, nil
	}
	if l.known && !l.dirty && l.info.Size() == l.size && l.info.ModTime().Equal(l.changed) {
		return false, nil
	}
	f, err := os.Open(l.path)
	if err != nil {
		if os.IsNotExist(err) {
			return false, nil // the next scan knows
		}
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !os.SameFile(info, l.info) {
		return false, nil
	}
	age := now.Sub(info.ModTime())
	settled := s.opts.Once || age >= s.opts.Settle
	var head [fileHeader]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	if n < fileHeader || string(head[:len(fileMagic)]) != fileMagic {
		l.dirty = !settled
		if settled {
			l.known, l.size, l.changed = true, info.Size(), info.ModTime()
			if n == 0 {
				return false, nil // it is empty
			}
			err := errcat.New(errcat.UnknownFormat, errcat.StageCollect, "not an event log file: it does not begin with ElfFile")
			return false, s.report(ctx, l, e, 0, head[:n], err)
		}
		return false, nil
	}
	parts, err := s.parts(f, info.Size(), head[:])
	if err != nil {
		return false, err
	}
	if !l.known {
		s.recognise(l, f, parts)
	} else if s.cleared(l, f, parts) {
		s.mu.Lock()
		s.stats.Restarted++
		s.mu.Unlock()
		l.gen, l.headers = &generation{}, nil
	}
	l.known = true
	l.origin = &parse.Origin{Source: l.path, Hint: s.opts.Hint, Zone: s.opts.Zone}
	l.dirty = age < coarse && !s.opts.Once
	read := 0
	for _, p := range parts {
		for len(l.headers) <= p.index {
			l.headers = append(l.headers, sum{})
		}
		if l.headers[p.index] == p.header && !p.open || !p.open && l.gen.sent.hasAll(p.records) {
			continue
		}
		if read++; read > turnChunks {
			again = true
			break
		}
		whole, err := s.chunk(ctx, l, f, p, e, settled, head[120]&1 != 0)
		if err != nil {
			return false, err
		}
		switch {
		case !whole:
			l.dirty = true
		case !p.open:
			l.headers[p.index] = p.header
		}
	}
	if !again {
		l.size, l.changed = info.Size(), info.ModTime()
	}
	return again, e.flush()
}

// parts are the chunks that are in use, by their first record.
func (s *Source) parts(f io.ReaderAt, size int64, head []byte) (parts []part, err error) {
	var h [chunkHeader]byte
	last := -1
	for at, i := int64(fileHeader), 0; at < size; at, i = at+kernel.ChunkSize, i+1 {
		n, err := f.ReadAt(h[:], at)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if n == chunkHeader && string(h[:len(chunkMagic)]) != chunkMagic && allZero(h[:]) {
			continue // made, and never used
		}
		p := part{index: i, header: sumOf(h[:n])}
		if n == chunkHeader {
			le := binary.LittleEndian
			p.records = span{le.Uint64(h[24:]), le.Uint64(h[32:])}
			p.open = h[120]&1 != 0
		}
		if size-at < kernel.ChunkSize || p.records.First > p.records.Last || n < chunkHeader {
			p.open = true // cut, or nonsense: what is in it is seen when it is read
		}
		if last < 0 || p.records.Last > parts[last].records.Last {
			last = len(parts)
		}
		parts = append(parts, p)
	}
	if last >= 0 && head[120]&1 != 0 {
		parts[last].open = true // the file is in use: the header of its last chunk may be behind
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		switch {
		case a.records.First < b.records.First:
			return -1
		case a.records.First > b.records.First:
			return 1
		}
		return 0
	})
	return parts, nil
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// load reads a chunk.
func (s *Source) load(f io.ReaderAt, p part) error {
	at := fileHeader + int64(p.index)*kernel.ChunkSize
	s.buf = s.buf[:cap(s.buf)]
	n, err := f.ReadAt(s.buf, at)
	if err != nil && err != io.EOF {
		return err
	}
	s.buf = s.buf[:n]
	return nil
}

// chunk sends the records of a chunk that were not sent. whole says that all of it could be
// read, or that what could not was reported.
func (s *Source) chunk(ctx context.Context, l *eventLog, f io.ReaderAt, p part, e *emitter, settled, inUse bool) (whole bool, err error) {
	if err := s.load(f, p); err != nil {
		return false, err
	}
	at := fileHeader + int64(p.index)*kernel.ChunkSize
	if inUse && len(s.buf) >= chunkHeader {
		s.buf[120] |= 1 // what the file says of itself holds for its chunks: checksums may be behind
	}
	whole = true
	fault := func(offset int64, raw []byte, cause error) error {
		if !settled {
			whole = false // perhaps it is being written
			return nil
		}
		return s.report(ctx, l, e, offset, raw, cause)
	}
	if cause := s.read.Reset(s.buf, at); cause != nil && !inUse {
		if err := fault(at, s.buf, cause); err != nil {
			return false, err
		}
	}
	for rec, cause := range s.read.Records() {
		if cause != nil {
			offset := at
			if e := (*errcat.Error)(nil); errcatAs(cause, &e) {
				offset = e.Offset
			}
			if err := fault(offset, s.buf, cause); err != nil {
				return false, err
			}
			continue
		}
		if l.gen.sent.has(rec.ID) {
			continue
		}
		var cause error
		s.text, cause = rec.AppendXML(s.text[:0])
		raw := s.text
		if cause != nil {
			raw = rec.Raw()
		}
		if err := e.add(ctx, l, rec, raw, cause); err != nil {
			return false, err
		}
	}
	return whole, nil
}

// report makes a dead letter of something that cannot be read, once.
func (s *Source) report(ctx context.Context, l *eventLog, e *emitter, offset int64, raw []byte, cause error) error {
	s.mu.Lock()
	if l.gen.broken[offset] || len(l.gen.broken) >= maxBroken {
		s.mu.Unlock()
		return nil
	}
	if l.gen.broken == nil {
		l.gen.broken = map[int64]bool{}
	}
	l.gen.broken[offset] = true
	s.stats.Broken++
	s.mu.Unlock()
	s.log.Error("a part of a file cannot be read", "path", l.path, "offset", offset, "error", cause)
	if l.origin == nil {
		l.origin = &parse.Origin{Source: l.path, Hint: s.opts.Hint, Zone: s.opts.Zone}
	}
	return e.addBroken(ctx, l, offset, raw, cause)
}

// cleared reports whether the last record that was delivered is not in the file any more,
// since the log was cleared or is another one.
func (s *Source) cleared(l *eventLog, f io.ReaderAt, parts []part) bool {
	s.mu.Lock()
	last := l.gen.last
	s.mu.Unlock()
	if last == (mark{}) {
		return false
	}
	highest := uint64(0)
	for _, p := range parts {
		highest = max(highest, p.records.Last)
		if p.records.First <= last.Record && last.Record <= p.records.Last {
			if s.load(f, p) != nil {
				return false
			}
			_ = s.read.Reset(s.buf, 0) // what is wrong is seen when it is read
			for rec, err := range s.read.Records() {
				if err == nil && rec.ID == last.Record {
					return markOf(rec) != last
				}
			}
			return false // in the middle of being written
		}
	}
	return highest < last.Record
}

// recognise finds out whether something of a new file was delivered already: because it is
// one that is in the checkpoint, under its old or another name, or a copy.
func (s *Source) recognise(l *eventLog, f io.ReaderAt, parts []part) {
	var best *eventLog
	marks := map[uint64][]*eventLog{}
	s.mu.Lock()
	for _, list := range [][]*eventLog{s.former, s.logs} {
		for _, o := range list {
			if o != l && o.gen.last != (mark{}) {
				marks[o.gen.last.Record] = append(marks[o.gen.last.Record], o)
			}
		}
	}
	s.mu.Unlock()
	records := slices.Sorted(maps.Keys(marks))
	for _, p := range parts {
		i, _ := slices.BinarySearch(records, p.records.First)
		if i == len(records) || records[i] > p.records.Last || s.load(f, p) != nil {
			continue
		}
		_ = s.read.Reset(s.buf, 0)
		for rec, err := range s.read.Records() {
			if err != nil || marks[rec.ID] == nil {
				continue
			}
			m := markOf(rec)
			for _, o := range marks[rec.ID] {
				if o.gen.last == m && (best == nil || o.gen.last.Record > best.gen.last.Record || o.path == l.path) {
					best = o
				}
			}
		}
	}
	if best == nil {
		return
	}
	s.mu.Lock()
	old := best.gen
	l.gen = &generation{sent: slices.Clone(old.delivered), delivered: slices.Clone(old.delivered), last: old.last, broken: map[int64]bool{}}
	for at := range old.broken {
		l.gen.broken[at] = true
	}
	s.mu.Unlock()
	s.former = slices.DeleteFunc(s.former, func(o *eventLog) bool { return o == best })
}

// rewind makes the records be read again that a sink has not taken.
func (s *Source) rewind(l *eventLog) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := l.gen
	if !g.failed || g.pending > 0 {
		return false
	}
	l.gen = &generation{sent: slices.Clone(g.delivered), delivered: g.delivered, last: g.last, broken: g.broken}
	l.headers, l.dirty = nil, true
	s.stats.Rewound++
	return true
}
