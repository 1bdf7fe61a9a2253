package text

import (
	"time"

	"github.com/penstock-dev/penstock/internal/timeparse"
)

// layout is the layout of a time capture.
type layout struct {
	text string
	l    *timeparse.Layout
}

// spanContext only makes yearless and zoneless times readable; which instant it
// makes of them does not matter here.
var spanContext = timeparse.Context{Now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Zone: time.UTC}

func newLayout(text string) (l *layout, problem string) {
	c, err := timeparse.Compile(text)
	if err != nil {
		return nil, "no time layout: " + err.Error()
	}
	return &layout{text, c}, ""
}

func layoutNames() []string {
	return []string{"syslog", "rfc3339", "iso8601", "clf", "rfc2822", "ansic", "unix", "unix_ms"}
}

// span returns how many bytes the time that b begins with takes, or 0.
func (l *layout) span(b []byte) int {
	_, n, err := l.l.ParsePrefix(b, &spanContext)
	if err != nil {
		return 0
	}
	return n
}
