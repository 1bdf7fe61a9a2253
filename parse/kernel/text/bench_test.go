package text

import (
	"regexp"
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

const builtPattern = `Built <direction:word> <transport:word> connection <id:int> for <in_if>:<src:ip>/<sport:port> (<nat_src:ip>/<nat_sport:port>){(<user>)} to <out_if>:<dst:ip>/<dport:port> (<nat_dst:ip>/<nat_dport:port>){ (<u2>)}`

const builtLine = `Built outbound TCP connection 4711234 for outside:198.51.100.23/443 (198.51.100.23/443) to inside:10.20.30.40/51515 (203.0.113.9/51515)`

func BenchmarkBuilt(b *testing.B) {
	s, err := Compile([]Pattern{{1, builtPattern}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	slots := make([]parse.Value, s.Slots())
	line := []byte(builtLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Match(line, slots); !ok {
			b.Fatal("no match")
		}
	}
}

func BenchmarkBuiltRegexp(b *testing.B) {
	re := regexp.MustCompile(`^Built ([^ ]+) ([^ ]+) connection (\d+) for ([^:]+):(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})/(\d+) \((\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})/(\d+)\)(?:\(([^)]+)\))? to ([^:]+):(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})/(\d+) \((\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})/(\d+)\)(?: \(([^)]+)\))?$`)
	line := []byte(builtLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if re.FindSubmatchIndex(line) == nil {
			b.Fatal("no match")
		}
	}
}
