package diskqueue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// slotDistance keeps the two slots of the cursor in different sectors.
const slotDistance = 4096

// cursor is the file with the consumer's position. It is used under Queue.mu.
type cursor struct {
	file   vfs.File
	at     position
	known  bool // there was a position, or one was written
	dirty  bool // written since the last sync
	synced time.Time
}

// open reads the position. A file that holds none, whatever it holds, counts as if
// there were none: entries are read again.
func (c *cursor) open(fsys vfs.FS, path string) error {
	info, err := fsys.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder, and should be the file with the position of the consumer", path)
	}
	f, err := fsys.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	c.file = f
	return c.read(path)
}

// read reads both slots.
func (c *cursor) read(path string) error {
	b := make([]byte, headerCopy)
	for i := range int64(2) {
		n, err := c.file.ReadAt(b, i*slotDistance)
		if err != nil && err != io.EOF {
			return err
		}
		p, ok, err := parsePosition(b[:n])
		if err != nil {
			return fmt.Errorf("%s %w", path, err)
		}
		if ok && (!c.known || p.gen > c.at.gen) {
			c.at, c.known = p, true
		}
	}
	return nil
}

// store writes the position to the slot that holds the older one.
func (c *cursor) store(p position) error {
	p.gen = c.at.gen + 1
	if err := writeAll(c.file, p.encode(), int64(p.gen%2)*slotDistance); err != nil {
		return err
	}
	c.at, c.known, c.dirty = p, true, true
	return nil
}

func (c *cursor) sync(now time.Time) error {
	if !c.dirty {
		return nil
	}
	if err := c.file.Sync(); err != nil {
		return err
	}
	c.dirty, c.synced = false, now
	return nil
}

func (c *cursor) close(sync bool) error {
	var err error
	if sync {
		err = c.sync(c.synced)
	}
	return errors.Join(err, c.file.Close())
}
