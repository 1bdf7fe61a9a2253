package charset_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/charset"
)

func read(t testing.TB, name string, r io.Reader) string {
	t.Helper()
	set, err := charset.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	d := ingest.Decoding{Charset: set}
	x, err := d.Reader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	b, err := io.ReadAll(x)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(b)
}

func TestLookup(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"shift_jis", "\x83\x8d\x83O", "ログ"},
		{"Shift_JIS", "\x83", "\ufffd"},
		{"gb18030", "\xc8\xd5\xd6\xbe", "日志"},
		{"euc-kr", "\xb7\xce\xb1\xd7", "로그"},
		{"KOI8-R", "\xd6\xd5\xd2\xce\xc1\xcc", "журнал"},
		{"windows-1251", "\xe6\xf3\xf0\xed\xe0\xeb", "журнал"},
		{"cp1251", "\xe6", "ж"},
		{"iso-8859-15", "\xa4", "€"},
		{"ibm850", "\x81", "ü"},
		{"big5", "\xa4\xe9", "日"},
		{"latin1", "\xe9", "é"},
		{"utf-16le", "a\x00", "a"},
	} {
		long := strings.Repeat(tc.in, 5000)
		if tc.want == "\ufffd" {
			long = tc.in
		}
		want := strings.Repeat(tc.want, len(long)/len(tc.in))
		if got := read(t, tc.name, strings.NewReader(long)); got != want {
			t.Errorf("%s: %.40q, want %.40q", tc.name, got, want)
		}
		if got := read(t, tc.name, iotest.OneByteReader(strings.NewReader(long))); got != want {
			t.Errorf("%s, byte by byte: %.40q, want %.40q", tc.name, got, want)
		}
	}
	if _, err := charset.Lookup("no-such-set"); err == nil {
		t.Error("no-such-set is known")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x83\x8d\x83O"), uint8(0))
	names := []string{"shift_jis", "gb18030", "euc-kr", "iso-2022-jp", "big5", "koi8-r"}
	f.Fuzz(func(t *testing.T, in []byte, kind uint8) {
		name := names[int(kind)%len(names)]
		whole := read(t, name, bytes.NewReader(in))
		if dripped := read(t, name, iotest.OneByteReader(bytes.NewReader(in))); dripped != whole {
			t.Fatalf("%s: dripped %q, whole %q", name, dripped, whole)
		}
	})
}

func Example() {
	set, err := charset.Lookup("koi8-r")
	if err != nil {
		panic(err)
	}
	d := ingest.Decoding{Charset: set}
	r, err := d.Reader(strings.NewReader("\xd6\xd5\xd2\xce\xc1\xcc"))
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, r)
	fmt.Println()
	// Output: журнал
}
