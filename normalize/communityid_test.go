package normalize_test

import (
	"net/netip"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
)

// The vectors that the specification publishes for its baseline (seed 0, base64).
func TestCommunityID(t *testing.T) {
	for _, tc := range []struct {
		from, to         string
		protocol         uint8
		fromPort, toPort uint16
		back             [2]uint16 // the ports of the answer
		want, wantBack   string
	}{
		{"128.232.110.120", "66.35.250.204", 6, 34855, 80, [2]uint16{80, 34855}, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", ""},
		{"192.168.1.52", "8.8.8.8", 17, 54585, 53, [2]uint16{53, 54585}, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", ""},
		{"192.168.170.8", "192.168.170.56", 132, 7, 80, [2]uint16{80, 7}, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", ""},
		{"192.168.0.89", "192.168.0.1", 1, 8, 0, [2]uint16{0, 8}, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", ""},
		{"192.168.0.89", "192.168.0.1", 1, 20, 0, [2]uint16{0, 20}, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=", "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"192.168.0.89", "192.168.0.1", 1, 20, 1, [2]uint16{0, 20}, "1:tz/fHIDUHs19NkixVVoOZywde+I=", "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 58, 135, 0, [2]uint16{136, 0}, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", ""},
		{"3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da", 58, 3, 0, [2]uint16{3, 0},
			"1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=", "1:/OGBt9BN1ofenrmSPWYicpij2Vc="},
	} {
		from, to := netip.MustParseAddr(tc.from), netip.MustParseAddr(tc.to)
		if got := string(normalize.AppendCommunityID([]byte("x"), from, to, tc.protocol, tc.fromPort, tc.toPort)); got != "x"+tc.want {
			t.Errorf("%s:%d to %s:%d, protocol %d: %s, want %s", tc.from, tc.fromPort, tc.to, tc.toPort, tc.protocol, got, tc.want)
		}
		want := tc.want
		if tc.wantBack != "" {
			want = tc.wantBack
		}
		if got := string(normalize.AppendCommunityID(nil, to, from, tc.protocol, tc.back[0], tc.back[1])); got != want {
			t.Errorf("the way back, %s:%d to %s:%d, protocol %d: %s, want %s", tc.to, tc.back[0], tc.from, tc.back[1], tc.protocol, got, want)
		}
	}
}

func TestCommunityIDAddresses(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	id := func(from, to netip.Addr, protocol uint8, p, q uint16) string {
		return string(normalize.AppendCommunityID(nil, from, to, protocol, p, q))
	}
	if id(netip.Addr{}, b, 6, 1, 2) != "" || id(a, netip.Addr{}, 6, 1, 2) != "" || id(a, netip.MustParseAddr("::1"), 6, 1, 2) != "" {
		t.Error("addresses that make no flow have an ID")
	}
	if id(netip.MustParseAddr("::ffff:10.0.0.1"), b, 6, 1, 2) != id(a, b, 6, 1, 2) {
		t.Error("an IPv4 address in IPv6 form has another ID")
	}
	if id(netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::2"), 6, 1, 2) != id(netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2"), 6, 1, 2) {
		t.Error("the zone takes part")
	}
	if id(a, a, 17, 1, 2) != id(a, a, 17, 2, 1) {
		t.Error("the directions of a flow to oneself differ")
	}
	if id(a, b, 47, 1, 2) != id(b, a, 47, 9, 9) {
		t.Error("ports take part in a protocol that has none")
	}
	if n := testing.AllocsPerRun(100, func() {
		var room [32]byte
		normalize.AppendCommunityID(room[:0], a, b, 6, 1, 2)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
