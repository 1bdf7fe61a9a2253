package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
)

// inFolders is what the finished files hold, by folder.
func inFolders(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		if strings.HasSuffix(path, partSuffix) {
			t.Errorf("%s is not finished", path)
		}
		text, err := os.ReadFile(path)
		folder, _ := filepath.Rel(dir, filepath.Dir(path))
		all[folder] += string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFolders: lines go to the folders that their fields name, and no value makes a name that
// it should not.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	s, err := New[event](Options{Dir: dir, Folders: "{event.dataset}/host-{host.name}"})
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, `{"event":{"dataset":"a.log"},"host":{"name":"h1"},"n":1}`, `{"event.dataset":"b","host.name":"h1","n":2}`, `{"event":{"dataset":"a.log"},"host":{"name":"h1"},"n":3}`)
	write(t, s, `{"event":{"dataset":"../../etc"},"host":{"name":"/x\u0000\n"},"n":4}`, `{"event":{"dataset":".."},"n":5}`, `no object`,
		`{"event":{"dataset":"`+strings.Repeat("ü", 200)+`"},"host":{"name":7}}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := inFolders(t, dir)
	for folder, n := range map[string]int{
		"a.log/host-h1": 2, "b/host-h1": 1, "_._.._etc/host-_x__": 1, "_./host-_": 1, "_/host-_": 1, strings.Repeat("_", 80) + "/host-7": 1,
	} {
		if strings.Count(got[folder], "\n") != n {
			t.Errorf("%s holds %q, want %d lines", folder, got[folder], n)
		}
		delete(got, folder)
	}
	if len(got) > 0 {
		t.Errorf("unexpected folders: %q", got)
	}
}

// TestManyFolders: beyond MaxFolders files are finished, and nothing is lost.
func TestManyFolders(t *testing.T) {
	dir := t.TempDir()
	s, err := New[event](Options{Dir: dir, Folders: "{k}", MaxFolders: 3, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		for k := range 10 {
			write(t, s, fmt.Sprintf(`{"k":"f%d","round":%d}`, k, round))
			if n := len(s.folders.open); n > 3 {
				t.Fatalf("%d folders are open", n)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := inFolders(t, dir)
	if len(got) != 10 {
		t.Errorf("%d folders", len(got))
	}
	for folder, text := range got {
		if strings.Count(text, "\n") != 2 {
			t.Errorf("%s holds %q", folder, text)
		}
	}
}

// TestFolderFails: a folder that cannot be made fails its rows, and no others; what a killed
// process left in a folder is finished.
func TestFolderFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad"), nil, 0o600); err != nil { // a file where a folder should be
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old", "events-1.ndjson.part"), []byte("whole\ntorn"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New[event](Options{Dir: dir, Folders: "{k}"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Write(context.Background(), lines(`{"k":"good"}`, `{"k":"bad"}`, `{"k":"good"}`, `{"k":"bad"}`))
	partial, ok := err.(*batch.Partial)
	if !ok || len(partial.Failed) != 2 || partial.Failed[0].Row != 1 || partial.Failed[1].Row != 3 {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	got := inFolders(t, dir)
	if strings.Count(got["good"], "\n") != 2 || got["old"] != "whole\n" {
		t.Errorf("%q", got)
	}
}

func TestWrongFolders(t *testing.T) {
	for _, template := range []string{"x", "/{a}", "{a}/", "{a}//{b}", "{a", "..{a}/../x", "{a}/..", "{a}/b c"} {
		if err := (Options{Dir: "d", Folders: template}).Check(); err == nil {
			t.Errorf("%q is taken", template)
		}
	}
}

// FuzzAppendSafe: no value makes a name that leads elsewhere.
func FuzzAppendSafe(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a/b", "\x00", "ü", "C:\\x", strings.Repeat("x", 300)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		name := string(appendSafe(nil, value))
		if name == "" || len(name) > maxElement || !plain(name) || name[0] == '.' {
			t.Errorf("%q makes %q", value, name)
		}
	})
}
