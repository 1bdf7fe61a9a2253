package parse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

func TestFrame(t *testing.T) {
	f := parse.Frame{KeepRest: true, MaxRest: 2}
	f.Reset(2, nil)
	put := func(slot int, s string) bool { return f.Put(slot, 0, []byte("k"), parse.StringValue(s)) }
	if !put(1, "first") || !put(1, "second") || f.Slots[1].Str() != "first" || f.Duplicates != 1 {
		t.Errorf("slot 1 is %q after two puts with %d duplicates, want the first and 1", f.Slots[1], f.Duplicates)
	}
	if !put(-1, "a") || !put(-1, "b") || put(-1, "c") || len(f.Rest) != 2 {
		t.Errorf("%d pairs kept, want 2 and a refusal", len(f.Rest))
	}
	f.Reset(1, nil)
	if len(f.Slots) != 1 || len(f.Rest) != 0 || f.Duplicates != 0 || !f.Slots[0].IsZero() {
		t.Error("a frame is not empty after Reset")
	}
	f.KeepRest = false
	for range 3 {
		if !put(-1, "x") {
			t.Error("Put refuses what nobody wants")
		}
	}
}

func TestNewKeysErrors(t *testing.T) {
	if _, err := parse.NewKeys([]string{"a", "a"}, []int{0, 1}); err == nil {
		t.Error("a name twice is no error")
	}
	if _, err := parse.NewKeys([]string{"a"}, nil); err == nil {
		t.Error("a name without slot is no error")
	}
	k, err := parse.NewKeys(nil, nil)
	if err != nil || k.Slot([]byte("a")) != -1 || k.Slot(nil) != -1 {
		t.Errorf("no names: error %v, or a slot", err)
	}
}

// FuzzKeys compares the lookup with a map, for names and queries of any order.
func FuzzKeys(f *testing.F) {
	f.Add("src,dst,spt,dpt,act,devicename,", "dst,src,src,nothing,act,act,spt,,devicename")
	f.Add("a,b,c", "c,b,a,c,b,a,x,y,a,b,c")
	f.Add("aXb,aYb,abcdefgh1,abcdefgh2,1abcdefgh", "aYb,aXb,abcdefgh2,1abcdefgh,abcdefgh1")
	f.Fuzz(func(t *testing.T, names, queries string) {
		want := map[string]int{}
		var list []string
		var slots []int
		for i, n := range strings.Split(names, ",") {
			if _, ok := want[n]; !ok {
				want[n] = i % 7
				list, slots = append(list, n), append(slots, i%7)
			}
		}
		k, err := parse.NewKeys(list, slots)
		if err != nil {
			t.Fatal(err)
		}
		other := k.Clone()
		for range 2 {
			k.Begin()
			for _, q := range strings.Split(queries, ",") {
				for _, keys := range []*parse.Keys{k, other} {
					w, ok := want[q]
					if !ok {
						w = -1
					}
					if got := keys.Slot([]byte(q)); got != w {
						t.Fatalf("slot of %q is %d, want %d", q, got, w)
					}
				}
			}
		}
	})
}

func TestKeysAllocations(t *testing.T) {
	names := make([]string, 40)
	slots := make([]int, 40)
	for i := range names {
		names[i], slots[i] = fmt.Sprintf("native_key_%d", i), i
	}
	k, err := parse.NewKeys(names, slots)
	if err != nil {
		t.Fatal(err)
	}
	queries := [][]byte{[]byte("native_key_3"), []byte("native_key_39"), []byte("nothing")}
	if n := testing.AllocsPerRun(100, func() {
		k.Begin()
		for _, q := range queries {
			k.Slot(q)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
