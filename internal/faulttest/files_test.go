package faulttest

import (
	"hash/crc32"
	"os"
	"testing"

	"github.com/penstock-dev/penstock/internal/vfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

func readFile(t testing.TB, m *memfs.FS, name string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(m, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, m *memfs.FS, name string, b []byte) {
	t.Helper()
	f, err := m.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err == nil {
		_, err = f.Write(b)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// diskOf makes a file system with one folder that holds the files.
func diskOf(t testing.TB, dir string, files map[string][]byte) *memfs.FS {
	t.Helper()
	m := memfs.New()
	if err := vfs.MkdirAll(m, dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		writeFile(t, m, dir+"/"+name, b)
	}
	return m
}

func crc32c(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
