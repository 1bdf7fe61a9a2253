// Package otlp is a sink for OTLP/HTTP logs: the OpenTelemetry Collector, VictoriaLogs, and
// most vendors.
//
//	sink, err := otlp.New[parse.Record](otlp.Options{URLs: []string{"http://collector:4318"}}, otlp.Resource{
//		Attributes: map[string]string{"service.name": "penstock"},
//	})
//
// Each line is the body of a log record, as text, in protobuf. Its time is that of the
// field @timestamp where it is RFC 3339, its severity text that of log.level, and the
// fields in Resource.Fields become attributes of the record.
//
// # Delivery
//
// At least once; OTLP knows no identity of records. A server may say that it has refused
// some records of a request, but not which: then all of them are reported as rejected, and
// dead letters, as none may be lost unseen; those that it took are there twice if the dead
// letters are replayed. What other answers mean: as package batch/elastic.
//
// # Limits and concurrency
//
// As package batch/elastic.
//
// Source: OpenTelemetry protocol specification, OTLP/HTTP; opentelemetry-proto, logs/v1.
package otlp
