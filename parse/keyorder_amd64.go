//go:build !purego

package parse

import "unsafe"

func followSpaced(b []byte, from int, e *ExpectedKey, spans []span) int {
	return passSpaced(unsafe.Pointer(unsafe.SliceData(b)), len(b), from, e, unsafe.Pointer(unsafe.SliceData(spans)), len(spans))
}

func followQuoted(b []byte, from int, e *ExpectedKey, spans []span) int {
	return passQuoted(unsafe.Pointer(unsafe.SliceData(b)), len(b), from, e, unsafe.Pointer(unsafe.SliceData(spans)), len(spans))
}

func followParameters(b []byte, from int, e *ExpectedKey, to []Parameter) int {
	return passParameters(unsafe.Pointer(unsafe.SliceData(b)), len(b), from, e, unsafe.Pointer(unsafe.SliceData(to)), len(to))
}

// passSpaced and the others look at 16 bytes at a time. They read up to 15 bytes behind the text, but
// never beyond the page of memory in which that ends.
//
//go:noescape
func passSpaced(b unsafe.Pointer, length, from int, e *ExpectedKey, spans unsafe.Pointer, most int) int

//go:noescape
func passQuoted(b unsafe.Pointer, length, from int, e *ExpectedKey, spans unsafe.Pointer, most int) int

//go:noescape
func passParameters(b unsafe.Pointer, length, from int, e *ExpectedKey, to unsafe.Pointer, most int) int
