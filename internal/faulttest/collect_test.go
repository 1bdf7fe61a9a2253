package faulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
)

// pageRows is how many records a page has.
const pageRows = 20

// childCollect collects from the interface at envAddress, with its position in envDir, and
// posts what it gets to envSink.
func childCollect() error {
	def, err := api.ParseDefinition("test.yaml", []byte(`
name: test.records
params: {base: }
base: "{base}"
request: {path: /records}
items: records
page: {cursor: next, into: cursor, keep: cursor}
id: id
`))
	if err != nil {
		return err
	}
	src, err := api.New(api.Options{
		Endpoints:  []api.Endpoint{{Definition: def, Params: map[string]string{"base": os.Getenv(envAddress)}, Interval: 50 * time.Millisecond}},
		Checkpoint: filepath.Join(os.Getenv(envDir), "positions"), AllowPrivate: true, MaxUncommittedPages: 1,
	})
	if err != nil {
		return err
	}
	p, err := ingest.New(ingest.Config[rawLine]{
		Sources: []ingest.Source{src}, Parser: rawLineParser, Encoder: rawLineEncoder{},
		Sink: batch.LinesFunc[rawLine](func(ctx context.Context, lines []byte, _ int) error {
			req, err := http.NewRequestWithContext(ctx, "POST", os.Getenv(envSink), bytes.NewReader(lines))
			if err != nil {
				return err
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				return errcat.TransientNetwork
			}
			return nil
		}),
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("open")
	if err := p.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// A collector is killed between a page and the cursor behind it, and anywhere else.
func TestF43Kill(t *testing.T) {
	kills := Pick(8, 100)
	o := NewOracle(43)
	var mu sync.Mutex
	var all [][]byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		mu.Lock()
		page := all[min(at, len(all)):min(at+pageRows, len(all))]
		mu.Unlock()
		body := append([]byte(`{"records":[`), bytes.Join(page, []byte(","))...)
		io.WriteString(w, string(body)+fmt.Sprintf(`],"next":"%d"}`, at+len(page)))
	}))
	defer srv.Close()
	kill := make(chan struct{}, 1)
	rnd := Rand(43)
	at := -1 // how many deliveries from now the process is killed
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		o.ReceiveAll(lines)
		mu.Lock()
		at--
		now := at == 0
		mu.Unlock()
		if now {
			kill <- struct{}{}
			time.Sleep(time.Duration(rnd.IntN(10)) * time.Millisecond) // stored, and perhaps not answered
		}
	}))
	defer sink.Close()
	issue := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		for range n {
			r := o.Issue()
			o.Accept(r.ID) // the server keeps it for whoever asks
			all = append(all, r.Line)
		}
	}
	dir := t.TempDir()
	for range kills {
		issue(rnd.IntN(15*pageRows) + pageRows)
		mu.Lock()
		at = rnd.IntN(8) + 1
		mu.Unlock()
		child := startChild(t, "collect", envAddress+"="+srv.URL, envSink+"="+sink.URL, envDir+"="+dir)
		child.line(t)
		select {
		case <-kill:
			time.Sleep(time.Duration(rnd.IntN(8)) * time.Millisecond)
		case <-time.After(2 * time.Second): // fewer pages than that
		}
		child.kill()
	}
	mu.Lock()
	at = -1
	mu.Unlock()
	child := startChild(t, "collect", envAddress+"="+srv.URL, envSink+"="+sink.URL, envDir+"="+dir)
	child.line(t)
	// For 30 s, in the short form also for as long as something comes: a page takes an fsync, and
	// the disk may be busy.
	begun := time.Now()
	for last, since := 0, begun; time.Since(begun) < 30*time.Second || !Long() && time.Since(since) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		r := o.Report()
		if len(r.Missing) == 0 {
			break
		}
		if r.Delivered > last {
			last, since = r.Delivered, time.Now()
		}
	}
	issue(10) // fresh ones
	for deadline := time.Now().Add(5 * time.Second); len(o.Report().Missing) > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	child.cmd.Process.Signal(syscall.SIGTERM)
	child.cmd.Wait()
	r := o.Check(t, Limits{MaxDuplicates: kills * pageRows})
	record(t, "F43 kill", fmt.Sprintf("%d kills (SIGKILL) between a page and its cursor and anywhere else, pages of %d", kills, pageRows),
		"0 lost; duplicates ≤ one page per kill, same ids; cursor moves only after delivery", func() string { return r.String() })
}
