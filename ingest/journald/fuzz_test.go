package journald

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"
)

// Whatever is read is made into valid JSON, within the limit.
func FuzzParser(f *testing.F) {
	f.Add([]byte("A=1\nB=2\n\nX\n\x02\x00\x00\x00\x00\x00\x00\x00ab\nA=1\nA=2\n\n"))
	f.Add([]byte("\n\nA\n\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := parser{r: bufio.NewReader(bytes.NewReader(in)), limit: 1000}
		for p.next() == nil {
			if len(p.text) > 1000+maxName {
				t.Fatalf("%d bytes are kept", len(p.text))
			}
			if doc := p.json(nil); !json.Valid(doc) {
				t.Fatalf("%q gives %q", in, doc)
			}
		}
	})
}
