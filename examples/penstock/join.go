package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/join"
)

// joined puts what -join says around the source.
func (o *parseOptions) joined(src ingest.Source) (ingest.Source, error) {
	how, pattern, _ := strings.Cut(o.join, "=")
	limits := join.Limits{MaxBytes: o.maxMessage}
	lines := join.LineOptions{Limits: limits}
	switch how {
	case "":
		return src, nil
	case "auditd":
		return join.Audit(src, join.AuditOptions{Limits: limits})
	case "containers":
		return join.Containers(src, join.ContainerOptions{Limits: limits})
	case "indented":
		lines.Indented = true
		return join.Lines(src, lines)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-join: %w", err)
	}
	switch how {
	case "start":
		lines.Start = re
	case "continue":
		lines.Continue = re
	case "end":
		lines.End = re
	default:
		return nil, fmt.Errorf("-join is auditd, containers, indented, start=REGEX, continue=REGEX or end=REGEX, not %q", o.join)
	}
	return join.Lines(src, lines)
}
