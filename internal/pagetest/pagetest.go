//go:build unix

package pagetest

import (
	"os"
	"syscall"
	"testing"
)

// Guarded returns two pages of memory, each of page bytes: a read behind their end is a fault
// of the program. They are given back with the test, which is skipped where the system does not
// have them.
func Guarded(t testing.TB) (page int, mem []byte) {
	t.Helper()
	page = os.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Munmap(all) })
	if err := syscall.Mprotect(all[2*page:], syscall.PROT_NONE); err != nil {
		t.Skip(err)
	}
	return page, all[: 2*page : 2*page]
}
