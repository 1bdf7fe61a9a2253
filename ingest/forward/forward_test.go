package forward_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/forward"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ratelimit"
)

func mustListen(t testing.TB, o forward.Options) *forward.Source {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	s, err := forward.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dial(s *forward.Source) (net.Conn, error) {
	c, err := net.Dial(s.Addr().Network(), s.Addr().String())
	if err == nil {
		c.SetDeadline(time.Now().Add(ingesttest.Patience))
	}
	return c, err
}

// MessagePack, as much as the tests need.
func str(s string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xdb}, uint32(len(s))), s...)
}
func bin(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc6}, uint32(len(b))), b...)
}
func array(vs ...[]byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xdc}, uint16(len(vs))), bytes.Join(vs, nil)...)
}
func object(kvs ...[]byte) []byte {
	return append([]byte{0x80 | byte(len(kvs)/2)}, bytes.Join(kvs, nil)...)
}
func eventTime(sec, nsec uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte{0xd7, 0}, sec), nsec)
}
func squeeze(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

var modes = map[string]func(entries [][2][]byte, chunk string) []byte{
	"forward": func(entries [][2][]byte, chunk string) []byte {
		var list [][]byte
		for _, e := range entries {
			list = append(list, array(e[0], e[1]))
		}
		return array(str("tag"), array(list...), object(str("chunk"), str(chunk)))
	},
	"packed": func(entries [][2][]byte, chunk string) []byte {
		var b []byte
		for _, e := range entries {
			b = append(b, array(e[0], e[1])...)
		}
		return array(str("tag"), bin(b), object(str("size"), []byte{1}, str("chunk"), str(chunk)))
	},
	"compressed": func(entries [][2][]byte, chunk string) []byte {
		var b []byte
		for _, e := range entries {
			b = append(b, array(e[0], e[1])...)
		}
		return array(str("tag"), bin(squeeze(b)), object(str("compressed"), str("gzip"), str("chunk"), str(chunk)))
	},
}

// field is the field m of a record.
func field(message string) string {
	var record struct{ M string }
	json.Unmarshal([]byte(message), &record)
	return record.M
}

func TestConformance(t *testing.T) {
	for mode, encode := range modes {
		t.Run(mode, func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, Text: field, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s := mustListen(t, forward.Options{RecordOnly: true})
				var c net.Conn
				t.Cleanup(func() {
					if c != nil {
						c.Close()
					}
				})
				n := 0
				return s, func(_ context.Context, msgs []string) (err error) {
					if c == nil {
						if c, err = dial(s); err != nil {
							return err
						}
					}
					var entries [][2][]byte
					for _, m := range msgs {
						entries = append(entries, [2][]byte{eventTime(1, 2), object(str("m"), bin([]byte(m)))})
					}
					n++
					chunk := fmt.Sprint("chunk-", n)
					want := append(append([]byte{0x81, 0xa3}, "ack"...), str(chunk)...)
					got := make([]byte, len(want))
					if _, err = c.Write(encode(entries, chunk)); err == nil {
						if _, err = io.ReadFull(c, got); err == nil && !bytes.Equal(got, want) {
							err = fmt.Errorf("answer %q", got)
						}
					}
					if err != nil {
						c.Close()
						c = nil
					}
					return err
				}
			}})
		})
	}
}

func TestMessages(t *testing.T) {
	s := mustListen(t, forward.Options{Network: "unix", Address: filepath.Join(t.TempDir(), "fluent")})
	p := ingesttest.Start(t, s)
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	record := object(
		str("text"), str("größe \"x\"\n"), str("bytes"), bin([]byte("a\xff")), str("int"), []byte{0xd1, 0xff, 0x00}, str("big"), []byte{0xcf, 255, 255, 255, 255, 255, 255, 255, 255},
		str("float"), []byte{0xca, 0x3f, 0xc0, 0, 0}, str("nan"), []byte{0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1}, str("nil"), []byte{0xc0}, str("yes"), []byte{0xc3},
		str("list"), array([]byte{1}, []byte{0xff}), str("map"), object([]byte{7}, str("v")), str("ext"), []byte{0xd4, 5, 'a'},
	)
	c.Write(array(str("app.access"), []byte{0xce, 0x69, 0x2a, 0xc4, 0x00}, record))
	c.Write(array(str("t"), array(array(array(eventTime(1, 5), object()), object(str("m"), str("fluent bit"))))))
	want := []string{
		`{"tag":"app.access","time":"1764410368000000000","record":{"text":"größe \"x\"\n","bytes":"a` + "\ufffd" + `","int":-256,"big":18446744073709551615,"float":1.5,"nan":"NaN",` +
			`"nil":null,"yes":true,"list":[1,-1],"map":{"7":"v"},"ext":{"ext":5,"base64":"YQ=="}}}`,
		`{"tag":"t","time":"1000000005","record":{"m":"fluent bit"}}`,
	}
	for i, m := range p.Wait(2) {
		if m.Text != want[i] {
			t.Errorf("message %d is\n%s\nwant\n%s", i, m.Text, want[i])
		}
	}
}

func TestHostile(t *testing.T) {
	entry := func(b []byte) []byte { return array(str("t"), bin(b)) }
	deep := bytes.Repeat([]byte{0x91}, 5000)
	for name, in := range map[string][]byte{
		"telnet":               []byte("GET / HTTP/1.1\r\n\r\n"),
		"4 GB of text":         append([]byte{0x93, 0xdb}, 0xff, 0xff, 0xff, 0xff),
		"4 billion elements":   {0xdd, 0xff, 0xff, 0xff, 0xff},
		"map of 4 billion":     append(array(str("t"), []byte{1})[:3+5+1+1], 0xdf, 0xff, 0xff, 0xff, 0xff),
		"not in use":           {0xc1},
		"no array":             str("x"),
		"one element":          array(str("t")),
		"tag that is none":     array([]byte{1}, []byte{1}, object()),
		"record that is none":  array(str("t"), []byte{1}, []byte{1}),
		"time that is none":    array(str("t"), object(), object()),
		"entries cut":          entry([]byte{0x92, 1, 0x81}),
		"entries of numbers":   entry([]byte{1, 2, 3}),
		"bomb":                 array(str("t"), bin(squeeze(make([]byte, 8<<20))), object(str("compressed"), str("gzip"))),
		"no gzip":              array(str("t"), bin([]byte("hello")), object(str("compressed"), str("gzip"))),
		"unknown compression":  array(str("t"), bin([]byte("hello")), object(str("compressed"), str("zstd"))),
		"deep where it is not": array(str("t"), append(deep, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			s := mustListen(t, forward.Options{MaxChunk: 1 << 20, MaxInflated: 1 << 20})
			p := ingesttest.Start(t, s)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, err := dial(s)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write(in)
			c.(*net.TCPConn).CloseWrite()
			if _, err := io.ReadAll(c); err != nil && os.IsTimeout(err) {
				t.Error("the connection stays open")
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
				t.Errorf("%d bytes allocated", n)
			}
			next, err := dial(s)
			if err != nil {
				t.Fatal(err)
			}
			defer next.Close()
			next.Write(array(str("t"), []byte{1}, object(str("m"), str("honest"))))
			if got := p.Wait(1); len(got) != 1 || !strings.Contains(got[0].Text, "honest") {
				t.Errorf("messages %v", got)
			}
		})
	}
}

func TestDeep(t *testing.T) {
	s := mustListen(t, forward.Options{RecordOnly: true})
	p := ingesttest.Start(t, s)
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(array(str("t"), []byte{1}, object(str("a"), append(bytes.Repeat([]byte{0x91}, 50_000), 1))))
	c.Write(array(str("t"), []byte{1}, object(str("a"), []byte{1})))
	got := p.Wait(2)
	if want := `{"a":` + strings.Repeat("[", 32) + "null" + strings.Repeat("]", 32) + `,"penstock.depth_exceeded":true}`; got[0].Text != want || got[1].Text != `{"a":1}` {
		t.Errorf("%+v", got)
	}
}

func Example() {
	src, err := forward.Listen(forward.Options{Address: "127.0.0.1:0", RecordOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: forward
}

// A peer that sends more than it may is read more slowly, and loses nothing.
func TestRate(t *testing.T) {
	var waited atomic.Int64
	limit, err := ratelimit.NewKeyed(ratelimit.KeyedOptions{
		PerKey: ratelimit.LimiterOptions{EventsPerSecond: 1000, EventBurst: 2},
		Clock: ratelimit.Clock{Sleep: func(context.Context, time.Duration) error {
			waited.Add(1)
			time.Sleep(time.Millisecond)
			return nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := mustListen(t, forward.Options{Rate: limit})
	p := ingesttest.Start(t, s)
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const n = 20
	for range n {
		c.Write(array(str("tag"), eventTime(1, 0), object(str("k"), str("v"))))
	}
	if got := p.Wait(n); len(got) != n || waited.Load() == 0 {
		t.Errorf("%d of %d events, the limiter made it wait %d times", len(got), n, waited.Load())
	}
}

// A socket that a process left behind is replaced; one that is served, and a file, are not.
func TestUnixSocketLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	s, err := forward.Listen(forward.Options{Network: "unix", Address: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := forward.Listen(forward.Options{Network: "unix", Address: path}); err == nil {
		t.Error("a socket that is served was replaced")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := forward.Listen(forward.Options{Network: "unix", Address: file}); err == nil {
		t.Error("a file was replaced")
	}
}
