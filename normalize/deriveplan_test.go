package normalize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// What a plan derives is what the rules derive.
func TestDeriveByPlan(t *testing.T) {
	schema, err := parse.NewSchema("acme.x")
	if err != nil {
		t.Fatal(err)
	}
	options := []DeriveOptions{
		{}, {NoRelated: true}, {NoCommunityID: true, NoAddress: true}, {NoURLParts: true, NoFileParts: true, NoDuration: true},
		{Internal: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	}
	texts := map[parse.Key][]string{
		ecs.SourceAddress: {"10.0.0.1", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "host.example", "no name!", "300.1.1.1"}, ecs.SourceIP: {"10.0.0.1", "2001:db8::2", "203.0.113.9"},
		ecs.DestinationAddress: {"10.0.0.1", "server", "2001:db8::1"}, ecs.DestinationIP: {"10.0.0.1", "10.0.0.2", "2001:db8::3", "203.0.113.10"},
		ecs.SourceDomain: {"a.example"}, ecs.ClientIP: {"10.0.0.3"}, ecs.ServerDomain: {"b.example"}, ecs.SourceNATIP: {"203.0.113.9"},
		ecs.SourcePort: {"1", "443", "65535"}, ecs.DestinationPort: {"1", "443"}, ecs.NetworkTransport: {"tcp", "udp", "sctp", "icmp", "gre", "odd"},
		ecs.NetworkIANANumber: {"6", "17", "300", "x"}, ecs.SourceBytes: {"1", "9223372036854775807"}, ecs.DestinationBytes: {"5"}, ecs.NetworkBytes: {"9"},
		ecs.SourcePackets: {"1"}, ecs.DestinationPackets: {"2"}, ecs.NetworkType: {"ipv4"}, ecs.NetworkCommunityID: {"1:x"}, ecs.NetworkDirection: {"inbound"},
		ecs.EventStart: {"1000"}, ecs.EventEnd: {"3000"}, ecs.EventDuration: {"7"}, ecs.URLOriginal: {"https://u@www.example.com/p/a.txt?q"}, ecs.URLDomain: {"other"},
		ecs.FilePath: {`C:\d\f.exe`, "/a/b"}, ecs.ProcessExecutable: {"/bin/sh"}, ecs.UserName: {"alice", ""}, ecs.SourceUserName: {"alice", "bob"}, ecs.HostName: {"h"},
		ecs.FileHashMD5: {"00"}, ecs.RelatedIP: {"192.0.2.1"}, ecs.RelatedUser: {"carol"}, ecs.HostIP: {"10.0.0.1"}, ecs.DNSResolvedIP: {"10.0.0.2"},
	}
	var keys []parse.Key
	for k := range ecs.All() {
		if texts[k] != nil {
			keys = append(keys, k)
		}
	}
	fill := func(r *parse.Record, kind, values uint64) {
		r.Use(schema)
		shape, rnd := rand.New(rand.NewPCG(kind, 2)), rand.New(rand.NewPCG(values, 3))
		for range 1 + shape.IntN(14) {
			k := keys[shape.IntN(len(keys))]
			list := shape.IntN(12)
			text := texts[k][rnd.IntN(len(texts[k]))]
			v, ok := Coerce(r, k, parse.StringValue(text), nil)
			if k == ecs.EventStart || k == ecs.EventEnd {
				v = parse.TimeValue(int64(rnd.IntN(9)))
			} else if !ok || rnd.IntN(40) == 0 {
				v = parse.StringValue(text)
			}
			switch {
			case list == 0:
				r.Append(k, v)
			case list == 1:
				r.Append(k, v)
				r.Append(k, parse.StringValue("second"))
			default:
				r.Set(k, v)
			}
		}
	}
	e := NewEncoder(EncoderOptions{})
	planned := 0
	for _, o := range options {
		d := NewDeriver(o)
		var got, want parse.Record
		for i := range 6000 {
			kind := uint64(i % 300)
			fill(&got, kind, uint64(i))
			fill(&want, kind, uint64(i))
			if got.Layout() != nil {
				planned++
			}
			d.Derive(&got)
			d.sidesOf(&want)
			d.beyondSides(&want)
			a, _ := e.Append(nil, &got)
			b := e.appendSlow(nil, &want)
			if !bytes.Equal(a, b) {
				t.Fatalf("%+v, kind %d:\n got %s\nwant %s", o, kind, a, b)
			}
		}
	}
	if planned < 15000 {
		t.Errorf("only %d records had a plan", planned)
	}
}

// A shape writes what the long way writes, as often as records have it and with other constants.
func TestEncodeByShape(t *testing.T) {
	schema, err := parse.NewSchema("acme.x", "acme.wall.y")
	if err != nil {
		t.Fatal(err)
	}
	block := parse.NewBlock([]parse.Key{ecs.EventKind, ecs.EventCategory, ecs.Count}, []parse.Value{
		parse.StringValue("event"), parse.ListValue([]parse.Value{parse.StringValue("network")}), parse.StringValue("x\"y")})
	schema.Adopt(block)
	keys := []parse.Key{ecs.EventKind, ecs.SourceIP, ecs.Message, ecs.SourcePort, ecs.Timestamp, ecs.EventType, ecs.RelatedIP, ecs.Count, ecs.Count + 1, ecs.EventDuration}
	texts := []string{"", "a", "ab", "abc", "abcdef", "12345678", "0123456789abcde", "0123456789abcdef0", "a text that is somewhat longer than thirty-two bytes are",
		"quote \" in it", "é", "\xff", "tab\tand\nline", "0123456789abcdef0123456789abcdef\x01", "12345\"", "1234567\\"}
	for _, o := range []EncoderOptions{{}, {Flat: true}, {ECSOnly: true}} {
		e, plain := NewEncoder(o), NewEncoder(o)
		var r parse.Record
		shaped := 0
		for i := range 20000 {
			r.Use(schema)
			shape, rnd := rand.New(rand.NewPCG(uint64(i%300), 2)), rand.New(rand.NewPCG(uint64(i), 3))
			for range 1 + shape.IntN(8) {
				k := keys[shape.IntN(len(keys))]
				switch shape.IntN(9) {
				case 0:
					r.SetBlock(block)
				case 1:
					r.SetInt(k, rnd.Int64()>>rnd.IntN(64))
				case 2:
					r.Set(k, parse.TimeValue(rnd.Int64N(1e18)))
				case 3:
					r.Append(k, parse.StringValue(texts[rnd.IntN(len(texts))]))
				case 4:
					r.SetConst(k, texts[rnd.IntN(2)])
				case 5:
					r.Set(k, parse.IPv4Value(1, []byte("0.0.0.1")))
				case 6:
					n := rnd.Int64() >> rnd.IntN(64)
					r.Set(k, parse.IntText(n, fmt.Append(nil, n)))
				default:
					r.SetString(k, texts[rnd.IntN(len(texts))])
				}
			}
			if r.Layout() != nil {
				shaped++
			}
			dst := []byte("before ")
			a, _ := e.Append(dst[:7:7], &r)
			b := plain.appendSlow([]byte("before "), use(plain, &r))
			if !bytes.Equal(a, b) || e.Invalid != plain.Invalid || e.Conflicts != plain.Conflicts {
				t.Fatalf("%+v:\n got %s %d %d\nwant %s %d %d", o, a, e.Invalid, e.Conflicts, b, plain.Invalid, plain.Conflicts)
			}
		}
		if shaped < 15000 {
			t.Errorf("only %d records had a shape", shaped)
		}
	}
}

func use(e *Encoder, r *parse.Record) *parse.Record {
	if e.plan == nil || e.schema != r.Schema() {
		e.use(r.Schema())
	}
	return r
}
