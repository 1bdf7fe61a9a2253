package clienttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	hec "github.com/fuyufjh/splunk-hec-go"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/splunk"
)

const hecToken = "12345678-1234-1234-1234-1234567890ab"

// eventText is the event of what stands beside it.
func eventText(message string) string {
	var doc struct{ Event string }
	if json.Unmarshal([]byte(message), &doc) != nil {
		return message
	}
	return doc.Event
}

// A client that waits for the indexer's acknowledgement, by every endpoint: what it was told is safe is
// safe, and what was not delivered is never acknowledged, although the request was taken.
func TestHECAcknowledged(t *testing.T) {
	for name, send := range map[string]func(c hec.HEC, msgs []string) error{
		"events": func(c hec.HEC, msgs []string) error {
			var events []*hec.Event
			for _, m := range msgs {
				e := hec.NewEvent(m)
				e.SetSourceType("test")
				e.SetTime(time.Unix(1764410400, 0))
				events = append(events, e)
			}
			return c.WriteBatch(events)
		},
		"compressed": func(c hec.HEC, msgs []string) error {
			c.SetCompression("gzip")
			for _, m := range msgs { // an acknowledgement each
				if err := c.WriteEvent(hec.NewEvent(m)); err != nil {
					return err
				}
			}
			return nil
		},
		"raw": func(c hec.HEC, msgs []string) error {
			return c.WriteRaw(strings.NewReader(strings.Join(msgs, "\n")+"\n"), &hec.EventMetadata{SourceType: hec.String("test")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := listenHEC(t, splunk.Options{Acks: true})
			p := ingesttest.Start(t, s)
			c := client()
			var first []string
			for i := range 40 {
				first = append(first, fmt.Sprintf("first %d größe \"quoted\"", i))
			}
			if err := send(c, first); err != nil {
				t.Fatal(err)
			}
			if err := c.WaitForAcknowledgement(); err != nil {
				t.Fatal(err)
			}
			got := p.Messages() // acknowledged, so they are here
			if len(got) != len(first) {
				t.Errorf("%d events are acknowledged, %d delivered", len(first), len(got))
			}
			for i, m := range got {
				if text := eventText(m.Text); i < len(first) && text != first[i] {
					t.Errorf("event %d is %q, %q was sent", i, text, first[i])
				}
			}
			p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
			if err := send(c, []string{"second"}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // it asks twice
			defer cancel()
			if err := c.WaitForAcknowledgementWithContext(ctx); err == nil {
				t.Error("an acknowledgement of what was not delivered")
			}
			p.Fail(nil)
			c = client()
			if err := send(c, []string{"second"}); err != nil {
				t.Fatal(err)
			}
			if err := c.WaitForAcknowledgement(); err != nil {
				t.Error(err)
			}
			got = p.Messages()
			if n := len(got); n == 0 || eventText(got[n-1].Text) != "second" {
				t.Errorf("what was sent again is acknowledged and not delivered: %v", got)
			}
		})
	}
}

func listenHEC(t testing.TB, opts splunk.Options) (*splunk.Source, func() hec.HEC) {
	t.Helper()
	s, err := splunk.Listen(splunk.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{hecToken}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return s, func() hec.HEC { // with a channel of its own
		c := hec.NewClient("http://"+s.Addr().String(), hecToken)
		c.SetHTTPClient(&http.Client{Transport: transport})
		return c
	}
}
