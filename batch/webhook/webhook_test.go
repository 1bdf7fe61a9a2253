package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/webhook"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func TestConformance(t *testing.T) {
	for _, event := range []string{"", `{"message":"{{.message}}"}`, `{"message":{{json .message}}}`} {
		t.Run(event, func(t *testing.T) {
			batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
				srv := peertest.NewBulk(t, func(_ *http.Request, body []byte, refuse func(string) bool) (int, string, []string) {
					var docs []struct{ Message string }
					if err := json.Unmarshal(body, &docs); err != nil {
						t.Errorf("%v: %s", err, body)
					}
					var taken []string
					for _, d := range docs {
						if refuse(d.Message) {
							return 422, "no", nil
						}
						taken = append(taken, d.Message)
					}
					return 202, "", taken
				})
				s, err := webhook.New[batchtest.Event](webhook.Options{URLs: []string{srv.URL}, MaxRows: 60}, webhook.Form{Event: event})
				if err != nil {
					t.Fatal(err)
				}
				return &batchtest.Destination{Sink: s, Close: s.Close, Received: srv.Received, Hang: srv.Hang, Down: srv.Down, Reject: srv.Reject}
			}})
		})
	}
}

func lines(text string) *batch.Batch[batchtest.Event] {
	b := &batch.Batch[batchtest.Event]{Lines: []byte(text)}
	for i, c := range b.Lines {
		if c == '\n' {
			b.Ends = append(b.Ends, int32(i+1))
		}
	}
	return b
}

func TestTemplates(t *testing.T) {
	const line = `{"a":"x\"},{\"b\":\"y\n","n":12345678901234567890,"o":{"p":"q","l":["r \"s\""]},"t":true,"z":null}` + "\n"
	for _, tc := range []struct{ name, event, escape, want string }{
		{"json", `{"v":"{{.a}}"}`, "", `{"v":"x\"},{\"b\":\"y\n"}`},
		{"function", `{{json .a}} {{json .o}} {{json .n}}`, "", `"x\"},{\"b\":\"y\n" {"l":["r \"s\""],"p":"q"} 12345678901234567890`},
		{"numbers", `{{.n}} {{.t}} "{{.o.l}}"`, "", `12345678901234567890 true "[\"r \\\"s\\\"\"]"`},
		{"absent", `[{{.no}}|{{.no2.such}}|{{.z}}|{{if .no}}yes{{else}}no{{end}}|{{if .o.p}}yes{{end}}]`, "", `[|||no|yes]`},
		{"url", `v={{.o.p}}&a={{.a}}`, "url", `v=q&a=x%22%7D%2C%7B%22b%22%3A%22y%0A`},
		{"none", `{{.o.l}}`, "none", `["r \"s\""]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got string
			srv := peertest.NewBulk(t, func(_ *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
				got = string(body)
				return 200, "", nil
			})
			s, err := webhook.New[batchtest.Event](webhook.Options{URLs: []string{srv.URL}}, webhook.Form{Event: tc.event, Escape: tc.escape, Plain: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Write(context.Background(), lines(line)); err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("body %s, want %s", got, tc.want)
			}
		})
	}
}

// A line that the template cannot take is rejected, and the others are sent.
func TestBadLine(t *testing.T) {
	srv := peertest.NewBulk(t, func(_ *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
		return 200, "", []string{string(body)}
	})
	s, err := webhook.New[batchtest.Event](webhook.Options{URLs: []string{srv.URL}}, webhook.Form{Event: "{{.a.b}}", Between: ","})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Write(context.Background(), lines("{\"a\":{\"b\":1}}\nhello\n{\"a\":7}\n{}\n"))
	f := batch.Failures(err, 4)
	if len(f) != 2 || f[0].Row != 1 || f[1].Row != 2 {
		t.Errorf("%v", err)
	}
	if got := strings.Join(srv.Received(), ";"); strings.Count(got, "1") != 1 {
		t.Errorf("%q", got)
	}
}

func TestSingle(t *testing.T) {
	keys := map[string]int{}
	srv := peertest.NewBulk(t, func(r *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
		keys[r.Header.Get("Idempotency-Key")]++
		if bytes.IndexByte(body, '[') == 0 {
			t.Errorf("body %s", body)
		}
		return 200, "", []string{peertest.MessageOf(body)}
	})
	s, err := webhook.New[batchtest.Event](webhook.Options{URLs: []string{srv.URL}}, webhook.Form{Single: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 { // the same events again have the same keys
		if err := s.Write(context.Background(), batchtest.Lines(0, 5)); err != nil {
			t.Fatal(err)
		}
	}
	if len(keys) != 5 || len(srv.Received()) != 10 {
		t.Errorf("keys %v, %d messages", keys, len(srv.Received()))
	}
}

func TestOptions(t *testing.T) {
	for _, f := range []webhook.Form{{Event: "{{"}, {Event: "{{nofunc .a}}"}, {Escape: "xml"}} {
		if s, err := webhook.New[batchtest.Event](webhook.Options{URLs: []string{"http://x"}}, f); err == nil {
			s.Close()
			t.Errorf("%+v is taken", f)
		}
	}
}
