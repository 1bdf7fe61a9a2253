package forward

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"
)

// Whatever is accepted is made into valid JSON, and is framed as it is read.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		"\x93\xa1t\x01\x81\xa1m\xa1x", "\x92\xa1t\x91\x92\x01\x80", "\x93\xa1t\xc4\x03\x92\x01\x80\x81\xa5chunk\xa1c", "\x92\xa1t\xc4\x06\x92\xd7\x00\x00\x00\x00",
		"\xdd\xff\xff\xff\xff", "\x93\xa1t\x01\x81\x92\x01\x02\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01", "\xc7\x01\x00a",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		raw, err := readValue(bufio.NewReader(bytes.NewReader(in)), nil, 1<<16)
		if err != nil {
			return
		}
		c := cursor{b: raw}
		if err := c.skip(); err != nil || len(c.b) != 0 {
			t.Fatalf("%q is one value, and %d bytes are left: %v", raw, len(c.b), err)
		}
		e := entries{opts: &Options{MaxInflated: 1 << 16}}
		if e.message(raw) != nil {
			return
		}
		start := 0
		for _, end := range e.ends {
			if !json.Valid(e.text[start:end]) {
				t.Fatalf("%q gives %q", raw, e.text[start:end])
			}
			start = end
		}
	})
}
