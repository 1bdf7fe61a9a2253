package pack

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
)

// maxInflated bounds what a compressed value may hold: the longest message.
const maxInflated = 1 << 20

// maxInflateScratch is the largest buffer that a worker keeps for it.
const maxInflateScratch = 256 << 10

var gzipMagic = []byte("\x1f\x8b\x08")

// inflater is what a worker needs to read compressed values.
type inflater struct {
	in bytes.Reader
	z  gzip.Reader
}

// gunzip returns what b, which is gzip (RFC 1952), holds, in the event's memory. It fails
// where that is no valid gzip or more than maxInflated.
func (s *state) gunzip(b []byte) ([]byte, bool) {
	if s.inflater == nil {
		s.inflater = new(inflater)
	}
	f := s.inflater
	f.in.Reset(b)
	if f.z.Reset(&f.in) != nil {
		return nil, false
	}
	out := s.scratch[:0]
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, max(512, len(b)))
		}
		n, err := f.z.Read(out[len(out):min(cap(out), maxInflated+1)])
		out = out[:len(out)+n]
		if len(out) > maxInflated || err != nil && err != io.EOF {
			s.forget(out)
			return nil, false
		}
		if err == io.EOF {
			break
		}
	}
	text := s.frame.Text.Copy(out)
	s.forget(out)
	return text, true
}

// forget keeps the buffer for the next value, unless it is large.
func (s *state) forget(b []byte) {
	s.scratch = b[:0]
	if cap(b) > maxInflateScratch {
		s.scratch = nil
	}
}
