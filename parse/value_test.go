package parse_test

import (
	"math"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

func TestValueText(t *testing.T) {
	at := time.Date(2024, 2, 29, 1, 2, 3, 456789000, time.UTC)
	var a arena.Bytes
	ip6, _ := parse.IPValue([]byte("2001:DB8::1%eth0"), &a)
	for _, tc := range []struct {
		v    parse.Value
		kind string
		text string
	}{
		{parse.Value{}, "none", ""},
		{parse.NullValue(), "null", ""},
		{parse.StringValue("a"), "string", "a"},
		{parse.BytesValue(nil), "string", ""},
		{parse.IntValue(math.MinInt64), "int", "-9223372036854775808"},
		{parse.IntText(7, []byte("7")), "int", "7"},
		{parse.FloatValue(1.5), "float", "1.5"},
		{parse.FloatValue(1e20), "float", "1e+20"},
		{parse.FloatValue(math.Copysign(0, -1)), "float", "0"},
		{parse.FloatValue(math.NaN()), "null", ""},
		{parse.FloatValue(math.Inf(-1)), "null", ""},
		{parse.RawValue(parse.KindFloat, []byte("1.10")), "float", "1.10"},
		{parse.BoolValue(true), "bool", "true"},
		{parse.TimeValue(at.UnixNano()), "time", "2024-02-29T01:02:03.456789Z"},
		{parse.IPv4Value(1, []byte("0.0.0.1")), "ip", "0.0.0.1"},
		{ip6, "ip", "2001:db8::1"},
		{parse.ListValue([]parse.Value{parse.IntValue(1), parse.StringValue("x")}), "list", "1,x"},
		{parse.ListValue(nil), "list", ""},
		{parse.RawValue(parse.KindObject, []byte(`{"a":1}`)), "object", `{"a":1}`},
		{parse.RawValue(parse.KindArray, []byte(`[1]`)), "array", `[1]`},
	} {
		if got := tc.v.Kind().String(); got != tc.kind {
			t.Errorf("%q: kind %s, want %s", tc.text, got, tc.kind)
		}
		if got := tc.v.String(); got != tc.text {
			t.Errorf("%s: text %q, want %q", tc.kind, got, tc.text)
		}
		var text arena.Bytes
		var lists arena.Slices[parse.Value]
		if c := tc.v.CloneInto(&text, &lists); !c.Equal(tc.v) || c.String() != tc.text {
			t.Errorf("%s: clone is %q, want %q", tc.kind, c, tc.text)
		}
		if tc.v.Equal(parse.StringValue("no")) {
			t.Errorf("%s %q equals another text", tc.kind, tc.text)
		}
	}
	if got := parse.Kind(200).String(); got != "invalid" {
		t.Errorf("kind 200 is %q", got)
	}
}

func TestValueAccessors(t *testing.T) {
	if v := parse.StringValue("5"); v.Int() != 0 || v.Float() != 0 || v.Bool() || !v.Time().IsZero() || v.Addr().IsValid() || v.List() != nil {
		t.Error("a text has values of other kinds")
	}
	if v := parse.ListValue([]parse.Value{parse.IntValue(1)}); v.Bytes() != nil || v.Str() != "" {
		t.Error("a list has a text")
	}
	if v := parse.IntValue(3); v.Float() != 3 || v.Bool() {
		t.Errorf("3 is %v, %v", v.Float(), v.Bool())
	}
	if !parse.IntText(3, []byte("3")).Equal(parse.IntValue(3)) {
		t.Error("the same integer with and without text differs")
	}
	v := parse.StringValue("x").WithFlags(parse.Quoted)
	if v.Flags()&parse.Quoted == 0 || !v.Equal(parse.StringValue("x")) {
		t.Error("flags changed the value or are lost")
	}
}

func TestIPValue(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		v4       bool
	}{
		{"1.2.3.4", "1.2.3.4", true},
		{"0.0.0.0", "0.0.0.0", true},
		{"255.255.255.255", "255.255.255.255", true},
		{"::", "::", false},
		{"::1", "::1", false},
		{"FE80::1%3", "fe80::1", false},
		{"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1", false},
		{"::ffff:1.2.3.4", "::ffff:1.2.3.4", false},
		{"01.2.3.4", "", false},
		{"1.2.3", "", false},
		{"1.2.3.256", "", false},
		{"1.2.3.4 ", "", false},
		{"1.2.3.4:80", "", false},
		{"[::1]", "", false},
		{":", "", false},
		{"", "", false},
		{"a:b", "", false},
	} {
		var a arena.Bytes
		v, ok := parse.IPValue([]byte(tc.in), &a)
		_, v4 := v.IPv4()
		if ok != (tc.want != "") || v.Str() != tc.want || v4 != tc.v4 {
			t.Errorf("%q is %q, %v, IPv4 %v; want %q, IPv4 %v", tc.in, v.Str(), ok, v4, tc.want, tc.v4)
		}
		if ok && v.Addr().String() != tc.want {
			t.Errorf("%q has the address %v", tc.in, v.Addr())
		}
	}
}

func TestEncodedValue(t *testing.T) {
	v := parse.EncodedValue([]byte("a\nba\\nb"), 3)
	if v.Str() != "a\nb" || string(v.JSON()) != `a\nb` || v.Kind() != parse.KindString {
		t.Errorf("%q, JSON %q", v.Str(), v.JSON())
	}
	var text arena.Bytes
	var lists arena.Slices[parse.Value]
	c := v.CloneInto(&text, &lists)
	if !c.Equal(v) || c.JSON() != nil {
		t.Errorf("the copy is %q, JSON %q", c.Str(), c.JSON())
	}
	if v := parse.StringValue("a").WithFlags(parse.Clean); string(v.JSON()) != "a" {
		t.Errorf("clean: %q", v.JSON())
	}
	if v := parse.StringValue("a\n"); v.JSON() != nil {
		t.Errorf("not known: %q", v.JSON())
	}
}
