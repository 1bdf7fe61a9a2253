package syslog_test

import (
	"testing"

	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

func TestRepeated(t *testing.T) {
	for _, c := range []struct {
		payload, text string
		times         int
	}{
		{"message repeated 3 times: [ Failed password for root from 192.0.2.1 port 22 ssh2]", "Failed password for root from 192.0.2.1 port 22 ssh2", 3},
		{"message repeated 12 times: [a [b]]", "a [b]", 12},
		{"message repeated 2 times: []", "", 2},
		{"message repeated 2 times: [ cut off", "", 0},
		{"message repeated  times: [ no number]", "", 0},
		{"message repeated 1234567890 times: [ no count]", "", 0},
		{"message repeated 2 times", "", 0},
		{"message repeated ", "", 0},
		{"last message repeated 2 times", "", 0},
		{"", "", 0},
	} {
		text, times, ok := syslog.Repeated([]byte(c.payload))
		if string(text) != c.text || times != c.times || ok != (c.times > 0) {
			t.Errorf("%q: %q, %d, %v", c.payload, text, times, ok)
		}
	}
}
