package httpbulk

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// dialer connects to a name that may have many addresses, some of which are dead: each
// next one is tried when those before have failed, or have not answered for a moment,
// and the first that answers is taken (RFC 8305, section 5). A dead address so costs a
// quarter of a second, not its share of the timeout.
type dialer struct {
	resolver *net.Resolver
	timeout  time.Duration
}

const (
	stagger      = 250 * time.Millisecond
	maxAddresses = 32 // tried of one name
)

// DialContext connects to host:port. The name is looked up anew each time.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	one := net.Dialer{KeepAlive: 15 * time.Second}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return one.DialContext(ctx, network, address)
	}
	addrs, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addrs = addrs[:min(len(addrs), maxAddresses)]
	type answer struct {
		conn net.Conn
		err  error
	}
	// Each attempt ends with ctx at the latest, and its answer has room.
	answers := make(chan answer, len(addrs))
	var errs []error
	next := time.NewTimer(0)
	defer next.Stop()
	for started := 0; len(errs) < len(addrs); {
		select {
		case <-next.C:
			if started == len(addrs) {
				continue
			}
			to := net.JoinHostPort(addrs[started].Unmap().String(), port)
			started++
			go func() {
				c, err := one.DialContext(ctx, network, to)
				answers <- answer{c, err}
			}()
			next.Reset(stagger)
		case a := <-answers:
			if a.err == nil {
				cancel()
				go func() { // those that connect in the same moment are not needed
					for range started - len(errs) - 1 {
						if late := <-answers; late.conn != nil {
							late.conn.Close()
						}
					}
				}()
				return a.conn, nil
			}
			errs = append(errs, a.err)
			next.Reset(0)
		}
	}
	return nil, errors.Join(errs...)
}

// proxied is the transport through a proxy. There the transport itself does the handshakes,
// with one configuration for its life, so that each new configuration needs a new one.
type proxied struct {
	config func() (*tls.Config, error)
	plain  *http.Transport // is not used itself

	mu     sync.Mutex
	with   *tls.Config
	actual *http.Transport
}

func (p *proxied) RoundTrip(req *http.Request) (*http.Response, error) {
	t, err := p.current()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as a RoundTripper has to
		}
		return nil, err
	}
	return t.RoundTrip(req)
}

func (p *proxied) current() (*http.Transport, error) {
	cfg, err := p.config()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cfg != p.with {
		if p.actual != nil {
			p.actual.CloseIdleConnections() // requests on their way end as they began
		}
		p.with, p.actual = cfg, p.plain.Clone()
		p.actual.TLSClientConfig = cfg.Clone()
	}
	return p.actual, nil
}

func (p *proxied) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.actual != nil {
		p.actual.CloseIdleConnections()
	}
}
