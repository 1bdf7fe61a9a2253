package lumberjack_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/lumberjack"
	"github.com/penstock-dev/penstock/ratelimit"
)

func mustListen(t testing.TB, o lumberjack.Options) *lumberjack.Source {
	t.Helper()
	o.Address = "127.0.0.1:0"
	s, err := lumberjack.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dial(s *lumberjack.Source) (net.Conn, error) {
	c, err := net.Dial("tcp", s.Addr().String())
	if err == nil {
		c.SetDeadline(time.Now().Add(ingesttest.Patience))
	}
	return c, err
}

func frames(msgs []string) []byte {
	var b []byte
	for i, m := range msgs {
		b = binary.BigEndian.AppendUint32(append(b, "2J"...), uint32(i+1))
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(m))), m...)
	}
	return b
}

func window(n int, rest []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("2W"), uint32(n)), rest...)
}

func packed(b []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(b)
	w.Close()
	return append(binary.BigEndian.AppendUint32([]byte("2C"), uint32(z.Len())), z.Bytes()...)
}

// acked reads acknowledgements until all n events are.
func acked(c net.Conn, n int) error {
	for {
		var b [6]byte
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return err
		}
		if string(b[:2]) != "2A" {
			return fmt.Errorf("answer %q", b)
		}
		if seq := binary.BigEndian.Uint32(b[2:]); int(seq) == n {
			return nil
		} else if seq != 0 {
			return fmt.Errorf("%d events of %d acknowledged", seq, n)
		}
	}
}

func TestConformance(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		t.Run(fmt.Sprint("compressed ", compressed), func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s := mustListen(t, lumberjack.Options{KeepAlive: 50 * time.Millisecond})
				var c net.Conn
				t.Cleanup(func() {
					if c != nil {
						c.Close()
					}
				})
				return s, func(_ context.Context, msgs []string) (err error) {
					if c == nil {
						if c, err = dial(s); err != nil {
							return err
						}
					}
					b := frames(msgs)
					if compressed {
						b = packed(b)
					}
					if _, err = c.Write(window(len(msgs), b)); err == nil {
						err = acked(c, len(msgs))
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

func TestKeepAlive(t *testing.T) {
	s := mustListen(t, lumberjack.Options{KeepAlive: 20 * time.Millisecond})
	p := ingesttest.Start(t, s)
	p.Block()
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(window(1, frames([]string{`{"a":1}`})))
	var b [12]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "2A\x00\x00\x00\x002A\x00\x00\x00\x00" {
		t.Errorf("while it takes long: %q, %v", b, err)
	}
	p.Release()
	if err := acked(c, 1); err != nil {
		t.Error(err)
	}
}

// What breaks the protocol or a limit ends its connection, costs little memory, and
// disturbs nobody.
func TestHostile(t *testing.T) {
	bomb := packed(frames([]string{strings.Repeat("x", 32<<20)}))
	for name, in := range map[string][]byte{
		"telnet":                 []byte("GET / HTTP/1.1\r\n\r\n"),
		"version 1":              []byte("1W\x00\x00\x00\x01"),
		"4 billion events":       []byte("2W\xff\xff\xff\xff"),
		"4 GB event":             window(1, []byte("2J\x00\x00\x00\x01\xff\xff\xff\xff")),
		"event without a window": frames([]string{"a"}),
		"unknown frame":          window(1, []byte("2X")),
		"bomb":                   window(1, bomb),
		"nested":                 window(1, packed(packed(frames([]string{"a"})))),
		"more than the window":   window(1, packed(frames([]string{"a", "b"}))),
		"no zlib":                window(1, []byte("2C\x00\x00\x00\x05hello")),
	} {
		t.Run(name, func(t *testing.T) {
			s := mustListen(t, lumberjack.Options{MaxInflated: 1 << 20})
			p := ingesttest.Start(t, s)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, err := dial(s)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write(in)
			if _, err := io.ReadAll(c); err != nil && os.IsTimeout(err) {
				t.Error("the connection stays open")
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
				t.Errorf("%d bytes allocated", n)
			}
			if s.Stats().Violations != 1 {
				t.Errorf("%+v", s.Stats())
			}
			next, err := dial(s)
			if err != nil {
				t.Fatal(err)
			}
			defer next.Close()
			next.Write(window(1, frames([]string{"honest"})))
			if err := acked(next, 1); err != nil {
				t.Error(err)
			}
			if got := p.Wait(1); len(got) != 1 || got[0].Text != "honest" {
				t.Errorf("messages %v", got)
			}
		})
	}
}

func TestOversize(t *testing.T) {
	s := mustListen(t, lumberjack.Options{MaxMessage: 1000})
	p := ingesttest.Start(t, s)
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(window(3, frames([]string{"a", strings.Repeat("x", 5000), "b"})))
	if err := acked(c, 3); err != nil {
		t.Error(err)
	}
	p.Wait(2)
	if d := p.WaitDead(1)[0]; d.Category != errcat.Oversize || d.Length != 5000 {
		t.Errorf("%s, %d", d.Category, d.Length)
	}
}

func Example() {
	src, err := lumberjack.Listen(lumberjack.Options{Address: "127.0.0.1:0", MaxWindow: 4096})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: lumberjack
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
	s := mustListen(t, lumberjack.Options{Rate: limit})
	p := ingesttest.Start(t, s)
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var msgs []string
	for i := range 20 {
		msgs = append(msgs, fmt.Sprintf(`{"n":%d}`, i))
	}
	c.Write(window(len(msgs), frames(msgs)))
	if err := acked(c, len(msgs)); err != nil {
		t.Fatal(err)
	}
	if got := p.Wait(len(msgs)); len(got) != len(msgs) || waited.Load() == 0 {
		t.Errorf("%d of %d events, the limiter made it wait %d times", len(got), len(msgs), waited.Load())
	}
}
