package elastic

import (
	"bytes"
	"net/http"
	"time"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// action is what stands before a document.
type action struct {
	name      string // index, create, update, delete
	index, id []byte
}

// item is one action of a request.
type item struct {
	action
	msg int // its message, -1 if there is none
}

const (
	noMessage   = -1
	maxIDLength = 512
)

// readAction reads the line of an action; text takes what has escapes.
func readAction(line []byte, text *arena.Bytes) (a action, ok bool) {
	if json.Valid(line) != nil {
		return a, false
	}
	it := json.Object(line, text)
	var key []byte
	var v parse.Value
	if !it.Next(&key, &v) || v.Kind() != parse.KindObject {
		return a, false
	}
	switch string(key) {
	case "index":
		a.name = "index"
	case "create":
		a.name = "create"
	case "update":
		a.name = "update"
	case "delete":
		a.name = "delete"
	default:
		return a, false
	}
	members := json.Object(v.Bytes(), text)
	for members.Next(&key, &v) {
		switch string(key) {
		case "_index":
			a.index = v.Bytes()
		case "_id":
			if v.Kind() == parse.KindString {
				a.id = v.Bytes()
			} else {
				a.id = v.AppendText(nil)
			}
		}
	}
	if len(a.id) > maxIDLength {
		a.id = a.id[:maxIDLength]
	}
	return a, true
}

func nextLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		line, rest = b[:i:i], b[i+1:]
	} else {
		line = b
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}

// read splits a body into items and messages. The error names the action that is wrong.
func read(body []byte, m *httpin.Messages) ([]item, error) {
	var items []item
	var text arena.Bytes
	var lastLine []byte
	var last action
	for len(body) > 0 {
		var line []byte
		line, body = nextLine(body)
		if len(line) == 0 {
			continue
		}
		if !bytes.Equal(line, lastLine) { // most clients say the same for every document
			a, ok := readAction(line, &text)
			if !ok {
				return nil, httpin.Errorf(http.StatusBadRequest,
					"Malformed action/metadata line [%d], expected one of [create, delete, index, update] with an object", 2*len(items)+1)
			}
			last, lastLine = a, line
		}
		it := item{last, noMessage}
		if last.name != "delete" {
			var doc []byte
			doc, body = nextLine(body)
			if len(doc) == 0 {
				return nil, httpin.Errorf(http.StatusBadRequest, "The bulk request must be terminated by a newline [\\n], and each document stands on the line behind its action [%d]", 2*len(items)+1)
			}
			if last.name != "update" {
				it.msg = len(m.Msgs)
				m.Add(doc)
			}
		}
		items = append(items, it)
	}
	return items, nil
}

// bulk answers POST /_bulk and /INDEX/_bulk.
func (h *handler) bulk(w http.ResponseWriter, r *httpin.Request, index string) error {
	begin := time.Now()
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	var m httpin.Messages
	items, err := read(body, &m)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return httpin.Errorf(http.StatusBadRequest, "request body is required")
	}
	parts, err := r.Deliver(&m)
	if err != nil {
		return err
	}
	refused := make([]bool, len(m.Msgs))
	errors := false
	for _, p := range parts {
		if !p.Result.OK() {
			errors = true
			for i := p.From; i < p.To; i++ {
				refused[i] = true
			}
		}
	}
	for i := range items {
		errors = errors || items[i].msg == noMessage
	}
	short := filtered(r.Request)
	b := make([]byte, 0, 64+len(items)*64)
	b = append(b, `{"took":`...)
	b = appendCount(b, int(time.Since(begin).Milliseconds()))
	b = append(b, `,"errors":`...)
	if errors {
		b = append(b, `true,"items":[`...)
	} else {
		b = append(b, `false,"items":[`...)
	}
	for i := range items {
		it := &items[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"`...), it.name...), `":{`...)
		if !short {
			name := it.index
			if len(name) == 0 {
				name = []byte(index)
			}
			b = scan.AppendJSONString(append(b, `"_index":`...), name)
			b = scan.AppendJSONString(append(b, `,"_id":`...), it.id)
			b = append(b, ',')
		}
		switch {
		case it.msg == noMessage:
			b = append(b, `"status":400,"error":{"type":"action_request_validation_exception","reason":"only index and create are taken"}}}`...)
		case refused[it.msg]:
			b = append(b, `"status":429,"error":{"type":"es_rejected_execution_exception","reason":"not delivered"}}}`...)
		case short:
			b = append(b, `"status":201}}`...)
		default:
			b = append(b, `"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}}`...)
		}
	}
	head(w)
	_, err = w.Write(append(b, "]}\n"...))
	return err
}
