package loki

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/protowire"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// ServerOptions say where to listen, who may send, and how much.
type ServerOptions = httpin.Options

// Source is the listener.
type Source = httpin.Server

// Handler answers the requests; see http.Serve in package ingest/http.
type Handler = httpin.Handler

// Options of the receiver.
type Options struct {
	// LineOnly makes the line of an entry the message, without its labels and time.
	LineOnly bool
}

// Listen opens a listener for POST to a path that ends with /loki/api/v1/push, and its
// /ready.
func Listen(server ServerOptions, opts Options) (*Source, error) {
	if server.Name == "" {
		server.Name = "loki"
	}
	s, err := httpin.Listen(server, map[string]Handler{"/": NewHandler(opts)})
	if err != nil {
		return nil, fmt.Errorf("ingest/loki: %w", err)
	}
	return s, nil
}

// NewHandler returns the handler of pushes.
func NewHandler(opts Options) Handler { return &handler{opts} }

type handler struct{ opts Options }

// Public lets health checks in.
func (h *handler) Public(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/ready")
}

// Serve answers a request.
func (h *handler) Serve(w http.ResponseWriter, r *httpin.Request) error {
	if h.Public(r.Request) {
		fmt.Fprintln(w, "ready")
		return nil
	}
	if !strings.HasSuffix(r.URL.Path, "/api/v1/push") && !strings.HasSuffix(r.URL.Path, "/api/prom/push") {
		return httpin.Errorf(http.StatusNotFound, "only pushes are taken, at /loki/api/v1/push")
	}
	if r.Method != http.MethodPost {
		return httpin.Errorf(http.StatusMethodNotAllowed, "send POST")
	}
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	e := entries{lineOnly: h.opts.LineOnly}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/json" {
		err = e.json(body)
	} else if body, err = r.Snappy(body); err == nil {
		err = e.protobuf(body)
	}
	var st *httpin.Status
	switch {
	case errors.As(err, &st):
		return err
	case err != nil:
		return httpin.Errorf(http.StatusBadRequest, "%v", err)
	}
	m := r.Messages()
	start := 0
	for _, end := range e.ends {
		m.Add(e.text[start:end:end])
		start = end
	}
	if err := r.DeliverAll(m); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// entries are the messages that a request holds: texts one after the other.
type entries struct {
	lineOnly bool
	text     []byte
	ends     []int
	labels   []byte // of the stream at hand, as an object
}

func (e *entries) begin(nanos []byte, line []byte) {
	if e.lineOnly {
		e.text = append(e.text, line...)
		return
	}
	e.text = append(append(append(e.text, `{"stream":`...), e.labels...), `,"timestamp":"`...)
	e.text = append(append(e.text, nanos...), `","line":`...)
	e.text = scan.AppendJSONString(e.text, line)
}

func (e *entries) end() {
	if !e.lineOnly {
		e.text = append(e.text, '}')
	}
	e.ends = append(e.ends, len(e.text))
}

var (
	errJSON   = errors.New("the body is not a push request in JSON")
	errLabels = errors.New("the labels of a stream are malformed")
)

// json reads {"streams":[{"stream":{…},"values":[["nanoseconds","line",{…}]]}]}.
func (e *entries) json(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' || !stdjson.Valid(b) {
		return errJSON
	}
	var text arena.Bytes
	top := json.Object(b, &text)
	var key []byte
	var v parse.Value
	for top.Next(&key, &v) {
		if string(key) != "streams" {
			continue
		}
		if v.Kind() != parse.KindArray {
			return errJSON
		}
		streams := json.Array(v.Bytes(), &text)
		var s parse.Value
		for streams.Next(&key, &s) {
			var values parse.Value
			e.labels = append(e.labels[:0], "{}"...)
			members := json.Object(s.Bytes(), &text)
			var m parse.Value
			for s.Kind() == parse.KindObject && members.Next(&key, &m) {
				switch string(key) {
				case "stream":
					if m.Kind() != parse.KindObject {
						return errLabels
					}
					compact, err := json.Compact(e.labels[:0], m.Bytes())
					if err != nil {
						return errLabels
					}
					e.labels = compact
				case "values":
					values = m
				}
			}
			if s.Kind() != parse.KindObject || values.Kind() != parse.KindArray {
				return errJSON
			}
			list := json.Array(values.Bytes(), &text)
			var entry parse.Value
			for list.Next(&key, &entry) {
				if entry.Kind() != parse.KindArray {
					return errJSON
				}
				if err := e.entry(entry.Bytes(), &text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (e *entries) entry(raw []byte, text *arena.Bytes) error {
	parts := json.Array(raw, text)
	var key []byte
	var at, line, metadata parse.Value
	if !parts.Next(&key, &at) || !parts.Next(&key, &line) || at.Kind() != parse.KindString || line.Kind() != parse.KindString {
		return errJSON
	}
	if _, err := strconv.ParseInt(at.Str(), 10, 64); err != nil {
		return errors.New("the time of an entry is not a number of nanoseconds as text")
	}
	e.begin(at.Bytes(), line.Bytes())
	if parts.Next(&key, &metadata) && !e.lineOnly {
		if metadata.Kind() != parse.KindObject {
			return errJSON
		}
		compact, err := json.Compact(append(e.text, `,"metadata":`...), metadata.Bytes())
		if err != nil {
			return errJSON
		}
		e.text = compact
	}
	e.end()
	return nil
}

// protobuf reads a PushRequest.
func (e *entries) protobuf(b []byte) error {
	req := protowire.NewReader(b)
	for req.Next() {
		if !req.Is(1, protowire.Bytes) {
			continue
		}
		var labels []byte
		stream := req.Message()
		for stream.Next() {
			if stream.Is(1, protowire.Bytes) {
				labels = stream.Bytes()
			}
		}
		var err error
		if e.labels, err = appendLabels(e.labels[:0], labels); err != nil {
			return err
		}
		for stream = req.Message(); stream.Next(); {
			if stream.Is(2, protowire.Bytes) {
				if err := e.binaryEntry(stream.Message()); err != nil {
					return err
				}
			}
		}
		if stream.Err() != nil {
			return stream.Err()
		}
	}
	return req.Err()
}

func (e *entries) binaryEntry(m protowire.Reader) error {
	var line []byte
	var seconds, nanos int64
	again := m
	for m.Next() {
		switch {
		case m.Is(1, protowire.Bytes):
			t := m.Message()
			for t.Next() {
				switch {
				case t.Is(1, protowire.Varint):
					seconds = t.Int()
				case t.Is(2, protowire.Varint):
					nanos = t.Int()
				}
			}
			if t.Err() != nil {
				return t.Err()
			}
		case m.Is(2, protowire.Bytes):
			line = m.Bytes()
		}
	}
	if m.Err() != nil {
		return m.Err()
	}
	const maxSeconds = 9_000_000_000 // what fits into nanoseconds of 64 bits
	if seconds < -maxSeconds || seconds > maxSeconds || nanos < 0 || nanos > 999_999_999 {
		return errors.New("the time of an entry is out of range")
	}
	e.begin(strconv.AppendInt(nil, seconds*1_000_000_000+nanos, 10), line)
	first := true
	for !e.lineOnly && again.Next() {
		if !again.Is(3, protowire.Bytes) {
			continue
		}
		var name, value []byte
		pair := again.Message()
		for pair.Next() {
			switch {
			case pair.Is(1, protowire.Bytes):
				name = pair.Bytes()
			case pair.Is(2, protowire.Bytes):
				value = pair.Bytes()
			}
		}
		if pair.Err() != nil {
			return pair.Err()
		}
		if first {
			e.text = append(e.text, `,"metadata":{`...)
		} else {
			e.text = append(e.text, ',')
		}
		first = false
		e.text = append(scan.AppendJSONString(e.text, name), ':')
		e.text = scan.AppendJSONString(e.text, value)
	}
	if !first {
		e.text = append(e.text, '}')
	}
	e.end()
	return nil
}

// appendLabels writes {app="sshd", host="a"} as a JSON object.
func appendLabels(dst, labels []byte) ([]byte, error) {
	s := strings.TrimSpace(string(labels))
	if s == "" {
		return append(dst, "{}"...), nil
	}
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return dst, errLabels
	}
	s = strings.TrimSpace(s[1 : len(s)-1])
	dst = append(dst, '{')
	for first := true; s != ""; first = false {
		name, rest, ok := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		quoted, err := strconv.QuotedPrefix(strings.TrimLeft(rest, " "))
		if !ok || err != nil || name == "" || strings.ContainsAny(name, "\", ") {
			return dst, errLabels
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return dst, errLabels
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = append(scan.AppendJSONString(dst, []byte(name)), ':')
		dst = scan.AppendJSONString(dst, []byte(value))
		s = strings.TrimLeft(strings.TrimLeft(rest, " ")[len(quoted):], " ")
		if s == "" {
			break
		}
		if s[0] != ',' {
			return dst, errLabels
		}
		s = strings.TrimLeft(s[1:], " ")
	}
	return append(dst, '}'), nil
}
