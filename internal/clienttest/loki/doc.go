// Package loki tests the intake of ingest/loki with Grafana's own client, in a module of
// its own because of what that requires.
package loki
