package ingest

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// watch is what a worker shows of itself, so that one that hangs can be replaced. A
// goroutine cannot be stopped in Go. So it is left behind with its batch and its chunk's
// memory, which are never used again, and another worker does the chunk from the start,
// without the message at which the first one hung.
type watch struct {
	name   string
	number int
	id     []byte        // set before the first batch: of the goroutine, as in a stack trace
	state  atomic.Uint32 // watchIdle…
	place  atomic.Uint64 // number of the batch, and of the message in it
	stage  atomic.Int32  // the stage that was called last
	batch  uint64

	// What the minder saw the last time.
	seen  uint64
	stuck time.Duration
}

const (
	watchIdle uint32 = iota
	watchBusy
	watchLost
)

const placeBits = 32

// begin says that the worker's slot is being worked on.
func (w *worker[T]) begin() {
	w.batch++
	w.place.Store(w.batch << placeBits)
	w.current.Store(w.slot)
	w.state.Store(watchBusy)
}

// at says that a message is next. It reports false if the worker was given up.
func (w *worker[T]) at(msg int) bool {
	w.place.Store(w.batch<<placeBits | uint64(msg))
	return w.state.Load() == watchBusy
}

// end says that the slot is done. It reports false if the worker was given up before.
func (w *worker[T]) end() bool { return w.state.CompareAndSwap(watchBusy, watchIdle) }

// workerList are the workers of a pipeline.
type workerList[T any] struct {
	mu       sync.Mutex
	wg       sync.WaitGroup // of those that are not given up
	live     []*worker[T]
	started  int
	replaced int64 // given up so far
	left     []string
}

// startWorker starts a worker. The feed calls it.
func (p *Pipeline[T]) startWorker() {
	l := &p.workers
	l.mu.Lock()
	w := &worker[T]{p: p, packs: map[string]knownPack{"": {}}}
	w.number, w.name = l.started, fmt.Sprintf("worker %d", l.started)
	l.started++
	l.live = append(l.live, w)
	l.wg.Add(1)
	l.mu.Unlock()
	p.running.Store(w.name, struct{}{})
	go func() {
		defer p.workerEnded(w)
		w.id = goroutineID()
		w.run()
	}()
}

func (p *Pipeline[T]) workerEnded(w *worker[T]) {
	l := &p.workers
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.state.Load() == watchLost {
		l.left = slices.DeleteFunc(l.left, func(name string) bool { return name == w.name })
		return
	}
	l.live = slices.DeleteFunc(l.live, func(o *worker[T]) bool { return o == w })
	p.running.Delete(w.name)
	l.wg.Done()
}

// wait returns when all workers that are not given up have ended, or abandoned is closed.
func (l *workerList[T]) wait(abandoned <-chan struct{}) {
	done := make(chan struct{})
	go func() { // ends with the workers
		l.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-abandoned:
	}
}

// leaks returns how many workers were replaced, and the names of those that have not
// returned since.
func (l *workerList[T]) leaks() (replaced int64, left []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replaced, append([]string(nil), l.left...)
}

// findHung gives up the workers that have been at one message for longer than the limit.
// passed is the time since the last call.
func (p *Pipeline[T]) findHung(passed time.Duration) {
	limit := p.cfg.ParseTimeout
	l := &p.workers
	var hung []*worker[T]
	l.mu.Lock()
	for _, w := range l.live {
		place := w.place.Load()
		if w.state.Load() != watchBusy || place != w.seen {
			w.seen, w.stuck = place, 0
			continue
		}
		if w.stuck += passed; w.stuck >= limit && len(l.left) < maxLeft && w.state.CompareAndSwap(watchBusy, watchLost) {
			hung = append(hung, w)
		}
	}
	l.mu.Unlock()
	for _, w := range hung {
		p.giveUp(w)
	}
}

// maxLeft bounds the workers that are left behind: each holds memory.
const maxLeft = 64

// giveUp replaces a worker whose state is watchLost.
func (p *Pipeline[T]) giveUp(w *worker[T]) {
	msg := int(w.seen & (1<<placeBits - 1)) // where it was stuck; it may have gone on since
	s := w.current.Load()
	c := s.chunk
	trace := stackOf(w.id)
	component, function, number := w.culprit(trace)

	again := &Chunk{
		Buf: c.Buf, Msgs: c.Msgs, Done: c.Done, state: chunkSent, src: c.src, ack: c.ack, seq: c.seq, sent: c.sent, notices: c.notices, extra: c.extra,
		maxMsg: c.maxMsg, patient: c.patient, class: c.class, whole: c.whole,
	}
	again.lent.Store(true)
	at, _ := slices.BinarySearchFunc(c.Faults, msg, func(f Fault, msg int) int { return f.Msg - msg })
	err := errcat.Newf(errcat.Timeout, errcat.StageParse, "%s did not return within %s", function, p.cfg.ParseTimeout)
	again.Faults = slices.Insert(slices.Clone(c.Faults), at, Fault{Msg: msg, Err: err, component: component})

	l := &p.workers
	l.mu.Lock()
	l.replaced++
	l.left = append(l.left, w.name)
	l.live = slices.DeleteFunc(l.live, func(o *worker[T]) bool { return o == w })
	l.mu.Unlock()
	p.running.Delete(w.name)

	p.core.log.say(levelError, "a component hangs: its worker is replaced and its goroutine left behind", component,
		"component", component, "function", function, "source", c.src.name, "limit", p.cfg.ParseTimeout, "stack", trace)
	set := s.set
	p.core.notice(Notice{Kind: WorkerHung, Source: c.src.name, Component: component, Detail: function})
	if !p.blame(set, number, component) {
		p.accuse(set, number, component, c.src, &c.Msgs[msg], "", true) // what chooses the pack may be what hangs
	}
	set.release()
	p.core.feed.lost(again)
	l.wg.Done() // only now, after the feed has started another
}

// culprit finds in the stack trace of a worker which component it has called.
func (w *worker[T]) culprit(trace string) (component, function string, number int) {
	component, function, number = "parser, stage, validator or encoder", "the component", noService
	lines := strings.Split(trace, "\n")
	for i, line := range lines {
		if !strings.Contains(line, "/ingest.(*worker[") || i < 2 {
			continue
		}
		callee := lines[i-2] // each call has two lines
		if at := strings.LastIndexByte(callee, '('); at > 0 {
			callee = callee[:at]
		}
		function = callee
		switch callee[strings.LastIndexByte(callee, '.')+1:] {
		case "Parse":
			return "parser", function, serviceParser
		case "Validate":
			return "validator", function, serviceValidator
		case "Append":
			return "encoder", function, serviceEncoder
		case "Route":
			return "router", function, serviceRouter
		case "Process":
			stage := int(w.stage.Load())
			return "stage " + strconv.Itoa(stage), function, serviceOf(inStage, stage)
		}
		break
	}
	return component, function, number
}

// goroutineID returns the beginning of the stack trace of the caller's goroutine, up to
// its state.
func goroutineID() []byte {
	buf := make([]byte, 64)
	buf = buf[:runtime.Stack(buf, false)]
	if i := bytes.IndexByte(buf, '['); i > 0 {
		return buf[:i]
	}
	return nil
}

// stackOf returns the stack trace of a goroutine. It stops the world, so it is for the
// rarest cases only.
func stackOf(id []byte) string {
	const most = 8 << 20
	for size := 256 << 10; ; size *= 2 {
		buf := make([]byte, size)
		n := runtime.Stack(buf, true)
		if n == size && size < most {
			continue
		}
		all := append([]byte("\n"), buf[:n]...)
		start := bytes.Index(all, append([]byte("\n"), id...))
		if start < 0 || len(id) == 0 {
			return ""
		}
		trace := all[start+1:]
		if end := bytes.Index(trace, []byte("\n\n")); end >= 0 {
			trace = trace[:end]
		}
		return string(trace)
	}
}
