package evtx_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/sample.evtx.gz anew")

// The sample that tests of other packages read: two chunks, the second of which was never
// written, and three logons.
func TestSample(t *testing.T) {
	a := newChunk(1)
	for i, id := range []uint16{4624, 4625, 4634} {
		a.record(writtenAt, event(id, uint64(i+1), logon()))
	}
	want := file(false, a.bytes(), make([]byte, 65536))
	const name = "testdata/sample.evtx.gz"
	if *update {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		w.Write(want)
		w.Close()
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the encoder makes (%v): run the test with -update", name, err)
	}
}
