package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Tap shows raw message, event and explanation of one source or pack, redacted, and dead
// letters with their error; the pipeline goes on as without it.
func TestTap(t *testing.T) {
	noLeaks(t)
	messages := make(chan string)
	source := func(name string) ingest.Source {
		return ingest.WithName(name, ingest.FromSeq(name, func(yield func([]byte, error) bool) {
			for m := range messages {
				if !yield([]byte(m), nil) {
					return
				}
			}
		}))
	}
	out := &kept{}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{source("one")}, Encoder: rawEncoder{}, Sink: out,
		Parser: parse.ParserFunc[event](func(m *parse.Message, o *parse.Events[event]) error {
			if strings.HasPrefix(string(m.Raw), "bad") {
				return errcat.New(errcat.SchemaViolation, errcat.StageParse, "bad password=hunter2")
			}
			return rawParser(m, o)
		}),
	})
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	shown := make(chan ingest.Tapped, 100)
	until := func(what string, reached func() bool) {
		t.Helper()
		for begun := time.Now(); !reached(); time.Sleep(time.Millisecond) {
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("waited ten seconds until %s", what)
			}
		}
	}
	tapped := func() { t.Helper(); until("a tap is open", func() bool { return p.Taps() == 1 }) }
	open := func(o ingest.TapOptions) context.CancelFunc {
		until("no tap is open", func() bool { return p.Taps() == 0 })
		ctx, cancel := context.WithCancel(context.Background())
		o.Rate = 10_000
		go func() {
			if err := p.Tap(ctx, o, func(x *ingest.Tapped) error {
				shown <- *x
				return nil
			}); err != nil {
				t.Error(err)
			}
		}()
		tapped()
		return cancel
	}
	stop := open(ingest.TapOptions{Pack: "login", Explain: func(m *parse.Message) []byte { return []byte("password=" + string(m.Raw[:5])) }})
	messages <- "other thing"
	messages <- "login user=anna password=hunter2 ok"
	x := <-shown
	if x.Source != "one" || x.Pack != "login" || string(x.Raw) != "login user=anna password=[redacted] ok" ||
		string(x.Event) != string(x.Raw) || string(x.Explain) != "password=[redacted]" || x.Error != "" || x.Offset != 1 {
		t.Errorf("shown %+v", x)
	}
	stop()
	stop = open(ingest.TapOptions{Source: "two"})
	messages <- "not shown"
	until("three are delivered", func() bool { return p.Stats().Delivered == 3 })
	stop()
	stop = open(ingest.TapOptions{Source: "one"})
	messages <- "bad one"
	if x := <-shown; string(x.Raw) != "bad one" {
		t.Errorf("shown %+v", x)
	}
	stop()
	// Whoever does not look in time misses something and holds nobody back.
	ctx, cancel := context.WithCancel(context.Background())
	var missed, seen int64
	done := make(chan error)
	oops := errors.New("enough")
	until("no tap is open", func() bool { return p.Taps() == 0 })
	go func() {
		done <- p.Tap(ctx, ingest.TapOptions{Rate: 20}, func(x *ingest.Tapped) error {
			missed += x.Missed
			if seen++; seen == 4 {
				return oops
			}
			return nil
		})
	}()
	tapped()
	sent := 0
feed:
	for {
		select {
		case messages <- fmt.Sprint("m ", sent):
			sent++
		case err := <-done:
			if !errors.Is(err, oops) {
				t.Errorf("Tap says %v", err)
			}
			break feed
		}
	}
	cancel()
	if missed == 0 || missed >= int64(sent) {
		t.Errorf("sent %d, shown %d, missed %d", sent, seen, missed)
	}
	close(messages)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	atRest(t, p)
	if len(out.take()) != sent+3 {
		t.Errorf("%d lines for %d messages", len(out.take()), sent+3)
	}
	if err := p.Tap(context.Background(), ingest.TapOptions{}, nil); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if err := p.Tap(context.Background(), ingest.TapOptions{Rate: -1}, nil); err == nil {
		t.Error("a negative rate is no error")
	}
}

func TestRedactor(t *testing.T) {
	redact := ingest.Redactor()
	for in, want := range map[string]string{
		`user=a password=hunter2, x=1`:                         `user=a password=[redacted], x=1`,
		`{"user":"a","db_password":"hun\"ter2","x":1}`:         `{"user":"a","db_password":"[redacted]","x":1}`,
		`Authorization: Bearer abc.def.ghi rest`:               `Authorization: [redacted] rest`,
		`Authorization: Basic dXNlcg==`:                        `Authorization: [redacted]`,
		`https://anna:secret1@host/path?api_key=k1&b=2`:        `https://anna:[redacted]@host/path?api_key=[redacted]&b=2`,
		`{"event":{"original":"{\"token\":\"abc\",\"a\":1}"}}`: `{"event":{"original":"{\"token\":\"[redacted]\",\"a\":1}"}}`,
		`Set-Cookie: sid=1; path=/`:                            `Set-Cookie: [redacted]; path=/`,
		`pwd='a b' next`:                                       `pwd='[redacted]' next`,
		`nothing to see`:                                       `nothing to see`,
		`userPassword=hunter2;x`:                               `userPassword=[redacted];x`,
	} {
		if got := string(redact([]byte(in))); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// The metrics of a snapshot are of few names, each name in one piece with the same labels,
// and bounded whatever names the parsers have.
func TestMetrics(t *testing.T) {
	var in strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&in, "pack%d x\n", i)
	}
	p := mustNew(t, config(discard(), ingest.FromReader("r", strings.NewReader(in.String()))))
	mustRun(t, p)
	s := p.Stats()
	seen := map[string]bool{}
	series := map[string]bool{}
	last, received := "", 0.0
	var labels []string
	parsers := 0
	for m := range s.Metrics(ingest.MetricOptions{Parsers: 50}) {
		if m.Name != last {
			if seen[m.Name] {
				t.Errorf("%s comes in two pieces", m.Name)
			}
			seen[m.Name], last, labels = true, m.Name, nil
		}
		var names []string
		key := m.Name
		for _, l := range m.Labels {
			names = append(names, l.Name)
			key += "|" + l.Value
		}
		if labels != nil && !slices.Equal(labels, names) {
			t.Errorf("%s has labels %v and %v", m.Name, labels, names)
		}
		labels = names
		if series[key] {
			t.Errorf("%s comes twice", key)
		}
		series[key] = true
		if m.Help == "" || (m.Histogram != nil) != (m.Kind == ingest.Durations) {
			t.Errorf("metric %+v", m)
		}
		if m.Name == "penstock_parser_received_total" {
			parsers++
			received += m.Value
		}
	}
	if parsers != 51 || received != 5000 {
		t.Errorf("%d parsers with %.0f messages, want 51 with 5000", parsers, received)
	}
	if len(series) > 1000 {
		t.Errorf("%d series", len(series))
	}
	for range s.Metrics(ingest.MetricOptions{}) {
		break // stops
	}
}
