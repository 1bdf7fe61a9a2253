package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestQuickstart(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"cisco.asa", "aws.cloudtrail", "cef.log", "203.0.113.77 → 10.20.9.5", "user dana",
		"TRUNCATED", "UNKNOWN_FORMAT", "9 received + 1 split = 7 delivered + 3 dead-lettered",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}
