package peertest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Bulk is a server of many rows in one request, of whatever protocol, that can hang, be
// down, and refuse single rows: what no real server does on command.
type Bulk struct {
	*httptest.Server
	serve func(r *http.Request, body []byte, refuse func(string) bool) (status int, answer string, taken []string)

	mu     sync.Mutex
	hang   chan struct{} // closed while it answers
	down   bool
	reject string
	got    []string
}

// NewBulk starts a server. serve reads a request and says what is answered, and which
// messages were taken; refuse says which of them are not to be.
func NewBulk(t testing.TB, serve func(r *http.Request, body []byte, refuse func(string) bool) (status int, answer string, taken []string)) *Bulk {
	b := &Bulk{serve: serve, hang: make(chan struct{})}
	close(b.hang)
	b.Server = httptest.NewServer(b)
	t.Cleanup(func() {
		b.Hang(false)
		b.Server.CloseClientConnections()
		b.Server.Close()
	})
	return b
}

// ServeHTTP answers a request.
func (b *Bulk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var src io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		src = z
	}
	body, err := io.ReadAll(src)
	if err != nil {
		return
	}
	b.mu.Lock()
	hang, down, reject := b.hang, b.down, b.reject
	b.mu.Unlock()
	select {
	case <-hang:
	case <-r.Context().Done():
		return
	}
	if down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	status, answer, taken := b.serve(r, body, func(m string) bool { return reject != "" && strings.Contains(m, reject) })
	b.mu.Lock()
	b.got = append(b.got, taken...)
	b.mu.Unlock()
	w.WriteHeader(status)
	io.WriteString(w, answer)
}

// Received returns the messages that were taken.
func (b *Bulk) Received() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// Hang makes the server read requests and not answer.
func (b *Bulk) Hang(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.hang:
		if on {
			b.hang = make(chan struct{})
		}
	default:
		if !on {
			close(b.hang)
		}
	}
}

// Down makes the server answer 503.
func (b *Bulk) Down(on bool) {
	b.mu.Lock()
	b.down = on
	b.mu.Unlock()
}

// Reject makes the server refuse messages that contain a text.
func (b *Bulk) Reject(text string) {
	b.mu.Lock()
	b.reject = text
	b.mu.Unlock()
}

// MessageOf is the field "message" of a JSON object.
func MessageOf(line []byte) string {
	var doc struct{ Message string }
	if json.Unmarshal(line, &doc) != nil {
		return "not JSON: " + string(line)
	}
	return doc.Message
}

// SplitLines returns the lines of a body.
func SplitLines(body []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
}

// oneShot is a client that leaves no connection open.
func oneShot() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
