package csv

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/cputime"
	"github.com/penstock-dev/penstock/parse"
)

const (
	firewallRow = `1,2024/01/02 15:04:05,007200001056,TRAFFIC,end,2049,2024/01/02 15:04:05,192.0.2.10,198.51.100.20,203.0.113.5,198.51.100.20,allow-web,"corp\alice, a.",,ssl,vsys1,trust,untrust,ethernet1/1,ethernet1/2,fwd,2024/01/02 15:04:05,41022,1,51515,443,20077,443,0x400053,tcp,allow,7614,1830,5784,24,2024/01/02 15:03:35,14,"computer-and-internet-info",0,13884`
	accessRow   = `203.0.113.7 - alice [02/Jan/2024:15:04:05 +0000] "GET /a?b=\"c\" HTTP/1.1" 200 512 "https://example.com/" "Mozilla/5.0 (X11; \"x\")"`
)

var optionSets = []Options{
	{}, {Lazy: true}, {Comma: ' ', Brackets: true, Escape: Backslash}, {Comma: ' ', Brackets: true, Collapse: true, Lazy: true, TrimSpace: true},
	{TrimSpace: true}, {Comma: '\t', NoQuotes: true},
}

func TestCutAndFlipped(t *testing.T) {
	for _, row := range []string{firewallRow, accessRow} {
		for _, o := range optionSets {
			for i := range len(row) {
				checkRow(t, o, []byte(row[:i]))
				b := []byte(row)
				for _, x := range []byte{0xff, 1, '"' ^ row[i], '\\' ^ row[i], ']' ^ row[i], ' ' ^ row[i]} {
					b[i] = row[i] ^ x
					checkRow(t, o, b)
				}
			}
		}
	}
}

// TestHuge reads 10 MiB of what could make a reader go back again and again.
func TestHuge(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var text arena.Bytes
	size := 10 << 20
	if testing.Short() {
		size = 1 << 20
	}
	for _, unit := range []string{"a", `"`, `""`, `\`, `\"`, "[ ", `" "`, `"a" `, " ", ",", `",`, "[]", "] [", `"\\" `, "\x00", "[a"} {
		row := []byte(`"` + strings.Repeat(unit, size/len(unit)))
		for i, row := range [][]byte{row, row[1:], append(row[1:len(row):len(row)], ']', 'x')} {
			for j, o := range optionSets {
				if (i+j)%2 == 1 {
					continue // half of them will do
				}
				o.MaxColumns = 1 << 30
				r := must(t, []Column{{3, 0}}, o)
				var f parse.Frame
				f.Reset(1, &text)
				start := cputime.Thread()
				r.Read(row, &f)
				if d := cputime.Thread() - start; d > 3*time.Second {
					t.Errorf("%q repeated, %+v: %v", unit, o, d)
				}
				text.Reset()
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	r := must(t, []Column{{7, 0}, {12, 1}}, Options{})
	a := must(t, []Column{{3, 0}, {8, 1}}, Options{Comma: ' ', Brackets: true, Escape: Backslash})
	var text arena.Bytes
	f := parse.Frame{KeepRest: true}
	row, access := []byte(firewallRow), []byte(accessRow)
	if n := testing.AllocsPerRun(100, func() {
		text.Reset()
		f.Reset(2, &text)
		if n, err := r.Read(row, &f); n != 40 || err != nil {
			t.Fatal(n, err)
		}
		f.Reset(2, &text)
		if n, err := a.Read(access, &f); n != 9 || err != nil {
			t.Fatal(n, err)
		}
		for range r.Split(row) {
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if !bytes.Equal(row, []byte(firewallRow)) {
		t.Error("the row was changed")
	}
}
