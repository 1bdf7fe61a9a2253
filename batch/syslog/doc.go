// Package syslog is a sink that sends events as syslog: RFC 5424 or CEF over TCP, TLS or
// UDP.
//
//	sink, err := syslog.New[parse.Record](syslog.Options{Network: "tcp", Address: "siem:6514", TLS: &syslog.TLS{}})
//	if err != nil { … }
//	defer sink.Close()
//
// The header is made of fields of the line where it has them: the time of @timestamp, the
// severity of log.syslog.severity.code or of the word in log.level, the facility of
// log.syslog.facility.code, the host of host.hostname, host.name or observer.name, the
// application of Options.AppName. The message is the line itself, or the field that
// Options.Message names, or CEF (Options.Format).
//
// # Data cannot forge structure
//
// Header fields are printable US-ASCII of limited length, other characters become "?".
// Values of structured data and of CEF are escaped as RFC 5424, section 6.3.3, and the CEF
// specification say. Line feeds and other control characters of a message become spaces
// (a JSON line has none), so that one event is one message also for receivers that frame by
// lines.
//
// # Delivery
//
// Syslog has no acknowledgement. A row is taken when the kernel has it: what is on its way
// when a connection breaks is lost, which this sink cannot see. It keeps that small by
// looking, before each batch, whether the peer has closed. When a write fails, the rows
// that did not go out whole are reported (retryable), and the next write connects again.
// For delivery that is acknowledged use another sink, or RELP in between. UDP is lost
// wherever there is no room for it.
//
// A row longer than MaxMessage is rejected (OVERSIZE), not cut.
//
// # Limits
//
//	MaxMessage  64 KiB, for UDP 8 KiB
//	Timeout     10 s to connect, and for each write of a batch
//
// # Concurrency
//
// A Sink may be used from several goroutines; batches do not mix.
//
// Source: RFC 5424, RFC 5425, RFC 5426, RFC 6587; ArcSight Common Event Format, version 25.
package syslog
