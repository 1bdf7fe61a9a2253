package faulttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/peertest"
)

const (
	envAddress = "PENSTOCK_FAULT_ADDRESS"
	envCA      = "PENSTOCK_FAULT_CA" // file of the authority
)

// clientTLS is the configuration of a client that trusts an authority.
func clientTLS(caFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "server"}, nil
}

// childPeers opens connections, of which a third says a byte now and then, a third never says a
// word after its handshake, and a third, which are opened last and so within their time, never begins
// a handshake. It says when all are open, and how long each kind lived when they have been closed.
func childPeers() error {
	n, _ := strconv.Atoi(os.Getenv(envSize))
	cfg, err := clientTLS(os.Getenv(envCA))
	if err != nil {
		return err
	}
	address := os.Getenv(envAddress)
	var opened, closed, silent sync.WaitGroup
	var failed atomic.Int64
	var lived [3]atomic.Int64        // the longest
	slots := make(chan struct{}, 16) // handshakes at once: on a busy machine many take long together
	silent.Add(1)                    // until all are open
	for i := range n {
		kind := [...]int{1, 0, 2}[i*3/n]
		if i > 0 && i*3/n != (i-1)*3/n {
			opened.Wait()
		}
		opened.Add(1)
		closed.Add(1)
		if kind != 1 {
			silent.Add(1)
		}
		go func() {
			defer closed.Done()
			if kind != 1 {
				defer silent.Done()
			}
			slots <- struct{}{}
			conn, err := net.Dial("tcp", address)
			begun := time.Now()
			if err == nil && kind != 2 {
				t := tls.Client(conn, cfg)
				err = t.Handshake()
				conn = t
			}
			<-slots
			opened.Done()
			if err != nil {
				failed.Add(1)
				return
			}
			defer conn.Close()
			if kind == 1 { // lives for as long as the others, since it always has something to say
				over := make(chan struct{})
				go func() { silent.Wait(); close(over) }()
				for {
					select {
					case <-over:
						return
					case <-time.After(time.Duration(Pick(1, 10)) * time.Second):
						if _, err := conn.Write([]byte("x")); err != nil {
							failed.Add(1)
							return
						}
					}
				}
			}
			if kind == 0 {
				begun = time.Now()
			}
			conn.Read(make([]byte, 1))
			d := int64(time.Since(begun))
			for old := lived[kind].Load(); d > old && !lived[kind].CompareAndSwap(old, d); old = lived[kind].Load() {
			}
		}()
	}
	opened.Wait()
	silent.Done()
	fmt.Printf("open %d %d\n", n, failed.Load())
	closed.Wait()
	fmt.Printf("closed %d %d %d\n", lived[0].Load(), lived[2].Load(), failed.Load())
	return nil
}

// Very many peers that are idle, slow, or never finish their handshake, and one honest
// sender.
func TestF38IdlePeers(t *testing.T) {
	quiet(t)
	peers := Pick(600, 9_999)
	// The timeouts end before the figures that are judged: a peer sees them later than they are.
	handshake, idle := time.Duration(Pick(3, 8))*time.Second, time.Duration(Pick(5, 38))*time.Second
	handshakeCut, idleCut := time.Duration(Pick(5, 10))*time.Second, time.Duration(Pick(7, 40))*time.Second
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	src, err := syslog.Listen(syslog.Options{
		Network: "tcp", Address: "127.0.0.1:0", TLS: &syslog.TLS{CertFile: cert, KeyFile: key},
		Limits: syslog.Limits{MaxConnections: peers + 1, HandshakeTimeout: handshake, IdleTimeout: idle},
	})
	if err != nil {
		t.Fatal(err)
	}
	var received atomic.Int64
	p, err := ingest.New(ingest.Config[rawLine]{
		Sources: []ingest.Source{src}, Parser: rawLineParser,
		Sink: batch.SinkFunc[rawLine](func(_ context.Context, b *batch.Batch[rawLine]) error {
			received.Add(int64(b.Len()))
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	cfg, err := clientTLS(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	honest, err := tls.Dial("tcp", src.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	base := descriptors()
	baseMemory := Resident()
	const rate = 2000 // a second
	var sent atomic.Int64
	var stop atomic.Bool
	sender := make(chan struct{})
	go func() {
		defer close(sender)
		begun := time.Now()
		for i := 0; !stop.Load(); i++ {
			if _, err := fmt.Fprintf(honest, "<13>1 2026-11-29T10:00:00Z host app - - - event %d\n", i); err != nil {
				t.Error(err)
				return
			}
			sent.Add(1)
			time.Sleep(time.Until(begun.Add(time.Duration(i) * time.Second / rate)))
		}
	}()
	child := startChild(t, "peers", envAddress+"="+src.Addr().String(), envCA+"="+ca.File, envSize+"="+strconv.Itoa(peers))
	begun := time.Now()
	var opened, failed int // failed: could not connect, or were cut though they had something to say
	if _, err := fmt.Sscanf(child.line(t), "open %d %d", &opened, &failed); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	full := src.Stats().Connections.Open
	for wait := time.Now(); full < peers+1 && time.Since(wait) < handshake/2; full = src.Stats().Connections.Open {
		time.Sleep(time.Millisecond) // connected is not yet accepted
	}
	// One more than may be. Where handshakes have been cut meanwhile there is room again.
	refused := "not tried: places were free again"
	if full == peers+1 {
		extra, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", src.Addr().String(), cfg)
		refused = fmt.Sprint(err)
		if err == nil {
			extra.Close()
			t.Error("a connection beyond the limit was taken")
		}
	}
	sentThen, receivedThen := sent.Load(), received.Load()
	measured := time.Now()
	time.Sleep(min(idle/2, 5*time.Second))
	part := float64(received.Load()-receivedThen) / float64(sent.Load()-sentThen)
	perSecond := float64(received.Load()-receivedThen) / time.Since(measured).Seconds()
	grown := Resident() - baseMemory
	var longestIdle, longestHandshake int64
	if _, err := fmt.Sscanf(child.line(t), "closed %d %d %d", &longestIdle, &longestHandshake, &failed); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	closedAt := time.Now()
	child.kill() // its pipes are descriptors too
	for descriptors() > base && time.Since(closedAt) < 5*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	back, open := time.Since(closedAt), descriptors()
	stop.Store(true)
	<-sender
	for deadline := time.Now().Add(10 * time.Second); received.Load() < sent.Load() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	// What the slow peers said is a message of each, cut off.
	st := src.Stats()
	honest.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	record(t, "F38", fmt.Sprintf("%d TLS connections: a third idle, a third a byte every %d s, a third without handshake; one honest sender of %d/s; handshake timeout %s, idle timeout %s", peers, Pick(1, 10), rate, handshake, idle),
		fmt.Sprintf("honest sender ≥ 95 %% of its rate; RSS ≤ 512 MB; handshake cut ≤ %s, idle ≤ %s;", handshakeCut, idleCut)+" the limit refuses one more, existing ones live; descriptors back to base ≤ 5 s after", func() string {
			return fmt.Sprintf("%d opened in %s (%d failed), %d open then; %.1f %% of the honest messages in time, %.0f/s; memory grew by %s; handshakes cut after %s, idle after %s at most; one more: %.60s; descriptors %d, then %d after %s",
				opened, took.Round(time.Millisecond), failed, full, 100*part, perSecond, mb(grown), time.Duration(longestHandshake).Round(time.Millisecond), time.Duration(longestIdle).Round(time.Millisecond), refused, base, open, back.Round(time.Millisecond))
		})
	if part < 0.95 || grown > 512<<20 || time.Duration(longestHandshake) > handshakeCut || time.Duration(longestIdle) > idleCut || open > base || failed > 0 {
		t.Errorf("%.2f of the honest messages; memory %d; handshake %s; idle %s; %d descriptors of %d; %d failed; %+v", part, grown, time.Duration(longestHandshake), time.Duration(longestIdle), open, base, failed, st.Connections)
	}
	if received.Load() < sent.Load() {
		t.Errorf("%d of %d messages of the honest sender", received.Load(), sent.Load())
	}
}
