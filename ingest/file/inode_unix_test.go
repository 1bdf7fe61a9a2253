//go:build unix

package file_test

import (
	"io/fs"
	"syscall"
)

func inode(info fs.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Ino) }
