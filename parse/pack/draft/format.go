package draft

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
	"github.com/penstock-dev/penstock/parse/kernel/xml"
)

// sample is one line taken apart.
type sample struct {
	payload []byte
	header  bool
	app     string
	keys    []string // in order
	values  map[string]string
}

func (s *sample) add(key, value string) {
	if _, ok := s.values[key]; !ok && key != "" {
		s.keys = append(s.keys, key)
		s.values[key] = value
	}
}

// found is what the lines are.
type found struct {
	format  string // cef, leef, json, xml, kv, csv, text
	options string // of the layer, in YAML's flow form
	samples []*sample
	header  bool // syslog headers
	vendors []string
	// of csv
	separator byte
	columns   []string
	named     bool // the columns have names of their own
	headline  string
}

// takeApart removes syslog headers.
func takeApart(lines [][]byte) []*sample {
	var out []*sample
	var p syslog.Parser
	for _, line := range lines {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		s := &sample{payload: line, values: map[string]string{}}
		var m syslog.Message
		if line[0] != '{' && line[0] != '[' && p.Parse(line, &m) == nil && m.HeaderLen > 0 {
			s.header, s.app, s.payload = true, string(m.AppName), bytes.TrimSpace(m.Payload)
		}
		if len(s.payload) == 0 {
			continue // a header alone
		}
		out = append(out, s)
	}
	return out
}

func all(samples []*sample, test func(s *sample) bool) bool {
	return !slices.ContainsFunc(samples, func(s *sample) bool { return !test(s) })
}

// detect finds the format that all samples have.
func detect(lines [][]byte) *found {
	f := &found{samples: takeApart(lines)}
	f.header = slices.ContainsFunc(f.samples, func(s *sample) bool { return s.header })
	switch {
	case len(f.samples) == 0:
		f.format = "text"
	case all(f.samples, func(s *sample) bool { return cef.Find(s.payload) >= 0 }):
		f.format = "cef"
		f.readCEF()
	case all(f.samples, func(s *sample) bool { return leef.Find(s.payload) >= 0 }):
		f.format = "leef"
		f.readLEEF()
	case all(f.samples, func(s *sample) bool { return s.payload[0] == '{' && json.Valid(s.payload) }):
		f.format = "json"
		for _, s := range f.samples {
			s.readJSON()
		}
	case all(f.samples, func(s *sample) bool { return s.payload[0] == '<' && bytes.HasSuffix(s.payload, []byte(">")) }):
		f.format, f.options = "xml", "mode: generic"
		if all(f.samples, func(s *sample) bool { return bytes.Contains(s.payload, []byte("schemas.microsoft.com/win/")) }) {
			f.options = "mode: windows"
		} else {
			f.readXML()
		}
	case f.readKV():
		f.format = "kv"
	case f.readCSV():
		f.format = "csv"
	default:
		f.format = "text"
	}
	return f
}

func (f *found) vendor(format string, vendor, product parse.Value) {
	v := vendor.String() + "|" + product.String()
	if !slices.Contains(f.vendors, v) {
		f.vendors = append(f.vendors, v)
	}
}

func (f *found) readCEF() {
	for _, s := range f.samples {
		var h cef.Header
		text := s.payload[cef.Find(s.payload):]
		ext, err := cef.ParseHeader(text, &h)
		if err != nil {
			continue
		}
		f.vendor("cef", h.Vendor, h.Product)
		s.add("cef.class_id", h.ClassID.String())
		s.add("cef.name", h.Name.String())
		s.add("cef.severity", h.Severity.String())
		s.add("cef.device_version", h.DeviceVersion.String())
		for it := cef.Iterate(ext); it.Next(); {
			s.add(string(it.Key()), string(it.Value()))
		}
	}
}

func (f *found) readLEEF() {
	keys, err := parse.NewKeys(nil, nil)
	if err != nil {
		return
	}
	rd := leef.NewReader(keys)
	for _, s := range f.samples {
		var h leef.Header
		attrs, err := leef.ParseHeader(s.payload[leef.Find(s.payload):], &h)
		if err != nil {
			continue
		}
		f.vendor("leef", h.Vendor, h.Product)
		s.add("leef.class_id", h.EventID.String())
		s.add("leef.device_version", h.ProductVersion.String())
		var fr parse.Frame
		var text arena.Bytes
		fr.KeepRest = true
		fr.Reset(0, &text)
		if rd.Read(attrs, h.Delimiter, &fr) == nil {
			s.rest(&fr)
		}
	}
}

// readXML reads elements and attributes as the layer does.
func (f *found) readXML() {
	rd, err := xml.NewReader(xml.Generic, nil, nil, xml.Options{})
	if err != nil {
		return
	}
	for _, s := range f.samples {
		var fr parse.Frame
		var text arena.Bytes
		fr.KeepRest = true
		fr.Reset(0, &text)
		if rd.Read(s.payload, &fr) == nil {
			s.rest(&fr)
		}
	}
}

func (s *sample) rest(fr *parse.Frame) {
	for _, p := range fr.Rest {
		s.add(string(p.Key), p.Value.String())
	}
}

func (s *sample) readJSON() {
	d := json.NewDecoder(bytes.NewReader(s.payload))
	d.UseNumber()
	var root map[string]any
	if d.Decode(&root) != nil {
		return
	}
	var walk func(path string, v any, depth int)
	walk = func(path string, v any, depth int) {
		if m, ok := v.(map[string]any); ok && len(m) > 0 && depth < 8 {
			keys := make([]string, 0, len(m))
			for k := range m {
				keys = append(keys, k)
			}
			sort.Strings(keys)
			for _, k := range keys {
				elem := k
				if strings.ContainsAny(k, ".[]\" ") || k == "" {
					elem = `"` + k + `"`
				}
				walk(strings.TrimPrefix(path+"."+elem, "."), m[k], depth+1)
			}
			return
		}
		switch v := v.(type) {
		case nil:
		case string:
			s.add(path, v)
		default:
			text, _ := json.Marshal(v)
			s.add(path, string(text))
		}
	}
	walk("", root, 0)
}

// dialects are the kinds of key=value text that are tried, plain ones first.
var dialects = []struct {
	yaml string
	make func() kv.Options
}{
	{"", func() kv.Options { return kv.Options{} }},
	{"pairs: ','", func() kv.Options { return kv.Options{PairSeparators: ","} }},
	{"pairs: ';'", func() kv.Options { return kv.Options{PairSeparators: ";"} }},
	{"pairs: '|'", func() kv.Options { return kv.Options{PairSeparators: "|"} }},
	{"pairs: \"\\t\"", func() kv.Options { return kv.Options{PairSeparators: "\t"} }},
	{"pairs: ',', keys: ':'", func() kv.Options { return kv.Options{PairSeparators: ",", KeySeparators: ":"} }},
	{"preset: checkpoint", kv.CheckPoint},
}

// readKV tries the dialects of key=value; it reports whether one reads all samples.
func (f *found) readKV() bool {
	keys, err := parse.NewKeys(nil, nil)
	if err != nil {
		return false
	}
	best, bestYAML, bestScore := []*sample(nil), "", 0
	for _, d := range dialects {
		format, err := kv.New(withStray(d.make()))
		if err != nil {
			continue
		}
		rd := format.NewReader(keys.Clone())
		var trial []*sample
		score := 0
		for _, s := range f.samples {
			c := &sample{payload: s.payload, header: s.header, app: s.app, values: map[string]string{}}
			var fr parse.Frame
			var text arena.Bytes
			fr.KeepRest = true
			fr.Reset(0, &text)
			if rd.Read(s.payload, &fr) != nil || len(fr.Rest) < 3 {
				score = -1
				break
			}
			c.rest(&fr)
			good := 0
			for _, k := range c.keys {
				if plainKey(k) && !strings.HasSuffix(c.values[k], ",") && !strings.HasSuffix(c.values[k], ";") {
					good++
				}
			}
			_, stray := rd.Stray()
			if good < 3 || 2*good < len(c.keys) || 2*good < len(bytes.Fields(stray)) {
				score = -1
				break
			}
			score += good - len(bytes.Fields(stray))
			trial = append(trial, c)
		}
		if score > bestScore {
			best, bestYAML, bestScore = trial, d.yaml, score
		}
	}
	if best == nil {
		return false
	}
	f.samples, f.options = best, bestYAML
	return true
}

func withStray(o kv.Options) kv.Options {
	o.KeepStray = true
	return o
}

func plainKey(k string) bool {
	if k == "" || len(k) > 64 {
		return false
	}
	for _, c := range []byte(k) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// readCSV reports whether all samples have the same separator about as often.
func (f *found) readCSV() bool {
	for _, sep := range []byte{'\t', ',', '|', ';'} {
		least, most := 1<<30, 0
		rows := make([][]string, len(f.samples))
		for i, s := range f.samples {
			rows[i] = splitRow(string(s.payload), sep)
			least, most = min(least, len(rows[i])), max(most, len(rows[i]))
		}
		if least < 5 || most-least > 4 {
			continue
		}
		if sep == ',' && most-least > 0 && len(f.samples) > 1 && least < 8 {
			continue // prose has commas too
		}
		f.separator = sep
		if len(rows) > 1 && isHeadline(rows[0], rows[1]) {
			f.named, f.headline = true, string(f.samples[0].payload)
			for _, name := range rows[0] {
				f.columns = append(f.columns, cleanName(name))
			}
			rows, f.samples = rows[1:], f.samples[1:]
		}
		for i := len(f.columns); i < most; i++ {
			f.columns = append(f.columns, "column"+itoa(i+1))
		}
		for i, r := range rows {
			for k, v := range r {
				if v != "" {
					f.samples[i].add(f.columns[k], v)
				}
			}
		}
		return true
	}
	return false
}

// isHeadline tells a row of names from one of values: all are plain, different, and of the
// values some are not.
func isHeadline(row, next []string) bool {
	seen := map[string]bool{}
	for _, c := range row {
		c = cleanName(c)
		if c == "" || seen[c] || strings.Trim(c, "0123456789._-") == "" || !plainKey(c) {
			return false
		}
		seen[c] = true
	}
	return slices.ContainsFunc(next, func(v string) bool { return strings.ContainsAny(v, "0123456789") })
}

func cleanName(s string) string {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), `"#`))
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, strings.TrimSpace(s))
}

func splitRow(line string, sep byte) []string {
	var out []string
	quoted := false
	start := 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || line[i] == sep && !quoted:
			out = append(out, strings.Trim(strings.TrimSpace(line[start:i]), `"`))
			start = i + 1
		case line[i] == '"':
			quoted = !quoted
		}
	}
	return out
}
