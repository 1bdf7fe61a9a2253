package syslog

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse"
)

// maxDatagram is more than a UDP datagram can have.
const maxDatagram = 64 << 10

// packet is one received datagram, valid until the next read.
type packet struct {
	data []byte
	from netip.Addr
	cut  bool // it was longer than maxDatagram
}

// packetSocket is a socket of datagrams.
type packetSocket interface {
	LocalAddr() net.Addr
	// read returns as many datagrams as there are, and at least one. One reader at a time.
	read() ([]packet, error)
	end()                  // makes reads return an error, now and later
	drops() (uint32, bool) // how many the kernel dropped, if it tells
	Close() error
}

// peer is what is remembered of a sender.
type peer struct {
	origin  *parse.Origin
	key     string
	allowed bool
}

// accountEvery is how often the socket is asked what it dropped.
const accountEvery = 500 * time.Millisecond

// maxPeers bounds the senders that are remembered; beyond it all are forgotten.
const maxPeers = 8192

var (
	errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")
	errTruncate = errcat.New(errcat.Truncated, errcat.StageCollect, "a datagram of more than 64 KiB")
)

// runPackets reads datagrams until ctx ends.
func (s *Source) runPackets(ctx context.Context, out *ingest.Emit, g *gather.Gatherer, limits ingest.Limits) error {
	defer context.AfterFunc(ctx, s.packets.end)()
	// A goroutine of its own, since a read may be blocked for long; it ends with the reading.
	read := make(chan struct{})
	var accounts sync.WaitGroup
	accounts.Go(func() {
		t := time.NewTicker(accountEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				s.account(out)
			case <-read:
				return
			}
		}
	})
	defer accounts.Wait()
	defer close(read)
	peers := map[netip.Addr]peer{}
	var b gather.Block
	for {
		packets, err := s.packets.read()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		b.Reset()
		now := out.Now()
		for i := range packets {
			p := &packets[i]
			from, ok := peers[p.from]
			if !ok {
				if len(peers) >= maxPeers {
					clear(peers)
				}
				from = peer{
					origin: &parse.Origin{Source: s.opts.Name, Peer: p.from, Hint: s.opts.Hint, Zone: s.opts.Zone}, key: listen.PeerKey(p.from).String(),
					allowed: !p.from.IsValid() || listen.Allowed(s.opts.Limits.Allow, p.from),
				}
				peers[p.from] = from
			}
			s.packet(&b, p, &from, now, limits)
		}
		s.datagrams.Add(int64(len(packets)))
		if b.Len() == 0 {
			continue
		}
		if err := g.Add(ctx, &b, false, nil); err != nil {
			return err
		}
		s.count(&b)
	}
}

// packet adds what a datagram holds to b.
func (s *Source) packet(b *gather.Block, p *packet, from *peer, now time.Time, limits ingest.Limits) {
	if !from.allowed {
		s.refused.Add(1)
		s.log.Warn("refused a datagram: address not allowed", "peer", p.from)
		return
	}
	raw := gather.TrimEnd(p.data)
	if len(raw) == 0 {
		s.empty.Add(1)
		b.Skipped++
		return
	}
	if s.opts.Rate != nil && !s.opts.Rate.Allow(from.key, 1, len(raw)) {
		s.rateDropped.Add(1)
		return
	}
	var fault error
	length := int64(0)
	switch {
	case p.cut:
		s.truncated.Add(1)
		fault = errTruncate
	case len(raw) > limits.MaxMessage:
		length = int64(len(raw))
		raw, fault = raw[:limits.KeepOversize], errOversize
	}
	if fault != nil {
		b.Faults = append(b.Faults, ingest.Fault{Msg: len(b.Msgs), Err: fault, Length: length})
	}
	b.Msgs = append(b.Msgs, parse.Message{Raw: raw, Origin: from.origin, Received: now})
}
