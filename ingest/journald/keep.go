package journald

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/checkpoint"
)

// keeper stores cursors in a checkpoint, in a goroutine of its own: to store one takes as long as the disk does.
type keeper struct {
	path string
	file *checkpoint.File
	log  *slog.Logger

	mu   sync.Mutex
	last string        // to be stored
	wake chan struct{} // there is something to be stored
	quit chan struct{}
	done sync.WaitGroup
}

const (
	keepHeader = "penstock journald 1\n"
	keepEvery  = 250 * time.Millisecond
)

// openKeeper opens a checkpoint, and returns the cursor in it, if there is one. The goroutine that it starts ends by close.
func openKeeper(path string, log *slog.Logger) (k *keeper, cursor string, err error) {
	f, err := checkpoint.Open(path, checkpoint.Options{})
	if err != nil {
		return nil, "", err
	}
	if b := string(f.Load()); b != "" {
		var ok bool
		if cursor, ok = strings.CutPrefix(b, keepHeader); !ok || !isCursor(cursor) {
			f.Close()
			return nil, "", errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "ingest/journald: %s is not a checkpoint of this version; move it away to begin anew", path)
		}
	}
	if err := f.Damaged(); err != nil {
		log.Warn("a checkpoint is damaged, the one before counts: entries may come twice", "error", err)
	}
	k = &keeper{path: path, file: f, log: log, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	k.done.Go(k.run)
	return k, cursor, nil
}

// put takes a cursor that is to be stored. It does not block.
func (k *keeper) put(cursor string) {
	k.mu.Lock()
	k.last = cursor
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	for {
		select {
		case <-k.wake:
			k.store()
		case <-k.quit:
			return
		}
		select {
		case <-time.After(keepEvery):
		case <-k.quit:
			return
		}
	}
}

// store writes the last cursor, unless that has been done.
func (k *keeper) store() {
	k.mu.Lock()
	cursor := k.last
	k.mu.Unlock()
	if cursor == "" {
		return
	}
	if err := k.file.Save([]byte(keepHeader + cursor)); err != nil {
		k.log.Error("the checkpoint cannot be written", "path", k.path, "error", err)
	}
}

// close stores the last cursor and ends the goroutine.
func (k *keeper) close() {
	close(k.quit)
	k.done.Wait()
	k.store()
	k.file.Close()
}

// isCursor reports whether a text can be a cursor, which goes into a header and an argument.
func isCursor(text string) bool { return !strings.ContainsAny(text, "\r\n\x00") }
