package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

var (
	errPrivate  = errcat.New(errcat.AccessDenied, errcat.StageCollect, "api: the name leads to a loopback, private or link-local address, which AllowPrivate does not allow")
	errRedirect = errcat.New(errcat.AccessDenied, errcat.StageCollect, "api: a redirect leads to another origin, or there are too many")
)

const maxRedirects = 5

// newClient makes the HTTP client of all endpoints.
func newClient(o *Options) *http.Client {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !o.AllowPrivate && o.Proxy == nil {
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			if isPrivate(ap.Addr().Unmap()) {
				return errPrivate
			}
			return nil
		}
	}
	names := &nameCache{keep: o.DNSCache, now: o.Now, lookup: o.Resolver.LookupNetIP}
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return names.dial(ctx, d, network, address)
		},
		TLSClientConfig:     o.TLS.Clone(),
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: o.Timeout, MaxResponseHeaderBytes: 256 << 10,
		MaxConnsPerHost: o.Connections, MaxIdleConnsPerHost: o.Connections, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}
	if slices.ContainsFunc(o.Endpoints, func(e Endpoint) bool { return e.Definition != nil && e.Definition.stream != nil }) {
		t.MaxConnsPerHost = 0 // streams keep their connections; requests still take turns
	}
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	return &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects || origin(req.URL) != origin(via[0].URL) {
			return errRedirect
		}
		return nil
	}}
}

func isPrivate(a netip.Addr) bool {
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsMulticast() || a.IsUnspecified() {
		return true
	}
	return slices.ContainsFunc(noServers, func(p netip.Prefix) bool { return p.Contains(a) })
}

// noServers are further networks in which no public server stands, or which stand for IPv4
// addresses of any kind (IANA special-purpose address registries, RFC 6890).
var noServers = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared by carriers, RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks, RFC 2544
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),        // IPv4-compatible, RFC 4291
	netip.MustParsePrefix("64:ff9b::/96"), // to IPv4, RFC 6052
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), // 6to4, RFC 3056
	netip.MustParsePrefix("fec0::/10"), // site-local, RFC 3879
}

// nameCache remembers addresses, and drops those that cannot be connected to.
type nameCache struct {
	keep   time.Duration
	now    func() time.Time
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	names map[string]cached
}

type cached struct {
	addrs []netip.Addr
	until time.Time
}

// maxNames bounds the cache.
const maxNames = 1024

func (c *nameCache) dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return d.DialContext(ctx, network, address)
	}
	addrs, err := c.find(ctx, host)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range addrs {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	c.mu.Lock()
	delete(c.names, host)
	c.mu.Unlock()
	if len(errs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return nil, errors.Join(errs...)
}

func (c *nameCache) find(ctx context.Context, host string) ([]netip.Addr, error) {
	c.mu.Lock()
	e, ok := c.names[host]
	c.mu.Unlock()
	if ok && c.now().Before(e.until) {
		return e.addrs, nil
	}
	addrs, err := c.lookup(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.names == nil || len(c.names) >= maxNames {
		c.names = map[string]cached{}
	}
	c.names[host] = cached{addrs, c.now().Add(c.keep)}
	return addrs, nil
}

// next checks a link to a next page against the origin of the endpoint.
func (e *endpoint) next(link string, from *url.URL) (*url.URL, error) {
	u, err := from.Parse(link)
	if err != nil {
		return nil, errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "api: the link to the next page cannot be read")
	}
	if origin(u) != origin(e.base) {
		return nil, errcat.Newf(errcat.AccessDenied, errcat.StageCollect, "api: a link of %s leads to another origin, %s", e.name, origin(u))
	}
	return u, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
