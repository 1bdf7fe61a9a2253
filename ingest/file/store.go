package file

import (
	"log/slog"

	"github.com/penstock-dev/penstock/ingest/checkpoint"
)

// store is the checkpoint that keeps positions. An empty path keeps nothing.
type store struct {
	path string
	file *checkpoint.File
}

func openStore(path string, log *slog.Logger) (*store, error) {
	s := &store{path: path}
	if path == "" {
		return s, nil
	}
	f, err := checkpoint.Open(path, checkpoint.Options{})
	if err != nil {
		return nil, err
	}
	if err := f.Damaged(); err != nil {
		log.Warn("a checkpoint is damaged, the one before counts: lines may come twice", "error", err)
	}
	s.file = f
	return s, nil
}

func (s *store) read() []byte {
	if s.file == nil {
		return nil
	}
	return s.file.Load()
}

// write stores positions: with sync so that they survive a power cut, else the end of
// the process.
func (s *store) write(b []byte, sync bool) error {
	if sync {
		return s.file.Save(b)
	}
	return s.file.Note(b)
}

func (s *store) close() {
	if s.file != nil {
		s.file.Close()
	}
}
