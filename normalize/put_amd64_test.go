//go:build unix && !purego

package normalize

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/penstock-dev/penstock/internal/pagetest"
	"github.com/penstock-dev/penstock/parse"
)

// The assembly knows how a Value lies in memory.
func TestValueLayout(t *testing.T) {
	if n := unsafe.Sizeof(parse.Value{}); n != valueSize {
		t.Fatalf("a Value has %d bytes", n)
	}
	if n := unsafe.Sizeof(shapeField{}); n != 16 {
		t.Fatalf("a field of a shape has %d bytes", n)
	}
	text := []byte("1234")
	v := parse.IntText(1234, text).WithFlags(parse.Clean)
	p := unsafe.Pointer(&v)
	if *(*unsafe.Pointer)(unsafe.Add(p, valueText)) != unsafe.Pointer(&text[0]) || *(*int)(unsafe.Add(p, valueLen)) != 4 ||
		*(*uint64)(unsafe.Add(p, valueNum)) != 1234 || *(*parse.Kind)(unsafe.Add(p, valueKind)) != parse.KindInt || *(*parse.Flags)(unsafe.Add(p, valueFlags)) != flagClean {
		t.Error("a Value lies otherwise")
	}
	list := parse.ListValue([]parse.Value{v})
	for want, v := range map[parse.Kind]parse.Value{kindString: parse.StringValue("x"), kindInt: v, kindIP: parse.IPv4Value(1, nil), kindList: list} {
		if kind := *(*parse.Kind)(unsafe.Add(unsafe.Pointer(&v), valueKind)); kind != want {
			t.Errorf("%s has the kind %d, want %d", v, kind, want)
		}
	}
	if v = parse.EncodedValue([]byte("\n\\n"), 1); v.Flags() != flagEncoded {
		t.Errorf("an encoded text has the flags %d", v.Flags())
	}
}

// Usual fields need no other code.
func TestPutWritesUsualFields(t *testing.T) {
	ip, _ := parse.IPValue([]byte("192.0.2.17"), nil)
	values := []parse.Value{
		parse.StringValue("tcp"), parse.StringValue("a text of more than sixteen bytes"), parse.StringValue(""), ip, parse.IntValue(0), parse.IntValue(65535),
		parse.IntText(443, []byte("443")), parse.ListValue([]parse.Value{ip, parse.StringValue("b")}), parse.StringValue("längst").WithFlags(parse.Clean), parse.IntValue(1 << 62),
	}
	sh := &shape{text: make([]byte, 32)}
	for i := range values {
		sh.fields = append(sh.fields, shapeField{at: int32(i)})
	}
	out := make([]byte, 300)
	n, i := sh.put(out, 0, 0, values)
	const want = `"tcp""a text of more than sixteen bytes""""192.0.2.17"065535443["192.0.2.17","b"]"längst"4611686018427387904`
	if i != len(values) || string(out[:n]) != want {
		t.Errorf("%d fields: %s\nwant %s", i, out[:n], want)
	}
}

// FuzzPut writes the same fields by assembly and without. All texts end where the memory
// that may be read does, or lie near it.
func FuzzPut(f *testing.F) {
	page, mem := pagetest.Guarded(f)
	f.Add(uint64(1), []byte("a text without any escape"), uint16(0))
	f.Add(uint64(2), []byte("\"C:\\x\"\n\x00 h\xc3\xa4 \xff"), uint16(3))
	for i := range uint64(300) {
		f.Add(i, bytes.Repeat([]byte{'a' + byte(i%26)}, int(i%70)), uint16(i%40))
	}
	f.Fuzz(func(t *testing.T, seed uint64, text []byte, gap uint16) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		text = text[:min(len(text), page)]
		end := 2*page - int(gap)%page
		at := end - len(text)
		copy(mem[at:], text)
		// part is a piece of the text, most often one that ends with it.
		part := func() []byte {
			from, to := at, end
			if len(text) > 0 {
				from += rnd.IntN(len(text) + 1)
				if rnd.IntN(3) == 0 {
					to = from + rnd.IntN(end-from+1)
				}
			}
			return mem[from:to:to]
		}
		var value func(deep bool) parse.Value
		value = func(deep bool) parse.Value {
			switch n := rnd.IntN(12); n {
			case 0:
				return parse.IntValue(int64(rnd.Uint64() >> rnd.IntN(64)))
			case 1:
				b := []byte("12345678901234567890")[:1+rnd.IntN(20)]
				return parse.IntText(7, b)
			case 2:
				v, _ := parse.IPValue([]byte("192.0.2.17"), nil)
				return v
			case 3:
				return parse.EncodedValue([]byte("\n\"\\n\\\""), 2)
			case 4:
				return parse.StringValue("hä, that is längst not ASCII"[:rnd.IntN(29)]).WithFlags(parse.Clean)
			case 5:
				return parse.TimeValue(int64(rnd.Uint64()))
			case 6, 7:
				if deep {
					var l []parse.Value
					for range rnd.IntN(5) {
						l = append(l, value(false))
					}
					return parse.ListValue(l)
				}
			}
			return parse.BytesValue(part())
		}
		sh, n := &shape{}, 1+rnd.IntN(8)
		values := make([]parse.Value, n)
		for i := range values {
			values[i] = value(true)
			key := bytes.Repeat([]byte("k"), rnd.IntN(70))
			sh.fields = append(sh.fields, shapeField{int32(n - 1 - i), int32(len(sh.text)), int32(len(key)), rnd.IntN(8) == 0})
			sh.text = append(sh.text, key...)
		}
		sh.text = append(sh.text, make([]byte, 32)...)
		sh.end = []byte("}")
		e := NewEncoder(EncoderOptions{})
		want := []byte("before")
		for i := 0; i < n; i++ {
			want = e.appendField(want, sh, i, values)
		}
		want = append(want, sh.end...)
		for name, put := range map[string]func(out []byte, n, i int, values []parse.Value) (int, int){"assembly": sh.put, "Go": sh.putWords} {
			out := make([]byte, 6, 6+rnd.IntN(2*len(want)+100))
			copy(out, "before")
			i, steps := 0, 0
			for ; i < n; steps++ {
				var to int
				to, i = put(out[:cap(out)], len(out), i, values)
				out = out[:to]
				if i < n {
					out = e.appendField(out, sh, i, values)
					i++
				}
			}
			if out = append(out, sh.end...); !bytes.Equal(out, want) {
				t.Fatalf("%s:\n%q\nwant\n%q", name, out, want)
			}
			if steps > n+1 {
				t.Fatalf("%s: %d steps for %d fields", name, steps, n)
			}
		}
	})
}
