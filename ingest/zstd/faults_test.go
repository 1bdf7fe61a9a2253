package zstd_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	compress "github.com/klauspost/compress/zstd"

	"github.com/penstock-dev/penstock/ingest"
	inhttp "github.com/penstock-dev/penstock/ingest/http"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/loki"
	"github.com/penstock-dev/penstock/ingest/zstd"
	"github.com/penstock-dev/penstock/internal/faulttest"
)

// grown runs f and returns by how much the memory grew at most, and how long it took.
func grown(f func()) (int64, time.Duration) {
	debug.FreeOSMemory()
	base, most := faulttest.Resident(), int64(0)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			most = max(most, faulttest.Resident()-base)
			select {
			case <-quit:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	begun := time.Now()
	f()
	took := time.Since(begun)
	close(quit)
	<-done
	return most, took
}

func send(t *testing.T, url, contentType, encoding string, body []byte) int {
	t.Helper()
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Errorf("%s: %v", encoding, err)
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

const mib = 1 << 20

// written is what a writer makes of so many MiB of zeros.
func written(t *testing.T, megabytes int, make func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := make(&b)
	zeros := bytes.Repeat([]byte{0}, mib)
	for range megabytes {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipWriter(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zlibWriter(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func zstdWriter(w io.Writer) io.WriteCloser {
	z, err := compress.NewWriter(w, compress.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return z
}

// Bombs of every form that a request body or a stream can have.
func TestF52Decompression(t *testing.T) {
	if faulttest.Racing {
		t.Skip("bombs are judged by memory and time, of which the race detector takes several times as much")
	}
	codec, err := zstd.New(zstd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 16 * mib
	o := inhttp.ServerOptions{Address: "127.0.0.1:0", MaxBody: 64 * mib, MaxInflated: limit, MaxRatio: 2000, Codecs: []ingest.Codec{codec}}
	raw, err := inhttp.Listen(o, inhttp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	push, err := loki.Listen(o, loki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, q := ingesttest.Start(t, raw), ingesttest.Start(t, push)
	rawURL, pushURL := "http://"+raw.Addr().String()+"/", "http://"+push.Addr().String()+"/loki/api/v1/push"

	// Members of 100 MB, one behind the other, are as large as one wants.
	members := faulttest.Pick(3, 100)
	size := fmt.Sprintf("%d MB", 100*members)
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x0b, 0, 0, 0} // RFC 8878 section 3.1.1: 2 GiB of window, a block of RLE
	declared := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0}                       // 8 bytes of size, single segment
	declared = binary.LittleEndian.AppendUint64(declared, 10<<30)
	declared = append(declared, 0x03, 0, 0, 'x')
	wrong := written(t, 1, gzipWriter)
	binary.LittleEndian.PutUint32(wrong[len(wrong)-4:], 5)
	small := func(w func(io.Writer) io.WriteCloser) []byte {
		var b bytes.Buffer
		z := w(&b)
		io.WriteString(z, strings.Repeat("x", 10_000))
		z.Close()
		return b.Bytes()
	}
	nested := written(t, 100, gzipWriter)
	for range 3 {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(nested)
		z.Close()
		nested = b.Bytes()
	}
	snappySize := binary.AppendUvarint(nil, 10<<30)
	honest := s2.EncodeSnappy(nil, bytes.Repeat([]byte{0}, 8*mib)) // within the limits, and no push request
	cases := []struct {
		name, encoding string
		body           []byte
		want           []int
	}{
		{"gzip of 1 MB", "gzip", written(t, 1, gzipWriter), []int{200}},
		{"gzip of " + size, "gzip", bytes.Repeat(written(t, 100, gzipWriter), members), []int{413}},
		{"deflate of 100 MB", "deflate", written(t, 100, zlibWriter), []int{413}},
		{"zstd of 1 MB", "zstd", written(t, 1, zstdWriter), []int{200}},
		{"zstd of " + size, "zstd", bytes.Repeat(written(t, 100, zstdWriter), members), []int{413}},
		{"nested gzip", "gzip", nested, []int{200}}, // its content is bytes, which nobody unpacks further
		{"10,000 members", "gzip", bytes.Repeat(small(gzipWriter), 10_000), []int{413}},
		{"10,000 frames", "zstd", bytes.Repeat(small(zstdWriter), 10_000), []int{413}},
		{"window of 2 GB", "zstd", window, []int{413, 400}},
		{"declared as 10 GB", "zstd", declared, []int{413, 400}},
		{"wrong declared size", "gzip", wrong, []int{400}},
		{"snappy declared as 10 GB", "snappy", append(snappySize, 0, 'x'), []int{413}},
		{"snappy declared as 1 byte", "snappy", append([]byte{1}, honest[4:]...), []int{400}},
		{"snappy of 8 MB that is no push", "snappy", honest, []int{400, 413}},
	}
	var worst int64
	var slowest time.Duration
	faulttest.Figures(t, "F52", fmt.Sprintf("gzip, deflate, zstd and snappy bodies of up to %s; nested; 10,000 members and frames; a window of 2 GB; wrong declared sizes; limit %d MiB", size, limit/mib),
		"limit on output before allocation: RSS growth ≤ limit + 16 MB; cut ≤ 1 s; refused as too large; next request served", func() string {
			return fmt.Sprintf("%d bodies; memory grew by %.1f MB at most; the slowest took %s", len(cases), float64(worst)/1e6, slowest.Round(time.Millisecond))
		})
	for _, c := range cases {
		url, kind, encoding := rawURL, "text/plain", c.encoding
		if c.encoding == "snappy" {
			url, kind, encoding = pushURL, "application/x-protobuf", ""
		}
		status := 0
		memory, took := grown(func() { status = send(t, url, kind, encoding, c.body) })
		worst, slowest = max(worst, memory), max(slowest, took)
		if fits := func() bool {
			for _, w := range c.want {
				if status == w {
					return true
				}
			}
			return false
		}(); !fits {
			t.Errorf("%s: status %d, want %d", c.name, status, c.want)
		}
		if memory > limit+16<<20 || took > time.Second {
			t.Errorf("%s: memory grew by %d bytes, it took %s", c.name, memory, took)
		}
		if got := send(t, rawURL, "text/plain", "zstd", small(zstdWriter)); got != 200 {
			t.Errorf("%s: the next request is answered by %d", c.name, got)
		}
	}
	if got := send(t, pushURL, "application/json", "zstd", []byte(pack(t, `{"streams":[{"stream":{"a":"b"},"values":[["1764410400000000000","x"]]}]}`))); got != 204 {
		t.Errorf("a push in zstd is answered by %d", got)
	}
	q.Wait(1)
	p.Stop()
	// Streams: what is read from files and pipes.
	d := ingest.Decoding{Codecs: append(ingest.DefaultCodecs(), codec), MaxOutput: limit}
	for name, body := range map[string][]byte{
		"gzip": bytes.Repeat(written(t, 100, gzipWriter), members), "zstd": bytes.Repeat(written(t, 100, zstdWriter), members), "window": window,
	} {
		var got []string
		memory, took := grown(func() { got = lines(t, bytes.NewReader(body), d) })
		worst, slowest = max(worst, memory), max(slowest, took)
		if n := len(got); n == 0 || !strings.HasPrefix(got[n-1], "OVERSIZE") {
			t.Errorf("a stream of %s: %.100q", name, got)
		}
		if memory > limit+16<<20 || took > time.Second {
			t.Errorf("a stream of %s: memory grew by %d bytes, it took %s", name, memory, took)
		}
	}
}
