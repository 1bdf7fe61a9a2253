package relp_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/relp"
)

// slow makes each message wait, and counts them.
type slow struct{ waited *atomic.Int64 }

func (slow) Allow(string, int, int) bool { return false }

func (l slow) Wait(_ context.Context, key string, events, bytes int) error {
	if key != "127.0.0.1" || events != 1 || bytes == 0 {
		return fmt.Errorf("%q, %d events, %d bytes", key, events, bytes)
	}
	l.waited.Add(1)
	return nil
}

// A peer that sends more than it may is read more slowly, and loses nothing.
func TestRate(t *testing.T) {
	limit := slow{&atomic.Int64{}}
	s := mustListen(t, relp.Options{Rate: limit})
	p := ingesttest.Start(t, s)
	var msgs []string
	for i := range 20 {
		msgs = append(msgs, fmt.Sprint("message ", i))
	}
	if err := dial(t, s).send(msgs); err != nil {
		t.Fatal(err)
	}
	if got := p.Wait(len(msgs)); len(got) != len(msgs) || limit.waited.Load() != int64(len(msgs)) {
		t.Errorf("%d messages, %d of them waited", len(got), limit.waited.Load())
	}
}
