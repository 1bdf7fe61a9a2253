//go:build !purego

package scan

import "unsafe"

// followPieces compares and searches 16 bytes at a time.
func followPieces(b []byte, at *Piece, i int, ends []int32) (*Piece, int, int, bool) {
	last, end, n, odd := passPieces(unsafe.Pointer(unsafe.SliceData(b)), len(b), at, i, unsafe.Pointer(unsafe.SliceData(ends)), len(ends))
	return last, end, n, odd != 0
}

// passPieces is FollowPieces. It reads up to 15 bytes behind the message, but never beyond the page
// of memory in which that ends.
func passPieces(b unsafe.Pointer, length int, at *Piece, i int, ends unsafe.Pointer, most int) (last *Piece, end, n int, odd uint64)
