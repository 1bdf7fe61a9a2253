package ingest

import "github.com/penstock-dev/penstock/errcat"

// The parts of a Windows event log file.
const (
	evtxHeader = 4096
	evtxChunk  = 65536
	evtxMagic  = "ElfFile\x00"
)

// EVTX cuts a Windows event log file into its chunks of 64 KiB, each of which can be read
// without the others. The file's header is left out; a stream that does not begin with one
// is one bad message (UNKNOWN_FORMAT). The last chunk may be cut, which its parser tells.
// Limits.MaxMessage has to be 64 KiB at least.
func EVTX() Splitter { return &evtxChunks{left: evtxHeader} }

type evtxChunks struct {
	left int  // bytes to come of the header or chunk
	body bool // the header is over
	bad  bool // no event log file
	seen int  // bytes of the header, compared with evtxMagic
}

var (
	errEVTX      = errcat.New(errcat.UnknownFormat, errcat.StageBuffer, "not an event log file: it does not begin with ElfFile")
	errEVTXShort = errcat.New(errcat.Truncated, errcat.StageBuffer, "the event log file ends within its header")
)

func (s *evtxChunks) Scan(p []byte) (int, bool) {
	if !s.body && !s.bad {
		for i := 0; i < len(p) && s.seen < len(evtxMagic); i++ {
			if p[i] != evtxMagic[s.seen] {
				s.bad = true
				break
			}
			s.seen++
		}
	}
	if s.bad {
		return len(p), false
	}
	if s.left > len(p) {
		s.left -= len(p)
		return len(p), false
	}
	n := s.left
	s.left = evtxChunk
	return n, true
}

func (s *evtxChunks) Message(frame []byte, how FrameEnd) ([]byte, FrameKind, error) {
	switch {
	case s.bad:
		return frame, FrameMessage, errEVTX
	case !s.body && how == AtEOF:
		return frame, FrameMessage, errEVTXShort
	case !s.body, len(frame) == 0:
		s.body = true
		return nil, FrameGap, nil
	}
	return frame, FrameMessage, nil
}
