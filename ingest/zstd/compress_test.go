package zstd

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// TestCompression: frames one behind the other are one file, and of a file that was cut
// anywhere exactly the whole frames are found.
func TestCompression(t *testing.T) {
	for _, level := range []int{-1, 23} {
		if _, err := NewCompression(level); err == nil {
			t.Errorf("level %d is taken", level)
		}
	}
	c, err := NewCompression(0)
	if err != nil {
		t.Fatal(err)
	}
	var file, want []byte
	ends := []int{0}
	for i, text := range []string{"one line\n", strings.Repeat("again and again\n", 500), "", fmt.Sprint(make([]int, 3000)), "the last\n"} {
		if file, err = c.Append(file, []byte(text)); err != nil {
			t.Fatal(i, err)
		}
		want = append(want, text...)
		ends = append(ends, len(file))
	}
	codec, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := codec.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
	if program, err := exec.LookPath("zstd"); err == nil {
		cmd := exec.Command(program, "-dc")
		cmd.Stdin = bytes.NewReader(file)
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the program zstd: %d bytes of %d, %v", len(got), len(want), err)
		}
	}
	last := 0
	for n := range len(file) + 1 {
		if last+1 < len(ends) && n >= ends[last+1] {
			last++
		}
		if got, err := c.Whole(bytes.NewReader(file[:n])); err != nil || got != int64(ends[last]) {
			t.Fatalf("of %d bytes %d are whole, want %d (%v)", n, got, ends[last], err)
		}
	}
	// What stands behind may be anything: zeros of a crash, or a frame with a flipped bit.
	for _, tail := range [][]byte{make([]byte, 5000), []byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte{0xff}, 100)} {
		if got, err := c.Whole(bytes.NewReader(append(bytes.Clone(file), tail...))); err != nil || got != int64(len(file)) {
			t.Errorf("with a tail: %d of %d, %v", got, len(file), err)
		}
	}
	broken := bytes.Clone(file)
	broken[ends[2]-6] ^= 1
	if got, err := c.Whole(bytes.NewReader(broken)); err != nil || got != int64(ends[1]) {
		t.Errorf("with a flipped bit: %d, want %d, %v", got, ends[1], err)
	}
}

func FuzzWhole(f *testing.F) {
	c, err := NewCompression(1)
	if err != nil {
		f.Fatal(err)
	}
	one, _ := c.Append(nil, []byte("a line\n"))
	two, _ := c.Append(bytes.Clone(one), bytes.Repeat([]byte("b"), 1000))
	f.Add(one)
	f.Add(two)
	f.Add(two[:len(two)-3])
	f.Fuzz(func(t *testing.T, in []byte) {
		n, err := c.Whole(bytes.NewReader(in))
		if err != nil || n < 0 || n > int64(len(in)) {
			t.Fatalf("%d of %d, %v", n, len(in), err)
		}
		codec, _ := New(Options{MaxWindow: 512 << 20})
		r, err := codec.NewReader(bytes.NewReader(in[:n]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, io.LimitReader(r, 64<<20)); err != nil {
			t.Errorf("%d bytes are whole, but: %v", n, err)
		}
	})
}
