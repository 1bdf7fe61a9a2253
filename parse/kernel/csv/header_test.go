package csv

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

func TestZeekHeader(t *testing.T) {
	var h Header
	for _, l := range []string{
		`#separator \x09`, "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
		"#open\t2024-01-02-03-04-05", "#fields\tts\tuid\tid.orig_h\tservice", "#types\ttime\tstring\taddr\tset[string]",
	} {
		if is, err := h.Line([]byte(l + "\r\n")); !is || err != nil {
			t.Fatal(l, is, err)
		}
	}
	if !h.Zeek() || h.Path != "conn" || h.SetSeparator != ',' || strings.Join(h.Types, " ") != "time string addr set[string]" {
		t.Errorf("%+v", h)
	}
	slotOf := func(name string) int {
		return map[string]int{"uid": 0, "service": 1}[name] - map[string]int{"ts": 1, "id.orig_h": 1, "x": 1}[name]
	}
	r, err := h.Reader(slotOf)
	if err != nil {
		t.Fatal(err)
	}
	var text arena.Bytes
	f := parse.Frame{KeepRest: true}
	f.Reset(2, &text)
	if n, err := r.Read([]byte("1.5\t\"Cx\t10.0.0.1\t(empty)"), &f); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if f.Slots[0].Str() != `"Cx` || f.Slots[1].IsZero() || f.Slots[1].Str() != "" || string(f.Rest[1].Key) != "id.orig_h" {
		t.Errorf("%v %v", f.Slots, f.Rest)
	}
	v := h.Version()
	if again, _ := h.Reader(slotOf); again != r {
		t.Error("another Reader for the same columns")
	}
	if _, err := h.Line([]byte("#fields\tts\tuid\tid.orig_h\tservice")); err != nil || h.Version() != v {
		t.Error("the same columns changed the version", err)
	}
	if _, err := h.Line([]byte("#fields\tuid\tx")); err != nil || h.Version() == v {
		t.Error("other columns did not change the version", err)
	}
	if again, _ := h.Reader(slotOf); again == r {
		t.Error("the same Reader for other columns")
	}
	if is, err := h.Line([]byte("1.5\tCx")); is || err != nil {
		t.Error("a row was taken for a header")
	}
}

func TestW3CHeader(t *testing.T) {
	var h Header
	if _, err := h.Reader(func(string) int { return 0 }); !errors.Is(err, errcat.UnknownFormat) {
		t.Error(err)
	}
	for _, l := range []string{"#Software: Some Server 1.0", "#Version: 1.0", "#Date: 2024-01-02 03:04:05", "#Fields: date time  cs-uri-stem sc-status", "#Remark: x", "#"} {
		if is, err := h.Line([]byte(l)); !is || err != nil {
			t.Fatal(l, is, err)
		}
	}
	if h.Zeek() || h.Software != "Some Server 1.0" || strings.Join(h.Names, " ") != "date time cs-uri-stem sc-status" {
		t.Errorf("%+v", h)
	}
	r, err := h.Reader(func(name string) int { return strings.Index("sc-status", name) })
	if err != nil {
		t.Fatal(err)
	}
	var text arena.Bytes
	var f parse.Frame
	f.Reset(1, &text)
	if n, err := r.Read([]byte("2024-01-02 03:04:05 /a 200"), &f); n != 4 || err != nil || f.Slots[0].Str() != "200" {
		t.Error(n, err, f.Slots)
	}
	if _, err := h.Line([]byte("#Fields: a\tb")); err != nil || h.Separator != '\t' {
		t.Error(err, h.Separator)
	}
}

func TestHeaderErrors(t *testing.T) {
	long := strings.Repeat("x", parse.MaxKeyLength+1)
	for _, tc := range []struct {
		line string
		want error
	}{
		{`#separator \xzz`, errcat.SchemaViolation},
		{`#separator`, errcat.SchemaViolation},
		{`#separator ab`, errcat.SchemaViolation},
		{"#separator \\x0a", errcat.SchemaViolation},
		{"#separator \\x22", errcat.SchemaViolation},
		{"#fields", errcat.SchemaViolation},
		{"#fields ts uid", errcat.SchemaViolation},
		{"#fields\t" + long, errcat.Oversize},
		{"#path\t" + long, errcat.Oversize},
		{"#Software: " + long, errcat.Oversize},
		{"#Fields: " + strings.Repeat("a ", DefaultMaxColumns+1), errcat.Oversize},
	} {
		var h Header
		if is, err := h.Line([]byte(tc.line)); !is || !errors.Is(err, tc.want) {
			t.Errorf("%.40q: %v, want %v", tc.line, err, tc.want)
		}
		if h.Version() != 0 || h.Names != nil {
			t.Errorf("%.40q changed the header: %+v", tc.line, h)
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("#separator \\x09\n#fields\tts\tuid\n#types\ttime\tstring\n1\t2"))
	f.Add([]byte("#Fields: a b c\n1 2 3"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var h Header
		var text arena.Bytes
		var frame parse.Frame
		for len(log) > 0 {
			row := log
			if i := strings.IndexByte(string(log), '\n'); i >= 0 {
				row, log = log[:i], log[i+1:]
			} else {
				log = nil
			}
			if is, err := h.Line(row); is || err != nil {
				continue
			}
			r, err := h.Reader(func(name string) int { return len(name)%3 - 1 })
			if err != nil {
				var e *errcat.Error
				if !errors.As(err, &e) {
					t.Fatalf("%T is no *errcat.Error", err)
				}
				continue
			}
			frame.Reset(2, &text)
			if n, err := r.Read(row, &frame); err == nil && n == 0 && len(trimEnd(row)) > 0 {
				t.Fatalf("%q has no column", row)
			}
		}
	})
}
