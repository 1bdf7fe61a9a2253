package pack

import (
	"strings"
	"testing"
)

func TestTableStars(t *testing.T) {
	const top = "name: acme.app\nvendor: Acme\nproduct: App\nversion: 1.0.0\n"
	const src = top + `
lookups:
  type:
    default: {event.type: info}
    fold: true
    rows:
      user_create|group_create: {event.type: creation}
      user_*: {event.type: user}
      user_login*: {event.type: start}
      '*_delete': {event.type: deletion}
      '*': {event.type: error}
  code:
    default: null
    rows:
      E*: failure
      '*OK': success
steps:
  - json: {}
    lookup: {table: type, key: t}
    map: {event.outcome: c | lookup(code)}
`
	for _, tc := range []struct{ raw, want string }{
		{`{"t":"user_create"}`, `"type":["creation"]`},
		{`{"t":"USER_Rename"}`, `"type":["user"]`},
		{`{"t":"user_login_failed"}`, `"type":["start"]`},
		{`{"t":"policy_delete"}`, `"type":["deletion"]`},
		{`{"t":"user_delete"}`, `"type":["deletion"]`}, // the longer text
		{`{"t":"*"}`, `"type":["error"]`},              // a star alone is itself
		{`{"t":"other"}`, `"type":["info"]`},
		{`{"t":"user_"}`, `"type":["user"]`},
		{`{"c":"E12"}`, `"outcome":"failure"`},
		{`{"c":"200 OK"}`, `"outcome":"success"`},
	} {
		if got := encode(t, src, tc.raw); !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %s, want %s", tc.raw, got, tc.want)
		}
	}
	_, err := Compile("pack.yaml", []byte(top+"lookups: {t: {default: null, rows: {'*a*': x}}}\nsteps:\n  - map: {event.action: message | lookup(t)}\n"))
	if err == nil || !strings.Contains(err.Error(), "one end only") {
		t.Errorf("a star at both ends: %v", err)
	}
}
