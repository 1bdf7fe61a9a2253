package netflow_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/netflow"
	netflow "github.com/penstock-dev/penstock/parse/vendors/netflow.log"
)

var be = binary.BigEndian

const exportTime = 1_772_528_400 // 2026-03-03T09:00:00Z

func u16(n ...int) (b []byte) {
	for _, x := range n {
		b = be.AppendUint16(b, uint16(x))
	}
	return b
}

func u32(n ...int) (b []byte) {
	for _, x := range n {
		b = be.AppendUint32(b, uint32(x))
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func flowset(id int, parts ...[]byte) []byte {
	body := join(parts...)
	return join(u16(id, 4+len(body)), body)
}

func v9(seq int, sets ...[]byte) []byte {
	return join(u16(9, len(sets)), u32(3_600_000, exportTime, seq, 5), join(sets...))
}

func ipfix(sets ...[]byte) []byte {
	body := join(sets...)
	return join(u16(10, 16+len(body)), u32(exportTime, 1, 5), body)
}

func newParser(t testing.TB, o netflow.Options) *netflow.Parser {
	t.Helper()
	p, err := netflow.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var origin = &parse.Origin{Source: "udp", Peer: netip.MustParseAddr("192.0.2.254")}

// parseJSON returns the events of a datagram, each as a line.
func parseJSON(t testing.TB, p parse.Parser[parse.Record], raw []byte) string {
	t.Helper()
	var events parse.Events[parse.Record]
	enc := normalize.NewEncoder(normalize.EncoderOptions{Flat: true})
	var out []byte
	if err := p.Parse(&parse.Message{Raw: raw, Origin: origin}, &events); err != nil {
		return "error " + errcat.Of(err).String()
	}
	for _, r := range events.All() {
		var err error
		if out, err = enc.Append(out, r); err != nil {
			t.Fatal(err)
		}
		out = append(out, '\n')
	}
	for _, r := range events.Rejected() {
		out = append(out, "reject "+errcat.Of(r.Err).String()+"\n"...)
	}
	return string(out)
}

func TestFields(t *testing.T) {
	const (
		common  = `"@timestamp":"2026-03-03T09:00:00.000Z","ecs.version":"9.4.0","event.category":["network"],"event.dataset":"netflow.log","event.kind":"event","event.module":"netflow","observer.ip":["192.0.2.254"],"netflow.exporter.address":"192.0.2.254","netflow.exporter.source_id":5,"netflow.exporter.timestamp":"2026-03-03T09:00:00.000Z"`
		flow    = `"event.action":"netflow_flow","netflow.type":"netflow_flow"`
		options = `"event.action":"netflow_options","event.type":["info"],"netflow.type":"netflow_options"`
	)
	for _, tc := range []struct {
		name string
		raw  []byte
		want string // fields besides those above; "" for the next line
	}{
		{"flow of NetFlow 9",
			v9(1, flowset(0, u16(256, 16, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 6, 1, 1, 4, 2, 4, 22, 4, 21, 4, 10, 2, 14, 2, 61, 1, 18, 4, 16, 4, 58, 2), nil),
				flowset(256, []byte{10, 0, 0, 1, 192, 0, 2, 9}, u16(50000, 443), []byte{6, 0x1b}, u32(4200, 12, 3_590_000, 3_595_500), u16(3, 4), []byte{1}, []byte{192, 0, 2, 1}, u32(64500), u16(12))),
			flow + `,"event.type":["connection"],"source.ip":"10.0.0.1","source.address":"10.0.0.1","destination.ip":"192.0.2.9","destination.address":"192.0.2.9",` +
				`"source.port":50000,"destination.port":443,"network.iana_number":"6","network.transport":"tcp","network.type":"ipv4","network.community_id":"?",` +
				`"source.bytes":4200,"network.bytes":4200,"source.packets":12,"network.packets":12,"event.start":"2026-03-03T08:59:50.000Z","event.end":"2026-03-03T08:59:55.500Z","event.duration":5500000000,` +
				`"observer.ingress.interface.id":"3","observer.egress.interface.id":"4","network.direction":"outbound","source.as.number":64500,"network.vlan.id":"12",` +
				`"netflow.tcp_control_bits":27,"netflow.bgp_next_hop_ipv4_address":"192.0.2.1","netflow.exporter.version":9,"netflow.exporter.uptime_millis":3600000,"related.ip":["10.0.0.1","192.0.2.9","192.0.2.254"]`},
		{"both ways, translated, by IPFIX",
			ipfix(flowset(2, u16(300, 11, 27, 16, 28, 16, 4, 1, 7, 2, 11, 2, 1, 8, 0x8001, 8), u32(29305), u16(0x8000|6, 1), u32(29305), u16(281, 16, 227, 2, 233, 1)),
				flowset(300, netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice(), []byte{17}, u16(5353, 53), u32(0, 100, 0, 900), []byte{3},
					netip.MustParseAddr("2001:db8::99").AsSlice(), u16(40000), []byte{3})),
			flow + `,"event.type":["connection","denied"],"event.outcome":"success","source.ip":"2001:db8::1","source.address":"2001:db8::1","destination.ip":"2001:db8::2","destination.address":"2001:db8::2",` +
				`"source.port":5353,"destination.port":53,"network.iana_number":"17","network.transport":"udp","network.type":"ipv6","network.community_id":"?",` +
				`"source.bytes":100,"destination.bytes":900,"network.bytes":1000,"source.nat.ip":"2001:db8::99","source.nat.port":40000,"netflow.reverse_tcp_control_bits":3,"netflow.firewall_event":3,` +
				`"netflow.exporter.version":10,"related.ip":["2001:db8::1","2001:db8::2","2001:db8::99","192.0.2.254"]`},
		{"ping, and a label twice",
			v9(1, flowset(0, u16(257, 7, 8, 4, 12, 4, 4, 1, 32, 2, 161, 4, 70, 3, 70, 3)),
				flowset(257, []byte{10, 0, 0, 1, 10, 0, 0, 2, 1}, u16(8<<8), u32(1500), []byte{1, 2, 3, 4, 5, 6})),
			flow + `,"event.type":["connection"],"source.ip":"10.0.0.1","source.address":"10.0.0.1","destination.ip":"10.0.0.2","destination.address":"10.0.0.2",` +
				`"network.iana_number":"1","network.transport":"icmp","network.type":"ipv4","network.community_id":"?","event.duration":1500000000,"netflow.icmp_type_code_ipv4":2048,` +
				`"netflow.mpls_top_label_stack_section":["010203","040506"],"netflow.exporter.version":9,"netflow.exporter.uptime_millis":3600000,"related.ip":["10.0.0.1","10.0.0.2","192.0.2.254"]`},
		{"lists",
			ipfix(flowset(2, u16(301, 4, 8, 4, 484, 65535, 291, 65535, 291, 65535)), flowset(301, []byte{10, 0, 0, 1},
				[]byte{13}, []byte{3}, u16(483, 4), u32(11, 12), []byte{11}, []byte{3}, u16(96, 65535), []byte{2}, []byte("ip"), []byte{2}, []byte("tv"), []byte{7}, []byte{3}, u16(4, 1), []byte{6, 17})),
			flow + `,"event.type":["connection"],"source.ip":"10.0.0.1","source.address":"10.0.0.1",` +
				`"netflow.bgp_source_community_list":[11,12],"netflow.basic_list":["ip","tv",6,17],"netflow.exporter.version":10,"related.ip":["10.0.0.1","192.0.2.254"]`},
		{"options",
			v9(1, flowset(1, u16(258, 4, 12, 1, 4, 34, 4, 84, 4, 34, 2)), flowset(258, u32(7, 100), []byte("main"), u16(9))),
			options + `,"netflow.scope.system":7,"netflow.options.sampling_interval":100,"netflow.options.sampling_interval_2":9,"netflow.options.sampler_name":"main",` +
				`"netflow.exporter.version":9,"netflow.exporter.uptime_millis":3600000,"related.ip":["192.0.2.254"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := fields(t, parseJSON(t, newParser(t, netflow.Options{}), tc.raw))
			want := fields(t, "{"+common+","+tc.want+"}")
			if s, _ := got["network.community_id"].(string); want["network.community_id"] == "?" && strings.HasPrefix(s, "1:") {
				want["network.community_id"] = s
			}
			for k := range want {
				if fmt.Sprint(got[k]) != fmt.Sprint(want[k]) {
					t.Errorf("%s is %v, want %v", k, got[k], want[k])
				}
			}
			for k := range got {
				if _, ok := want[k]; !ok {
					t.Errorf("%s is %v, want nothing", k, got[k])
				}
			}
		})
	}
	ecsOnly := parseJSON(t, newParser(t, netflow.Options{ECSOnly: true}), v9(1, flowset(0, u16(256, 2, 8, 4, 6, 1)), flowset(256, []byte{10, 0, 0, 1, 3})))
	if got := fields(t, ecsOnly); got["netflow.tcp_control_bits"] != nil || got["netflow.exporter.version"] != nil || got["source.ip"] != "10.0.0.1" {
		t.Errorf("only ECS fields: %s", ecsOnly)
	}
}

func fields(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for _, v := range m {
		if l, ok := v.([]any); ok {
			slices.SortFunc(l, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	return m
}

// A file of datagrams gives the same events, in order, for any number of workers, and what
// never got its template is a dead letter at the end.
func TestPipeline(t *testing.T) {
	var in bytes.Buffer
	add := func(d []byte) { fmt.Fprintf(&in, "%d %s", len(d), d) }
	data := func(id, n int) []byte { return flowset(id, []byte{10, 0}, u16(n), u32(n)) }
	template := func(id int) []byte { return flowset(0, u16(id, 2, 8, 4, 1, 4)) }
	add(v9(1, data(256, 1)))
	add(v9(2, data(999, 2)))
	add(v9(3, template(256)))
	for i := range 3000 {
		if i%10 == 0 {
			add(v9(4+i, template(300+i/10), data(300+i/10, i)))
		} else {
			add(v9(4+i, data(300+i/10, i)))
		}
	}
	var first string
	for workers := 1; workers <= 4; workers++ {
		var out bytes.Buffer
		parser := newParser(t, netflow.Options{})
		p, err := ingest.New(ingest.Config[parse.Record]{
			Sources:           []ingest.Source{reader.New(bytes.NewReader(in.Bytes()), reader.Options{Framing: ingest.OctetCounting})},
			Parser:            parser,
			Encoder:           normalize.NewEncoder(normalize.EncoderOptions{}),
			Sink:              batch.NewWriter[parse.Record](&out),
			InlineDeadLetters: func(dst []byte, d *ingest.DeadLetter) []byte { return fmt.Appendf(dst, "dead %s", d.Category) },
			Ordered:           true, Workers: workers, ChunkSize: 1 << 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := p.Stats(); s.Check() != nil {
			t.Error(s.Check())
		}
		if first == "" {
			first = out.String()
			if n := strings.Count(first, "\n"); n != 3002 || !strings.HasSuffix(first, "dead UNKNOWN_FORMAT\n") {
				t.Errorf("%d lines, the last is %q", n, first[strings.LastIndex(first[:len(first)-1], "\n"):])
			}
		}
		if out.String() != first {
			t.Errorf("other output with %d workers", workers)
		}
		if s := parser.Stats(); s.Held != 2 || s.Released != 1 || s.Expired != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestWrongOption(t *testing.T) {
	if _, err := netflow.New(netflow.Options{Limits: kernel.Options{MaxFields: -1}}); err == nil {
		t.Error("a negative limit is accepted")
	}
}

// sample is a template and a datagram of 24 flows.
func sample() (template, data []byte) {
	fields := u16(1024, 17, 8, 4, 12, 4, 21, 4, 22, 4, 1, 4, 2, 4, 10, 4, 14, 4, 7, 2, 11, 2, 61, 1, 4, 1, 6, 1, 60, 1, 5, 1, 9, 1, 13, 1)
	flow := join([]byte{10, 1, 2, 3}, []byte{192, 0, 2, 9}, u32(3_599_000, 3_590_000, 123456, 99, 1, 2), u16(51234, 443), []byte{0, 6, 0x1b, 4, 0, 24, 16})
	return v9(1, flowset(0, fields)), v9(2, flowset(1024, bytes.Repeat(flow, 24)))
}

func TestAllocs(t *testing.T) {
	p := newParser(t, netflow.Options{})
	template, data := sample()
	var events parse.Events[parse.Record]
	for _, d := range [][]byte{template, data} {
		m := parse.Message{Raw: d, Origin: origin}
		if n := testing.AllocsPerRun(100, func() {
			events.Reset()
			if err := p.Parse(&m, &events); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations for a datagram of %d flows", n, events.Len())
		}
	}
}

func BenchmarkParse(b *testing.B) {
	p := newParser(b, netflow.Options{})
	template, data := sample()
	var events parse.Events[parse.Record]
	if err := p.Parse(&parse.Message{Raw: template, Origin: origin}, &events); err != nil {
		b.Fatal(err)
	}
	m := parse.Message{Raw: data, Origin: origin}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	flows := 0
	for b.Loop() {
		events.Reset()
		if err := p.Parse(&m, &events); err != nil {
			b.Fatal(err)
		}
		flows += events.Len()
	}
	b.ReportMetric(float64(flows)/b.Elapsed().Seconds(), "flows/s")
}

// Any datagrams give strict JSON and errors with a category, the same ones every time.
func FuzzParse(f *testing.F) {
	template, data := sample()
	f.Add(template, data)
	f.Add(v9(1, flowset(1, u16(258, 4, 8, 1, 4, 34, 4)), flowset(258, u32(7, 100))), ipfix(flowset(2, u16(300, 1, 96, 65535)), flowset(300, []byte{3}, []byte("dns"))))
	f.Add(ipfix(flowset(2, u16(301, 2, 484, 65535, 291, 65535))), ipfix(flowset(301, []byte{13}, []byte{3}, u16(483, 4), u32(11, 12), []byte{7}, []byte{3}, u16(4, 1), []byte{6, 17})))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p, q := newParser(t, netflow.Options{}), newParser(t, netflow.Options{})
		for _, raw := range [][]byte{a, b, a} {
			got := parseJSON(t, p, raw)
			if got != parseJSON(t, q, raw) {
				t.Fatal("another answer to the same datagrams")
			}
			for line := range strings.Lines(got) {
				if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) || strings.Contains(line, "INTERNAL") {
					t.Fatal(line)
				}
			}
		}
	})
}

func Example() {
	p, err := netflow.New(netflow.Options{ECSOnly: true})
	if err != nil {
		panic(err)
	}
	// One flow by NetFlow 5.
	datagram := join(u16(5, 1), u32(3_600_000, exportTime, 0, 0, 0),
		[]byte{192, 0, 2, 1, 198, 51, 100, 2, 0, 0, 0, 0}, u16(1, 2), u32(10, 1500, 3_590_000, 3_599_500), u16(51234, 443),
		[]byte{0, 0x1b, 6, 0}, u16(0, 0), []byte{0, 0}, u16(0))
	var events parse.Events[parse.Record]
	if err := p.Parse(&parse.Message{Raw: datagram}, &events); err != nil {
		panic(err)
	}
	for _, r := range events.All() {
		for _, name := range []string{"source.ip", "destination.port", "network.transport", "network.bytes", "event.duration"} {
			k, _ := r.Lookup(name)
			fmt.Fprintln(os.Stdout, name, r.Get(k))
		}
	}
	// Output:
	// source.ip 192.0.2.1
	// destination.port 443
	// network.transport tcp
	// network.bytes 1500
	// event.duration 9500000000
}
