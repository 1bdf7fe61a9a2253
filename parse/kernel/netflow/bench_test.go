package netflow_test

import (
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/netflow"
)

// values takes all values of all records.
type values struct {
	arena arena.Bytes
	flows int
	last  parse.Value
}

func (v *values) Record(r *netflow.Record) error {
	v.flows++
	for i := range r.Template.Fields {
		v.last = r.Template.Fields[i].Value(r.Values[i], &v.arena)
	}
	return nil
}

func (v *values) Reject([]byte, error) {}

// flows24 is a datagram of 24 flows of the fields that softflowd sends by NetFlow 9, and the
// one that brings their template.
func flows24() (template, data []byte) {
	fields := u16(1024, 19, 8, 4, 12, 4, 21, 4, 22, 4, 1, 4, 2, 4, 10, 4, 14, 4, 7, 2, 11, 2, 61, 1, 4, 1, 6, 1, 60, 1, 5, 1, 32, 2, 58, 2, 9, 1, 13, 1)
	flow := join([]byte{10, 1, 2, 3}, []byte{192, 0, 2, 9}, u32(3_599_000, 3_590_000, 123456, 99, 1, 2), u16(51234, 443), []byte{0, 6, 0x1b, 4, 0}, u16(0, 12), []byte{24, 16})
	var all [][]byte
	for range 24 {
		all = append(all, flow)
	}
	return v9(1, 5, flowset(0, true, fields)), v9(2, 5, flowset(1024, true, all...))
}

func BenchmarkDecode(b *testing.B) {
	template, data := flows24()
	tracker, err := netflow.NewTracker(netflow.Options{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	msgs := []parse.Message{{Raw: template}}
	tracker.Track(msgs)
	msgs[0] = parse.Message{Raw: data}
	var d netflow.Decoder
	var v values
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		v.arena.Reset()
		tracker.Track(msgs)
		if err := d.Decode(data, msgs[0].Context.(*netflow.Context), &v); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(v.flows)/b.Elapsed().Seconds(), "flows/s")
}
