package pack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
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

// filters is the table of all filters, which is constant.
var filters = sync.OnceValue(func() map[string]filterSpec {
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
			if !scan.IsASCII(b) {
				return s.frame.Text.Copy(bytes.ToUpper(b))
			}
			for i, ch := range b {
				if ch < 'a' || ch > 'z' {
					continue
				}
				d := s.frame.Text.Copy(b)
				for ; i < len(d); i++ {
					if d[i] >= 'a' && d[i] <= 'z' {
						d[i] -= 'a' - 'A'
					}
				}
				return d
			}
			return b
		}))},
		"capitalize": {doc: "first letter upper case, the others lower case", make: plain(textFilter(func(s *state, b []byte) []byte {
			var d []byte
			if scan.IsASCII(b) {
				d = s.frame.Text.Keep(scan.AppendLower(s.frame.Text.Scratch(len(b)), b))
			} else {
				d = s.frame.Text.Copy(bytes.ToLower(b))
			}
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
		"sockaddr": {doc: "the address and port of a Linux socket address in hexadecimal (AF_INET, AF_INET6) as 192.0.2.1:443 or [2001:db8::1]:443", make: plain(sockaddrFilter)},
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
		"base64_decode": {doc: "base64 to the text it stands for, if that is UTF-8; gzip in base64 to what it holds, up to 1 MiB", make: plain(func(s *state, v parse.Value) (parse.Value, bool) {
			b := s.text(v)
			n := base64.StdEncoding.DecodedLen(len(b))
			d := s.frame.Text.Scratch(n)[:n]
			n, err := base64.StdEncoding.Decode(d, b)
			if err != nil {
				return parse.Value{}, false
			}
			if d = d[:n]; bytes.HasPrefix(d, gzipMagic) {
				d, ok := s.gunzip(s.frame.Text.Keep(d))
				return parse.BytesValue(d), ok && utf8.Valid(d)
			}
			if !utf8.Valid(d) {
				return parse.Value{}, false
			}
			return parse.BytesValue(s.frame.Text.Keep(d)), true
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
})

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
