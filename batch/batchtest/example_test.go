package batchtest_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
)

// In a test file of your own:
//
//	func TestConformance(t *testing.T) {
//		batchtest.Sink(t, batchtest.Config{New: newSink})
//	}
func Example() {}

func newSink(testing.TB) *batchtest.Destination {
	var out bytes.Buffer
	return &batchtest.Destination{
		Sink: batch.NewWriter[batchtest.Event](&out),
		Received: func() (messages []string) {
			for line := range strings.Lines(out.String()) {
				var event struct{ Message string }
				if json.Unmarshal([]byte(line), &event) == nil {
					messages = append(messages, event.Message)
				}
			}
			return messages
		},
	}
}

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: newSink})
}
