package arena

import (
	"bytes"
	"testing"
)

// FuzzBytes hands out slices in random ways and checks that none is disturbed by a later
// one.
func FuzzBytes(f *testing.F) {
	f.Add([]byte("0a1b2c3d4e5f"))
	f.Add(bytes.Repeat([]byte{0, 255, 2, 200, 1, 90, 3, 255}, 100))
	var a Bytes
	f.Fuzz(func(t *testing.T, ops []byte) {
		a.Reset()
		var got, want [][]byte
		total := 0
		for i := 0; i+1 < len(ops); i += 2 {
			n := int(ops[i+1]) * int(ops[i]%4)
			text := bytes.Repeat([]byte{byte(i)}, n)
			var b []byte
			switch ops[i] % 5 {
			case 0:
				b = a.Alloc(n)
				copy(b, text)
			case 1:
				b = a.Copy(text)
			case 2:
				b = a.CopyString(string(text))
			case 3: // room enough
				b = a.Keep(append(a.Scratch(n), text...))
			case 4: // perhaps not enough
				b = a.Keep(append(a.Scratch(n/7), text...))
			}
			if len(b) != n || cap(b) != n {
				t.Fatalf("step %d gave length %d and capacity %d, want %d", i, len(b), cap(b), n)
			}
			total += n
			got, want = append(got, b), append(want, text)
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("slice %d was overwritten", i)
			}
		}
		if a.Len() != total {
			t.Fatalf("Len is %d, want %d", a.Len(), total)
		}
		a.Reset()
		if a.Len() != 0 {
			t.Fatalf("Len is %d after Reset", a.Len())
		}
	})
}

func TestScratchIsNotTakenWithoutKeep(t *testing.T) {
	var a Bytes
	_ = append(a.Scratch(10), "lost"...)
	if b := a.Copy([]byte("kept")); string(b) != "kept" || a.Len() != 4 {
		t.Errorf("%q, %d bytes in use", b, a.Len())
	}
	if b := a.Keep(nil); len(b) != 0 {
		t.Errorf("Keep of nothing is %q", b)
	}
	foreign := []byte("from elsewhere")
	if b := a.Keep(foreign[:4]); string(b) != "from" || cap(b) != 4 {
		t.Errorf("Keep of a foreign slice is %q with room for %d", b, cap(b))
	}
}

func TestResetForgetsHugeBlocks(t *testing.T) {
	var a Bytes
	a.Alloc(4 * keepLimit)
	a.Reset()
	if cap(a.block) > keepLimit {
		t.Errorf("%d bytes are kept", cap(a.block))
	}
	var s Slices[[2]int]
	s.Alloc(4 * keepValues)
	s.Reset()
	if cap(s.block) > keepValues {
		t.Errorf("%d values are kept", cap(s.block))
	}
}

func TestSlices(t *testing.T) {
	var a Slices[*int]
	n := new(int)
	var all [][]*int
	for i := range 200 {
		s := a.Alloc(i)
		if len(s) != i || cap(s) != i {
			t.Fatalf("length %d, capacity %d, want %d", len(s), cap(s), i)
		}
		for j := range s {
			if s[j] != nil {
				t.Fatal("a value is not zero")
			}
			s[j] = n
		}
		all = append(all, s)
	}
	for _, s := range all {
		for _, p := range s {
			if p != n {
				t.Fatal("a slice was overwritten")
			}
		}
	}
	last := a.Alloc(3)
	last[0] = n
	a.Reset()
	if last[0] != nil {
		t.Error("Reset holds on to what the values pointed at")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var a Bytes
	var s Slices[int]
	fill := func() {
		a.Reset()
		s.Reset()
		for range 100 {
			a.Alloc(33)
			a.Keep(append(a.Scratch(20), "text"...))
			s.Alloc(3)
		}
	}
	for range 8 {
		fill()
	}
	if n := testing.AllocsPerRun(50, fill); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
