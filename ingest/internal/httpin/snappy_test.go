package httpin

import (
	"bytes"
	"strings"
	"testing"
)

func TestSnappy(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tc := range map[string]struct {
		src  string
		size int
		want string
		ok   bool
	}{
		"literal":             {"\x08abc", 3, "abc", true},
		"long literal":        {"\xf4\x2b\x01" + long, 300, long, true},
		"copy, 1 byte":        {"\x08abc\x01\x03", 7, "abcabca", true},
		"copy, 2 bytes":       {"\x08abc\x16\x03\x00", 9, "abcabcabc", true},
		"copy, 4 bytes":       {"\x08abc\x17\x03\x00\x00\x00", 9, "abcabcabc", true},
		"copy from before":    {"\x08abc\x01\x04", 7, "", false},
		"copy from nowhere":   {"\x08abc\x01\x00", 7, "", false},
		"longer than it says": {"\x08abc", 2, "", false},
		"cut literal":         {"\x08ab", 3, "", false},
		"cut length":          {"\xfc\xff", 3, "", false},
		"cut copy":            {"\x08abc\x16\x03", 9, "", false},
		"shorter than said":   {"\x08abc", 4, "", false},
		"huge literal":        {"\xfc\xff\xff\xff\xff", 3, "", false},
	} {
		got, err := appendSnappy(nil, []byte(tc.src), tc.size)
		if (err == nil) != tc.ok || tc.ok && string(got) != tc.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// snappyLiterals is a block of literals only.
func snappyLiterals(b []byte) (out []byte) {
	for len(b) > 0 {
		n := min(len(b), 60)
		out = append(append(out, byte(n-1)<<2), b[:n]...)
		b = b[n:]
	}
	return out
}

func FuzzSnappy(f *testing.F) {
	f.Add([]byte("\x08abc\x16\x03\x00"), 9)
	f.Add([]byte("\xf0"), 1<<20)
	f.Fuzz(func(t *testing.T, src []byte, size int) {
		if size < 0 || size > 1<<20 {
			return
		}
		got, err := appendSnappy(nil, src, size)
		if len(got) > size || err == nil && len(got) != size {
			t.Errorf("%d bytes of %d, %v", len(got), size, err)
		}
		back, err := appendSnappy(nil, snappyLiterals(src), len(src))
		if err != nil || !bytes.Equal(back, src) {
			t.Errorf("%q came back as %q, %v", src, back, err)
		}
	})
}
