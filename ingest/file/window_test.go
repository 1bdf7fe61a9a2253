package file_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
)

// numbers follows a file of numbered lines until done says that it is enough. told is called
// with each batch of them, before its answer.
func numbers(t *testing.T, opts file.FollowOptions, told func(numbers []int), done func() bool) *file.Follower {
	t.Helper()
	src, err := file.Follow(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: lineParser, Workers: 2, ChunkMessages: 20,
		Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			var list []int
			for _, e := range b.Events {
				n, err := strconv.Atoi(string(e.text))
				if err != nil {
					t.Error(err)
				}
				list = append(list, n)
			}
			told(list)
			if done() {
				cancel()
			}
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	return src
}

// Whenever the process ends, no more lines come again than MaxUncommitted: the state of the
// moment is kept, and another follower goes on from there.
func TestMaxUncommitted(t *testing.T) {
	const lines, most = 3000, 50
	dir := t.TempDir()
	var text []byte
	for i := range lines {
		text = fmt.Appendf(text, "%d\n", i)
	}
	for i := range 3 { // 1,000 lines each
		part := text[bytes.Index(text, fmt.Appendf(nil, "%d\n", i*1000)):]
		if i < 2 {
			part = part[:bytes.Index(part, fmt.Appendf(nil, "\n%d\n", (i+1)*1000))+1]
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts := fast(dir)
	opts.MaxUncommitted, opts.CheckpointEvery = most, time.Hour // the window alone writes it
	type moment struct {
		state string
		had   map[int]bool
	}
	var mu sync.Mutex
	var moments []moment
	had := map[int]bool{}
	batches := 0
	numbers(t, opts, func(list []int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range list {
			had[n] = true
		}
		if batches++; batches%23 != 5 {
			return
		}
		m := moment{state: t.TempDir(), had: map[int]bool{}}
		for n := range had {
			m.had[n] = true
		}
		if err := os.CopyFS(m.state, os.DirFS(filepath.Dir(opts.Checkpoint))); err != nil {
			t.Error(err)
		}
		moments = append(moments, m)
	}, func() bool { mu.Lock(); defer mu.Unlock(); return len(had) == lines })
	if len(moments) < 5 {
		t.Fatalf("%d moments", len(moments))
	}
	worst := 0
	for i, m := range moments {
		again := opts
		again.Checkpoint = filepath.Join(m.state, filepath.Base(opts.Checkpoint))
		twice := 0
		numbers(t, again, func(list []int) {
			mu.Lock()
			defer mu.Unlock()
			for _, n := range list {
				if m.had[n] {
					twice++
				}
				m.had[n] = true
			}
		}, func() bool { mu.Lock(); defer mu.Unlock(); return len(m.had) == lines })
		if worst = max(worst, twice); twice > most {
			t.Errorf("moment %d: %d lines come again, at most %d", i, twice, most)
		}
	}
	if worst == 0 {
		t.Error("nothing came again: the moments were none")
	}
}

// A sink that fails does not leave the follower waiting: what it did not take is read again.
func TestMaxUncommittedAndFailure(t *testing.T) {
	dir := t.TempDir()
	var text []byte
	for i := range 500 {
		text = fmt.Appendf(text, "%d\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.log"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	opts := fast(dir)
	opts.MaxUncommitted = 40
	src, err := file.Follow(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	had, calls := map[string]bool{}, 0
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: lineParser, ChunkMessages: 20,
		Outputs: []ingest.Output[event]{{Retry: batch.RetryOptions{Attempts: 1}, Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			if calls++; calls == 3 {
				return fmt.Errorf("no")
			}
			for _, e := range b.Events {
				had[string(e.text)] = true
			}
			if len(had) == 500 {
				cancel()
			}
			return nil
		})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Run(ctx) // its error is that of the sink
	if len(had) != 500 || src.Stats().Rewound == 0 {
		t.Errorf("%d lines came, %+v", len(had), src.Stats())
	}
	if _, err := file.Follow(file.FollowOptions{Include: opts.Include, MaxUncommitted: 1}); err == nil {
		t.Error("a bound without a checkpoint")
	}
	if _, err := file.Follow(file.FollowOptions{Include: opts.Include, Checkpoint: opts.Checkpoint, MaxUncommitted: -1}); err == nil {
		t.Error("a negative bound")
	}
}
