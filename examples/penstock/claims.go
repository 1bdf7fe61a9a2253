package main

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/internal/yaml"
)

// claim is what an entry of the configuration needs for itself.
type claim struct {
	at   *yaml.Node
	what string // what the entry does with it
	of   any    // endpoint, socket, checkpoint or folder
}

type (
	// endpoint is what is listened to.
	endpoint struct {
		transport string     // tcp or udp
		address   netip.Addr // :: stands for those of IPv4 too, unless the network says otherwise
		name      string     // in the place of an address that only a resolver knows
		port      int
		ip4, ip6  bool // what it may be
	}
	socket     string // path of a Unix socket
	checkpoint string // path of the files of positions
	folder     string // of a spool or of dead letters
)

// claims finds what two entries cannot have at once. It opens and resolves nothing, so that a name is the same as
// itself only, or as all addresses of the machine.
func claims(f *config.File) error {
	var all []claim
	add := func(n *yaml.Node, what string, of func(text string) any) error {
		if n == nil || n.Kind == yaml.Null {
			return nil
		}
		text, err := f.Text(n)
		if err != nil || text == "" {
			return err
		}
		c := claim{n, what, of(text)}
		for _, before := range all {
			if c.meets(before) {
				return f.Errorf(n, "only one entry can %s this, and %s:%d:%d does", what, before.at.File(), before.at.Line, before.at.Col)
			}
		}
		all = append(all, c)
		return nil
	}
	for _, n := range f.Root.Get("sources").Items {
		key, options, err := f.One(n, "join")
		if err != nil {
			return err
		}
		network := "tcp"
		if given := options.Get("network"); given != nil && key.Text == "syslog" {
			if network, err = f.Text(given); err != nil {
				return err
			}
		}
		if err := add(options.Get("address"), "listen to", func(text string) any { return listened(network, text) }); err != nil {
			return err
		}
		if err := add(options.Get("checkpoint"), "keep positions in", func(text string) any { return checkpoint(sameFile(text)) }); err != nil {
			return err
		}
	}
	for _, n := range f.Root.Get("sinks").Items {
		if err := add(n.Get("spool").Get("dir"), "store in", func(text string) any { return folder(sameFile(text)) }); err != nil {
			return err
		}
	}
	if err := add(f.Root.Get("dead_letters").Get("dir"), "store in", func(text string) any { return folder(sameFile(text)) }); err != nil {
		return err
	}
	return add(f.Root.Get("admin"), "listen to", func(text string) any { return listened("tcp", text) })
}

// meets reports whether two claims cannot both be met.
func (c claim) meets(d claim) bool {
	a, ok := c.of.(endpoint)
	b, both := d.of.(endpoint)
	if !ok || !both {
		return c.of == d.of
	}
	if a.transport != b.transport || a.port != b.port || a.port == 0 { // 0: any port that is free
		return false
	}
	if !(a.ip4 && b.ip4 || a.ip6 && b.ip6) {
		return false
	}
	return a.address == b.address && strings.EqualFold(a.name, b.name) || a.all() || b.all()
}

// all reports whether an endpoint is at each address of the machine, of its families.
func (e endpoint) all() bool { return e.name == "" && e.address.IsUnspecified() }

// listened is what a source listens to; network and address have been checked.
func listened(network, address string) any {
	if strings.HasPrefix(network, "unix") {
		return socket(sameFile(address))
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return address // the check of the entry says what is wrong with it
	}
	e := endpoint{transport: strings.TrimRight(network, "46"), ip4: !strings.HasSuffix(network, "6"), ip6: !strings.HasSuffix(network, "4")}
	if e.port, err = net.LookupPort(network, service); err != nil {
		return address
	}
	switch {
	case host == "":
		host = "::"
	case strings.EqualFold(host, "localhost") && e.ip4:
		host = "127.0.0.1"
	case strings.EqualFold(host, "localhost"):
		host = "::1"
	}
	if e.address, err = netip.ParseAddr(host); err != nil {
		e.name = host
		return e
	}
	e.address = e.address.Unmap()
	if e.address.Is4() {
		e.ip6 = false
	} else if !e.address.IsUnspecified() {
		e.ip4 = false
	}
	return e
}

// sameFile is a path in the form that is the same for the same file, as far as names go.
func sameFile(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}
