package parsetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// answer is what came of one record: a line for each event or dead letter.
type answer struct {
	lines  [][]byte
	events int
	failed error // of the record as a whole
}

func (a *answer) equal(b *answer) bool {
	if len(a.lines) != len(b.lines) {
		return false
	}
	for i := range a.lines {
		if !bytes.Equal(a.lines[i], b.lines[i]) {
			return false
		}
	}
	return true
}

// worker runs records through one Parser, as one goroutine of a pipeline does.
type worker struct {
	parser  parse.Parser[parse.Record]
	encoder *normalize.Encoder
	events  parse.Events[parse.Record]
	msg     parse.Message
}

func (s *suite) worker() *worker {
	return &worker{parser: s.newParser(), encoder: normalize.NewEncoder(normalize.EncoderOptions{})}
}

// parse runs the parser alone. A panic becomes an error of category PARSER_PANIC.
func (w *worker) parse(raw []byte) (err error) {
	w.events.Reset()
	w.msg = parse.Message{Raw: raw, Received: Now}
	defer func() {
		if r := recover(); r != nil {
			err = errcat.Newf(errcat.ParserPanic, errcat.StageParse, "%v", r)
		}
	}()
	return w.parser.Parse(&w.msg, &w.events)
}

// answer parses raw and writes out what came of it. Its lines share nothing with raw.
func (w *worker) answer(raw []byte) *answer {
	err := w.parse(raw)
	if err != nil {
		return &answer{lines: [][]byte{appendDeadLetter(nil, raw, err)}, failed: err}
	}
	return w.encode(w.events.All(), w.events.Rejected())
}

func (w *worker) encode(events []*parse.Record, rejected []parse.Rejected) *answer {
	a := &answer{events: len(events)}
	for i := 0; i <= len(events); i++ {
		for len(rejected) > 0 && rejected[0].After == i {
			a.lines = append(a.lines, appendDeadLetter(nil, rejected[0].Raw, rejected[0].Err))
			rejected = rejected[1:]
		}
		if i == len(events) {
			break
		}
		line, err := w.encoder.Append(nil, events[i])
		if err != nil {
			line = appendDeadLetter(nil, nil, err)
		}
		a.lines = append(a.lines, line)
	}
	return a
}

// appendDeadLetter writes a dead letter as an event of kind pipeline_error.
func appendDeadLetter(dst, raw []byte, err error) []byte {
	var e *errcat.Error
	stage := errcat.StageParse
	if errors.As(err, &e) {
		stage = e.Stage
	}
	dst = append(dst, `{"event":{"kind":"pipeline_error","original":`...)
	if utf8.Valid(raw) {
		dst = normalize.AppendJSONString(dst, raw)
	} else {
		dst = append(dst, `"base64:`...)
		dst = base64.StdEncoding.AppendEncode(dst, raw)
		dst = append(dst, '"')
	}
	dst = append(dst, `},"error":{"code":"`...)
	dst = append(dst, errcat.Of(err).String()...)
	dst = append(dst, `","type":"`...)
	dst = append(dst, stage.String()...)
	dst = append(dst, `","message":`...)
	dst = normalize.AppendJSONString(dst, []byte(err.Error()))
	return append(dst, "}}"...)
}

// strictJSON reports what is wrong with line as one object of strict JSON on one line.
func strictJSON(line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("not UTF-8")
	}
	if bytes.ContainsAny(line, "\n\r") {
		return errors.New("a line end inside the line")
	}
	if !json.Valid(line) || len(line) == 0 || line[0] != '{' {
		return errors.New("no JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	type object struct {
		keys map[string]bool // nil for an array
		want bool            // a key comes next
	}
	var open []object
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		top := len(open) - 1
		if key, ok := t.(string); ok && top >= 0 && open[top].want {
			if open[top].keys[key] {
				return fmt.Errorf("the key %q twice", key)
			}
			open[top].keys[key] = true
			open[top].want = false
			continue
		}
		switch t {
		case json.Delim('{'):
			open = append(open, object{keys: map[string]bool{}, want: true})
			continue
		case json.Delim('['):
			open = append(open, object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:top]
			top--
		}
		if top >= 0 && open[top].keys != nil {
			open[top].want = true
		}
	}
}
