package pack

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestGzipInBase64(t *testing.T) {
	long := strings.Repeat("x", maxInflated)
	cut := zipped(t, "cut off")
	tryPack(t, `
steps:
  - kv: {}
    map: {event.reason: a | base64_decode}
`, []packCase{
		{"a=" + zipped(t, "hello"), `{"event":{"reason":"hello"}}`},
		{"a=" + zipped(t, "again"), `{"event":{"reason":"again"}}`},
		{"a=" + zipped(t, long), `{"event":{"reason":"` + long + `"}}`},
		{"a=" + zipped(t, "\xff\xfe"), `{"acme":{"test":{"a":"` + zipped(t, "\xff\xfe") + `"}}}`},
		{"a=" + cut[:20], `{"acme":{"test":{"a":"` + cut[:20] + `"}}}`},
		{"a=" + zipped(t, long+"x"), `{"acme":{"test":{"a":"` + zipped(t, long+"x") + `"}}}`},
		{"a=" + zipped(t, "and again"), `{"event":{"reason":"and again"}}`},
	}...)
}
