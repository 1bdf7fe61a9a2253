// Package loki is a source that takes log lines as Loki's push API does, in JSON and in
// protobuf with snappy, from promtail, Alloy, Fluent Bit, Docker's driver and others.
//
//	src, err := loki.Listen(loki.ServerOptions{Address: "127.0.0.1:3100"}, loki.Options{})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// # Messages
//
// Each entry of a stream is a message, one JSON object, the same for both encodings:
//
//	{"stream":{"app":"sshd"},"timestamp":"1764410400000000000","line":"…","metadata":{"k":"v"}}
//
// The timestamp is in nanoseconds; metadata is structured metadata, if there is any.
// With Options.LineOnly the message is the line alone.
//
// # Delivery
//
// At least once. 204 is answered when every entry has reached every required sink, the
// dead letters, or a filter; 429 and 503 with Retry-After as in package ingest/http.
// What is malformed is answered by 400, and nothing of it is taken. The header
// X-Scope-OrgID (tenant) is not looked at.
//
// # Limits and concurrency
//
// As package ingest/http. What snappy says it will become is checked against MaxInflated
// and MaxRatio before memory is taken.
//
// Source: Grafana Loki HTTP API, POST /loki/api/v1/push, and logproto; Snappy compressed
// format description.
package loki
