// Package spiketest is for tests of pipelines under more load than they can take.
package spiketest

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Load is a source of messages at a rate that nobody can hold back, as a network has it:
// what finds no chunk waits outside. A message is its class (c, one in twenty; n or l), the
// time since Epoch at which it was due, and its number: see Read.
type Load struct {
	Rate func(since time.Duration) float64 // messages a second; negative: the end

	// Set by Run.
	Epoch  time.Time
	Issued [256]int64 // by class
}

// Classes are the classes, the most important first.
const Classes = "cnl"

// Class is the place in Classes of a message.
func Class(m *parse.Message) int { return bytes.IndexByte([]byte(Classes), m.Raw[0]) }

// Read takes a message apart.
func Read(raw []byte) (class byte, due time.Duration, number uint64) {
	return raw[0], time.Duration(binary.BigEndian.Uint64(raw[1:])), binary.BigEndian.Uint64(raw[9:])
}

// Run sends until Rate is negative.
func (l *Load) Run(_ context.Context, out *ingest.Emit) error {
	l.Epoch = time.Now()
	due, total := 0.0, 0
	for last := l.Epoch; ; time.Sleep(5 * time.Millisecond) {
		now := time.Now()
		rate := l.Rate(now.Sub(l.Epoch))
		if rate < 0 {
			return nil
		}
		first := last
		n := int(due + rate*now.Sub(last).Seconds())
		due += rate*now.Sub(last).Seconds() - float64(n)
		last = now
		for i := 0; i < n; {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			for ; i < n; i++ {
				class := byte('l')
				switch {
				case total%20 == 0:
					class = 'c'
				case total%20 < 8:
					class = 'n'
				}
				at := first.Add(time.Duration(i) * now.Sub(first) / time.Duration(n))
				var raw [40]byte
				raw[0] = class
				binary.BigEndian.PutUint64(raw[1:], uint64(at.Sub(l.Epoch)))
				binary.BigEndian.PutUint64(raw[9:], uint64(total))
				if !c.Add(parse.Message{Raw: raw[:], Offset: int64(total)}) {
					break
				}
				l.Issued[class]++
				total++
			}
			if err := out.Send(c); err != nil {
				out.Discard(c)
				return err
			}
		}
	}
}
