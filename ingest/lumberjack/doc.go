// Package lumberjack is a source that listens for the Lumberjack protocol, version 2, of
// Filebeat, Winlogbeat and the other Beats (their Logstash output), over TCP and TLS.
//
//	src, err := lumberjack.Listen(lumberjack.Options{Address: "127.0.0.1:5044"})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// Each event is a message: its JSON, byte for byte.
//
// # Delivery
//
// At least once: a window is acknowledged when all its events have reached every required
// sink, the dead letters, or a filter. While it takes long the peer is kept waiting by
// acknowledgements of nothing, every KeepAlive. Where events are not delivered the
// connection is closed, and the peer sends the window again.
//
// # Limits
//
//	MaxWindow         16,384 events
//	MaxInflated       64 MiB that a window may have after decompression
//	MaxMessage        1 MiB, longer events are dead letters of category OVERSIZE
//	MaxConnections    1024; per peer the same
//	HandshakeTimeout  10 s
//	IdleTimeout       10 min
//	KeepAlive         5 s
//
// All hold before memory is taken: a length from the wire is never allocated, only what
// has come. Memory: MaxInflated for each connection that has sent as much.
//
// # Concurrency
//
// Run is called once. Stats, Addr and Close may be called at any time from any goroutine.
// Run starts one goroutine for each connection and waits for all of them.
//
// Source: elastic/go-lumber, and logstash-input-beats, PROTOCOL.md.
package lumberjack
