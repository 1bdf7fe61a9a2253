// Package splunk tests the intake of ingest/splunk with the log driver of Docker, in a
// module of its own because of what that requires.
package splunk
