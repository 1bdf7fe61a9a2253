package ingest

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/parse"
)

// prepare checks the configuration and fills in defaults.
func (c *Config[T]) prepare() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("ingest: "+format, args...)) }
	number := func(name string, v *int, def, low, high int) {
		switch {
		case *v == 0:
			*v = def
		case *v < low || *v > high:
			bad("%s is %d, want %d to %d, or 0 for the default of %d", name, *v, low, high, def)
		}
	}
	number("Workers", &c.Workers, min(runtime.GOMAXPROCS(0), 1024), 1, 1024)
	number("MaxMessage", &c.MaxMessage, 1<<20, 1, maxLimit)
	number("KeepOversize", &c.KeepOversize, min(4<<10, max(c.MaxMessage, 1)), 1, max(c.MaxMessage, 1))
	number("MaxEvents", &c.MaxEvents, 100_000, 1, maxLimit)
	number("MaxBatchBytes", &c.MaxBatchBytes, max(64<<20, c.MaxMessage), 1<<10, maxLimit)
	switch {
	case c.ShutdownTimeout == 0:
		c.ShutdownTimeout = 10 * time.Second
	case c.ShutdownTimeout < 0:
		c.ShutdownTimeout = 0
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Sources) == 0 {
		bad("Config has no Sources")
	}
	for i, s := range c.Sources {
		if s == nil {
			bad("Sources[%d] is nil", i)
		}
	}
	if c.Sink != nil {
		c.Outputs = append([]Output[T]{{Sink: c.Sink}}, c.Outputs...)
		c.Sink = nil
	}
	if c.DeadLetters != nil && c.InlineDeadLetters != nil {
		bad("both DeadLetters and InlineDeadLetters are set, choose one")
	}
	number("MinWorkers", &c.MinWorkers, c.Workers, 1, c.Workers)
	switch {
	case c.ParseTimeout == 0:
		c.ParseTimeout = 5 * time.Second
	case c.ParseTimeout < 0:
		c.ParseTimeout = 0
	}
	switch {
	case c.SwapTimeout == 0:
		c.SwapTimeout = defaultSwapTimeout
	case c.SwapTimeout < 0:
		bad("SwapTimeout is %s", c.SwapTimeout)
	}
	if c.Priorities != nil {
		pr := *c.Priorities
		c.Priorities = &pr
		errs = append(errs, pr.prepare())
		if c.Ordered {
			bad("Ordered and Priorities exclude each other")
		}
	}
	errs = append(errs, c.Quarantine.prepare(), c.Watch.prepare(), c.prepareParts())
	messages := parse.DefaultKeptEvents
	for i := range c.Outputs {
		if c.Outputs[i].Sink != nil && batch.ReadsEvents(c.Outputs[i].Sink) {
			messages = eventMessages
		}
	}
	number("ChunkMessages", &c.ChunkMessages, messages, 1, 1<<20)
	size := 64 << 10
	if c.Priorities != nil {
		size = 128 << 10
	}
	number("ChunkSize", &c.ChunkSize, size, 1<<10, 16<<20)
	if least := c.leastChunks(); c.Chunks == 0 {
		c.Chunks = least
	} else if c.Chunks < 2 || c.Chunks > 1<<20 {
		bad("Chunks is %d, want 2 to %d", c.Chunks, 1<<20)
	}
	if c.TimeOf == nil {
		c.TimeOf = timeOf[T]()
	}
	if c.PackOf == nil {
		c.PackOf = packOf[T]()
	}
	return errors.Join(errs...)
}

// eventMessages is the default of ChunkMessages where a sink reads events: they take some
// KiB each, and those of a whole batch should stay in cache.
const eventMessages = 96

// slotCount is how many batches there are, with Priorities of each class: one for each
// worker, and for each sink a queue full and the one it writes.
func (c *Config[T]) slotCount() int {
	n := c.Workers + 1
	for i := range c.Outputs {
		n += c.Outputs[i].QueueBatches + 1
	}
	return n
}

// leastChunks is one chunk for each batch, one waiting for each worker, two for each
// source, and those that may be held back.
func (c *Config[T]) leastChunks() int {
	classes := 1
	if c.Priorities != nil {
		classes = len(c.Priorities.Classes)
	}
	return classes*c.slotCount() + c.Workers + 2*len(c.Sources) + holdChunks
}

// packOf is the default of Config.PackOf for T, or nil.
func packOf[T any]() func(*T) (string, string) {
	switch any((*T)(nil)).(type) {
	case *parse.Record:
		return func(e *T) (string, string) {
			r := any(e).(*parse.Record)
			return r.Pack, r.PackVersion
		}
	case interface{ PackName() string }:
		return func(e *T) (string, string) { return any(e).(interface{ PackName() string }).PackName(), "" }
	}
	return nil
}

// forWorker returns what one worker should use of a component: the result of its
// method Worker, if it has one that fits. The method's result may be of the
// component's own type, since a package below this one cannot name the interface.
func forWorker[I any](shared I) I {
	m := reflect.ValueOf(shared).MethodByName("Worker")
	if !m.IsValid() {
		return shared
	}
	t := m.Type()
	if t.NumIn() != 0 || t.NumOut() != 1 || !t.Out(0).Implements(reflect.TypeFor[I]()) {
		return shared
	}
	own, ok := m.Call(nil)[0].Interface().(I)
	if !ok { // a nil interface
		return shared
	}
	return own
}

// parts are the components that Swap may exchange.
func (c *Config[T]) parts() Parts[T] {
	return Parts[T]{Parser: c.Parser, Stages: c.Stages, Validator: c.Validator, Encoder: c.Encoder, Router: c.Router, Outputs: c.Outputs}
}

// prepareParts is prepare for what Swap may exchange.
func (c *Config[T]) prepareParts() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("ingest: "+format, args...)) }
	if c.Parser == nil {
		bad("Config has no Parser")
	}
	for i, s := range c.Stages {
		if s == nil {
			bad("Stages[%d] is nil", i)
		}
	}
	required := false
	names := map[string]bool{}
	for i := range c.Outputs {
		o := &c.Outputs[i]
		if o.Name == "" {
			o.Name = "sink" + strconv.Itoa(i)
		}
		if names[o.Name] {
			bad("two outputs have the name %s", o.Name)
		}
		names[o.Name] = true
		if o.Sink == nil {
			bad("the output %s has no Sink", o.Name)
			continue
		}
		required = required || !o.BestEffort
		switch {
		case o.QueueBatches == 0:
			o.QueueBatches = 4
		case o.QueueBatches < 0 || o.QueueBatches > 1<<16:
			bad("QueueBatches of %s is %d, want 1 to %d, or 0 for the default of 4", o.Name, o.QueueBatches, 1<<16)
		}
		if o.QueueBytes == 0 {
			o.QueueBytes = 16 << 20
		}
		if o.QueueBytes < 0 {
			bad("QueueBytes of %s is %d", o.Name, o.QueueBytes)
		}
		if o.Timeout < 0 {
			bad("Timeout of %s is %s", o.Name, o.Timeout)
		}
		reads := batch.ReadsEvents(o.Sink)
		if !reads && c.Encoder == nil {
			bad("the sink %s reads lines, but Config has no Encoder", o.Name)
		}
		if reads && c.InlineDeadLetters != nil {
			bad("the sink %s reads events, which the lines of InlineDeadLetters do not have", o.Name)
		}
	}
	switch n := len(c.Outputs); {
	case n == 0:
		bad("Config has no Sink")
	case n > maxRoutes:
		bad("%d outputs, want at most %d", n, maxRoutes)
	case !required:
		bad("all sinks are BestEffort: one must be required, or nothing says when a message is done")
	}
	return errors.Join(errs...)
}

// MemoryBound is about what the pipeline's buffers take at most, in bytes, with these
// options: raw messages, encoded lines and dead letters, by the formula of the package
// comment. Not in it are events where a sink reads them, whose size the pipeline does not know, single
// batches that are larger than ChunkSize × 16, and what parsers, sinks and sources hold
// themselves. It is 0 for a Config that New refuses.
func (c Config[T]) MemoryBound() int64 {
	c.Outputs = append([]Output[T](nil), c.Outputs...)
	if c.prepare() != nil {
		return 0
	}
	classes := 1
	if c.Priorities != nil {
		classes = len(c.Priorities.Classes)
	}
	batches := int64(classes * c.slotCount())
	size := int64(c.ChunkSize)
	shares := int64(1)
	if c.Router != nil {
		shares += int64(len(c.Outputs))
	}
	bound := int64(c.Chunks)*size*keptGrowth + batches*size*keptLineFactor*shares
	if c.DeadLetters != nil {
		bound += (deadQueueBatches + 2) * (size*keptGrowth + int64(c.ChunkMessages)*deadLetterSize)
	}
	return bound
}
