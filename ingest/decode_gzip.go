package ingest

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
)

// The forms of compression of the standard library.
var (
	// Gzip is RFC 1952: any number of members one behind the other, with zeros behind the
	// last.
	Gzip Codec = gzipCodec{}
	// Zlib is RFC 1950. Its first bytes look like text, so it has to be named.
	Zlib Codec = zlibCodec{}
)

// CodecByName returns the Codec of a name: gzip or zlib.
func CodecByName(name string) (Codec, bool) {
	switch name {
	case "gzip":
		return Gzip, true
	case "zlib":
		return Zlib, true
	}
	return nil, false
}

type gzipCodec struct{}

func (gzipCodec) Name() string  { return "gzip" }
func (gzipCodec) Magic() string { return "\x1f\x8b\x08" }

func (gzipCodec) NewReader(r io.Reader) (io.Reader, error) {
	return &members{in: bufio.NewReaderSize(r, 4<<10)}, nil
}

// members reads the members of a gzip stream one after the other.
type members struct {
	in   *bufio.Reader
	z    *gzip.Reader
	open bool
}

func (m *members) Read(p []byte) (int, error) {
	for {
		if m.open {
			n, err := m.z.Read(p)
			if err == io.EOF {
				m.open, err = false, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// next opens the next member. What is no member behind the first is an error, but for
// zeros, with which tapes and block devices fill up.
func (m *members) next() error {
	if m.z != nil {
		for {
			c, err := m.in.ReadByte()
			if err != nil {
				return err
			}
			if c != 0 {
				_ = m.in.UnreadByte() // of the byte just read
				break
			}
		}
	}
	magic := Gzip.Magic()
	if head, _ := m.in.Peek(len(magic)); m.z != nil && !strings.HasPrefix(magic, string(head)) {
		return errors.New("bytes that are no member stand behind one")
	}
	var err error
	if m.z == nil {
		m.z, err = gzip.NewReader(m.in)
	} else {
		err = m.z.Reset(m.in)
	}
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // a stream that should be gzip is empty or ends in a header
		}
		return err
	}
	m.z.Multistream(false)
	m.open = true
	return nil
}

type zlibCodec struct{}

func (zlibCodec) Name() string  { return "zlib" }
func (zlibCodec) Magic() string { return "" }

// NewReader does not read: the header is read with the first bytes.
func (zlibCodec) NewReader(r io.Reader) (io.Reader, error) { return &zlibReader{in: r}, nil }

type zlibReader struct {
	in io.Reader
	z  io.Reader
}

func (z *zlibReader) Read(p []byte) (int, error) {
	if z.z == nil {
		r, err := zlib.NewReader(bufio.NewReaderSize(z.in, 4<<10))
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		z.z = r
	}
	return z.z.Read(p)
}
