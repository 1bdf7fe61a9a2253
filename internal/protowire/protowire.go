// Package protowire reads and writes the wire format of Protocol Buffers, as far as
// OTLP and Loki need it. It allocates nothing, and every length is checked against the
// bytes that are there.
//
// Source: https://protobuf.dev/programming-guides/encoding/.
package protowire

import (
	"encoding/binary"
	"errors"
	"math"
)

// Wire types.
const (
	Varint  = 0
	Fixed64 = 1
	Bytes   = 2
	Fixed32 = 5
)

// ErrMalformed says that the bytes are not a message.
var ErrMalformed = errors.New("malformed protobuf")

// Reader walks over the fields of one message. The zero value is an empty message.
type Reader struct {
	b   []byte
	err error

	// The field at hand.
	Number int
	Type   int
	num    uint64 // of Varint, Fixed64 and Fixed32
	bytes  []byte // of Bytes
}

// NewReader returns a Reader of the fields in b, which it aliases.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Err says why Next ended early, or nil.
func (r *Reader) Err() error { return r.err }

func (r *Reader) fail() bool {
	r.b, r.err = nil, ErrMalformed
	return false
}

// Next goes to the next field; it returns false at the end and after an error.
func (r *Reader) Next() bool {
	if len(r.b) == 0 {
		return false
	}
	tag, n := uvarint(r.b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32>>2 {
		return r.fail()
	}
	r.b = r.b[n:]
	r.Number, r.Type, r.bytes = int(tag>>3), int(tag&7), nil
	switch r.Type {
	case Varint:
		if r.num, n = uvarint(r.b); n <= 0 {
			return r.fail()
		}
		r.b = r.b[n:]
	case Fixed64:
		if len(r.b) < 8 {
			return r.fail()
		}
		r.num, r.b = binary.LittleEndian.Uint64(r.b), r.b[8:]
	case Fixed32:
		if len(r.b) < 4 {
			return r.fail()
		}
		r.num, r.b = uint64(binary.LittleEndian.Uint32(r.b)), r.b[4:]
	case Bytes:
		size, n := uvarint(r.b)
		if n <= 0 || size > uint64(len(r.b)-n) {
			return r.fail()
		}
		r.bytes, r.b = r.b[n:n+int(size):n+int(size)], r.b[n+int(size):]
	default: // groups are of the past
		return r.fail()
	}
	return true
}

func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}

// Is reports whether the field at hand has this number and type.
func (r *Reader) Is(number, wireType int) bool { return r.Number == number && r.Type == wireType }

// Bytes is the content of a field of type Bytes: it aliases the message.
func (r *Reader) Bytes() []byte { return r.bytes }

// Message is a Reader of a field of type Bytes.
func (r *Reader) Message() Reader { return Reader{b: r.bytes} }

// Uint is the number of a field of the other types.
func (r *Reader) Uint() uint64 { return r.num }

// Int is Uint as a signed number.
func (r *Reader) Int() int64 { return int64(r.num) }

// Double is the number of a field of type Fixed64 as a floating-point one.
func (r *Reader) Double() float64 { return math.Float64frombits(r.num) }

// AppendVarint appends a field of type Varint.
func AppendVarint(dst []byte, number int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(number)<<3|Varint), v)
}

// AppendFixed64 appends a field of type Fixed64.
func AppendFixed64(dst []byte, number int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(dst, uint64(number)<<3|Fixed64), v)
}

// AppendBytes appends a field of type Bytes.
func AppendBytes[B []byte | string](dst []byte, number int, v B) []byte {
	dst = binary.AppendUvarint(dst, uint64(number)<<3|Bytes)
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// Begin starts a nested message whose length is not known yet: it appends the tag and
// returns where the message begins. End puts the length in.
func Begin(dst []byte, number int) ([]byte, int) {
	dst = binary.AppendUvarint(dst, uint64(number)<<3|Bytes)
	return dst, len(dst)
}

// End closes the message that begins at start.
func End(dst []byte, start int) []byte {
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(dst)-start))
	dst = append(dst, size[:n]...)
	copy(dst[start+n:], dst[start:len(dst)-n])
	copy(dst[start:], size[:n])
	return dst
}
