package main

import (
	"errors"
	"io"
	"testing"
)

// perOp is how many records one operation reads.
const perOp = 1000

// BenchmarkPeers runs penstock and its peers over 1000 records an operation:
//
//	go test ./internal/bench -run '^$' -bench 'Peers/asa' -cpu 1
//
// All run in one process, so that its figures are for finding what to improve. Those to
// quote come from the command.
func BenchmarkPeers(b *testing.B) {
	for _, c := range corpora {
		for _, p := range append(peers[:len(peers):len(peers)], twoCores) {
			b.Run(c.name+"/"+p.name, func(b *testing.B) {
				fn, err := p.start(c)
				if errors.Is(err, errSkip) {
					b.Skip(err)
				} else if err != nil {
					b.Fatal(err)
				}
				lines := c.take(perOp)
				b.SetBytes(int64(len(lines)))
				b.ReportAllocs()
				events, err := fn(&looped{data: lines, off: len(lines), next: b.Loop}, io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				if events != b.N*perOp {
					b.Fatalf("%d events of %d records", events, b.N*perOp)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
			})
		}
	}
}

// looped reads data as often as next says.
type looped struct {
	data []byte
	off  int
	next func() bool
}

func (l *looped) Read(p []byte) (int, error) {
	if l.off == len(l.data) {
		if !l.next() {
			return 0, io.EOF
		}
		l.off = 0
	}
	n := copy(p, l.data[l.off:])
	l.off += n
	return n, nil
}
