package pack

import (
	"strings"
	"testing"
)

func TestOutline(t *testing.T) {
	const src = `
name: acme.events
vendor: Acme
product: Events
version: 1.0.0
lookups:
  labels:
    default: null
    rows:
      Subject.Name|Sujet.Nom: subject
      Target.Name: target
      Reason: why
steps:
  - json: {}
  - outline: {from: text, names: labels, as: data}
    set: {event.outcome: success}
    map:
      user.name: data.subject
      user.target.name: data.target
`
	for in, want := range map[string]string{
		`{"text":"Changed.\n\nSubject:\n\tName:\tann\n\nTarget:\n\tName:\tbob\n\tReason:\tx"}`: `"user":{"name":"ann","target":{"name":"bob"}}`,
		`{"text":"Sujet:\n\tNom:\tann"}`:                             `"user":{"name":"ann"}`,
		`{"text":"Subject:\n\tName:\tann","data":{"subject":"eve"}}`: `"user":{"name":"eve"}`,
		`{"text":"Target:\n\tReason:\tx"}`:                           `"events":{"data":{"why":"x"},"text":"Target:\n\tReason:\tx"}`,
		`{"text":"nothing of it"}`:                                   `{"acme":{"events":{"text":"nothing of it"}},"ecs":{"version":"9.4.0"},"event":{"dataset":"acme.events","kind":"event","module":"acme"}}`,
	} {
		if got := encode(t, src, in); !strings.Contains(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
	for old, bad := range map[string]string{
		"names: labels": "names: label", "why": `""`, "default: null": "default: null\n    fold: true",
		"      Reason: why": "      Reason: why\n      .x: why",
	} {
		if _, err := Compile("pack.yaml", []byte(strings.Replace(src, old, bad, 1))); !IsPackError(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
