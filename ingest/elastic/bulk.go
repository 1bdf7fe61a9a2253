package elastic

import (
	"bytes"
	"net/http"
	"slices"
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
	action int32 // index in actions
	msg    int32 // its message, noMessage if there is none
}

// bulkRequest is what a body says. Clients say the same before nearly every document, so that
// actions are kept apart from items: of a million of these the first are few.
type bulkRequest struct {
	actions []action
	items   []item
	refused []bool // by message
}

// keptItems is how large a bulkRequest may be and still be used again.
const keptItems = 64 << 10

func (q *bulkRequest) reset() {
	clear(q.actions) // they hold the body
	q.actions, q.items, q.refused = q.actions[:0], q.items[:0], q.refused[:0]
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
func (q *bulkRequest) read(body []byte, m *httpin.Messages) error {
	var text arena.Bytes
	var lastLine []byte
	for len(body) > 0 {
		var line []byte
		line, body = nextLine(body)
		if len(line) == 0 {
			continue
		}
		if !bytes.Equal(line, lastLine) {
			a, ok := readAction(line, &text)
			if !ok {
				return httpin.Errorf(http.StatusBadRequest,
					"Malformed action/metadata line [%d], expected one of [create, delete, index, update] with an object", 2*len(q.items)+1)
			}
			q.actions, lastLine = append(q.actions, a), line
		}
		it := item{int32(len(q.actions) - 1), noMessage}
		if name := q.actions[it.action].name; name != "delete" {
			var doc []byte
			doc, body = nextLine(body)
			if len(doc) == 0 {
				return httpin.Errorf(http.StatusBadRequest, "The bulk request must be terminated by a newline [\\n], and each document stands on the line behind its action [%d]", 2*len(q.items)+1)
			}
			if name != "update" {
				it.msg = int32(len(m.Msgs))
				m.Add(doc)
			}
		}
		q.items = append(q.items, it)
	}
	return nil
}

// bulk answers POST /_bulk and /INDEX/_bulk.
func (h *handler) bulk(w http.ResponseWriter, r *httpin.Request, index string) error {
	begin := time.Now()
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	q, _ := h.requests.Get().(*bulkRequest)
	if q == nil {
		q = new(bulkRequest)
	}
	defer func() {
		if q.reset(); cap(q.items) <= keptItems && cap(q.actions) <= keptItems {
			h.requests.Put(q)
		}
	}()
	m := r.Messages()
	if err := q.read(body, m); err != nil {
		return err
	}
	if len(q.items) == 0 {
		return httpin.Errorf(http.StatusBadRequest, "request body is required")
	}
	parts, err := r.Deliver(m)
	if err != nil {
		return err
	}
	q.refused = slices.Grow(q.refused, len(m.Msgs))[:len(m.Msgs)]
	clear(q.refused)
	errors := false
	for _, p := range parts {
		if !p.Result.OK() {
			errors = true
			for i := p.From; i < p.To; i++ {
				q.refused[i] = true
			}
		}
	}
	for i := range q.items {
		errors = errors || q.items[i].msg == noMessage
	}
	buf := r.Buffer()
	b := append((*buf)[:0], `{"took":`...)
	b = appendCount(b, int(time.Since(begin).Milliseconds()))
	b = append(b, `,"errors":`...)
	if errors {
		b = append(b, `true,"items":[`...)
	} else {
		b = append(b, `false,"items":[`...)
	}
	b = q.answer(b, index, filtered(r.Request))
	b = append(b, "]}\n"...)
	*buf = b
	head(w)
	_, err = w.Write(b)
	return err
}

// answer appends the verdicts on all items. One that is equal to the one before, as nearly
// all are, is copied.
func (q *bulkRequest) answer(b []byte, index string, short bool) []byte {
	var start, end int // of the last verdict
	var last verdict
	for i := range q.items {
		it := &q.items[i]
		v := verdict{action: it.action, none: it.msg == noMessage}
		v.refused = !v.none && q.refused[it.msg]
		if i > 0 {
			b = append(b, ',')
		}
		if i > 0 && v == last {
			n := len(b)
			b = append(b, b[start:end]...)
			start, end = n, len(b)
			continue
		}
		last, start = v, len(b)
		a := &q.actions[it.action]
		b = append(append(append(b, `{"`...), a.name...), `":{`...)
		if !short {
			name := a.index
			if len(name) == 0 {
				name = []byte(index)
			}
			b = scan.AppendJSONString(append(b, `"_index":`...), name)
			b = scan.AppendJSONString(append(b, `,"_id":`...), a.id)
			b = append(b, ',')
		}
		switch {
		case v.none:
			b = append(b, `"status":400,"error":{"type":"action_request_validation_exception","reason":"only index and create are taken"}}}`...)
		case v.refused:
			b = append(b, `"status":429,"error":{"type":"es_rejected_execution_exception","reason":"not delivered"}}}`...)
		case short:
			b = append(b, `"status":201}}`...)
		default:
			b = append(b, `"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}}`...)
		}
		end = len(b)
	}
	return b
}

// verdict is what the answer to an item depends on.
type verdict struct {
	action        int32
	none, refused bool
}
