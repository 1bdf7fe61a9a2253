package diskqueue

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	segmentMagic = "PNSTKSPL"
	cursorMagic  = "PNSTKCUR"
	version      = 1

	headerCopy = 64
	headerSize = 2 * headerCopy
	frameSize  = 24

	segmentSuffix = ".spool"
	damagedSuffix = ".damaged"
	asideSuffix   = ".unsynced"
	cursorName    = "cursor"
	lockName      = "lock"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // read-only

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// header is what a segment says of itself.
type header struct {
	first   uint64
	salt    uint64
	created int64
}

func (h header) append(dst []byte) []byte {
	for range 2 {
		start := len(dst)
		dst = append(dst, segmentMagic...)
		dst = binary.LittleEndian.AppendUint16(dst, version)
		dst = append(dst, make([]byte, 6)...)
		dst = binary.LittleEndian.AppendUint64(dst, h.first)
		dst = binary.LittleEndian.AppendUint64(dst, h.salt)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(h.created))
		dst = append(dst, make([]byte, 20)...)
		dst = binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
	}
	return dst
}

// versionError says that a file is of a version that this code does not know.
type versionError struct{ version uint16 }

func (e *versionError) Error() string {
	return fmt.Sprintf("has format version %d, this program knows %d: it is kept as it is; use the program that wrote it", e.version, version)
}

// parseHeader reads one of the two copies. ok is false where neither is whole.
func parseHeader(b []byte) (h header, ok bool, err error) {
	var unknown uint16
	for i := range 2 {
		if len(b) < (i+1)*headerCopy {
			break
		}
		c := b[i*headerCopy : (i+1)*headerCopy]
		if string(c[:8]) != segmentMagic {
			continue
		}
		whole := checksum(c[:60]) == binary.LittleEndian.Uint32(c[60:])
		if v := binary.LittleEndian.Uint16(c[8:]); v != version {
			if whole || i == 0 {
				unknown = v
			}
			continue
		}
		if whole {
			return header{binary.LittleEndian.Uint64(c[16:]), binary.LittleEndian.Uint64(c[24:]), int64(binary.LittleEndian.Uint64(c[32:]))}, true, nil
		}
	}
	if unknown != 0 {
		// A later format may look different from here on, its checksum included.
		return header{}, false, &versionError{unknown}
	}
	return header{}, false, nil
}

// frame is the head of an entry.
type frame struct {
	length  uint32
	seq     uint64
	payload uint32 // checksum
}

func marker(salt uint64) uint32 { return uint32(salt) | 1<<7 } // not zero

// seed begins the checksums of a segment.
func seed(salt uint64) uint32 { return uint32(salt >> 32) }

// appendEntry appends a frame with its payload.
func appendEntry(dst []byte, salt, seq uint64, payload []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, marker(salt))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Update(seed(salt), castagnoli, payload))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Update(seed(salt), castagnoli, dst[start:start+20]))
	return append(dst, payload...)
}

// parseFrame reads the head of an entry, b being at least frameSize long.
func parseFrame(b []byte, salt uint64) (f frame, ok bool) {
	if binary.LittleEndian.Uint32(b) != marker(salt) ||
		crc32.Update(seed(salt), castagnoli, b[:20]) != binary.LittleEndian.Uint32(b[20:]) {
		return frame{}, false
	}
	return frame{binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:])}, true
}

func (f frame) matches(payload []byte, salt uint64) bool {
	return crc32.Update(seed(salt), castagnoli, payload) == f.payload
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// parseName reads the first sequence number out of the name of a segment.
func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

// position is where the consumer stands.
type position struct {
	gen    uint64
	seq    uint64 // the next entry
	first  uint64 // of its segment
	offset int64  // of its frame there, 0 if not known
}

func (p position) encode() []byte {
	b := make([]byte, 0, headerCopy)
	b = append(b, cursorMagic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = append(b, make([]byte, 6)...)
	b = binary.LittleEndian.AppendUint64(b, p.gen)
	b = binary.LittleEndian.AppendUint64(b, p.seq)
	b = binary.LittleEndian.AppendUint64(b, p.first)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.offset))
	b = append(b, make([]byte, 12)...)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

func parsePosition(b []byte) (p position, ok bool, err error) {
	if len(b) < headerCopy || string(b[:8]) != cursorMagic || checksum(b[:60]) != binary.LittleEndian.Uint32(b[60:]) {
		return position{}, false, nil
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != version {
		return position{}, false, &versionError{v}
	}
	return position{
		binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]),
		binary.LittleEndian.Uint64(b[32:]), int64(binary.LittleEndian.Uint64(b[40:])),
	}, true, nil
}
