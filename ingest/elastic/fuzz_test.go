package elastic

import (
	"bytes"
	"testing"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
)

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"{\"create\":{}}\n{\"x\":1}\n", "{\"index\":{\"_index\":\"a\",\"_id\":\"\\u0041\"}}\r\n{}\r\n", "{\"delete\":{\"_id\":1}}\n", "{\"update\":{}}\n{}", "\n\n", "{}", "{\"create\":",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var m httpin.Messages
		items, err := read(in, &m)
		if err != nil {
			return
		}
		next := 0
		for _, it := range items {
			if it.msg != noMessage {
				if it.msg != next || !bytes.Contains(in, m.Msgs[next].Raw) || bytes.IndexByte(m.Msgs[next].Raw, '\n') >= 0 {
					t.Fatalf("%q: message %d of item %+v", in, next, it)
				}
				next++
			}
		}
		if next != len(m.Msgs) {
			t.Errorf("%q: %d messages, %d items have one", in, len(m.Msgs), next)
		}
	})
}
