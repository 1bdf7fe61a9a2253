package file

import (
	"crypto/sha256"
	"errors"
	"io"
)

// fileID is what the system knows a file by, as long as it exists.
type fileID struct{ Device, Inode uint64 }

// headSize is how much of a file's begin is compared, tailSize how much of what stands
// before a position.
const (
	headSize = 1 << 10
	tailSize = 256
)

// mark is a piece of a file: its length and a hash of it.
type mark struct {
	Length int
	Sum    [16]byte
}

func markOf(b []byte) mark {
	sum := sha256.Sum256(b)
	m := mark{Length: len(b)}
	copy(m.Sum[:], sum[:])
	return m
}

// is reports whether b is the piece.
func (m mark) is(b []byte) bool { return len(b) == m.Length && markOf(b) == m }

// print tells files apart by what they hold: how they begin, and what stands before the
// position up to which they were read.
type print struct {
	Head, Tail mark
	Offset     int64
}

// printAt makes the print of a file at an offset, and returns what Head was made of.
func printAt(r io.ReaderAt, offset int64) (p print, head []byte, err error) {
	head, err = readAt(r, 0, int(min(offset, headSize)))
	if err != nil {
		return print{}, nil, err
	}
	n := min(offset, tailSize)
	tail, err := readAt(r, offset-n, int(n))
	if err != nil {
		return print{}, nil, err
	}
	return print{markOf(head), markOf(tail), offset}, head, nil
}

// matches reports whether the file still holds what it held, and returns how it begins where
// it does. An error is one of reading: then nobody knows.
func (p print) matches(r io.ReaderAt) (head []byte, ok bool, err error) {
	head, err = readAt(r, 0, p.Head.Length)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, false, nil // it is shorter
	case err != nil:
		return nil, false, err
	case !p.Head.is(head):
		return nil, false, nil
	}
	ok, err = p.continues(r)
	return head, ok, err
}

// continues is matches for a file that is known to begin as it did.
func (p print) continues(r io.ReaderAt) (bool, error) {
	tail, err := readAt(r, p.Offset-int64(p.Tail.Length), p.Tail.Length)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return false, nil
	case err != nil:
		return false, err
	}
	return p.Tail.is(tail), nil
}

// headAt reads how a file begins: headSize bytes, or all where there are less.
func headAt(r io.ReaderAt) ([]byte, error) {
	b := make([]byte, headSize)
	n, err := r.ReadAt(b, 0)
	if n == headSize || err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:n], err
}

// readAt reads n bytes, all of them or none.
func readAt(r io.ReaderAt, at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if n == 0 {
		return b, nil
	}
	got, err := r.ReadAt(b, at)
	if got == n {
		return b, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}
