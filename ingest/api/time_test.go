package api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/internal/faulttest"
)

// The clock of the server is ten minutes ahead, and events appear five minutes after the
// time that they carry: with each product nothing is lost, and nothing comes twice.
func TestF43Time(t *testing.T) {
	for _, tc := range []struct {
		name        string
		ahead, late time.Duration
	}{
		{"server clock 10 min ahead", 10 * time.Minute, 0},
		{"events 5 min late", 0, 5 * time.Minute},
		{"both", 10 * time.Minute, 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			products, events := 0, 0
			faulttest.Figures(t, "F43 "+tc.name, "each product is polled every minute while an event a minute happens", "0 lost; 0 duplicates", func() string {
				return fmt.Sprintf("%d products, %d events, each came once", products, events)
			})
			for _, name := range api.Builtins() {
				s, ok := servers[name]
				if !ok {
					continue // a stream has no windows
				}
				products++
				t.Run(name, func(t *testing.T) {
					p := newProduct(t, s.handler)
					p.events = nil
					o := p.options(name)
					c := &collected{t: t, got: map[string]int{}}
					const minutes = 12
					for minute := range minutes + 12 {
						now := clock.Add(time.Duration(minute) * time.Minute)
						if minute < minutes {
							p.mu.Lock()
							p.events = append(p.events, happened{fmt.Sprintf("event-%d", minute), now.Add(tc.ahead - tc.late - 30*time.Second)})
							p.mu.Unlock()
						}
						o.Now = func() time.Time { return now }
						if err := c.collect(context.Background(), p.source(o)); err != nil {
							t.Fatal(err)
						}
					}
					if n, twice := c.has(); n != minutes || twice {
						t.Errorf("%d of %d events, twice: %v", n, minutes, twice)
					}
					events += minutes
				})
			}
		})
	}
}
