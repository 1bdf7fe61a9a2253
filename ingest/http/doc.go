// Package http is a source that takes raw messages by HTTP: lines, NDJSON, JSON arrays.
//
//	src, err := http.Listen(http.ServerOptions{Address: "127.0.0.1:8088"}, http.Options{})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// [Serve] puts the handlers of several protocols (packages ingest/splunk,
// ingest/elastic, ingest/otlp, ingest/loki) on one listener.
//
// # Requests
//
// POST or PUT to any path. A body of type application/json holds objects, one after the
// other or as the elements of an array; each is a message. Any other body holds one
// message a line. Content-Encoding may be gzip, deflate, or what ServerOptions.Codecs
// add: zstd by the module ingest/zstd. GET and HEAD of a path that
// ends with /health are answered by 200 without a token.
//
// # Delivery
//
// At least once. 200 is answered when every message of the request has reached every
// required sink, the dead letters, or a filter. 429 with Retry-After means that the
// pipeline has no room, 503 that something was not delivered, or not in time; either
// way the request is to be sent again as it was. Messages of a request that is sent
// again have the same identity (ingest.AppendID): it is made of the hash of the body.
// So the same body sent twice on purpose counts as a repetition too.
//
// Broken JSON values are dead letters; a body without any that is whole is answered by
// 400.
//
// # Limits
//
//	MaxHeader     64 KiB          MaxConnections    1024, per peer the same
//	MaxBody       16 MiB          HandshakeTimeout  10 s, also for a request's header
//	MaxInflated   64 MiB          ReadTimeout       60 s for a whole request
//	MaxRatio      100             Wait              2 s for room in the pipeline
//	MaxInFlight   256 MiB         AckTimeout        60 s for the delivery
//
// All hold before memory is taken; a breach is answered by 413, 429, 431 or by closing
// the connection. Tokens are compared in constant time.
//
// # Concurrency
//
// Run is called once. Stats, Addr and Close may be called at any time from any
// goroutine. Run waits for all requests.
package http
