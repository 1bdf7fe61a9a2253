package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal opens a pseudo-terminal: what is written to tty is read from screen.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	t.Cleanup(func() { screen.Close() })
	var number, unlocked uint32
	for request, at := range map[uintptr]*uint32{syscall.TIOCSPTLCK: &unlocked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(unsafe.Pointer(at))); errno != 0 {
			t.Skip("no pseudo-terminals here:", errno)
		}
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	t.Cleanup(func() { tty.Close() })
	return screen, tty
}

// TestProgressOnTerminal: parse and run show how far they have come while there is something
// left, and take the line away. The output is held back until the line was seen.
func TestProgressOnTerminal(t *testing.T) {
	dir := t.TempDir()
	text := bytes.Repeat([]byte(`{"@timestamp":"2026-03-01T10:00:00Z","message":"a line","n":1}`+"\n"), 200_000) // more than a pipeline holds
	input := filepath.Join(dir, "in.log")
	if err := os.WriteFile(input, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pipeline := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(pipeline, []byte("sources: [{backfill: {paths: ["+input+"]}}]\nsinks: [{stdout: {}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"parse", "-p", "json", input}, {"run", "-c", pipeline}} {
		t.Run(args[0], func(t *testing.T) {
			screen, tty := terminal(t)
			out, held, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			code := make(chan int, 1)
			go func() {
				code <- run(context.Background(), args, stdio{strings.NewReader(""), held, tty})
				held.Close()
				fmt.Fprint(tty, "END\n")
			}()
			stuck := time.AfterFunc(time.Minute, func() { out.Close() }) // the program then fails to write, and ends
			defer stuck.Stop()
			r := bufio.NewReader(screen)
			var seen strings.Builder
			drained := false
			for !strings.Contains(seen.String(), "END") {
				b, err := r.ReadByte()
				if err != nil {
					t.Fatalf("%v; the terminal shows %q", err, seen.String())
				}
				seen.WriteByte(b)
				if !drained && strings.Contains(seen.String(), " left") {
					drained = true
					go io.Copy(io.Discard, out)
				}
			}
			if c := <-code; c != 0 {
				t.Errorf("exit %d", c)
			}
			if s := seen.String(); !strings.Contains(s, "0 of 1 files, ") || !strings.Contains(s, "left"+clearLine+"penstock: 200000 records") && !strings.Contains(s, clearLine+"penstock: 200000 records") {
				t.Errorf("the terminal shows %q", s)
			}
		})
	}
}

// TestLogAboveProgress: what is logged meanwhile stands above the line.
func TestLogAboveProgress(t *testing.T) {
	var b bytes.Buffer
	l := &progressLine{w: &b}
	l.show("half")
	fmt.Fprintln(l, "a log line")
	l.show("more")
	l.show("")
	fmt.Fprintln(l, "the end")
	if want := "half" + clearLine + "a log line\nhalf" + clearLine + "more" + clearLine + "the end\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
