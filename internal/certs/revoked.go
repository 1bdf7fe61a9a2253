package certs

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// revoked are lists of revoked certificates, by the raw name of their authority.
type revoked map[string][]list

type list struct {
	by      *x509.Certificate
	until   time.Time // zero: for ever
	serials map[string]bool
}

const maxRevocationFile = 64 << 20

// readRevoked reads lists, each of which must be signed by an authority of caFile.
func readRevoked(file, caFile string) (revoked, error) {
	fail := func(format string, args ...any) (revoked, error) {
		return nil, errcat.Newf(errcat.AccessDenied, errcat.StageUnknown, "revocation list %s: "+format, append([]any{file}, args...)...)
	}
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxRevocationFile {
		return fail("has %d bytes, want at most %d", info.Size(), maxRevocationFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fail("%w", err)
	}
	authorities, err := os.ReadFile(caFile)
	if err != nil {
		return fail("%w", err)
	}
	var signers []*x509.Certificate
	for block, rest := pem.Decode(authorities); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			signers = append(signers, c)
		}
	}
	lists := revoked{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		crl, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return fail("%w", err)
		}
		l := list{until: crl.NextUpdate, serials: make(map[string]bool, len(crl.RevokedCertificateEntries))}
		for _, c := range signers {
			if string(c.RawSubject) == string(crl.RawIssuer) && crl.CheckSignatureFrom(c) == nil {
				l.by = c
			}
		}
		if l.by == nil {
			return fail("the list of %s is signed by no authority of %s", crl.Issuer, caFile)
		}
		for _, e := range crl.RevokedCertificateEntries {
			l.serials[string(e.SerialNumber.Bytes())] = true
		}
		lists[string(crl.RawIssuer)] = append(lists[string(crl.RawIssuer)], l)
	}
	if len(lists) == 0 {
		return fail("holds no list in PEM")
	}
	return lists, nil
}

// check refuses where no chain is free of revoked certificates.
func (r revoked) check(chains [][]*x509.Certificate, now time.Time) error {
	if len(r) == 0 || len(chains) == 0 {
		return nil
	}
	var first error
	for _, chain := range chains {
		err := r.checkChain(chain, now)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (r revoked) checkChain(chain []*x509.Certificate, now time.Time) error {
	for i, c := range chain[:max(len(chain)-1, 0)] {
		for _, l := range r[string(c.RawIssuer)] {
			if !l.by.Equal(chain[i+1]) {
				continue // another authority of that name
			}
			if l.serials[string(c.SerialNumber.Bytes())] {
				return errcat.Newf(errcat.AccessDenied, errcat.StageCollect, "TLS: the client certificate of %q is revoked", c.Subject.CommonName)
			}
			if !l.until.IsZero() && now.After(l.until) {
				return errcat.Newf(errcat.AccessDenied, errcat.StageCollect, "TLS: the list of revoked certificates of %q had to be renewed by %s", l.by.Subject.CommonName, l.until.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}
