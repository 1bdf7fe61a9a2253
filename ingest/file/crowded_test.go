package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
)

// crowd makes ten times as many files as may be open, and a function that appends to each.
func crowd(t *testing.T, dir string, w *writer) (opts file.FollowOptions, more func(lines int)) {
	opts = fast(dir)
	opts.MaxOpen = 4
	var logs []*os.File
	for i := range 10 * opts.MaxOpen {
		logs = append(logs, create(t, filepath.Join(dir, fmt.Sprintf("a%d.log", i))))
	}
	return opts, func(lines int) {
		for _, log := range logs {
			w.write(log, lines)
		}
	}
}

// What was read before a restart does not come again, also of files that have grown and of those
// for which there is no room at once.
func TestRestartCrowded(t *testing.T) {
	w := newWriter(t)
	opts, more := crowd(t, t.TempDir(), w)
	more(3)
	f := follow(t, opts)
	f.expect(w.want)
	f.stop()
	more(2)
	f.start(opts)
	f.expect(w.want)
	more(1)
	f.expect(w.want)
	f.stop()
}

// FromEnd holds for the files for which there was no room, too.
func TestFromEndCrowded(t *testing.T) {
	dir := t.TempDir()
	opts, more := crowd(t, dir, newWriter(t))
	more(3)
	opts.FromEnd = true
	f := follow(t, opts)
	for deadline := time.Now().Add(10 * time.Second); f.source.Stats().Behind > 0 || f.source.Stats().Files < 40; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", f.source.Stats())
		}
	}
	w := newWriter(t)
	for i := range 10 * opts.MaxOpen {
		log, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("a%d.log", i)), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("new %d", i)
		w.want[text] = true
		fmt.Fprintln(log, text)
		log.Close()
	}
	f.expect(w.want)
	f.stop()
}

// What a sink has not taken is read again, also where the file was closed meanwhile.
func TestRewindCrowded(t *testing.T) {
	w := newWriter(t)
	opts, more := crowd(t, t.TempDir(), w)
	more(3)
	src, err := file.Follow(opts)
	if err != nil {
		t.Fatal(err)
	}
	var fails atomic.Bool
	fails.Store(true)
	var mu sync.Mutex
	got := map[string]bool{}
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: lineParser, ChunkSize: 4 << 10,
		Outputs: []ingest.Output[event]{{Retry: batch.RetryOptions{Attempts: 1}, Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			if fails.Load() {
				time.Sleep(20 * time.Millisecond) // meanwhile other files are opened
				return os.ErrDeadlineExceeded
			}
			mu.Lock()
			defer mu.Unlock()
			for _, e := range b.Events {
				got[string(e.text)] = true
			}
			return nil
		})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	wait := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				mu.Lock()
				defer mu.Unlock()
				t.Fatalf("%s: %d of %d lines, %+v", what, len(got), len(w.want), src.Stats())
			}
		}
	}
	wait("not all were read again", func() bool { return src.Stats().Rewound >= 40 })
	fails.Store(false)
	wait("not all came", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == len(w.want)
	})
	cancel()
	<-ended // with the failures
}
