package loki_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/loki"
	"github.com/penstock-dev/penstock/internal/protowire"
)

func mustListen(t testing.TB, so loki.ServerOptions, o loki.Options) *loki.Source {
	t.Helper()
	so.Address = "127.0.0.1:0"
	s, err := loki.Listen(so, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func call(ctx context.Context, s *loki.Source, contentType string, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.Addr().String()+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// snappy makes a block of literals.
func snappy(b []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(b)))
	for len(b) > 0 {
		n := min(len(b), 60)
		out = append(append(out, byte(n-1)<<2), b[:n]...)
		b = b[n:]
	}
	return out
}

func entry(seconds, nanos uint64, line string, metadata ...string) []byte {
	e := protowire.AppendBytes(nil, 1, protowire.AppendVarint(protowire.AppendVarint(nil, 1, seconds), 2, nanos))
	e = protowire.AppendBytes(e, 2, line)
	for i := 0; i < len(metadata); i += 2 {
		e = protowire.AppendBytes(e, 3, protowire.AppendBytes(protowire.AppendBytes(nil, 1, metadata[i]), 2, metadata[i+1]))
	}
	return e
}

func stream(labels string, entries ...[]byte) []byte {
	s := protowire.AppendBytes(nil, 1, labels)
	for _, e := range entries {
		s = protowire.AppendBytes(s, 2, e)
	}
	return protowire.AppendBytes(nil, 1, s)
}

func TestConformance(t *testing.T) {
	for _, contentType := range []string{"application/json", "application/x-protobuf"} {
		t.Run(contentType, func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s := mustListen(t, loki.ServerOptions{Wait: 100 * time.Millisecond}, loki.Options{LineOnly: true})
				return s, func(ctx context.Context, msgs []string) error {
					var body []byte
					if contentType == "application/json" {
						var values []string
						for _, m := range msgs {
							text, _ := json.Marshal(m)
							values = append(values, fmt.Sprintf(`["1764410400000000000",%s]`, text))
						}
						body = []byte(`{"streams":[{"stream":{"app":"x"},"values":[` + strings.Join(values, ",") + `]}]}`)
					} else {
						var entries [][]byte
						for _, m := range msgs {
							entries = append(entries, entry(1764410400, 0, m))
						}
						body = snappy(stream(`{app="x"}`, entries...))
					}
					code, text, err := call(ctx, s, contentType, body)
					if err != nil || code != 204 {
						return fmt.Errorf("%d %s %w", code, text, err)
					}
					return nil
				}
			}})
		})
	}
}

// Both encodings of an entry give the same message.
func TestEntries(t *testing.T) {
	s := mustListen(t, loki.ServerOptions{}, loki.Options{})
	p := ingesttest.Start(t, s)
	text := `{"streams":[{"values":[["1764410400000000007","a \"b\"\u00fc",{"trace":"1"}],["2","c"]],"stream":{"app":"x","q":"a\"b"}},{"stream":{},"values":[]}]}`
	if code, answer, err := call(context.Background(), s, "application/json", []byte(text)); code != 204 || answer != "" {
		t.Errorf("%d %q %v", code, answer, err)
	}
	binary := snappy(stream(`{app="x", q="a\"b"}`, entry(1764410400, 7, "a \"b\"ü", "trace", "1"), entry(0, 2, "c")))
	if code, answer, err := call(context.Background(), s, "application/x-protobuf", binary); code != 204 || answer != "" {
		t.Errorf("%d %q %v", code, answer, err)
	}
	want := []string{
		`{"stream":{"app":"x","q":"a\"b"},"timestamp":"1764410400000000007","line":"a \"b\"ü","metadata":{"trace":"1"}}`,
		`{"stream":{"app":"x","q":"a\"b"},"timestamp":"2","line":"c"}`,
	}
	for i, m := range p.Wait(4) {
		if m.Text != want[i%2] {
			t.Errorf("message %d is %s, want %s", i, m.Text, want[i%2])
		}
	}
}

func TestMalformed(t *testing.T) {
	s := mustListen(t, loki.ServerOptions{MaxInflated: 1 << 20}, loki.Options{})
	p := ingesttest.Start(t, s)
	for _, body := range []string{
		``, `[]`, `{"streams":7}`, `{"streams":[7]}`, `{"streams":[{}]}`, `{"streams":[{"stream":7,"values":[]}]}`, `{"streams":[{"values":[7]}]}`,
		`{"streams":[{"values":[["x","line"]]}]}`, `{"streams":[{"values":[[1,"line"]]}]}`, `{"streams":[{"values":[["1"]]}]}`, `{"streams":[{"values":[["1","a",7]]}]}`,
		`{"streams":[{"values":[["1","a"`,
	} {
		if code, text, err := call(context.Background(), s, "application/json", []byte(body)); code != 400 {
			t.Errorf("%s: %d %q %v", body, code, text, err)
		}
	}
	good := stream(`{a="b"}`, entry(1, 1, "x"))
	for name, body := range map[string][]byte{
		"no snappy": good, "cut": snappy(good)[:10], "labels": snappy(stream(`{a=b}`, entry(1, 1, "x"))), "labels without end": snappy(stream(`{a="b"`, entry(1, 1, "x"))),
		"label of nothing": snappy(stream(`{="b"}`)), "nanoseconds": snappy(stream(`{}`, entry(1, 1e9, "x"))), "seconds": snappy(stream(`{}`, entry(1<<60, 1, "x"))),
	} {
		if code, text, err := call(context.Background(), s, "application/x-protobuf", body); code != 400 {
			t.Errorf("%s: %d %q %v", name, code, text, err)
		}
	}
	if code, _, _ := call(context.Background(), s, "application/x-protobuf", []byte("\xff\xff\xff\xff\x7f\x00a")); code != 413 {
		t.Errorf("a block that says it has 34 GB: %d", code)
	}
	if n := len(p.Messages()); n != 0 {
		t.Errorf("%d messages of malformed requests", n)
	}
}
