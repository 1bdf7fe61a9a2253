package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/protowire"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// records are the messages that a request holds: texts one after the other.
type records struct {
	bodyOnly bool
	text     []byte
	ends     []int
	around   []byte // the resource and scope at hand, as members of a record
	deep     bool   // something of the record at hand was nested too deep
	unquoted arena.Bytes
}

// maxDepth bounds the nesting of attribute values and bodies.
const maxDepth = 32

var errJSON = errors.New("the body is not an ExportLogsServiceRequest in JSON")

// object writes the members of an object; members are added by key.
type object struct {
	first bool
}

func (o *object) key(dst []byte, name string) []byte {
	if !o.first {
		dst = append(dst, ',')
	}
	o.first = false
	dst = append(append(dst, '"'), name...)
	return append(dst, '"', ':')
}

// add makes a message of the record that was written from start on.
func (r *records) add(start, bodyStart, bodyEnd int, o *object) {
	if r.bodyOnly && bodyEnd > bodyStart {
		body := r.text[bodyStart:bodyEnd]
		if body[0] == '"' {
			var s string
			if stdjson.Unmarshal(body, &s) == nil {
				body = []byte(s)
			}
		}
		r.text = append(r.text[:start], body...)
		r.ends = append(r.ends, len(r.text))
		return
	}
	if r.deep {
		r.text = append(o.key(r.text, "penstock.depth_exceeded"), "true"...)
		r.deep = false
	}
	if len(r.around) > 0 {
		if !o.first {
			r.text = append(r.text, ',')
		}
		r.text = append(r.text, r.around...)
	}
	r.text = append(r.text, '}')
	r.ends = append(r.ends, len(r.text))
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(append(append(dst, '"'), strconv.FormatFloat(f, 'g', -1, 64)...), '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

func appendQuoted(dst, b []byte) []byte { return append(append(append(dst, '"'), b...), '"') }

// protobuf reads an ExportLogsServiceRequest.
func (r *records) protobuf(b []byte) error {
	req := protowire.NewReader(b)
	for req.Next() {
		if !req.Is(1, protowire.Bytes) {
			continue
		}
		// The resource may stand behind its records: it is looked for first.
		var resource []byte
		rl := req.Message()
		for rl.Next() {
			if rl.Is(1, protowire.Bytes) {
				resource = rl.Bytes()
			}
		}
		if rl.Err() != nil {
			return rl.Err()
		}
		for rl = req.Message(); rl.Next(); {
			if rl.Is(2, protowire.Bytes) {
				if err := r.scopeLogs(rl.Bytes(), resource); err != nil {
					return err
				}
			}
		}
	}
	return req.Err()
}

func (r *records) scopeLogs(b, resource []byte) error {
	var scope []byte
	sl := protowire.NewReader(b)
	for sl.Next() {
		if sl.Is(1, protowire.Bytes) {
			scope = sl.Bytes()
		}
	}
	if sl.Err() != nil {
		return sl.Err()
	}
	around := r.around[:0]
	var err error
	if len(resource) > 0 {
		if around, err = r.attributed(append(around, `"resource":{`...), resource, 1, 0, 0); err != nil {
			return err
		}
		around = append(around, '}')
	}
	if len(scope) > 0 {
		if len(around) > 0 {
			around = append(around, ',')
		}
		if around, err = r.attributed(append(around, `"scope":{`...), scope, 3, 1, 2); err != nil {
			return err
		}
		around = append(around, '}')
	}
	r.around = around
	for sl = protowire.NewReader(b); sl.Next(); {
		if sl.Is(2, protowire.Bytes) {
			if err := r.record(sl.Bytes()); err != nil {
				return err
			}
		}
	}
	return sl.Err()
}

// attributed writes the members of a Resource or an InstrumentationScope.
func (r *records) attributed(dst, b []byte, attributes, name, version int) ([]byte, error) {
	o := object{first: true}
	m := protowire.NewReader(b)
	for m.Next() {
		switch {
		case name > 0 && m.Is(name, protowire.Bytes):
			dst = scan.AppendJSONString(o.key(dst, "name"), m.Bytes())
		case version > 0 && m.Is(version, protowire.Bytes):
			dst = scan.AppendJSONString(o.key(dst, "version"), m.Bytes())
		}
	}
	if m.Err() != nil {
		return dst, m.Err()
	}
	return r.attributes(dst, b, attributes, &o)
}

// attributes writes the KeyValue fields of that number as one member.
func (r *records) attributes(dst, b []byte, number int, o *object) ([]byte, error) {
	begun := false
	m := protowire.NewReader(b)
	for m.Next() {
		if !m.Is(number, protowire.Bytes) {
			continue
		}
		if !begun {
			dst = append(o.key(dst, "attributes"), '{')
			begun = true
		} else {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = r.keyValue(dst, m.Bytes(), 0); err != nil {
			return dst, err
		}
	}
	if begun {
		dst = append(dst, '}')
	}
	return dst, m.Err()
}

func (r *records) keyValue(dst, b []byte, depth int) ([]byte, error) {
	var key, value []byte
	m := protowire.NewReader(b)
	for m.Next() {
		switch {
		case m.Is(1, protowire.Bytes):
			key = m.Bytes()
		case m.Is(2, protowire.Bytes):
			value = m.Bytes()
		}
	}
	if m.Err() != nil {
		return dst, m.Err()
	}
	return r.anyValue(append(scan.AppendJSONString(dst, key), ':'), value, depth)
}

// anyValue writes an AnyValue; of several that are set the last one counts.
func (r *records) anyValue(dst, b []byte, depth int) ([]byte, error) {
	if depth >= maxDepth {
		r.deep = true
		return append(dst, "null"...), nil
	}
	start, err := len(dst), error(nil)
	m := protowire.NewReader(b)
	for m.Next() && err == nil {
		dst = dst[:start]
		switch {
		case m.Is(1, protowire.Bytes):
			dst = scan.AppendJSONString(dst, m.Bytes())
		case m.Is(2, protowire.Varint):
			dst = strconv.AppendBool(dst, m.Uint() != 0)
		case m.Is(3, protowire.Varint):
			dst = strconv.AppendInt(dst, m.Int(), 10)
		case m.Is(4, protowire.Fixed64):
			dst = appendFloat(dst, m.Double())
		case m.Is(5, protowire.Bytes), m.Is(6, protowire.Bytes):
			list := m.Number == 5
			opening, closing := byte('{'), byte('}')
			if list {
				opening, closing = '[', ']'
			}
			dst = append(dst, opening)
			first := true
			for v := m.Message(); err == nil; {
				if !v.Next() {
					err = v.Err()
					break
				}
				if !v.Is(1, protowire.Bytes) {
					continue
				}
				if !first {
					dst = append(dst, ',')
				}
				first = false
				if list {
					dst, err = r.anyValue(dst, v.Bytes(), depth+1)
				} else {
					dst, err = r.keyValue(dst, v.Bytes(), depth+1)
				}
			}
			dst = append(dst, closing)
		case m.Is(7, protowire.Bytes):
			dst = appendBase64(dst, m.Bytes())
		}
	}
	if err == nil {
		err = m.Err()
	}
	if len(dst) == start {
		dst = append(dst, "null"...)
	}
	return dst, err
}

// record writes a LogRecord.
func (r *records) record(b []byte) error {
	start := len(r.text)
	o := object{first: true}
	dst := append(r.text, '{')
	bodyStart, bodyEnd := 0, 0
	var err error
	m := protowire.NewReader(b)
	for m.Next() && err == nil {
		switch {
		case m.Is(1, protowire.Fixed64) && m.Uint() != 0:
			dst = appendQuoted(o.key(dst, "timeUnixNano"), strconv.AppendUint(nil, m.Uint(), 10))
		case m.Is(11, protowire.Fixed64) && m.Uint() != 0:
			dst = appendQuoted(o.key(dst, "observedTimeUnixNano"), strconv.AppendUint(nil, m.Uint(), 10))
		case m.Is(2, protowire.Varint):
			dst = strconv.AppendInt(o.key(dst, "severityNumber"), m.Int(), 10)
		case m.Is(3, protowire.Bytes) && len(m.Bytes()) > 0:
			dst = scan.AppendJSONString(o.key(dst, "severityText"), m.Bytes())
		case m.Is(5, protowire.Bytes):
			dst = o.key(dst, "body")
			bodyStart = len(dst)
			dst, err = r.anyValue(dst, m.Bytes(), 0)
			bodyEnd = len(dst)
		case m.Is(7, protowire.Varint) && m.Uint() != 0:
			dst = strconv.AppendUint(o.key(dst, "droppedAttributesCount"), m.Uint(), 10)
		case m.Is(8, protowire.Fixed32) && m.Uint() != 0:
			dst = strconv.AppendUint(o.key(dst, "flags"), m.Uint(), 10)
		case m.Is(9, protowire.Bytes) && len(m.Bytes()) > 0:
			dst = appendQuoted(o.key(dst, "traceId"), hex.AppendEncode(nil, m.Bytes()))
		case m.Is(10, protowire.Bytes) && len(m.Bytes()) > 0:
			dst = appendQuoted(o.key(dst, "spanId"), hex.AppendEncode(nil, m.Bytes()))
		case m.Is(12, protowire.Bytes) && len(m.Bytes()) > 0:
			dst = scan.AppendJSONString(o.key(dst, "eventName"), m.Bytes())
		}
	}
	if err == nil {
		err = m.Err()
	}
	if err == nil {
		dst, err = r.attributes(dst, b, 6, &o)
	}
	if err != nil {
		return err
	}
	r.text = dst
	r.add(start, bodyStart, bodyEnd, &o)
	return nil
}

// members calls f for each member of an object.
func (r *records) members(raw []byte, f func(key []byte, v parse.Value) error) error {
	it := json.Object(raw, &r.unquoted)
	var key []byte
	var v parse.Value
	for it.Next(&key, &v) {
		if err := f(key, v); err != nil {
			return err
		}
	}
	return nil
}

// elements calls f for each object in an array.
func (r *records) elements(v parse.Value, f func(raw []byte) error) error {
	if v.Kind() == parse.KindNull {
		return nil
	}
	if v.Kind() != parse.KindArray {
		return errJSON
	}
	it := json.Array(v.Bytes(), &r.unquoted)
	var key []byte
	var e parse.Value
	for it.Next(&key, &e) {
		if e.Kind() != parse.KindObject {
			return errJSON
		}
		if err := f(e.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// find returns the first member of an object with that name.
func (r *records) find(raw []byte, name string) (found parse.Value, ok bool) {
	_ = r.members(raw, func(key []byte, v parse.Value) error {
		if !ok && string(key) == name {
			found, ok = v, true
		}
		return nil
	})
	return found, ok
}

// json reads an ExportLogsServiceRequest in the JSON encoding of OTLP.
func (r *records) json(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' || !stdjson.Valid(b) {
		return errJSON
	}
	list, ok := r.find(b, "resourceLogs")
	if !ok {
		return nil
	}
	return r.elements(list, func(rl []byte) error {
		resource, _ := r.find(rl, "resource")
		scopes, ok := r.find(rl, "scopeLogs")
		if !ok {
			return nil
		}
		return r.elements(scopes, func(sl []byte) error {
			scope, _ := r.find(sl, "scope")
			around := r.around[:0]
			var err error
			if resource.Kind() == parse.KindObject {
				if around, err = r.jsonAttributed(append(around, `"resource":{`...), resource.Bytes(), false); err != nil {
					return err
				}
				around = append(around, '}')
			}
			if scope.Kind() == parse.KindObject {
				if len(around) > 0 {
					around = append(around, ',')
				}
				if around, err = r.jsonAttributed(append(around, `"scope":{`...), scope.Bytes(), true); err != nil {
					return err
				}
				around = append(around, '}')
			}
			r.around = around
			logs, ok := r.find(sl, "logRecords")
			if !ok {
				return nil
			}
			return r.elements(logs, r.jsonRecord)
		})
	})
}

func (r *records) jsonAttributed(dst, raw []byte, named bool) ([]byte, error) {
	o := object{first: true}
	err := r.members(raw, func(key []byte, v parse.Value) (err error) {
		switch k := string(key); {
		case k == "attributes":
			dst, err = r.jsonAttributes(dst, v, &o)
		case named && (k == "name" || k == "version") && v.Kind() == parse.KindString:
			dst = scan.AppendJSONString(o.key(dst, k), v.Bytes())
		}
		return err
	})
	return dst, err
}

func (r *records) jsonAttributes(dst []byte, list parse.Value, o *object) ([]byte, error) {
	begun := false
	err := r.elements(list, func(kv []byte) (err error) {
		if !begun {
			dst = append(o.key(dst, "attributes"), '{')
			begun = true
		} else {
			dst = append(dst, ',')
		}
		dst, err = r.jsonKeyValue(dst, kv, 0)
		return err
	})
	if begun {
		dst = append(dst, '}')
	}
	return dst, err
}

func (r *records) jsonKeyValue(dst, kv []byte, depth int) ([]byte, error) {
	key, _ := r.find(kv, "key")
	if key.Kind() != parse.KindString && key.Kind() != 0 {
		return dst, errJSON
	}
	value, _ := r.find(kv, "value")
	return r.jsonAny(append(scan.AppendJSONString(dst, key.Bytes()), ':'), value, depth)
}

func (r *records) jsonAny(dst []byte, any parse.Value, depth int) ([]byte, error) {
	if depth >= maxDepth {
		r.deep = true
		return append(dst, "null"...), nil
	}
	start := len(dst)
	if any.Kind() == parse.KindObject {
		err := r.members(any.Bytes(), func(key []byte, v parse.Value) (err error) {
			dst = dst[:start]
			switch string(key) {
			case "stringValue":
				dst = scan.AppendJSONString(dst, v.AppendText(nil))
			case "boolValue":
				dst = strconv.AppendBool(dst, v.Bool())
			case "intValue": // a number, or text as protobuf's JSON has it
				text := v.AppendText(nil)
				if _, err := strconv.ParseInt(string(text), 10, 64); err != nil {
					return errJSON
				}
				dst = append(dst, text...)
			case "doubleValue":
				f, err := strconv.ParseFloat(string(v.AppendText(nil)), 64)
				if err != nil && !errors.Is(err, strconv.ErrRange) {
					return errJSON
				}
				dst = appendFloat(dst, f)
			case "bytesValue":
				dst = scan.AppendJSONString(dst, v.AppendText(nil))
			case "arrayValue", "kvlistValue":
				list := string(key) == "arrayValue"
				opening, closing := byte('{'), byte('}')
				if list {
					opening, closing = '[', ']'
				}
				dst = append(dst, opening)
				values, _ := r.find(v.Bytes(), "values")
				first := true
				if values.Kind() != 0 {
					err = r.elements(values, func(e []byte) (err error) {
						if !first {
							dst = append(dst, ',')
						}
						first = false
						if list {
							dst, err = r.jsonAny(dst, parse.RawValue(parse.KindObject, e), depth+1)
						} else {
							dst, err = r.jsonKeyValue(dst, e, depth+1)
						}
						return err
					})
				}
				dst = append(dst, closing)
			}
			return err
		})
		if err != nil {
			return dst, err
		}
	}
	if len(dst) == start {
		dst = append(dst, "null"...)
	}
	return dst, nil
}

// texts are the members of a record in JSON that are written as text, numbers those
// that are numbers; zeros and empty texts are left out, as protobuf does.
var (
	texts   = []string{"timeUnixNano", "observedTimeUnixNano", "severityText", "traceId", "spanId", "eventName"}
	numbers = []string{"severityNumber", "droppedAttributesCount", "flags"}
)

func (r *records) jsonRecord(raw []byte) error {
	start := len(r.text)
	o := object{first: true}
	dst := append(r.text, '{')
	bodyStart, bodyEnd := 0, 0
	var attributes parse.Value
	err := r.members(raw, func(key []byte, v parse.Value) (err error) {
		switch k := string(key); {
		case k == "body":
			dst = o.key(dst, k)
			bodyStart = len(dst)
			dst, err = r.jsonAny(dst, v, 0)
			bodyEnd = len(dst)
		case k == "attributes":
			attributes = v
		case slices.Contains(texts, k):
			if text := v.AppendText(nil); len(text) > 0 && string(text) != "0" && v.Kind() != parse.KindNull {
				dst = scan.AppendJSONString(o.key(dst, k), text)
			}
		case slices.Contains(numbers, k) && v.Kind() == parse.KindInt:
			if v.Int() != 0 {
				dst = strconv.AppendInt(o.key(dst, k), v.Int(), 10)
			}
		}
		return err
	})
	if err == nil && attributes.Kind() != 0 {
		dst, err = r.jsonAttributes(dst, attributes, &o)
	}
	if err != nil {
		return err
	}
	r.text = dst
	r.add(start, bodyStart, bodyEnd, &o)
	return nil
}
