package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

func inlineJSON(dst []byte, d *ingest.DeadLetter) []byte { return d.AppendJSON(dst) }

func TestWrongConfig(t *testing.T) {
	source := ingest.FromReader("r", strings.NewReader(""))
	events := batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil })
	for name, change := range map[string]func(*ingest.Config[event]){
		"no source":  func(c *ingest.Config[event]) { c.Sources = nil },
		"nil source": func(c *ingest.Config[event]) { c.Sources = []ingest.Source{nil} },
		"no parser":  func(c *ingest.Config[event]) { c.Parser = nil },
		"nil stage":  func(c *ingest.Config[event]) { c.Stages = []ingest.Stage[event]{nil} },
		"no sink":    func(c *ingest.Config[event]) { c.Sink = nil },
		"nil output": func(c *ingest.Config[event]) { c.Outputs = []ingest.Output[event]{{}} },
		"no required sink": func(c *ingest.Config[event]) {
			c.Sink, c.Outputs = nil, []ingest.Output[event]{{Sink: c.Sink, BestEffort: true}}
		},
		"lines, no encoder":    func(c *ingest.Config[event]) { c.Encoder = nil },
		"inline, reads events": func(c *ingest.Config[event]) { c.Sink, c.InlineDeadLetters = events, inlineJSON },
		"both dead letters": func(c *ingest.Config[event]) {
			c.DeadLetters, c.InlineDeadLetters = batch.NewWriter[ingest.DeadLetter](&bytes.Buffer{}), inlineJSON
		},
		"workers":       func(c *ingest.Config[event]) { c.Workers = -1 },
		"chunk size":    func(c *ingest.Config[event]) { c.ChunkSize = 100 },
		"chunks":        func(c *ingest.Config[event]) { c.Chunks = 1 },
		"max message":   func(c *ingest.Config[event]) { c.MaxMessage = 2 << 30 },
		"keep oversize": func(c *ingest.Config[event]) { c.MaxMessage, c.KeepOversize = 10, 11 },
		"max events":    func(c *ingest.Config[event]) { c.MaxEvents = -1 },
		"queue":         func(c *ingest.Config[event]) { c.Outputs = []ingest.Output[event]{{Sink: c.Sink, QueueBatches: -1}} },
		"queue bytes":   func(c *ingest.Config[event]) { c.Outputs = []ingest.Output[event]{{Sink: c.Sink, QueueBytes: -1}} },
		"two outputs of a name": func(c *ingest.Config[event]) {
			c.Sink, c.Outputs = nil, []ingest.Output[event]{{Name: "a", Sink: c.Sink}, {Name: "a", Sink: c.Sink}}
		},
		"too many outputs": func(c *ingest.Config[event]) { c.Outputs = make([]ingest.Output[event], 65) },
		"sink timeout":     func(c *ingest.Config[event]) { c.Outputs = []ingest.Output[event]{{Sink: c.Sink, Timeout: -1}} },
		"min workers":      func(c *ingest.Config[event]) { c.Workers, c.MinWorkers = 2, 3 },
		"swap timeout":     func(c *ingest.Config[event]) { c.SwapTimeout = -1 },
		"quarantine":       func(c *ingest.Config[event]) { c.Quarantine.Faults = -1 },
		"watch":            func(c *ingest.Config[event]) { c.Watch.Senders = 1 << 30 },
		"priorities and order": func(c *ingest.Config[event]) {
			c.Priorities, c.Ordered = classes(), true
		},
		"one class": func(c *ingest.Config[event]) { c.Priorities = classes(ingest.Class{}) },
		"no classify": func(c *ingest.Config[event]) {
			c.Priorities = classes()
			c.Priorities.Classify = nil
		},
		"low above high": func(c *ingest.Config[event]) {
			c.Priorities = classes()
			c.Priorities.High, c.Priorities.Low = 0.2, 0.3
		},
		"steps in disorder": func(c *ingest.Config[event]) {
			c.Priorities = classes(ingest.Class{}, ingest.Class{Steps: []ingest.Step{ingest.Shed, ingest.Delay}})
		},
		"unparsed without raw": func(c *ingest.Config[event]) {
			c.Priorities = classes(ingest.Class{}, ingest.Class{Steps: []ingest.Step{ingest.Unparsed}})
		},
		"sample": func(c *ingest.Config[event]) { c.Priorities = classes(ingest.Class{}, ingest.Class{Sample: 1.5}) },
		"weight": func(c *ingest.Config[event]) { c.Priorities = classes(ingest.Class{}, ingest.Class{Weight: -1}) },
		"retry": func(c *ingest.Config[event]) {
			c.Outputs = []ingest.Output[event]{{Sink: c.Sink, Retry: batch.RetryOptions{Attempts: -1}}}
		},
	} {
		cfg := config(discard(), source)
		change(&cfg)
		if _, err := ingest.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := ingest.New(config(discard(), source)); err != nil {
		t.Error(err)
	}
}

func classes(c ...ingest.Class) *ingest.Priorities[event] {
	if c == nil {
		c = make([]ingest.Class, 2)
	}
	return &ingest.Priorities[event]{Classes: c, Classify: func(*parse.Message) int { return 0 }}
}

// The bound follows the options, and the options stay what they were.
func TestMemoryBound(t *testing.T) {
	cfg := config(discard(), ingest.FromReader("r", strings.NewReader("")))
	cfg.ChunkSize, cfg.Workers = 64<<10, 2
	one := cfg.MemoryBound()
	cfg.ChunkSize = 128 << 10
	if two := cfg.MemoryBound(); two != 2*one {
		t.Errorf("chunks of twice the size: %d, of once: %d", two, one)
	}
	cfg.Priorities = classes()
	if classes := cfg.MemoryBound(); classes < 3*one || classes > 5*one {
		t.Errorf("two classes: %d, one: %d", classes, 2*one)
	}
	if cfg.Outputs != nil || cfg.Chunks != 0 || cfg.Priorities.High != 0 {
		t.Errorf("MemoryBound changed the configuration: %+v", cfg)
	}
	if n := (ingest.Config[event]{}).MemoryBound(); n != 0 {
		t.Errorf("the bound of nothing is %d", n)
	}
}

// With one slow chunk of each kind the smallest pipeline still makes progress.
func TestSmallestPools(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		var in strings.Builder
		for i := range 5000 {
			fmt.Fprintln(&in, i)
		}
		var out bytes.Buffer
		cfg := config(nil, ingest.FromReader("r", strings.NewReader(in.String())))
		cfg.Outputs = []ingest.Output[event]{{Sink: batch.NewWriter[event](&out), QueueBatches: 1, QueueBytes: 1}}
		cfg.Chunks, cfg.ChunkSize, cfg.ChunkMessages, cfg.Workers, cfg.Ordered = 2, 1<<10, 3, 8, ordered
		mustRun(t, mustNew(t, cfg))
		if out.String() != in.String() {
			t.Error("the output differs from the input")
		}
	}
}

// several is a parser of lists: "a,b,!c" has two events and a reject.
var several = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
	if string(m.Raw) == "fail" {
		return errcat.UnknownFormat
	}
	for part := range bytes.SplitSeq(m.Raw, []byte(",")) {
		switch {
		case string(part) == "none":
		case part[0] == '!':
			out.Reject(part, errcat.TypeMismatch)
		default:
			out.Add().text = part
		}
	}
	return nil
})

func TestOrderWithinMessage(t *testing.T) {
	run := func(one bool, in string) (string, ingest.Stats) {
		var out bytes.Buffer
		cfg := config(batch.NewWriter[event](&out), ingest.FromReader("r", strings.NewReader(in)))
		cfg.Parser = several
		cfg.Stages = []ingest.Stage[event]{ingest.StageFunc[event](func(_ *parse.Message, e *event) (bool, error) { return e.text[0] != '-', nil })}
		cfg.InlineDeadLetters = func(dst []byte, d *ingest.DeadLetter) []byte {
			return fmt.Appendf(dst, "(%s %s)", d.Category, d.Raw)
		}
		cfg.FirstEventOnly = one
		p := mustNew(t, cfg)
		mustRun(t, p)
		return strings.ReplaceAll(strings.TrimSpace(out.String()), "\n", " "), p.Stats()
	}
	in := "a,!b,c\n!d,e,!f\nfail\nnone\n-g,h,i\n-j\n"
	all, s := run(false, in)
	if want := "a (TYPE_MISMATCH !b) c (TYPE_MISMATCH !d) e (TYPE_MISMATCH !f) (UNKNOWN_FORMAT fail) h i"; all != want {
		t.Errorf("all events: %s, want %s", all, want)
	}
	if want := (ingest.Ledger{Received: 6, Split: 6, Delivered: 5, Filtered: 3, DeadLettered: 4}); s.Ledger != want {
		t.Errorf("all events: %+v, want %+v", s.Ledger, want)
	}
	first, s := run(true, in)
	if want := "a (TYPE_MISMATCH !d) (UNKNOWN_FORMAT fail) (SCHEMA_VIOLATION none) h"; first != want {
		t.Errorf("first events: %s, want %s", first, want)
	}
	if want := (ingest.Ledger{Received: 6, Split: 6, Delivered: 2, Filtered: 7, DeadLettered: 3}); s.Ledger != want {
		t.Errorf("first events: %+v, want %+v", s.Ledger, want)
	}
}

func TestMaxEvents(t *testing.T) {
	var out bytes.Buffer
	cfg := config(batch.NewWriter[event](&out), ingest.FromReader("r", strings.NewReader("a,b,c\na,!b,c,d\ne\n")))
	cfg.Parser, cfg.MaxEvents = several, 3
	p := mustNew(t, cfg)
	mustRun(t, p)
	if s := p.Stats(); out.String() != "a\nb\nc\ne\n" || s.DeadLetters[errcat.Oversize] != 1 {
		t.Errorf("%q, %v", out.String(), s.DeadLetters)
	}
}

func TestMaxBatchBytes(t *testing.T) {
	cfg := config(discard(), ingest.FromReader("r", strings.NewReader(strings.Repeat("x\n", 100))))
	cfg.Encoder = blowUp{}
	cfg.MaxMessage, cfg.MaxBatchBytes = 1<<10, 10_000
	p := mustNew(t, cfg)
	mustRun(t, p)
	if s := p.Stats(); s.Delivered != 9 || s.DeadLetters[errcat.Oversize] != 91 {
		t.Errorf("%+v, %v", s.Ledger, s.DeadLetters)
	}
}

type blowUp struct{}

func (blowUp) Append(dst []byte, _ *event) ([]byte, error) {
	return append(dst, make([]byte, 1000)...), nil
}

// counted is a component that is made per worker; its Worker returns its own type.
type counted struct {
	made   *atomic.Int64
	own    bool
	busy   bool
	panics bool
}

func (c *counted) Worker() *counted {
	c.made.Add(1)
	return &counted{made: c.made, own: true, panics: c.panics}
}

func (c *counted) use(e *event) {
	if !c.own || c.busy {
		panic("not this worker's own")
	}
	if c.panics && string(e.text) == "panic" {
		c.busy = true // left in a state that nobody should meet again
		panic("told to")
	}
}

func (c *counted) Append(dst []byte, e *event) ([]byte, error) {
	c.use(e)
	return append(dst, e.text...), nil
}
func (c *counted) Validate(e *event) error { c.use(e); return nil }
func (c *counted) Process(_ *parse.Message, e *event) (bool, error) {
	c.use(e)
	return true, nil
}

type countedParser struct{ *counted }

func (p countedParser) Worker() parse.Parser[event] { return countedParser{p.counted.Worker()} }
func (p countedParser) Parse(m *parse.Message, out *parse.Events[event]) error {
	e := out.Add()
	e.text = m.Raw
	p.use(e)
	return nil
}

// Components are made once per worker, and again after a panic.
func TestPerWorker(t *testing.T) {
	for _, panics := range []string{"", "parser", "stage", "validator", "encoder"} {
		made := map[string]*atomic.Int64{}
		make := func(name string) *counted {
			made[name] = &atomic.Int64{}
			return &counted{made: made[name], panics: name == panics}
		}
		var out, log bytes.Buffer
		cfg := ingest.Config[event]{
			Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader("a\npanic\nb\npanic\nc\n"))},
			Parser:  countedParser{make("parser")}, Stages: []ingest.Stage[event]{make("stage")}, Validator: make("validator"), Encoder: make("encoder"),
			Sink: batch.NewWriter[event](&out), Workers: 3, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		var letters []string
		cfg.DeadLetters = batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			letters = append(letters, fmt.Sprintf("%s %s %s %s", d.Category, d.Component, d.Raw, d.Err))
			return nil
		})
		p := mustNew(t, cfg)
		mustRun(t, p)
		want, times := "a\npanic\nb\npanic\nc\n", int64(3)
		if panics != "" {
			want, times = "a\nb\nc\n", 5
			if len(letters) != 2 || !strings.HasPrefix(letters[0], "PARSER_PANIC "+panics) || !strings.Contains(letters[0], "told to") {
				t.Errorf("%s panics: dead letters %q", panics, letters)
			}
			if !strings.Contains(log.String(), "contained a panic") || !strings.Contains(log.String(), "use(") {
				t.Errorf("%s panics: the log has no stack: %.300s", panics, log.String())
			}
		}
		if out.String() != want {
			t.Errorf("%q panics: output %q, want %q", panics, out.String(), want)
		}
		for name, n := range made {
			if n.Load() != times {
				t.Errorf("%q panics: %s was made %d times, want %d", panics, name, n.Load(), times)
			}
		}
	}
}

// The log is bounded, the counters are not.
func TestLogIsBounded(t *testing.T) {
	var log bytes.Buffer
	cfg := config(discard(), ingest.FromReader("r", strings.NewReader(strings.Repeat("x\n", 10_000))))
	cfg.Parser = parse.ParserFunc[event](func(*parse.Message, *parse.Events[event]) error { panic("always") })
	cfg.Quarantine.SenderFaults = -1
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	p := mustNew(t, cfg)
	mustRun(t, p)
	if n := strings.Count(log.String(), "contained a panic"); n == 0 || n > 30 {
		t.Errorf("%d lines were logged", n)
	}
	if s := p.Stats(); s.Panics != 10_000 || s.DeadLettered != 10_000 {
		t.Errorf("%d panics, %+v", s.Panics, s.Ledger)
	}
}

// Errors whose own methods panic are dead letters like others.
type badError struct{}

func (badError) Error() string { panic("Error") }
func (badError) As(any) bool   { panic("As") }
func (badError) Unwrap() error { panic("Unwrap") }

func TestHostileErrors(t *testing.T) {
	var out bytes.Buffer
	cfg := config(batch.NewWriter[event](&out), ingest.FromReader("r", strings.NewReader("a\n")))
	cfg.Parser = parse.ParserFunc[event](func(*parse.Message, *parse.Events[event]) error { return badError{} })
	cfg.InlineDeadLetters = inlineJSON
	mustRun(t, mustNew(t, cfg))
	if !strings.Contains(out.String(), `"category":"INTERNAL"`) {
		t.Errorf("output %q", out.String())
	}
}

func TestInlinePanic(t *testing.T) {
	var out bytes.Buffer
	cfg := config(batch.NewWriter[event](&out), ingest.FromReader("r", strings.NewReader("fail\na\n")))
	cfg.Parser = several
	cfg.InlineDeadLetters = func(dst []byte, _ *ingest.DeadLetter) []byte { panic("inline") }
	mustRun(t, mustNew(t, cfg))
	if lines := strings.Split(out.String(), "\n"); len(lines) != 3 || !strings.Contains(lines[0], "UNKNOWN_FORMAT") || lines[1] != "a" {
		t.Errorf("output %q", lines)
	}
}

func TestParserStats(t *testing.T) {
	cfg := config(discard(), ingest.FromReader("r", strings.NewReader("asa 1,asa 2,fw 3\nfw 4\nfail\nasa 5\n")))
	cfg.Parser = several
	p := mustNew(t, cfg)
	mustRun(t, p)
	got := map[string]ingest.Ledger{}
	s := p.Stats()
	for _, x := range s.Parsers {
		got[x.Name] = x.Ledger
	}
	want := map[string]ingest.Ledger{
		"":    {Received: 1, DeadLettered: 1},
		"asa": {Received: 2, Split: 1, Delivered: 3},
		"fw":  {Received: 1, Split: 1, Delivered: 2},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Names from the wire do not fill the memory.
func TestParserStatsAreBounded(t *testing.T) {
	var in strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&in, "name%d x\n", i)
	}
	p := mustNew(t, config(discard(), ingest.FromReader("r", strings.NewReader(in.String()))))
	mustRun(t, p)
	if s := p.Stats(); len(s.Parsers) > 4096 || s.Delivered != 20_000 {
		t.Errorf("%d names, %+v", len(s.Parsers), s.Ledger)
	}
}

func TestDeadLetterJSON(t *testing.T) {
	received := time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)
	for _, d := range []ingest.DeadLetter{
		{Raw: []byte("a\n\"b\"\x1b\u2028"), Length: 9, Category: errcat.TypeMismatch, Err: errOops, Stage: errcat.StageParse, Parser: "cisco.asa",
			ParserVersion: "1.2.3", Component: "sink x", Source: "udp", Offset: 17, Received: received, Partial: []byte(`{"a":1}`),
			Origin: &parse.Origin{Peer: netip.MustParseAddr("192.0.2.1"), Hint: "asa", Subject: "CN=x"}},
		{Raw: []byte("\xff\x00"), Length: 2000},
		{},
	} {
		line := d.AppendJSON([]byte("x"))[1:]
		if bytes.ContainsAny(line, "\n\x1b\x00") {
			t.Errorf("raw control characters in %q", line)
		}
		if !json.Valid(line) {
			t.Errorf("not JSON: %s", line)
		}
		back, err := ingest.ParseDeadLetter(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if !bytes.Equal(back.Raw, d.Raw) || back.Length != d.Length || back.Category != d.Category || back.Stage != d.Stage || back.Offset != d.Offset ||
			back.Parser != d.Parser || !back.Received.Equal(d.Received) || !bytes.Equal(back.Partial, d.Partial) {
			t.Errorf("read back %+v, want %+v", back, d)
		}
		if d.Origin != nil && (back.Origin == nil || back.Origin.Peer != d.Origin.Peer || back.Origin.Hint != d.Origin.Hint || back.Origin.Source != d.Source) {
			t.Errorf("origin %+v, want %+v", back.Origin, d.Origin)
		}
	}
	for _, bad := range []string{"", "{", "[]", `{"raw_base64":"!"}`, `{"raw":1}`, `{"category":"NO_SUCH"}`, `{"peer":"x"}`, `{"length":5}`} {
		if _, err := ingest.ParseDeadLetter([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// Dead letters that are replayed through a better parser become what they should
// have been: with the offset, origin and time of the first attempt.
func TestReplay(t *testing.T) {
	var letters bytes.Buffer
	cfg := config(discard(), ingest.FromReader("udp", strings.NewReader("a\nfail\nb\nfail too\n")))
	cfg.Parser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
		if bytes.HasPrefix(m.Raw, []byte("fail")) {
			return errcat.UnknownFormat
		}
		return rawParser(m, out)
	})
	cfg.DeadLetters = batch.NewWriter[ingest.DeadLetter](&letters)
	mustRun(t, mustNew(t, cfg))
	letters.WriteString("not a dead letter\n")

	var got []string
	cfg = config(discard(), ingest.Replay("replay", &letters))
	cfg.Parser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
		got = append(got, fmt.Sprintf("%s %d %s", m.Origin.Source, m.Offset, m.Raw))
		return rawParser(m, out)
	})
	cfg.Workers = 1
	p := mustNew(t, cfg)
	mustRun(t, p)
	if want := []string{"udp 2 fail", "udp 9 fail too"}; !slices.Equal(got, want) {
		t.Errorf("replayed %q, want %q", got, want)
	}
	if s := p.Stats(); s.DeadLetters[errcat.SchemaViolation] != 1 || s.Delivered != 2 {
		t.Errorf("%+v, %v", s.Ledger, s.DeadLetters)
	}
}
