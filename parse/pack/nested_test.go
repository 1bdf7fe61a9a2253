package pack

import "testing"

func TestNestedHeaders(t *testing.T) {
	tryPack(t, `
steps:
  - syslog: {}
    map: {message: message, process.name: syslog.appname}
`, []packCase{
		{"<38>Mar  2 09:15:04 relay Mar  2 09:15:01 web1 sshd[7]: hello",
			`{"@timestamp":"2026-03-02T09:15:01.000Z","event":{"timezone":"UTC"},"host":{"hostname":"web1"},"log":{"syslog":{"appname":"sshd","facility":{"code":4,"name":"auth"},"hostname":"web1","priority":38,"procid":"7","severity":{"code":6,"name":"Informational"}}},"message":"hello","process":{"name":"sshd"},"related":{"hosts":["web1"]}}`},
		{"Mar  2 09:15:04 relay 2026-03-02T09:15:01Z web1 sshd[7]: hello",
			`{"@timestamp":"2026-03-02T09:15:01.000Z","host":{"hostname":"web1"},"log":{"syslog":{"appname":"sshd","hostname":"web1","procid":"7"}},"message":"hello","process":{"name":"sshd"},"related":{"hosts":["web1"]}}`},
		// no host and no program behind the second time: it belongs to the message
		{"Mar  2 09:15:04 relay 2026-03-02T09:15:01Z INFO started",
			`{"@timestamp":"2026-03-02T09:15:04.000Z","event":{"timezone":"UTC"},"host":{"hostname":"relay"},"log":{"syslog":{"hostname":"relay"}},"message":"2026-03-02T09:15:01Z INFO started","related":{"hosts":["relay"]}}`},
		// what a program writes is its message
		{"Mar  2 09:15:04 relay app: Mar  2 09:15:01 web1 sshd[7]: hello",
			`{"@timestamp":"2026-03-02T09:15:04.000Z","event":{"timezone":"UTC"},"host":{"hostname":"relay"},"log":{"syslog":{"appname":"app","hostname":"relay"}},"message":"Mar  2 09:15:01 web1 sshd[7]: hello","process":{"name":"app"},"related":{"hosts":["relay"]}}`},
		{"<13>Mar  2 09:15:05 hub <38>Mar  2 09:15:04 relay <39>Mar  2 09:15:01 web1 sshd[7]: hello",
			`{"@timestamp":"2026-03-02T09:15:01.000Z","event":{"timezone":"UTC"},"host":{"hostname":"web1"},"log":{"syslog":{"appname":"sshd","facility":{"code":4,"name":"auth"},"hostname":"web1","priority":39,"procid":"7","severity":{"code":7,"name":"Debug"}}},"message":"hello","process":{"name":"sshd"},"related":{"hosts":["web1"]}}`},
	}...)
}

// raw is the message as the device sent it.
func TestRawBehindRelays(t *testing.T) {
	const event = `{"acme":{"test":{"own":"<39>web1: hello"}}}`
	tryPack(t, `
steps:
  - map: {acme.test.own: raw}
`, []packCase{
		{"<39>web1: hello", event},
		{"<38>Mar  2 09:15:04 relay <39>web1: hello", event},
		{"<13>1 2026-03-02T09:15:05Z hub - - - - <38>Mar  2 09:15:04 relay <39>web1: hello", event},
		{"<38>Mar  2 09:15:04 relay app: of <39>web1: hello", `{"acme":{"test":{"own":"<38>Mar  2 09:15:04 relay app: of <39>web1: hello"}}}`},
	}...)
}

func TestRepeatedMessage(t *testing.T) {
	tryPack(t, `
steps:
  - syslog: {}
  - text: 'bad <user.name:word>'
`, packCase{"Mar  2 09:15:04 web1 app[7]: message repeated 3 times: [ bad ada]",
		`{"@timestamp":"2026-03-02T09:15:04.000Z","acme":{"test":{"syslog":{"repeated":3},"user":{"name":"ada"}}},"event":{"timezone":"UTC"},"host":{"hostname":"web1"},"log":{"syslog":{"appname":"app","hostname":"web1","procid":"7"}},"related":{"hosts":["web1"]}}`})
}

func TestCEE(t *testing.T) {
	tryPack(t, `
steps:
  - json: {}
    map: {user.name: who}
`, packCase{`<14>1 2026-03-02T09:15:04Z nas app 7 - - @cee: {"who":"ada"}`,
		`{"@timestamp":"2026-03-02T09:15:04.000Z","log":{"syslog":{"appname":"app","facility":{"code":1,"name":"user"},"hostname":"nas","priority":14,"procid":"7","severity":{"code":6,"name":"Informational"},"version":"1"}},"related":{"user":["ada"]},"user":{"name":"ada"}}`})
}
