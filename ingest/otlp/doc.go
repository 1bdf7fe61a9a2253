// Package otlp is a source that takes log records of OpenTelemetry by OTLP/HTTP, as
// protobuf and as JSON.
//
//	src, err := otlp.Listen(otlp.ServerOptions{Address: "127.0.0.1:4318"}, otlp.Options{})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// # Messages
//
// Each log record is a message: one JSON object with the names of OTLP, the same for both
// encodings, attributes as plain objects, and what stands around the record added to it:
//
//	{"timeUnixNano":"1764410400000000000","severityNumber":9,"severityText":"INFO",
//	 "body":"login failed","attributes":{"user.name":"anna"},"traceId":"…","spanId":"…",
//	 "resource":{"attributes":{"service.name":"sshd"}},"scope":{"name":"…"}}
//
// 64-bit integers in attributes are numbers, times are text, as in OTLP. Bytes are base64.
// With Options.BodyOnly the message is the body alone: its text, or its JSON. Records
// without a body are JSON objects even then.
//
// # Delivery
//
// At least once. 200 is answered when every record has reached every required sink, the
// dead letters, or a filter; 429 and 503 with Retry-After as in package ingest/http.
// What is malformed is answered by 400, and nothing of it is taken.
//
// # Limits and concurrency
//
// Those of package ingest/http; values nested deeper than 32 are written as null
// there, and the record says so: "penstock.depth_exceeded":true.
//
// Source: OpenTelemetry protocol specification, and opentelemetry-proto, logs/v1.
package otlp
