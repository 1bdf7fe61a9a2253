package parse_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// fillAtRandom does to r what parsers do, the same for the same seed.
func fillAtRandom(r *parse.Record, seed uint64, blocks []*parse.Block) {
	keys := []parse.Key{ecs.EventAction, ecs.EventOutcome, ecs.SourceIP, ecs.RelatedIP, ecs.Message, ecs.EventCategory, ecs.Count, ecs.Count + 1}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range rnd.IntN(10) {
		k := keys[rnd.IntN(len(keys))]
		switch rnd.IntN(8) {
		case 0:
			r.SetBlock(blocks[rnd.IntN(len(blocks))])
		case 1:
			r.SetConst(k, "constant")
		case 2:
			r.Append(k, parse.IntValue(int64(rnd.IntN(3))))
		case 3:
			if rnd.IntN(4) == 0 {
				r.Delete(k)
			}
		default:
			r.SetString(k, fmt.Sprint(rnd.IntN(100)))
		}
	}
}

func layoutSchema(t *testing.T) (*parse.Schema, []*parse.Block) {
	t.Helper()
	s, err := parse.NewSchema("acme.a", "acme.b")
	if err != nil {
		t.Fatal(err)
	}
	block := func(action string) *parse.Block {
		return parse.NewBlock([]parse.Key{ecs.EventAction, ecs.EventOutcome}, []parse.Value{parse.StringValue(action), parse.StringValue("success")})
	}
	var many, blocks []*parse.Block
	for i := range 40 {
		many = append(many, block(fmt.Sprint("many", i)))
	}
	few := []*parse.Block{block("allow"), block("deny")}
	s.Adopt(few...)
	s.Adopt(many...)
	blocks = append(blocks, few...)
	blocks = append(blocks, many...)
	return s, append(blocks, block("stray")) // that nobody adopted
}

// A Layout says the same of a record as the record itself does.
func TestLayout(t *testing.T) {
	s, blocks := layoutSchema(t)
	var wait sync.WaitGroup
	for w := range 2 {
		wait.Go(func() {
			var r parse.Record
			found, fixed := 0, 0
			byID := map[int]*parse.Layout{}
			for i := range 30000 {
				r.Use(s)
				fillAtRandom(&r, uint64(i%7000+w), blocks)
				if i%3 == 0 {
					r.Settle()
					r.SetConst(ecs.EventKind, "event")
					r.Settle()
				}
				l := r.Layout()
				if l == nil {
					continue
				}
				found++
				keys, values, whole := r.Fields()
				if !whole || !slices.Equal(keys, l.Keys()) {
					t.Errorf("the layout has %v, the record %v", l.Keys(), keys)
					return
				}
				for at, k := range keys {
					if l.Position(k) != at {
						t.Errorf("%s is at %d, not %d", r.Name(k), at, l.Position(k))
					}
					if v, ok := l.Fixed(at); ok {
						fixed++
						if v != values[at] {
							t.Errorf("%s is %v, the layout says always %v", r.Name(k), values[at], v)
							return
						}
					}
				}
				byID[l.ID()] = l
			}
			if found < 10000 || fixed == 0 || len(byID) > 1<<10 {
				t.Errorf("%d records had a layout, of which %d fields were fixed, in %d layouts", found, fixed, len(byID))
			}
		})
	}
	wait.Wait()
}

// Layouts are for kinds of records that come again.
func TestLayoutOfTheSecond(t *testing.T) {
	s, _ := layoutSchema(t)
	var r parse.Record
	for i, want := range []bool{false, true, true} {
		r.Use(s)
		r.SetString(ecs.Message, "m")
		if got := r.Settle() != nil; got != want {
			t.Errorf("record %d: a layout is %v, want %v", i, got, want)
		}
	}
	r.Delete(ecs.Message)
	if r.Layout() != nil {
		t.Error("a record that lost a field has a layout")
	}
	var plain parse.Record
	plain.SetString(ecs.Message, "m")
	if plain.Layout() != nil || plain.Settle() != nil {
		t.Error("a record without a schema found a layout without Layouts")
	}
	var ls parse.Layouts
	if ls.Of(&plain) != nil || ls.Of(&plain) == nil || ls.Of(&r) != nil {
		t.Error("Layouts are for the second record of a kind without a schema")
	}
}

// The blocks of a table with many rows in use are told apart by their values, not by layouts.
func TestLayoutsOfManyBlocks(t *testing.T) {
	s, blocks := layoutSchema(t)
	ids := map[*parse.Layout]bool{}
	var r parse.Record
	for range 50 {
		for _, b := range blocks[2:] {
			r.Use(s)
			r.SetBlock(b)
			if l := r.Settle(); l != nil {
				ids[l] = true
				if v, ok := l.Fixed(0); ok && v.Str() != r.Get(ecs.EventAction).Str() {
					t.Fatalf("fixed %s, have %s", v.Str(), r.Get(ecs.EventAction).Str())
				}
			}
		}
	}
	if len(ids) == 0 || len(ids) > 16 {
		t.Errorf("%d layouts for 41 blocks", len(ids))
	}
}

func TestAttach(t *testing.T) {
	s, _ := layoutSchema(t)
	var r parse.Record
	for range 2 {
		r.Use(s)
		r.SetString(ecs.Message, "m")
	}
	r.Settle()
	l := r.Settle()
	if l == nil {
		t.Fatal("no layout")
	}
	owners := make([]*int, 20)
	for i := range owners {
		owners[i] = new(int)
		if l.Attached(owners[i]) != nil {
			t.Error("attached before")
		}
		l.Attach(owners[i], i)
		l.Attach(owners[i], i) // replaces
		if l.Attached(owners[i]) != i {
			t.Error("not attached")
		}
	}
	if l.Attached(owners[0]) != nil || l.Attached(owners[18]) != 18 {
		t.Error("the oldest should be gone and the newest there")
	}
}
