package ingest

import (
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// DeadLetter is a message, or one item of a message, that could not be made into a
// delivered event. It is what it takes to find out why, and to parse it again.
//
// A dead letter that is handed to a sink or to a function, and all that it refers to
// but Err and Origin, is valid until that call returns.
type DeadLetter struct {
	// Raw is the message, or the item that was rejected. If it was longer than
	// Config.MaxMessage, its first Config.KeepOversize bytes.
	Raw []byte
	// Length is the number of bytes that Raw had, or, where not all of them were kept,
	// that the message had with its framing.
	Length int64
	// Category is the category of Err.
	Category errcat.Category
	// Err is what went wrong.
	Err error
	// Stage is where.
	Stage errcat.Stage
	// Parser and ParserVersion name the parser or pack, as far as known.
	Parser, ParserVersion string
	// Component is what panicked ("parser", "stage 2", "validator", "encoder",
	// "sink NAME"), or the sink that did not take the event; else empty.
	Component string
	// Source is Origin.Source, or the name of the source.
	Source string
	// Offset is the position of the message in its source.
	Offset int64
	// Origin is the sender as seen on the wire, or nil.
	Origin *parse.Origin
	// Received is when the source got the message.
	Received time.Time
	// Partial is the event as far as it had come, encoded as a line without line feed;
	// empty where there was none, or no encoder.
	Partial []byte
}

// deadBatch carries the dead letters of one chunk, or of one batch that a sink did not
// take. It owns copies of what they refer to, so that it holds no chunk. There is a
// fixed number of them; whoever waits for one waits for the sink of dead letters and
// for nothing else.
type deadBatch struct {
	pool    *pool[*deadBatch] // where it goes when it is released
	letters []DeadLetter
	items   []int32
	text    arena.Bytes
	batch   batch.Batch[DeadLetter]
	ack     *ack
	held    int
}

// add copies d.
func (b *deadBatch) add(d *DeadLetter, item int32) {
	b.letters = append(b.letters, *d)
	c := &b.letters[len(b.letters)-1]
	c.Raw = b.text.Copy(d.Raw)
	if len(d.Partial) > 0 {
		c.Partial = b.text.Copy(d.Partial)
	}
	c.Parser = string(b.text.CopyString(d.Parser))
	b.items = append(b.items, item)
}

func (b *deadBatch) rows() *batch.Batch[DeadLetter] { return &b.batch }
func (b *deadBatch) itemOf(row int) int32           { return b.items[row] }
func (b *deadBatch) answerTo() *ack                 { return b.ack }
func (b *deadBatch) size() int                      { return b.held }
func (b *deadBatch) work() time.Duration            { return 0 }
func (b *deadBatch) release()                       { b.reset(); b.pool.put(b) }

// seal makes the batch ready for the sink.
func (b *deadBatch) seal(a *ack, lines bool) {
	b.ack = a
	b.batch.Events = b.batch.Events[:0]
	for i := range b.letters {
		b.batch.Events = append(b.batch.Events, &b.letters[i])
		if lines {
			b.batch.Lines = append(b.letters[i].AppendJSON(b.batch.Lines), '\n')
			b.batch.Ends = append(b.batch.Ends, int32(len(b.batch.Lines)))
		}
	}
	b.held = b.text.Len() + len(b.batch.Lines) + len(b.letters)*deadLetterSize
}

// deadLetterSize is about what a DeadLetter takes besides its text.
const deadLetterSize = 256

// keptLetters and keptLines bound what a released deadBatch keeps.
const (
	keptLetters = 4096
	keptLines   = 1 << 20
)

func (b *deadBatch) reset() {
	clear(b.letters)
	clear(b.batch.Events)
	b.letters, b.items, b.batch.Events = b.letters[:0], b.items[:0], b.batch.Events[:0]
	poison(b.batch.Lines)
	b.batch.Lines, b.batch.Ends = b.batch.Lines[:0], b.batch.Ends[:0]
	if cap(b.letters) > keptLetters {
		b.letters, b.items, b.batch.Events, b.batch.Ends = nil, nil, nil, nil
	}
	if cap(b.batch.Lines) > keptLines {
		b.batch.Lines = nil
	}
	b.text.Reset()
	b.ack, b.held = nil, 0
}

// categoryOf is errcat.Of for err, INTERNAL for an error whose methods panic.
func categoryOf(err error) (c errcat.Category) {
	if e, ok := err.(*errcat.Error); ok && e != nil && e.Category.Valid() {
		return e.Category // no chain to walk: hostile input makes this path hot
	}
	defer func() {
		if recover() != nil {
			c = errcat.Internal
		}
	}()
	return errcat.Of(err)
}
