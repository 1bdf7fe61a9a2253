package forward

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/IBM/fluent-forward-go/fluent/client"
	"github.com/IBM/fluent-forward-go/fluent/protocol"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/forward"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

// text is the field message of the record.
func text(message string) string {
	var doc struct{ Record struct{ Message string } }
	json.Unmarshal([]byte(message), &doc)
	return doc.Record.Message
}

// The forward client of IBM, which has all modes of the protocol, with acknowledgement.
func TestForwardModes(t *testing.T) {
	entries := func(msgs []string) (list protocol.EntryList) {
		for i, m := range msgs {
			list = append(list, protocol.EntryExt{
				Timestamp: protocol.EventTime{Time: time.Unix(1764410400, int64(i))}, Record: map[string]any{"message": m},
			})
		}
		return list
	}
	for mode, send := range map[string]func(c *client.Client, msgs []string) error{
		"Message": func(c *client.Client, msgs []string) error {
			for _, m := range msgs {
				if err := c.SendMessageExt("app.test", map[string]any{"message": m}); err != nil {
					return err
				}
			}
			return nil
		},
		"Forward":                 func(c *client.Client, msgs []string) error { return c.SendForward("app.test", entries(msgs)) },
		"PackedForward":           func(c *client.Client, msgs []string) error { return c.SendPacked("app.test", entries(msgs)) },
		"CompressedPackedForward": func(c *client.Client, msgs []string) error { return c.SendCompressed("app.test", entries(msgs)) },
	} {
		t.Run(mode, func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, Text: text, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s, err := forward.Listen(forward.Options{Address: "127.0.0.1:0"})
				if err != nil {
					t.Fatal(err)
				}
				c := client.New(client.ConnectionOptions{
					Factory: &client.ConnFactory{Address: s.Addr().String(), Timeout: 10 * time.Second}, RequireAck: true, ConnectionTimeout: 10 * time.Second,
				})
				t.Cleanup(func() {
					s.Close()
					c.Disconnect()
				})
				return s, func(_ context.Context, msgs []string) error {
					if err := c.Reconnect(); err != nil {
						return err
					}
					return send(c, msgs)
				}
			}})
		})
	}
}
