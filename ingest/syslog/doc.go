// Package syslog is a source that listens for syslog over UDP, TCP, TLS and Unix
// sockets.
//
//	src, err := syslog.Listen(syslog.Options{Network: "udp", Address: "127.0.0.1:514"})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// It frames messages and says who sent them; what they mean is the parser's affair. A
// message's origin has the peer's address and, where a client certificate was verified,
// its subject. For syslog that is acknowledged see package ingest/relp.
//
// # Delivery
//
// Syslog has no acknowledgement: a message is safe when it has passed the pipeline, and
// what a peer has sent and nobody has read is lost when the process ends. A slow
// pipeline holds TCP and Unix stream peers back. UDP cannot be held back: what finds
// the socket buffer full is dropped by the kernel, and counted in Stats.KernelDrops and in
// the ledger, as shed (Linux on amd64 and arm64). Order is kept for each connection, and for each socket.
//
// # Framing of streams (RFC 6587)
//
// By default each frame is looked at: "LENGTH SP <" begins a message that is counted in
// octets, anything else ends with LF. Options.Framing sets one of them, or NUL. One line
// end, or one NUL, that a sender has put at the end of a datagram or of a counted message
// is taken off. Empty datagrams and lines are skipped.
//
// # Limits
//
//	MaxMessage        64 KiB, longer ones are dead letters of category OVERSIZE
//	MaxConnections    1024; per peer the same
//	HandshakeTimeout  10 s
//	IdleTimeout       10 min
//	ReadBuffer        32 MiB asked of the kernel for a UDP socket, a tenth of a second at 300,000 datagrams
//	Delay             10 ms that a message waits for others to share a chunk with
//
// Memory: a connection has a buffer of 4 KiB to 64 KiB, and while it receives one long
// message up to MaxMessage; a socket for datagrams 4 MiB. All limits hold before memory
// is taken.
//
// Where more than 16,000 datagrams a second come, the reader on Linux lets them gather in the
// socket's buffer for up to 4 ms, which costs a third of waking up for each.
//
// # Concurrency
//
// Run is called once. Stats, Addr and Close may be called at any time from any
// goroutine. Run starts one goroutine for each connection and waits for all of them.
package syslog
