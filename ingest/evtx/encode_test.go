package evtx_test

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
	"unicode/utf16"
)

// logFile writes an event log as the Windows service does: records into the last chunk, which
// is written anew with each of them, as is the header. A full log goes on in its oldest chunk.
type logFile struct {
	t     testing.TB
	path  string
	f     *os.File
	next  uint64 // record
	chunk []byte // that is being written
	index int    // its place in the file
	most  int    // chunks in the file; 0: any number
	inUse bool
}

var le = binary.LittleEndian

func newLog(t testing.TB, path string) *logFile {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	l := &logFile{t: t, path: path, f: f, next: 1, index: -1}
	l.begin()
	return l
}

// begin begins a chunk.
func (l *logFile) begin() {
	l.index++
	if l.most > 0 {
		l.index %= l.most
	}
	l.chunk = make([]byte, 512, 65536)
	copy(l.chunk, "ElfChnk\x00")
	le.PutUint64(l.chunk[24:], l.next)
	le.PutUint64(l.chunk[8:], l.next)
	le.PutUint32(l.chunk[40:], 128)
}

// add writes records with these texts as their data.
func (l *logFile) add(texts ...string) {
	for _, text := range texts {
		body := binaryXML(text, len(l.chunk)+24)
		size := 24 + len(body) + 4
		if len(l.chunk)+size > 65536 {
			l.flush()
			l.begin()
			body = binaryXML(text, len(l.chunk)+24)
		}
		b := append(l.chunk, "\x2a\x2a\x00\x00"...)
		b = le.AppendUint32(b, uint32(size))
		b = le.AppendUint64(b, l.next)
		b = le.AppendUint64(b, 133_000_000_000_000_000+l.next*10_000_000)
		b = append(b, body...)
		l.chunk = le.AppendUint32(b, uint32(size))
		l.next++
	}
	l.flush()
}

// sealed is the chunk at hand with its checksums.
func (l *logFile) sealed() []byte {
	c := l.chunk
	free := len(c)
	le.PutUint64(c[16:], l.next-1)
	le.PutUint64(c[32:], l.next-1)
	le.PutUint32(c[48:], uint32(free))
	le.PutUint32(c[52:], crc32.ChecksumIEEE(c[512:free]))
	crc := crc32.ChecksumIEEE(c[:120])
	le.PutUint32(c[124:], crc32.Update(crc, crc32.IEEETable, c[128:512]))
	return append(append([]byte(nil), c...), make([]byte, 65536-free)...)
}

func (l *logFile) flush() {
	l.write(l.sealed(), 4096+int64(l.index)*65536)
	h := make([]byte, 4096)
	copy(h, "ElfFile\x00")
	le.PutUint64(h[16:], uint64(l.index))
	le.PutUint64(h[24:], l.next)
	le.PutUint32(h[32:], 128)
	le.PutUint16(h[36:], 1)
	le.PutUint16(h[38:], 3)
	le.PutUint16(h[40:], 4096)
	le.PutUint16(h[42:], uint16(l.index+1))
	if l.inUse {
		h[120] = 1
	}
	le.PutUint32(h[124:], crc32.ChecksumIEEE(h[:120]))
	l.write(h, 0)
}

func (l *logFile) write(b []byte, at int64) {
	if _, err := l.f.WriteAt(b, at); err != nil {
		l.t.Error(err)
	}
}

// binaryXML is <Event><Data>text</Data></Event>, for a record whose body is at an offset of
// its chunk. MS-EVEN6, section 2.2.12.
func binaryXML(text string, at int) []byte {
	b := []byte{0x0f, 1, 1, 0}
	open := func(name string) (size int) {
		b = append(b, 0x01, 0xff, 0xff)
		size = len(b)
		b = append(b, 0, 0, 0, 0)
		b = le.AppendUint32(b, uint32(at+len(b)+4)) // the name stands here
		b = append(b, 0, 0, 0, 0, 0, 0)
		b = le.AppendUint16(b, uint16(len(name)))
		for _, c := range name {
			b = le.AppendUint16(b, uint16(c))
		}
		b = append(b, 0, 0, 0x02)
		return size
	}
	closes := func(size int) {
		b = append(b, 0x04)
		le.PutUint32(b[size:], uint32(len(b)-size-4))
	}
	event := open("Event")
	data := open("Data")
	units := utf16.Encode([]rune(text))
	b = append(b, 0x05, 0x01)
	b = le.AppendUint16(b, uint16(len(units)))
	for _, u := range units {
		b = le.AppendUint16(b, u)
	}
	closes(data)
	closes(event)
	return append(b, 0)
}
