package normalize_test

import (
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

const refused = "refused"

func coerce(k parse.Key, v parse.Value) (string, parse.Kind) {
	r := new(parse.Record)
	v, ok := normalize.Coerce(r, k, v, &normalize.TimeContext{Now: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)})
	if !ok {
		return refused, 0
	}
	return v.String(), v.Kind()
}

func TestCoerceText(t *testing.T) {
	const (
		text = parse.KindString
		num  = parse.KindInt
	)
	for _, tc := range []struct {
		key  ecs.Key
		in   string
		want string
		kind parse.Kind
	}{
		{ecs.Message, "any \xff text", "any \xff text", text},
		{ecs.UserName, "", "", text},
		{ecs.SourcePort, "80", "80", num},
		{ecs.SourcePort, "007", "7", num},
		{ecs.SourcePort, " 80 ", "80", num},
		{ecs.SourcePort, "+80", "80", num},
		{ecs.SourcePort, "-80", refused, 0},
		{ecs.SourcePort, "65536", refused, 0},
		{ecs.EventDuration, "-5", refused, 0},
		{ecs.SourcePort, "-0", "0", num},
		{ecs.SourcePort, "80.0", "80", num},
		{ecs.SourcePort, "80.5", refused, 0},
		{ecs.SourcePort, "+-80", refused, 0},
		{ecs.SourcePort, "-", refused, 0},
		{ecs.SourcePort, "+", refused, 0},
		{ecs.SourcePort, ".0", refused, 0},
		{ecs.SourcePort, "0x50", refused, 0},
		{ecs.SourcePort, "8 0", refused, 0},
		{ecs.SourcePort, "", refused, 0},
		{ecs.SourceBytes, "9223372036854775807", "9223372036854775807", num},
		{ecs.SourceBytes, "9223372036854775808", refused, 0},
		{ecs.EventSeverity, "-9223372036854775808", "-9223372036854775808", num},
		{ecs.SourceBytes, "-1", refused, 0},
		{ecs.DestinationPackets, "-1", refused, 0},
		{ecs.FileSize, "-1", refused, 0},
		{ecs.EventRiskScore, "1.50", "1.5", parse.KindFloat},
		{ecs.EventRiskScore, "3", "3", num},
		{ecs.EventRiskScore, "1e3", "1000", parse.KindFloat},
		{ecs.EventRiskScore, "inf", refused, 0},
		{ecs.EventRiskScore, "0x1p3", refused, 0},
		{ecs.EventRiskScore, "1e999", refused, 0},
		{ecs.EventRiskScore, "", refused, 0},
		{ecs.TLSEstablished, "True", "true", parse.KindBool},
		{ecs.TLSEstablished, "no", "false", parse.KindBool},
		{ecs.TLSEstablished, "1", "true", parse.KindBool},
		{ecs.TLSEstablished, "on", refused, 0},
		{ecs.TLSEstablished, "", refused, 0},
		{ecs.Timestamp, "2024-02-29T12:00:00.5+01:00", "2024-02-29T11:00:00.500Z", parse.KindTime},
		{ecs.Timestamp, "yesterday", refused, 0},
		{ecs.Timestamp, "2023-02-29T12:00:00Z", refused, 0},
		{ecs.Timestamp, "", refused, 0},
		{ecs.SourceIP, "10.0.0.1", "10.0.0.1", parse.KindIP},
		{ecs.SourceIP, "2001:DB8:0::1", "2001:db8::1", parse.KindIP},
		{ecs.SourceIP, "10.0.0.1/24", refused, 0},
		{ecs.SourceIP, "10.0.0", refused, 0},
		{ecs.SourceIP, "", refused, 0},
		{ecs.SourceMAC, "00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", text},
		{ecs.SourceMAC, "001a.2b3c.4d5e", "00-1A-2B-3C-4D-5E", text},
		{ecs.SourceMAC, "001A2B3C4D5E", "00-1A-2B-3C-4D-5E", text},
		{ecs.SourceMAC, "001A2B-3C4D5E", "00-1A-2B-3C-4D-5E", text},
		{ecs.SourceMAC, "0:1a:2b:3c:4d:e", "00-1A-2B-3C-4D-0E", text},
		{ecs.SourceMAC, "00-1A-2B-3C-4D-5E-6F-70", "00-1A-2B-3C-4D-5E-6F-70", text},
		{ecs.SourceMAC, "0:1:2:3:4:555", refused, 0},
		{ecs.SourceMAC, "00:1a-2b:3c:4d:5e", refused, 0},
		{ecs.SourceMAC, "00:1a:2b:3c:4d", refused, 0},
		{ecs.SourceMAC, "00:1a:2b:3c:4d:5g", refused, 0},
		{ecs.SourceMAC, "::001a:2b3c:4d5e", refused, 0},
		{ecs.SourceMAC, "001a2b3c4d5e:", refused, 0},
		{ecs.SourceMAC, "00:1a:2b:3c:4d:5e:6f:70:81", refused, 0},
		{ecs.SourceMAC, "", refused, 0},
		{ecs.Labels, "text", refused, 0},
		{ecs.Count, "vendor", "vendor", text},
	} {
		got, kind := coerce(tc.key, parse.BytesValue([]byte(tc.in)))
		if got != tc.want || kind != tc.kind {
			t.Errorf("%s from %q is %q (%v), want %q (%v)", tc.key, tc.in, got, kind, tc.want, tc.kind)
		}
	}
}

// Every kind of value meets a field of every class.
func TestCoerceKinds(t *testing.T) {
	ip := parse.IPv4Value(1, []byte("0.0.0.1"))
	at := parse.TimeValue(1_700_000_000_000_000_000)
	list := func(vs ...parse.Value) parse.Value { return parse.ListValue(vs) }
	object := parse.RawValue(parse.KindObject, []byte(`{"a":1}`))
	floatText := func(s string) parse.Value { return parse.RawValue(parse.KindFloat, []byte(s)) }
	for _, tc := range []struct {
		key  ecs.Key
		in   parse.Value
		want string
		kind parse.Kind
	}{
		{ecs.Message, parse.Value{}, "", parse.KindNone},
		{ecs.Message, parse.NullValue(), "", parse.KindNone},
		{ecs.SourceIP, parse.NullValue(), "", parse.KindNone},
		{ecs.Message, parse.IntValue(-5), "-5", parse.KindString},
		{ecs.Message, parse.FloatValue(1.5), "1.5", parse.KindString},
		{ecs.Message, parse.BoolValue(true), "true", parse.KindString},
		{ecs.Message, parse.BoolValue(false), "false", parse.KindString},
		{ecs.Message, ip, "0.0.0.1", parse.KindString},
		{ecs.Message, at, "2023-11-14T22:13:20.000Z", parse.KindString},
		{ecs.Message, object, refused, 0},
		{ecs.SourcePort, parse.FloatValue(80), "80", parse.KindInt},
		{ecs.SourcePort, parse.FloatValue(80.5), refused, 0},
		{ecs.SourcePort, parse.BoolValue(true), refused, 0},
		{ecs.SourceBytes, floatText("9007199254740993.0"), "9007199254740993", parse.KindInt},
		{ecs.SourceBytes, floatText("1e3"), "1000", parse.KindInt},
		{ecs.SourceBytes, floatText("1e18"), refused, 0},
		{ecs.SourceBytes, floatText("18446744073709551615"), refused, 0},
		{ecs.SourceBytes, floatText("1e999"), refused, 0},
		{ecs.EventRiskScore, parse.IntValue(5), "5", parse.KindInt},
		{ecs.EventRiskScore, parse.BoolValue(true), refused, 0},
		{ecs.TLSEstablished, parse.IntValue(1), "true", parse.KindBool},
		{ecs.TLSEstablished, parse.IntValue(2), refused, 0},
		{ecs.TLSEstablished, parse.FloatValue(1), refused, 0},
		{ecs.Timestamp, at, "2023-11-14T22:13:20.000Z", parse.KindTime},
		{ecs.Timestamp, parse.IntValue(1_700_000_000), "2023-11-14T22:13:20.000Z", parse.KindTime},
		{ecs.Timestamp, parse.IntValue(1_700_000_000_123), "2023-11-14T22:13:20.123Z", parse.KindTime},
		{ecs.Timestamp, floatText("1700000000.5"), "2023-11-14T22:13:20.500Z", parse.KindTime},
		{ecs.Timestamp, parse.BoolValue(true), refused, 0},
		{ecs.SourceIP, ip, "0.0.0.1", parse.KindIP},
		{ecs.SourceIP, parse.IntValue(1), refused, 0},
		{ecs.SourceMAC, parse.IntValue(1), refused, 0},
		{ecs.Labels, object, `{"a":1}`, parse.KindObject},
		{ecs.DNSAnswers, parse.RawValue(parse.KindArray, []byte(`[{}]`)), `[{}]`, parse.KindArray},
		{ecs.DNSAnswers, parse.IntValue(1), refused, 0},
		{ecs.HostIP, list(parse.StringValue("::1"), parse.NullValue(), ip), "::1,0.0.0.1", parse.KindList},
		{ecs.HostIP, list(parse.StringValue("::1"), parse.StringValue("x")), refused, 0},
		{ecs.HostIP, list(), "", parse.KindNone},
		{ecs.HostIP, list(parse.NullValue()), "", parse.KindNone},
		{ecs.Tags, list(parse.IntValue(1), parse.StringValue("b")), "1,b", parse.KindList},
		{ecs.Count + 5, object, `{"a":1}`, parse.KindObject},
		{ecs.Count + 5, parse.NullValue(), "", parse.KindNull},
	} {
		got, kind := coerce(tc.key, tc.in)
		if got != tc.want || kind != tc.kind {
			t.Errorf("%s from %v %q is %q (%v), want %q (%v)", tc.key, tc.in.Kind(), tc.in, got, kind, tc.want, tc.kind)
		}
	}
}

// An epoch carries its zone.
func TestCoerceEpochZoned(t *testing.T) {
	var r parse.Record
	for _, v := range []parse.Value{parse.IntValue(1_700_000_000), parse.RawValue(parse.KindFloat, []byte("1700000000.25"))} {
		if w, ok := normalize.Coerce(&r, ecs.Timestamp, v, nil); !ok || w.Flags()&parse.Zoned == 0 {
			t.Errorf("%v is %v without a zone", v, w)
		}
	}
}

func TestTakes(t *testing.T) {
	samples := []parse.Value{
		parse.StringValue(""), parse.StringValue("x"), parse.StringValue("10.0.0.1"), parse.StringValue("\xff"), parse.IntValue(-7),
		parse.BoolValue(true), parse.TimeValue(1), parse.IPv4Value(10<<24|1, []byte("10.0.0.1")), parse.FloatValue(1.5),
	}
	for k := range ecs.All() {
		for _, v := range samples {
			kind, most := normalize.Takes(k)
			if kind != v.Kind() || most > 0 && uint64(v.Int()) > most {
				continue
			}
			var r parse.Record
			if w, ok := normalize.Coerce(&r, k, v, nil); !ok || !w.Equal(v) {
				t.Errorf("%s takes %v but makes %q of %q", k, v.Kind(), w, v)
			}
		}
	}
	for k, want := range map[ecs.Key]parse.Kind{ecs.Count: parse.KindNone, ecs.SourceIP: parse.KindIP, ecs.Message: parse.KindString, ecs.SourceMAC: parse.KindNone, ecs.SourcePort: parse.KindInt, ecs.SourceBytes: parse.KindInt} {
		if got, _ := normalize.Takes(k); got != want {
			t.Errorf("Takes(%s) is %v, want %v", k, got, want)
		}
	}
}

// FuzzCoerce: no text makes Coerce panic, and what it makes has the field's type and is
// stable.
func FuzzCoerce(f *testing.F) {
	for _, s := range []string{"", "1", "-1.0", "+5", "1e5", "true", "::1", "10.0.0.1", "2024-01-01", "00:11:22:33:44:55", "{}"} {
		f.Add(s)
	}
	keys := []ecs.Key{ecs.Message, ecs.SourcePort, ecs.EventRiskScore, ecs.TLSEstablished, ecs.Timestamp, ecs.SourceIP, ecs.SourceMAC, ecs.Labels, ecs.SourceGeoLocation}
	f.Fuzz(func(t *testing.T, s string) {
		for _, k := range keys {
			r := new(parse.Record)
			c := &normalize.TimeContext{Now: time.Unix(1.7e9, 0)}
			v, ok := normalize.Coerce(r, k, parse.StringValue(s), c)
			if !ok {
				continue
			}
			w, ok := normalize.Coerce(r, k, v, c)
			if !ok || !w.Equal(v) {
				t.Errorf("%s: %q becomes %q, and that %q, %v", k, s, v, w, ok)
			}
		}
	})
}

func TestCoerceAllocations(t *testing.T) {
	r := new(parse.Record)
	c := &normalize.TimeContext{}
	n := testing.AllocsPerRun(100, func() {
		r.Reset()
		for _, v := range []struct {
			k ecs.Key
			s string
		}{{ecs.SourcePort, "80"}, {ecs.SourceIP, "2001:DB8::1"}, {ecs.Timestamp, "2024-01-01T00:00:00Z"}, {ecs.SourceMAC, "00:11:22:33:44:55"}, {ecs.EventRiskScore, "1.5"}} {
			_, _ = normalize.Coerce(r, v.k, parse.StringValue(v.s), c)
		}
		_, _ = normalize.Coerce(r, ecs.Message, parse.IntValue(1234), c)
		_, _ = normalize.Coerce(r, ecs.Timestamp, parse.IntValue(1_700_000_000), c)
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
