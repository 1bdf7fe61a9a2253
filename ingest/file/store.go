package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// checkpoint is the file that keeps positions. An empty path keeps nothing.
type checkpoint struct {
	path string
	lock vfs.File
}

const maxState = 64 << 20

func openCheckpoint(path string) (*checkpoint, error) {
	c := &checkpoint{path: path}
	if path == "" {
		return c, nil
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
	c.lock = f
	return c, nil
}

func (c *checkpoint) read() ([]byte, error) {
	if c.path == "" {
		return nil, nil
	}
	b, err := vfs.ReadFile(vfs.OS, c.path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (c *checkpoint) write(b []byte) error {
	f, err := vfs.OS.OpenFile(c.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
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
	if err := vfs.OS.Rename(c.path+".new", c.path); err != nil {
		return err
	}
	return vfs.OS.SyncDir(filepath.Dir(c.path))
}

func (c *checkpoint) close() {
	if c.lock != nil {
		c.lock.Close()
	}
}
