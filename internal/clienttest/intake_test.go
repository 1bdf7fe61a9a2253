package clienttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	lumber "github.com/elastic/go-lumber/client/v2"
	"github.com/fluent/fluent-logger-golang/fluent"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/forward"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/lumberjack"
)

// text is the field message of a JSON object.
func text(message string) string {
	var doc struct {
		Message string
		Record  struct{ Message string }
	}
	json.Unmarshal([]byte(message), &doc)
	return doc.Message + doc.Record.Message
}

func TestGoLumber(t *testing.T) {
	for _, level := range []int{0, 3} {
		t.Run(fmt.Sprint("compression ", level), func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, Text: text, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s, err := lumberjack.Listen(lumberjack.Options{Address: "127.0.0.1:0", KeepAlive: 50 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				var c *lumber.SyncClient
				t.Cleanup(func() {
					s.Close()
					if c != nil {
						c.Close()
					}
				})
				return s, func(_ context.Context, msgs []string) (err error) {
					if c == nil {
						if c, err = lumber.SyncDial(s.Addr().String(), lumber.CompressionLevel(level), lumber.Timeout(10*time.Second)); err != nil {
							return err
						}
					}
					var events []any
					for _, m := range msgs {
						events = append(events, map[string]string{"message": m})
					}
					n, err := c.Send(events)
					if err == nil && n != len(msgs) {
						err = fmt.Errorf("%d of %d acknowledged", n, len(msgs))
					}
					if err != nil {
						c.Close()
						c = nil
					}
					return err
				}
			}})
		})
	}
}

// Several windows on their way at once, as Filebeat and Winlogbeat send with pipelining: every event is
// acknowledged, up to its number, when it is safe and not before.
func TestGoLumberAsync(t *testing.T) {
	s, err := lumberjack.Listen(lumberjack.Options{Address: "127.0.0.1:0", KeepAlive: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, s)
	const windows, each = 40, 50
	c, err := lumber.AsyncDial(s.Addr().String(), 4, lumber.CompressionLevel(3), lumber.Timeout(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	type verdict struct {
		seq uint32
		err error
	}
	verdicts := make(chan verdict, windows)
	for i := range windows {
		var events []any
		for j := range each {
			events = append(events, map[string]string{"message": fmt.Sprint("event ", i*each+j)})
		}
		if err := c.Send(func(seq uint32, err error) { verdicts <- verdict{seq, err} }, events); err != nil {
			t.Fatal(err)
		}
	}
	for range windows {
		if v := <-verdicts; v.err != nil || v.seq != each {
			t.Fatalf("acknowledged up to %d of %d: %v", v.seq, each, v.err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for i, m := range p.Wait(windows * each) {
		if got := text(m.Text); got != fmt.Sprint("event ", i) {
			t.Fatalf("%d is %q", i, got)
		}
	}
}

func TestFluentLogger(t *testing.T) {
	s, err := forward.Listen(forward.Options{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, s)
	host, port, _ := net.SplitHostPort(s.Addr().String())
	n, _ := strconv.Atoi(port)
	f, err := fluent.New(fluent.Config{FluentHost: host, FluentPort: n, RequestAck: true, SubSecondPrecision: true, ReadTimeout: 5 * time.Second, MaxRetry: 100_000, RetryWait: 1, MaxRetryWait: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// What is not delivered is not acknowledged: the client sends it again.
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	go func() {
		for s.Stats().Refused < 3 {
			time.Sleep(time.Millisecond)
		}
		p.Fail(nil)
	}()
	const count = 50
	for i := range count {
		if err := f.PostWithTime("app.test", time.Unix(1764410400, 7), map[string]any{"message": fmt.Sprint("event ", i), "n": i}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, m := range p.Wait(count) {
		var doc struct{ Tag, Time string }
		if err := json.Unmarshal([]byte(m.Text), &doc); err != nil || doc.Tag != "app.test" || doc.Time != "1764410400000000007" {
			t.Fatalf("message %s: %v", m.Text, err)
		}
		seen[text(m.Text)] = true
	}
	if len(seen) != count {
		t.Errorf("%d events of %d", len(seen), count)
	}
}
