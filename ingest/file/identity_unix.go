//go:build unix

package file

import (
	"io/fs"
	"syscall"
)

// idOf returns the identity of a file, and whether a name still leads to it.
func idOf(_ string, info fs.FileInfo) (id fileID, linked bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, true
	}
	return fileID{uint64(st.Dev), uint64(st.Ino)}, st.Nlink > 0 //nolint:unconvert // other types on other systems
}
