package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// TapOptions say what Tap shows. The zero value works.
type TapOptions struct {
	// Source and Pack, if set, keep only what comes from this source (as in Stats, or
	// as in Origin.Source) and what was made by this pack or parser.
	Source, Pack string
	// Rate is how many a second are shown at most. Default: 10. At most 10,000.
	Rate int
	// Redact replaces what must not be shown in a text; it may change and return it.
	// Default: Redactor.
	Redact func(text []byte) []byte
	// Explain, if set, says of a message where its fields come from, for example by
	// parsing it again with parse/pack.Explain. It is called in the goroutine of Tap,
	// for what is shown only; the message is a copy.
	Explain func(m *parse.Message) []byte
}

// Tapped is one event or dead letter that Tap shows. It is valid until the call returns.
type Tapped struct {
	Source, Pack string
	Origin       *parse.Origin
	Offset       int64
	Received     time.Time
	Raw          []byte // the message, redacted
	Event        []byte // the encoded line without line feed, redacted; nil without an encoder
	Explain      []byte // redacted
	// Error is why it is a dead letter, redacted; empty for an event.
	Error    string
	Category errcat.Category
	// Missed is how many others, that Source and Pack would have kept, were not shown
	// since the last one, for lack of Rate.
	Missed int64
}

// tap is one Tap that is open.
type tap struct {
	TapOptions
	out    chan Tapped
	missed atomic.Int64

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// allow reports whether one more may be shown.
func (t *tap) allow() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.tokens = min(t.tokens+now.Sub(t.filled).Seconds()*float64(t.Rate), max(1, float64(t.Rate)/10))
	t.filled = now
	if t.tokens < 1 {
		return false
	}
	t.tokens--
	return true
}

// maxTaps bounds the Taps that are open at a time.
const maxTaps = 16

// tapBuffer bounds what waits to be shown.
const tapBuffer = 64

// tapText bounds the bytes that are kept of a text.
const tapText = 64 << 10

// ErrTooManyTaps is the answer to one Tap too many.
var ErrTooManyTaps = errors.New("ingest: too many taps are open")

// Tap calls show with live messages and what became of them, as many as Rate allows,
// until ctx ends, show returns an error, or Run has returned. It returns the error of
// show or nil. It slows nobody down: what show does not take in time is missed. What it
// shows are copies, with secrets redacted. Without an open Tap it costs nothing.
func (p *Pipeline[T]) Tap(ctx context.Context, o TapOptions, show func(*Tapped) error) error {
	if o.Rate == 0 {
		o.Rate = 10
	}
	if o.Rate < 0 || o.Rate > 10_000 {
		return fmt.Errorf("ingest: TapOptions: Rate is %d, want 1 to 10,000, or 0 for the default of 10", o.Rate)
	}
	if o.Redact == nil {
		o.Redact = Redactor()
	}
	t := &tap{TapOptions: o, out: make(chan Tapped, tapBuffer), tokens: 1, filled: time.Now()}
	if !p.core.addTap(t) {
		return ErrTooManyTaps
	}
	defer p.core.removeTap(t)
	for {
		select {
		case x := <-t.out:
			if err := p.show(t, &x, show); err != nil {
				return err
			}
			continue
		default:
		}
		select {
		case x := <-t.out:
			if err := p.show(t, &x, show); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-p.ended:
			if len(t.out) == 0 {
				return nil
			}
		}
	}
}

func (p *Pipeline[T]) show(t *tap, x *Tapped, show func(*Tapped) error) error {
	if t.Explain != nil {
		x.Explain = p.explain(t, x)
	}
	x.Raw, x.Event, x.Error = t.Redact(x.Raw), t.Redact(x.Event), string(t.Redact([]byte(x.Error)))
	x.Missed = t.missed.Swap(0)
	return show(x)
}

// explain calls the host's function.
func (p *Pipeline[T]) explain(t *tap, x *Tapped) (text []byte) {
	defer func() {
		if v := recover(); v != nil {
			p.core.panicked("Explain", v)
			text = nil
		}
	}()
	m := parse.Message{Raw: bytes.Clone(x.Raw), Origin: x.Origin, Offset: x.Offset, Received: x.Received}
	return t.Redact(bytes.Clone(t.TapOptions.Explain(&m)))
}

func (c *core) addTap(t *tap) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var taps []*tap
	if old := c.taps.Load(); old != nil {
		taps = append(taps, *old...)
	}
	if len(taps) >= maxTaps {
		return false
	}
	taps = append(taps, t)
	c.taps.Store(&taps)
	return true
}

func (c *core) removeTap(t *tap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var taps []*tap
	for _, other := range *c.taps.Load() {
		if other != t {
			taps = append(taps, other)
		}
	}
	if len(taps) == 0 {
		c.taps.Store(nil)
		return
	}
	c.taps.Store(&taps)
}

// tap shows the events that the worker has made of a chunk to those who want to see them.
func (w *worker[T]) tap(taps []*tap) {
	s := w.slot
	for _, t := range taps {
		for row, msg := range s.batch.Msg {
			it := w.items[s.items[row]]
			if it.state == stateDead {
				continue // shown when it was made
			}
			m := &s.chunk.Msgs[msg]
			line := bytes.TrimSuffix(s.batch.Line(row), []byte("\n"))
			t.offer(w.p.core, w.src.name, it.pack, m, line, "", errcat.None)
		}
	}
}

// offer copies one thing for the tap, if that wants it and has room.
func (t *tap) offer(c *core, source string, pack uint16, m *parse.Message, line []byte, err string, cat errcat.Category) {
	if t.Source != "" && t.Source != source && (m.Origin == nil || m.Origin.Source != t.Source) {
		return
	}
	name := ""
	if t.Pack != "" || len(t.out) < cap(t.out) {
		if name = c.packName(pack); t.Pack != "" && name != t.Pack {
			return
		}
	}
	if len(t.out) == cap(t.out) || !t.allow() {
		t.missed.Add(1)
		return
	}
	x := Tapped{
		Source: source, Pack: name, Origin: m.Origin, Offset: m.Offset, Received: m.Received,
		Raw: bytes.Clone(m.Raw[:min(len(m.Raw), tapText)]), Error: err, Category: cat,
	}
	if line != nil {
		x.Event = bytes.Clone(line[:min(len(line), tapText)])
	}
	select {
	case t.out <- x:
	default:
		t.missed.Add(1)
	}
}

// Redactor returns a function that replaces, in key=value, JSON and header texts, the
// values of keys that sound like secrets (password, token, authorization and the like),
// and passwords in URLs, by [redacted]; rather too many than too few. It knows no more than names: what must
// not be seen under other names needs another function.
func Redactor() func(text []byte) []byte {
	const keys = `pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie|credentials?|session[_-]?id`
	const value = `\\"(?:[^"\\]|\\[^"])*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|(?:bearer|basic|digest)\s+[^\s"',;&}]+|[^\s,;&"'}\\]+`
	pairs := regexp.MustCompile(`(?i)((?:[a-z0-9_.-]*[_.-])?(?:` + keys + `)(?:\\?["'])?\s*[:=]\s*)(` + value + `)`)
	urls := regexp.MustCompile(`(://[^/\s:@"]*:)[^@/\s"]+@`)
	return func(text []byte) []byte {
		text = pairs.ReplaceAllFunc(text, func(match []byte) []byte {
			at := pairs.FindSubmatchIndex(match)
			v := match[at[4]:at[5]]
			redacted := "[redacted]"
			switch {
			case bytes.HasPrefix(v, []byte(`\"`)):
				redacted = `\"[redacted]\"`
			case v[0] == '"' || v[0] == '\'':
				redacted = string(v[0]) + redacted + string(v[0])
			}
			return append(append([]byte(nil), match[:at[4]]...), redacted...)
		})
		return urls.ReplaceAll(text, []byte("${1}[redacted]@"))
	}
}
