package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The commands of parse/pack/ADDING.md do what it says: each sh block is run by a shell, and
// what it prints holds the lines of the text block behind it.
func TestAddingAVendor(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the document's commands are for a POSIX shell")
	}
	doc, err := os.ReadFile("../../parse/pack/ADDING.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "penstock"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := t.TempDir()
	printed, commands := "", 0
	for i, part := range strings.Split(string(doc), "```") {
		if i%2 == 0 {
			continue // prose
		}
		kind, text, _ := strings.Cut(part, "\n")
		switch kind {
		case "sh":
			cmd := exec.Command("sh", "-e", "-c", text)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v:\n%s\n%s", err, text, out)
			}
			printed = string(out)
			commands += strings.Count("\n"+text, "\npenstock ")
		case "text":
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); !strings.Contains(printed, line) {
					t.Errorf("%q is not in what the commands print:\n%s", line, printed)
				}
			}
		default:
			t.Errorf("a block of kind %q, which nothing runs", kind)
		}
	}
	if commands < 9 {
		t.Errorf("%d commands", commands)
	}
}
