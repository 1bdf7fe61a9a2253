package syslog_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/parse"
)

const benchEvent = "<134>1 2026-11-29T10:00:00.123456Z fw1.example.org asa 1234 106023 - Deny tcp src inside:10.0.0.1/52714 dst outside:203.0.113.9/443 by access-group \"inside_in\" [0x0, 0x0]"

// benchPipeline runs a source into a sink that counts rows.
func benchPipeline(b *testing.B, src ingest.Source) (rows *atomic.Int64, stop func()) {
	rows = new(atomic.Int64)
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{src}, Workers: 1, ChunkSize: 64 << 10, Encoder: &line{},
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			out.Add().text = m.Raw
			return nil
		}),
		Sink: batch.LinesFunc[line](func(_ context.Context, _ []byte, n int) error {
			rows.Add(int64(n))
			return nil
		}),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return rows, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// send writes n events in large pieces.
func send(b *testing.B, addr string, n int) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	const each = 400
	piece := []byte(strings.Repeat(fmt.Sprintf("%d %s", len(benchEvent), benchEvent), each))
	size := len(piece) / each
	for n > 0 {
		k := min(n, each)
		if _, err := c.Write(piece[:k*size]); err != nil {
			b.Error(err)
			return
		}
		n -= k
	}
}

// BenchmarkTCP is the whole way from the socket to a sink of lines; reader is a plain
// loop of Read and a count of "<", on the same load.
//
//	go test -run '^$' -bench TCP -benchtime 1000000x ./ingest/syslog
func BenchmarkTCP(b *testing.B) {
	b.Run("penstock", func(b *testing.B) {
		s := mustListen(b, syslog.Options{Network: "tcp"})
		rows, stop := benchPipeline(b, s)
		defer stop()
		b.SetBytes(int64(len(benchEvent)))
		b.ResetTimer()
		go send(b, s.Addr().String(), b.N)
		for rows.Load() < int64(b.N) {
			time.Sleep(100 * time.Microsecond)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("reader", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		b.SetBytes(int64(len(benchEvent)))
		b.ResetTimer()
		go send(b, l.Addr().String(), b.N)
		c, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 64<<10)
		for n := 0; n < b.N; {
			k, err := c.Read(buf)
			n += bytes.Count(buf[:k], []byte("<"))
			if err != nil {
				break
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkUDP sends as fast as one goroutine can and counts what arrives; reader is a
// plain loop of ReadFromUDPAddrPort on the same load.
//
//	go test -run '^$' -bench UDP -benchtime 500000x ./ingest/syslog
func BenchmarkUDP(b *testing.B) {
	flood := func(addr string, n int) {
		c, err := net.Dial("udp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		msg := []byte(benchEvent)
		for range n {
			c.Write(msg)
		}
	}
	b.Run("penstock", func(b *testing.B) {
		s := mustListen(b, syslog.Options{Network: "udp"})
		rows, stop := benchPipeline(b, s)
		defer stop()
		b.SetBytes(int64(len(benchEvent)))
		b.ResetTimer()
		go flood(s.Addr().String(), b.N)
		for {
			st := s.Stats()
			if rows.Load()+st.KernelDrops >= int64(b.N) {
				b.ReportMetric(float64(rows.Load())/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(100*float64(st.KernelDrops)/float64(b.N), "%dropped")
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	b.Run("reader", func(b *testing.B) {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		c.SetReadBuffer(32 << 20)
		b.SetBytes(int64(len(benchEvent)))
		b.ResetTimer()
		go flood(c.LocalAddr().String(), b.N)
		buf := make([]byte, 64<<10)
		n := 0
		for n < b.N {
			c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
				break
			}
			n++
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(100*float64(b.N-n)/float64(b.N), "%dropped")
	})
}
