package api

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs"
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
	path string
	lock vfs.File

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
	s := &store{path: path, positions: map[string]position{}}
	if path == "" {
		return s, nil
	}
	if err := vfs.MkdirAll(vfs.OS, filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := vfs.OS.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Lock(); err != nil {
		f.Close()
		return nil, err
	}
	s.lock = f
	b, err := vfs.ReadFile(vfs.OS, path, maxStore)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var file storeFile
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
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
	if s.path == "" {
		return nil
	}
	b, err := json.Marshal(storeFile{storeVersion, s.positions})
	if err != nil {
		return err
	}
	f, err := vfs.OS.OpenFile(s.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := vfs.OS.Rename(s.path+".new", s.path); err != nil {
		return err
	}
	return vfs.OS.SyncDir(filepath.Dir(s.path))
}

func (s *store) close() {
	if s.lock != nil {
		s.lock.Close()
	}
}
