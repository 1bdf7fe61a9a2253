// Package certs makes TLS configurations of PEM files that are read again when they
// change, so that a renewed certificate needs no restart. A new pair that cannot be
// loaded (the key is written after the certificate, say), or that has expired, leaves
// the old one in use.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// Server is the TLS side of a listener. Files are PEM, and looked at again at most
// once a second when a peer connects.
type Server struct {
	// CertFile holds the certificate and its chain, KeyFile its key. Both are needed.
	CertFile, KeyFile string
	// ClientCAFile holds the authorities of client certificates. With it, a client
	// without a valid certificate is refused.
	ClientCAFile string
	// ClientNames, if set, are the only names accepted of client certificates: the
	// common name, or a DNS name or URI among the alternative names. Needs ClientCAFile.
	ClientNames []string
	// ClientRevocationFile, if set, holds the lists of revoked certificates (CRL, RFC 5280
	// section 5) of authorities in ClientCAFile, which it needs, one or more. A client with a
	// certificate on its authority's list is refused, and every client of an authority whose
	// list is past its next update; an authority without a list has revoked nothing.
	ClientRevocationFile string
	// MinVersion is the oldest version spoken. Default, and the least allowed: TLS 1.2.
	MinVersion uint16
	// Now is the clock for the validity of certificates. Default: time.Now.
	Now func() time.Time
	// Logger is told, once, why files that have changed are not in use, and that they are.
	// Default: the logger of the listener.
	Logger *slog.Logger
}

// Client is the TLS side of a connection to a server. The zero value trusts the
// system's authorities. Files are PEM, and looked at again at most once a second when a
// connection is made.
type Client struct {
	// CAFile holds the authorities that are trusted. Default: those of the system.
	CAFile string
	// CertFile and KeyFile are the certificate to show, if the server asks for one.
	CertFile, KeyFile string
	// ServerName is the name that the server's certificate must have. Default: the host
	// that is connected to.
	ServerName string
	// MinVersion is the oldest version spoken. Default, and the least allowed: TLS 1.2.
	MinVersion uint16
	// Now is the clock for the validity of certificates. Default: time.Now.
	Now func() time.Time
}

// lookEvery is the least time between two looks at the files.
const lookEvery = time.Second

// files is a set of files with what was made of them.
type files[V any] struct {
	paths []string
	load  func() (V, error)

	mu     sync.Mutex
	looked time.Time // on the monotonic clock
	stamps []stamp
	value  V
	have   bool
	err    error // why the files as they are now are not in use
	log    *slog.Logger
}

type stamp struct {
	size int64
	mod  time.Time
	id   os.FileInfo
}

// get returns what the files hold, or what they held when they were last good.
func (f *files[V]) get() (V, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.have && time.Since(f.looked) < lookEvery {
		return f.value, nil
	}
	f.looked = time.Now()
	stamps := make([]stamp, len(f.paths))
	for i, p := range f.paths {
		if info, err := os.Stat(p); err == nil {
			stamps[i] = stamp{info.Size(), info.ModTime(), info}
		}
	}
	if f.have && f.err == nil && slices.EqualFunc(stamps, f.stamps, func(a, b stamp) bool {
		return a.size == b.size && a.mod.Equal(b.mod) && (a.id == nil) == (b.id == nil) && (a.id == nil || os.SameFile(a.id, b.id))
	}) {
		return f.value, nil
	}
	v, err := f.load()
	if f.log != nil && f.have {
		switch {
		case err != nil && (f.err == nil || f.err.Error() != err.Error()):
			f.log.Error("renewed certificates are not used: the old ones stay", "error", err)
		case err == nil:
			f.log.Info("renewed certificates are in use", "file", f.paths[0])
		}
	}
	f.err = err
	if err == nil {
		f.value, f.have, f.stamps = v, true, stamps
	} else if !f.have {
		return v, err
	}
	return f.value, nil
}

func (f *files[V]) lastError() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// pair loads a certificate that is valid at this time.
func pair(certFile, keyFile string, now func() time.Time) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, errcat.Newf(errcat.AccessDenied, errcat.StageUnknown, "certificate %s with key %s: %w", certFile, keyFile, err)
	}
	if c.Leaf == nil {
		if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return nil, errcat.Newf(errcat.AccessDenied, errcat.StageUnknown, "certificate %s: %w", certFile, err)
		}
	}
	if err := valid(certFile, &c, now()); err != nil {
		return nil, err
	}
	return &c, nil
}

func valid(file string, c *tls.Certificate, now time.Time) error {
	switch {
	case now.After(c.Leaf.NotAfter):
		return errcat.Newf(errcat.AccessDenied, errcat.StageUnknown, "certificate %s: expired on %s", file, c.Leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.Leaf.NotBefore):
		return errcat.Newf(errcat.AccessDenied, errcat.StageUnknown, "certificate %s: valid from %s only", file, c.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func pool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, errcat.Newf(errcat.AccessDenied, errcat.StageUnknown, "%s holds no certificate in PEM", file)
	}
	return p, nil
}

func minVersion(v uint16) (uint16, error) {
	switch {
	case v == 0:
		return tls.VersionTLS12, nil
	case v < tls.VersionTLS12 || v > tls.VersionTLS13:
		return 0, fmt.Errorf("TLS: MinVersion is %#x, want TLS 1.2 (%#x) or 1.3 (%#x)", v, tls.VersionTLS12, tls.VersionTLS13)
	}
	return v, nil
}

// Config loads the files and returns the configuration of the listener, and a function
// that tells why files that changed later are not in use, if so.
func (s Server) Config() (cfg *tls.Config, lastError func() error, err error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	version, err := minVersion(s.MinVersion)
	switch {
	case err != nil:
		return nil, nil, err
	case s.CertFile == "" || s.KeyFile == "":
		return nil, nil, errors.New("TLS: a listener needs CertFile and KeyFile")
	case s.ClientRevocationFile != "" && s.ClientCAFile == "":
		return nil, nil, errors.New("TLS: ClientRevocationFile without ClientCAFile: no certificates are asked for")
	case len(s.ClientNames) > 0 && s.ClientCAFile == "":
		return nil, nil, errors.New("TLS: ClientNames without ClientCAFile: nobody would check who signed the names")
	}
	paths := []string{s.CertFile, s.KeyFile}
	if s.ClientCAFile != "" {
		paths = append(paths, s.ClientCAFile)
	}
	if s.ClientRevocationFile != "" {
		paths = append(paths, s.ClientRevocationFile)
	}
	f := &files[*tls.Config]{paths: paths, log: s.Logger, load: func() (*tls.Config, error) {
		cert, err := pair(s.CertFile, s.KeyFile, s.Now)
		if err != nil {
			return nil, err
		}
		c := &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: version, Time: s.Now}
		if s.ClientCAFile != "" {
			if c.ClientCAs, err = pool(s.ClientCAFile); err != nil {
				return nil, err
			}
			c.ClientAuth = tls.RequireAndVerifyClientCert
		}
		var lists revoked
		if s.ClientRevocationFile != "" {
			if lists, err = readRevoked(s.ClientRevocationFile, s.ClientCAFile); err != nil {
				return nil, err
			}
		}
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := lists.check(cs.VerifiedChains, s.Now()); err != nil {
				return err
			}
			if len(s.ClientNames) > 0 {
				return s.named(cs.PeerCertificates)
			}
			return nil
		}
		return c, nil
	}}
	first, err := f.get()
	if err != nil {
		return nil, nil, err
	}
	cfg = first.Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := f.get()
		if err != nil {
			return nil, err
		}
		if err := valid(s.CertFile, &c.Certificates[0], s.Now()); err != nil {
			return nil, err
		}
		return c, nil
	}
	return cfg, f.lastError, nil
}

func (s Server) named(peer []*x509.Certificate) error {
	if len(peer) == 0 {
		return errcat.New(errcat.AccessDenied, errcat.StageCollect, "TLS: the client shows no certificate")
	}
	c := peer[0]
	names := append([]string{c.Subject.CommonName}, c.DNSNames...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	for _, n := range names {
		if n != "" && slices.Contains(s.ClientNames, n) {
			return nil
		}
	}
	return errcat.Newf(errcat.AccessDenied, errcat.StageCollect, "TLS: the client certificate of %q is not one of the names allowed", c.Subject.CommonName)
}

// Config loads the files and returns a function that gives the configuration of the
// next connection. Its results are not changed afterwards.
func (c Client) Config() (func() (*tls.Config, error), error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	version, err := minVersion(c.MinVersion)
	switch {
	case err != nil:
		return nil, err
	case (c.CertFile == "") != (c.KeyFile == ""):
		return nil, errors.New("TLS: CertFile and KeyFile go together")
	}
	var paths []string
	for _, p := range []string{c.CAFile, c.CertFile, c.KeyFile} {
		if p != "" {
			paths = append(paths, p)
		}
	}
	f := &files[*tls.Config]{paths: paths, load: func() (*tls.Config, error) {
		cfg := &tls.Config{MinVersion: version, ServerName: c.ServerName, Time: c.Now}
		var err error
		if c.CAFile != "" {
			if cfg.RootCAs, err = pool(c.CAFile); err != nil {
				return nil, err
			}
		}
		if c.CertFile != "" {
			cert, err := pair(c.CertFile, c.KeyFile, c.Now)
			if err != nil {
				return nil, err
			}
			cfg.Certificates = []tls.Certificate{*cert}
		}
		return cfg, nil
	}}
	if _, err := f.get(); err != nil {
		return nil, err
	}
	return func() (*tls.Config, error) {
		cfg, err := f.get()
		if err == nil && len(cfg.Certificates) > 0 {
			err = valid(c.CertFile, &cfg.Certificates[0], c.Now())
		}
		if err != nil {
			return nil, err
		}
		return cfg, nil
	}, nil
}
