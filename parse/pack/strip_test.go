package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

func encode(t *testing.T, src, raw string) string {
	t.Helper()
	p, err := Compile("pack.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var out parse.Events[parse.Record]
	if err := p.Parser(Options{}).Worker().Parse(&parse.Message{Raw: []byte(raw)}, &out); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	got, err := normalize.NewEncoder(normalize.EncoderOptions{}).Append(nil, out.At(0))
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestCEFStrip(t *testing.T) {
	const src = `
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
steps:
  - cef: {strip: [ACME, ad.]}
    map:
      source.ip: src
      rule.id: policyid
      network.protocol: app
      network.application: ACMEapp
`
	for in, want := range map[string]string{
		"src=192.0.2.1 ACMEpolicyid=7":   `"rule":{"id":"7"}`,
		"src=192.0.2.1 ad.policyid=7":    `"rule":{"id":"7"}`,
		"policyid=8 ACMEpolicyid=7":      `"rule":{"id":"8"}`, // the first wins
		"app=HTTPS ACMEapp=Mail":         `"network":{"application":"mail","protocol":"https"}`,
		"ACMEapp=Mail app=HTTPS":         `"network":{"application":"mail","protocol":"https"}`,
		"ACMEvd=root ad.zone=x other=y":  `"extensions":{"vd":"root","zone":"x","other":"y"}`,
		"ACMEvd=root vd=b ACME=1 ad.=2":  `"extensions":{"vd":"root","ACME":"1","ad_":"2"}`,
		"src=192.0.2.1 xACMEpolicyid=7 ": `"extensions":{"xACMEpolicyid":"7"}`,
	} {
		if got := encode(t, src, "CEF:0|Acme|Wall|1|7|x|3|"+in); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s in it", in, got, want)
		}
	}
}

func TestCEFBesideKV(t *testing.T) {
	const src = `
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
steps:
  - when: message startswith "CEF:"
    cef: {strip: [ACME]}
    else:
      - kv: {}
  - map: {rule.id: policyid, event.reason: why | lower}
`
	for in, want := range map[string]string{
		"policyid=7 vd=root": `"acme":{"wall":{"vd":"root"}}`,
		"CEF:0|Acme|Wall|1|7|x|3|ACMEpolicyid=7 ACMEvd=root": `"wall":{"vd":"root","cef":{"class_id":"7",`,
	} {
		if got := encode(t, src, in); !strings.Contains(got, want) || !strings.Contains(got, `"rule":{"id":"7"}`) {
			t.Errorf("%s: %s, want %s in it", in, got, want)
		}
	}
}

func TestDeriveDuration(t *testing.T) {
	const src = `
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
derive: {duration: false}
steps:
  - kv: {}
    map: {event.start: t, event.duration: d}
`
	if got := encode(t, src, "t=2026-01-05T09:00:00Z d=5"); strings.Contains(got, `"end"`) || !strings.Contains(got, `"duration":5`) {
		t.Errorf("%s", got)
	}
	if got := encode(t, strings.Replace(src, "derive: {duration: false}", "", 1), "t=2026-01-05T09:00:00Z d=5"); !strings.Contains(got, `"end"`) {
		t.Errorf("%s", got)
	}
}

func TestOwnNames(t *testing.T) {
	const src = `
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
steps:
  - kv: {}
    map: {acme.wall.session: externalId}
`
	for in, want := range map[string]string{
		"externalId=7 vd=root":   `"wall":{"vd":"root","session":"7"}`,
		"session=8 vd=root":      `"wall":{"vd":"root","session":"8"}`,
		"externalId=7 session=7": `"wall":{"session":"7"}`,
		"externalId=7 session=8": `"wall":{"session_":"8","session":"7"}`,
	} {
		if got := encode(t, src, in); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s in it", in, got, want)
		}
	}
}
