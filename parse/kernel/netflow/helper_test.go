package netflow_test

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse/kernel/netflow"
)

var be = binary.BigEndian

// exportTime is when the datagrams of the tests are exported.
const exportTime = 1_772_528_400 // 2026-03-03T09:00:00Z

func u16(n ...int) (b []byte) {
	for _, x := range n {
		b = be.AppendUint16(b, uint16(x))
	}
	return b
}

func u32(n ...int) (b []byte) {
	for _, x := range n {
		b = be.AppendUint32(b, uint32(x))
	}
	return b
}

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// flowset is a set with its length, padded to 4 bytes where pad says so.
func flowset(id int, pad bool, parts ...[]byte) []byte {
	body := join(parts...)
	for pad && len(body)%4 != 0 {
		body = append(body, 0)
	}
	return join(u16(id, 4+len(body)), body)
}

func v9(seq, domain int, sets ...[]byte) []byte {
	return join(u16(9, len(sets)), u32(3_600_000, exportTime, seq, domain), join(sets...))
}

func ipfix(seq, domain int, sets ...[]byte) []byte {
	body := join(sets...)
	return join(u16(10, 16+len(body)), u32(exportTime, seq, domain), body)
}

// v5 is a datagram of flows, each 48 bytes.
func v5(seq int, flows ...[]byte) []byte {
	return join(u16(5, len(flows)), u32(3_600_000, exportTime, 123_456_789, seq), []byte{1, 7}, u16(1<<14|100), join(flows...))
}

func v5Flow(src, dst [4]byte, sport, dport, proto int) []byte {
	return join(src[:], dst[:], []byte{192, 0, 2, 254}, u16(3, 4), u32(10, 1500, 3_590_000, 3_599_500), u16(sport, dport),
		[]byte{0, 0x1b, byte(proto), 0x10}, u16(64500, 64501), []byte{24, 16}, u16(0))
}

// text writes what a decoder finds as lines.
type text struct {
	arena arena.Bytes
	lines []string
}

func (t *text) Record(r *netflow.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "v%d domain %d", r.Header.Version, r.Header.Domain)
	if r.Template.Options {
		b.WriteString(" options")
	}
	for i := range r.Template.Fields {
		f := &r.Template.Fields[i]
		if list, ok := f.List(r.Values[i], nil, &t.arena); ok {
			fmt.Fprintf(&b, " %s=%s", f.Name(nil), list)
			continue
		}
		fmt.Fprintf(&b, " %s=%s", f.Name(nil), f.Value(r.Values[i], &t.arena))
	}
	t.lines = append(t.lines, b.String())
	return nil
}

func (t *text) Reject(raw []byte, err error) {
	t.lines = append(t.lines, fmt.Sprintf("reject %s %x", errcat.Of(err), raw))
}
