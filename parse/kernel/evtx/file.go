package evtx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"

	"github.com/penstock-dev/penstock/errcat"
)

const (
	fileHeaderSize = 4096
	fileMagic      = "ElfFile\x00"
)

// Header is what the file header says. A file that is in use is Dirty: then the
// numbers may be behind its content, and reading goes by the content.
type Header struct {
	FirstChunk, LastChunk uint64
	NextRecord            uint64 // ID of the record that is written next
	Chunks                int
	Major, Minor          int // version, 3.1 or 3.2
	Dirty, Full           bool
}

// Reader reads the records of one file, one chunk at a time: its memory is the same
// for any size of file. It is not safe for concurrent use.
type Reader struct {
	r      io.Reader
	opts   Options
	header Header
	first  error // what is wrong with the file header
	buf    []byte
	chunk  Chunk
	offset int64
	done   bool
}

// NewReader reads the file header. It fails, with an *errcat.Error, if r does not
// begin with one (UNKNOWN_FORMAT), is too short (TRUNCATED) or has another major
// version (VENDOR_FORMAT_DRIFT), and for a wrong option. A file of which only a part is wanted is
// given as an io.SectionReader.
func NewReader(r io.Reader, opts Options) (*Reader, error) {
	o, err := opts.check()
	if err != nil {
		return nil, err
	}
	rd := &Reader{r: r, opts: o, buf: make([]byte, ChunkSize)}
	rd.chunk.opts = o
	h := rd.buf[:fileHeaderSize]
	n, err := io.ReadFull(r, h)
	switch {
	case n >= 8 && string(h[:8]) != fileMagic, n < 8 && !bytes.HasPrefix([]byte(fileMagic), h[:n]):
		return nil, fail(errcat.UnknownFormat, 0, "not an event log file: it does not begin with ElfFile")
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return nil, fail(errcat.Truncated, int64(n), "the file ends within its header")
	case err != nil:
		return nil, err
	}
	le := binary.LittleEndian
	flags := le.Uint32(h[120:])
	rd.header = Header{
		FirstChunk: le.Uint64(h[8:]), LastChunk: le.Uint64(h[16:]), NextRecord: le.Uint64(h[24:]),
		Chunks: int(le.Uint16(h[42:])), Major: int(le.Uint16(h[38:])), Minor: int(le.Uint16(h[36:])),
		Dirty: flags&1 != 0, Full: flags&2 != 0,
	}
	if rd.header.Major != 3 {
		return nil, fail(errcat.VendorFormatDrift, 38, "the major version of the file is not 3")
	}
	if crc32.ChecksumIEEE(h[:120]) != le.Uint32(h[124:]) {
		rd.first = fail(errcat.SchemaViolation, 124, "the checksum of the file header is wrong")
	} else if le.Uint16(h[40:]) != fileHeaderSize {
		rd.first = fail(errcat.SchemaViolation, 40, "the file header claims to be another size than 4096; read as 4096")
	}
	rd.offset = fileHeaderSize
	return rd, nil
}

// Header is what the file header says.
func (r *Reader) Header() Header { return r.header }

// Records yields the records of the file in its order. What is corrupt is yielded as
// a nil record and an *errcat.Error whose Offset is the byte in the file, and the
// iteration goes on behind it; a failure of the underlying reader ends it. A record
// is valid until the next one is asked for.
//
// Chunks that were never written are passed over; so are those of a file that is
// Dirty whose checksums are behind, as long as their records are well-formed.
func (r *Reader) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		if r.first != nil {
			err := r.first
			if r.first = nil; !yield(nil, err) {
				return
			}
		}
		for !r.done {
			n, err := io.ReadFull(r.r, r.buf)
			if err != nil {
				r.done = true
				if err != io.EOF && err != io.ErrUnexpectedEOF {
					yield(nil, err)
					return
				}
			}
			at := r.offset
			r.offset += int64(n)
			if n == 0 || allZero(r.buf[:n]) {
				continue
			}
			if err := r.chunk.reset(r.buf[:n], at, r.header.Dirty); err != nil && !yield(nil, err) {
				return
			}
			for rec, err := range r.chunk.Records() {
				if !yield(rec, err) {
					return
				}
			}
		}
	}
}

func allZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
