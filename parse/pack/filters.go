package pack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
)

// filterFunc changes a value that is present. ok false means that the value is not
// what the filter is for: the field is left out and the mismatch counted.
type filterFunc func(s *state, v parse.Value) (w parse.Value, ok bool)

// filterSpec describes one filter of the language.
type filterSpec struct {
	args string // for messages and the schema
	doc  string
	// lossy: the result does not hold everything that the input did, so the input is
	// kept among the vendor's fields.
	lossy bool
	// list: the filter wants a list as a whole; others are applied to each element.
	list bool
	make func(c *compiler, y *yaml.Node, n *node) (filterFunc, error)
}

func plain(f filterFunc) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		if len(n.args) > 1 {
			return nil, c.at(y, n.at, "filter %s takes no arguments", n.text)
		}
		return f, nil
	}
}

// textArgs are the constant texts of a filter's arguments.
func textArgs(c *compiler, y *yaml.Node, n *node, least, most int) ([]string, error) {
	args := n.args[1:]
	if len(args) < least || len(args) > most {
		return nil, c.at(y, n.at, "filter %s takes %d to %d arguments, not %d", n.text, least, most, len(args))
	}
	out := make([]string, len(args))
	for i, a := range args {
		if a.kind != nodeString && a.kind != nodeNumber && a.kind != nodeName {
			return nil, c.at(y, a.at, "filter %s takes constants", n.text)
		}
		out[i] = a.text
	}
	return out, nil
}

// textFilter makes a filter of a function on text. A nil result means absent.
func textFilter(f func(s *state, b []byte) []byte) filterFunc {
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := f(s, s.text(v))
		if len(b) == 0 {
			return parse.Value{}, true
		}
		return parse.BytesValue(b), true
	}
}

func intScale(unit int64) filterFunc {
	return func(s *state, v parse.Value) (parse.Value, bool) {
		if i, ok := s.integer(v); ok {
			r := i * unit
			if unit != 0 && r/unit != i {
				return parse.Value{}, false
			}
			return parse.IntValue(r), true
		}
		f, ok := s.number(v)
		if !ok || math.IsNaN(f) || math.Abs(f*float64(unit)) >= 1<<63 {
			return parse.Value{}, false
		}
		return parse.IntValue(int64(math.Round(f * float64(unit)))), true
	}
}

// filters is the table of all filters. It is made once for each compiler.
func filters() map[string]filterSpec {
	return map[string]filterSpec{
		"lower": {doc: "lower case", make: plain(textFilter(func(s *state, b []byte) []byte {
			if scan.IsASCII(b) {
				for _, ch := range b {
					if ch >= 'A' && ch <= 'Z' {
						return s.frame.Text.Keep(scan.AppendLower(s.frame.Text.Scratch(len(b)), b))
					}
				}
				return b
			}
			return s.frame.Text.Copy(bytes.ToLower(b))
		}))},
		"kept": {doc: "the value as it is, which is kept among the vendor's fields all the same", lossy: true,
			make: plain(func(_ *state, v parse.Value) (parse.Value, bool) { return v, true })},
		"upper": {doc: "upper case", make: plain(textFilter(func(s *state, b []byte) []byte {
			return s.frame.Text.Copy(bytes.ToUpper(b))
		}))},
		"capitalize": {doc: "first letter upper case, the others lower case", make: plain(textFilter(func(s *state, b []byte) []byte {
			d := s.frame.Text.Copy(bytes.ToLower(b))
			if len(d) > 0 && d[0] >= 'a' && d[0] <= 'z' {
				d[0] -= 'a' - 'A'
			}
			return d
		}))},
		"trim":   {args: "(characters)?", doc: "take spaces, or the given characters, off both ends", make: trimFilter(bytes.Trim)},
		"ltrim":  {args: "(characters)?", doc: "take spaces, or the given characters, off the start", make: trimFilter(bytes.TrimLeft)},
		"rtrim":  {args: "(characters)?", doc: "take spaces, or the given characters, off the end", make: trimFilter(bytes.TrimRight)},
		"unless": {args: "(text, …)", doc: "absent when the value is one of the texts (letter case aside)", make: unlessFilter},
		"replace": {args: "(old, new)", doc: "replace every occurrence", make: func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
			a, err := textArgs(c, y, n, 2, 2)
			if err != nil {
				return nil, err
			}
			from, to := []byte(a[0]), []byte(a[1])
			return textFilter(func(s *state, b []byte) []byte {
				i := bytes.Index(b, from)
				if i < 0 || len(from) == 0 {
					return b
				}
				out := s.frame.Text.Scratch(len(b) + bytes.Count(b, from)*max(0, len(to)-len(from)))
				for ; i >= 0; i = bytes.Index(b, from) {
					out = append(append(out, b[:i]...), to...)
					b = b[i+len(from):]
				}
				return s.frame.Text.Keep(append(out, b...))
			}), nil
		}},
		"strip_prefix": {args: "(text)", doc: "take the text off the start if it is there", make: cutFilter(func(b, sep []byte) []byte { return bytes.TrimPrefix(b, sep) }, false)},
		"strip_suffix": {args: "(text)", doc: "take the text off the end if it is there", make: cutFilter(func(b, sep []byte) []byte { return bytes.TrimSuffix(b, sep) }, false)},
		"before":       {args: "(text)", doc: "what stands before the first occurrence; absent without one", lossy: true, make: cutFilter(before, false)},
		"before_last":  {args: "(text)", doc: "what stands before the last occurrence; absent without one", lossy: true, make: cutFilter(beforeLast, false)},
		"after":        {args: "(text)", doc: "what stands after the first occurrence; absent without one", lossy: true, make: cutFilter(after, false)},
		"after_last":   {args: "(text)", doc: "what stands after the last occurrence; absent without one", lossy: true, make: cutFilter(afterLast, false)},
		"head":         {args: "(text)", doc: "what stands before the first occurrence, or everything", lossy: true, make: cutFilter(before, true)},
		"tail":         {args: "(text)", doc: "what stands after the last occurrence, or everything", lossy: true, make: cutFilter(afterLast, true)},
		"split":        {args: "(separator)", doc: "list of the parts, each trimmed, empty ones left out", make: splitFilter},
		"list":         {doc: "a JSON array, or a text that holds one, as a list", list: true, make: plain(toList)},
		"at":           {args: "(n)", doc: "the n-th element of a list, from 0; negative from the end", lossy: true, list: true, make: atFilter},
		"join":         {args: "(separator)", doc: "the elements of a list as one text", list: true, make: joinFilter},
		"regex":        {args: "(expression)", doc: "first group of a linear-time regular expression; the last resort", lossy: true, make: regexFilter},
		"lookup":       {args: "(table, column?)", doc: "the row's value in a table of the pack", lossy: true, make: lookupFilter},
		"int":          {doc: "a whole number", make: plain(func(s *state, v parse.Value) (parse.Value, bool) { i, ok := s.integer(v); return parse.IntValue(i), ok })},
		"float": {doc: "a number", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			f, ok := s.number(v)
			return wholeOrFloat(f), ok
		})},
		"round": {doc: "nearest whole number", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			f, ok := s.number(v)
			return parse.IntValue(int64(math.Round(f))), ok && math.Abs(f) < 1<<53
		})},
		"hex": {doc: "a whole number written in hexadecimal, with or without 0x", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			t := strings.TrimSpace(string(s.text(v)))
			t = strings.TrimPrefix(strings.TrimPrefix(t, "0x"), "0X")
			u, err := strconv.ParseUint(t, 16, 63)
			return parse.IntValue(int64(u)), err == nil
		})},
		"auto_int": {doc: "a whole number, in hexadecimal where it begins with 0x", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			i, ok := parseBits(string(s.text(v)))
			neg := i < 0 && bytes.IndexByte(s.text(v), '-') < 0 // beyond 63 bits
			return parse.IntValue(i), ok && !neg
		})},
		"bool":   {doc: "true or false", make: plain(func(s *state, v parse.Value) (parse.Value, bool) { return toBool(s, v) })},
		"string": {doc: "text", make: plain(func(s *state, v parse.Value) (parse.Value, bool) { return parse.BytesValue(s.text(v)), true })},
		"ip":     {doc: "an IP address; anything else is left out without being counted", make: plain(ipFilter)},
		"not_ip": {doc: "the text unless it is an IP address", make: plain(notIPFilter)},
		"host":   {doc: "the host of host:port, [v6]:port, or of a host alone", lossy: true, make: plain(hostOfFilter)},
		"port":   {doc: "the port of host:port or [v6]:port", lossy: true, make: plain(portOfFilter)},
		"nonzero": {doc: "absent when 0", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			if i, ok := s.integer(v); ok && i == 0 {
				return parse.Value{}, true
			}
			return v, true
		})},
		"mul":         {args: "(n)", doc: "times n", make: mulFilter},
		"seconds":     {doc: "seconds to nanoseconds", make: plain(intScale(1e9))},
		"millis":      {doc: "milliseconds to nanoseconds", make: plain(intScale(1e6))},
		"micros":      {doc: "microseconds to nanoseconds", make: plain(intScale(1e3))},
		"duration":    {doc: "H:MM:SS, 1h2m3s, 15ms, 1d 02:03:04 to nanoseconds", make: plain(durationFilter)},
		"size":        {doc: "10 KB, 1.5MiB, 2G to bytes", make: plain(sizeFilter)},
		"time":        {args: "(layout, …, zone?)", doc: "an instant, by the first layout that fits; a name instead of a text gives the zone", make: timeFilter},
		"epoch":       {doc: "an instant, in seconds, milli-, micro- or nanoseconds told by the digits", make: namedTime("unix_auto")},
		"epoch_s":     {doc: "an instant, in seconds since 1970", make: namedTime("unix")},
		"epoch_ms":    {doc: "an instant, in milliseconds since 1970", make: namedTime("unix_ms")},
		"epoch_us":    {doc: "an instant, in microseconds since 1970", make: namedTime("unix_us")},
		"epoch_ns":    {doc: "an instant, in nanoseconds since 1970", make: namedTime("unix_ns")},
		"filetime":    {doc: "an instant, as Windows FILETIME", make: namedTime("win_filetime")},
		"protocol":    {doc: "lower-case name of an Internet protocol, from its number or name", make: plain(protocolFilter)},
		"user_name":   {doc: "the name of DOMAIN\\name; anything else as it is", lossy: true, make: plain(userNameFilter)},
		"user_domain": {doc: "the domain of DOMAIN\\name; absent without one", lossy: true, make: plain(userDomainFilter)},
		"mail_name":   {doc: "what stands before the @; everything without one", lossy: true, make: cutFilterConst(before, "@", true)},
		"mail_domain": {doc: "what stands after the @; absent without one", lossy: true, make: cutFilterConst(afterLast, "@", false)},
		"basename": {doc: "the last element of a Windows or POSIX path", lossy: true, make: plain(textFilter(func(_ *state, b []byte) []byte {
			return b[bytes.LastIndexAny(b, `/\`)+1:]
		}))},
		"percent_decode": {doc: "%41 to A", make: plain(textFilter(func(s *state, b []byte) []byte {
			if bytes.IndexByte(b, '%') < 0 {
				return b
			}
			out := s.frame.Text.Scratch(len(b))
			for i := 0; i < len(b); i++ {
				if b[i] != '%' {
					out = append(out, b[i])
					continue
				}
				if i+2 >= len(b) {
					return b
				}
				n, ok := scan.ParseHex(b[i+1 : i+3])
				if !ok {
					return b
				}
				out = append(out, byte(n))
				i += 2
			}
			return s.frame.Text.Keep(out)
		}))},
		"hex_decode": {doc: "hexadecimal text to the text it stands for, if that is UTF-8", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			d, err := hex.DecodeString(string(bytes.TrimSpace(s.text(v))))
			d = bytes.TrimRight(d, "\x00")
			if err != nil || !utf8.Valid(d) {
				return v, true
			}
			for i, ch := range d { // audit separates arguments by NUL
				if ch == 0 {
					d[i] = ' '
				}
			}
			return parse.BytesValue(s.frame.Text.Copy(d)), true
		})},
		"audit_hex": {doc: "a text that auditd wrote in hexadecimal, as it does with blanks and quotes; a quoted value or any other as it is",
			make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
				if v.Flags()&parse.Quoted != 0 {
					return v, true
				}
				s.scratch = s.scratch[:0]
				d, ok := kv.AppendHex(s.scratch, s.text(v))
				d = bytes.TrimRight(d, "\x00")
				if !ok || len(d) == 0 || !utf8.Valid(d) {
					return v, true
				}
				s.scratch = d
				for i, ch := range d { // between arguments
					if ch == 0 {
						d[i] = ' '
					}
				}
				return parse.BytesValue(s.frame.Text.Copy(d)), true
			})},
		"base64_decode": {doc: "base64 to the text it stands for, if that is UTF-8", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			b := s.text(v)
			n := base64.StdEncoding.DecodedLen(len(b))
			d := s.frame.Text.Scratch(n)[:n]
			n, err := base64.StdEncoding.Decode(d, b)
			if err != nil || !utf8.Valid(d[:n]) {
				return parse.Value{}, false
			}
			return parse.BytesValue(s.frame.Text.Keep(d[:n])), true
		})},
		"flags":     {args: "(table)", doc: "a bit set to the list of its labels by a table of the pack, keys being the bits", lossy: true, make: flagsFilter},
		"pick":      {args: "(key, wanted, value?)", doc: "from an array of objects, the member value (default Value) of the first whose member key equals wanted", lossy: true, list: true, make: pickFilter},
		"objects":   {args: "(new=old, …)", doc: "from an array of objects, one with these members under new names; new=. is the element itself", lossy: true, list: true, make: objectsFilter},
		"pluck":     {args: "(member)", doc: "from an array of objects, the list of one member", lossy: true, list: true, make: pluckFilter},
		"get":       {args: "(member)", doc: "a member of an object", lossy: true, make: getFilter},
		"hash_type": {args: "(type)", doc: "a hash, if it has the length of md5, sha1, sha256, sha512", lossy: true, make: hashFilter},
		"unescape": {doc: `\n, \t, \", \\ and the like in a text to what they stand for`, make: plain(textFilter(func(s *state, b []byte) []byte {
			if bytes.IndexByte(b, '\\') < 0 {
				return b
			}
			out := make([]byte, 0, len(b))
			for i := 0; i < len(b); i++ {
				if b[i] == '\\' && i+1 < len(b) {
					i++
					switch b[i] {
					case 'n':
						out = append(out, '\n')
					case 't':
						out = append(out, '\t')
					case 'r':
						out = append(out, '\r')
					default:
						out = append(out, b[i])
					}
					continue
				}
				out = append(out, b[i])
			}
			return s.frame.Text.Copy(out)
		}))},
	}
}

func (c *compiler) filter(y *yaml.Node, n *node) (evalFunc, error) {
	in, err := c.value(y, n.args[0])
	if err != nil {
		return nil, err
	}
	spec, ok := c.filters[n.text]
	if !ok {
		var names []string
		for name := range c.filters {
			names = append(names, name)
		}
		sort.Strings(names)
		return nil, c.at(y, n.at, "filter %q is not known%s", n.text, didYouMean(n.text, names))
	}
	f, err := spec.make(c, y, n)
	if err != nil {
		return nil, err
	}
	lossy, whole := spec.lossy, spec.list
	return func(s *state) parse.Value {
		mark := s.ntouched
		v := in(s)
		if !present(v) {
			return parse.Value{}
		}
		if v.Kind() == parse.KindList && !whole {
			from := v.List()
			to := s.rec.Lists().Alloc(len(from))[:0]
			for _, e := range from {
				if w, ok := f(s, e); ok && present(w) {
					to = append(to, w)
				}
			}
			if len(to) == 0 {
				return parse.Value{}
			}
			return parse.ListValue(to)
		}
		w, ok := f(s, v)
		if !ok {
			s.failed = true
			return parse.Value{}
		}
		if lossy {
			s.ntouched = mark
		}
		return w
	}, nil
}

func trimFilter(f func([]byte, string) []byte) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		a, err := textArgs(c, y, n, 0, 1)
		if err != nil {
			return nil, err
		}
		set := " \t\r\n"
		if len(a) == 1 {
			set = a[0]
		}
		return textFilter(func(_ *state, b []byte) []byte { return f(b, set) }), nil
	}
}

func unlessFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 32)
	if err != nil {
		return nil, err
	}
	for i := range a {
		a[i] = strings.ToLower(a[i])
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := s.text(v)
		for _, t := range a {
			if scan.EqualFoldASCII(b, t) {
				return parse.Value{}, true
			}
		}
		return v, true
	}, nil
}

func before(b, sep []byte) []byte {
	if i := bytes.Index(b, sep); i >= 0 {
		return b[:i]
	}
	return nil
}

func beforeLast(b, sep []byte) []byte {
	if i := bytes.LastIndex(b, sep); i >= 0 {
		return b[:i]
	}
	return nil
}

func after(b, sep []byte) []byte {
	if i := bytes.Index(b, sep); i >= 0 {
		return b[i+len(sep):]
	}
	return nil
}

func afterLast(b, sep []byte) []byte {
	if i := bytes.LastIndex(b, sep); i >= 0 {
		return b[i+len(sep):]
	}
	return nil
}

func cutFilter(f func(b, sep []byte) []byte, whole bool) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		a, err := textArgs(c, y, n, 1, 1)
		if err != nil {
			return nil, err
		}
		if a[0] == "" {
			return nil, c.at(y, n.at, "filter %s needs a text that is not empty", n.text)
		}
		return cut(f, a[0], whole), nil
	}
}

func cutFilterConst(f func(b, sep []byte) []byte, sep string, whole bool) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return plain(cut(f, sep, whole))
}

func cut(f func(b, sep []byte) []byte, text string, whole bool) filterFunc {
	sep := []byte(text)
	return textFilter(func(_ *state, b []byte) []byte {
		if whole && !bytes.Contains(b, sep) {
			return b
		}
		return f(b, sep)
	})
}

func splitFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	if a[0] == "" {
		return nil, c.at(y, n.at, "split needs a separator that is not empty")
	}
	sep := []byte(a[0])
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := s.text(v)
		l := s.rec.Lists().Alloc(min(bytes.Count(b, sep), maxList-1) + 1)[:0]
		for len(b) > 0 && len(l) < cap(l) {
			part := b
			if i := bytes.Index(b, sep); i >= 0 && len(l) < cap(l)-1 {
				part, b = b[:i], b[i+len(sep):]
			} else {
				b = nil
			}
			if part = bytes.TrimSpace(part); len(part) > 0 {
				l = append(l, parse.BytesValue(part))
			}
		}
		if len(l) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(l), true
	}, nil
}

// maxList bounds the elements of a list that a pack makes; what is over it stays
// joined in the last element, or out of it for JSON arrays.
const maxList = 1024

func toList(s *state, v parse.Value) (parse.Value, bool) {
	switch v.Kind() {
	case parse.KindList:
		return v, true
	case parse.KindArray:
		return s.arrayList(v.Bytes())
	case parse.KindString:
		if b := bytes.TrimSpace(v.Bytes()); len(b) > 1 && b[0] == '[' && json.Valid(b) == nil {
			return s.arrayList(b)
		}
	}
	l := s.rec.Lists().Alloc(1)
	l[0] = v
	return parse.ListValue(l), true
}

func (s *state) arrayList(raw []byte) (parse.Value, bool) {
	l := make([]parse.Value, 0, 8)
	it := json.Array(raw, s.frame.Text)
	var k []byte
	var v parse.Value
	for len(l) < maxList && it.Next(&k, &v) {
		if present(v) {
			l = append(l, v)
		}
	}
	if len(l) == 0 {
		return parse.Value{}, true
	}
	d := s.rec.Lists().Alloc(len(l))
	copy(d, l)
	return parse.ListValue(d), true
}

func atFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	i, err := strconv.Atoi(a[0])
	if err != nil {
		return nil, c.at(y, n.at, "at takes a whole number")
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		l := v.List()
		j := i
		if j < 0 {
			j += len(l)
		}
		if j < 0 || j >= len(l) {
			return parse.Value{}, true
		}
		return l[j], true
	}, nil
}

func joinFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		out := s.scratch[:0]
		for i, e := range v.List() {
			if i > 0 {
				out = append(out, a[0]...)
			}
			out = e.AppendText(out)
		}
		s.scratch = out
		return parse.BytesValue(s.frame.Text.Copy(out)), true
	}, nil
}

func regexFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	if len(n.args) != 2 || n.args[1].kind != nodeString {
		return nil, c.at(y, n.at, "regex takes one expression in quotes")
	}
	re, err := regexp.Compile(n.args[1].text)
	if err != nil {
		return nil, c.at(y, n.args[1].at, "regular expression: %v", err)
	}
	if re.NumSubexp() < 1 {
		return nil, c.at(y, n.args[1].at, "the regular expression needs a (group): its text is the result")
	}
	return textFilter(func(s *state, b []byte) []byte {
		m := re.FindSubmatchIndex(b)
		for i := 2; i+1 < len(m); i += 2 {
			if m[i] >= 0 {
				return b[m[i]:m[i+1]]
			}
		}
		return nil
	}), nil
}

func lookupFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 2)
	if err != nil {
		return nil, err
	}
	t, err := c.table(y, a[0], n.at)
	if err != nil {
		return nil, err
	}
	col := ""
	if len(a) == 2 {
		col = a[1]
	}
	at, err := t.column(c, y, col, n.at)
	if err != nil {
		return nil, err
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		if row := t.find(s, v); row != nil {
			return row[at], true
		}
		if t.keep {
			return v, true
		}
		return parse.Value{}, true
	}, nil
}

func toBool(s *state, v parse.Value) (parse.Value, bool) {
	if v.Kind() == parse.KindBool {
		return v, true
	}
	switch strings.ToLower(string(s.text(v))) {
	case "true", "yes", "1", "y", "on", "enabled", "t":
		return parse.BoolValue(true), true
	case "false", "no", "0", "n", "off", "disabled", "f":
		return parse.BoolValue(false), true
	}
	return parse.Value{}, false
}

func ipFilter(s *state, v parse.Value) (parse.Value, bool) {
	if v.Kind() == parse.KindIP {
		return v, true
	}
	b := bytes.TrimSpace(s.text(v))
	if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		b = b[1 : len(b)-1]
	}
	w, ok := parse.IPValue(b, s.frame.Text)
	if !ok {
		return parse.Value{}, true
	}
	return w, true
}

func notIPFilter(s *state, v parse.Value) (parse.Value, bool) {
	if v.Kind() == parse.KindIP {
		return parse.Value{}, true
	}
	if _, ok := parse.IPValue(s.text(v), s.frame.Text); ok {
		return parse.Value{}, true
	}
	return v, true
}

// hostPort splits host:port, [v6]:port, v4:port; a bare IPv6 address has no port.
func hostPort(b []byte) (host, port []byte) {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '[' {
		if i := bytes.IndexByte(b, ']'); i > 0 {
			host = b[1:i]
			if rest := b[i+1:]; len(rest) > 1 && rest[0] == ':' {
				port = rest[1:]
			}
			return host, port
		}
	}
	i := bytes.LastIndexByte(b, ':')
	if i < 0 || bytes.IndexByte(b, ':') != i {
		return b, nil
	}
	return b[:i], b[i+1:]
}

func hostOfFilter(s *state, v parse.Value) (parse.Value, bool) {
	h, _ := hostPort(s.text(v))
	if len(h) == 0 {
		return parse.Value{}, true
	}
	return parse.BytesValue(h), true
}

func portOfFilter(s *state, v parse.Value) (parse.Value, bool) {
	_, p := hostPort(s.text(v))
	n, ok := scan.ParseUint(p)
	if !ok || n > 65535 {
		return parse.Value{}, true
	}
	return parse.IntValue(int64(n)), true
}

func mulFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	if len(n.args) != 2 || n.args[1].kind != nodeNumber {
		return nil, c.at(y, n.at, "mul takes one number")
	}
	if i, err := strconv.ParseInt(n.args[1].text, 10, 64); err == nil {
		return intScale(i), nil
	}
	f, err := strconv.ParseFloat(n.args[1].text, 64)
	if err != nil {
		return nil, c.at(y, n.at, "mul takes one number")
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		x, ok := s.number(v)
		return wholeOrFloat(x * f), ok
	}, nil
}

func durationFilter(s *state, v parse.Value) (parse.Value, bool) {
	n, ok := timeparse.ParseDuration(bytes.TrimSpace(s.text(v)))
	return parse.IntValue(n), ok
}

func sizeFilter(s *state, v parse.Value) (parse.Value, bool) {
	t := strings.ToLower(strings.ReplaceAll(string(bytes.TrimSpace(s.text(v))), " ", ""))
	unit := 1.0
	t = strings.TrimSuffix(strings.TrimSuffix(t, "ytes"), "yte")
	t = strings.TrimSuffix(t, "b")
	binary := strings.HasSuffix(t, "i")
	t = strings.TrimSuffix(t, "i")
	if len(t) > 0 {
		step := 1000.0
		if binary {
			step = 1024
		}
		if i := strings.IndexByte("kmgtp", t[len(t)-1]); i >= 0 {
			unit = math.Pow(step, float64(i+1))
			t = t[:len(t)-1]
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || f < 0 || f*unit >= 1<<53 {
		return parse.Value{}, false
	}
	return parse.IntValue(int64(math.Round(f * unit))), true
}

func namedTime(layout string) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		if len(n.args) > 1 {
			return nil, c.at(y, n.at, "filter %s takes no arguments", n.text)
		}
		return timeBy([]string{layout}, nil, func(msg string) error { return c.at(y, n.at, "%s", msg) })
	}
}

func timeFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	var layouts []string
	var zone evalFunc
	for _, a := range n.args[1:] {
		if a.kind == nodeString {
			layouts = append(layouts, a.text)
			continue
		}
		z, err := c.value(y, a)
		if err != nil {
			return nil, err
		}
		if zone != nil {
			return nil, c.at(y, a.at, "a second zone")
		}
		zone = z
	}
	if len(layouts) == 0 {
		layouts = []string{"iso8601"}
	}
	return timeBy(layouts, zone, func(msg string) error { return c.at(y, n.at, "%s", msg) })
}

func timeBy(layouts []string, zone evalFunc, report func(string) error) (filterFunc, error) {
	ls := make([]*timeparse.Layout, len(layouts))
	for i, text := range layouts {
		l, err := timeparse.Compile(text)
		if err != nil {
			return nil, report("time layout \"" + text + "\": " + err.Error())
		}
		ls[i] = l
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		if v.Kind() == parse.KindTime {
			return v, true
		}
		ctx, assumed := s.time, true
		if zone != nil {
			if z := zone(s); present(z) {
				if loc := s.zone(s.text(z)); loc != nil {
					ctx.Zone, assumed = loc, false
				}
			}
		}
		b := bytes.TrimSpace(s.text(v))
		for _, l := range ls {
			r, err := s.cache.Parse(l, b, &ctx)
			if err != nil {
				continue
			}
			w := parse.TimeValue(r.Nanos)
			if r.Zoned || !assumed {
				w = w.WithFlags(parse.Zoned)
			}
			return w, true
		}
		return parse.Value{}, false
	}, nil
}

type zoneEntry struct{ loc *time.Location }

// maxZones bounds the zone names that a worker remembers.
const maxZones = 256

// zone finds a time zone by IANA name, by offset (+01:00, -0500, 7) or UTC and GMT.
func (s *state) zone(name []byte) *time.Location {
	if e, ok := s.zones[string(name)]; ok {
		return e.loc
	}
	t := strings.Trim(string(name), ` "`)
	loc := parseZone(t)
	if len(s.zones) < maxZones {
		if s.zones == nil {
			s.zones = map[string]zoneEntry{}
		}
		s.zones[string(name)] = zoneEntry{loc}
	}
	return loc
}

func parseZone(t string) *time.Location {
	t = strings.TrimPrefix(strings.TrimPrefix(t, "UTC"), "GMT")
	switch t {
	case "", "Z":
		return time.UTC
	}
	digits := t
	sign := 1
	switch t[0] {
	case '-':
		sign, digits = -1, t[1:]
	case '+':
		digits = t[1:]
	}
	if len(digits) > 0 && digits[0] >= '0' && digits[0] <= '9' {
		h, m := 0, 0
		var err error
		if hs, ms, ok := strings.Cut(digits, ":"); ok {
			h, err = strconv.Atoi(hs)
			if err == nil {
				m, err = strconv.Atoi(ms)
			}
		} else if h, err = strconv.Atoi(digits); len(digits) > 2 {
			h, m = h/100, h%100
		}
		if err != nil || h > 14 || m > 59 {
			return nil
		}
		return time.FixedZone("", sign*(h*3600+m*60))
	}
	if strings.ContainsAny(t, `.\`) || len(t) > 40 {
		return nil
	}
	loc, err := time.LoadLocation(t)
	if err != nil {
		return nil
	}
	return loc
}

func protocolFilter(s *state, v parse.Value) (parse.Value, bool) {
	b := bytes.TrimSpace(s.text(v))
	if n, ok := scan.ParseUint(b); ok {
		if n < 256 {
			if name := normalize.ProtocolName(uint8(n)); name != "" {
				return parse.StringValue(name), true
			}
		}
		return parse.BytesValue(b), true
	}
	return parse.BytesValue(s.frame.Text.Keep(scan.AppendLower(s.frame.Text.Scratch(len(b)), b))), true
}

func userNameFilter(s *state, v parse.Value) (parse.Value, bool) {
	b := s.text(v)
	if i := bytes.LastIndexByte(b, '\\'); i >= 0 {
		b = b[i+1:]
	}
	return parse.BytesValue(b), true
}

func userDomainFilter(s *state, v parse.Value) (parse.Value, bool) {
	b := s.text(v)
	if i := bytes.IndexByte(b, '\\'); i > 0 {
		return parse.BytesValue(b[:i]), true
	}
	return parse.Value{}, true
}

// parseBits reads a whole number, in hexadecimal where it begins with 0x. A leading zero
// means nothing.
func parseBits(t string) (int64, bool) {
	t = strings.TrimSpace(t)
	if len(t) > 2 && t[0] == '0' && t[1]|0x20 == 'x' {
		u, err := strconv.ParseUint(t[2:], 16, 64)
		return int64(u), err == nil
	}
	i, err := strconv.ParseInt(t, 10, 64)
	return i, err == nil
}

func flagsFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	t, err := c.table(y, a[0], n.at)
	if err != nil {
		return nil, err
	}
	type bit struct {
		mask  int64
		label parse.Value
	}
	var bits []bit
	for key, row := range t.rows {
		m, ok := parseBits(key)
		if !ok {
			return nil, c.at(y, n.at, "table %s has the key %q, which is no number", a[0], key)
		}
		bits = append(bits, bit{m, row[0]})
	}
	sort.Slice(bits, func(i, j int) bool { return bits[i].mask < bits[j].mask })
	return func(s *state, v parse.Value) (parse.Value, bool) {
		x, ok := parseBits(string(s.text(v)))
		if !ok {
			return parse.Value{}, false
		}
		l := s.rec.Lists().Alloc(len(bits))[:0]
		for _, b := range bits {
			if x&b.mask == b.mask && (b.mask != 0 || x == 0) {
				l = append(l, b.label)
			}
		}
		if len(l) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(l), true
	}, nil
}

// member finds a member of an object's text.
func (s *state) member(raw []byte, name string) parse.Value {
	it := json.Object(raw, s.frame.Text)
	var k []byte
	var v parse.Value
	for it.Next(&k, &v) {
		if string(k) == name {
			return v
		}
	}
	return parse.Value{}
}

func pickFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 2, 3)
	if err != nil {
		return nil, err
	}
	value := "Value"
	if len(a) == 3 {
		value = a[2]
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		for _, e := range v.List() {
			if e.Kind() != parse.KindObject {
				continue
			}
			if k := s.member(e.Bytes(), a[0]); present(k) && strings.EqualFold(string(s.text(k)), a[1]) {
				return s.member(e.Bytes(), value), true
			}
		}
		return parse.Value{}, true
	}, nil
}

func pluckFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		from := v.List()
		l := s.rec.Lists().Alloc(len(from))[:0]
		for _, e := range from {
			if e.Kind() == parse.KindObject {
				if m := s.member(e.Bytes(), a[0]); present(m) {
					l = append(l, m)
				}
			}
		}
		if len(l) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(l), true
	}, nil
}

func getFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	path := strings.Split(a[0], ".")
	return func(s *state, v parse.Value) (parse.Value, bool) {
		for _, name := range path {
			b := v.Bytes()
			if v.Kind() == parse.KindString && len(b) > 1 && b[0] == '{' && json.Valid(b) == nil {
				v = parse.RawValue(parse.KindObject, b)
			}
			if v.Kind() != parse.KindObject {
				return parse.Value{}, true
			}
			v = s.member(v.Bytes(), name)
		}
		return v, true
	}, nil
}

func hashFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	lengths := map[string]int{"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
	want, ok := lengths[a[0]]
	if !ok {
		return nil, c.at(y, n.at, "hash_type takes md5, sha1, sha224, sha256, sha384 or sha512")
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := bytes.TrimSpace(s.text(v))
		if len(b) != want {
			return parse.Value{}, true
		}
		for _, ch := range b {
			if !(ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'f' || ch >= 'A' && ch <= 'F') {
				return parse.Value{}, true
			}
		}
		return parse.BytesValue(b), true
	}, nil
}
