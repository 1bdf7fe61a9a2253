package otlp

import (
	"encoding/json"
	"testing"
)

// Whatever is accepted is made into valid JSON.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeLogs":[{"logRecords":[{"body":{"intValue":"1"},"attributes":[]}]}]}]}`), true)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[{"key":"\ud800","value":{}}]}}}]}]}]}`), true)
	f.Add([]byte("\x0a\x0a\x12\x08\x12\x06\x2a\x04\x0a\x02\xff\xfe"), false)
	f.Add([]byte("\x0a\x10\x0a\x05\x0a\x03\x0a\x01k\x12\x07\x12\x05\x32\x03\x0a\x01\x01"), false)
	f.Fuzz(func(t *testing.T, in []byte, text bool) {
		for _, bodyOnly := range []bool{false, true} {
			r := records{bodyOnly: bodyOnly}
			var err error
			if text {
				err = r.json(in)
			} else {
				err = r.protobuf(in)
			}
			if err != nil || bodyOnly {
				continue
			}
			start := 0
			for _, end := range r.ends {
				if !json.Valid(r.text[start:end]) {
					t.Fatalf("%q gives %q", in, r.text[start:end])
				}
				start = end
			}
		}
	})
}
