package text

import (
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

func TestSmoke(t *testing.T) {
	s, err := Compile([]Pattern{{1, builtPattern}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	slots := make([]parse.Value, s.Slots())
	id, ok := s.Match([]byte(builtLine+" (bob)"), slots)
	t.Log(id, ok)
	for i, v := range slots {
		t.Log(s.Names()[i], v.Kind(), v)
	}
}
