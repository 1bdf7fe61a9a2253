package evtx

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"iter"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// ChunkSize is the size of a chunk. Names and templates are shared by the records of
// one chunk and by no others, so a chunk can be read without its file.
const ChunkSize = 65536

const (
	chunkMagic      = "ElfChnk\x00"
	chunkHeaderSize = 512
	recordMagic     = "\x2a\x2a\x00\x00"
	recordMin       = 24 + 4 // header and the copy of the size
)

// Chunk reads the records of one chunk. It is not safe for concurrent use; the zero
// value has the default Options.
type Chunk struct {
	opts   Options
	data   []byte
	offset int64 // of the chunk in its file
	end    int   // of the records
	sure   int   // up to here the header says that there are records
	record Record
	work   walker
}

// NewChunk returns a Chunk without content. It fails for a wrong option.
func NewChunk(opts Options) (*Chunk, error) {
	o, err := opts.check()
	return &Chunk{opts: o}, err
}

// Reset makes data, which stands at the given offset of its file, the content. It is
// not changed or copied. Where it returns an *errcat.Error, the chunk has no records
// unless Options.Salvage is set.
func (c *Chunk) Reset(data []byte, offset int64) error {
	if c.opts.MaxText == 0 {
		c.opts, _ = c.opts.check()
	}
	return c.reset(data, offset, false)
}

func (c *Chunk) reset(data []byte, offset int64, dirty bool) error {
	c.data, c.offset, c.end, c.sure = data, offset, 0, 0
	c.work.begin(c)
	if len(data) < chunkHeaderSize {
		return fail(errcat.Truncated, offset+int64(len(data)), "the chunk ends within its header")
	}
	if string(data[:8]) != chunkMagic {
		return fail(errcat.SchemaViolation, offset, "not a chunk: it does not begin with ElfChnk")
	}
	le := binary.LittleEndian
	free := le.Uint32(data[48:])
	flags := le.Uint32(data[120:])
	dirty = dirty || flags&1 != 0
	end := int(min(free, uint32(len(data)), ChunkSize))
	var err error
	if len(data) < ChunkSize {
		err = fail(errcat.Truncated, offset+int64(len(data)), "the file ends within a chunk")
	} else if flags&4 == 0 {
		crc := crc32.ChecksumIEEE(data[:120])
		crc = crc32.Update(crc, crc32.IEEETable, data[128:512])
		switch {
		case crc != le.Uint32(data[124:]) && !dirty:
			err = fail(errcat.SchemaViolation, offset+124, "the checksum of the chunk header is wrong")
		case free < chunkHeaderSize || free > ChunkSize:
			err = fail(errcat.SchemaViolation, offset+48, "the records of the chunk end outside of it")
		case crc32.ChecksumIEEE(data[chunkHeaderSize:free]) != le.Uint32(data[52:]) && !dirty:
			err = fail(errcat.SchemaViolation, offset+52, "the checksum of the records is wrong")
		}
	}
	if err != nil && !c.opts.Salvage && !(dirty && len(data) == ChunkSize) {
		return err
	}
	c.sure = end
	if err != nil || dirty {
		end = len(data) // the header may be behind
	}
	c.end = end
	return err
}

// Records yields the records of the chunk; what is not a record is yielded as a nil
// record with an *errcat.Error, and reading goes on at the next record that is one.
// A Record is valid until the next one is asked for.
func (c *Chunk) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		last := uint64(0)
		for at := chunkHeaderSize; at < c.end; {
			rest := c.data[at:c.end]
			size, ok := recordSize(rest)
			if !ok {
				if at >= c.sure && !c.opts.Salvage || allZero(rest) {
					return
				}
				next := c.nextRecord(at + 1)
				if !yield(nil, fail(errcat.SchemaViolation, c.offset+int64(at), "no record, or one with a wrong size")) || next < 0 {
					return
				}
				at = next
				continue
			}
			le := binary.LittleEndian
			id := le.Uint64(rest[8:])
			if at >= c.sure && !c.opts.Salvage && (last == 0 || id != last+1) {
				return // left over from what the chunk held before
			}
			last = id
			c.record = Record{
				ID:      id,
				Written: fileTime(le.Uint64(rest[16:])),
				Offset:  c.offset + int64(at),
				chunk:   c, start: at + 24, end: at + size - 4,
			}
			at += size
			if !yield(&c.record, nil) {
				return
			}
		}
	}
}

// recordSize checks the frame of the record that b begins with.
func recordSize(b []byte) (int, bool) {
	if len(b) < recordMin || string(b[:4]) != recordMagic {
		return 0, false
	}
	size := binary.LittleEndian.Uint32(b[4:])
	if size < recordMin || int64(size) > int64(len(b)) || binary.LittleEndian.Uint32(b[size-4:]) != size {
		return 0, false
	}
	return int(size), true
}

func (c *Chunk) nextRecord(at int) int {
	for at < c.end {
		n := bytes.Index(c.data[at:c.end], []byte(recordMagic))
		if n < 0 {
			return -1
		}
		at += n
		if _, ok := recordSize(c.data[at:c.end]); ok {
			return at
		}
		at++
	}
	return -1
}

// Record is one event of a log.
type Record struct {
	ID      uint64    // number of the record in its log
	Written time.Time // when the service wrote it; zero if it has no such time
	Offset  int64     // of the record in its file

	chunk      *Chunk
	start, end int
}

// Raw is the binary XML of the record; it aliases the chunk and cannot be read
// without it.
func (r *Record) Raw() []byte { return r.chunk.data[r.start:r.end:r.end] }

const (
	fileTimeEpoch = 116444736000000000 // 1970 in units of 100 ns since 1601
	fileTimeMax   = fileTimeEpoch + (1<<63-1)/100
)

// fileTime is the time of a FILETIME; zero where it is before 1970 or beyond what
// nanoseconds since 1970 can say.
func fileTime(t uint64) time.Time {
	if t <= fileTimeEpoch || t > fileTimeMax {
		return time.Time{}
	}
	return time.Unix(0, int64(t-fileTimeEpoch)*100).UTC()
}
