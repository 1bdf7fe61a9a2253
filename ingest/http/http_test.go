package http_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	penhttp "github.com/penstock-dev/penstock/ingest/http"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func mustListen(t testing.TB, o penhttp.ServerOptions) *penhttp.Source {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	s, err := penhttp.Listen(o, penhttp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func post(ctx context.Context, s *penhttp.Source, contentType, body string, header ...string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.Addr().String()+"/x", strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func mustPost(t *testing.T, s *penhttp.Source, status int, contentType, body string, header ...string) string {
	t.Helper()
	resp, text, err := post(context.Background(), s, contentType, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Errorf("status %d, want %d: %s", resp.StatusCode, status, text)
	}
	if resp.StatusCode == 429 || resp.StatusCode == 503 {
		if resp.Header.Get("Retry-After") == "" {
			t.Errorf("status %d without Retry-After", resp.StatusCode)
		}
	}
	return text
}

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		s := mustListen(t, penhttp.ServerOptions{Name: "web", Wait: 100 * time.Millisecond})
		return s, func(ctx context.Context, msgs []string) error {
			resp, text, err := post(ctx, s, "text/plain", strings.Join(msgs, "\n"))
			if err == nil && resp.StatusCode != 200 {
				err = fmt.Errorf("%s: %s", resp.Status, text)
			}
			return err
		}
	}})
}

func squeeze(t *testing.T, encoding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&b)
	if encoding == "deflate" {
		z = zlib.NewWriter(&b)
	}
	io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	for _, tc := range []struct {
		name, contentType, body string
		want                    []string
		dead, status            int
	}{
		{"lines", "text/plain", "a\r\n\nb\nc", []string{"a", "b", "c"}, 0, 200},
		{"ndjson", "application/x-ndjson", "{\"a\":1}\n{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}, 0, 200},
		{"array", "application/json", `[{"a":1}, {"b":[2]}]`, []string{`{"a":1}`, `{"b":[2]}`}, 0, 200},
		{"values", "application/json; charset=utf-8", "{\"a\":1}{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}, 0, 200},
		{"an element that is none", "application/json", `[{"a":1}, 7, {"b":2}]`, []string{`{"a":1}`, `{"b":2}`}, 1, 200},
		{"no JSON", "application/json", `hello`, nil, 0, 400},
		{"empty", "text/plain", "", nil, 0, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := mustListen(t, penhttp.ServerOptions{})
			p := ingesttest.Start(t, s)
			text := mustPost(t, s, tc.status, tc.contentType, tc.body)
			if want := fmt.Sprintf("{\"accepted\":%d}\n", len(tc.want)+tc.dead); tc.status == 200 && text != want {
				t.Errorf("answer %q, want %q", text, want)
			}
			got := p.Messages()
			if len(got) != len(tc.want) || p.Stats().DeadLettered != int64(tc.dead) {
				t.Fatalf("messages %v and %d dead letters", got, p.Stats().DeadLettered)
			}
			for i, m := range got {
				if m.Text != tc.want[i] || m.Origin.Peer != netip.MustParseAddr("127.0.0.1") {
					t.Errorf("message %d is %q of %+v", i, m.Text, m.Origin)
				}
			}
		})
	}
}

// The same request sent again has messages of the same identity, another one not.
func TestIdentity(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{})
	p := ingesttest.Start(t, s)
	for _, body := range []string{"a\na\n", "a\na\n", "a\n"} {
		mustPost(t, s, 200, "text/plain", body)
	}
	m := p.Wait(5)
	if m[0].Offset != m[2].Offset || m[1].Offset != m[3].Offset || m[0].Offset == m[1].Offset || m[4].Offset == m[0].Offset {
		t.Errorf("offsets %d %d %d %d %d", m[0].Offset, m[1].Offset, m[2].Offset, m[3].Offset, m[4].Offset)
	}
}

func TestCompression(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{MaxBody: 1 << 20, MaxInflated: 8 << 20})
	p := ingesttest.Start(t, s)
	mustPost(t, s, 200, "text/plain", squeeze(t, "gzip", "one\ntwo\n"), "Content-Encoding", "gzip")
	mustPost(t, s, 200, "text/plain", squeeze(t, "deflate", "three\n"), "Content-Encoding", "deflate")
	mustPost(t, s, 200, "text/plain", squeeze(t, "gzip", "four\n")+squeeze(t, "gzip", "five\n"), "Content-Encoding", "gzip")
	p.Wait(5)
	mustPost(t, s, 415, "text/plain", "x", "Content-Encoding", "br")
	mustPost(t, s, 400, "text/plain", "x", "Content-Encoding", "gzip")
	mustPost(t, s, 400, "text/plain", squeeze(t, "gzip", "cut off")[:20], "Content-Encoding", "gzip")

	size, members := 64<<20, 10_000
	if testing.Short() {
		size, members = 16<<20, 1000
	}
	bomb := squeeze(t, "gzip", strings.Repeat("\x00", size))
	many := strings.Repeat(squeeze(t, "gzip", "x\n"), members) // members that are fine together
	nested := squeeze(t, "gzip", bomb)
	ratio := squeeze(t, "gzip", strings.Repeat("a", 7<<20))
	var before, after runtime.MemStats
	for name, body := range map[string]string{"many zeros": bomb, "a ratio of 1000": ratio} {
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := time.Now()
		mustPost(t, s, 413, "text/plain", body, "Content-Encoding", "gzip")
		runtime.ReadMemStats(&after)
		if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 40<<20 {
			t.Errorf("%s: %d bytes allocated", name, grown)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%s: %s", name, d)
		}
	}
	mustPost(t, s, 200, "text/plain", many, "Content-Encoding", "gzip")
	mustPost(t, s, 200, "application/octet-stream", nested, "Content-Encoding", "gzip") // its content is only bytes
	if st := s.Stats(); st.TooLarge != 2 || st.InFlightBytes != 0 {
		t.Errorf("%+v", st)
	}
}

func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustListen(t, penhttp.ServerOptions{Tokens: []string{"secret", "alice:pass"}, TokenFile: file})
	p := ingesttest.Start(t, s)
	for _, tc := range []struct {
		header string
		status int
	}{
		{"Bearer secret", 200}, {"Splunk secret", 200}, {"ApiKey secret", 200}, {"bearer from-file", 200},
		{"Basic YWxpY2U6cGFzcw==", 200}, // alice:pass
		{"Basic Ym9iOnNlY3JldA==", 200}, // bob:secret
		{"Basic YWxpY2U6c2VjcmV=", 401}, {"Basic !", 401}, {"Bearer ", 401}, {"Bearer secre", 401}, {"Bearer secrets", 401}, {"secret", 401}, {"", 401},
	} {
		mustPost(t, s, tc.status, "text/plain", "x", "Authorization", tc.header)
	}
	p.Wait(6)
	if err := os.WriteFile(file, []byte("renewed-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	mustPost(t, s, 200, "text/plain", "x", "Authorization", "Bearer renewed-token")
	mustPost(t, s, 401, "text/plain", "x", "Authorization", "Bearer from-file")
	if st := s.Stats(); st.Unauthorized != 8 {
		t.Errorf("%+v", st)
	}
}

func TestPressure(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{Wait: 50 * time.Millisecond, AckTimeout: 300 * time.Millisecond})
	p := ingesttest.Start(t, s)
	p.Block()
	// Chunks run out: those that have one wait for the sink, the others hear that there is no room.
	codes := make(chan int)
	const n = 60
	for i := range n {
		go func() {
			resp, _, err := post(context.Background(), s, "text/plain", fmt.Sprint("x", i))
			if err != nil {
				t.Error(err)
				codes <- 0
				return
			}
			codes <- resp.StatusCode
		}()
	}
	count := map[int]int{}
	for range n {
		count[<-codes]++
	}
	if count[429] == 0 || count[503] == 0 || count[429]+count[503] != n {
		t.Errorf("answers by status: %v", count)
	}
	p.Release()
	deadline := time.Now().Add(5 * time.Second)
	for {
		resp, _, err := post(context.Background(), s, "text/plain", "later")
		if err == nil && resp.StatusCode == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no request is taken after the pressure is gone")
		}
	}
	big := mustListen(t, penhttp.ServerOptions{MaxInFlight: 1000})
	ingesttest.Start(t, big)
	mustPost(t, big, 429, "text/plain", strings.Repeat("x\n", 1000))
	if st := big.Stats(); st.InFlightBytes != 0 || st.Busy != 1 {
		t.Errorf("%+v", st)
	}
}

// Requests that break the rules of HTTP, or never end, cost little and disturb nobody.
func TestBadRequests(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{MaxBody: 1 << 20, ReadTimeout: 500 * time.Millisecond})
	p := ingesttest.Start(t, s)
	say := func(text string, more func(c net.Conn)) string {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(c, text)
		if more != nil {
			more(c)
		}
		answer, err := io.ReadAll(c)
		if err != nil && os.IsTimeout(err) {
			t.Errorf("%.60q: the connection stays open", text)
		}
		return string(answer)
	}
	const head = "POST / HTTP/1.1\r\nHost: x\r\n"
	for name, tc := range map[string]struct {
		text, want string
		more       func(c net.Conn)
	}{
		"too large by its length": {head + "Content-Length: 99999999999\r\n\r\nabc", "413", nil},
		"no number":               {head + "Content-Length: many\r\n\r\nabc", "400", nil},
		"two lengths":             {head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", nil},
		"shorter than its length": {head + "Content-Length: 10\r\n\r\nabc", "400", func(c net.Conn) { c.(*net.TCPConn).CloseWrite() }},
		"chunked without an end":  {head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "", nil},
		"chunked for ever": {head + "Transfer-Encoding: chunked\r\n\r\n", "413", func(c net.Conn) {
			piece := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
			for range 40 {
				if _, err := io.WriteString(c, piece); err != nil {
					return
				}
			}
		}},
		"100,000 headers": {head, "431", func(c net.Conn) {
			b := bufio.NewWriterSize(c, 64<<10) // a write for each header would take longer than the timeout
			for i := range 100_000 {
				if _, err := fmt.Fprintf(b, "X-%d: y\r\n", i); err != nil {
					return
				}
			}
			b.Flush()
		}},
		"header that never ends": {head + "X: y", "", nil},
		"not HTTP":               {"\x16\x03\x01\x00\x00", "400", nil},
		"GET":                    {"GET /y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405", nil},
	} {
		got := say(tc.text, tc.more)
		if tc.want != "" && got != "" && !strings.Contains(got[:min(40, len(got))], tc.want) {
			t.Errorf("%s: answer %.80q, want status %s", name, got, tc.want)
		}
	}
	if got := say("GET /x/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", nil); !strings.Contains(got, "200 OK") {
		t.Errorf("health: %q", got)
	}
	mustPost(t, s, 200, "text/plain", "honest")
	if got := p.Wait(1); got[0].Text != "honest" {
		t.Errorf("messages %v", got)
	}
	p.Stop()
	if n := len(p.Messages()); n != 1 {
		t.Errorf("%d messages: what was not whole was taken", n)
	}
}

// A client that goes before its answer is no reason to lose or to leak.
func TestClientGone(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{})
	p := ingesttest.Start(t, s)
	p.Block()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := post(ctx, s, "text/plain", "x"); err == nil {
		t.Error("an answer before the sink had the message")
	}
	p.Release()
	p.Wait(1)
	mustPost(t, s, 200, "text/plain", "x")
	p.Wait(2)
}

func TestOversize(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{})
	p := ingesttest.Start(t, s)
	mustPost(t, s, 200, "text/plain", "a\n"+strings.Repeat("x", 2<<20)+"\nb\n")
	p.Wait(2)
	if d := p.WaitDead(1)[0]; d.Category != errcat.Oversize || d.Length != 2<<20 {
		t.Errorf("%s of %d bytes", d.Category, d.Length)
	}
}

func TestTLSAndAllow(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	s := mustListen(t, penhttp.ServerOptions{
		TLS:    &penhttp.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File},
		Limits: penhttp.Limits{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	p := ingesttest.Start(t, s)
	clientCert, clientKey := ca.Issue("sender", time.Time{})
	out := peertest.Run(t, peertest.Binary(t, "curl", "Debian: curl"), "-sS", "--cacert", ca.File, "--cert", clientCert, "--key", clientKey,
		"--data-binary", "hello", "https://"+s.Addr().String()+"/")
	if got := p.Wait(1)[0]; out != "{\"accepted\":1}\n" || got.Text != "hello" || !strings.Contains(got.Origin.Subject, "CN=sender") {
		t.Errorf("%q, %+v", out, got)
	}
	if _, _, err := post(context.Background(), s, "text/plain", "x"); err == nil && s.Stats().Requests > 1 {
		t.Error("plain text on the TLS port was taken")
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]penhttp.ServerOptions{
		"no host":         {Address: ":0"},
		"open by mistake": {Address: "0.0.0.0:0"},
		"empty token":     {Address: "127.0.0.1:0", Tokens: []string{""}},
		"no token file":   {Address: "127.0.0.1:0", TokenFile: "/nonexistent/tokens"},
		"negative":        {Address: "127.0.0.1:0", MaxBody: -1},
		"negative time":   {Address: "127.0.0.1:0", Wait: -1},
	} {
		if s, err := penhttp.Listen(o, penhttp.Options{}); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := penhttp.NewHandler(penhttp.Options{Format: "xml"}); err == nil {
		t.Error("an unknown format is taken")
	}
}
