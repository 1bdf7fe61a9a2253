package httpin

import (
	"encoding/binary"
	"errors"
	"net/http"
)

var errSnappy = errors.New("the body is not snappy")

// Snappy decompresses a block of Snappy within the limits of the listener. The result is
// valid until Serve returns.
func (r *Request) Snappy(block []byte) ([]byte, error) {
	size, n := binary.Uvarint(block)
	if n <= 0 {
		return nil, errSnappy
	}
	limit := r.s.opts.inflatedLimit(int64(len(block)))
	if size > uint64(limit) {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "decompressed, the body would have %d bytes, at most %d are taken", size, limit)
	}
	if err := r.hold(int(size)); err != nil {
		return nil, err
	}
	dst := r.Buffer()
	if cap(*dst) < int(size) {
		*dst = make([]byte, 0, size)
	}
	out, err := appendSnappy((*dst)[:0], block[n:], int(size))
	*dst = out
	if err != nil {
		return nil, err
	}
	return out, nil
}

// appendSnappy appends what the elements of a block stand for, which has size bytes.
//
// Source: Snappy compressed format description, google/snappy.
func appendSnappy(dst, src []byte, size int) ([]byte, error) {
	for len(src) > 0 {
		tag := src[0]
		var length, offset int
		switch tag & 3 {
		case 0: // literal
			length = int(tag >> 2)
			src = src[1:]
			if length >= 60 {
				k := length - 59
				if len(src) < k {
					return dst, errSnappy
				}
				length = 0
				for i := k - 1; i >= 0; i-- {
					length = length<<8 | int(src[i])
				}
				src = src[k:]
			}
			length++
			if length <= 0 || length > len(src) || length > size-len(dst) {
				return dst, errSnappy
			}
			dst, src = append(dst, src[:length]...), src[length:]
			continue
		case 1:
			if len(src) < 2 {
				return dst, errSnappy
			}
			length, offset, src = 4+int(tag>>2&7), int(tag&0xe0)<<3|int(src[1]), src[2:]
		case 2:
			if len(src) < 3 {
				return dst, errSnappy
			}
			length, offset, src = 1+int(tag>>2), int(binary.LittleEndian.Uint16(src[1:])), src[3:]
		case 3:
			if len(src) < 5 {
				return dst, errSnappy
			}
			length, offset, src = 1+int(tag>>2), int(binary.LittleEndian.Uint32(src[1:])), src[5:]
		}
		if offset <= 0 || offset > len(dst) || length > size-len(dst) {
			return dst, errSnappy
		}
		for range length { // may overlap what it makes
			dst = append(dst, dst[len(dst)-offset])
		}
	}
	if len(dst) != size {
		return dst, errSnappy
	}
	return dst, nil
}
