package forward

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/penstock-dev/penstock/internal/scan"
)

var (
	errMsgpack = errors.New("malformed MessagePack")
	errTooLong = errors.New("longer than a protocol message may be")
)

// head is what the first bytes of a value say.
type head struct {
	kind kind
	size int    // of the bytes or text that follow
	n    int    // of the elements (array) or pairs (map) that follow
	bits uint64 // of a number
	ext  int8
}

type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindInt
	kindUint
	kindFloat
	kindText
	kindBytes
	kindArray
	kindMap
	kindExt
)

// headLength is how many bytes follow the first one before the head is complete.
func headLength(c byte) int {
	switch {
	case c < 0xc0 || c >= 0xe0:
		return 0
	}
	switch c {
	case 0xc4, 0xcc, 0xd0, 0xd9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return 1
	case 0xc5, 0xc7, 0xcd, 0xd1, 0xda, 0xdc, 0xde:
		return 2
	case 0xc8:
		return 3
	case 0xc6, 0xca, 0xce, 0xd2, 0xdb, 0xdd, 0xdf:
		return 4
	case 0xc9:
		return 5
	case 0xcb, 0xcf, 0xd3:
		return 8
	}
	return 0
}

// parseHead reads the head of a value, of which c is the first byte and b the headLength
// bytes behind it.
func parseHead(c byte, b []byte) (h head, err error) {
	num := func(n int) uint64 {
		v := uint64(0)
		for _, x := range b[:n] {
			v = v<<8 | uint64(x)
		}
		return v
	}
	long := func(k kind, n int) head { return head{kind: k, size: int(num(n))} }
	switch {
	case c < 0x80:
		return head{kind: kindUint, bits: uint64(c)}, nil
	case c < 0x90:
		return head{kind: kindMap, n: int(c & 0x0f)}, nil
	case c < 0xa0:
		return head{kind: kindArray, n: int(c & 0x0f)}, nil
	case c < 0xc0:
		return head{kind: kindText, size: int(c & 0x1f)}, nil
	case c >= 0xe0:
		return head{kind: kindInt, bits: uint64(int64(int8(c)))}, nil
	}
	switch c {
	case 0xc0:
		return head{kind: kindNil}, nil
	case 0xc2, 0xc3:
		return head{kind: kindBool, bits: uint64(c & 1)}, nil
	case 0xc4, 0xc5, 0xc6:
		return long(kindBytes, 1<<(c-0xc4)), nil
	case 0xc7, 0xc8, 0xc9:
		n := 1 << (c - 0xc7)
		return head{kind: kindExt, size: int(num(n)), ext: int8(b[n])}, nil
	case 0xca:
		return head{kind: kindFloat, bits: math.Float64bits(float64(math.Float32frombits(uint32(num(4)))))}, nil
	case 0xcb:
		return head{kind: kindFloat, bits: num(8)}, nil
	case 0xcc, 0xcd, 0xce, 0xcf:
		return head{kind: kindUint, bits: num(1 << (c - 0xcc))}, nil
	case 0xd0:
		return head{kind: kindInt, bits: uint64(int64(int8(num(1))))}, nil
	case 0xd1:
		return head{kind: kindInt, bits: uint64(int64(int16(num(2))))}, nil
	case 0xd2:
		return head{kind: kindInt, bits: uint64(int64(int32(num(4))))}, nil
	case 0xd3:
		return head{kind: kindInt, bits: num(8)}, nil
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return head{kind: kindExt, size: 1 << (c - 0xd4), ext: int8(b[0])}, nil
	case 0xd9, 0xda, 0xdb:
		return long(kindText, 1<<(c-0xd9)), nil
	case 0xdc, 0xdd:
		return head{kind: kindArray, n: int(num(2 << (c - 0xdc)))}, nil
	case 0xde, 0xdf:
		return head{kind: kindMap, n: int(num(2 << (c - 0xde)))}, nil
	}
	return h, errMsgpack
}

// readValue appends one value with all that it holds to dst, which grows with what comes
// and not with what is said. io.EOF means that there is none.
func readValue(r *bufio.Reader, dst []byte, limit int) ([]byte, error) {
	start := len(dst)
	for left := 1; left > 0; left-- {
		c, err := r.ReadByte()
		if err != nil {
			if err == io.EOF && len(dst) > start {
				err = io.ErrUnexpectedEOF
			}
			return dst, err
		}
		dst = append(dst, c)
		n := headLength(c)
		if dst, err = take(r, dst, n); err != nil {
			return dst, err
		}
		h, err := parseHead(c, dst[len(dst)-n:])
		if err != nil {
			return dst, err
		}
		// Each element has a byte at least, so a count beyond the limit can't be true.
		if h.n > limit || h.size > limit-(len(dst)-start) || left > limit {
			return dst, errTooLong
		}
		left += h.n
		if h.kind == kindMap {
			left += h.n
		}
		if dst, err = take(r, dst, h.size); err != nil {
			return dst, err
		}
		if len(dst)-start > limit {
			return dst, errTooLong
		}
	}
	return dst, nil
}

func take(r io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		k := min(n, 64<<10)
		at := len(dst)
		dst = slices.Grow(dst, k)[:at+k]
		if _, err := io.ReadFull(r, dst[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return dst[:at], err
		}
		n -= k
	}
	return dst, nil
}

// cursor walks over values in memory.
type cursor struct {
	b    []byte
	deep bool // something was nested deeper than maxDepth
}

const maxDepth = 32

// next reads a head, and the bytes that belong to it.
func (c *cursor) next() (h head, data []byte, err error) {
	if len(c.b) == 0 {
		return h, nil, errMsgpack
	}
	n := 1 + headLength(c.b[0])
	if len(c.b) < n {
		return h, nil, errMsgpack
	}
	if h, err = parseHead(c.b[0], c.b[1:n]); err != nil {
		return h, nil, err
	}
	c.b = c.b[n:]
	if h.size > len(c.b) || h.n > len(c.b) || h.kind == kindMap && 2*h.n > len(c.b) {
		return h, nil, errMsgpack
	}
	data, c.b = c.b[:h.size:h.size], c.b[h.size:]
	return h, data, nil
}

// skip passes over one value.
func (c *cursor) skip() error {
	for left := 1; left > 0; left-- {
		h, _, err := c.next()
		if err != nil {
			return err
		}
		left += h.n
		if h.kind == kindMap {
			left += h.n
		}
	}
	return nil
}

// array reads the head of an array.
func (c *cursor) array() (int, error) {
	h, _, err := c.next()
	if err == nil && h.kind != kindArray {
		err = errMsgpack
	}
	return h.n, err
}

// json appends the next value as JSON.
func (c *cursor) json(dst []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		c.deep = true
		return append(dst, "null"...), c.skip()
	}
	h, data, err := c.next()
	if err != nil {
		return dst, err
	}
	switch h.kind {
	case kindNil:
		return append(dst, "null"...), nil
	case kindBool:
		return strconv.AppendBool(dst, h.bits == 1), nil
	case kindInt:
		return strconv.AppendInt(dst, int64(h.bits), 10), nil
	case kindUint:
		return strconv.AppendUint(dst, h.bits, 10), nil
	case kindFloat:
		f := math.Float64frombits(h.bits)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, 64), '"'), nil
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
	case kindText, kindBytes:
		return scan.AppendJSONString(dst, data), nil
	case kindExt:
		dst = strconv.AppendInt(append(dst, `{"ext":`...), int64(h.ext), 10)
		dst = base64.StdEncoding.AppendEncode(append(dst, `,"base64":"`...), data)
		return append(dst, `"}`...), nil
	case kindArray:
		dst = append(dst, '[')
		for i := range h.n {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = c.json(dst, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	dst = append(dst, '{') // a map
	for i := range h.n {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := len(dst)
		if dst, err = c.json(dst, depth+1); err != nil {
			return dst, err
		}
		if dst[at] != '"' { // a key that is no text
			dst = scan.AppendJSONString(dst[:at], slices.Clone(dst[at:]))
		}
		dst = append(dst, ':')
		if dst, err = c.json(dst, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// time reads the time of an entry: seconds, or an EventTime.
func (c *cursor) time() (nanos int64, err error) {
	h, data, err := c.next()
	if err != nil {
		return 0, err
	}
	const maxSeconds = 9_000_000_000 // what fits into nanoseconds of 64 bits
	switch {
	case h.kind == kindExt && h.ext == 0 && len(data) == 8:
		return int64(binary.BigEndian.Uint32(data))*1e9 + int64(binary.BigEndian.Uint32(data[4:])), nil
	case (h.kind == kindInt || h.kind == kindUint) && int64(h.bits) >= -maxSeconds && int64(h.bits) <= maxSeconds:
		return int64(h.bits) * 1e9, nil
	case h.kind == kindFloat && math.Abs(math.Float64frombits(h.bits)) <= maxSeconds:
		return int64(math.Float64frombits(h.bits) * 1e9), nil
	case h.kind == kindNil:
		return 0, nil
	}
	return 0, errMsgpack
}
