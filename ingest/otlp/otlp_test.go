package otlp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/otlp"
	"github.com/penstock-dev/penstock/internal/peertest"
	"github.com/penstock-dev/penstock/internal/protowire"
)

func mustListen(t testing.TB, so otlp.ServerOptions, o otlp.Options) *otlp.Source {
	t.Helper()
	so.Address = "127.0.0.1:0"
	s, err := otlp.Listen(so, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func call(ctx context.Context, s *otlp.Source, contentType string, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.Addr().String()+"/v1/logs", bytes.NewReader(body))
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

// The message of a protobuf request, built by hand.
type pb []byte

func (p pb) bytes(n int, v []byte) pb   { return protowire.AppendBytes(p, n, v) }
func (p pb) text(n int, v string) pb    { return protowire.AppendBytes(p, n, v) }
func (p pb) varint(n int, v uint64) pb  { return protowire.AppendVarint(p, n, v) }
func (p pb) fixed64(n int, v uint64) pb { return protowire.AppendFixed64(p, n, v) }
func str(s string) pb                   { return pb{}.text(1, s) }
func attr(field int, k string, v pb) pb { return pb{}.bytes(field, pb{}.text(1, k).bytes(2, v)) }
func join(ps ...pb) (all pb) {
	for _, p := range ps {
		all = append(all, p...)
	}
	return all
}

func request(resource, scope pb, records ...pb) []byte {
	var logs pb
	for _, r := range records {
		logs = logs.bytes(2, r)
	}
	if scope != nil {
		logs = pb{}.bytes(1, scope)
		for _, r := range records {
			logs = logs.bytes(2, r)
		}
	}
	rl := pb{}.bytes(2, logs)
	if resource != nil {
		rl = rl.bytes(1, resource) // behind its records, as the order of fields is free
	}
	return pb{}.bytes(1, rl)
}

func TestConformance(t *testing.T) {
	for _, contentType := range []string{"application/json", "application/x-protobuf"} {
		t.Run(contentType, func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s := mustListen(t, otlp.ServerOptions{Wait: 100 * time.Millisecond}, otlp.Options{BodyOnly: true})
				return s, func(ctx context.Context, msgs []string) error {
					var body []byte
					if contentType == "application/json" {
						var recs []string
						for _, m := range msgs {
							text, _ := json.Marshal(m)
							recs = append(recs, fmt.Sprintf(`{"body":{"stringValue":%s},"severityNumber":9}`, text))
						}
						body = []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + strings.Join(recs, ",") + `]}]}]}`)
					} else {
						var recs []pb
						for _, m := range msgs {
							recs = append(recs, pb{}.varint(2, 9).bytes(5, str(m)))
						}
						body = request(nil, nil, recs...)
					}
					code, text, err := call(ctx, s, contentType, body)
					if err != nil || code != 200 {
						return fmt.Errorf("%d %s %w", code, text, err)
					}
					return nil
				}
			}})
		})
	}
}

const wantRecord = `{"timeUnixNano":"1764410400000000001","observedTimeUnixNano":"2","severityNumber":17,"severityText":"ERROR",
	"body":{"list":["a",-5,1.5,true,null,{"k":"v"},"aGk="]},"flags":1,"droppedAttributesCount":3,"traceId":"0102","spanId":"0a0b","eventName":"login",
	"attributes":{"user.name":"größe \"x\"","n":-9223372036854775808,"nan":"NaN"},
	"resource":{"attributes":{"service.name":"sshd"}},"scope":{"name":"lib","version":"1.0","attributes":{"s":1}}}`

// Both encodings of a record give the same message.
func TestRecord(t *testing.T) {
	list := join(
		pb{}.bytes(1, str("a")), pb{}.bytes(1, pb{}.varint(3, math.MaxUint64-4)), pb{}.bytes(1, pb{}.fixed64(4, math.Float64bits(1.5))),
		pb{}.bytes(1, pb{}.varint(2, 1)), pb{}.bytes(1, nil), pb{}.bytes(1, pb{}.bytes(6, attr(1, "k", str("v")))), pb{}.bytes(1, pb{}.text(7, "hi")),
	)
	record := join(
		pb{}.fixed64(1, 1764410400000000001), pb{}.fixed64(11, 2), pb{}.varint(2, 17), pb{}.text(3, "ERROR"),
		pb{}.bytes(5, pb{}.bytes(6, attr(1, "list", pb{}.bytes(5, list)))),
		attr(6, "user.name", str("größe \"x\"")), attr(6, "n", pb{}.varint(3, 1<<63)), attr(6, "nan", pb{}.fixed64(4, math.Float64bits(math.NaN()))),
		pb{}.varint(7, 3), pb{0x45, 1, 0, 0, 0}, pb{}.text(9, "\x01\x02"), pb{}.text(10, "\x0a\x0b"), pb{}.text(12, "login"),
	)
	binary := request(attr(1, "service.name", str("sshd")), join(pb{}.text(1, "lib"), pb{}.text(2, "1.0"), attr(3, "s", pb{}.varint(3, 1))), record)
	text := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"sshd"}}]},"scopeLogs":[{
		"scope":{"name":"lib","version":"1.0","attributes":[{"key":"s","value":{"intValue":"1"}}]},"logRecords":[{
		"timeUnixNano":"1764410400000000001","observedTimeUnixNano":2,"severityNumber":17,"severityText":"ERROR",
		"body":{"kvlistValue":{"values":[{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":-5},{"doubleValue":1.5},
			{"boolValue":true},{},{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}},{"bytesValue":"aGk="}]}}}]}},
		"attributes":[{"key":"user.name","value":{"stringValue":"gr\u00f6\u00dfe \"x\""}},{"key":"n","value":{"intValue":"-9223372036854775808"}},{"key":"nan","value":{"doubleValue":"NaN"}}],
		"droppedAttributesCount":3,"flags":1,"traceId":"0102","spanId":"0a0b","eventName":"login"}]}]}]}`
	s := mustListen(t, otlp.ServerOptions{}, otlp.Options{})
	p := ingesttest.Start(t, s)
	if code, answer, err := call(context.Background(), s, "application/x-protobuf", binary); code != 200 || answer != "" {
		t.Errorf("%d %q %v", code, answer, err)
	}
	if code, answer, err := call(context.Background(), s, "application/json; charset=utf-8", []byte(text)); code != 200 || answer != "{}" {
		t.Errorf("%d %q %v", code, answer, err)
	}
	var want any
	if err := json.Unmarshal([]byte(wantRecord), &want); err != nil {
		t.Fatal(err)
	}
	for i, m := range p.Wait(2) {
		var got any
		if err := json.Unmarshal([]byte(m.Text), &got); err != nil {
			t.Fatalf("message %d: %v: %s", i, err, m.Text)
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if !bytes.Equal(g, w) {
			t.Errorf("message %d is\n%s\nwant\n%s", i, g, w)
		}
	}
}

func TestMalformed(t *testing.T) {
	s := mustListen(t, otlp.ServerOptions{}, otlp.Options{})
	p := ingesttest.Start(t, s)
	good := request(nil, nil, pb{}.bytes(5, str("x")))
	for _, tc := range []struct{ contentType, body string }{
		{"application/json", `{"resourceLogs":`}, {"application/json", `[]`}, {"application/json", `{"resourceLogs":7}`},
		{"application/json", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":"x"}}]}]}]}`}, {"application/json", ``},
		{"application/x-protobuf", string(good[:len(good)-1])}, {"application/x-protobuf", "\x0a\xff\xff\xff\xff\x7f"},
	} {
		if code, text, err := call(context.Background(), s, tc.contentType, []byte(tc.body)); code != 400 || err != nil {
			t.Errorf("%s %q: %d %q %v", tc.contentType, tc.body, code, text, err)
		}
	}
	if code, _, _ := call(context.Background(), s, "text/plain", nil); code != 415 {
		t.Errorf("text/plain: %d", code)
	}
	for _, body := range []string{`{}`, `{"resourceLogs":[]}`, `{"resourceLogs":null,"other":1}`} {
		if code, text, _ := call(context.Background(), s, "application/json", []byte(body)); code != 200 {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	// Values within values without end are cut off.
	deep := str("bottom")
	for range 500 {
		deep = pb{}.bytes(5, pb{}.bytes(1, deep))
	}
	if code, _, _ := call(context.Background(), s, "application/x-protobuf", request(nil, nil, pb{}.bytes(5, deep))); code != 200 {
		t.Errorf("deep: %d", code)
	}
	text := strings.Repeat(`{"arrayValue":{"values":[`, 500) + strings.Repeat(`]}}`, 500)
	if code, _, _ := call(context.Background(), s, "application/json", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":`+text+`}]}]}]}`)); code != 200 {
		t.Errorf("deep JSON: %d", code)
	}
	for _, m := range p.Wait(2) {
		if !json.Valid([]byte(m.Text)) || !strings.Contains(m.Text, `"penstock.depth_exceeded":true`) {
			t.Errorf("message %s", m.Text)
		}
	}
}

func TestTelemetrygen(t *testing.T) {
	bin := peertest.Binary(t, "telemetrygen", "Go: github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen")
	s := mustListen(t, otlp.ServerOptions{}, otlp.Options{})
	p := ingesttest.Start(t, s)
	const n = 50
	peertest.Run(t, bin, "logs", "--otlp-http", "--otlp-insecure", "--otlp-endpoint", s.Addr().String(), "--logs", fmt.Sprint(n), "--rate", "0",
		"--body", "failed login", "--otlp-attributes", `site="dmz"`, "--telemetry-attributes", `user="anna"`)
	for _, m := range p.Wait(n) {
		var doc struct {
			Body       string
			Attributes map[string]any
			Resource   struct{ Attributes map[string]any }
		}
		if err := json.Unmarshal([]byte(m.Text), &doc); err != nil || doc.Body != "failed login" || doc.Attributes["user"] != "anna" || doc.Resource.Attributes["site"] != "dmz" {
			t.Fatalf("message %s: %v", m.Text, err)
		}
	}
}
