package json

import (
	"fmt"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// FuzzLearned: what a Reader has read before makes no difference to what it reads.
func FuzzLearned(f *testing.F) {
	base := `{"a":"1","b":"two","k":"x","key8byte":"C:\\\\x","key16bytes_abcde":"y","eventName":"z","other":"n","one more unwanted key":"n"}`
	f.Add([]byte(base), []byte(base), uint32(0x7fffff), false)
	for _, s := range oracleSeeds {
		f.Add([]byte(s), []byte(base), uint32(0x7fffff), true)
		f.Add([]byte(base), []byte(s), uint32(0x7fffff), false)
	}
	for _, s := range []string{
		`{"a":"1","b":"2","b":"3","k":"4"}`, `{"a":"1" ,"b":"two" , "k":"x"}`, `{"a":"1","b":2,"k":"x"}`, `{"a":"1","b":"a\\nb\\u00e9\\/","k":"é"}`,
		`{"a":"1","b":"two`, `{"a":"1","b":"two","k":"` + "\x01" + `"}`, `{"a":"1","b":"two"]`, `{"a":"1","b":"two",}`, `{"a":"1","b":"\\ud800"}`,
	} {
		f.Add([]byte(base), []byte(s), uint32(0x7fffff), false)
	}
	f.Fuzz(func(t *testing.T, before, data []byte, mask uint32, keep bool) {
		if len(before) > 1<<13 || len(data) > 1<<13 {
			return
		}
		tree := fuzzTree(t, mask)
		learned := tree.Reader()
		for range 2 {
			readAll(learned, tree, before, keep)
		}
		want := readAll(tree.Reader(), tree, data, keep)
		for range 2 {
			if got := readAll(learned, tree, data, keep); got != want {
				t.Fatalf("Read(%q) after %q:\n got %s\nwant %s", data, before, got, want)
			}
		}
	})
}

// readAll says all that comes of a Read.
func readAll(r *Reader, tree *Tree, data []byte, keep bool) string {
	var text arena.Bytes
	frame := parse.Frame{KeepRest: keep}
	frame.Reset(tree.Slots(), &text)
	if err := r.Read(data, &frame); err != nil {
		return err.Error()
	}
	out := fmt.Sprintf("%d twice, %d repaired", frame.Duplicates, r.Repaired())
	for i, v := range frame.Slots {
		if !v.IsZero() {
			out += fmt.Sprintf(", %d %v %q %q", i, v.Kind(), v.String(), v.JSON())
		}
	}
	for _, p := range frame.Rest {
		out += fmt.Sprintf(", rest %d %q %v %q", p.Parent, p.Key, p.Value.Kind(), p.Value.String())
	}
	return out
}
