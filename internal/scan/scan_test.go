package scan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The plain twins: what each function means, one byte at a time.

func plainJSONSpecial(b []byte, high bool) int {
	for i, c := range b {
		if c < 0x20 || c == '"' || c == '\\' || high && c >= 0x80 {
			return i
		}
	}
	return len(b)
}

func plainIndexAny(b []byte, set ...byte) int {
	for i, c := range b {
		if bytes.IndexByte(set, c) >= 0 {
			return i
		}
	}
	return -1
}

func plainLower(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

// plainJSON is encoding/json without HTML escapes, with U+FFFD, U+2028 and
// U+2029 as themselves.
func plainJSON(t testing.TB, s []byte) ([]byte, int) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(s)); err != nil {
		t.Fatal(err)
	}
	in := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	var out []byte
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			out = append(out, in[i])
			continue
		}
		i++
		if in[i] == 'u' {
			hex := string(in[i+1 : i+5])
			switch hex {
			case "fffd", "2028", "2029":
				r, _ := strconv.ParseUint(hex, 16, 32)
				out = utf8.AppendRune(out, rune(r))
				i += 4
				continue
			}
		}
		out = append(out, '\\', in[i])
	}
	bad := 0
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 {
			bad++
		}
		s = s[n:]
	}
	return out, bad
}

func check(t testing.TB, b []byte, c1, c2, c3 byte) {
	t.Helper()
	eq := func(name string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s(%q; %q %q %q) = %v, want %v", name, b, c1, c2, c3, got, want)
		}
	}
	eq("JSONSpecial", JSONSpecial(b), plainJSONSpecial(b, false))
	eq("JSONUnsafe", JSONUnsafe(b), plainJSONSpecial(b, true))
	eq("IndexAny2", IndexAny2(b, c1, c2), plainIndexAny(b, c1, c2))
	eq("IndexAny3", IndexAny3(b, c1, c2, c3), plainIndexAny(b, c1, c2, c3))
	eq("SkipSpaces", SkipSpaces(b), len(b)-len(bytes.TrimLeft(b, " \t")))
	ascii := true
	for _, c := range b {
		ascii = ascii && c < 0x80
	}
	eq("IsASCII", IsASCII(b), ascii)
	low := plainLower(b)
	eq("AppendLower", string(AppendLower([]byte("x"), b)), "x"+string(low))
	eq("EqualFoldASCII", EqualFoldASCII(b, string(low)), true)
	eq("HasPrefixFold", HasPrefixFold(append(bytes.Clone(b), c1), string(low)), true)
	if len(b) > 0 {
		i := int(c1) % len(b)
		low[i] ^= c2 | 1
		want := string(plainLower(b)) == string(low)
		if low[i] < 'A' || low[i] > 'Z' {
			eq("EqualFoldASCII", EqualFoldASCII(b, string(low)), want)
			eq("HasPrefixFold", HasPrefixFold(append(bytes.Clone(b), c1), string(low)), want)
		}
		eq("EqualFoldASCII", EqualFoldASCII(b[1:], string(low)), false)
		eq("HasPrefixFold", HasPrefixFold(b[1:], string(low)), false)
	}

	wantJSON, wantBad := plainJSON(t, b)
	eq("AppendJSONString", string(AppendJSONString([]byte("x"), b)), "x"+string(wantJSON))
	got, bad := AppendJSONStringCount([]byte("x"), b)
	eq("AppendJSONStringCount", string(got), "x"+string(wantJSON))
	eq("AppendJSONStringCount", bad, wantBad)

	u, ok := ParseUint(b)
	wu, err := strconv.ParseUint(string(b), 10, 64)
	if wok := err == nil && len(b) <= 20 && b[0] != '+'; ok != wok || ok && u != wu {
		t.Fatalf("ParseUint(%q) = %d, %v, want %d, %v", b, u, ok, wu, wok)
	}
	v, ok := ParseInt(b)
	wv, err := strconv.ParseInt(string(b), 10, 64)
	if wok := err == nil && len(strings.TrimPrefix(string(b), "-")) <= 20 && b[0] != '+'; ok != wok || ok && v != wv {
		t.Fatalf("ParseInt(%q) = %d, %v, want %d, %v", b, v, ok, wv, wok)
	}
	h, ok := ParseHex(b)
	wh, err := strconv.ParseUint(string(b), 16, 64)
	if wok := err == nil && len(b) <= 16 && b[0] != '+'; ok != wok || ok && h != wh {
		t.Fatalf("ParseHex(%q) = %x, %v, want %x, %v", b, h, ok, wh, wok)
	}
	ip, ok := ParseIPv4(b)
	a, err := netip.ParseAddr(string(b))
	wok := err == nil && a.Is4()
	if ok != wok {
		t.Fatalf("ParseIPv4(%q) ok = %v, want %v", b, ok, wok)
	}
	if ok {
		if o := a.As4(); ip != uint32(o[0])<<24|uint32(o[1])<<16|uint32(o[2])<<8|uint32(o[3]) {
			t.Fatalf("ParseIPv4(%q) = %x", b, ip)
		}
	}
	var room [16]byte
	copy(room[:], b)
	digits := 0
	for digits < 8 && room[digits]-'0' <= 9 {
		digits++
	}
	want, _ := strconv.Atoi(string(room[:digits]))
	if v, n := DigitsPrefix(load64(room[:], 0)); n != digits || v != uint64(want) {
		t.Fatalf("DigitsPrefix(%q) = %d, %d", room, v, n)
	}
	end := 0
	for end < 16 && (room[end]-'0' <= 9 || room[end] == '.') {
		end++
	}
	text := room[:end]
	for dots := 0; len(text) > 0; text = text[:len(text)-1] { // up to the fourth dot
		if dots = bytes.Count(text, []byte(".")); dots < 4 {
			break
		}
	}
	wip, wok := ParseIPv4(text)
	prefix, n := IPv4Prefix(&room)
	if !wok {
		text = nil
	}
	if end < 16 && (n != len(text) || prefix != wip && n > 0) {
		t.Fatalf("IPv4Prefix(%q) = %x, %d, want %x, %d", room, prefix, n, wip, len(text))
	}
}

var seeds = []string{
	"", "a", "\"", "\\", "abc\"", "ASA-6-302013", "%ASA-6-302013: Built outbound TCP connection", "\x00", "\x1f\x20\x21\x22\x23",
	"\x7f\x80\x81", "é", "ünïcödé text of some length", "bad \xff\xfe utf8 \xe2\x82", "\xed\xa0\x80", "\u2028\u2029", "<b>&amp;</b>",
	"line\nfeed\r\n\ttab\b\f\v", "  \t x", "\t", "@[`{AZaz", "\xc1\xda\xe1\xfa", "0", "00", "-0", "-", "+1", "12345678", "123456789",
	"1234567890123456", "12345678901234567", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
	"-9223372036854775809", "18446744073709551615", "18446744073709551616", "00000000000000000001", "000000000000000000001",
	"1234567a", "12345678:", "1234567812345/78", "DEADbeef", "ffffffffffffffff", "10000000000000000", "0x1f", "fg",
	"1.2.3.4", "255.255.255.255", "256.1.1.1", "01.2.3.4", "1.2.3", "1.2.3.4.", "1.2.3.4.5", ".1.2.3.4", "1..2.3", "0.0.0.0",
	"192.168.100.200", "192.168.100.2000", "1.2.3.4 ", "::1", "::ffff:1.2.3.4",
}

func TestTwins(t *testing.T) {
	for _, s := range seeds {
		check(t, []byte(s), '"', ' ', '=')
		for pad := range 24 {
			check(t, []byte(strings.Repeat("a", pad)+s), 'b', ':', 0)
			check(t, []byte(s+strings.Repeat("1", pad)), '\\', 0xff, 0x80)
		}
	}
	for _, alphabet := range []string{"01 9/:", "ab\"\\\n", "A\x80Z\xffz@[", "\xe2\x82\xac\"a", "1.0259"} {
		for range 4000 {
			b := make([]byte, rand.IntN(90))
			for i := range b {
				b[i] = alphabet[rand.IntN(len(alphabet))]
			}
			check(t, b, b1(b, 0), b1(b, 1), 'q')
		}
	}
	// A quote at every place of an escaped string, and strings of escapes only, into
	// buffers of every room.
	for n := range 70 {
		for i := range n + 1 {
			s := []byte(strings.Repeat("x", i) + "\"" + strings.Repeat("y", n-i))
			if got, want := string(AppendJSONString(nil, s)), strconv.Quote(string(s)); got != want {
				t.Fatalf("AppendJSONString(%q) = %s", s, got)
			}
		}
		ctl := bytes.Repeat([]byte{1}, n)
		for room := range 100 {
			got := AppendJSONString(make([]byte, 0, room), ctl)
			if want := `"` + strings.Repeat(`\u0001`, n) + `"`; string(got) != want {
				t.Fatalf("AppendJSONString(%q) = %s", ctl, got)
			}
		}
	}
	// Every byte at every place of an otherwise clean string.
	for n := 1; n < 40; n++ {
		for i := range n {
			for c := range 256 {
				b := bytes.Repeat([]byte("x"), n)
				b[i] = byte(c)
				if got, want := JSONSpecial(b), plainJSONSpecial(b, false); got != want {
					t.Fatalf("JSONSpecial(%q) = %d, want %d", b, got, want)
				}
				if got, want := JSONUnsafe(b), plainJSONSpecial(b, true); got != want {
					t.Fatalf("JSONUnsafe(%q) = %d, want %d", b, got, want)
				}
				if got := string(AppendLower(nil, b)); got != string(plainLower(b)) {
					t.Fatalf("AppendLower(%q) = %q", b, got)
				}
			}
		}
	}
}

func b1(b []byte, i int) byte {
	if i < len(b) {
		return b[len(b)-1-i]
	}
	return 'z'
}

func TestParseIntLimits(t *testing.T) {
	for _, v := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64} {
		if got, ok := ParseInt(strconv.AppendInt(nil, v, 10)); !ok || got != v {
			t.Errorf("ParseInt(%d) = %d, %v", v, got, ok)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	dst := make([]byte, 0, 256)
	text := []byte("GET /index \"q\" \xff é")
	if n := testing.AllocsPerRun(100, func() {
		dst = AppendJSONString(dst[:0], text)
		dst, _ = AppendJSONStringCount(dst[:0], text)
		dst = AppendLower(dst[:0], text)
		ParseIPv4(text)
		ParseInt(text)
		EqualFoldASCII(text, "get")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzTwins(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), byte('"'), byte(' '), byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, c1, c2, c3 byte) { check(t, b, c1, c2, c3) })
}

var (
	sinkInt  int
	sinkU64  uint64
	sinkBool bool
)

func benchText(n int) []byte {
	return []byte(strings.Repeat("Built outbound TCP connection 1234 for outside:1.2.3.4/443 ", n/50+1))[:n]
}

func BenchmarkJSON(b *testing.B) {
	dst := make([]byte, 0, 4096)
	for _, n := range []int{3, 7, 12, 20, 40, 120, 1000} {
		s := benchText(n)
		// Direct loops: a closure would cost as much as the shortest strings.
		name := func(f string) string { return fmt.Sprintf("%s/%d", f, n) }
		b.Run(name("special"), func(b *testing.B) {
			b.SetBytes(int64(n))
			for range b.N {
				sinkInt = JSONSpecial(s)
			}
		})
		b.Run(name("unsafe"), func(b *testing.B) {
			b.SetBytes(int64(n))
			for range b.N {
				sinkInt = JSONUnsafe(s)
			}
		})
		b.Run(name("plain"), func(b *testing.B) {
			b.SetBytes(int64(n))
			for range b.N {
				sinkInt = plainJSONSpecial(s, true)
			}
		})
		b.Run(name("append"), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for range b.N {
				dst = AppendJSONString(dst[:0], s)
			}
		})
		b.Run(name("copy"), func(b *testing.B) {
			b.SetBytes(int64(n))
			for range b.N {
				dst = append(append(append(dst[:0], '"'), s...), '"')
			}
		})
		b.Run(name("strconv"), func(b *testing.B) {
			b.SetBytes(int64(n))
			for range b.N {
				dst = strconv.AppendQuote(dst[:0], string(s))
			}
		})
	}
	s := []byte("C:\\Windows\\System32\\svchost.exe -k \"netsvcs\"")
	b.Run("append/path", func(b *testing.B) {
		for range b.N {
			dst = AppendJSONString(dst[:0], s)
		}
	})
	u := []byte("Übergrößenträger – naïve café")
	b.Run("append/utf8", func(b *testing.B) {
		for range b.N {
			dst = AppendJSONString(dst[:0], u)
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{5, 12, 40, 1000} {
		s := benchText(n)
		b.Run(fmt.Sprintf("any2/%d", n), func(b *testing.B) {
			for range b.N {
				sinkInt = IndexAny2(s, '=', '|')
			}
		})
		b.Run(fmt.Sprintf("any3/%d", n), func(b *testing.B) {
			for range b.N {
				sinkInt = IndexAny3(s, '=', '|', '\\')
			}
		})
		b.Run(fmt.Sprintf("bytes.IndexAny/%d", n), func(b *testing.B) {
			for range b.N {
				sinkInt = bytes.IndexAny(s, "=|")
			}
		})
		b.Run(fmt.Sprintf("ascii/%d", n), func(b *testing.B) {
			for range b.N {
				sinkBool = IsASCII(s)
			}
		})
	}
}

func BenchmarkFold(b *testing.B) {
	s := []byte("SourceIPAddress")
	dst := make([]byte, 0, 64)
	b.Run("equal/15", func(b *testing.B) {
		for range b.N {
			sinkBool = EqualFoldASCII(s, "sourceipaddress")
		}
	})
	b.Run("equal/4", func(b *testing.B) {
		for range b.N {
			sinkBool = EqualFoldASCII(s[:4], "sour")
		}
	})
	b.Run("bytes.EqualFold/15", func(b *testing.B) {
		for range b.N {
			sinkBool = bytes.EqualFold(s, []byte("sourceipaddress"))
		}
	})
	b.Run("lower/15", func(b *testing.B) {
		for range b.N {
			dst = AppendLower(dst[:0], s)
		}
	})
}

func BenchmarkNumber(b *testing.B) {
	for _, s := range []string{"7", "443", "65535", "302013", "1700000000", "1700000000123456789"} {
		t := []byte(s)
		b.Run(fmt.Sprintf("int/%d", len(s)), func(b *testing.B) {
			for range b.N {
				v, _ := ParseInt(t)
				sinkU64 = uint64(v)
			}
		})
		b.Run(fmt.Sprintf("strconv/%d", len(s)), func(b *testing.B) {
			for range b.N {
				v, _ := strconv.ParseInt(string(t), 10, 64)
				sinkU64 = uint64(v)
			}
		})
	}
	for _, s := range []string{"1.2.3.4", "10.1.2.3", "192.168.100.200"} {
		t := []byte(s)
		b.Run("ipv4/"+s, func(b *testing.B) {
			for range b.N {
				v, _ := ParseIPv4(t)
				sinkU64 = uint64(v)
			}
		})
		b.Run("netip/"+s, func(b *testing.B) {
			for range b.N {
				v, _ := netip.ParseAddr(s)
				sinkBool = v.Is4()
			}
		})
	}
	h := []byte("0a1b2c3d")
	b.Run("hex/8", func(b *testing.B) {
		for range b.N {
			sinkU64, _ = ParseHex(h)
		}
	})
}

func TestOffset(t *testing.T) {
	whole := []byte("abcdef")
	room := whole[1:3:3]
	for _, c := range []struct {
		name        string
		whole, part []byte
		want        int
	}{
		{"all", whole, whole, 0},
		{"the end", whole, whole[5:], 5},
		{"behind a part", whole[:3], whole[3:], -1},
		{"over the end", whole[:3], whole[2:4], -1},
		{"before a part", whole[2:], whole[:1], -1},
		{"longer", room, whole, -1},
		{"no bytes", whole, whole[2:2], -1},
		{"in nothing", nil, whole, -1},
		{"an equal text", whole, []byte("cd"), -1},
	} {
		if got := Offset(c.whole, c.part); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if b := Bytes("text"); string(b) != "text" || len(Bytes("")) != 0 {
		t.Errorf("Bytes gave %q", b)
	}
}
