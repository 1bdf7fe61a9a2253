package netflow

import (
	"github.com/penstock-dev/penstock/errcat"
)

// Header is what a datagram says about itself.
type Header struct {
	Version  uint16 // 5, 9 or 10
	Domain   uint32 // observation domain; of version 5 engine type and ID
	Sequence uint32 // of flows (5), datagrams (9) or records (10)
	Exported int64  // nanoseconds since 1970
	// Uptime is how long the exporter runs, in milliseconds, and HasUptime whether the
	// datagram says so: 5 and 9 do.
	Uptime    uint32
	HasUptime bool
	// Started is when the exporter started, in nanoseconds since 1970, as an options record
	// of IPFIX said (systemInitTimeMilliseconds); 0 is not known.
	Started int64
	// Sampling is the sampling mode and interval of version 5.
	Sampling uint16

	size  int // of the header
	count int // records, as version 5 says
	end   int // of the datagram
}

const (
	v5HeaderSize = 24
	v5RecordSize = 48
	v9HeaderSize = 20
	ipfixHeader  = 16
	setHeader    = 4
)

// readHeader reads the header of b. end is not beyond b; cut says that it should be.
func readHeader(b []byte) (h Header, cut bool, err error) {
	if len(b) < 4 {
		return h, false, fail(errcat.Truncated, "the datagram ends within its header")
	}
	h.Version, h.end = be.Uint16(b), len(b)
	switch h.Version {
	case 5:
		h.size = v5HeaderSize
	case 9:
		h.size = v9HeaderSize
	case 10:
		h.size = ipfixHeader
	default:
		return h, false, fail(errcat.UnknownFormat, "no datagram of NetFlow 5, 9 or IPFIX: these begin with their version")
	}
	if len(b) < h.size {
		return h, false, fail(errcat.Truncated, "the datagram ends within its header")
	}
	switch h.Version {
	case 5:
		h.count = int(be.Uint16(b[2:]))
		h.Uptime, h.HasUptime = be.Uint32(b[4:]), true
		h.Exported = int64(be.Uint32(b[8:]))*1e9 + int64(min(be.Uint32(b[12:]), 999_999_999))
		h.Sequence = be.Uint32(b[16:])
		h.Domain = uint32(be.Uint16(b[20:]))
		h.Sampling = be.Uint16(b[22:])
		if size := h.size + h.count*v5RecordSize; size <= h.end {
			h.end = size
		} else {
			cut = true
		}
	case 9:
		h.Uptime, h.HasUptime = be.Uint32(b[4:]), true
		h.Exported = int64(be.Uint32(b[8:])) * 1e9
		h.Sequence, h.Domain = be.Uint32(b[12:]), be.Uint32(b[16:])
	case 10:
		h.Exported = int64(be.Uint32(b[4:])) * 1e9
		h.Sequence, h.Domain = be.Uint32(b[8:]), be.Uint32(b[12:])
		switch size := int(be.Uint16(b[2:])); {
		case size < h.size:
			return h, false, fail(errcat.SchemaViolation, "the length of an IPFIX message is less than that of its header")
		case size <= h.end:
			h.end = size
		default:
			cut = true
		}
	}
	return h, cut, nil
}

// UptimeTime is the time, in nanoseconds since 1970, at which the exporter had run for ms
// milliseconds: how flows of NetFlow 5 and 9, and of some exporters of IPFIX, say when they
// were. The counter begins again after 49 days; the reading nearest to the time of export is
// meant. ok is false where the exporter did not say when it started.
func (h *Header) UptimeTime(ms uint32) (at int64, ok bool) {
	if !h.HasUptime {
		if h.Started == 0 {
			return 0, false
		}
		uptime := uint32((h.Exported - h.Started) / 1e6)
		return h.Started + (h.Exported-h.Started)/1e6*1e6 + int64(int32(ms-uptime))*1e6, true
	}
	return h.Exported + int64(int32(ms-h.Uptime))*1e6, true
}

// set is one set (a flow set of NetFlow 9) of a datagram.
type set struct {
	id   uint16
	body []byte
	raw  []byte // with its header
	cut  bool   // its length reaches beyond the datagram
}

// sets goes through the sets of a datagram.
type sets struct {
	b   []byte
	at  int
	num int // of the set that next returned last
	err error
}

// next returns the next set, or false at the end; s.err says what is wrong with the rest.
func (s *sets) next() (set, bool) {
	rest := s.b[s.at:]
	if len(rest) == 0 {
		return set{}, false
	}
	if len(rest) < setHeader {
		// NetFlow 9 pads to multiples of 4 bytes.
		for _, c := range rest {
			if c != 0 {
				s.err = fail(errcat.Truncated, "the datagram ends within the header of a set")
			}
		}
		return set{}, false
	}
	x := set{id: be.Uint16(rest)}
	size := int(be.Uint16(rest[2:]))
	if size < setHeader {
		s.err = fail(errcat.SchemaViolation, "the length of a set is less than that of its header")
		return set{}, false
	}
	if size > len(rest) {
		size, x.cut = len(rest), true
	}
	x.raw, x.body = rest[:size:size], rest[setHeader:size:size]
	s.at += size
	s.num++
	return x, true
}

// kind says whether a set holds templates, and whether they are options templates.
func (x *set) kind(version uint16) (templates, options bool) {
	switch {
	case version == 9 && x.id <= 1:
		return true, x.id == 1
	case version == 10 && (x.id == 2 || x.id == 3):
		return true, x.id == 3
	}
	return false, false
}

// alone returns a datagram that holds nothing but the given bytes of raw: what is wrong
// with a datagram, or is held, in a form that can be read again.
func alone(h *Header, raw, part []byte) []byte {
	d := append(append(make([]byte, 0, h.size+len(part)), raw[:h.size]...), part...)
	switch h.Version {
	case 5:
		be.PutUint16(d[2:], uint16(max((len(part)+v5RecordSize-1)/v5RecordSize, 1)))
	case 9:
		be.PutUint16(d[2:], 1)
	case 10:
		be.PutUint16(d[2:], uint16(min(len(d), 0xffff)))
	}
	return d
}

func fail(c errcat.Category, msg string) error {
	e := errcat.New(c, errcat.StageParse, msg)
	e.Parser = "netflow"
	return e
}
