package ingest

import "time"

// Observer is told what a pipeline does, batch by batch. It is for what counters cannot
// say, such as traces; Stats has the counters, and the histograms too. Its methods are
// called from many goroutines at once, must not block, and must not keep what they are
// given. A panic in them is contained.
type Observer interface {
	// Batch is called when a worker has made a batch of a chunk.
	Batch(*BatchReport)
	// Write is called when a sink has answered for a batch.
	Write(*WriteReport)
	// Notice is called for each Notice.
	Notice(*Notice)
}

// BatchReport is about one batch that a worker has made.
type BatchReport struct {
	Source   string
	Class    string        // empty without Priorities
	Messages int           // in the chunk
	Rows     int           // in the batch
	Bytes    int           // of the chunk
	Waited   time.Duration // from Emit.Send to the worker
	Worked   time.Duration // parse to encode
}

// WriteReport is about one batch that a sink has answered for.
type WriteReport struct {
	Sink   string
	Rows   int
	Bytes  int           // of lines
	Took   time.Duration // retries included
	Err    error
	Queued int // batches that wait for the sink
}

// observe calls the observer.
func (c *core) observe(call func(Observer)) {
	defer func() {
		if v := recover(); v != nil {
			c.panicked("observer", v)
		}
	}()
	call(c.observer)
}

// Latencies are the histograms of one pipeline. All begin with the start of Run.
type Latencies struct {
	// Wait is the time of chunks from Emit.Send to a worker.
	Wait Histogram
	// Work is the time that a worker takes for a chunk.
	Work Histogram
	// Parse, Enrich, Validate and Encode are the times of one message in each chunk:
	// the parser, and the stages, the validator and the encoder for its first event, where
	// there are any.
	Parse, Enrich, Validate, Encode Histogram
	// Total is the time of chunks from Emit.Send to the acknowledgement.
	Total Histogram
}

// latencies is a Latencies that is being filled.
type latencies struct {
	wait, work                      histogram
	parse, enrich, validate, encode histogram
	total                           histogram
}

func (l *latencies) snapshot() Latencies {
	return Latencies{
		Wait: l.wait.snapshot(), Work: l.work.snapshot(), Parse: l.parse.snapshot(), Enrich: l.enrich.snapshot(),
		Validate: l.validate.snapshot(), Encode: l.encode.snapshot(), Total: l.total.snapshot(),
	}
}

// sampler times the components for one message in each batch. Off it does nothing.
type sampler struct {
	on    bool
	begun time.Time
}

func (s *sampler) start(c *core) {
	if s.on {
		s.begun = c.mono()
	}
}

func (s *sampler) stop(c *core, h *histogram) {
	if s.on {
		h.add(c.mono().Sub(s.begun))
	}
}

// report enters the times of a batch.
func (w *worker[T]) report(c *Chunk, begun time.Time) {
	core := w.p.core
	now := core.mono()
	core.times.wait.add(begun.Sub(c.sent))
	w.slot.worked = now.Sub(begun)
	core.times.work.add(w.slot.worked)
	if core.observer == nil {
		return
	}
	r := BatchReport{
		Source: w.src.name, Messages: len(c.Msgs), Rows: w.slot.batch.Len(), Bytes: len(c.Buf),
		Waited: begun.Sub(c.sent), Worked: w.slot.worked,
	}
	if core.ladder != nil {
		r.Class = core.ladder.classes[c.class].Name
	}
	core.observe(func(o Observer) { o.Batch(&r) })
}
