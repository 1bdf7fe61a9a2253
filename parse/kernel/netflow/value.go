package netflow

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"sync"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// fixed is the record of NetFlow 5 as a template. It is made at first use.
var fixed = sync.OnceValue(func() *Template {
	t := &Template{size: v5RecordSize, initAt: -1}
	for _, f := range [...]struct{ id, size uint16 }{
		{8, 4}, {12, 4}, {15, 4}, {10, 2}, {14, 2}, {2, 4}, {1, 4}, {22, 4}, {21, 4}, {7, 2}, {11, 2},
		{210, 1}, {6, 1}, {4, 1}, {5, 1}, {16, 2}, {17, 2}, {9, 1}, {13, 1}, {210, 2},
	} {
		t.Fields = append(t.Fields, Field{ID: f.id, Length: f.size, Element: Lookup(f.id)})
	}
	return t
})

// Uint reads a number of up to 8 bytes.
func Uint(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 8 {
		return 0, false
	}
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, true
}

// Value returns the value of a field with the given bytes. Text that has to be made lies
// in a; other text aliases b. What does not fit the type of the element, or is not known,
// becomes lower-case hexadecimal digits, and so does a list: see List. An absent value is one
// without bytes.
func (f *Field) Value(b []byte, a *arena.Bytes) parse.Value {
	if e := f.Element; e != nil && e.Type == Unsigned { // most are
		switch len(b) {
		case 1:
			return parse.IntValue(int64(b[0]))
		case 2:
			return parse.IntValue(int64(be.Uint16(b)))
		case 4:
			return parse.IntValue(int64(be.Uint32(b)))
		}
	}
	if len(b) == 0 {
		return parse.Value{}
	}
	t := OctetArray
	switch {
	case f.Element != nil:
		t = f.Element.Type
	case len(b) <= 8:
		t = Unsigned // vendors' fields of that size are numbers as a rule
	}
	switch t {
	case Unsigned:
		if n, ok := Uint(b); ok {
			return uintValue(n, a)
		}
	case Signed:
		if n, ok := Uint(b); ok {
			shift := 64 - 8*len(b)
			return parse.IntValue(int64(n<<shift) >> shift)
		}
	case Float:
		switch len(b) {
		case 4:
			return parse.FloatValue(float64(math.Float32frombits(be.Uint32(b))))
		case 8:
			return parse.FloatValue(math.Float64frombits(be.Uint64(b)))
		}
	case Boolean:
		switch {
		case len(b) == 1 && b[0] == 1:
			return parse.BoolValue(true)
		case len(b) == 1 && b[0] == 2:
			return parse.BoolValue(false)
		}
	case MacAddress:
		if len(b) == 6 {
			m := a.Scratch(17)
			for i, c := range b {
				if i > 0 {
					m = append(m, '-')
				}
				m = append(m, upper[c>>4], upper[c&15])
			}
			return parse.BytesValue(a.Keep(m))
		}
	case String:
		if i := bytes.IndexByte(b, 0); i >= 0 && allZero(b[i:]) {
			b = b[:i] // filled up to a fixed length
		}
		if len(b) == 0 {
			return parse.Value{}
		}
		return parse.BytesValue(b)
	case IPv4Address:
		if len(b) == 4 {
			return IPv4(b, a)
		}
	case IPv6Address:
		if len(b) == 16 {
			return ipv6(b, a)
		}
	case Seconds, Milliseconds, Microseconds, Nanoseconds:
		if at, ok := timeOf(t, b); ok {
			return parse.TimeValue(at)
		}
	}
	x := a.Scratch(2 * len(b))
	for _, c := range b {
		x = append(x, lower[c>>4], lower[c&15])
	}
	return parse.BytesValue(a.Keep(x))
}

// maxList is how many values of a list are read.
const maxList = 1024

// List returns the values of a field that is a list of values of one element (basicList of
// RFC 6313, section 4.5.1) with the given bytes, as Value makes them; it appends them to dst.
// What the list says of their relation is left out. ok is false for other fields, for a list whose
// bytes do not add up or that holds lists, and for one of more than 1024 values: that is left to Value.
func (f *Field) List(b []byte, dst []parse.Value, a *arena.Bytes) (list []parse.Value, ok bool) {
	if f.Element == nil || f.Element.Type != BasicList || len(b) < 5 {
		return dst, false
	}
	of := Field{ID: be.Uint16(b[1:]), Length: be.Uint16(b[3:])}
	if b = b[5:]; of.ID&0x8000 != 0 {
		if len(b) < 4 {
			return dst, false
		}
		of.ID, of.Enterprise, b = of.ID&0x7fff, be.Uint32(b), b[4:]
	}
	of.Element = element(&of, 10)
	if of.Length == 0 || of.Element != nil && of.Element.Type == BasicList {
		return dst, false
	}
	list = dst
	for len(b) > 0 {
		size, n := int(of.Length), 0
		if size == variable {
			if size, n = int(b[0]), 1; size == 255 {
				if len(b) < 3 {
					return dst, false
				}
				size, n = int(be.Uint16(b[1:])), 3
			}
		}
		if size > len(b)-n || len(list)-len(dst) == maxList {
			return dst, false
		}
		if v := of.Value(b[n:n+size:n+size], a); !v.IsZero() {
			list = append(list, v)
		}
		b = b[n+size:]
	}
	return list, true
}

const (
	upper = "0123456789ABCDEF"
	lower = "0123456789abcdef"
)

func uintValue(n uint64, a *arena.Bytes) parse.Value {
	if n <= math.MaxInt64 {
		return parse.IntValue(int64(n))
	}
	return parse.RawValue(parse.KindFloat, a.Keep(strconv.AppendUint(a.Scratch(20), n, 10)))
}

// IPv4 returns an address of 4 bytes.
func IPv4(b []byte, a *arena.Bytes) parse.Value {
	text := a.Scratch(15)
	for i, c := range b[:4] {
		if i > 0 {
			text = append(text, '.')
		}
		switch {
		case c >= 100:
			text = append(text, '0'+c/100, '0'+c/10%10, '0'+c%10)
		case c >= 10:
			text = append(text, '0'+c/10, '0'+c%10)
		default:
			text = append(text, '0'+c)
		}
	}
	return parse.IPv4Value(be.Uint32(b), a.Keep(text))
}

func ipv6(b []byte, a *arena.Bytes) parse.Value {
	addr := netip.AddrFrom16([16]byte(b))
	return parse.RawValue(parse.KindIP, a.Keep(addr.AppendTo(a.Scratch(48))))
}

// timeOf reads a time in nanoseconds since 1970. Times that these cannot hold are none.
func timeOf(t Type, b []byte) (int64, bool) {
	n, ok := Uint(b)
	if !ok {
		return 0, false
	}
	switch t {
	case Seconds:
		if n > math.MaxInt64/1_000_000_000 {
			return 0, false
		}
		return int64(n) * 1e9, true
	case Milliseconds:
		if n > math.MaxInt64/1_000_000 {
			return 0, false
		}
		return int64(n) * 1e6, true
	}
	if len(b) != 8 {
		return 0, false
	}
	// RFC 7011, sections 6.1.9 and 6.1.10: seconds since 1900, which begin again in 2036, and
	// fractions; of microseconds the last 11 bits mean nothing.
	const from1900 = 2_208_988_800
	secs, frac := int64(n>>32), n&0xffffffff
	if secs < from1900 {
		secs += 1 << 32
	}
	if t == Microseconds {
		frac &^= 1<<11 - 1
		return (secs-from1900)*1e9 + int64((frac*1e6+1<<31)>>32)*1e3, true
	}
	return (secs-from1900)*1e9 + int64(frac*1e9>>32), true
}

// Name appends the name of a field below netflow: that of its element, with reverse_ in
// front for the other direction; else field_N, or enterprise_E_field_N for those of an
// enterprise, or the names that NetFlow 9 has for scopes.
func (f *Field) Name(dst []byte) []byte {
	switch {
	case f.Element != nil && f.Enterprise == ReverseEnterprise:
		return append(append(dst, "reverse_"...), f.Element.Field...)
	case f.Element != nil:
		return append(dst, f.Element.Field...)
	case f.Enterprise != 0:
		dst = strconv.AppendUint(append(dst, "enterprise_"...), uint64(f.Enterprise), 10)
		dst = append(dst, '_')
	case f.Scope && f.ID > 0 && int(f.ID) <= len(scopes):
		return append(dst, scopes[f.ID-1]...)
	}
	return strconv.AppendUint(append(dst, "field_"...), uint64(f.ID), 10)
}

// scopes are the scope field types of RFC 3954, section 6.1, from 1 on.
var scopes = [...]string{"system", "interface", "line_card", "cache", "template"}

// Constant is Name without a copy where the name is constant, else nil.
func (f *Field) Constant() []byte {
	switch {
	case f.Element != nil && f.Enterprise != ReverseEnterprise:
		return scan.Bytes(f.Element.Field)
	case f.Element == nil && f.Enterprise == 0 && f.Scope && f.ID > 0 && int(f.ID) <= len(scopes):
		return scan.Bytes(scopes[f.ID-1])
	}
	return nil
}
