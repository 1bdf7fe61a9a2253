package pack

import (
	"strings"
	"testing"
)

func TestNamespaceOfTheKeys(t *testing.T) {
	const src = `
name: acme.events
vendor: Acme
product: Events
version: 1.0.0
namespace: rec
steps:
  - when: raw startswith "{"
    json: {}
    else:
      - kv: {as: rec}
  - map:
      event.code: rec.id | kept
      user.name: rec.data.user
`
	for in, want := range map[string]string{
		`{"rec":{"id":7,"data":{"user":"ann","x":1},"z":2},"recorder":3}`: `"rec":{"z":2,"recorder":3,"data":{"x":1},"id":7}`,
		`{"rec":"text"}`:         `"rec":{"rec":"text"}`,
		`id=7 data.user=ann z=2`: `"rec":{"z":"2","id":"7"}`,
	} {
		got := encode(t, src, in)
		if !strings.Contains(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
		if strings.Contains(in, "ann") && !strings.Contains(got, `"user":{"name":"ann"}`) {
			t.Errorf("%s: no user: %s", in, got)
		}
	}
}

func TestWindowsXML(t *testing.T) {
	const src = `
name: acme.events
vendor: Acme
product: Events
version: 1.0.0
namespace: winlog
steps:
  - xml: {mode: windows, as: winlog}
    map:
      event.code: winlog.event_id
      user.name: winlog.event_data.User
`
	got := encode(t, src, "<Event><System><EventID>7</EventID><Channel>C</Channel></System><EventData><Data Name='User'>ann</Data><Data Name='X'>1</Data></EventData></Event>")
	if want := `"winlog":{"channel":"C","event_data":{"X":"1"}}`; !strings.Contains(got, want) || !strings.Contains(got, `"name":"ann"`) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestSyslogParams(t *testing.T) {
	const src = `
name: acme.events
vendor: Acme
product: Events
version: 1.0.0
steps:
  - syslog: {params: data}
  - map:
      event.code: data.EventID
      user.name: data.User
`
	got := encode(t, src, `<14>1 2026-03-01T10:00:00Z host app 4 - [x@1 EventID="7" User="ann" X="1"] text`)
	for _, want := range []string{`"code":"7"`, `"user":{"name":"ann"}`, `"x@1_X":"1"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	bare := strings.NewReplacer("params: data", "params: ''", "data.", "").Replace(src)
	if got := encode(t, bare, `<14>1 2026-03-01T10:00:00Z host app 4 - [x@1 EventID="7" User="ann" X="1" syslog.hostname="y" message="z"] text`); !strings.Contains(got, `"code":"7"`) ||
		!strings.Contains(got, `"user":{"name":"ann"}`) || !strings.Contains(got, `"hostname":"host"`) || !strings.Contains(got, `"x@1_message":"z"`) {
		t.Errorf("bare names: %s", got)
	}
}
