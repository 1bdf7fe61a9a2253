package vendors_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
)

// A pack that is asked for ECS fields alone reads less of a message. What it writes is what
// is left of the whole event without the vendor's fields, and it refuses the same messages.
func TestECSOnly(t *testing.T) {
	alone(t)
	set := packs(t)
	encoder := normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: true})
	for _, name := range set.Names() {
		p, err := set.Pack(name)
		if err != nil {
			t.Fatal(err)
		}
		records, err := parsetest.Records(os.DirFS(name))
		if err != nil {
			continue // TestComplete tells
		}
		now := func() time.Time { return parsetest.Now }
		wide, narrow := p.Parser(pack.Options{Now: now}).Worker(), p.Parser(pack.Options{Now: now, ECSOnly: true}).Worker()
		lines := func(p parse.Parser[parse.Record], raw []byte) []byte {
			var out parse.Events[parse.Record]
			if err := p.Parse(&parse.Message{Raw: raw}, &out); err != nil {
				return []byte(err.Error())
			}
			var b []byte
			for i := range out.Len() {
				b, _ = encoder.Append(b, out.At(i))
				b = append(b, '\n')
			}
			for _, r := range out.Rejected() {
				b = append(append(b, r.Err.Error()...), '\n')
			}
			return b
		}
		bad := 0
		for i := range records {
			r := &records[i]
			if len(r.Raw) > 64<<10 {
				continue
			}
			if got, want := lines(narrow, r.Raw), lines(wide, r.Raw); !bytes.Equal(got, want) {
				t.Errorf("%s: %s:\n got %s\nwant %s", name, r, got, want)
				if bad++; bad == 3 {
					break
				}
			}
		}
	}
}
