package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/netsampler/goflow2/v2/decoders/netflow"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/netflow"
)

// flowField is a field of a template that the tests make up.
type flowField struct {
	id, length uint16
	pen        uint32
}

// datagram is one with a template and records of it, all bytes of which are random.
func datagram(rnd *rand.Rand, version uint16, fields []flowField, records int) []byte {
	be := binary.BigEndian
	t := be.AppendUint16(be.AppendUint16(nil, 256), uint16(len(fields)))
	for _, f := range fields {
		id := f.id
		if f.pen != 0 {
			id |= 0x8000
		}
		t = be.AppendUint16(be.AppendUint16(t, id), f.length)
		if f.pen != 0 {
			t = be.AppendUint32(t, f.pen)
		}
	}
	var d []byte
	for range records {
		for _, f := range fields {
			n := int(f.length)
			if n == 0xffff {
				n = rnd.IntN(300)
				if n < 255 {
					d = append(d, byte(n))
				} else {
					d = be.AppendUint16(append(d, 255), uint16(n))
				}
			}
			for range n {
				d = append(d, byte(rnd.Uint32()))
			}
		}
	}
	set := func(id int, body []byte) []byte {
		return append(be.AppendUint16(be.AppendUint16(nil, uint16(id)), uint16(4+len(body))), body...)
	}
	kind := 0
	if version == 10 {
		kind = 2
	}
	body := append(set(kind, t), set(256, d)...)
	var h []byte
	if version == 9 {
		h = be.AppendUint16(be.AppendUint16(nil, 9), 2)
		h = append(h, make([]byte, 16)...)
	} else {
		h = be.AppendUint16(be.AppendUint16(nil, 10), uint16(16+len(body)))
		h = append(h, make([]byte, 12)...)
	}
	return append(h, body...)
}

// flowText is records as text, for comparison.
type flowText struct{ lines []string }

func (f *flowText) Record(r *kernel.Record) error {
	line := ""
	for i, v := range r.Values {
		t := &r.Template.Fields[i]
		line += fmt.Sprintf(" %d/%d=%x", t.Enterprise, t.ID, v)
	}
	f.lines = append(f.lines, line)
	return nil
}

func (f *flowText) Reject(raw []byte, err error) { f.lines = append(f.lines, "reject") }

func ourFlows(t testing.TB, raw []byte) []string {
	tracker, err := kernel.NewTracker(kernel.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	msgs := []parse.Message{{Raw: raw}}
	tracker.Track(msgs)
	var d kernel.Decoder
	var out flowText
	if err := d.Decode(raw, msgs[0].Context.(*kernel.Context), &out); err != nil {
		t.Fatal(err)
	}
	return out.lines
}

// theirFlows are those that goflow2 finds.
func theirFlows(t testing.TB, raw []byte) (lines []string) {
	var v9 netflow.NFv9Packet
	var ipfix netflow.IPFIXPacket
	if err := netflow.DecodeMessageVersion(bytes.NewBuffer(raw), netflow.CreateTemplateSystem(), &v9, &ipfix); err != nil {
		t.Fatal(err)
	}
	for _, set := range append(v9.FlowSets, ipfix.FlowSets...) {
		data, ok := set.(netflow.DataFlowSet)
		if !ok {
			continue
		}
		for _, r := range data.Records {
			line := ""
			for _, f := range r.Values {
				line += fmt.Sprintf(" %d/%d=%x", f.Pen, f.Type, f.Value)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// Of any templates and records goflow2 finds the same as we do.
func TestFlowsAgree(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		version := uint16(9 + i%2)
		var fields []flowField
		size := 0
		for range 1 + rnd.IntN(30) {
			f := flowField{id: uint16(1 + rnd.IntN(500)), length: uint16(1 + rnd.IntN(16))}
			if version == 10 && rnd.IntN(4) == 0 {
				f.pen = rnd.Uint32()
			}
			if version == 10 && rnd.IntN(8) == 0 {
				f.length = 0xffff
				size += 300
			}
			size += int(min(f.length, 16))
			fields = append(fields, f)
		}
		raw := datagram(rnd, version, fields, 1+rnd.IntN(max(1, min(20, 30000/size))))
		ours, theirs := ourFlows(t, raw), theirFlows(t, raw)
		if fmt.Sprint(ours) != fmt.Sprint(theirs) {
			t.Fatalf("datagram %d, version %d: %d records\n%.400s\ngoflow2 has %d\n%.400s", i, version, len(ours), ours, len(theirs), theirs)
		}
	}
}

// flowValues takes all values.
type flowValues struct {
	arena arena.Bytes
	kinds int
}

func (v *flowValues) Record(r *kernel.Record) error {
	for i := range r.Template.Fields {
		x := r.Template.Fields[i].Value(r.Values[i], &v.arena)
		v.kinds += int(x.Kind())
	}
	return nil
}

func (v *flowValues) Reject([]byte, error) {}

// BenchmarkFlow is a datagram of 24 flows with the 19 fields of softflowd: penstock's kernel
// with all values made, and goflow2's decoder, which leaves values as bytes.
func BenchmarkFlow(b *testing.B) {
	var fields []flowField
	for _, f := range [][2]uint16{{8, 4}, {12, 4}, {21, 4}, {22, 4}, {1, 4}, {2, 4}, {10, 4}, {14, 4}, {7, 2}, {11, 2}, {61, 1}, {4, 1}, {6, 1}, {60, 1}, {5, 1}, {32, 2}, {58, 2}, {9, 1}, {13, 1}} {
		fields = append(fields, flowField{id: f[0], length: f[1]})
	}
	raw := datagram(rand.New(rand.NewPCG(1, 2)), 9, fields, 24)
	b.Run("penstock", func(b *testing.B) {
		tracker, err := kernel.NewTracker(kernel.Options{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		var d kernel.Decoder
		var v flowValues
		msgs := []parse.Message{{Raw: raw}}
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			v.arena.Reset()
			tracker.Track(msgs)
			if err := d.Decode(raw, msgs[0].Context.(*kernel.Context), &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("goflow2", func(b *testing.B) {
		templates := netflow.CreateTemplateSystem()
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			var v9 netflow.NFv9Packet
			if err := netflow.DecodeMessageVersion(bytes.NewBuffer(raw), templates, &v9, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
