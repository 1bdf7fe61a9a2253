package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// benchInput is 4 MiB of key=value lines of about 180 bytes.
func benchInput() []byte {
	var b []byte
	for i := 0; len(b) < 4<<20; i++ {
		b = fmt.Appendf(b, "srcip=10.%d.%d.7 dstip=192.0.2.%d srcport=%d dstport=443 action=accept user=user%d msg=\"a message with some length to it\" policy=%d bytes=%d url=/index/of/things/%d\n",
			i>>8&255, i&255, i&127, 1024+i%60000, i%1000, i%50, i*7, i)
	}
	return b
}

var benchKeys = map[string]ecs.Key{}

func init() {
	for name, field := range map[string]string{
		"srcip": "source.ip", "dstip": "destination.ip", "srcport": "source.port", "dstport": "destination.port",
		"action": "event.action", "user": "user.name", "msg": "message", "policy": "rule.id", "bytes": "source.bytes", "url": "url.path",
	} {
		benchKeys[name], _ = ecs.Lookup(field)
	}
}

// parseKV is a parser of ordinary speed: about 500 ns an event.
func parseKV(m *parse.Message, out *parse.Events[parse.Record]) error {
	r := out.Add()
	raw := m.Raw
	for len(raw) > 0 {
		eq := bytes.IndexByte(raw, '=')
		if eq < 0 {
			break
		}
		key := raw[:eq]
		raw = raw[eq+1:]
		var value []byte
		if len(raw) > 0 && raw[0] == '"' {
			end := bytes.IndexByte(raw[1:], '"') + 1
			value, raw = raw[1:end], raw[end+1:]
		} else if end := bytes.IndexByte(raw, ' '); end >= 0 {
			value, raw = raw[:end], raw[end:]
		} else {
			value, raw = raw, nil
		}
		raw = raw[scan.SkipSpaces(raw):]
		r.Set(benchKeys[string(key)], parse.BytesValue(value))
	}
	return nil
}

// BenchmarkOverhead compares the pipeline with a bare loop that does the same work:
//
//	go test ./ingest -run '^$' -bench Overhead -cpu 1,2 -count 6
func BenchmarkOverhead(b *testing.B) {
	in := benchInput()
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		b.ReportAllocs()
		enc := normalize.NewEncoder(normalize.EncoderOptions{})
		var events parse.Events[parse.Record]
		var lines []byte
		for b.Loop() {
			rest := in
			for len(rest) > 0 {
				n := bytes.IndexByte(rest, '\n')
				m := parse.Message{Raw: rest[:n]}
				rest = rest[n+1:]
				events.Reset()
				if err := parseKV(&m, &events); err != nil {
					b.Fatal(err)
				}
				for _, e := range events.All() {
					lines, _ = enc.Append(lines, e)
					lines = append(lines, '\n')
				}
				if len(lines) > 64<<10 {
					io.Discard.Write(lines)
					lines = lines[:0]
				}
			}
		}
	})
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("lines/workers=%d", workers), func(b *testing.B) {
			benchPipeline(b, in, workers, batch.NewWriter[parse.Record](io.Discard))
		})
	}
	b.Run("events/workers=1", func(b *testing.B) {
		benchPipeline(b, in, 1, batch.SinkFunc[parse.Record](func(context.Context, *batch.Batch[parse.Record]) error { return nil }))
	})
}

// repeat reads data again and again, n times in all.
type repeat struct {
	data []byte
	off  int
	next func() bool
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.off == len(r.data) {
		if !r.next() {
			return 0, io.EOF
		}
		r.off = 0
	}
	n := copy(p, r.data[r.off:])
	r.off += n
	return n, nil
}

func benchPipeline(b *testing.B, in []byte, workers int, sink batch.Sink[parse.Record]) {
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{ingest.FromReader("bench", &repeat{in, len(in), b.Loop})},
		Parser:  parse.ParserFunc[parse.Record](parseKV),
		Encoder: normalize.NewEncoder(normalize.EncoderOptions{}),
		Sink:    sink,
		Workers: workers,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		b.Fatal(err)
	}
	s := p.Stats()
	if err := s.Check(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(s.Delivered)/float64(b.N), "events/op")
}
