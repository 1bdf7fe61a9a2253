package http_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	penhttp "github.com/penstock-dev/penstock/ingest/http"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/internal/faulttest"
)

// Clients that go before their answer and come again with the same batch, and requests
// that lie about their length, never end, or have too many headers.
func TestF41Intake(t *testing.T) {
	s := mustListen(t, penhttp.ServerOptions{MaxBody: 8 << 20, ReadTimeout: 2 * time.Second})
	p := ingesttest.Start(t, s) // which looks for what is left running
	repeats := faulttest.Pick(3, 50)
	// Not answered is not acknowledged: the client sends it again, and the identities tell.
	batch := "event 1\nevent 2\nevent 3\n"
	for range repeats {
		p.Block()
		ctx, cancel := context.WithCancel(context.Background())
		go func() { // when the server has it
			for s.Stats().Messages%6 != 3 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if _, _, err := post(ctx, s, "text/plain", batch); err == nil {
			t.Error("an answer before the sink had the messages")
		}
		cancel()
		p.Release()
		mustPost(t, s, 200, "text/plain", batch)
	}
	got := p.Wait(2 * 3 * repeats)
	ids := map[int64]string{}
	for _, m := range got {
		if old, ok := ids[m.Offset]; ok && old != m.Text {
			t.Errorf("%q and %q have one identity", old, m.Text)
		}
		ids[m.Offset] = m.Text
	}
	const head = "POST / HTTP/1.1\r\nHost: x\r\n"
	piece := []byte("10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n")
	var worst int64
	var worstName string
	bad := []struct {
		name, text string
		want       []string // of the status lines that are right
		more       func(w io.Writer)
	}{
		{"Content-Length too large for the limit", head + "Content-Length: 99999999999\r\n\r\nabc", []string{"413"}, nil},
		{"Content-Length larger than the body", head + "Content-Length: 8000000\r\n\r\nabc", []string{"400", "408", ""}, nil},
		{"Content-Length smaller than the body", head + "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1", []string{"200"}, nil},
		{"no number", head + "Content-Length: -5\r\n\r\nabc", []string{"400"}, nil},
		{"chunked without an end, fast", head + "Transfer-Encoding: chunked\r\n\r\n", []string{"413"}, func(w io.Writer) {
			for range 8 << 20 >> 16 * 4 {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}},
		{"chunked without an end, silent", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", []string{"400", "408", ""}, nil},
		{"100,000 headers", head, []string{"431"}, func(w io.Writer) {
			b := bufio.NewWriterSize(w, 64<<10)
			for i := range 100_000 {
				if _, err := fmt.Fprintf(b, "X-%d: y\r\n", i); err != nil {
					return
				}
			}
			b.Flush()
		}},
		{"one header of 10 MB", head + "X: ", []string{"431"}, func(w io.Writer) {
			for range 160 {
				if _, err := w.Write(piece[7:0x10000]); err != nil {
					return
				}
			}
		}},
	}
	taken := 0
	for _, b := range bad {
		debug.FreeOSMemory()
		base := faulttest.Resident()
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, b.text)
		if b.more != nil {
			b.more(c)
		}
		answer, err := bufio.NewReader(c).ReadString('\n')
		grown := faulttest.Resident() - base
		if err != nil && os.IsTimeout(err) {
			t.Errorf("%s: the connection stays open", b.name)
		}
		c.Close()
		status := ""
		if f := strings.Fields(answer); len(f) > 1 {
			status = f[1]
		}
		// A server that has answered and closes while the client still sends may be heard as a reset.
		fits := status == "" && b.more != nil
		for _, want := range b.want {
			fits = fits || status == want
		}
		if !fits {
			t.Errorf("%s: answer %q, want %q", b.name, answer, b.want)
		}
		if status == "200" {
			taken++
		}
		if grown > worst {
			worst, worstName = grown, b.name
		}
		if grown > 16<<20 && !faulttest.Racing {
			t.Errorf("%s: the memory grew by %d bytes", b.name, grown)
		}
		mustPost(t, s, 200, "text/plain", "honest "+b.name)
	}
	want := 2*3*repeats + len(bad) + taken
	p.Wait(want)
	p.Stop()
	faulttest.Figures(t, "F41", "client gone before the answer, the same batch again; Content-Length too large and too small; chunked without an end; 100,000 headers",
		"not acknowledged = not an obligation; duplicates only from client retries, with the same ids; RSS growth ≤ 16 MB per bad request; 0 leaks", func() string {
			return fmt.Sprintf("%d batches sent twice have %d identities; %d bad requests, the memory grew by %.1f MB at most (%s); %d bytes held at the end", repeats, len(ids), len(bad), float64(worst)/1e6, worstName, s.Stats().InFlightBytes)
		})
	if len(ids) != 3 {
		t.Errorf("%d identities", len(ids))
	}
	if n := len(p.Messages()); n != want {
		t.Errorf("%d messages, want %d: something of a bad request was taken", n, want)
	}
	if st := s.Stats(); st.InFlightBytes != 0 || st.Connections.Open != 0 {
		t.Errorf("%+v", st)
	}
}
