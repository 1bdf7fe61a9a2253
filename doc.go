// Package penstock is the root of an embeddable library that turns raw security
// telemetry into validated, ECS-shaped events. It holds documentation only; the
// work is done by the packages below it:
//
//   - parse: the event model, the Parser interface, the registry and detection;
//     parse/kernel/* hold one wire format each, parse/pack the pack language,
//     parse/vendors the built-in packs
//   - normalize: native fields to ECS fields, derived fields, NDJSON encoders
//   - validate: type, presence and value checks
//   - batch: windows, sinks and retry
//   - ingest: sources and the Pipeline that joins everything
//   - ratelimit: token buckets and backoff
//   - errcat: the closed set of error categories
package penstock
