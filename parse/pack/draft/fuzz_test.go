package draft_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse/pack/draft"
)

// Any lines give a draft that compiles, which New makes sure of itself.
func FuzzNew(f *testing.F) {
	for _, s := range []string{
		"a=1 b=2 c=3\nd=4 e=5 f=6", `{"a":{"b.c":[1]},"":2,"x y":"z"}`, "CEF:0|A|B|1|2|n|3|src=192.0.2.1 cs1Label=x", "LEEF:1.0|A|B|1|2|src=1",
		"a,b,c,d,e\n1,2,3,4,5", "<a><b>c</b></a>", "some text 192.0.2.1:80 [x] (y) 'z'", "<13>Mar  2 09:15:04 h app[1]: text\t\\{}|<>...",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := bytes.Split(data, []byte{'\n'})
		src, err := draft.New("acme.wall", lines)
		if err != nil && !strings.Contains(err.Error(), "no lines") {
			t.Errorf("%v for\n%q\n%s", err, data, src)
		}
	})
}
