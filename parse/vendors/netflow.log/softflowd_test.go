package netflow_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	netflow "github.com/penstock-dev/penstock/parse/vendors/netflow.log"
)

var (
	hostA = netip.MustParseAddr("192.0.2.10")
	hostB = netip.MustParseAddr("198.51.100.20")
	hostC = netip.MustParseAddr("2001:db8::c")
	hostD = netip.MustParseAddr("2001:db8::d")
)

// traffic is what softflowd sees: three connections and a ping.
func traffic() (packets []packet) {
	const begin = 1_772_528_400
	for i := range uint32(4) {
		packets = append(packets,
			packet{hostA, hostB, 6, 51000, 443, 100, begin + i},
			packet{hostB, hostA, 6, 443, 51000, 1000, begin + i},
			packet{hostC, hostD, 6, 52000, 22, 50, begin + i})
	}
	return append(packets,
		packet{hostA, hostB, 17, 53000, 53, 40, begin + 2},
		packet{hostB, hostA, 17, 53, 53000, 140, begin + 2},
		packet{hostA, hostB, 1, 8, 0, 56, begin + 3},
		packet{hostB, hostA, 1, 0, 0, 56, begin + 3})
}

// What the traffic is as flows of one direction.
var (
	flows4 = []string{
		"192.0.2.10:51000 198.51.100.20:443 tcp 4 packets 560 bytes",
		"198.51.100.20:443 192.0.2.10:51000 tcp 4 packets 4160 bytes",
		"192.0.2.10:53000 198.51.100.20:53 udp 1 packets 68 bytes",
		"198.51.100.20:53 192.0.2.10:53000 udp 1 packets 168 bytes",
		"192.0.2.10:- 198.51.100.20:- icmp 1 packets 84 bytes",
		"198.51.100.20:- 192.0.2.10:- icmp 1 packets 84 bytes",
	}
	flows6 = []string{"2001:db8::c:52000 2001:db8::d:22 tcp 4 packets 440 bytes"}
	both   = []string{
		"192.0.2.10:51000 198.51.100.20:443 tcp 4 packets 560 bytes, back 4 packets 4160 bytes",
		"192.0.2.10:53000 198.51.100.20:53 udp 1 packets 68 bytes, back 1 packets 168 bytes",
		"192.0.2.10:- 198.51.100.20:- icmp 1 packets 84 bytes", // type and code differ: softflowd takes it for two
		"192.0.2.10:- 198.51.100.20:- icmp 0 packets 0 bytes, back 1 packets 84 bytes",
	}
)

// export lets softflowd export the traffic and returns its datagrams.
func export(t *testing.T, args ...string) (datagrams [][]byte) {
	t.Helper()
	exe, err := exec.LookPath("softflowd")
	if err != nil {
		exe = "/usr/sbin/softflowd"
		if _, err := os.Stat(exe); err != nil {
			t.Skip("softflowd is not installed (Debian package softflowd)")
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "t.pcap"), capture(traffic()), 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// Names without a path: it hangs where that of its control socket is long.
	cmd := exec.CommandContext(ctx, exe, append([]string{"-D", "-r", "t.pcap", "-n", conn.LocalAddr().String(), "-p", "pid", "-c", "ctl"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("softflowd: %v\n%s", err, out)
	}
	// It has ended: everything is in the socket's buffer.
	buf := make([]byte, 65536)
	for {
		conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			break
		}
		datagrams = append(datagrams, slices.Clone(buf[:n]))
	}
	if len(datagrams) == 0 {
		t.Fatal("softflowd sent nothing")
	}
	return datagrams
}

// summary is a flow in short.
func summary(r *parse.Record) string {
	port := func(k parse.Key) string {
		if v := r.Get(k); !v.IsZero() {
			return v.String()
		}
		return "-"
	}
	s := fmt.Sprintf("%s:%s %s:%s %s %s packets %s bytes", r.Get(ecs.SourceIP), port(ecs.SourcePort), r.Get(ecs.DestinationIP), port(ecs.DestinationPort),
		r.Get(ecs.NetworkTransport), r.Get(ecs.SourcePackets), r.Get(ecs.SourceBytes))
	if r.Has(ecs.DestinationPackets) {
		s += fmt.Sprintf(", back %s packets %s bytes", r.Get(ecs.DestinationPackets), r.Get(ecs.DestinationBytes))
	}
	return s
}

func TestSoftflowd(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"NetFlow 5", []string{"-v", "5"}, flows4},
		{"NetFlow 9", []string{"-v", "9"}, slices.Concat(flows4, flows6)},
		{"IPFIX", []string{"-v", "10"}, slices.Concat(flows4, flows6)},
		{"IPFIX with nanoseconds", []string{"-v", "10", "-A", "nano"}, slices.Concat(flows4, flows6)},
		{"IPFIX both ways", []string{"-v", "10", "-b"}, slices.Concat(both, flows6)},
		{"IPFIX of Ethernet", []string{"-v", "10", "-T", "ether"}, slices.Concat(flows4, flows6)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := netflow.New(netflow.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var events parse.Events[parse.Record]
			origin := &parse.Origin{Source: "udp", Peer: netip.MustParseAddr("127.0.0.1")}
			for _, d := range export(t, tc.args...) {
				if err := p.Parse(&parse.Message{Raw: d, Origin: origin}, &events); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range events.Rejected() {
				t.Errorf("rejected: %v: %x", r.Err, r.Raw)
			}
			var got []string
			for _, r := range events.All() {
				if r.Get(ecs.EventAction).String() == "netflow_options" {
					continue
				}
				line := summary(r)
				if want := 3e9; strings.Contains(line, " 4 packets") && r.Get(ecs.EventDuration).Int() != int64(want) {
					t.Errorf("%s: %s to %s, duration %s, want 3 s", line, r.Get(ecs.EventStart), r.Get(ecs.EventEnd), r.Get(ecs.EventDuration))
				}
				if !r.Has(ecs.NetworkCommunityID) || !r.Has(ecs.ObserverIP) || !r.Has(ecs.Timestamp) || !r.Has(ecs.NetworkType) {
					t.Errorf("%s: something is missing", line)
				}
				if back := strings.Contains(line, "back"); !back && !strings.HasPrefix(line, "2001") && !slices.Contains(tc.want, line) && slices.Contains(tc.want, line+", back 0 packets 0 bytes") {
					t.Errorf("%s: one way only", line)
				}
				got = append(got, strings.TrimSuffix(line, ", back 0 packets 0 bytes"))
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(tc.want))
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if s := p.Stats(); s.Gaps != 0 || s.Lost != 0 || s.Held != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
