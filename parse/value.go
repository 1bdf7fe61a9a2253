package parse

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unsafe"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
)

// Kind says what a Value holds.
type Kind uint8

// The kinds of a Value. KindNone is the zero Value: absent.
const (
	KindNone   Kind = iota
	KindNull        // JSON null or a format's own nil value
	KindString      // text, unescaped
	KindInt         // a 64-bit signed integer
	KindFloat       // a JSON number that is not a 64-bit integer; its digits are kept as text
	KindBool        //
	KindIP          // an IPv4 or IPv6 address in canonical text
	KindTime        // nanoseconds since 1970 UTC
	KindList        // a list of Values
	KindObject      // the strict JSON text of an object
	KindArray       // the strict JSON text of an array
)

func (k Kind) String() string {
	const names = "none   null   string int    float  bool   ip     time   list   object array  "
	if k > KindArray {
		return "invalid"
	}
	return string(bytes.TrimRight([]byte(names[int(k)*7:int(k)*7+7]), " "))
}

// Flags qualify a Value.
type Flags uint8

const (
	// Escaped: a kernel found escapes in the text and left them in. The kernel that
	// set it knows how to take them out; no Value in a Record has it.
	Escaped Flags = 1 << iota
	// Zoned: the time's text named its zone.
	Zoned
	// IPv4: the number is the address.
	IPv4
	// Quoted: the text stood in quotes on the wire, so that an empty text was meant.
	Quoted
	// Constant: the text or the elements never change and never move, so that two
	// Values that are identical as Go values have the same content for ever. Writers
	// use it to write such a value once.
	Constant
	grown // a list made by Record.Append
	// Clean: the text is UTF-8 and nothing in it needs an escape in JSON, so that it need
	// not be looked at again.
	Clean
	encoded // the text was made by EncodedValue
)

// Value is one field's value. It does not own its text: text lies in the raw
// message, in constant memory or in the batch's arena, and is valid until the batch
// is released. A Value may be copied freely within that time.
//
// Of structs with up to four fields the compiler keeps the fields in registers, which is why
// kind and flags are one: with five fields each look at a Value's kind copied it whole.
type Value struct {
	ptr unsafe.Pointer // text, or the first element of a list
	len int
	num uint64 // int, bool, time, the bits of a computed float, IPv4 address
	tag
}

type tag struct {
	kind  Kind
	flags Flags
}

// StringValue returns a text value that aliases s.
func StringValue(s string) Value {
	return Value{ptr: unsafe.Pointer(unsafe.StringData(s)), len: len(s), tag: tag{kind: KindString}}
}

// BytesValue returns a text value that aliases b.
func BytesValue(b []byte) Value {
	return Value{ptr: unsafe.Pointer(unsafe.SliceData(b)), len: len(b), tag: tag{kind: KindString}}
}

// EncodedValue returns the text b[:n], behind which b holds the same text as it stands in a
// JSON string: the shortest escapes and no others than it needs, valid UTF-8, no quotes
// around it. It aliases b.
func EncodedValue(b []byte, n int) Value {
	return Value{ptr: unsafe.Pointer(unsafe.SliceData(b)), len: len(b[:n]), num: uint64(len(b) - n), tag: tag{KindString, encoded}}
}

// JSON is the text of a string as it stands between the quotes of a JSON string if that
// is known already, else nil. The caller must not change it.
func (v *Value) JSON() []byte {
	switch {
	case v.kind != KindString || v.flags&(Clean|encoded) == 0:
		return nil
	case v.flags&encoded != 0:
		return unsafe.Slice((*byte)(unsafe.Add(v.ptr, v.len)), int(v.num))
	}
	return unsafe.Slice((*byte)(v.ptr), v.len)
}

// RawValue returns a value of kind k whose text aliases b: KindObject and KindArray
// with strict JSON text, KindFloat with a JSON number.
func RawValue(k Kind, b []byte) Value {
	return Value{ptr: unsafe.Pointer(unsafe.SliceData(b)), len: len(b), tag: tag{kind: k}}
}

// NullValue is the explicit "no value" of a format.
func NullValue() Value { return Value{tag: tag{kind: KindNull}} }

// IntValue returns an integer.
func IntValue(n int64) Value { return Value{num: uint64(n), tag: tag{kind: KindInt}} }

// IntText returns an integer whose canonical decimal text is b, so that writers can
// copy it. The caller promises that b is what strconv.AppendInt would write.
func IntText(n int64, b []byte) Value {
	return Value{ptr: unsafe.Pointer(unsafe.SliceData(b)), len: len(b), num: uint64(n), tag: tag{kind: KindInt}}
}

// FloatValue returns a number. Not-a-number and infinities, which JSON cannot
// carry, become KindNull.
func FloatValue(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return NullValue()
	}
	return Value{num: math.Float64bits(f), tag: tag{kind: KindFloat}}
}

// BoolValue returns a boolean.
func BoolValue(b bool) Value {
	v := Value{tag: tag{kind: KindBool}}
	if b {
		v.num = 1
	}
	return v
}

// TimeValue returns an instant in nanoseconds since 1970 UTC.
func TimeValue(unixNanos int64) Value { return Value{num: uint64(unixNanos), tag: tag{kind: KindTime}} }

// IPv4Value returns an IPv4 address; b is its canonical text.
func IPv4Value(addr uint32, b []byte) Value {
	return Value{ptr: unsafe.Pointer(unsafe.SliceData(b)), len: len(b), num: uint64(addr), tag: tag{KindIP, IPv4}}
}

// IPValue parses an IPv4 or IPv6 address, with or without a zone. Text that is not in
// canonical form is rewritten into a. It fails on anything else.
func IPValue(b []byte, a *arena.Bytes) (Value, bool) {
	if n, ok := scan.ParseIPv4(b); ok {
		return IPv4Value(n, b), true
	}
	if len(b) < 2 || len(b) > 64 || !mayBeIPv6(b) {
		return Value{}, false // an error of ParseAddr would be allocated
	}
	addr, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(b), len(b)))
	if err != nil {
		return Value{}, false
	}
	text := addr.WithZone("").AppendTo(a.Scratch(48))
	if bytes.Equal(text, b) {
		return RawValue(KindIP, b), true
	}
	return RawValue(KindIP, a.Keep(text)), true
}

// mayBeIPv6 reports whether b has as many colons as an address and, before a zone, no
// other bytes than one.
func mayBeIPv6(b []byte) bool {
	colons, dots, short := 0, 0, false
	for i, c := range b {
		switch {
		case c == ':':
			colons++
			short = short || i > 0 && b[i-1] == ':'
		case c == '.':
			dots++
		case c == '%':
			return colons > 1
		case c-'0' > 9 && c|0x20-'a' > 5:
			return false
		}
	}
	return colons == 7 || colons > 1 && (short || dots > 0)
}

// ListValue returns a list that aliases vs.
func ListValue(vs []Value) Value {
	return Value{ptr: unsafe.Pointer(unsafe.SliceData(vs)), len: len(vs), tag: tag{kind: KindList}}
}

// Kind says what the value holds.
func (v Value) Kind() Kind { return v.kind }

// Flags returns the value's qualifiers.
func (v Value) Flags() Flags { return v.flags }

// WithFlags returns v with the given qualifiers added.
func (v Value) WithFlags(f Flags) Value { v.flags |= f; return v }

// IsZero reports whether the value is absent.
func (v Value) IsZero() bool { return v.kind == KindNone }

// Bytes is the text of a value that has one (string, IP, JSON text, and numbers that
// came as text), else nil. The caller must not change it.
func (v Value) Bytes() []byte {
	if v.kind == KindList {
		return nil
	}
	return unsafe.Slice((*byte)(v.ptr), v.len) // nil where ptr is
}

// Len is the length of the value's text, or the number of elements of a list.
func (v *Value) Len() int { return v.len }

// Str is Bytes as a string that aliases the same memory: valid until the batch is
// released.
func (v Value) Str() string {
	if v.kind == KindList || v.ptr == nil {
		return ""
	}
	return unsafe.String((*byte)(v.ptr), v.len)
}

// List is the elements of a list, else nil. The caller must not change them.
func (v Value) List() []Value {
	if v.kind != KindList || v.len == 0 {
		return nil
	}
	return unsafe.Slice((*Value)(v.ptr), v.len)
}

// Int is the value of an integer, of a boolean (0, 1) or of a time, else 0.
func (v Value) Int() int64 {
	switch v.kind {
	case KindInt, KindBool, KindTime:
		return int64(v.num)
	}
	return 0
}

// Float is the value of a number, else 0.
func (v Value) Float() float64 {
	switch v.kind {
	case KindInt:
		return float64(int64(v.num))
	case KindFloat:
		if v.ptr == nil {
			return math.Float64frombits(v.num)
		}
		f, _ := strconv.ParseFloat(v.Str(), 64)
		return f
	}
	return 0
}

// Bool is the value of a boolean, else false.
func (v Value) Bool() bool { return v.kind == KindBool && v.num != 0 }

// Time is the value of an instant in UTC, else the zero time.
func (v Value) Time() time.Time {
	if v.kind != KindTime {
		return time.Time{}
	}
	return time.Unix(0, int64(v.num)).UTC()
}

// Addr is the address of an IP value, else the zero Addr.
func (v Value) Addr() netip.Addr {
	if v.kind != KindIP {
		return netip.Addr{}
	}
	if v.flags&IPv4 != 0 {
		return netip.AddrFrom4([4]byte{byte(v.num >> 24), byte(v.num >> 16), byte(v.num >> 8), byte(v.num)})
	}
	a, _ := netip.ParseAddr(v.Str())
	return a
}

// IPv4 is the number of an IPv4 address.
func (v Value) IPv4() (uint32, bool) { return uint32(v.num), v.flags&IPv4 != 0 }

// AppendText appends the value as plain text: a string as it is, numbers in decimal,
// times in RFC 3339, JSON text as it is; lists are joined by commas.
func (v Value) AppendText(dst []byte) []byte {
	if v.kind == KindInt { // first: most numbers are
		if v.ptr == nil {
			return strconv.AppendInt(dst, int64(v.num), 10)
		}
		return append(dst, v.Bytes()...)
	}
	switch v.kind {
	case KindNone, KindNull:
		return dst
	case KindFloat:
		if v.ptr == nil {
			return appendFloat(dst, math.Float64frombits(v.num))
		}
	case KindBool:
		return strconv.AppendBool(dst, v.num != 0)
	case KindTime:
		return timeparse.AppendRFC3339(dst, int64(v.num))
	case KindList:
		for i, e := range v.List() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.AppendText(dst)
		}
		return dst
	}
	return append(dst, v.Bytes()...)
}

func appendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// String is AppendText as a new string, for messages and tests.
func (v Value) String() string { return string(v.AppendText(nil)) }

// Equal reports whether both values have the same kind and content.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case KindNone, KindNull:
		return true
	case KindInt, KindBool, KindTime:
		return v.num == w.num
	case KindFloat:
		return v.Float() == w.Float()
	case KindList:
		a, b := v.List(), w.List()
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if !a[i].Equal(b[i]) {
				return false
			}
		}
		return true
	}
	return v.Str() == w.Str()
}

// CloneInto returns a copy of v whose text and elements live in the given arenas.
func (v Value) CloneInto(text *arena.Bytes, lists *arena.Slices[Value]) Value {
	switch {
	case v.kind == KindList:
		from := v.List()
		to := lists.Alloc(len(from))
		for i, e := range from {
			to[i] = e.CloneInto(text, lists)
		}
		return ListValue(to)
	case v.ptr != nil:
		if v.flags&encoded != 0 {
			v.num, v.flags = 0, v.flags&^encoded
		}
		v.ptr = unsafe.Pointer(unsafe.SliceData(text.Copy(v.Bytes())))
	}
	return v
}
