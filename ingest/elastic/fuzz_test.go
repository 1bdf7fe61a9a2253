package elastic

import (
	"bytes"
	"encoding/json"
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
		var q bulkRequest
		if err := q.read(in, &m); err != nil {
			return
		}
		next := int32(0)
		for _, it := range q.items {
			if it.msg != noMessage {
				if it.msg != next || !bytes.Contains(in, m.Msgs[next].Raw) || bytes.IndexByte(m.Msgs[next].Raw, '\n') >= 0 {
					t.Fatalf("%q: message %d of item %+v", in, next, it)
				}
				next++
			}
		}
		if int(next) != len(m.Msgs) {
			t.Errorf("%q: %d messages, %d items have one", in, len(m.Msgs), next)
		}
		// The answer has a verdict for each item, whatever the actions say.
		q.refused = make([]bool, len(m.Msgs))
		for i := range q.refused {
			q.refused[i] = i%3 == 1
		}
		var answer []map[string]struct{ Status int }
		text := append(q.answer([]byte{'['}, "the index", len(in)%2 == 0), ']')
		if err := json.Unmarshal(text, &answer); err != nil || len(answer) != len(q.items) {
			t.Fatalf("%q: %v, %d verdicts on %d items\n%s", in, err, len(answer), len(q.items), text)
		}
		for i, it := range q.items {
			want := 201
			if it.msg == noMessage {
				want = 400
			} else if q.refused[it.msg] {
				want = 429
			}
			if got, ok := answer[i][q.actions[it.action].name]; !ok || got.Status != want {
				t.Errorf("%q: item %d is %v, want %d", in, i, answer[i], want)
			}
		}
	})
}
