package batch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
)

// What a terminal would obey is escaped, and the JSON says the same.
func TestConsole(t *testing.T) {
	for _, text := range []string{
		"plain", "grüße 漢字 😀", "\x7f", "\u009b31m red", "\u0085 next", "\u202e backwards", "\u2066x\u2069", "\u2028\u2029", "\ufeff", "\u061c\u200e\u200f",
	} {
		line, err := json.Marshal(map[string]string{"message": "x"})
		if err != nil {
			t.Fatal(err)
		}
		line = bytes.Replace(line, []byte("x"), []byte(text), 1) // as it is
		line = append(line, '\n')
		var out bytes.Buffer
		c := batch.NewConsole[struct{}](&out)
		b := &batch.Batch[struct{}]{Lines: append(bytes.Clone(line), line...), Ends: []int32{int32(len(line)), int32(2 * len(line))}}
		if err := c.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.TrimSuffix(strings.ReplaceAll(out.String(), "}\n{", "}{"), "\n") {
			if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff {
				t.Errorf("%q: the output holds %U", text, r)
			}
		}
		for got := range strings.Lines(out.String()) {
			var doc struct{ Message string }
			if err := json.Unmarshal([]byte(got), &doc); err != nil || doc.Message != text {
				t.Errorf("%q came back as %q, %v", text, doc.Message, err)
			}
		}
	}
	if got := string(batch.AppendVisible(nil, []byte("a\x9bb"))); got != `a\ufffdb` {
		t.Errorf("bytes that are no text: %q", got)
	}
}
