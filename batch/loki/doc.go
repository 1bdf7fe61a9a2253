// Package loki is a sink for Grafana Loki's push API, and what speaks it, such as
// VictoriaLogs.
//
//	sink, err := loki.New[parse.Record](loki.Options{URLs: []string{"http://loki:3100"}}, loki.Stream{
//		Labels: map[string]string{"job": "penstock"}, Fields: map[string]string{"host": "host.name"},
//	})
//
// Each line is an entry. Its labels are those that Stream names; its time is that of the
// field @timestamp, or the time of sending where the line has none in RFC 3339.
//
// # Delivery
//
// At least once; an entry with the same labels, time and line is stored once by Loki.
// Where Loki refuses a request for single entries (400: too old, too long) these are found
// by halves, and rejected. What other answers mean: as package batch/elastic.
//
// # Limits and concurrency
//
// As package batch/elastic. Each set of label values is a stream, which costs Loki memory: after Stream.MaxStreams
// different ones (default 1000) the label fields of further ones are replaced by "(other)".
//
// Source: Grafana Loki HTTP API, POST /loki/api/v1/push.
package loki
