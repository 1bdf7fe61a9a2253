//go:build !unix

package file

import (
	"hash/fnv"
	"io/fs"
)

// idOf returns the identity of a file, and whether a name still leads to it. Without inodes
// that is its path: a file that was renamed is told by what it holds.
func idOf(path string, _ fs.FileInfo) (id fileID, linked bool) {
	h := fnv.New64a()
	h.Write([]byte(path))
	return fileID{Inode: h.Sum64()}, true
}
