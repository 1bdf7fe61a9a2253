package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// openBelow opens a file below the root of its pattern. Whoever may write there cannot lead it
// outside, also not by changing a link while it is opened: each element of the path is opened
// by itself ([os.Root]). It does not wait for the writer of a named pipe.
func openBelow(root, path string) (handle, error) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.OpenFile(rel, os.O_RDONLY|openFlags, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// os.Root takes no link whose target is absolute, but it may lead to the inside.
		to, rerr := resolve(root, path)
		if rerr != nil {
			return nil, errors.Join(rerr, err)
		}
		f, err = dir.OpenFile(to, os.O_RDONLY|openFlags, 0)
	}
	if err != nil {
		return nil, err // not a handle that holds nil
	}
	return f, nil
}

// resolve follows the links of a path, and returns where it leads to, relative to what root leads to.
func resolve(root, path string) (string, error) {
	to, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(root, to)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", errOutside
	}
	return rel, nil
}
