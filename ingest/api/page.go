package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
)

// answer is what is looked for in an answer beside its events.
type answer struct {
	want  [][]string        // paths of scalars, or of lists of them
	found map[string]string // by path; the scalars of a list with commas between
	items int
}

func pathKey(path []string) string { return strings.Join(path, "\x00") }

// get returns a scalar of the answer; null and what is not there are "".
func (a *answer) get(path []string) string { return a.found[pathKey(path)] }

// maxAnswerDepth bounds what is nested around the events.
const maxAnswerDepth = 32

var errDepth = errcat.New(errcat.SchemaViolation, errcat.StageCollect, "api: the answer is nested too deeply")

// readJSON reads an answer as a stream. item gets each element of the array at the path
// items, valid during the call.
func readJSON(r io.Reader, items []string, maxItem int64, a *answer, item func(raw []byte) error) error {
	limited := &itemReader{r: r, left: maxItem, max: maxItem}
	w := &walker{dec: json.NewDecoder(limited), limit: limited, items: items, a: a, item: item}
	w.dec.UseNumber()
	if err := w.value(nil); err != nil {
		return answerFault(err)
	}
	if _, err := w.dec.Token(); err != io.EOF {
		if err == nil {
			err = errcat.New(errcat.SchemaViolation, errcat.StageCollect, "api: something stands behind the answer")
		}
		return answerFault(err)
	}
	return nil
}

// answerFault gives what the JSON decoder says a category.
func answerFault(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errcat.New(errcat.Truncated, errcat.StageCollect, "api: the answer ends in its middle")
	}
	if syntax, ok := err.(*json.SyntaxError); ok {
		return errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "api: the answer is no JSON: %v at byte %d", syntax, syntax.Offset)
	}
	return err
}

type walker struct {
	dec   *json.Decoder
	limit *itemReader
	items []string
	a     *answer
	item  func(raw []byte) error
}

func (w *walker) value(path []string) error {
	if len(path) > maxAnswerDepth {
		return errDepth
	}
	w.limit.refill()
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		for w.dec.More() {
			k, err := w.dec.Token()
			if err != nil {
				return err
			}
			name, _ := k.(string)
			if err := w.value(append(path[:len(path):len(path)], name)); err != nil {
				return err
			}
		}
		_, err = w.dec.Token()
		return err
	case json.Delim('['):
		here := slices.Equal(path, w.items)
		for w.dec.More() {
			if !here {
				if err := w.value(append(path[:len(path):len(path)], "[]")); err != nil {
					return err
				}
				continue
			}
			w.limit.refill()
			var raw json.RawMessage
			if err := w.dec.Decode(&raw); err != nil {
				return err
			}
			w.a.items++
			if err := w.item(raw); err != nil {
				return err
			}
		}
		_, err = w.dec.Token()
		return err
	case nil:
		return nil
	}
	parent, listed := path, len(path) > 0 && path[len(path)-1] == "[]"
	if listed {
		parent = path[:len(path)-1]
	}
	for _, p := range w.a.want {
		if !slices.Equal(p, parent) {
			continue
		}
		if w.a.found == nil {
			w.a.found = map[string]string{}
		}
		text, key := fmt.Sprint(t), pathKey(p)
		if before := w.a.found[key]; listed && before != "" {
			if len(before)+len(text) > maxCursor {
				return errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: a list in the answer has more than %d bytes", maxCursor)
			}
			text = before + "," + text
		}
		w.a.found[key] = text
	}
	return nil
}

// maxCursor bounds a cursor that is a list.
const maxCursor = 64 << 10

// itemReader bounds what is read for one value.
type itemReader struct {
	r         io.Reader
	left, max int64
}

func (l *itemReader) refill() { l.left = l.max }

func (l *itemReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: an event of the answer has more than %d bytes", l.max)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// readLines reads an answer of one event a line.
func readLines(r io.Reader, maxItem int64, a *answer, item func(raw []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, int(min(maxItem, 1<<30)))
	for s.Scan() {
		if len(s.Bytes()) == 0 {
			continue
		}
		a.items++
		if err := item(s.Bytes()); err != nil {
			return err
		}
	}
	if s.Err() == bufio.ErrTooLong {
		return errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: an event of the answer has more than %d bytes", maxItem)
	}
	return s.Err()
}

// scalar finds a scalar in an event, "" where there is none.
func scalar(raw []byte, path []string) string {
	a := answer{want: [][]string{path}}
	if len(path) == 0 || readJSON(strings.NewReader(string(raw)), []string{"\x00"}, 1<<30, &a, nil) != nil {
		return ""
	}
	return a.get(path)
}

// linkRelation finds a relation in Link headers (RFC 8288).
func linkRelation(headers []string, relation string) string {
	for _, h := range headers {
		for rest := h; ; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			// The parameters end at the next link.
			end := strings.Index(params, ",")
			if quote := strings.Index(params, `"`); quote >= 0 && end > quote {
				if closing := strings.Index(params[quote+1:], `"`); closing >= 0 {
					if comma := strings.Index(params[quote+closing+2:], ","); comma >= 0 {
						end = quote + closing + 2 + comma
					} else {
						end = -1
					}
				}
			}
			rest = ""
			if end >= 0 {
				params, rest = params[:end], params[end+1:]
			}
			for p := range strings.SplitSeq(params, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(name, "rel") && slices.Contains(strings.Fields(strings.Trim(value, `"`)), relation) {
					return target
				}
			}
			if rest == "" {
				break
			}
		}
	}
	return ""
}
