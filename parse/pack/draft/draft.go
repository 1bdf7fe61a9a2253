package draft

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/parse/pack"
)

// New returns the text of a pack.yaml for the product whose lines these are. name is the
// pack's, of the form module.dataset. It fails for no lines and for a wrong name; the text
// that it returns compiles.
func New(name string, lines [][]byte) ([]byte, error) {
	f := detect(lines)
	if len(f.samples) == 0 {
		return nil, errors.New("draft: no lines to look at")
	}
	src := f.write(name)
	if _, err := pack.Compile("pack.yaml", src); err != nil {
		if f.format != "text" {
			return nil, fmt.Errorf("draft: %w", err)
		}
		f.format = "line" // the guessed patterns contradict each other
		src = f.write(name)
		if _, err := pack.Compile("pack.yaml", src); err != nil {
			return nil, fmt.Errorf("draft: %w", err)
		}
	}
	return src, nil
}

// Format says what the lines are, in the words of the pack language: cef, leef, json, xml,
// kv, csv or text.
func Format(lines [][]byte) string { return detect(lines).format }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteAll(list []string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = quote(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

func (f *found) write(name string) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	module, dataset, ok := strings.Cut(name, ".")
	if !ok {
		dataset = name
	}
	vendor, product := title(module), title(dataset)
	if len(f.vendors) > 0 {
		vendor, product, _ = strings.Cut(f.vendors[0], "|")
	}
	line("# A draft made from %d lines. Read it against the vendor's field list: the names of keys are guesses.", len(f.samples))
	line("name: %s", name)
	line("vendor: %s", quote(vendor))
	line("product: %s", quote(product))
	line("version: 0.1.0")
	line("docs: []  # where the vendor lists the fields")
	f.signatures(line)
	line("nulls: ['-', 'N/A']")
	line("set:")
	line("  observer.vendor: %s", quote(vendor))
	line("  observer.product: %s", quote(product))

	var entries []entry
	var left, texts []string
	switch f.format {
	case "text":
		list, names := patterns(f.samples)
		texts = list
		entries, left = captures(names)
	case "line":
	case "xml":
		if f.options == "mode: windows" {
			entries = []entry{{"event.code", "event_id"}, {"event.provider", "provider_name"}, {"host.name", "computer_name"}}
		} else {
			entries, left = mapped(f.samples)
		}
	default:
		entries, left = mapped(f.samples)
	}
	action := f.actionTable(entries, line)
	line("steps:")
	if f.header {
		line("  - syslog: {}")
	}
	switch f.format {
	case "text":
		line("  - text:")
		for _, t := range texts {
			line("      - %s", quote(t))
		}
	case "line":
		line("  - text: '<line:rest>'")
		line("    map: {message: line}")
	case "csv":
		sep := string(f.separator)
		if f.separator == '\t' {
			sep = "tab"
		}
		if f.headline != "" && printable(strings.ReplaceAll(f.headline, "\t", "")) {
			line("  - when: %s", quote("message == "+expressionText(f.headline)))
			line("    drop: true  # the row of names")
		}
		line("  - csv:")
		line("      separator: %s", quote(sep))
		line("      columns: [%s]", strings.Join(f.columns, ", "))
		least := len(f.columns)
		for _, s := range f.samples {
			least = min(least, len(splitRow(string(s.payload), f.separator)))
		}
		line("      least: %d", least)
	default:
		line("  - %s: {%s}", f.format, f.options)
	}
	if f.format == "line" {
		return []byte(b.String())
	}
	fields := map[string]bool{}
	for _, e := range entries {
		fields[e.field] = true
	}
	if fields["source.ip"] && fields["destination.ip"] {
		line("    set: {event.category: network}")
	}
	if action != "" {
		line("    lookup: {table: action, key: %s}", quote(action+" | lower"))
	}
	if len(entries) > 0 {
		line("    map:")
		for _, e := range entries {
			line("      %s: %s", e.field, yamlText(e.expr))
		}
	}
	if len(left) > 0 {
		line("      # Not mapped, and so kept below %s:", name)
		examples := map[string]string{}
		for _, s := range f.samples {
			for _, k := range s.keys {
				if examples[k] == "" {
					examples[k] = s.values[k]
				}
			}
		}
		for _, k := range left {
			line("      #   %s  %s", oneLine(nativeName(k), 80), oneLine(examples[k], 80))
		}
	}
	return []byte(b.String())
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// yamlText quotes an expression where YAML would read something else.
func yamlText(e string) string {
	if strings.ContainsAny(e, "`#:{}[],&*!%@'\"") || strings.HasPrefix(e, "-") || slices.Contains([]string{"null", "yes", "no", "on", "off", "~"}, e) {
		return quote(e)
	}
	return e
}

func expressionText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(s) + `"`
}

// verbs tell what an action did.
var verbs = []struct {
	words string
	typ   string
}{
	{"accept accepted allow allowed permit permitted pass passed forward forwarded", "allowed"},
	{"deny denied drop dropped block blocked reject rejected refuse refused", "denied"},
}

// actionTable writes a lookup of the actions whose meaning is known, and returns the
// expression of the action, or "" where there is none.
func (f *found) actionTable(entries []entry, line func(string, ...any)) string {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.field == "event.action" })
	if i < 0 {
		return ""
	}
	key := strings.Trim(entries[i].expr, "`")
	rows := map[string]string{}
	for _, s := range f.samples {
		v := strings.ToLower(s.values[key])
		for _, verb := range verbs {
			if slices.Contains(strings.Fields(verb.words), v) {
				rows[v] = verb.typ
			}
		}
	}
	if len(rows) == 0 {
		return ""
	}
	var names []string
	for v := range rows {
		names = append(names, v)
	}
	sort.Strings(names)
	line("lookups:")
	line("  action:")
	line("    default: null")
	line("    rows:")
	for _, v := range names {
		line("      %s: {event.type: [connection, %s], event.outcome: success}", v, rows[v])
	}
	return entries[i].expr
}

// captures maps the captures of guessed patterns.
func captures(names []string) (entries []entry, left []string) {
	for _, c := range []struct{ field, names string }{
		{"source.ip", "from_ip src_ip source_ip client_ip ip"},
		{"source.port", "from_port src_port source_port"},
		{"destination.ip", "to_ip dst_ip destination_ip server_ip"},
		{"destination.port", "to_port dst_port destination_port"},
		{"user.name", "user user_word for_word username"},
	} {
		for _, n := range strings.Fields(c.names) {
			if slices.Contains(names, n) {
				entries = append(entries, entry{c.field, nativeName(n)})
				break
			}
		}
	}
	if slices.Contains(names, "_time") {
		entries = append([]entry{{"timestamp", "_time"}}, entries...)
		names = slices.DeleteFunc(names, func(n string) bool { return n == "_time" })
	}
	for _, n := range names {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.expr == nativeName(n) }) {
			left = append(left, n)
		}
	}
	return entries, left
}

// signatures writes how the pack is recognised: by what all samples have, or says that they
// have nothing of the kind.
func (f *found) signatures(line func(string, ...any)) {
	told := false
	f.signs(func(format string, args ...any) {
		if !told {
			line("detect:")
		}
		told = true
		line(format, args...)
	})
	if !told {
		line("# detect: is missing, so that the pack is found by name alone: what do all messages of this product have, and no others?")
	}
}

func (f *found) signs(line func(string, ...any)) {
	switch f.format {
	case "cef", "leef":
		line("  - %s: %s", f.format, quoteAll(f.vendors))
	case "json":
		if keys := f.common(func(k string) bool { return !strings.ContainsAny(k, `=^!"[]`) }); len(keys) > 0 {
			line("  - json: %s", quoteAll(keys))
		}
	case "kv":
		keys := f.common(plainKey)
		sep := "="
		if strings.Contains(f.options, "':'") || strings.Contains(f.options, "checkpoint") {
			sep = ":"
		}
		for i := range keys {
			keys[i] += sep
		}
		if all(f.samples, func(s *sample) bool {
			return !slices.ContainsFunc(keys, func(k string) bool { return !strings.Contains(string(s.payload), k) })
		}) && len(keys) > 0 {
			line("  - contains: %s", quoteAll(keys))
		}
	case "csv":
		if f.separator == '\t' {
			return
		}
		line("  - columns: {separator: %s, least: %d, most: %d}  # add what only this product writes", quote(string(f.separator)), max(2, len(f.columns)-4), len(f.columns)+4)
		if re := f.rowExpression(); re != "" {
			line("    regex: %s", quote(re))
			if f.headline != "" && printable(f.headline) {
				line("  - starts: %s", quoteAll([]string{f.headline})) // else the row of names is nobody's
			}
		}
	case "xml":
		root, _, _ := strings.Cut(strings.Trim(string(f.samples[0].payload), "<?>/ "), " ")
		root, _, _ = strings.Cut(root, ">")
		if all(f.samples, func(s *sample) bool { return strings.Contains(string(s.payload), root) }) && root != "" {
			line("  - xml: %s", quoteAll([]string{root}))
		}
	default:
		var apps []string
		for _, s := range f.samples {
			if s.app == "" {
				apps = nil
				break
			}
			if !slices.Contains(apps, s.app) {
				apps = append(apps, s.app)
			}
		}
		if len(apps) > 0 {
			line("  - app: %s", quoteAll(apps))
			return
		}
		if word := f.commonWord(); word != "" {
			line("  - contains: %s", quoteAll([]string{word}))
			return
		}
		for _, signs := range f.patternSigns() {
			line("  - contains: %s", quoteAll(signs))
		}
	}
}

// rowExpression matches how all rows begin: with times, addresses and numbers in their
// columns. It is empty where no row has any of them.
func (f *found) rowExpression() string {
	var b strings.Builder
	b.WriteByte('^')
	told := 0 // the expression up to the last column that says something
	sep := regexp.QuoteMeta(string(f.separator))
	for i, c := range f.columns {
		var values []string
		for _, s := range f.samples {
			if v, ok := s.values[c]; ok {
				values = append(values, v)
			}
		}
		if i > 0 {
			b.WriteString(sep)
		}
		switch {
		case len(values) == 0:
			b.WriteString(`(?:"[^"]*"|[^` + sep + `]*)`)
			continue
		case every(values, isDateTime):
			b.WriteString(`"?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^` + sep + `]*`)
		case every(values, isIP):
			b.WriteString(`"?[0-9a-fA-F.:]+"?`)
		case every(values, isInt):
			b.WriteString(`"?-?\d+"?`)
		default:
			b.WriteString(`(?:"[^"]*"|[^` + sep + `]*)`)
			continue
		}
		told = b.Len()
	}
	return b.String()[:told]
}

// isDateTime reports whether a text begins with a date and a time as ISO 8601 has them.
func isDateTime(v string) bool {
	return len(v) >= 19 && v[4] == '-' && v[7] == '-' && (v[10] == 'T' || v[10] == ' ') && v[13] == ':' && v[16] == ':' &&
		!strings.ContainsFunc(v[:4]+v[5:7]+v[8:10]+v[11:13]+v[14:16]+v[17:19], func(r rune) bool { return r < '0' || r > '9' })
}

// common are some keys that all samples have, the longest and so most telling first.
func (f *found) common(ok func(string) bool) []string {
	var keys []string
	for _, k := range f.samples[0].keys {
		if ok(k) && all(f.samples, func(s *sample) bool { _, has := s.values[k]; return has }) {
			keys = append(keys, k)
		}
	}
	sort.SliceStable(keys, func(i, j int) bool { return len(keys[i]) > len(keys[j]) })
	return keys[:min(len(keys), 4)]
}

// patternSigns are the longest texts of each of the patterns that the samples have, none if
// that of one says too little to tell it from other products' lines.
func (f *found) patternSigns() (all [][]string) {
	list, _ := patterns(f.samples)
	if len(list) > maxPatternSigns {
		return nil
	}
	for _, p := range list {
		texts := literals(p)
		slices.SortStableFunc(texts, func(a, b string) int { return len(b) - len(a) })
		texts = texts[:min(len(texts), 2)]
		if letters := strings.Map(letterOnly, strings.Join(texts, "")); len(letters) < 12 {
			return nil
		}
		all = append(all, texts)
	}
	for _, s := range f.samples {
		if !slices.ContainsFunc(all, func(texts []string) bool {
			return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(string(s.payload), t) })
		}) {
			return nil
		}
	}
	return all
}

// maxPatternSigns is how many kinds of lines a draft is told by.
const maxPatternSigns = 16

func letterOnly(r rune) rune {
	if r|0x20 >= 'a' && r|0x20 <= 'z' {
		return r
	}
	return -1
}

// literals are the texts of a pattern that stand between its captures.
func literals(pattern string) (out []string) {
	var b strings.Builder
	add := func() {
		if t := strings.TrimSpace(b.String()); t != "" && printable(t) {
			out = append(out, t)
		}
		b.Reset()
	}
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			if i++; i < len(pattern) {
				b.WriteByte(pattern[i])
			}
		case '<':
			add()
			i += max(strings.IndexByte(pattern[i:], '>'), 0)
		default:
			b.WriteByte(pattern[i])
		}
	}
	add()
	return out
}

// commonWord is the longest word that all payloads hold.
func (f *found) commonWord() string {
	best := ""
	for _, w := range strings.Fields(string(f.samples[0].payload)) {
		if len(w) > len(best) && len(w) > 3 && !strings.ContainsAny(w, "0123456789") &&
			all(f.samples, func(s *sample) bool { return strings.Contains(string(s.payload), w) }) {
			best = w
		}
	}
	return best
}
