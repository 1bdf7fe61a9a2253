package pack

import (
	"bytes"
	"compress/gzip"
	"io"
)

// maxInflated bounds what a compressed value may hold: the longest message.
const maxInflated = 1 << 20

// maxInflateScratch is the largest buffer that a worker keeps for it.
const maxInflateScratch = 256 << 10

var gzipMagic = []byte("\x1f\x8b\x08")

// gunzip returns what b, which is gzip (RFC 1952), holds, in the event's memory. It fails
// where that is no valid gzip or more than maxInflated.
func (s *state) gunzip(b []byte) ([]byte, bool) {
	in := bytes.NewReader(b)
	if s.inflater == nil {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, false
		}
		s.inflater = z
	} else if s.inflater.Reset(in) != nil {
		return nil, false
	}
	out := bytes.NewBuffer(s.scratch[:0])
	n, err := io.CopyN(out, s.inflater, maxInflated+1)
	s.scratch = out.Bytes()[:0]
	defer func() {
		if cap(s.scratch) > maxInflateScratch {
			s.scratch = nil
		}
	}()
	if err != io.EOF || n > maxInflated {
		return nil, false
	}
	return s.frame.Text.Copy(out.Bytes()), true
}
