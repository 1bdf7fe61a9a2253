package faulttest

import (
	"bytes"
	"testing"
)

// An oracle that sees no difference proves nothing.
func TestOracleSees(t *testing.T) {
	o := NewOracle(1)
	var lines [][]byte
	for range 10 {
		r := o.Issue()
		if id, ok := ParseLine(r.Line); id != r.ID || !ok {
			t.Fatalf("record %d reads as %d, %v: %s", r.ID, id, ok, r.Line)
		}
		if r.ID != 10 {
			o.Accept(r.ID)
		}
		lines = append(lines, r.Line)
	}
	for i, l := range lines {
		if i != 3 && i != 4 && i != 9 {
			o.Receive(l)
		}
	}
	o.Bury(lines[4])
	o.Receive(lines[0])
	o.Receive(Line(1, 99, 300))
	for bit := range len(lines[5]) * 8 {
		bad := bytes.Clone(lines[5])
		bad[bit/8] ^= 1 << (bit % 8)
		if id, ok := ParseLine(bad); ok && !bytes.Equal(Line(1, id, 300), bad) && id != 6 {
			t.Errorf("bit %d flipped: passes for record %d", bit, id)
		}
	}
	o.Receive([]byte("{}x"))
	r := o.Report()
	if len(r.Lost) != 1 || r.Lost[0] != 4 || len(r.Missing) != 2 || r.Missing[1] != 10 || r.Duplicates != 1 || r.Damaged != 1 || r.Strange != 1 || r.Dead != 1 {
		t.Errorf("report %s, lost %v, missing %v", r, r.Lost, r.Missing)
	}
}

func TestSeedsFromOutside(t *testing.T) {
	t.Setenv(EnvSeed, "42")
	if s := Seeds(t, 5, 1, 2); len(s) != 1 || s[0] != 42 {
		t.Errorf("seeds %v", s)
	}
	t.Setenv(EnvSeed, "")
	if s := Seeds(t, 5, 1, 2); len(s) != 7 || s[0] != 1 || s[6] != s[2]+4 {
		t.Errorf("seeds %v", s)
	}
}
