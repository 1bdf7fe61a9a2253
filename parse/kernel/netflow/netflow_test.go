package netflow_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/netflow"
)

// reader is a tracker and a decoder.
type reader struct {
	tracker  *netflow.Tracker
	counters netflow.Counters
	decoder  netflow.Decoder
	out      text
	now      time.Time
}

func newReader(t testing.TB, o netflow.Options) *reader {
	t.Helper()
	r := &reader{now: time.Unix(exportTime, 0)}
	var err error
	if r.tracker, err = netflow.NewTracker(o, &r.counters); err != nil {
		t.Fatal(err)
	}
	return r
}

// read returns what a datagram of an exporter holds, one line for each record or fault.
func (r *reader) read(peer string, raw []byte) string {
	msgs := []parse.Message{{Raw: raw, Received: r.now, Origin: &parse.Origin{Peer: netip.MustParseAddr(peer)}}}
	r.tracker.Track(msgs)
	ctx, _ := msgs[0].Context.(*netflow.Context)
	r.out.lines = nil
	if err := r.decoder.Decode(raw, ctx, &r.out); err != nil {
		r.out.lines = append(r.out.lines, "error "+errcat.Of(err).String())
	}
	return strings.Join(r.out.lines, "\n")
}

var (
	// source, destination, protocol, bytes in 4 bytes
	template256 = u16(256, 4, 8, 4, 12, 4, 4, 1, 1, 4)
	data256     = flowset(256, true, []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, []byte{17}, u32(999))
	flow256     = "source_ipv4_address=10.0.0.1 destination_ipv4_address=10.0.0.2 protocol_identifier=17 octet_delta_count=999"
)

func TestDecode(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"v5", v5(0, v5Flow([4]byte{192, 0, 2, 1}, [4]byte{198, 51, 100, 2}, 1234, 443, 6)),
			"v5 domain 263 source_ipv4_address=192.0.2.1 destination_ipv4_address=198.51.100.2 ip_next_hop_ipv4_address=192.0.2.254 " +
				"ingress_interface=3 egress_interface=4 packet_delta_count=10 octet_delta_count=1500 flow_start_sys_up_time=3590000 " +
				"flow_end_sys_up_time=3599500 source_transport_port=1234 destination_transport_port=443 padding_octets=00 tcp_control_bits=27 " +
				"protocol_identifier=6 ip_class_of_service=16 bgp_source_as_number=64500 bgp_destination_as_number=64501 " +
				"source_ipv4_prefix_length=24 destination_ipv4_prefix_length=16 padding_octets=0000"},
		{"v5 without flows", v5(0), "error SCHEMA_VIOLATION"},
		{"v5 cut in its first flow", v5(0, v5Flow([4]byte{}, [4]byte{}, 0, 0, 0))[:60], "error TRUNCATED"},
		{"v5 with another header", join(u16(5, 1), make([]byte, 10)), "error TRUNCATED"},
		{"v9", v9(1, 5, flowset(0, true, template256), data256), "v9 domain 5 " + flow256},
		{"v9 data before the template in one datagram", v9(1, 5, data256, flowset(0, true, template256)), "v9 domain 5 " + flow256},
		{"v9 options", v9(1, 5,
			flowset(1, true, u16(257, 4, 8, 1, 4, 34, 4, 35, 1)),
			flowset(257, true, u32(0xc0000201, 100), []byte{2})),
			"v9 domain 5 options system=3221225985 sampling_interval=100 sampling_algorithm=2"},
		{"v9 field of a Cisco firewall and an unknown one", v9(1, 5, flowset(0, true, u16(300, 3, 40000, 8, 33002, 2, 54321, 2)),
			flowset(300, true, []byte("alice\x00\x00\x00"), u16(1001, 7))),
			"v9 domain 5 username=alice fw_ext_event=1001 field_54321=7"},
		{"ipfix", ipfix(1, 6, flowset(2, false, template256), data256), "v10 domain 6 " + flow256},
		{"ipfix of variable length", ipfix(1, 6, flowset(2, false, u16(400, 2, 96, 65535, 4, 1)),
			flowset(400, false, []byte{3}, []byte("dns"), []byte{17}, []byte{255}, u16(300), []byte(long), []byte{6}, []byte{0}, []byte{1})),
			"v10 domain 6 application_name=dns protocol_identifier=17\nv10 domain 6 application_name=" + long + " protocol_identifier=6\n" +
				"v10 domain 6 application_name= protocol_identifier=1"},
		{"ipfix of an enterprise, and reversed", ipfix(1, 6,
			flowset(2, false, u16(401, 3, 0x8000|12, 2), u32(9), u16(0x8000|1, 8), u32(29305), u16(1, 8)),
			flowset(401, false, u16(77), u32(0, 5, 0, 6))),
			"v10 domain 6 enterprise_9_field_12=77 reverse_octet_delta_count=5 octet_delta_count=6"},
		{"ipfix options", ipfix(1, 6, flowset(3, false, u16(402, 2, 1, 346, 4, 303, 2)), flowset(402, false, u32(9), u16(12))),
			"v10 domain 6 options private_enterprise_number=9 information_element_id=12"},
		{"types", ipfix(1, 6, flowset(2, false, u16(403, 12, 56, 6, 27, 16, 152, 8, 150, 4, 154, 8, 156, 8, 276, 1, 311, 8, 320, 4, 434, 2, 262, 3, 8, 3)),
			flowset(403, false, []byte{0, 0x50, 0x56, 0xab, 1, 2}, netip.MustParseAddr("2001:db8::1").AsSlice(), u32(412, 3001874448), u32(exportTime),
				u32(exportTime+2_208_988_800, 1<<31), u32(exportTime+2_208_988_800, 1<<30), []byte{1}, u32(0x3fe00000, 0), u32(0x3fc00000), u16(-2), []byte{1, 2, 255}, []byte{1, 2, 3})),
			"v10 domain 6 source_mac_address=00-50-56-AB-01-02 source_ipv6_address=2001:db8::1 flow_start_milliseconds=2026-03-03T09:00:00.400Z " +
				"flow_start_seconds=2026-03-03T09:00:00.000Z flow_start_microseconds=2026-03-03T09:00:00.500Z flow_start_nanoseconds=2026-03-03T09:00:00.250Z " +
				"data_records_reliability=true sampling_probability=0.5 absolute_error=1.5 mib_object_value_integer=-2 message_md5_checksum=0102ff source_ipv4_address=010203"},
		{"lists", ipfix(1, 6, flowset(2, false, u16(406, 3, 484, 65535, 291, 65535, 291, 65535)), flowset(406, false,
			[]byte{13}, []byte{3}, u16(483, 4), u32(64500<<16|1, 64500<<16|2),
			[]byte{12}, []byte{255}, u16(96, 65535), []byte{3}, []byte("dns"), []byte{2}, []byte("ip"),
			[]byte{11}, []byte{3}, u16(0x8000|7, 2), u32(9), u16(77))),
			"v10 domain 6 bgp_source_community_list=[4227072001 4227072002] basic_list=[dns ip] basic_list=[77]"},
		{"lists that do not add up", ipfix(1, 6, flowset(2, false, u16(407, 5, 291, 65535, 291, 65535, 291, 65535, 291, 65535, 291, 4)), flowset(407, false,
			[]byte{8}, []byte{3}, u16(483, 4), []byte{1, 2, 3},
			[]byte{6}, []byte{3}, u16(8, 0), []byte{1},
			[]byte{7}, []byte{3}, u16(96, 65535), []byte{255, 1},
			[]byte{10}, []byte{3}, u16(291, 5), []byte{3, 0, 1, 0, 1},
			[]byte{3}, u16(8), []byte{0})),
			"v10 domain 6 basic_list=0301e30004010203 basic_list=030008000001 basic_list=030060ffffff01 basic_list=03012300050300010001 basic_list=03000800"},
		{"largest number", ipfix(1, 6, flowset(2, false, u16(404, 1, 1, 8)), flowset(404, false, u32(-1, -1))),
			"v10 domain 6 octet_delta_count=18446744073709551615"},
		{"other version", u16(8, 1, 1, 1, 1, 1), "error UNKNOWN_FORMAT"},
		{"nothing", nil, "error TRUNCATED"},
		{"text", []byte("<13>Mar  3 08:15:03 host app: text"), "error UNKNOWN_FORMAT"},
		{"no sets", v9(1, 1), ""},
		{"ipfix shorter than its header", join(u16(10, 8), make([]byte, 12)), "error SCHEMA_VIOLATION"},
		{"ipfix cut behind its header", ipfix(1, 6, data256)[:16], "error TRUNCATED"},
		{"set shorter than its header", v9(1, 5, u16(256, 3)), "reject SCHEMA_VIOLATION " + fmt.Sprintf("%x", v9(1, 5, u16(256, 3)))},
		{"reserved set", v9(1, 5, flowset(2, false, []byte{1})), "reject SCHEMA_VIOLATION " + fmt.Sprintf("%x", v9(1, 5, flowset(2, false, []byte{1})))},
		{"cut in a set of data", ipfix(1, 6, flowset(2, false, template256), flowset(256, false, data256[4:17], []byte{10, 0, 0, 9, 10, 0}))[:16+4+20+4+13+3],
			"v10 domain 6 " + flow256 + "\nreject TRUNCATED " + fmt.Sprintf("%x", ipfix(1, 6, flowset(256, false, []byte{10, 0, 0})))},
		{"bytes behind the message", join(ipfix(1, 6, flowset(2, false, template256), data256), []byte{1, 2}),
			"v10 domain 6 " + flow256 + "\nreject SCHEMA_VIOLATION " + fmt.Sprintf("%x", ipfix(1, 6, []byte{1, 2}))},
		{"value longer than the set", ipfix(1, 6, flowset(2, false, u16(405, 2, 96, 65535, 1, 4)), flowset(405, false, []byte{200, 1, 2, 3, 4, 5})),
			"reject SCHEMA_VIOLATION " + fmt.Sprintf("%x", ipfix(1, 6, flowset(405, false, []byte{200, 1, 2, 3, 4, 5})))},
		{"template without fields", v9(1, 5, flowset(0, false, u16(256, 0))), "reject SCHEMA_VIOLATION " + fmt.Sprintf("%x", v9(1, 5, flowset(0, false, u16(256, 0))))},
		{"template of no bytes", ipfix(1, 5, flowset(2, false, u16(256, 1, 1, 0))), "reject SCHEMA_VIOLATION " + fmt.Sprintf("%x", ipfix(1, 5, flowset(2, false, u16(256, 1, 1, 0))))},
		{"template with too many fields", ipfix(1, 5, flowset(2, false, u16(256, 60000, 1, 0))), "reject OVERSIZE " + fmt.Sprintf("%x", ipfix(1, 5, flowset(2, false, u16(256, 60000, 1, 0))))},
		{"template that is cut", ipfix(1, 5, flowset(2, false, u16(256, 2, 1, 4))), "reject TRUNCATED " + fmt.Sprintf("%x", ipfix(1, 5, flowset(2, false, u16(256, 2, 1, 4))))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := newReader(t, netflow.Options{}).read("192.0.2.1", tc.raw); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// Templates belong to one exporter and domain, and the last one counts.
func TestTemplates(t *testing.T) {
	r := newReader(t, netflow.Options{MaxHeld: -1})
	r.read("192.0.2.1", v9(1, 5, flowset(0, true, template256)))
	if got := r.read("192.0.2.1", v9(2, 5, data256)); got != "v9 domain 5 "+flow256 {
		t.Error(got)
	}
	for what, got := range map[string]string{
		"another exporter": r.read("192.0.2.2", v9(1, 5, data256)),
		"another domain":   r.read("192.0.2.1", v9(1, 6, data256)),
		"another version":  r.read("192.0.2.1", ipfix(1, 5, data256)),
	} {
		if !strings.HasPrefix(got, "reject UNKNOWN_FORMAT") {
			t.Errorf("%s: %s", what, got)
		}
	}
	r.read("192.0.2.1", v9(3, 5, flowset(0, true, u16(256, 2, 27, 8, 1, 4)))) // 12 bytes, of which data256 has one record
	if got := r.read("192.0.2.1", v9(4, 5, data256)); got != "v9 domain 5 source_ipv6_address=0a0000010a000002 octet_delta_count=285212675" {
		t.Error(got)
	}
	r.read("192.0.2.3", ipfix(1, 1, flowset(2, false, template256), flowset(3, false, u16(300, 1, 1, 149, 4))))
	r.read("192.0.2.3", ipfix(1, 1, flowset(2, false, u16(256, 0))))
	if got := r.read("192.0.2.3", ipfix(1, 1, data256)); !strings.HasPrefix(got, "reject UNKNOWN_FORMAT") {
		t.Errorf("after the withdrawal: %s", got)
	}
	if got := r.read("192.0.2.3", ipfix(1, 1, flowset(300, false, u32(8)))); got != "v10 domain 1 options observation_domain_id=8" {
		t.Error(got)
	}
	r.read("192.0.2.3", ipfix(1, 1, flowset(3, false, u16(3, 0))))
	if got := r.read("192.0.2.3", ipfix(1, 1, flowset(300, false, u32(8)))); !strings.HasPrefix(got, "reject UNKNOWN_FORMAT") {
		t.Errorf("after the withdrawal of all: %s", got)
	}
	if s := r.counters.Stats(); s.Templates != 4 || s.Withdrawn != 2 {
		t.Errorf("%+v", s)
	}
}

// Data before its template is held, handed out with it, and never lost in silence.
func TestHeld(t *testing.T) {
	r := newReader(t, netflow.Options{MaxHeld: 4 * 1024, MaxHeldAge: time.Minute})
	for range 2 {
		if got := r.read("192.0.2.1", v9(1, 5, data256)); got != "" {
			t.Fatal(got)
		}
	}
	want := "v9 domain 5 " + flow256
	if got := r.read("192.0.2.1", v9(3, 5, flowset(0, true, template256), data256)); got != want+"\n"+want+"\n"+want {
		t.Error(got)
	}
	if s := r.counters.Stats(); s.Held != 2 || s.Released != 2 || s.Expired != 0 {
		t.Errorf("%+v", s)
	}
	// Too old.
	r.read("192.0.2.2", v9(1, 5, data256))
	r.now = r.now.Add(2 * time.Minute)
	if got := r.read("192.0.2.2", v9(2, 5)); got != "reject UNKNOWN_FORMAT "+fmt.Sprintf("%x", v9(1, 5, data256)) {
		t.Error(got)
	}
	// Too many: 1 KiB a domain.
	held := 0
	for i := range 20 {
		held += 1 - strings.Count(r.read("192.0.2.3", v9(i, 5, data256)), "reject")
	}
	if held != 3 {
		t.Errorf("%d are held, want 3", held)
	}
	if got := r.read("192.0.2.3", v9(20, 5, flowset(0, true, template256))); strings.Count(got, want) != 3 {
		t.Error(got)
	}
	// Too large.
	if got := r.read("192.0.2.4", v9(1, 5, flowset(256, true, make([]byte, 2000)))); !strings.HasPrefix(got, "reject UNKNOWN_FORMAT") {
		t.Error(got)
	}
	// Left at the end.
	r.read("192.0.2.5", v9(1, 5, data256))
	var left []string
	r.tracker.Flush(func(m parse.Message, err error) bool {
		left = append(left, fmt.Sprintf("%s %x %s", m.Origin.Peer, m.Raw, errcat.Of(err)))
		return true
	})
	if len(left) != 1 || left[0] != fmt.Sprintf("192.0.2.5 %x UNKNOWN_FORMAT", v9(1, 5, data256)) {
		t.Error(left)
	}
	if s := r.counters.Stats(); s.Held != s.Released+s.Expired {
		t.Errorf("%+v", s)
	}
}

func TestSequence(t *testing.T) {
	flow := v5Flow([4]byte{1}, [4]byte{2}, 3, 4, 6)
	for _, tc := range []struct {
		name               string
		raw                [][]byte
		gaps, lost, resets int64
	}{
		{"v5", [][]byte{v5(10, flow, flow), v5(12, flow), v5(20, flow), v5(0, flow)}, 1, 7, 1},
		{"v9", [][]byte{v9(1, 5), v9(2, 5), v9(5, 5), v9(6, 5)}, 1, 2, 0},
		{"v9 wraps", [][]byte{v9(-1, 5), v9(0, 5)}, 0, 0, 0},
		{"ipfix", [][]byte{ipfix(0, 5, flowset(2, false, template256)), ipfix(0, 5, flowset(256, false, data256[4:17], data256[4:17])), ipfix(2, 5), ipfix(9, 5)}, 1, 7, 0},
		{"ipfix without the template", [][]byte{ipfix(0, 5, data256), ipfix(9, 5)}, 0, 0, 0},
	} {
		r := newReader(t, netflow.Options{})
		for _, raw := range tc.raw {
			r.read("192.0.2.1", raw)
		}
		if s := r.counters.Stats(); s.Gaps != tc.gaps || s.Lost != tc.lost || s.Resets != tc.resets {
			t.Errorf("%s: %+v", tc.name, s)
		}
	}
}

// The limits hold whatever exporters send, and the silent are forgotten first.
func TestLimits(t *testing.T) {
	r := newReader(t, netflow.Options{MaxDomains: 3, MaxTemplates: 4, MaxAllFields: 40})
	for i := range 6 {
		r.read("192.0.2.1", v9(i, i, flowset(0, true, template256)))
	}
	if s := r.counters.Stats(); s.Evicted != 3 {
		t.Errorf("%+v", s)
	}
	if got := r.read("192.0.2.1", v9(9, 5, data256)); got != "v9 domain 5 "+flow256 {
		t.Errorf("the newest domain is forgotten: %s", got)
	}
	if got := r.read("192.0.2.1", v9(9, 0, flowset(300, true, u32(1)))); strings.Contains(got, "v9 domain") {
		t.Error(got)
	}
	var sets [][]byte
	for i := range 8 {
		sets = append(sets, flowset(0, true, u16(300+i, 1, 1, 4)))
	}
	if got := r.read("192.0.2.9", v9(1, 1, sets...)); strings.Count(got, "reject OVERSIZE") != 4 {
		t.Error(got)
	}
	// One domain with more fields than all may have keeps none.
	many := newReader(t, netflow.Options{MaxAllFields: 3, MaxHeld: -1})
	if got := many.read("192.0.2.1", v9(1, 5, flowset(0, true, template256), data256)); !strings.HasPrefix(got, "reject UNKNOWN_FORMAT") {
		t.Error(got)
	}
	over := newReader(t, netflow.Options{})
	over.decoder.MaxRecords = 10
	if got := over.read("192.0.2.1", v9(1, 5, flowset(0, true, u16(256, 1, 4, 1)), flowset(256, true, make([]byte, 100)))); !strings.HasSuffix(got, "error OVERSIZE") {
		t.Error(got)
	}
	for _, o := range []netflow.Options{{MaxDomains: -1}, {MaxTemplates: 1 << 20}, {MaxFields: -5}, {MaxHeldAge: -1}, {MaxRecords: 1 << 20}} {
		if _, err := netflow.NewTracker(o, nil); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// The times of NetFlow 5 and 9 are relative to when the exporter started.
func TestUptimeTime(t *testing.T) {
	h := netflow.Header{Exported: exportTime * 1e9, Uptime: 1000, HasUptime: true}
	for ms, want := range map[uint32]string{1000: "09:00:00", 500: "08:59:59.5", 4294967295: "08:59:58.999", 2000: "09:00:01"} {
		at, ok := h.UptimeTime(ms)
		if got := time.Unix(0, at).UTC().Format("15:04:05.999"); !ok || got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
	if _, ok := (&netflow.Header{}).UptimeTime(1); ok {
		t.Error("an exporter of IPFIX that did not say when it started")
	}
	// An options record says it, for all flows after it; 60 days ago the counter was at 0 twice.
	for days, want := range map[int64]string{1: "09:00:00", 60: "09:00:00"} {
		h := netflow.Header{Exported: exportTime * 1e9, Started: (exportTime - days*86400) * 1e9}
		at, ok := h.UptimeTime(uint32(days * 86400_000))
		if got := time.Unix(0, at).UTC().Format("15:04:05.999"); !ok || got != want {
			t.Errorf("%d days: %s, want %s", days, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for id, want := range map[uint16]string{1: "octet_delta_count", 8: "source_ipv4_address", 32: "icmp_type_code_ipv4", 47: "mpls_top_label_ipv4_address",
		147: "wlan_ssid", 192: "ip_ttl", 207: "ipv4_ihl", 225: "post_nat_source_ipv4_address", 227: "post_napt_source_transport_port", 234: "ingress_vrfid",
		236: "vrfname", 243: "dot1q_vlan_id", 288: "p2p_technology", 295: "ip_sec_spi", 327: "hash_ip_payload_offset", 336: "upper_ci_limit",
		359: "monitoring_interval_start_milliseconds", 385: "rfc3550_jitter_milliseconds", 394: "selector_id_total_flows_observed", 455: "mobile_imsi",
		136: "flow_end_reason", 371: "user_name", 502: "srh_segment_ipv6_endpoint_behavior", 465: "external_address_realm", 98: "post_ip_diff_serv_code_point"} {
		if e := netflow.Lookup(id); e == nil || e.Field != want || e.ID != id {
			t.Errorf("%d: %+v, want %s", id, e, want)
		}
	}
	for _, id := range []uint16{0, 65, 97, 105, 416, 419, 503, 600} {
		if e := netflow.Lookup(id); e != nil {
			t.Errorf("%d is %s", id, e.Name)
		}
	}
}

// sample is a datagram of each kind, the state they need included.
func sample() [][]byte {
	return [][]byte{
		v5(1, v5Flow([4]byte{192, 0, 2, 1}, [4]byte{198, 51, 100, 2}, 1234, 443, 6), v5Flow([4]byte{}, [4]byte{}, 0, 0, 1)),
		v9(1, 5, flowset(0, true, template256), flowset(1, true, u16(257, 4, 4, 1, 4, 34, 4)), data256, flowset(257, true, u32(1, 2))),
		ipfix(1, 6, flowset(2, false, template256, u16(400, 2, 96, 65535, 4, 1)), flowset(3, false, u16(402, 2, 1, 346, 4, 303, 2)), data256,
			flowset(400, false, []byte{3}, []byte("dns"), []byte{17}), flowset(402, false, u32(9), u16(12))),
	}
}

// Cut and changed anywhere, a datagram gives records and faults with a fitting category.
func TestDamaged(t *testing.T) {
	check := func(raw []byte, what string) {
		r := newReader(t, netflow.Options{})
		for line := range strings.SplitSeq(r.read("192.0.2.1", raw), "\n") {
			if strings.Contains(line, "INTERNAL") || strings.Contains(line, "PANIC") {
				t.Fatalf("%s: %s", what, line)
			}
		}
	}
	for _, raw := range sample() {
		for i := range raw {
			check(raw[:i], fmt.Sprintf("cut at %d", i))
			for _, x := range []byte{0, 1, 0x7f, 0x80, 0xff, raw[i] ^ 1, raw[i] ^ 0x80} {
				d := bytes.Clone(raw)
				d[i] = x
				check(d, fmt.Sprintf("byte %d is %d", i, x))
			}
		}
	}
}

// A tracker under fire keeps its limits; a datagram of small sets costs no more than it has
// bytes for.
func TestFlood(t *testing.T) {
	r := newReader(t, netflow.Options{MaxDomains: 50, MaxTemplates: 20, MaxAllFields: 1000, MaxHeld: 32 << 10})
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		var sets [][]byte
		for range 1 + rnd.IntN(30) {
			id := 256 + rnd.IntN(40)
			switch rnd.IntN(3) {
			case 0:
				sets = append(sets, flowset(0, true, u16(id, 2, rnd.IntN(300), rnd.IntN(9), rnd.IntN(300), 1+rnd.IntN(9))))
			default:
				sets = append(sets, flowset(id, true, make([]byte, rnd.IntN(50))))
			}
		}
		r.read(fmt.Sprintf("192.0.2.%d", rnd.IntN(80)), v9(i, rnd.IntN(2), sets...))
	}
	s := r.counters.Stats()
	left := 0
	r.tracker.Flush(func(parse.Message, error) bool { left++; return true })
	if s.Held != s.Released+s.Expired+int64(left) || s.Evicted == 0 || s.Released == 0 || s.Expired == 0 {
		t.Errorf("%+v, %d left", s, left)
	}
	small := make([]byte, 0, 60000)
	for range 13000 {
		small = append(small, 1, 0, 0, 4)
	}
	big := newReader(t, netflow.Options{})
	if n := strings.Count(big.read("192.0.2.1", v9(1, 1, small)), "reject"); n != 13000-64 {
		t.Errorf("%d sets are rejected", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, raw := range sample() {
		f.Add(raw, data256)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		// The same datagrams give the same records, whether the decoder is new or not, and
		// what a fault hands out can be read again without a surprise.
		r, again := newReader(t, netflow.Options{}), newReader(t, netflow.Options{})
		again.read("192.0.2.2", b)
		for _, raw := range [][]byte{a, b, a} {
			got, same := r.read("192.0.2.1", raw), again.read("192.0.2.1", raw)
			if got != same {
				t.Fatalf("got\n%s\nand then\n%s", got, same)
			}
			if strings.Contains(got, "INTERNAL") {
				t.Fatal(got)
			}
		}
		if s := r.counters.Stats(); s.Held < s.Released+s.Expired {
			t.Fatalf("%+v", s)
		}
	})
}

func TestAllocs(t *testing.T) {
	tracker, err := netflow.NewTracker(netflow.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var d netflow.Decoder
	var v values
	for _, raw := range sample() {
		msgs := []parse.Message{{Raw: raw, Origin: &parse.Origin{Source: "udp"}}}
		if n := testing.AllocsPerRun(100, func() {
			tracker.Track(msgs)
			v.arena.Reset()
			if err := d.Decode(raw, msgs[0].Context.(*netflow.Context), &v); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("version %d: %v allocations", raw[1], n)
		}
	}
}
