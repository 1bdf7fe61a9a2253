package csv_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/csv"
)

// context returns what a tracker gives the last of some lines of one stream.
func context(t testing.TB, o csv.TrackerOptions, lines ...string) any {
	t.Helper()
	tr := csv.NewTracker(o)
	var msgs []parse.Message
	at := int64(0)
	for _, l := range lines {
		msgs = append(msgs, parse.Message{Raw: []byte(l), Offset: at})
		at += int64(len(l)) + 1
	}
	tr.Track(msgs)
	return msgs[len(msgs)-1].Context
}

var zeekHeader = []string{`#separator \x09`, "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
	"#fields\tts\tuid\tport\tok\ttags\tnums\tnote", "#types\ttime\tstring\tport\tbool\tset[string]\tvector[count]\tstring"}

func TestAppendJSON(t *testing.T) {
	w3c := []string{"#Software: x", "#Fields: date time c-ip cs(User-Agent)"}
	for _, tc := range []struct {
		name   string
		header []string
		row    string
		want   string // empty: no row of these columns
	}{
		{"w3c", w3c, "2026-03-03 08:00:01 192.0.2.1 a", `{"date":"2026-03-03","time":"08:00:01","c-ip":"192.0.2.1","cs(User-Agent)":"a"}`},
		{"w3c, quotes and unset", w3c, `2026-03-03 08:00:01 - "a ""b"" c"` + "\r\n", `{"date":"2026-03-03","time":"08:00:01","cs(User-Agent)":"a \"b\" c"}`},
		{"w3c, no date", w3c, "now 08:00:01 192.0.2.1 a", ""},
		{"w3c, no time", w3c, "2026-03-03 now 192.0.2.1 a", ""},
		{"w3c, fewer", w3c, "2026-03-03 08:00:01 192.0.2.1", ""},
		{"w3c, more", w3c, "2026-03-03 08:00:01 192.0.2.1 a b", ""},
		{"w3c, open quote", w3c, `2026-03-03 08:00:01 192.0.2.1 "a`, ""},
		{"w3c, tabs", []string{"#Fields: date\ttime\tx y"}, "2026-03-03\t08:00:01\ta b", `{"date":"2026-03-03","time":"08:00:01","x y":"a b"}`},
		{"w3c, commas", []string{"#Fields: date-time,a,b"}, "x,,z", `{"date-time":"x","b":"z"}`},
		{"w3c, one column", []string{"#Fields: a"}, "x", ""},
		{"w3c, a name twice", []string{"#Fields: a a b"}, "1 2 3", `{"a":"1","a_2":"2","b":"3"}`},
		{"zeek", zeekHeader, "1772524801.5\tC1\t443\tT\ta,b\t1,2\tx", `{"_path":"conn","ts":1772524801.5,"uid":"C1","port":443,"ok":true,"tags":["a","b"],"nums":[1,2],"note":"x"}`},
		{"zeek, unset and empty", zeekHeader, "1.0\t-\t-\tF\t(empty)\t-\t(empty)", `{"_path":"conn","ts":1.0,"ok":false,"tags":[],"note":""}`},
		{"zeek, escapes", zeekHeader, `1.0` + "\t" + `a\x09b\x5c` + "\t0\t?\t-,c\t1,x\t\"", `{"_path":"conn","ts":1.0,"uid":"a\tb\\","port":0,"ok":"?","tags":[null,"c"],"nums":[1,"x"],"note":"\""}`},
		{"zeek, bad number", zeekHeader, "1.0\tC\t0443\tT\ta\t1\tx", `{"_path":"conn","ts":1.0,"uid":"C","port":"0443","ok":true,"tags":["a"],"nums":[1],"note":"x"}`},
		{"zeek, no timestamp", zeekHeader, "x\tC\t1\tT\ta\t1\tx", ""},
	} {
		c, ok := context(t, csv.TrackerOptions{}, append(append([]string{}, tc.header...), "row")...).(*csv.Columns)
		if !ok {
			t.Errorf("%s: no columns", tc.name)
			continue
		}
		got, ok := c.AppendJSON([]byte("x"), []byte(tc.row))
		if ok != (tc.want != "") || string(got) != "x"+tc.want {
			t.Errorf("%s: got %s %v\nwant x%s", tc.name, got, ok, tc.want)
		}
	}
}

func TestFirstRow(t *testing.T) {
	for _, tc := range []struct{ header, row, want string }{
		{"a,b", `1,"x, y"`, `{"a":"1","b":"x, y"}`},
		{"\ufeffa;b;c", "1;2,5;", `{"a":"1","b":"2,5"}`},
		{"a\tb", "1\t\"", `{"a":"1","b":"\""}`},
		{`"a, b",c`, "1,2", `{"a, b":"1","c":"2"}`},
		{"a|b", "1|2", `{"a":"1","b":"2"}`},
		{"a,a", "1,2", ""},
		{"a,1", "1,2", ""},
		{"a,", "1,2", `{"a":"1","column_2":"2"}`},
		{"alone", "1", ""},
	} {
		c, _ := context(t, csv.TrackerOptions{FirstRow: true}, tc.header, "row").(*csv.Columns)
		if c == nil {
			if tc.want != "" {
				t.Errorf("%q is no header", tc.header)
			}
			continue
		}
		if got, _ := c.AppendJSON(nil, []byte(tc.row)); string(got) != tc.want {
			t.Errorf("%q: %s, want %s", tc.header, got, tc.want)
		}
	}
}

// Each stream has its own header, header lines say that they are some, and lines before the
// first header have none.
func TestTracker(t *testing.T) {
	a, b := &parse.Origin{Source: "a"}, &parse.Origin{Source: "b"}
	msgs := []parse.Message{
		{Raw: []byte("early"), Origin: a},
		{Raw: []byte("#Fields: x y"), Origin: a},
		{Raw: []byte("1 2"), Origin: b},
		{Raw: []byte("#Fields: y x z"), Origin: b},
		{Raw: []byte("1 2"), Origin: a},
		{Raw: []byte("1 2 3"), Origin: b},
		{Raw: []byte("# no directive"), Origin: b},
		{Raw: []byte("#Fields: p q"), Origin: a},
		{Raw: []byte("1 2"), Origin: a},
		{Raw: []byte("1 2"), Origin: nil},
		{Raw: nil, Origin: a},
	}
	csv.NewTracker(csv.TrackerOptions{}).Track(msgs)
	var got []string
	for _, m := range msgs {
		switch c := m.Context.(type) {
		case nil:
			got = append(got, "-")
		case csv.HeaderLine:
			got = append(got, "header")
		case *csv.Columns:
			o, _ := c.AppendJSON(nil, m.Raw)
			got = append(got, string(o))
		}
	}
	if want := `[- header - header {"x":"1","y":"2"} {"y":"1","x":"2","z":"3"} - header {"p":"1","q":"2"} - -]`; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

// The bounds hold; who was silent for the longest time is forgotten.
func TestTrackerBounds(t *testing.T) {
	many := func(o csv.TrackerOptions, header string) (known int) {
		tr := csv.NewTracker(o)
		var rows []parse.Message
		for i := range 100 {
			origin := &parse.Origin{Source: fmt.Sprint(i)}
			tr.Track([]parse.Message{{Raw: []byte(header), Origin: origin}})
			rows = append(rows, parse.Message{Raw: []byte("row"), Origin: origin})
		}
		tr.Track(rows)
		for _, r := range rows {
			if r.Context != nil {
				known++
			}
		}
		if known > 0 && rows[99].Context == nil {
			t.Error("the newest is forgotten")
		}
		return known
	}
	if n := many(csv.TrackerOptions{MaxStreams: 10}, "#Fields: a b"); n != 10 {
		t.Errorf("%d streams are known, want 10", n)
	}
	if n := many(csv.TrackerOptions{MaxBytes: 4 << 10}, "#Fields: "+strings.Repeat("abcdefgh ", 10)); n == 0 || n > 6 {
		t.Errorf("%d streams are known in 4 KiB", n)
	}
	if n := many(csv.TrackerOptions{MaxBytes: 100}, "#Fields: "+strings.Repeat("abcdefgh ", 10)); n != 0 {
		t.Errorf("%d streams are known, though one is too large", n)
	}
}

// Any header and row give strict JSON or nothing.
func FuzzAppendJSON(f *testing.F) {
	f.Add("#Fields: date time c-ip", "2026-03-03 08:00:01 192.0.2.1", false)
	f.Add(strings.Join(zeekHeader, "\n"), "1772524801.5\tC1\t443\tT\ta,b\t1,2\tx", false)
	f.Add("a,b", `1,"x"`, true)
	f.Fuzz(func(t *testing.T, header, row string, first bool) {
		c, ok := context(t, csv.TrackerOptions{FirstRow: first}, append(strings.Split(header, "\n"), row)...).(*csv.Columns)
		if !ok {
			return
		}
		if o, ok := c.AppendJSON(nil, []byte(row)); ok && !json.Valid(o) {
			t.Fatalf("%s", o)
		} else if !ok && len(o) > 0 {
			t.Fatalf("%s is left", o)
		}
	})
}
