package ingest

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/parse"
)

// TestBypass writes past a queue only while nothing is in it or being written, and what is
// pushed meanwhile waits for its turn.
func TestBypass(t *testing.T) {
	q := newQueue[int]([]float64{1, 1}, 2, 100, 0)
	if !q.push(1, 0, 10, false) || q.bypass(1, 10) {
		t.Fatal("something is queued: its turn is first")
	}
	if e, _, ok := q.pop(); e != 1 || !ok || q.bypass(1, 10) {
		t.Fatal("something is being written")
	}
	q.release(0, 10)
	var took []int
	var wg sync.WaitGroup
	wg.Add(1)
	popping := make(chan struct{})
	go func() { // ends when the queue is closed
		defer wg.Done()
		close(popping)
		for {
			e, class, ok := q.pop()
			if !ok {
				return
			}
			took = append(took, e)
			q.release(class, 10)
		}
	}()
	<-popping
	for !q.bypass(1, 100) { // as soon as pop waits
	}
	if q.bypass(0, 10) || !q.full(1) {
		t.Error("two write at once, or what is written past the queue is not counted")
	}
	if !q.push(2, 0, 10, false) || !q.push(3, 0, 10, false) || q.push(4, 0, 10, false) {
		t.Error("want room for two")
	}
	q.close()
	if q.bypass(0, 10) || len(took) > 0 {
		t.Error("written past a closed queue, or out of turn")
	}
	if !q.giveWay(1, 100) {
		t.Error("the lane is not full any more")
	}
	wg.Wait()
	if n, bytes := q.size(); n != 0 || bytes != 0 || len(took) != 2 || took[0] != 2 || took[1] != 3 {
		t.Errorf("%v; %d entries and %d bytes are left", took, n, bytes)
	}
}

// TestHold keeps free chunks back from a source that waits as long as the workers have
// enough to do, but not too many, and none when nobody waits.
func TestHold(t *testing.T) {
	free := 0
	f := newFeed([]float64{1}, 100)
	f.free = func(*Chunk) { free++ }
	f.workers, f.most = 1, 1
	src := &sourceState{}
	queue := func(n int) {
		for range n {
			f.push(&Chunk{src: src})
		}
	}
	expect := func(want int, when string) {
		t.Helper()
		if free != want {
			t.Errorf("%s: %d are free, want %d", when, free, want)
		}
	}
	queue(4)
	f.hold(&Chunk{})
	expect(1, "nobody waits")
	f.want(1)
	f.hold(&Chunk{})
	f.hold(&Chunk{})
	expect(1, "four chunks wait for one worker")
	f.next()
	expect(1, "three are left")
	f.next()
	expect(3, "two are left")
	f.hold(&Chunk{})
	expect(4, "the worker could run out of work")
	queue(20)
	for range holdChunks - 1 {
		f.hold(&Chunk{})
	}
	expect(4, "few are held back")
	f.hold(&Chunk{})
	expect(4+holdChunks, "enough to wake the source")
	f.hold(&Chunk{})
	f.release()
	expect(5+holdChunks, "the minder looks around")
	f.hold(&Chunk{})
	f.want(-1)
	expect(6+holdChunks, "the source does not wait any more")
}

// TestTakeSlot gives a worker the batch that it filled last, and the one that has rested for
// the longest time where it has none.
func TestTakeSlot(t *testing.T) {
	p := &Pipeline[int]{}
	slots := make([]*slot[int], 4)
	for i := range slots {
		slots[i] = p.takeSlot(i % 2) // none is free: they are made
	}
	p.slots.free = append(p.slots.free, slots...)
	for _, step := range []struct{ worker, want int }{{0, 2}, {0, 0}, {0, 1}, {1, 3}} {
		if s := p.takeSlot(step.worker); s != slots[step.want] {
			t.Errorf("worker %d got slot %d, want %d", step.worker, slices.Index(slots, s), step.want)
		}
	}
}

// TestDividedChunkRefused sends a chunk of two classes after the end of its source: it stays
// the source's, and the views that were made of it can be used again.
func TestDividedChunkRefused(t *testing.T) {
	pr := &Priorities[int]{Classes: []Class{{}, {}}, Classify: func(m *parse.Message) int { return int(m.Raw[0] - '0') }}
	if err := pr.prepare(); err != nil {
		t.Fatal(err)
	}
	c := newCore(Limits{ChunkSize: 100, ChunkMsgs: 10}, 2)
	c.feed, c.now, c.ladder, c.classes = newFeed([]float64{1, 1}, 2), time.Now, newLadder(pr), make([]classState, 2)
	src := &sourceState{ended: true}
	ch := c.fill(&Chunk{})
	for _, raw := range []string{"0", "1", "0"} {
		ch.Add(parse.Message{Raw: []byte(raw)})
	}
	if err := c.send(src, ch); err != ErrClosed || ch.state != chunkFilling || len(ch.Msgs) != 3 {
		t.Fatalf("%v, the chunk has %d messages", err, len(ch.Msgs))
	}
	if n := len(c.views.free); n != 2 {
		t.Errorf("%d views can be used again, want 2", n)
	}
	if src.ledger != (Ledger{}) || c.classes[0].ledger != (Ledger{}) || c.feed.queued() != 0 {
		t.Errorf("a refused chunk was counted: %+v", src.ledger)
	}
}

// A queue that had nothing to do did not stand still: a burst after that waits for room. One
// whose entries nobody takes is refused after its patience.
func TestQueuePatience(t *testing.T) {
	for _, direct := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue[int]([]float64{1}, 2, 100, time.Second)
			time.Sleep(time.Hour)
			if direct && !q.bypass(0, 1) {
				t.Fatal("no turn")
			}
			q.push(1, 0, 1, true)
			q.push(2, 0, 1, true)
			go func() {
				time.Sleep(500 * time.Millisecond)
				if direct {
					q.giveWay(0, 1)
				}
				q.pop()
			}()
			begun := time.Now()
			if !q.push(3, 0, 1, true) || time.Since(begun) != 500*time.Millisecond {
				t.Errorf("direct %t: a burst after a rest was refused, or went in after %s", direct, time.Since(begun))
			}
			if q.push(4, 0, 1, true) || time.Since(begun) != 1500*time.Millisecond {
				t.Errorf("direct %t: refused after %s", direct, time.Since(begun))
			}
		})
	}
}
