package parse_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

func TestSchema(t *testing.T) {
	s, err := parse.NewSchema("b.c", "source.ip", "a", "b.c", "b")
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != ecs.Count+3 {
		t.Errorf("Len is %d, want ECS and 3", s.Len())
	}
	for i, n := range []string{"a", "b", "b.c"} {
		k, ok := s.Lookup(n)
		if !ok || k != ecs.Count+parse.Key(i) || s.Name(k) != n {
			t.Errorf("%s is key %d, %v, with the name %q", n, k, ok, s.Name(k))
		}
	}
	if k, ok := s.Lookup("source.ip"); !ok || k != ecs.SourceIP || s.Name(k) != "source.ip" {
		t.Errorf("source.ip is key %v", k)
	}
	if _, ok := s.Lookup("none"); ok || s.Name(parse.Key(s.Len())) != "" || s.Name(0) != "" {
		t.Error("a name or key that is not there is found")
	}
	for _, bad := range []string{"", ".a", "a.", "a..b", ".", "a\xff", strings.Repeat("a", parse.MaxFieldName+1)} {
		if _, err := parse.NewSchema("ok", bad); err == nil {
			t.Errorf("the name %.20q is taken", bad)
		}
	}
}

func TestComparePaths(t *testing.T) {
	want := []string{"", "a", "a.b", "a.b.c", "a.c", "a-b", "a-b.c", "ab"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, parse.ComparePaths)
	if !slices.Equal(got, want) {
		t.Errorf("order is %q, want %q", got, want)
	}
	var last string
	for k := range ecs.All() {
		if last != "" && parse.ComparePaths(last, k.Name()) >= 0 {
			t.Errorf("%s stands before %s in the field table", last, k)
		}
		last = k.Name()
	}
}

// The order of names is that of their segments, whatever bytes they have.
func TestComparePathsOfOddNames(t *testing.T) {
	names := []string{"a", "a.b", "ab", "a-b", "a.b.c", "a.bc", "a b", "a\x00", "a.", ".a", "", "a..b", "a.\x00", "b", "é", "a.é"}
	for _, a := range names {
		for _, b := range names {
			want := slices.Compare(strings.Split(a, "."), strings.Split(b, "."))
			if got := parse.ComparePaths(a, b); got != want {
				t.Errorf("%q, %q: %d, want %d", a, b, got, want)
			}
		}
	}
}
