package strict_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse/kernel/syslog/strict"
)

func TestParse5424(t *testing.T) {
	m, err := strict.Parse5424([]byte(`<165>1 2003-10-11T22:14:15.003Z h a 1 ID47 [x@1 k="a\"b"] text`))
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != 1 || m.Priority != 165 || m.Hostname != "h" || m.AppName != "a" || m.ProcID != "1" || m.MsgID != "ID47" ||
		m.Payload != "text" || m.StructuredData["x@1"]["k"] != `a"b` || m.Time.Format(time.RFC3339Nano) != "2003-10-11T22:14:15.003Z" {
		t.Errorf("got %+v", m)
	}
	for _, line := range []string{"", "<165>", "<999>1 - - - - - -", "<165>1 - h a 1 ID47 text", "<34>Oct 11 22:14:15 h a: x", "<1>1 - h a - - [x a=b]"} {
		if _, err := strict.Parse5424([]byte(line)); errcat.Of(err) != errcat.SchemaViolation {
			t.Errorf("%q: got %v, want SCHEMA_VIOLATION", line, err)
		}
	}
}

func TestParse3164(t *testing.T) {
	m, err := strict.Parse3164([]byte("<34>Oct 11 22:14:15 h a[1]: text"), 2026, time.FixedZone("", 3600))
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != 0 || m.Priority != 34 || m.Hostname != "h" || m.AppName != "a" || m.ProcID != "1" || m.Payload != "text" ||
		m.Time.UTC().Format(time.RFC3339) != "2026-10-11T21:14:15Z" {
		t.Errorf("got %+v", m)
	}
	if _, err := strict.Parse3164([]byte("<34>2026-01-02T03:04:05Z h a[1]: text"), 2026, nil); errcat.Of(err) != errcat.SchemaViolation {
		t.Errorf("got %v, want SCHEMA_VIOLATION", err)
	}
}

func ExampleParse5424() {
	_, err := strict.Parse5424([]byte("<34>Oct 11 22:14:15 host su: text"))
	fmt.Println(errcat.Of(err))
	// Output: SCHEMA_VIOLATION
}
