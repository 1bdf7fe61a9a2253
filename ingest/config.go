package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strconv"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/parse"
)

// Stage stands between parser and validator: normalizers, enrichers, filters.
//
// Process may change event, whose text must live as long as the batch (see
// parse.Record.Text). keep false takes the event out (it counts as filtered), an error
// makes it a dead letter. A Stage is safe for concurrent use unless it is made per
// worker, see Config.
type Stage[T any] interface {
	Process(m *parse.Message, event *T) (keep bool, err error)
}

// StageFunc is a Stage made of a function that is safe for concurrent use.
type StageFunc[T any] func(m *parse.Message, event *T) (keep bool, err error)

// Process calls f.
func (f StageFunc[T]) Process(m *parse.Message, event *T) (bool, error) { return f(m, event) }

// Validator checks a finished event. An error makes it a dead letter.
type Validator[T any] interface {
	Validate(event *T) error
}

// Encoder writes an event as one line: it appends to dst and returns the result. The
// line feed is added where it is missing. An error makes the event a dead letter.
type Encoder[T any] interface {
	Append(dst []byte, event *T) ([]byte, error)
}

// Output is a sink with its queue.
type Output[T any] struct {
	Sink batch.Sink[T]
	// Name appears in Stats and logs. Default: "sink" and its number.
	Name string
	// BestEffort takes the sink out of the acknowledgement: what happens to an event
	// here does not count for its source or the ledger, only in SinkStats.
	BestEffort bool
	// Drop makes a full queue refuse batches instead of holding the pipeline back:
	// the rows are counted as dropped, and as shed where the sink is required.
	Drop bool
	// QueueBatches and QueueBytes bound the queue. A batch counts with its lines and
	// its raw messages. Defaults: 4, and 16 MiB.
	QueueBatches int
	QueueBytes   int64
	// Retry says how the sink is tried again. The zero value: without end where
	// errcat.Retryable allows it. A sink that is a batch.Async is not retried here.
	Retry batch.RetryOptions
	// StopOnError ends the pipeline (no more input, what was read is delivered to the
	// other sinks) at the first error of this sink that retrying did not cure and that
	// is not about single rows (*batch.Partial).
	StopOnError bool
}

// Config describes a pipeline. Sources, Parser and one sink are needed; everything
// else has a default, which zero stands for.
//
// A Parser that is a parse.PerWorker is made once per worker. So is any Stage,
// Validator or Encoder that has a method Worker without parameters whose one result
// can take its place: it may return its own concrete type. All others are shared by
// the workers and must be safe for concurrent use. After a panic a worker makes new
// instances.
type Config[T any] struct {
	Sources   []Source
	Parser    parse.Parser[T]
	Stages    []Stage[T]
	Validator Validator[T]
	// Encoder makes the lines of the batches. Without one, sinks get events only.
	Encoder Encoder[T]
	// Sink is the short form of Outputs with one required sink and no options.
	Sink    batch.Sink[T]
	Outputs []Output[T]

	// DeadLetters takes what could not be parsed or was not taken by a sink. Without
	// it, and without InlineDeadLetters, that is counted and dropped, and what a sink
	// did not take has failed. A sink that reads lines only gets DeadLetter.AppendJSON.
	// It is required: a slow one holds the pipeline back, and what it does not take
	// has failed.
	DeadLetters batch.Sink[DeadLetter]
	// InlineDeadLetters appends a dead letter as a line to the events' lines, at its
	// place in the order. It is called from all workers. It needs sinks that read
	// lines only. What it refers to is valid during the call.
	InlineDeadLetters func(dst []byte, d *DeadLetter) []byte
	// FirstEventOnly writes only the first row of each message, event or dead letter;
	// what follows counts as filtered. Together with InlineDeadLetters a message
	// without events is answered by a dead letter, so that lines and messages pair up
	// (unless stages filter).
	FirstEventOnly bool

	// Workers is the number of goroutines that parse. Default: GOMAXPROCS. 1 to 1024.
	Workers int
	// Ordered keeps one order over all sources, that of Emit.Send. Without it only the
	// order within each source is kept. Either way the output bytes of one source do
	// not depend on the number of workers.
	Ordered bool

	// ChunkSize is the room for raw bytes in a chunk. Default: 64 KiB, and 16 KiB where
	// a sink reads events, since those of a whole batch should stay in cache. 1 KiB to
	// 16 MiB.
	ChunkSize int
	// ChunkMessages is how many messages a chunk has at most. Default: 4096. 1 to
	// 1,048,576.
	ChunkMessages int
	// Chunks is how many chunks there are, which bounds what is held in memory. The
	// default is enough to keep all workers busy and all queues full. At least the
	// default is needed to let a full queue stop nobody else.
	Chunks int
	// MaxMessage is the longest message in bytes; a longer one is a dead letter of
	// category OVERSIZE. Default: 1 MiB. 1 byte to 1 GiB.
	MaxMessage int
	// KeepOversize is how many bytes of such a message are kept. Default: 4 KiB, and
	// never more than MaxMessage.
	KeepOversize int
	// MaxEvents bounds the events and rejects of one message, beyond which the message
	// is a dead letter of category OVERSIZE. Default: 100,000.
	MaxEvents int
	// MaxBatchBytes bounds the lines of one chunk's events; events beyond it are dead
	// letters of category OVERSIZE. Default: 64 MiB and never less than MaxMessage.
	// At most 1 GiB.
	MaxBatchBytes int

	// ShutdownTimeout is how long, after Run's context has ended, what was read may
	// take to be delivered. Default: 10 s. Negative: no time at all.
	ShutdownTimeout time.Duration

	// PackOf names the pack or parser that made an event, and its version, for the
	// ledger and for dead letters. Default: those of a parse.Record, or the method
	// PackName() string of the event type.
	PackOf func(event *T) (name, version string)
	// Stamp, if set, is called for each parsed event before the stages, to enter what
	// only the pipeline knows. split is the number of the event within its message,
	// from 0. It is called from all workers.
	Stamp func(m *parse.Message, split int, event *T)
	// Now is the wall clock for Message.Received. Default: time.Now. Timeouts and
	// pauses run on the monotonic clock.
	Now func() time.Time
	// Logger gets contained panics and sink errors, at most 10 lines in 10 seconds.
	// Default: none.
	Logger *slog.Logger
}

// shutdownGrace is how long components that were told to stop may take to return
// after the shutdown time, before they are left behind.
const shutdownGrace = time.Second

const maxLimit = 1 << 30

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
	number("ChunkMessages", &c.ChunkMessages, parse.DefaultKeptEvents, 1, 1<<20)
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
	if c.Parser == nil {
		bad("Config has no Parser")
	}
	for i, s := range c.Stages {
		if s == nil {
			bad("Stages[%d] is nil", i)
		}
	}
	if c.DeadLetters != nil && c.InlineDeadLetters != nil {
		bad("both DeadLetters and InlineDeadLetters are set, choose one")
	}
	if c.Sink != nil {
		c.Outputs = append([]Output[T]{{Sink: c.Sink}}, c.Outputs...)
	}
	required, readsEvents := false, false
	for i := range c.Outputs {
		o := &c.Outputs[i]
		if o.Name == "" {
			o.Name = "sink" + strconv.Itoa(i)
		}
		if o.Sink == nil {
			bad("the output %s has no Sink", o.Name)
			continue
		}
		required = required || !o.BestEffort
		number("QueueBatches of "+o.Name, &o.QueueBatches, 4, 1, 1<<16)
		if o.QueueBytes == 0 {
			o.QueueBytes = 16 << 20
		}
		if o.QueueBytes < 0 {
			bad("QueueBytes of %s is %d", o.Name, o.QueueBytes)
		}
		reads := batch.ReadsEvents(o.Sink)
		readsEvents = readsEvents || reads
		if !reads && c.Encoder == nil {
			bad("the sink %s reads lines, but Config has no Encoder", o.Name)
		}
		if reads && c.InlineDeadLetters != nil {
			bad("the sink %s reads events, which the lines of InlineDeadLetters do not have", o.Name)
		}
	}
	chunk := 64 << 10
	if readsEvents {
		chunk = 16 << 10
	}
	number("ChunkSize", &c.ChunkSize, chunk, 1<<10, 16<<20)
	if len(c.Outputs) == 0 {
		bad("Config has no Sink")
	} else if !required {
		bad("all sinks are BestEffort: one must be required, or nothing says when a message is done")
	}
	if least := c.leastChunks(); c.Chunks == 0 {
		c.Chunks = least
	} else if c.Chunks < 2 || c.Chunks > 1<<20 {
		bad("Chunks is %d, want 2 to %d", c.Chunks, 1<<20)
	}
	if c.PackOf == nil {
		c.PackOf = packOf[T]()
	}
	return errors.Join(errs...)
}

// slotCount is how many batches there are: one for each worker, and for each sink a
// queue full and the one it writes.
func (c *Config[T]) slotCount() int {
	n := c.Workers + 1
	for i := range c.Outputs {
		n += c.Outputs[i].QueueBatches + 1
	}
	return n
}

// leastChunks is one chunk for each batch, one waiting for each worker, and two for
// each source.
func (c *Config[T]) leastChunks() int { return c.slotCount() + c.Workers + 2*len(c.Sources) }

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
