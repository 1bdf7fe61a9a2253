// Package forward is a test of ingest/forward with the client of IBM. It stands apart since that and
// fluent-logger-golang register the same extension, and a program can hold only one of them.
package forward
