//go:build !purego

package parse

import "unsafe"

func followSpaced(b []byte, from int, e *ExpectedKey, spans []span) int {
	return passSpaced(unsafe.Pointer(unsafe.SliceData(b)), len(b), from, e, unsafe.Pointer(unsafe.SliceData(spans)), len(spans))
}

func followQuoted(b []byte, from int, e *ExpectedKey, spans []span) int {
	return passQuoted(unsafe.Pointer(unsafe.SliceData(b)), len(b), from, e, unsafe.Pointer(unsafe.SliceData(spans)), len(spans))
}

// passSpaced and passQuoted look at 16 bytes at a time. They read up to 15 bytes behind the text, but
// never beyond the page of memory in which that ends.
//
//go:noescape
func passSpaced(b unsafe.Pointer, length, from int, e *ExpectedKey, spans unsafe.Pointer, most int) int

//go:noescape
func passQuoted(b unsafe.Pointer, length, from int, e *ExpectedKey, spans unsafe.Pointer, most int) int
