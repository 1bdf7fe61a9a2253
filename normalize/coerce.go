package normalize

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

type class uint8

const (
	classAny class = iota
	classText
	classInteger
	classFloat
	classBool
	classTime
	classIP
	classObject
	classMAC
	classPort    // 0 to 65535
	classNatural // not negative
	classLower   // text, which ECS wants in lower case
	classUpper   // text, which ECS wants in upper case
	classDigits  // text of decimal digits
)

func classOf(k ecs.Key) class {
	t := k.Type()
	switch {
	case k == ecs.NetworkTransport, k == ecs.NetworkProtocol, k == ecs.NetworkApplication, k == ecs.NetworkType, k == ecs.NetworkDirection:
		return classLower
	case strings.Contains(k.Name(), ".hash.") && (strings.HasSuffix(k.Name(), ".md5") || strings.Contains(k.Name(), ".hash.sha")):
		return classLower // as most tools print them, so that they compare
	case k == ecs.DNSResponseCode, k == ecs.DNSQuestionType, k == ecs.DNSQuestionClass:
		return classUpper
	case k == ecs.NetworkIANANumber:
		return classDigits
	case t == ecs.TypeIP:
		return classIP
	case t == ecs.TypeDate:
		return classTime
	case t == ecs.TypeBoolean:
		return classBool
	case t.IsInteger() && strings.HasSuffix(k.Name(), ".port"):
		return classPort
	case k == ecs.EventDuration, t.IsInteger() && natural(k.Name()):
		return classNatural
	case t.IsInteger():
		return classInteger
	case t.IsFloat():
		return classFloat
	case t.IsObject():
		return classObject
	case strings.HasSuffix(k.Name(), ".mac"):
		return classMAC
	case t.IsString():
		return classText
	}
	return classAny
}

// natural reports whether a field counts what can't be less than nothing.
func natural(name string) bool {
	return strings.HasSuffix(name, ".bytes") || strings.HasSuffix(name, ".packets") || strings.HasSuffix(name, ".size")
}

// classes is made at first use and read only from then on.
var classes = sync.OnceValue(func() *[ecs.Count]class {
	c := new([ecs.Count]class)
	for k := range ecs.All() {
		c[k] = classOf(k)
	}
	return c
})

// TimeContext is what the text of a time does not say: Now, which tells the year of a time
// without one, and Zone, where a time without a zone was written (nil is UTC).
type TimeContext = timeparse.Context

// Coerce makes v fit the type that ECS gives to k: text becomes a number, an address,
// an instant, a boolean; scalars become text for keyword fields. It reports false
// where that cannot be done without a guess. Vendor fields take any value.
//
// Text that has to be rewritten goes to r's arena. Instants without a zone are read
// in c.Zone, and those without a year by c.Now; a nil c is a zero one. Null becomes the
// absent Value: where ok is true and the result IsZero, there is nothing to set.
func Coerce(r *parse.Record, k parse.Key, v parse.Value, c *TimeContext) (parse.Value, bool) {
	kind := v.Kind()
	if k >= ecs.Count || kind == parse.KindNone {
		return v, true
	}
	if kind == parse.KindNull {
		return parse.Value{}, true
	}
	cl := classes()[k]
	if kind == parse.KindString && cl == classText {
		return v, true
	}
	if kind == parse.KindList && cl != classObject {
		from := v.List()
		to := r.Lists().Alloc(len(from))[:0]
		for _, e := range from {
			w, ok := Coerce(r, k, e, c)
			if !ok {
				return parse.Value{}, false
			}
			if !w.IsZero() {
				to = append(to, w)
			}
		}
		if len(to) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(to), true
	}
	switch cl {
	case classText:
		return toText(r, v)
	case classMAC:
		return toMAC(r, v)
	case classLower, classUpper:
		w, ok := toText(r, v)
		if ok {
			w = inCase(r, w, cl == classUpper)
		}
		return w, ok
	case classDigits:
		w, ok := toText(r, v)
		_, digits := scan.ParseUint(w.Bytes())
		return w, ok && digits
	case classInteger:
		return toInteger(v)
	case classPort:
		w, ok := toInteger(v)
		return w, ok && w.Int() >= 0 && w.Int() <= 65535
	case classNatural:
		w, ok := toInteger(v)
		return w, ok && w.Int() >= 0
	case classFloat:
		return toFloat(v)
	case classBool:
		return toBool(v)
	case classTime:
		return toTime(r, v, c)
	case classIP:
		if kind == parse.KindIP {
			return v, true
		}
		if kind != parse.KindString {
			return v, false
		}
		return parse.IPValue(v.Bytes(), r.Text())
	case classObject:
		return v, kind == parse.KindObject || kind == parse.KindArray || kind == parse.KindList
	}
	return v, true
}

// Takes is the kind of values that Coerce leaves as they are for k, or KindNone where
// it looks at each. If most is not 0 that holds for integers from 0 to most.
func Takes(k ecs.Key) (kind parse.Kind, most uint64) {
	if k >= ecs.Count {
		return parse.KindNone, 0
	}
	switch classes()[k] {
	case classText:
		return parse.KindString, 0
	case classInteger:
		return parse.KindInt, 0
	case classPort:
		return parse.KindInt, 65535
	case classNatural:
		return parse.KindInt, 1<<63 - 1
	case classIP:
		return parse.KindIP, 0
	case classBool:
		return parse.KindBool, 0
	case classTime:
		return parse.KindTime, 0
	}
	return parse.KindNone, 0
}

func toText(r *parse.Record, v parse.Value) (parse.Value, bool) {
	switch v.Kind() {
	case parse.KindBool:
		if v.Bool() {
			return parse.StringValue("true"), true
		}
		return parse.StringValue("false"), true
	case parse.KindObject, parse.KindArray:
		return v, false
	}
	if b := v.Bytes(); b != nil {
		return parse.BytesValue(b), true
	}
	return parse.BytesValue(r.Text().Keep(v.AppendText(r.Text().Scratch(40)))), true
}

// inCase returns a text in one letter case.
func inCase(r *parse.Record, v parse.Value, upper bool) parse.Value {
	for _, c := range v.Bytes() {
		if c >= 'A' && c <= 'Z' && !upper || c >= 'a' && c <= 'z' && upper {
			b := r.Text().Copy(v.Bytes())
			for i, c := range b {
				switch {
				case upper && c >= 'a' && c <= 'z':
					b[i] = c - 'a' + 'A'
				case !upper && c >= 'A' && c <= 'Z':
					b[i] = c - 'A' + 'a'
				}
			}
			return parse.BytesValue(b)
		}
	}
	return v
}

func toInteger(v parse.Value) (parse.Value, bool) {
	switch v.Kind() {
	case parse.KindInt:
		return v, true
	case parse.KindFloat:
		if b := v.Bytes(); b != nil {
			if n, ok := scan.ParseInt(wholePart(b)); ok {
				return parse.IntValue(n), true
			}
		}
		f := v.Float()
		if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return v, false // beyond, a float is not the number that was written
		}
		return parse.IntValue(int64(f)), true
	case parse.KindString:
		b := v.Bytes()
		n, ok := scan.ParseInt(b)
		if ok {
			if canonicalInt(b) {
				return parse.IntText(n, b), true
			}
			return parse.IntValue(n), true
		}
		b = wholePart(bytes.TrimSpace(b))
		if len(b) > 1 && b[0] == '+' && b[1] != '-' {
			b = b[1:]
		}
		if n, ok = scan.ParseInt(b); ok {
			return parse.IntValue(n), true
		}
	}
	return v, false
}

// wholePart takes a fraction of zeros off a decimal number.
func wholePart(b []byte) []byte {
	if whole, frac, found := bytes.Cut(b, []byte(".")); found && len(frac) > 0 && len(bytes.Trim(frac, "0")) == 0 {
		return whole
	}
	return b
}

// canonicalInt reports whether b, a decimal integer, is how Go and JSON would write it.
func canonicalInt(b []byte) bool {
	if b[0] == '-' {
		b = b[1:]
		return b[0] != '0'
	}
	return b[0] != '0' || len(b) == 1
}

func toFloat(v parse.Value) (parse.Value, bool) {
	switch v.Kind() {
	case parse.KindInt, parse.KindFloat:
		return v, true
	case parse.KindString:
		if w, ok := toInteger(v); ok {
			return w, true
		}
		s := strings.TrimSpace(v.Str())
		for i := 0; i < len(s); i++ {
			if c := s[i]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
				return v, false // no "inf", no hexadecimal
			}
		}
		f, err := strconv.ParseFloat(s, 64)
		return parse.FloatValue(f), err == nil
	}
	return v, false
}

func toBool(v parse.Value) (parse.Value, bool) {
	switch v.Kind() {
	case parse.KindBool:
		return v, true
	case parse.KindInt:
		return parse.BoolValue(v.Int() == 1), v.Int() == 0 || v.Int() == 1
	case parse.KindString:
		b := v.Bytes()
		switch {
		case scan.EqualFoldASCII(b, "true"), scan.EqualFoldASCII(b, "yes"), string(b) == "1":
			return parse.BoolValue(true), true
		case scan.EqualFoldASCII(b, "false"), scan.EqualFoldASCII(b, "no"), string(b) == "0":
			return parse.BoolValue(false), true
		}
	}
	return v, false
}

func toTime(r *parse.Record, v parse.Value, c *TimeContext) (parse.Value, bool) {
	if c == nil {
		c = &TimeContext{}
	}
	switch v.Kind() {
	case parse.KindTime:
		return v, true
	case parse.KindInt, parse.KindFloat:
		b := v.AppendText(r.Text().Scratch(40))
		t, err := epochLayout().Parse(b, c)
		return parse.TimeValue(t.Nanos).WithFlags(parse.Zoned), err == nil
	case parse.KindString:
		t, err := isoLayout().Parse(v.Bytes(), c)
		if err != nil {
			return v, false
		}
		w := parse.TimeValue(t.Nanos)
		if t.Zoned {
			w = w.WithFlags(parse.Zoned)
		}
		return w, true
	}
	return v, false
}

// layout compiles the layout of a constant name at first use.
func layout(name string) func() *timeparse.Layout {
	return sync.OnceValue(func() *timeparse.Layout {
		l, err := timeparse.Compile(name)
		if err != nil {
			panic(err) // the name is a constant of this file
		}
		return l
	})
}

var (
	isoLayout   = layout("iso8601")
	epochLayout = layout("unix_auto")
)

// toMAC writes a MAC address as ECS asks (RFC 7042): upper-case hexadecimal, hyphens. It
// takes six or eight octets of one or two digits between colons or hyphens, groups of
// four (or six, or all) digits, and no other arrangement.
func toMAC(r *parse.Record, v parse.Value) (parse.Value, bool) {
	if v.Kind() != parse.KindString {
		return v, false
	}
	b := v.Bytes()
	if len(b) == len("00:00:00:00:00:00") {
		out := r.Text().Scratch(len(b))[:len(b)]
		if usualMAC(out, b) {
			return parse.BytesValue(r.Text().Keep(out)), true
		}
	}
	return anyMAC(r, v, b)
}

// usualMAC is toMAC for six octets of two digits, which nearly all are. Where it reports false
// out holds rubbish.
func usualMAC(out, b []byte) bool {
	sep := b[2]
	if sep != ':' && sep != '-' {
		return false
	}
	for i := 0; ; i += 3 {
		high, low := upperHex[b[i]], upperHex[b[i+1]]
		if high == 0 || low == 0 {
			return false
		}
		out[i], out[i+1] = high, low
		if i+2 == len(b) {
			return true
		}
		if b[i+2] != sep {
			return false
		}
		out[i+2] = '-'
	}
}

// upperHex is read-only.
var upperHex = [256]byte{
	'0': '0', '1': '1', '2': '2', '3': '3', '4': '4', '5': '5', '6': '6', '7': '7', '8': '8', '9': '9',
	'a': 'A', 'b': 'B', 'c': 'C', 'd': 'D', 'e': 'E', 'f': 'F', 'A': 'A', 'B': 'B', 'C': 'C', 'D': 'D', 'E': 'E', 'F': 'F',
}

// anyMAC is toMAC of the text b of v.
func anyMAC(r *parse.Record, v parse.Value, b []byte) (parse.Value, bool) {
	var hex [16]byte
	n, group, groups := 0, 0, 0
	var sep byte
	first := 0 // the length of the first group, where groups are longer than an octet
	for i := 0; i <= len(b); i++ {
		var c byte
		if i < len(b) {
			c = b[i]
		}
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'F':
		case c >= 'a' && c <= 'f':
			c -= 'a' - 'A'
		case i == len(b) || ((c == ':' || c == '-' || c == '.') && (sep == 0 || sep == c)):
			if group == 1 && n < len(hex) { // 0:1:2:…
				hex[n], hex[n-1] = hex[n-1], '0'
				n++
				group = 2
			}
			if groups == 0 {
				first = group
			}
			if group != first || group%2 != 0 || group == 0 {
				return v, false
			}
			groups++
			group, sep = 0, c
			continue
		default:
			return v, false
		}
		if n == len(hex) {
			return v, false
		}
		hex[n] = c
		n++
		group++
	}
	if n != 12 && n != 16 {
		return v, false
	}
	out := r.Text().Scratch(24)
	for i := 0; i < n; i += 2 {
		if i > 0 {
			out = append(out, '-')
		}
		out = append(out, hex[i], hex[i+1])
	}
	return parse.BytesValue(r.Text().Keep(out)), true
}
