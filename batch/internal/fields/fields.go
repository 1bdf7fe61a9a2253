// Package fields reads single fields out of the encoded lines that sinks get: NDJSON with
// nested objects or with dotted keys.
package fields

import (
	"fmt"
	"strings"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// Reader reads a set of fields. Not safe for concurrent use.
type Reader struct {
	at     []int // place in the frame of each name
	reader *json.Reader
	slots  int
	frame  parse.Frame
	text   arena.Bytes
}

// New returns a Reader of fields that are named as in ECS, such as event.id. A line may
// hold each of them nested, {"event":{"id":…}}, or dotted, {"event.id":…}.
func New(names ...string) (*Reader, error) {
	r := &Reader{}
	var paths []json.Path
	for i, n := range names {
		r.at = append(r.at, 2*i)
		if n == "" || strings.ContainsAny(n, "\"\\[]") || strings.HasPrefix(n, ".") || strings.HasSuffix(n, ".") || strings.Contains(n, "..") {
			return nil, fmt.Errorf("%q is not the name of a field, such as event.id", n)
		}
		paths = append(paths, json.Path{Path: n, Slot: 2 * i})
		if strings.Contains(n, ".") {
			paths = append(paths, json.Path{Path: `"` + n + `"`, Slot: 2*i + 1})
		}
	}
	tree, err := json.New(paths)
	if err != nil {
		return nil, err
	}
	r.reader, r.slots = tree.Reader(), 2*len(names)
	return r, nil
}

// NewShared is New for names of which some may be equal.
func NewShared(names ...string) (*Reader, error) {
	place := map[string]int{}
	var distinct []string
	for _, n := range names {
		if _, ok := place[n]; !ok {
			place[n] = len(distinct)
			distinct = append(distinct, n)
		}
	}
	r, err := New(distinct...)
	if err != nil {
		return nil, err
	}
	r.at = nil
	for _, n := range names {
		r.at = append(r.at, 2*place[n])
	}
	return r, nil
}

// Read reads a line; false means that it is no JSON object.
func (r *Reader) Read(line []byte) bool {
	r.text.Reset()
	r.frame.Reset(r.slots, &r.text)
	return r.reader.Read(line, &r.frame) == nil
}

// Value is field i of the line that was read, valid until the next Read; its Kind is
// KindNone where the line does not have it.
func (r *Reader) Value(i int) parse.Value {
	if v := r.frame.Slots[r.at[i]]; v.Kind() != parse.KindNone {
		return v
	}
	return r.frame.Slots[r.at[i]+1]
}

// Append appends the text of field i, nothing where it is absent or null.
func (r *Reader) Append(dst []byte, i int) []byte {
	v := r.Value(i)
	if v.Kind() == parse.KindNone || v.Kind() == parse.KindNull {
		return dst
	}
	return v.AppendText(dst)
}
