package join

import (
	"bytes"
	"errors"
	"slices"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
)

// AuditOptions are the options of Audit. The zero AuditOptions work.
type AuditOptions struct {
	Limits
}

// Audit returns a source in which the records of one event of the Linux audit daemon are one
// message: those with the same node and the same audit(TIME:SERIAL). As in auparse an event
// is complete with its PROCTITLE or EOE record, or when a record of the same origin is two
// seconds younger; records that user space writes (USER_LOGIN, SERVICE_START) are events of
// one record. Lines that are no audit records pass as they are.
//
// The pack auditd.log reads such messages.
func Audit(src ingest.Source, o AuditOptions) (*Source, error) {
	if src == nil {
		return nil, errors.New("join: the source is nil")
	}
	if o.MaxParts == 0 {
		o.MaxParts = 256
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	return &Source{inner: src, limits: o.Limits, rule: auditRule{}}, nil
}

type auditRule struct{}

// auditKey is an event.
type auditKey struct {
	origin *parse.Origin
	node   string
	id     string
}

// maxAudit is how far into a line its stamp may begin, and how long a stamp may be.
const maxAudit, maxStamp = 512, 64

// audit finds the stamp of a record, its type and node.
func audit(line []byte) (typ, node, stamp []byte, ok bool) {
	head := line[:min(len(line), maxAudit)]
	i := bytes.Index(head, []byte("audit("))
	if i < 0 {
		return nil, nil, nil, false
	}
	n := bytes.IndexByte(line[i:min(len(line), i+maxStamp)], ')')
	if n < 0 {
		return nil, nil, nil, false
	}
	return word(head[:i], "type="), word(head[:i], "node="), line[i : i+n+1], true
}

// word is the word behind key, or nil.
func word(b []byte, key string) []byte {
	i := bytes.Index(b, []byte(key))
	if i < 0 || i > 0 && b[i-1] != ' ' {
		return nil
	}
	b = b[i+len(key):]
	if n := bytes.IndexByte(b, ' '); n >= 0 {
		b = b[:n]
	}
	return b
}

// single are the prefixes of record types that stand alone.
var single = [][]byte{
	[]byte("USER_"), []byte("CRED_"), []byte("SERVICE_"), []byte("DAEMON_"), []byte("SYSTEM_"), []byte("GRP_"), []byte("ACCT_"), []byte("CRYPTO_"),
	[]byte("VIRT_"), []byte("ADD_"), []byte("DEL_"), []byte("CHUSER_"), []byte("CHGRP_"), []byte("ROLE_"), []byte("LABEL_"), []byte("DEV_"),
	[]byte("TEST"), []byte("TRUSTED_APP"), []byte("FS_RELABEL"), []byte("USYS_CONFIG"),
}

func (auditRule) key(m *parse.Message) (any, bool) {
	typ, node, stamp, ok := audit(m.Raw)
	if !ok || slices.ContainsFunc(single, func(p []byte) bool { return bytes.HasPrefix(typ, p) }) {
		return nil, false
	}
	if _, _, ok := kv.AuditStamp(stamp); !ok {
		return nil, false
	}
	return auditKey{m.Origin, string(node), string(stamp)}, true
}

func (auditRule) goesOn(*parse.Message, *group) bool { return true }

func (auditRule) ends(m *parse.Message, g *group) bool {
	typ, _, stamp, _ := audit(m.Raw)
	if g.parts == 1 {
		g.stamp, _, _ = kv.AuditStamp(stamp)
	}
	switch string(typ) {
	case "PROCTITLE", "EOE", "1327", "1320":
		return true
	}
	return false
}

// outdatedAfter is how much younger another record of the origin must be, in nanoseconds.
const outdatedAfter = 2e9

func (auditRule) outdated(m *parse.Message, g *group) bool {
	if g.m.Origin != m.Origin {
		return false
	}
	_, _, stamp, _ := audit(m.Raw)
	at, _, ok := kv.AuditStamp(stamp)
	return ok && at-g.stamp > outdatedAfter
}

func (auditRule) flushes() bool { return false }
