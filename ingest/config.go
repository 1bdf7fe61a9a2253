package ingest

import (
	"log/slog"
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
	// here does not count for its source or the ledger, only in SinkStats. It holds nobody
	// up: once its queue is full and has stood still for a second, what comes is dropped there
	// and counted; with Priorities, whenever it is full. A sink that is slow and gets on holds
	// the pipeline back like a required one, unless Drop is set.
	BestEffort bool
	// Drop makes a full queue refuse batches instead of holding the pipeline back:
	// the rows are counted as dropped, and as shed where the sink is required.
	Drop bool
	// QueueBatches and QueueBytes bound the queue, with Priorities that of each class.
	// A batch counts with its lines and its raw messages. Defaults: 4, and 16 MiB.
	QueueBatches int
	QueueBytes   int64
	// Timeout bounds each Write: then its context ends, and the batch is tried again.
	// Default: none, which suits sinks that have their own. A sink that is a
	// batch.Async is not bounded.
	Timeout time.Duration
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
// Validator, Encoder or Router that has a method Worker without parameters whose one result
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
	// Router says which outputs get an event. Default: all of them.
	Router Router[T]
	// Sink is the short form of Outputs with one required sink and no options.
	Sink    batch.Sink[T]
	Outputs []Output[T] // at most 64, with different names

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

	// Workers is the largest number of goroutines that parse. Default: GOMAXPROCS. 1 to
	// 1024. MinWorkers is the smallest: between the two their number follows the load,
	// up at once when a chunk waits, down by one when one had nothing to do for 2 s.
	// Default: Workers.
	Workers, MinWorkers int
	// Priorities, if set, divide messages into classes. Not together with Ordered.
	Priorities *Priorities[T]
	// Ordered keeps one order over all sources, that of Emit.Send. Without it only the
	// order within each source is kept. Either way the output bytes of one source do
	// not depend on the number of workers.
	Ordered bool

	// ChunkSize is the room for raw bytes in a chunk. Default: 64 KiB, and 128 KiB with
	// Priorities, where a batch has the messages of one class only. 1 KiB to 16 MiB.
	ChunkSize int
	// ChunkMessages is how many messages a chunk has at most. Default: 4096, and 96 where
	// a sink reads events, since those of a whole batch should stay in cache. 1 to
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

	// ParseTimeout is how long parser, stages, validator and encoder may take together
	// for one message. A worker that takes longer is replaced, within an eighth of the
	// time: the message is a dead letter of category TIMEOUT with the component that
	// hangs, the rest of the chunk is done by another worker. What hangs cannot be
	// stopped: its goroutine is left behind with the memory of its chunk and batch, see
	// Stats.LeftBehind. Of those there are at most 64; then no more are replaced. Default:
	// 5 s. Negative: no limit.
	ParseTimeout time.Duration
	// Quarantine says when a component that fails again and again is taken out. Default:
	// for a sender whose messages make it fail.
	Quarantine Quarantine
	// SwapTimeout is how long a sink that Swap replaces may take for what it is
	// writing, from the begin of that Write; but it gets 50 ms from the Swap in any
	// case. Default: 1 s.
	SwapTimeout time.Duration

	// ShutdownTimeout is how long, after Run's context has ended, what was read may
	// take to be delivered, and what best-effort sinks get when the sources have ended and
	// the required sinks have everything. Default: 10 s. Negative: no time at all.
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
	// TimeOf returns the time of an event by its device's clock, if it has one, to be
	// compared with that of its reception, see Watch. It is called from all workers for
	// a few events of each batch. Default: @timestamp of a parse.Record.
	TimeOf func(event *T) (time.Time, bool)
	// Watch says which silence and which clocks are worth a Notice.
	Watch Watch
	// Notify, if set, is called for each Notice, from any goroutine; it must not block.
	// Notices are logged and counted in any case.
	Notify func(*Notice)
	// NoticeEvent, if set, makes an event of each Notice, which goes through stages,
	// validator, encoder and router like any other: so that what was shed, or who is silent,
	// is seen where the events are. It is counted for the source NoticeSource, as a
	// message of the first class whose bytes are Notice.AppendJSON.
	NoticeEvent func(n *Notice, event *T) error
	// Observer, if set, is told of each batch.
	Observer Observer
	// Logger gets notices, contained panics and sink errors: each kind at once, and its
	// repeats as one line with a count after 10 seconds; at most 50 lines in 10
	// seconds. Default: none.
	Logger *slog.Logger
}

// shutdownGrace is how long components that were told to stop may take to return
// after the shutdown time, before they are left behind: a process has ended a second after it.
const shutdownGrace = 800 * time.Millisecond

const maxLimit = 1 << 30
