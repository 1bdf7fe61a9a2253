package splunk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/scan"
)

// Options say where to send, how much at once, and when again. URLs are those of the
// collector, without a path; IDField and NoIDs do nothing here. The Scheme of Auth is
// Splunk.
type Options = httpbulk.Options

// Auth is a secret and how it is shown.
type Auth = httpbulk.Auth

// TLS says which certificates are trusted and shown.
type TLS = certs.Client

// Stats are the counters of a sink.
type Stats = httpbulk.Stats

// Sink sends lines to a collector.
type Sink[T any] struct{ *httpbulk.Sink[T] }

// Event says what stands beside the events.
type Event struct {
	// Host, Source, SourceType and Index are sent with each event, if set.
	Host, Source, SourceType, Index string
	// HostField is the field whose text is sent as host instead, such as host.name.
	HostField string
	// Acks waits for indexer acknowledgement.
	Acks bool
	// AckEvery is how often is asked, AckTimeout when the events are sent again.
	// Defaults: 1 s and 5 min.
	AckEvery, AckTimeout time.Duration
}

// New returns a sink.
func New[T any](opts Options, event Event) (*Sink[T], error) {
	p := &protocol{event: event}
	if p.event.AckEvery == 0 {
		p.event.AckEvery = time.Second
	}
	if p.event.AckTimeout == 0 {
		p.event.AckTimeout = 5 * time.Minute
	}
	if p.event.AckEvery < 0 || p.event.AckTimeout < p.event.AckEvery {
		return nil, errors.New("batch/splunk: AckTimeout is less than AckEvery, or one is negative")
	}
	names := []string{"@timestamp"}
	if event.HostField != "" {
		names = append(names, event.HostField)
	}
	if _, err := fields.New(names...); err != nil {
		return nil, fmt.Errorf("batch/splunk: HostField: %w", err)
	}
	p.readers.New = func() any {
		r, _ := fields.New(names...)
		return r
	}
	for _, m := range []struct{ key, value string }{{"host", event.Host}, {"source", event.Source}, {"sourcetype", event.SourceType}, {"index", event.Index}} {
		if m.value != "" && (m.key != "host" || event.HostField == "") {
			p.beside = append(scan.AppendJSONString(append(append(append(p.beside, '"'), m.key...), `":`...), []byte(m.value)), ',')
		}
	}
	if opts.Auth.Scheme == "" {
		opts.Auth.Scheme = "Splunk"
	}
	if err := httpbulk.CheckURLs(opts.URLs); err != nil {
		return nil, fmt.Errorf("batch/splunk: %w", err)
	}
	urls := make([]string, len(opts.URLs))
	for i, u := range opts.URLs {
		urls[i] = strings.TrimSuffix(u, "/") + "/services/collector/event"
	}
	opts.URLs = urls
	if event.Acks {
		p.channel = channel()
	}
	s, err := httpbulk.New[T](opts, p, httpbulk.Defaults{MaxBytes: 1 << 20}, nil)
	if err != nil {
		return nil, err
	}
	return &Sink[T]{s}, nil
}

var _ batch.Async[struct{}] = (*Sink[struct{}])(nil)

// channel is a random GUID.
func channel() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

type protocol struct {
	event   Event
	beside  []byte // members that are the same for all events, each with a comma
	channel string
	readers sync.Pool // *fields.Reader
}

// Name is the sink's.
func (*protocol) Name() string { return "batch/splunk" }

// ContentType of the bodies.
func (*protocol) ContentType() string { return "application/json" }

// Prepare names the channel.
func (p *protocol) Prepare(req *http.Request) {
	if p.channel != "" {
		req.Header.Set("X-Splunk-Request-Channel", p.channel)
	}
}

// Append appends an object for each row.
func (p *protocol) Append(dst []byte, rows *httpbulk.Rows) ([]byte, error) {
	r := p.readers.Get().(*fields.Reader)
	defer p.readers.Put(r)
	var text []byte
	for i := range rows.Len() {
		line := rows.Line(i)
		dst = append(append(dst, '{'), p.beside...)
		known := r.Read(line)
		if known {
			text = r.Append(text[:0], 0)
			if t, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
				dst = strconv.AppendInt(append(dst, `"time":`...), t.Unix(), 10)
				dst = append(dst, fmt.Sprintf(".%09d,", t.Nanosecond())...)
			}
			if p.event.HostField != "" {
				if text = r.Append(text[:0], 1); len(text) == 0 {
					text = append(text, p.event.Host...)
				}
				if len(text) > 0 {
					dst = append(scan.AppendJSONString(append(dst, `"host":`...), text), ',')
				}
			}
		}
		dst = append(dst, `"event":`...)
		if known {
			dst = append(dst, line...)
		} else {
			dst = scan.AppendJSONString(dst, line) // a line that is no JSON must not break out of its object
		}
		dst = append(dst, '}')
	}
	return dst, nil
}

// Verdict of a 2xx answer: all or nothing.
func (p *protocol) Verdict(body []byte, _ *httpbulk.Rows) error {
	var a struct {
		Code  *int
		Text  string
		AckID *int64
	}
	switch err := json.Unmarshal(bytes.TrimSpace(body), &a); {
	case err != nil || a.Code == nil:
		return httpbulk.Unclear("the answer is not that of a collector: " + string(body[:min(len(body), 200)]))
	case *a.Code != 0:
		return httpbulk.Unclear(fmt.Sprintf("code %d: %s", *a.Code, a.Text))
	case p.channel == "":
		return nil
	case a.AckID == nil:
		return httpbulk.Unclear("the answer has no ackId: acknowledgement is not on for this token")
	}
	return &httpbulk.Pending{Confirm: func(ctx context.Context, do func(path string, body []byte) ([]byte, error)) error {
		return p.confirm(ctx, *a.AckID, do)
	}}
}

// confirm asks until an acknowledgement is there.
func (p *protocol) confirm(ctx context.Context, id int64, do func(path string, body []byte) ([]byte, error)) error {
	ctx, cancel := context.WithTimeout(ctx, p.event.AckTimeout)
	defer cancel()
	tick := time.NewTicker(p.event.AckEvery)
	defer tick.Stop()
	var last error
	for {
		answer, err := do("/services/collector/ack?channel="+p.channel, fmt.Appendf(nil, `{"acks":[%d]}`, id))
		if err == nil {
			var a struct{ Acks map[string]bool }
			if err = json.Unmarshal(answer, &a); err == nil && a.Acks[strconv.FormatInt(id, 10)] {
				return nil
			}
		}
		last = err
		select {
		case <-tick.C:
		case <-ctx.Done():
			reason := "not indexed in time"
			if last != nil {
				reason += ": " + last.Error()
			}
			return httpbulk.Unclear(reason)
		}
	}
}
