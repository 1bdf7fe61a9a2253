package scan

import (
	"encoding/binary"
	"unsafe"
)

// The compiler cannot see that the loops of this package
// stay in bounds, and its checks cost them a third of their speed. Callers
// guarantee 0 <= i and that the bytes read or written lie within len(b).

// Load64 reads the eight bytes at b[i:i+8], the first one lowest. Nothing is checked: the
// caller guarantees that they are there.
func Load64(b []byte, i int) uint64 { return load64(b, i) }

// load64 reads the eight bytes at b[i:i+8], the first one lowest.
func load64(b []byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:])
}

// Store64 writes v to b[i:i+8], the lowest byte first. Nothing is checked.
func Store64(b []byte, i int, v uint64) { store64(b, i, v) }

// load32 reads the four bytes at b[i:i+4], the first one lowest.
func load32(b []byte, i int) uint64 {
	return uint64(binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:]))
}

// store64 writes v to b[i:i+8], the lowest byte first.
func store64(b []byte, i int, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:], v)
}

// store32 writes the low half of v to b[i:i+4], the lowest byte first.
func store32(b []byte, i int, v uint64) {
	binary.LittleEndian.PutUint32((*[4]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:], uint32(v))
}

// load64s is load64 of a string.
func load64s(s string, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))[:])
}

// load32s is load32 of a string.
func load32s(s string, i int) uint64 {
	return uint64(binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))[:]))
}

// Texts of less than eight bytes become one word, so that the same test serves
// all lengths. The last bytes overlap; place tells where a byte of the word stands.

// short reads b, of one to seven bytes, into a word; unused bytes repeat
// the first.
func short(b []byte) uint64 {
	n := len(b)
	if n >= 4 {
		return load32(b, 0) | load32(b, n-4)<<32
	}
	return uint64(b[0])*0x0101010101000001 | uint64(b[n>>1])<<8 | uint64(b[n-1])<<16
}

// place turns the index of a byte in short's word into one in a text of n bytes.
func place(k, n int) int {
	if n >= 4 {
		if k >= 4 {
			k += n - 8
		}
		return k
	}
	switch k {
	case 0:
		return 0
	case 1:
		return n >> 1
	}
	return n - 1
}
