// Package forward is a source that listens for the Fluent Forward protocol, version 1, of
// Fluentd, Fluent Bit and the fluent-logger libraries, over TCP, TLS and Unix sockets.
//
//	src, err := forward.Listen(forward.Options{Network: "tcp", Address: "127.0.0.1:24224"})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// Each entry of the modes Message, Forward, PackedForward and CompressedPackedForward
// (gzip) is a message, one JSON object:
//
//	{"tag":"app.access","time":"1764410400000000000","record":{"log":"…"}}
//
// with the time in nanoseconds. With Options.RecordOnly the message is the record. Binary
// values that are no UTF-8 are written with U+FFFD; NaN and infinities as text; keys that
// are no text as their JSON text; extension types as {"ext":TYPE,"base64":"…"}.
//
// # Delivery
//
// At least once for a peer that asks for acknowledgement (the option chunk): it is given
// when all entries of the chunk have reached every required sink, the dead letters, or a
// filter; where that fails the connection is closed, and the peer sends the chunk again.
// Without it, what is on its way when the process ends is lost.
//
// The handshake with a shared key is not spoken: use TLS with client certificates.
//
// # Limits
//
//	MaxChunk          16 MiB of one protocol message as it is sent
//	MaxInflated       64 MiB of its entries after decompression
//	nesting           32, deeper values are written as null, and the record says so:
//	                  "penstock.depth_exceeded"
//	MaxConnections    1024; per peer the same
//	HandshakeTimeout  10 s
//	IdleTimeout       10 min
//
// A length from the wire is never allocated, only what has come.
//
// # Concurrency
//
// Run is called once. Stats, Addr and Close may be called at any time from any goroutine.
// Run starts one goroutine for each connection and waits for all of them.
//
// Source: Fluentd Forward Protocol Specification, version 1; MessagePack specification.
package forward
