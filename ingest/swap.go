package ingest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/parse"
)

// Parts are the components of a pipeline that Swap exchanges while it runs. The fields
// are those of Config.
type Parts[T any] struct {
	Parser    parse.Parser[T]
	Stages    []Stage[T]
	Validator Validator[T]
	Encoder   Encoder[T]
	Router    Router[T]
	Outputs   []Output[T] // Config.Sink, where it is set, is the first
}

// set is one generation of parts. A worker reads the pointer to it once per batch, and
// the batch keeps to it until it has been handed to the outputs.
type set[T any] struct {
	Parts[T]
	outputs    []*output[T]
	readEvents bool // some sink does
	everything Routes
	generation uint64 // counts the sets

	// refs counts the batches that work with the set, and one for its being current.
	// Who brings it to zero closes the outputs that the next set does not have.
	refs   atomic.Int64
	once   sync.Once
	closes []*output[T] // set by Swap before it gives up its reference

	out      atomic.Uint64 // components out of service, see Quarantine
	services [maxServices]service
	wards    wards
	shutOut  atomic.Pointer[shutOut] // nil: nobody is
}

// acquire returns the current set with a reference.
func (p *Pipeline[T]) acquire() *set[T] {
	for {
		s := p.set.Load()
		s.refs.Add(1)
		if p.set.Load() == s {
			return s
		}
		s.release() // replaced meanwhile
	}
}

func (s *set[T]) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	s.once.Do(func() {
		for _, o := range s.closes {
			o.queue.close()
		}
	})
}

// runAhead is how many batches or chunks may wait for somebody who could take them before
// whoever makes them lets others run. On few processors a fast producer would else go
// through all buffers that there are, none of which is in cache any more when its turn comes
// again: of a hundred records of some KiB in each of them, that was two fifths of the time.
const runAhead = 2

// behind reports whether a sink has fallen behind.
func (s *set[T]) behind() bool {
	for _, o := range s.outputs {
		if o.queue.depth.Load() >= runAhead {
			return true
		}
	}
	return false
}

// newSet makes a set of checked parts. Outputs of the same name as in old are kept;
// those whose sink has changed come with their new writers, to be put in place when
// nothing can fail any more.
func (p *Pipeline[T]) newSet(parts Parts[T], old *set[T]) (*set[T], map[*output[T]]*writer[T], error) {
	s := &set[T]{Parts: parts}
	if old != nil {
		s.generation = old.generation + 1
	}
	s.refs.Store(1)
	changed := map[*output[T]]*writer[T]{}
	for i := range parts.Outputs {
		o := &parts.Outputs[i]
		reads := batch.ReadsEvents(o.Sink)
		s.readEvents = s.readEvents || reads
		if i < maxRoutes {
			s.everything |= 1 << i
		}
		var out *output[T]
		var before *Output[T]
		if old != nil {
			for j := range old.outputs {
				if old.Outputs[j].Name == o.Name {
					out, before = old.outputs[j], &old.Outputs[j]
				}
			}
		}
		if out == nil {
			patience := time.Duration(0)
			if o.BestEffort {
				patience = standstill
			}
			out = &output[T]{core: p.core, name: o.Name, required: !o.BestEffort, queue: newQueue[cargo[T]](p.weights(), o.QueueBatches, o.QueueBytes, patience), lost: p.lost}
		} else {
			if before.BestEffort != o.BestEffort {
				return nil, nil, fmt.Errorf("ingest: BestEffort of %s cannot be changed: give the output another name", o.Name)
			}
			if reads && !old.readEvents {
				return nil, nil, fmt.Errorf("ingest: %s cannot change to a sink that reads events, which the batches in its queue do not have: give the output another name", o.Name)
			}
		}
		s.outputs = append(s.outputs, out)
		if before != nil && same(before.Sink, o.Sink) && before.Timeout == o.Timeout && before.StopOnError == o.StopOnError && sameRetry(before.Retry, o.Retry) {
			continue
		}
		w, err := out.newWriter(o.Sink, o.Timeout, o.Retry)
		if err != nil {
			return nil, nil, err
		}
		if o.StopOnError {
			w.fatal = p.sinkFailed
		}
		changed[out] = w
	}
	return s, changed, nil
}

// same reports whether a and b are known to be the same sink. Functions never are.
func same[E any](a, b batch.Sink[E]) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	return va.Type() == vb.Type() && va.Comparable() && vb.Comparable() && va.Equal(vb)
}

func sameRetry(a, b batch.RetryOptions) bool {
	if a.Jitter != nil || b.Jitter != nil || a.OnRetry != nil || b.OnRetry != nil {
		return false
	}
	return reflect.DeepEqual(a, b)
}

// parser is the current one, for the trackers.
func (p *Pipeline[T]) parser() (any, uint64) {
	s := p.set.Load()
	return s.Parser, s.generation
}

// Parts returns the components at work, to be changed and given to Swap. The slices
// are copies.
func (p *Pipeline[T]) Parts() Parts[T] {
	parts := p.set.Load().Parts
	parts.Stages = append([]Stage[T](nil), parts.Stages...)
	parts.Outputs = append([]Output[T](nil), parts.Outputs...)
	return parts
}

// Swap exchanges the components of a pipeline, also while it runs: batches that a worker
// has begun finish with what they began with, all later ones use parts. Nothing is lost
// or stopped for it. With an error nothing has changed.
//
// Outputs are told apart by their names. One that parts does not have gets nothing
// more; what it has is still written, by the end of Run at the latest. One whose Sink is another one
// keeps its queue: the new sink goes on where the old one stood. A Write that is under
// way has until Config.SwapTimeout after its begin, and 50 ms at least, to end; then its context ends, and what the old sink did
// not take for good is written by the new one. A sink is not closed: the host does
// that, when it has not seen a call for as long. A sink made of a function cannot be
// compared and counts as another one, which costs nothing.
//
// Swap may be called from any goroutine and before Run; two at once take turns. Batches
// and chunks are added where more outputs need them, and never taken away.
func (p *Pipeline[T]) Swap(parts Parts[T]) error {
	p.swapping.Lock()
	defer p.swapping.Unlock()
	if p.final {
		return ErrClosed
	}
	cfg := p.cfg
	cfg.Parser, cfg.Validator, cfg.Encoder, cfg.Router, cfg.Sink = parts.Parser, parts.Validator, parts.Encoder, parts.Router, nil
	cfg.Stages = append([]Stage[T](nil), parts.Stages...)
	cfg.Outputs = append([]Output[T](nil), parts.Outputs...)
	if err := cfg.prepareParts(); err != nil {
		return err
	}
	old := p.set.Load()
	next, changed, err := p.newSet(cfg.parts(), old)
	if err != nil {
		return err
	}
	kept := map[*output[T]]bool{}
	for i, o := range next.outputs {
		kept[o] = true
		o.drop.Store(next.Outputs[i].Drop)
		o.queue.resize(next.Outputs[i].QueueBatches, next.Outputs[i].QueueBytes)
		switch w := changed[o]; {
		case o.writer == nil:
			o.writer = w
			p.startOutput(o)
		case w != nil:
			o.replace(w, cfg.SwapTimeout)
		}
	}
	for _, o := range old.outputs {
		if !kept[o] {
			old.closes = append(old.closes, o)
			p.retired = append(p.retired, o)
		}
	}
	p.grow(&cfg)
	p.set.Store(next)
	old.release()
	p.forget()
	return nil
}

// forget lets go of the outputs that were taken out and have nothing left to do. The
// caller holds p.swapping.
func (p *Pipeline[T]) forget() {
	left := p.retired[:0]
	for _, o := range p.retired {
		if o.finished.Load() {
			if len(p.outErrs) < maxRetiredErrors {
				p.outErrs = append(p.outErrs, o.firstErrors()...)
			}
		} else {
			left = append(left, o)
		}
	}
	clear(p.retired[len(left):])
	p.retired = left
}

// maxRetiredErrors bounds the errors that are kept of outputs that are gone.
const maxRetiredErrors = 64

// outputErrors are what Run reports of all outputs there have been.
func (p *Pipeline[T]) outputErrors() []error {
	outputs := p.allOutputs()
	p.swapping.Lock()
	errs := append([]error(nil), p.outErrs...)
	p.swapping.Unlock()
	for _, o := range outputs {
		errs = append(errs, o.firstErrors()...)
	}
	if p.dead != nil {
		errs = append(errs, p.dead.firstErrors()...)
	}
	return errs
}

// startOutput starts the goroutine of o, if the pipeline runs. The caller holds
// p.swapping.
func (p *Pipeline[T]) startOutput(o *output[T]) {
	if p.sinkCtx == nil {
		return
	}
	ctx, sinks := p.sinkCtx, &p.sinks
	if !o.required {
		ctx, sinks = p.besideCtx, &p.beside
	}
	o.begin(ctx)
	sinks.start(&p.running, "sink "+o.name, func() {
		o.run()
		o.finished.Store(true)
	})
}

// grow adds the batches and chunks that more outputs need to stop nobody.
func (p *Pipeline[T]) grow(cfg *Config[T]) {
	slots := cfg.slotCount()
	for _, o := range p.retired {
		slots += o.queue.room() + 1
	}
	if more := slots - p.slotN; more > 0 {
		p.slotN += more
		p.addSlots(more)
		if p.ownChunks {
			p.core.addChunks(more * len(p.core.classes))
		}
	}
}

// endOutputs closes the queues of all outputs: nothing is offered to them any more.
func (p *Pipeline[T]) endOutputs() {
	p.swapping.Lock()
	defer p.swapping.Unlock()
	p.final = true
	for _, o := range p.set.Load().outputs {
		o.queue.close()
	}
	for _, o := range p.retired {
		o.queue.close()
	}
}

// allOutputs are those of the current set and those that Swap took out and that are not
// done yet.
func (p *Pipeline[T]) allOutputs() []*output[T] {
	p.swapping.Lock()
	defer p.swapping.Unlock()
	p.forget()
	return append(append([]*output[T](nil), p.set.Load().outputs...), p.retired...)
}

// swapState is the part of a Pipeline that Swap changes.
type swapState[T any] struct {
	set       atomic.Pointer[set[T]]
	swapping  sync.Mutex      // guards what follows
	final     bool            // outputs take nothing more
	retired   []*output[T]    // taken out and perhaps not done yet
	outErrs   []error         // of those that are done
	sinkCtx   context.Context // of all required sinks, while Run lasts
	besideCtx context.Context // of all best-effort sinks
	sinks     group           // the required ones
	beside    group           // the best-effort ones
	slotN     int
}

const defaultSwapTimeout = time.Second
