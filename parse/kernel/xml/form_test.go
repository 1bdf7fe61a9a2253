package xml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

const formEvent = `<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P' Guid='{1}'/><EventID Qualifiers='7'>4624</EventID>` +
	`<Level>0</Level><TimeCreated SystemTime='2026-03-01T00:00:00Z'/><Correlation/><Execution ProcessID='1' ThreadID="2"/><Channel>Security</Channel><Computer>c</Computer>` +
	`<Security/></System><EventData><Data Name='a'>x</Data><Data Name="b">y</Data><Data Name='none'></Data><Data Name='self'/><Data>z</Data><Binary>00</Binary></EventData></Event>`

// formVariants are events that differ from formEvent in values, or in a little more.
func formVariants() []string {
	out := []string{formEvent}
	for _, r := range [][2]string{
		{">x<", "><"}, {">x<", ">&lt;<"}, {">x<", "><![CDATA[x]]><"}, {">x<", ">x<!-- c --><"}, {">x<", ">a longer text than it was before<"}, {">x<", "><b>x</b><"},
		{"></Data><Data Name='self'/>", ">full</Data><Data Name='self'/>"}, {"<Data Name='self'/>", "<Data Name='self'>now</Data>"}, {"Guid='{1}'", "Guid=''"},
		{"Guid='{1}'", "Guid='&amp;'"}, {"Guid='{1}'", `Guid='"'`}, {"4624", ""}, {"4624", "4625"}, {">y<", ">y\r\n<"}, {">y<", ">\xff<"}, {">y<", ">]]><"}, {">y<", ">é<"},
		{"Name='a'", "Name='b'"}, {"Name='a'", "Name='a' Type='t'"}, {"<Data>z</Data>", "<Data>z</Data><Data>zz</Data>"}, {"</EventData>", "</EventData><UserData><u><v>1</v></u></UserData>"},
		{"</EventData>", "</EventData><RenderingInfo><Message>m</Message></RenderingInfo>"}, {"</Event>", "</Event> "}, {"</Event>", "</Event><x/>"}, {"</Event>", ""}, {"<Level>0</Level>", "<Level>0</Level><Level>1</Level>"},
		{"<EventData>", "<EventData Name='n'>"}, {"xmlns='", "xmlns=' "}, {"<Security/>", "<Security UserID='S-1-5-18'/>"}, {"<Correlation/>", "<Correlation ActivityID='{2}'/>"},
	} {
		out = append(out, strings.Replace(formEvent, r[0], r[1], 1))
	}
	return out
}

// readForm says all that comes of a Read.
func readForm(r *Reader, data string, keep bool, rest int) string {
	var text arena.Bytes
	f := parse.Frame{KeepRest: keep, MaxRest: rest}
	f.Reset(6, &text)
	err := r.Read([]byte(data), &f)
	if err != nil {
		return err.Error()
	}
	out := fmt.Sprintf("%d twice", f.Duplicates)
	for i, v := range f.Slots {
		out += fmt.Sprintf("\n%d %v %q", i, v.Kind(), v.String())
	}
	for _, p := range f.Rest {
		out += fmt.Sprintf("\n%d %q %v %q", p.Parent, p.Key, p.Value.Kind(), p.Value.String())
	}
	return out
}

func formReaders(t testing.TB) (fast, slow *Reader) {
	names, slots := []string{"event_id", "provider_name", "event_data.a", "event_data.self", "thread_id", "event_data.param6"}, []int{0, 1, 2, 3, 4, 5}
	for _, r := range []**Reader{&fast, &slow} {
		var err error
		if *r, err = NewReader(Windows, names, slots, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	slow.slow = true
	return fast, slow
}

func TestForms(t *testing.T) {
	fast, slow := formReaders(t)
	for round := range 3 {
		for _, data := range formVariants() {
			for _, keep := range []bool{true, false} {
				for _, rest := range []int{0, 12} {
					if got, want := readForm(fast, data, keep, rest), readForm(slow, data, keep, rest); got != want {
						t.Fatalf("round %d, keep %v, %d pairs: %s\ngot  %s\nwant %s", round, keep, rest, data, got, want)
					}
				}
			}
		}
	}
	if n, _ := fast.forms.match([]byte(strings.Replace(formEvent, ">x<", ">a &amp; b<", 1))); n < 0 {
		t.Error("an event that differs in a value is not known")
	}
}

// What ever new documents teach is bounded.
func TestFormsBounded(t *testing.T) {
	fast, _ := formReaders(t)
	most := 0
	for i := range 4 * maxMisses {
		readForm(fast, strings.Replace(formEvent, "Name='a'", fmt.Sprintf("Name='a%d'", i%(2*maxOthers+i/maxMisses)), 1), false, 0)
		readForm(fast, strings.Replace(formEvent, "<Event ", fmt.Sprintf("<Event n%d='' ", i), 1), false, 0)
		most = max(most, fast.forms.n)
	}
	if most > maxForms || fast.forms.text > 2*maxFormText {
		t.Errorf("%d forms, %d bytes of text", most, fast.forms.text)
	}
	if got := testing.AllocsPerRun(20, func() { fast.forms.match([]byte(formEvent)) }); got > 1 {
		t.Errorf("%v allocations", got)
	}
}

// FuzzForms: what a Reader has read before makes no difference to what it reads.
func FuzzForms(f *testing.F) {
	for _, v := range formVariants() {
		f.Add([]byte(formEvent), []byte(v), true)
		f.Add([]byte(v), []byte(formEvent), false)
	}
	f.Fuzz(func(t *testing.T, before, data []byte, keep bool) {
		fast, slow := formReaders(t)
		readForm(fast, string(before), keep, 0)
		readForm(fast, formEvent, keep, 0)
		want := readForm(slow, string(data), keep, 0)
		for range 2 {
			if got := readForm(fast, string(data), keep, 0); got != want {
				t.Fatalf("%q after %q\ngot  %s\nwant %s", data, before, got, want)
			}
		}
	})
}
