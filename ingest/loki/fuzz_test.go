package loki

import (
	"encoding/json"
	"testing"
)

// Whatever is accepted is made into valid JSON.
func FuzzEntries(f *testing.F) {
	f.Add([]byte(`{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"k":"v"}]]}]}`), true)
	f.Add([]byte("\x0a\x15\x0a\x07{a=\"b\"}\x12\x0a\x0a\x04\x08\x01\x10\x01\x12\x02\xffy"), false)
	f.Fuzz(func(t *testing.T, in []byte, text bool) {
		var e entries
		var err error
		if text {
			err = e.json(in)
		} else {
			err = e.protobuf(in)
		}
		if err != nil {
			return
		}
		start := 0
		for _, end := range e.ends {
			if !json.Valid(e.text[start:end]) {
				t.Fatalf("%q gives %q", in, e.text[start:end])
			}
			start = end
		}
	})
}
