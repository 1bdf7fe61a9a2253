package batch_test

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/errcat"
)

// pipe is a standard output that may be out of order, in the middle of a line.
type pipe struct {
	mu   sync.Mutex
	text strings.Builder
	down bool
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		p.text.Write(b[:len(b)/3])
		return len(b) / 3, errcat.Newf(errcat.TransientNetwork, errcat.StageDeliver, "%w", io.ErrClosedPipe)
	}
	return p.text.Write(b)
}

// The sinks of standard output, plain and for a terminal. What was written of a line that broke is no event.
func TestStdoutConformance(t *testing.T) {
	for name, open := range map[string]func(w io.Writer) batch.Sink[batchtest.Event]{
		"plain":    func(w io.Writer) batch.Sink[batchtest.Event] { return batch.NewWriter[batchtest.Event](w) },
		"terminal": func(w io.Writer) batch.Sink[batchtest.Event] { return batch.NewConsole[batchtest.Event](w) },
	} {
		t.Run(name, func(t *testing.T) {
			batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
				var p pipe
				return &batchtest.Destination{
					Sink: open(&p),
					Received: func() (messages []string) {
						p.mu.Lock()
						defer p.mu.Unlock()
						for line := range strings.Lines(p.text.String()) {
							var event struct{ Message string }
							if json.Unmarshal([]byte(line), &event) == nil {
								messages = append(messages, event.Message)
							}
						}
						return messages
					},
					Down: func(on bool) {
						p.mu.Lock()
						defer p.mu.Unlock()
						p.down = on
					},
				}
			}})
		})
	}
}
