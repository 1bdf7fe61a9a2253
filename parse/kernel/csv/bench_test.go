package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"io"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// go test -bench . ./parse/kernel/csv
func BenchmarkRead(b *testing.B) {
	twelve := []Column{{1, 0}, {3, 1}, {4, 2}, {7, 3}, {8, 4}, {11, 5}, {12, 6}, {14, 7}, {24, 8}, {25, 9}, {29, 10}, {30, 11}}
	for _, bc := range []struct {
		name string
		row  string
		o    Options
		rest bool
	}{
		{"firewall", firewallRow, Options{}, false},
		{"firewall-all", firewallRow, Options{}, true},
		{"access", accessRow, Options{Comma: ' ', Brackets: true, Escape: Backslash}, true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			r := must(b, twelve, bc.o)
			var text arena.Bytes
			f := parse.Frame{KeepRest: bc.rest}
			row := []byte(bc.row)
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				text.Reset()
				f.Reset(12, &text)
				if _, err := r.Read(row, &f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encoding-csv", func(b *testing.B) {
		row := []byte(firewallRow + "\n")
		rows := &again{row: row}
		r := stdcsv.NewReader(rows)
		r.ReuseRecord = true
		b.SetBytes(int64(len(row)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Read(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// again yields the same row for ever.
type again struct {
	row  []byte
	left []byte
}

func (a *again) Read(p []byte) (int, error) {
	if len(a.left) == 0 {
		a.left = bytes.Repeat(a.row, max(1, len(p)/len(a.row)))
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	if n == 0 {
		return 0, io.ErrNoProgress
	}
	return n, nil
}
