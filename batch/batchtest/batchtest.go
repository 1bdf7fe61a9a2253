package batchtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Event is the event type of the suite. Its sinks read lines only.
type Event struct{}

// Destination is what a sink writes to, seen from its other side.
type Destination struct {
	Sink batch.Sink[Event]
	// Received returns the field "message" of what has arrived, in order. It may wait
	// for what is on its way.
	Received func() []string
	// Close ends the sink. It may be nil.
	Close func() error
	// Hang makes the destination take what it is sent and not answer, or, with false,
	// answer again. nil leaves the case out.
	Hang func(on bool)
	// Down makes the destination fail in a way that passes. nil leaves the case out.
	Down func(on bool)
	// Reject makes the destination refuse events whose message contains this text. nil
	// leaves the case out.
	Reject func(text string)
}

// Config describes a sink to the suite.
type Config struct {
	// New returns a sink with an empty destination.
	New func(t testing.TB) *Destination
	// Repeats says that events may arrive more than once when the destination fails.
	Repeats bool
	// Unordered says that the order is not kept.
	Unordered bool
	// Lossy says that the destination may lose what was written: datagrams.
	Lossy bool
}

// Patience is how long the suite waits for what should happen at once.
const Patience = 20 * time.Second

// Lines makes a batch of n events, the first of which has the number from. Each line is
//
//	{"@timestamp":"…","message":"event N …","event":{"id":"id-N","dataset":"test.events"},"host":{"name":"fw1"}}
func Lines(from, n int) *batch.Batch[Event] {
	b := &batch.Batch[Event]{}
	for i := from; i < from+n; i++ {
		b.Lines = fmt.Appendf(b.Lines, `{"@timestamp":"2026-11-29T10:%02d:%02d.%03dZ","message":%s,"event":{"id":"id-%d","dataset":"test.events"},"host":{"name":"fw1"}}`+"\n",
			i/60%60, i%60, i%1000, strconv.Quote(Message(i)), i)
		b.Ends = append(b.Ends, int32(len(b.Lines)))
		b.Msg = append(b.Msg, int32(len(b.Msgs)))
		b.Msgs = append(b.Msgs, parse.Message{Raw: []byte(Message(i)), Offset: int64(i), Origin: &parse.Origin{Source: "test"}})
	}
	return b
}

// Message is the message of event i.
func Message(i int) string {
	return fmt.Sprintf("event %d größe 漢字 \"q\" \\ | = <x> 'y' [z] %s", i, strings.Repeat("x", i*7%200))
}

// Number is the number of an event whose message is given, -1 if it is none.
func Number(message string) int {
	text, _, _ := strings.Cut(strings.TrimPrefix(message, "event "), " ")
	n, err := strconv.Atoi(text)
	if err != nil || Message(n) != message {
		return -1
	}
	return n
}

// Sink checks that a sink keeps the contract of batch.Sink: rows that it took arrive
// whole; rows that it did not take are named; it keeps nothing of a batch; it returns
// soon after its context; it leaves nothing behind.
func Sink(t *testing.T, cfg Config) {
	t.Run("delivery", cfg.delivery)
	t.Run("concurrent", cfg.concurrent)
	t.Run("hang", cfg.hang)
	t.Run("down", cfg.down)
	t.Run("reject", cfg.reject)
}

// open makes a destination, and checks at the end that nothing of it is left.
func (c *Config) open(t *testing.T) *Destination {
	t.Helper()
	before := runtime.NumGoroutine()
	// Cleanups run in reverse: this one after those of New.
	t.Cleanup(func() {
		for range 600 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after Close:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
	d := c.New(t)
	t.Cleanup(func() {
		if d.Close == nil {
			return
		}
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

// write writes b, and overwrites its memory when the sink has given it back.
func write(ctx context.Context, t testing.TB, s batch.Sink[Event], b *batch.Batch[Event]) error {
	n := b.Len()
	async, ok := s.(batch.Async[Event])
	var err error
	if ok {
		answer := make(chan error, 1)
		var calls atomic.Int32
		async.Start(ctx, b, func(err error) {
			if calls.Add(1) == 1 {
				answer <- err
			} else {
				t.Error("done was called twice")
			}
		})
		ruin(b)
		if f, ok := s.(batch.Flusher); ok {
			if err := f.Flush(ctx); err != nil {
				return err
			}
		}
		select {
		case err = <-answer:
		case <-time.After(Patience):
			t.Fatal("done is not called")
		}
	} else {
		err = s.Write(ctx, b)
		ruin(b)
	}
	for _, f := range batch.Failures(err, n) {
		if f.Err != nil && errcat.Of(f.Err) == errcat.None {
			t.Errorf("the error of row %d has no category: %v", f.Row, f.Err)
		}
	}
	return err
}

func ruin(b *batch.Batch[Event]) {
	for i := range b.Lines {
		b.Lines[i] = 'X'
	}
	clear(b.Ends)
	for _, m := range b.Msgs {
		for i := range m.Raw {
			m.Raw[i] = 'X'
		}
	}
}

// check waits until the events [0, n) have arrived, apart from those in without.
func (c *Config) check(t *testing.T, d *Destination, n int, without map[int]bool, repeats bool) {
	t.Helper()
	var got []string
	patience := Patience
	if c.Lossy {
		patience = 2 * time.Second
	}
	deadline := time.Now().Add(patience)
	want := n - len(without)
	for {
		got = d.Received()
		if len(distinct(got)) >= want || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	var numbers []int
	for _, m := range got {
		i := Number(m)
		if i < 0 || i >= n {
			t.Fatalf("what arrived was not written: %.200q", m)
		}
		if without[i] {
			t.Errorf("event %d has arrived, and was to be refused", i)
		}
		numbers = append(numbers, i)
	}
	if c.Lossy {
		if len(numbers) == 0 || len(numbers) > want {
			t.Errorf("%d events of %d have arrived", len(numbers), want)
		}
		return
	}
	if !repeats && len(numbers) != want {
		t.Errorf("%d events have arrived, want %d", len(numbers), want)
	}
	if !c.Unordered && !repeats && !slices.IsSorted(numbers) {
		t.Errorf("the events have not arrived in their order")
	}
	if missing := want - len(distinct(got)); missing > 0 {
		t.Errorf("%d events of %d are missing", missing, want)
	}
}

func distinct(s []string) map[string]bool {
	m := map[string]bool{}
	for _, x := range s {
		m[x] = true
	}
	return m
}

func (c *Config) delivery(t *testing.T) {
	d := c.open(t)
	if batch.ReadsEvents(d.Sink) {
		t.Fatal("the suite has no events, and the sink is not LinesOnly")
	}
	n := 0
	for _, size := range []int{1, 10, 0, 200, 3} {
		if err := write(context.Background(), t, d.Sink, Lines(n, size)); err != nil {
			t.Fatalf("a batch of %d: %v", size, err)
		}
		n += size
	}
	c.check(t, d, n, nil, false)
}

// concurrent starts batches before earlier ones are answered.
func (c *Config) concurrent(t *testing.T) {
	d := c.open(t)
	async, ok := d.Sink.(batch.Async[Event])
	if !ok {
		t.Skip("the sink is not a batch.Async")
	}
	var wg sync.WaitGroup
	const batches, size = 40, 25
	for i := range batches {
		wg.Add(1)
		b := Lines(i*size, size)
		async.Start(context.Background(), b, func(err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		})
		ruin(b)
	}
	if f, ok := d.Sink.(batch.Flusher); ok {
		if err := f.Flush(context.Background()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	c.check(t, d, batches*size, nil, false)
}

func (c *Config) hang(t *testing.T) {
	d := c.open(t)
	if d.Hang == nil {
		t.Skip("the destination cannot hang")
	}
	d.Hang(true)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := write(ctx, t, d.Sink, Lines(0, 5))
	if err == nil {
		t.Error("a destination that does not answer has taken a batch")
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("Write returned %s after its context", took)
	}
	d.Hang(false)
	if err := write(context.Background(), t, d.Sink, Lines(0, 5)); err != nil {
		t.Errorf("after the destination has recovered: %v", err)
	}
	c.check(t, d, 5, nil, true)
}

func (c *Config) down(t *testing.T) {
	d := c.open(t)
	if d.Down == nil {
		t.Skip("the destination cannot fail")
	}
	if err := write(context.Background(), t, d.Sink, Lines(0, 5)); err != nil {
		t.Fatal(err)
	}
	d.Down(true)
	time.AfterFunc(300*time.Millisecond, func() { d.Down(false) })
	b := Lines(5, 20)
	n := b.Len()
	// A sink that tries again by itself comes back without an error; others are tried
	// again here, as the pipeline does.
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	for len(rows) > 0 && ctx.Err() == nil {
		err := write(ctx, t, d.Sink, Lines(5, 20).Select(rows))
		var next []int
		for _, f := range batch.Failures(err, len(rows)) {
			if !errcat.Retryable(f.Err) {
				t.Fatalf("a failure that passes is said to be one that does not: %v", f.Err)
			}
			next = append(next, rows[f.Row])
		}
		if rows = next; len(rows) > 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	if c.Lossy {
		return
	}
	c.check(t, d, 25, nil, c.Repeats)
}

func (c *Config) reject(t *testing.T) {
	d := c.open(t)
	if d.Reject == nil {
		t.Skip("the destination refuses nothing")
	}
	without := map[int]bool{}
	const n = 100
	d.Reject("7 größe")
	for i := range n {
		if strings.Contains(Message(i), "7 größe") {
			without[i] = true
		}
	}
	err := write(context.Background(), t, d.Sink, Lines(0, n))
	named := map[int]bool{}
	for _, f := range batch.Failures(err, n) {
		named[f.Row] = true
		if errcat.Retryable(f.Err) {
			t.Errorf("row %d was refused for good, and the error says it may be written again: %v", f.Row, f.Err)
		}
	}
	for i := range n {
		if named[i] != without[i] {
			t.Errorf("row %d: refused is %v, the sink says %v", i, without[i], named[i])
		}
	}
	c.check(t, d, n, without, false)
}
