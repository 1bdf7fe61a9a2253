package main

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// corpus is one kind of raw records, one record a line.
type corpus struct {
	name string
	// packs are names of the pack that reads it, tried in turn.
	packs  []string
	record func(*gen)
	seed   uint64
}

var corpora = []*corpus{
	{"asa", []string{"cisco.asa"}, (*gen).asa, 11},
	{"cef", []string{"cef.log", "cef"}, (*gen).cef, 12},
	{"cloudtrail", []string{"aws.cloudtrail"}, (*gen).cloudtrail, 13},
	{"rfc5424", []string{"generic.syslog", "syslog", "system.syslog"}, (*gen).rfc5424, 14},
	{"fortigate", []string{"fortinet.firewall"}, (*gen).fortigate, 15},
	{"winjson", []string{"beats.winlogbeat", "winlogbeat", "windows.windows", "windows.eventlog", "windows"}, (*gen).winjson, 16},
	{"winxml", []string{"windows.xml", "winxml", "windows.windows", "windows.eventlog", "windows"}, (*gen).winxml, 17},
}

func corpusNamed(name string) *corpus {
	for _, c := range corpora {
		if c.name == name {
			return c
		}
	}
	return nil
}

// gen writes records. Values come from wide pools, so that neither caches nor branch
// predictors meet the same line again; the same seed gives the same bytes. It allocates
// nothing for a record, so that a stream of any length can be made on the fly.
type gen struct {
	rng    *rand.Rand
	now    time.Time
	buf    []byte
	make   func(*gen)
	people []string
	hosts  []string
	words  []string
	paths  []string
}

// started is the time of the first record.
var started = time.Date(2026, time.March, 9, 6, 30, 0, 0, time.UTC)

func newGen(c *corpus) *gen {
	g := &gen{rng: rand.New(rand.NewPCG(c.seed, 0x70656e73746f636b)), now: started, make: c.record}
	given := strings.Fields("ada amir beth bo carla ciro dina doug edda emil fay fritz gwen hans ida ivo jana joe kira karl lea luca mara milo nora noel oona otto pia paul rhea rolf sara sami tess timo ursa ugo viola vito wanda walt xavi yann yoko zita")
	family := strings.Fields("abel adler baker brandt calder cruz dahl duarte eklund evans falk ferrari gallo greer hansen hidaka iqbal jansen jovic kaplan keller lopez lund marin meyer nagy norris okoye osman patel petrov quist ramos reyes sato schmid tahir turner ueda vidal vogel walsh wong young zhao zimmer")
	roles := strings.Fields("api auth bastion ci db dns edge file kiosk lap mail print proxy scan vdi vm ws")
	for range 3000 {
		a, b := given[g.n(len(given))], family[g.n(len(family))]
		n := strconv.Itoa(g.n(900) + 10)
		g.people = append(g.people, [...]string{a + "." + b, a[:1] + b, b + n, "svc_" + a + n}[g.n(4)])
		g.hosts = append(g.hosts, roles[g.n(len(roles))]+"-"+b+n)
	}
	for range 1500 {
		w := make([]byte, 3+g.n(8))
		for i := range w {
			w[i] = "abcdefghiklmnoprstuvwy"[g.n(22)]
		}
		g.words = append(g.words, string(w))
	}
	for range 2500 {
		p := ""
		for range 1 + g.n(4) {
			p += "/" + g.words[g.n(len(g.words))]
		}
		g.paths = append(g.paths, p)
	}
	return g
}

// next returns the next record with its line feed, valid until the next call.
func (g *gen) next() []byte {
	g.now = g.now.Add(time.Duration(g.n(400_000)) * time.Microsecond)
	g.buf = g.buf[:0]
	g.make(g)
	g.buf = append(g.buf, '\n')
	return g.buf
}

func (g *gen) n(below int) int { return g.rng.IntN(below) }

// The methods below append one piece each and return g.

func (g *gen) s(s string) *gen { g.buf = append(g.buf, s...); return g }
func (g *gen) d(n int) *gen    { g.buf = strconv.AppendInt(g.buf, int64(n), 10); return g }
func (g *gen) any(of ...string) *gen {
	return g.s(of[g.n(len(of))])
}
func (g *gen) upto(n int) *gen         { return g.d(g.n(n)) }
func (g *gen) user() *gen              { return g.s(g.people[g.n(len(g.people))]) }
func (g *gen) host() *gen              { return g.s(g.hosts[g.n(len(g.hosts))]) }
func (g *gen) word() *gen              { return g.s(g.words[g.n(len(g.words))]) }
func (g *gen) path() *gen              { return g.s(g.paths[g.n(len(g.paths))]) }
func (g *gen) port() *gen              { return g.d(1024 + g.n(64000)) }
func (g *gen) time(layout string) *gen { g.buf = g.now.AppendFormat(g.buf, layout); return g }

func (g *gen) service() *gen {
	if g.n(5) == 0 {
		return g.port()
	}
	return g.any("443", "80", "22", "53", "3389", "445", "25", "8443", "5432", "123", "993")
}

func (g *gen) words3() *gen { return g.word().s(" ").word().s(" ").word() }

func (g *gen) upper(from int) *gen {
	for i := from; i < len(g.buf); i++ {
		if c := g.buf[i]; c >= 'a' && c <= 'z' {
			g.buf[i] = c - 32
		}
	}
	return g
}

func (g *gen) quad(a, b, c, d int) *gen { return g.d(a).s(".").d(b).s(".").d(c).s(".").d(d) }

// public is an address of the internet, private one of the inside.
func (g *gen) public() *gen {
	return g.quad([...]int{8, 13, 24, 37, 46, 57, 71, 82, 95, 109, 133, 146, 163, 178, 193, 201, 216}[g.n(17)], g.n(256), g.n(256), 1+g.n(254))
}

func (g *gen) private() *gen {
	switch g.n(3) {
	case 0:
		return g.quad(192, 168, g.n(256), 1+g.n(254))
	case 1:
		return g.quad(172, 16+g.n(16), g.n(256), 1+g.n(254))
	}
	return g.quad(10, g.n(256), g.n(256), 1+g.n(254))
}

func (g *gen) from(alphabet string, n int) *gen {
	for range n {
		g.buf = append(g.buf, alphabet[g.n(len(alphabet))])
	}
	return g
}

func (g *gen) digits(n int) *gen { return g.from("0123456789", n) }
func (g *gen) hex(n int) *gen    { return g.from("0123456789abcdef", n) }
func (g *gen) base32(n int) *gen { return g.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", n) }

func (g *gen) uuid() *gen {
	return g.hex(8).s("-").hex(4).s("-4").hex(3).s("-9").hex(3).s("-").hex(12)
}

func (g *gen) guid() *gen {
	at := len(g.buf)
	return g.s("{").uuid().s("}").upper(at)
}

func (g *gen) mac() *gen {
	g.hex(2)
	for range 5 {
		g.s(":").hex(2)
	}
	return g
}

func (g *gen) agent() *gen {
	switch g.n(4) {
	case 0:
		return g.s("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/").d(12 + g.n(8)).s(".").upto(7).s(" Safari/605.1.").upto(30)
	case 1:
		return g.s("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:").d(95 + g.n(50)).s(".0) Gecko/20100101 Firefox/").d(95 + g.n(50)).s(".0")
	case 2:
		return g.s("aws-cli/2.").upto(30).s(".").upto(40).s(" Python/3.").d(8 + g.n(5)).s(" Linux/6.").upto(12)
	}
	return g.s("Boto3/1.").upto(40).s(".").upto(150)
}

// take returns n whole records.
func (c *corpus) take(n int) (b []byte) {
	g := newGen(c)
	for range n {
		b = append(b, g.next()...)
	}
	return b
}
