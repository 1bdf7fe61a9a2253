// Package relp is a source that listens for RELP, the reliable event logging protocol
// of rsyslog, over TCP and TLS.
//
//	src, err := relp.Listen(relp.Options{Address: "127.0.0.1:2514"})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// # Delivery
//
// At least once: a message is acknowledged when it has reached every required sink (or
// the dead letters, or was filtered). Where that fails the connection is closed without
// an acknowledgement, and the peer sends again what it has no answer for. Order is kept
// for each connection.
//
// # Limits
//
//	MaxMessage        64 KiB, longer ones are dead letters of category OVERSIZE
//	MaxUnacknowledged 1024 messages of a connection; more are not read until answered
//	MaxConnections    1024; per peer the same
//	HandshakeTimeout  10 s
//	IdleTimeout       10 min
//
// Memory: a connection has buffers of 64 KiB and of what it reads at once, at most 64
// KiB and one message.
//
// # Concurrency
//
// Run is called once. Stats, Addr and Close may be called at any time from any
// goroutine. Run starts two goroutines for each connection and waits for all of them.
//
// Source: the RELP specification, https://www.rsyslog.com/doc/relp.html.
package relp
