package file

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch/batchtest"
)

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		dir := t.TempDir()
		s, err := New[batchtest.Event](Options{Dir: dir, MaxBytes: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{
			Sink: s, Close: s.Close,
			Received: func() (messages []string) {
				files, _ := filepath.Glob(filepath.Join(dir, "*"))
				for _, name := range files { // their names are in the order of time
					text, err := os.ReadFile(name)
					if err != nil {
						t.Error(err)
					}
					for line := range strings.Lines(string(text)) {
						var event struct{ Message string }
						if json.Unmarshal([]byte(line), &event) == nil {
							messages = append(messages, event.Message)
						}
					}
				}
				return messages
			},
		}
	}})
}
