package api

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/checkpoint"
)

// position is where an endpoint goes on. It is stored when everything before it is safe.
type position struct {
	From   time.Time `json:"from,omitzero"`   // begin of the next window
	To     time.Time `json:"to,omitzero"`     // its end, while pages of it are to come
	Cursor string    `json:"cursor,omitzero"` // of the next page
	URL    string    `json:"url,omitzero"`    // of the next page
	Offset int       `json:"offset,omitzero"` // of the next page
	Recent []string  `json:"recent,omitzero"` // identifiers of events, the oldest first
}

func (p position) clone() position {
	p.Recent = slices.Clone(p.Recent)
	return p
}

// store keeps the positions of all endpoints in one file.
type store struct {
	file *checkpoint.File // nil keeps nothing

	mu        sync.Mutex
	positions map[string]position
}

const (
	storeVersion = 1
	maxStore     = 256 << 20
)

type storeFile struct {
	Version   int                 `json:"version"`
	Endpoints map[string]position `json:"endpoints"`
}

func openStore(path string) (*store, error) {
	s := &store{positions: map[string]position{}}
	if path == "" {
		return s, nil
	}
	f, err := checkpoint.Open(path, checkpoint.Options{MaxBytes: maxStore})
	if err != nil {
		return nil, err
	}
	s.file = f
	b := f.Load()
	if len(b) == 0 {
		return s, nil
	}
	var file storeFile
	err = json.Unmarshal(b, &file)
	if err == nil && file.Version != storeVersion {
		err = errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "version %d is not known", file.Version)
	}
	if err != nil {
		f.Close()
		return nil, errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "api: the checkpoint %s cannot be read; move it away to begin anew: %w", path, err)
	}
	if file.Endpoints != nil {
		s.positions = file.Endpoints
	}
	return s, nil
}

func (s *store) load(name string) position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.positions[name].clone()
}

// save stores the position of an endpoint.
func (s *store) save(name string, p position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[name] = p.clone()
	if s.file == nil {
		return nil
	}
	b, err := json.Marshal(storeFile{storeVersion, s.positions})
	if err != nil {
		return err
	}
	return s.file.Save(b)
}

func (s *store) close() {
	if s.file != nil {
		s.file.Close()
	}
}
