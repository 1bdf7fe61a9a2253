package splunk

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// ServerOptions say where to listen, who may send, and how much.
type ServerOptions = httpin.Options

// Source is the listener.
type Source = httpin.Server

// Handler answers the requests; see http.Serve in package ingest/http.
type Handler = httpin.Handler

// Options of the collector.
type Options struct {
	// EventOnly takes the event out of its object, without what stands beside it.
	EventOnly bool
	// Acks turns indexer acknowledgement on.
	Acks bool
	// MaxChannels and MaxAcks bound the channels, and the acknowledgements of one that
	// nobody has asked for. Defaults: 1024 and 10,000.
	MaxChannels, MaxAcks int
}

// Listen opens a listener for the collector's paths.
func Listen(server ServerOptions, opts Options) (*Source, error) {
	h, err := NewHandler(opts)
	if err != nil {
		return nil, err
	}
	if server.Name == "" {
		server.Name = "splunk"
	}
	s, err := httpin.Listen(server, map[string]Handler{"/services/collector": h})
	if err != nil {
		return nil, fmt.Errorf("ingest/splunk: %w", err)
	}
	return s, nil
}

// NewHandler returns the handler of paths that begin with /services/collector.
func NewHandler(opts Options) (Handler, error) {
	if opts.MaxChannels == 0 {
		opts.MaxChannels = 1024
	}
	if opts.MaxAcks == 0 {
		opts.MaxAcks = 10_000
	}
	if opts.MaxChannels < 1 || opts.MaxAcks < 1 {
		return nil, fmt.Errorf("ingest/splunk: MaxChannels is %d and MaxAcks %d, want 1 or more", opts.MaxChannels, opts.MaxAcks)
	}
	return &handler{opts: opts, acks: newAcks(opts.MaxChannels, opts.MaxAcks)}, nil
}

type handler struct {
	opts Options
	acks *acks
}

// Codes of answers, as Splunk documents them.
const (
	codeSuccess       = 0
	codeNoToken       = 2
	codeBadAuth       = 3
	codeBadToken      = 4
	codeNoData        = 5
	codeBadFormat     = 6
	codeInternal      = 8
	codeBusy          = 9
	codeNoChannel     = 10
	codeBadChannel    = 11
	codeNoEvent       = 12
	codeBlankEvent    = 13
	codeAcksOff       = 14
	codeHealthy       = 17
	codeNotFound      = 404
	codeTooLarge      = 27
	maxChannelLength  = 128
	eventNumberAbsent = -1
)

func write(w http.ResponseWriter, status, code int, text string, event int, ack int64) {
	b := append([]byte(`{"text":`), strconv.Quote(text)...)
	b = strconv.AppendInt(append(b, `,"code":`...), int64(code), 10)
	if event >= 0 {
		b = strconv.AppendInt(append(b, `,"invalid-event-number":`...), int64(event), 10)
	}
	if ack >= 0 {
		b = strconv.AppendInt(append(b, `,"ackId":`...), ack, 10)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '}'))
}

// Refuse words a refusal as Splunk does.
func (h *handler) Refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	code := codeBadFormat
	switch status {
	case http.StatusUnauthorized:
		switch scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); {
		case r.Header.Get("Authorization") == "":
			code, text = codeNoToken, "Token is required"
		case !ok || !strings.EqualFold(scheme, "Splunk") && !strings.EqualFold(scheme, "Basic") && !strings.EqualFold(scheme, "Bearer"):
			code, text = codeBadAuth, "Invalid authorization"
		default:
			status, code, text = http.StatusForbidden, codeBadToken, "Invalid token"
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		code, text = codeBusy, "Server is busy"
	case http.StatusRequestEntityTooLarge:
		code = codeTooLarge
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		code = codeNotFound
	case http.StatusInternalServerError:
		code = codeInternal
	}
	write(w, status, code, text, eventNumberAbsent, -1)
}

func endpoint(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, "/services/collector")
	return strings.TrimSuffix(strings.TrimSuffix(path, "/"), "/1.0")
}

// Public lets health checks in, and the question whether a collector is there at all: Docker's
// log driver asks it by OPTIONS of the event endpoint, without a token, and Splunk answers.
func (h *handler) Public(r *http.Request) bool {
	return endpoint(r) == "/health" && (r.Method == http.MethodGet || r.Method == http.MethodHead) || asks(r)
}

func asks(r *http.Request) bool {
	switch endpoint(r) {
	case "", "/event", "/raw":
		return r.Method == http.MethodOptions
	}
	return false
}

// Serve answers a request.
func (h *handler) Serve(w http.ResponseWriter, r *httpin.Request) error {
	to := endpoint(r.Request)
	if asks(r.Request) {
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if h.Public(r.Request) {
		write(w, http.StatusOK, codeHealthy, "HEC is healthy", eventNumberAbsent, -1)
		return nil
	}
	if r.Method != http.MethodPost {
		return httpin.Errorf(http.StatusMethodNotAllowed, "send POST")
	}
	switch to {
	case "", "/event", "/raw":
	case "/ack":
		return h.status(w, r)
	default:
		return httpin.Errorf(http.StatusNotFound, "The requested URL was not found")
	}
	channel, err := channelOf(r.Request)
	if err != nil {
		write(w, http.StatusBadRequest, codeBadChannel, "Invalid data channel", eventNumberAbsent, -1)
		return nil
	}
	if h.opts.Acks && channel == "" {
		write(w, http.StatusBadRequest, codeNoChannel, "Data channel is missing", eventNumberAbsent, -1)
		return nil
	}
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	m := r.Messages()
	if to == "/raw" {
		m.AddLines(body)
	} else if code, text, event := h.events(body, m); code != codeSuccess {
		write(w, http.StatusBadRequest, code, text, event, -1)
		return nil
	}
	if len(m.Msgs) == 0 {
		write(w, http.StatusBadRequest, codeNoData, "No data", eventNumberAbsent, -1)
		return nil
	}
	if !h.opts.Acks {
		if err := r.DeliverAll(m); err != nil {
			return err
		}
		write(w, http.StatusOK, codeSuccess, "Success", eventNumberAbsent, -1)
		return nil
	}
	id, ok := h.acks.open(channel)
	if !ok {
		return httpin.Errorf(http.StatusTooManyRequests, "too many acknowledgements that nobody asked for")
	}
	err = r.Start(m, func(parts []httpin.Part) {
		for _, p := range parts {
			if !p.Result.OK() {
				return // is never told to be delivered
			}
		}
		h.acks.delivered(channel, id)
	})
	if err != nil {
		h.acks.drop(channel, id)
		return err
	}
	write(w, http.StatusOK, codeSuccess, "Success", eventNumberAbsent, id)
	return nil
}

func channelOf(r *http.Request) (string, error) {
	c := r.Header.Get("X-Splunk-Request-Channel")
	if c == "" {
		c = r.URL.Query().Get("channel")
	}
	if len(c) > maxChannelLength {
		return "", fmt.Errorf("a channel of %d bytes", len(c))
	}
	return c, nil
}

// events adds the events of a body; a code other than success says what is wrong.
func (h *handler) events(body []byte, m *httpin.Messages) (code int, text string, event int) {
	var unescaped arena.Bytes
	for n, item := range json.AppendItems(nil, body, &json.SplitOptions{Wrappers: []string{}}) {
		if item.Err != nil || json.Valid(item.Raw) != nil {
			return codeBadFormat, "Invalid data format", n
		}
		it := json.Object(item.Raw, &unescaped)
		var key []byte
		var v parse.Value
		found := false
		for !found && it.Next(&key, &v) {
			found = string(key) == "event"
		}
		raw := item.Raw
		switch {
		case !found || v.Kind() == parse.KindNull:
			return codeNoEvent, "Event field is required", n
		case v.Kind() == parse.KindString && len(bytes.TrimSpace(v.Bytes())) == 0:
			return codeBlankEvent, "Event field cannot be blank", n
		case h.opts.EventOnly:
			switch v.Kind() {
			case parse.KindString, parse.KindObject, parse.KindArray:
				raw = v.Bytes()
			default:
				raw = v.AppendText(nil)
			}
		}
		m.Add(raw)
	}
	return codeSuccess, "", 0
}
