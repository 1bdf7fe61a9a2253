package errcat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
)

// names is written out here once more: a change of a stable name must fail.
var names = []string{
	"SCHEMA_VIOLATION", "TYPE_MISMATCH", "ENCODING_ERROR", "VENDOR_FORMAT_DRIFT", "UNKNOWN_FORMAT", "OVERSIZE",
	"TRUNCATED", "TIMEOUT", "TRANSIENT_NETWORK", "RATE_LIMITED", "ACCESS_DENIED", "SINK_REJECTED", "PARSER_PANIC",
	"INTERNAL",
}

func TestCategoriesAreTheClosedSet(t *testing.T) {
	all := errcat.All()
	if len(all) != len(names) {
		t.Fatalf("All returned %d categories, the documented set has %d", len(all), len(names))
	}
	for i, c := range all {
		if c.String() != names[i] || c.Error() != names[i] {
			t.Errorf("category %d is named %s, the documented name is %s", i, c, names[i])
		}
		if got, ok := errcat.Parse(names[i]); !ok || got != c {
			t.Errorf("Parse(%q) = %v, %v", names[i], got, ok)
		}
		if !c.Valid() || c.Meaning() == "" || c.Owner() == "" {
			t.Errorf("%s lacks a meaning or an owner", c)
		}
		text, err := c.MarshalText()
		if err != nil {
			t.Errorf("%s: MarshalText: %v", c, err)
		}
		var back errcat.Category
		if err := back.UnmarshalText(text); err != nil || back != c {
			t.Errorf("%s does not survive its text form: %v, %v", c, back, err)
		}
	}
}

func TestWhatIsNoCategory(t *testing.T) {
	for _, c := range []errcat.Category{errcat.None, 200} {
		if c.Valid() || c.Retryable() || c.Owner() != "" {
			t.Errorf("%s (%d) passes for a category", c, uint8(c))
		}
	}
	for _, name := range []string{"", "NONE", "INVALID", "timeout", "TIMEOUT ", "OTHER"} {
		if c, ok := errcat.Parse(name); ok {
			t.Errorf("Parse(%q) = %s", name, c)
		}
	}
	if _, err := errcat.Category(200).MarshalText(); err == nil {
		t.Error("a number outside the set was written")
	}
	c := errcat.Timeout
	if err := c.UnmarshalText([]byte("nonsense")); err == nil || c != errcat.Timeout {
		t.Errorf("an unknown name gave %v and changed the value to %s", err, c)
	}
	var doc struct {
		Category errcat.Category
		Stage    errcat.Stage
	}
	text, err := json.Marshal(doc)
	if err != nil || json.Unmarshal(text, &doc) != nil || doc.Category != errcat.None {
		t.Errorf("an unset category does not survive JSON: %s, %v", text, err)
	}
}

func TestStages(t *testing.T) {
	want := strings.Fields("collect buffer parse normalize enrich validate route batch deliver")
	for i, name := range want {
		s := errcat.StageUnknown + 1 + errcat.Stage(i)
		if s.String() != name {
			t.Errorf("stage %d is named %q, the documented name is %q", i, s, name)
		}
		if got, ok := errcat.ParseStage(name); !ok || got != s {
			t.Errorf("ParseStage(%q) = %v, %v", name, got, ok)
		}
		text, _ := s.MarshalText()
		var back errcat.Stage
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s does not survive its text form: %v, %v", s, back, err)
		}
	}
	if errcat.StageUnknown.String() != "" || errcat.Stage(99).String() != "" {
		t.Error("what is no stage has a name")
	}
	if _, ok := errcat.ParseStage(""); ok {
		t.Error("the empty text is a stage")
	}
	if _, err := errcat.Stage(99).MarshalText(); err == nil {
		t.Error("a number outside the set was written")
	}
	if err := new(errcat.Stage).UnmarshalText([]byte("PARSE")); err == nil {
		t.Error("an unknown stage was read")
	}
}

func TestErrorText(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"zero", &errcat.Error{}, "INTERNAL"},
		{"nil", (*errcat.Error)(nil), "<nil>"},
		{"all", &errcat.Error{Category: errcat.TypeMismatch, Stage: errcat.StageNormalize, Parser: "cisco.asa",
			Field: "source.ip", Offset: 31, Err: errors.New("not an IP address")},
			"TYPE_MISMATCH normalize cisco.asa source.ip at byte 31: not an IP address"},
		{"whole message", errcat.New(errcat.UnknownFormat, errcat.StageParse, "no pack"), "UNKNOWN_FORMAT parse: no pack"},
		{"offset not known", &errcat.Error{Category: errcat.Oversize, Offset: -1}, "OVERSIZE"},
		{"formatted", errcat.Newf(errcat.Truncated, errcat.StageUnknown, "after %d bytes: %w", 7, io.ErrUnexpectedEOF),
			"TRUNCATED: after 7 bytes: unexpected EOF"},
		{"bare", errcat.RateLimited, "RATE_LIMITED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.err.Error(); got != tc.want {
				t.Errorf("text is %q, want %q", got, tc.want)
			}
		})
	}
}

func TestErrorsIsAndAs(t *testing.T) {
	err := fmt.Errorf("reading: %w", errcat.Newf(errcat.Truncated, errcat.StageCollect, "%w", io.ErrUnexpectedEOF))
	if !errors.Is(err, errcat.Truncated) || errors.Is(err, errcat.Oversize) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("errors.Is does not find the category and the cause, and nothing else")
	}
	var e *errcat.Error
	if !errors.As(err, &e) || e.Stage != errcat.StageCollect {
		t.Error("errors.As does not find the Error")
	}
	if errors.Is(err, errcat.None) || errors.Is((*errcat.Error)(nil), errcat.Internal) {
		t.Error("nothing is found as something")
	}
	if !errors.Is(&errcat.Error{}, errcat.Internal) {
		t.Error("the zero Error does not count as INTERNAL")
	}
}

func TestAllocations(t *testing.T) {
	var sink error
	for _, tc := range []struct {
		name string
		max  float64
		f    func()
	}{
		{"New", 1, func() { sink = errcat.New(errcat.Oversize, errcat.StageParse, "too long") }},
		{"bare category", 0, func() { sink = errcat.Oversize }},
		{"Of a given category", 0, func() { _ = errcat.Of(sink) }},
	} {
		if got := testing.AllocsPerRun(100, tc.f); got > tc.max {
			t.Errorf("%s allocates %v times, at most %v are promised", tc.name, got, tc.max)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	var sink error
	for b.Loop() {
		sink = errcat.New(errcat.Oversize, errcat.StageParse, "too long")
	}
	_ = sink
}

func BenchmarkOf(b *testing.B) {
	err := fmt.Errorf("x: %w", errcat.New(errcat.Oversize, errcat.StageParse, "too long"))
	b.ReportAllocs()
	for b.Loop() {
		if errcat.Of(err) != errcat.Oversize {
			b.Fatal("wrong category")
		}
	}
}
