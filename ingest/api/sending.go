package api

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// sending puts the events of one page into chunks.
type sending struct {
	e      *endpoint
	page   *page
	chunk  *ingest.Chunk
	recent []string
	sent   int64
	known  int64
}

func (e *endpoint) begin() *sending {
	p := &page{}
	e.mu.Lock()
	e.pages = append(e.pages, p)
	e.mu.Unlock()
	return &sending{e: e, page: p, recent: e.at.clone().Recent}
}

// event sends one event, unless it was sent before.
func (s *sending) event(raw []byte) error {
	e := s.e
	if len(e.def.id) > 0 {
		if id := scalar(raw, e.def.id); id != "" {
			if e.recent[id] {
				s.known++
				return nil
			}
			e.recent[id] = true
			s.recent = append(s.recent, id)
			if over := len(s.recent) - e.opts.Remember; over > 0 {
				for _, old := range s.recent[:over] {
					delete(e.recent, old)
				}
				s.recent = append(s.recent[:0], s.recent[over:]...)
			}
		}
	}
	m := parse.Message{Raw: raw, Origin: e.origin, Received: e.out.Now()}
	if s.chunk != nil && s.chunk.Add(m) {
		s.sent++
		return nil
	}
	if err := s.send(); err != nil {
		return err
	}
	c, err := e.out.Chunk()
	if err != nil {
		return err
	}
	s.chunk = c
	c.Add(m)
	s.sent++
	return nil
}

// send hands the chunk on.
func (s *sending) send() error {
	c := s.chunk
	if c == nil {
		return nil
	}
	s.chunk = nil
	s.e.mu.Lock()
	s.page.pending++
	s.e.mu.Unlock()
	c.Done = func(r ingest.Result) { s.e.result(s.page, r) }
	if err := s.e.out.Send(c); err != nil {
		s.e.mu.Lock()
		s.page.pending--
		s.e.mu.Unlock()
		s.e.out.Discard(c)
		return err
	}
	return nil
}

// finish says that the page has been read and where it ends.
func (s *sending) finish(after position) error {
	err := s.send()
	e := s.e
	e.mu.Lock()
	s.page.read, s.page.after = true, after
	e.stats.Pages++
	e.stats.Events += s.sent
	e.stats.Repeats += s.known
	e.mu.Unlock()
	e.wakeUp()
	return err
}

// abandon gives a page up whose answer could not be read to its end. What was sent of it
// will be fetched again.
func (s *sending) abandon() {
	_ = s.send() // complete events all the same; they may come twice
	e := s.e
	e.mu.Lock()
	s.page.read, s.page.failed = true, true
	e.stats.Events += s.sent
	e.mu.Unlock()
}

// result notes how a chunk of a page ended. It is called from any goroutine and does not
// block.
func (e *endpoint) result(p *page, r ingest.Result) {
	e.mu.Lock()
	p.pending--
	p.failed = p.failed || r.Failed > 0
	e.settled.Broadcast()
	failed := e.onFailure
	if !p.failed {
		failed = nil
	}
	e.mu.Unlock()
	if failed != nil {
		failed()
	}
	e.wakeUp()
}

// wakeUp makes the committer look.
func (e *endpoint) wakeUp() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// committer stores positions, those of the streams as well. It is the body of a goroutine of run, which ends it by
// closing stop and waits for it.
func (e *endpoint) committer(stop <-chan struct{}) {
	for {
		select {
		case <-e.wake:
			e.commitAll()
		case <-stop:
			e.commitAll()
			return
		}
	}
}

// storeAgain is when a position that could not be stored is tried again, though nothing new has come.
const storeAgain = 5 * time.Second

// commitAll is commit for the endpoint and its streams.
func (e *endpoint) commitAll() {
	e.commit()
	for _, sub := range e.substreams() {
		sub.commit()
	}
}

// commit stores the position behind the pages that are safe, in their order.
func (e *endpoint) commit() {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for n < len(e.pages) && e.pages[n].safe() {
		n++
	}
	if n == 0 {
		return
	}
	after := e.pages[n-1].after
	if err := e.store.save(e.name, after); err != nil {
		e.log.Error("a position cannot be stored", "endpoint", e.name, "error", err)
		time.AfterFunc(storeAgain, e.wakeUp)
		return
	}
	e.pages = e.pages[n:]
	e.stats.Position, e.stats.Cursor = after.From, after.Cursor
	e.settled.Broadcast()
}

// watchdog ends an answer that stops coming.
type watchdog struct {
	r       io.ReadCloser
	timeout time.Duration
	timer   *time.Timer
	expired atomic.Bool
}

func (w *watchdog) start() {
	w.timer = time.AfterFunc(w.timeout, func() {
		w.expired.Store(true)
		w.r.Close()
	})
}

func (w *watchdog) stop() { w.timer.Stop() }

func (w *watchdog) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.timer.Reset(w.timeout)
	if w.expired.Load() {
		return 0, w.err()
	}
	return n, err
}

func (w *watchdog) err() error {
	if w.expired.Load() {
		return errcat.New(errcat.Timeout, errcat.StageCollect, "api: the answer has stopped coming")
	}
	return nil
}
