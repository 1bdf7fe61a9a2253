package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pattern is a path with elements of path/filepath.Match and **.
type pattern struct {
	root  string   // the folders before the first element that is a pattern
	rest  []string // the elements below root
	whole string
}

const maxDepth = 64 // of folders below the root of a pattern

func parsePatterns(list []string, paths bool) ([]pattern, error) {
	var out []pattern
	for _, text := range list {
		p := pattern{whole: text}
		elems := strings.Split(filepath.ToSlash(text), "/")
		for _, e := range elems {
			if _, err := filepath.Match(e, ""); err != nil || e != "**" && strings.Contains(e, "**") {
				return nil, fmt.Errorf("file: pattern %q: %w (an element ** stands alone between slashes)", text, filepath.ErrBadPattern)
			}
		}
		if paths {
			n := 0
			for n < len(elems)-1 && !strings.ContainsAny(elems[n], `*?[\`) {
				n++
			}
			p.root = filepath.FromSlash(strings.Join(elems[:n], "/"))
			switch {
			case n > 0 && p.root == "": // an absolute path
				p.root = string(filepath.Separator)
			case n == 0:
				p.root = "."
			}
			elems = elems[n:]
		}
		p.rest = elems
		out = append(out, p)
	}
	return out, nil
}

// matches reports whether a path below the root fits.
func matchElements(pat, path []string) bool {
	for len(pat) > 0 {
		if pat[0] == "**" {
			for i := 0; i <= len(path); i++ {
				if matchElements(pat[1:], path[i:]) {
					return true
				}
			}
			return false
		}
		if len(path) == 0 {
			return false
		}
		if ok, _ := filepath.Match(pat[0], path[0]); !ok {
			return false
		}
		pat, path = pat[1:], path[1:]
	}
	return len(path) == 0
}

// excludes reports whether a pattern of Exclude fits the path or its last element.
func excludes(list []pattern, path string) bool {
	if len(list) == 0 {
		return false
	}
	elems := strings.Split(filepath.ToSlash(path), "/")
	for _, p := range list {
		if len(p.rest) == 1 && matchElements(p.rest, elems[len(elems)-1:]) || matchElements(p.rest, elems) {
			return true
		}
	}
	return false
}

// find calls found for each path that fits. Folders that cannot be read are left out.
func (p pattern) find(found func(path string)) {
	p.walk(p.root, p.rest, found, 0)
}

func (p pattern) walk(dir string, pat []string, found func(string), depth int) {
	if depth > maxDepth {
		return
	}
	if len(pat) == 1 && !strings.ContainsAny(pat[0], `*?[\`) {
		path := filepath.Join(dir, pat[0])
		if _, err := os.Lstat(path); err == nil {
			found(path)
		}
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil && len(entries) == 0 {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		folder := e.IsDir()
		if pat[0] == "**" {
			if len(pat) > 1 {
				p.step(path, e.Name(), folder, pat[1:], found, depth)
			} else if !folder {
				found(path)
			}
			if folder { // links to folders are not followed: they could lead in circles
				p.walk(path, pat, found, depth+1)
			}
			continue
		}
		p.step(path, e.Name(), folder, pat, found, depth)
	}
}

func (p pattern) step(path, name string, folder bool, pat []string, found func(string), depth int) {
	if pat[0] == "**" {
		if folder {
			p.walk(path, pat, found, depth+1)
		}
		return
	}
	if ok, _ := filepath.Match(pat[0], name); !ok {
		return
	}
	switch {
	case len(pat) == 1 && !folder:
		found(path)
	case len(pat) > 1 && folder:
		p.walk(path, pat[1:], found, depth+1)
	}
}

var (
	errOutside = errors.New("the link leads out of the folder of its pattern")
	errNoFile  = errors.New("not a regular file")
)

// inspect returns what a path leads to. Links must stay within the root of the pattern: here a
// path is refused before it is opened, and by openBelow should it have changed since.
func (p pattern) inspect(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if _, err := resolve(p.root, path); err != nil {
			return nil, err // a loop, or a link to nothing or to the outside
		}
		if info, err = os.Stat(path); err != nil {
			return nil, err
		}
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	return info, nil
}
