package protowire

import (
	"bytes"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	b := AppendVarint(nil, 1, 300)
	b = AppendFixed64(b, 2, 1<<63)
	b, at := Begin(b, 200)
	b = AppendBytes(b, 3, strings.Repeat("x", 300))
	b = End(b, at)
	b = append(b, 0x25, 1, 0, 0, 0) // field 4, 32 bits
	r := NewReader(b)
	if !r.Next() || !r.Is(1, Varint) || r.Uint() != 300 {
		t.Errorf("%+v", r)
	}
	if !r.Next() || !r.Is(2, Fixed64) || r.Uint() != 1<<63 {
		t.Errorf("%+v", r)
	}
	if !r.Next() || !r.Is(200, Bytes) {
		t.Errorf("%+v", r)
	}
	if m := r.Message(); !m.Next() || !m.Is(3, Bytes) || len(m.Bytes()) != 300 || m.Next() || m.Err() != nil {
		t.Errorf("%+v", m)
	}
	if !r.Next() || !r.Is(4, Fixed32) || r.Int() != 1 || r.Next() || r.Err() != nil {
		t.Errorf("%+v", r)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{8, 1, 0x12, 2, 'a', 'b'})
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0x0b, 0x0c})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(in)
		total := 0
		for r.Next() {
			if !bytes.Contains(in, r.Bytes()) {
				t.Fatal("bytes that are not of the message")
			}
			total += len(r.Bytes()) + 1
		}
		if total > 2*len(in) {
			t.Errorf("%d bytes out of %d", total, len(in))
		}
	})
}
