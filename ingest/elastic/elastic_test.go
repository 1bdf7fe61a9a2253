package elastic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func mustListen(t testing.TB, so elastic.ServerOptions) *elastic.Source {
	t.Helper()
	so.Address = "127.0.0.1:0"
	s, err := elastic.Listen(so, elastic.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func call(ctx context.Context, s *elastic.Source, method, path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.Header.Get("X-Elastic-Product") != "Elasticsearch" {
		return 0, "", fmt.Errorf("no product header")
	}
	return resp.StatusCode, string(text), err
}

type result struct {
	Errors bool
	Items  []map[string]struct {
		Index  string `json:"_index"`
		ID     string `json:"_id"`
		Status int
		Error  struct{ Type, Reason string }
	}
}

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		s := mustListen(t, elastic.ServerOptions{Wait: 100 * time.Millisecond})
		return s, func(ctx context.Context, msgs []string) error {
			var b bytes.Buffer
			for _, m := range msgs {
				fmt.Fprintf(&b, "{\"create\":{}}\n%s\n", m)
			}
			code, text, err := call(ctx, s, "POST", "/logs/_bulk", b.String())
			if err != nil || code != 200 {
				return fmt.Errorf("%d %s %w", code, text, err)
			}
			var r result
			if err := json.Unmarshal([]byte(text), &r); err != nil || len(r.Items) != len(msgs) {
				return fmt.Errorf("%d items for %d: %v", len(r.Items), len(msgs), err)
			}
			if r.Errors {
				return fmt.Errorf("refused: %s", text)
			}
			return nil
		}
	}})
}

func TestBulk(t *testing.T) {
	s := mustListen(t, elastic.ServerOptions{})
	p := ingesttest.Start(t, s)
	code, text, err := call(context.Background(), s, "POST", "/default/_bulk", `{"index":{"_index":"a","_id":"1\u0041"}}
{"x":1}
{"delete":{"_index":"a","_id":"7"}}
{"create":{"_id":5}}
{"y":2}

{"update":{"_id":"8"}}
{"doc":{}}
{ "create" : { } }
{"z":3}
`)
	var r result
	if err != nil || code != 200 || json.Unmarshal([]byte(text), &r) != nil || !r.Errors || len(r.Items) != 5 {
		t.Fatalf("%d %s %v", code, text, err)
	}
	for i, want := range []struct {
		action, index, id string
		status            int
	}{{"index", "a", "1A", 201}, {"delete", "a", "7", 400}, {"create", "default", "5", 201}, {"update", "default", "8", 400}, {"create", "default", "", 201}} {
		it, ok := r.Items[i][want.action]
		if !ok || it.Index != want.index || it.ID != want.id || it.Status != want.status {
			t.Errorf("item %d is %+v, want %+v", i, r.Items[i], want)
		}
	}
	got := p.Wait(3)
	if got[0].Text != `{"x":1}` || got[1].Text != `{"y":2}` || got[2].Text != `{"z":3}` {
		t.Errorf("messages %v", got)
	}
	code, text, _ = call(context.Background(), s, "POST", "/_bulk?filter_path=errors,items.*.error,items.*.status", "{\"create\":{}}\n{\"x\":1}\n")
	if code != 200 || !strings.Contains(text, `"items":[{"create":{"status":201}}]`) {
		t.Errorf("%d %s", code, text)
	}
	for _, bad := range []string{"", "\n", "{}\n{}\n", "{\"create\":{}}\n", "{\"create\":1}\n{}\n", "{\"create\":{}}\n{}\nhello\n", "{\"create\":{}}\n\n{}\n", "{\"other\":{}}\n{}\n"} {
		if code, text, _ := call(context.Background(), s, "POST", "/_bulk", bad); code != 400 || !json.Valid([]byte(text)) {
			t.Errorf("%q: %d %s", bad, code, text)
		}
	}
	if n := len(p.Messages()); n != 4 {
		t.Errorf("%d messages: something of a refused request was taken", n)
	}
	if code, text, _ := call(context.Background(), s, "POST", "/logs/_doc", `{"w":1}`); code != 201 {
		t.Errorf("%d %s", code, text)
	}
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	code, text, _ = call(context.Background(), s, "POST", "/_bulk", "{\"create\":{}}\n{\"x\":1}\n")
	r = result{}
	if json.Unmarshal([]byte(text), &r) != nil || code != 200 || !r.Errors || r.Items[0]["create"].Status != 429 {
		t.Errorf("an item that was not delivered: %d %s", code, text)
	}
}

func TestAround(t *testing.T) {
	s := mustListen(t, elastic.ServerOptions{})
	ingesttest.Start(t, s)
	for _, tc := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/", 200, `"number":"8.15.0"`}, {"HEAD", "/", 200, ""}, {"GET", "/_license", 200, `"status":"active"`},
		{"GET", "/_xpack", 200, "features"}, {"GET", "/_cluster/health?wait_for_status=green", 200, "green"}, {"GET", "/_cat/health", 200, "[]"},
		{"PUT", "/_index_template/logs", 200, "acknowledged"}, {"HEAD", "/_index_template/logs", 200, ""}, {"PUT", "/_ilm/policy/x", 200, "acknowledged"},
		{"GET", "/_search", 404, "error"}, {"DELETE", "/x", 404, "error"}, {"POST", "/_sql", 404, "error"},
	} {
		code, text, err := call(context.Background(), s, tc.method, tc.path, "{}")
		if err != nil || code != tc.status || !strings.Contains(text, tc.want) || text != "" && !json.Valid([]byte(text)) {
			t.Errorf("%s %s: %d %s %v", tc.method, tc.path, code, text, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []elastic.Options{{Version: "eight"}, {Prefix: "es"}, {Prefix: "/es/"}} {
		if _, err := elastic.NewHandler(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestRsyslog(t *testing.T) {
	s := mustListen(t, elastic.ServerOptions{AckTimeout: 200 * time.Millisecond, RetryAfter: time.Second})
	p := ingesttest.Start(t, s)
	const n = 2000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "event %d \"quoted\"\n", i)
	}
	in := filepath.Join(t.TempDir(), "in.log")
	if err := os.WriteFile(in, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(s.Addr().String(), ":")
	// At first nothing is delivered in time: rsyslog hears 503 and sends again. (It has a
	// way to repeat single items too, which fails in 8.2302 on its own action lines.)
	p.Block()
	peertest.Rsyslog(t, fmt.Sprintf(`module(load="imfile") module(load="omelasticsearch")
		template(name="doc" type="list" option.jsonf="on") {
			property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
			property(outname="host" name="hostname" format="jsonf") property(outname="message" name="msg" format="jsonf") }
		input(type="imfile" file="%s" tag="app:" freshStartTail="off")
		action(type="omelasticsearch" server="%s" serverport="%s" template="doc" searchIndex="logs" searchType="" bulkmode="on" usehttps="off"
			action.resumeRetryCount="-1" action.resumeInterval="1")`, in, host, port))
	deadline := time.Now().Add(ingesttest.Patience)
	for s.Stats().Failed == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("rsyslog sends nothing: %+v", s.Stats())
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.Release()
	seen := map[string]bool{}
	for len(seen) < n {
		for _, m := range p.Messages() {
			var doc struct{ Message string }
			if err := json.Unmarshal([]byte(m.Text), &doc); err != nil {
				t.Fatalf("document %s: %v", m.Text, err)
			}
			seen[doc.Message] = true
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d documents, %+v", len(seen), n, s.Stats())
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !seen[`event 7 "quoted"`] && !seen[` event 7 "quoted"`] {
		t.Error("a document does not hold what was logged")
	}
}
