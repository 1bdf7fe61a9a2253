package cef

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// line is a made-up event of 28 keys, about 700 bytes.
const line = `CEF:0|Example Corp|Border Guard|7.4.2|1047|Blocked connection|8|rt=1767225600123 src=203.0.113.77 spt=51334 dst=10.20.30.40 dpt=8443 proto=TCP act=blocked outcome=failure suser=amelie.roth duser=svc-backup shost=edge-07 dhost=vault-2.corp.example smac=02:42:ac:11:00:07 request=https://shop.example.com/cart/checkout/step-two?item=8812&lang=en requestMethod=POST in=18231 out=99120 externalId=551209817 cat=Intrusion cs1Label=Policy cs1=Strict perimeter rules cn1Label=RuleID cn1=40122 fname=update-helper.exe fileHash=9f86d081884c7d659a2feaa0c55ad015 deviceExternalId=BG0042117XK app=HTTPS requestClientApplication=Mozilla/5.0 (X11; Linux x86_64) ExampleBrowser/17.2 msg=Connection matched a rule of the perimeter policy and was dropped`

func keysOf(ext []byte) ([]string, []int) {
	var names []string
	var slots []int
	for it := Iterate(ext); it.Next(); {
		names = append(names, string(it.Key()))
		slots = append(slots, len(slots))
	}
	return names, slots
}

func benchmarkRead(b *testing.B, ext string, known bool) {
	raw := []byte(ext)
	names, slots := keysOf(raw)
	if !known {
		names, slots = nil, nil
	}
	keys, err := parse.NewKeys(names, slots)
	if err != nil {
		b.Fatal(err)
	}
	r := NewReader(keys)
	var f parse.Frame
	var text arena.Bytes
	f.KeepRest = true
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		text.Reset()
		f.Reset(len(slots), &text)
		if err := r.Read(raw, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func extension(l string) string {
	var h Header
	ext, err := ParseHeader([]byte(l), &h)
	if err != nil {
		panic(err)
	}
	return string(ext)
}

func BenchmarkRead(b *testing.B) {
	b.Run("slots", func(b *testing.B) { benchmarkRead(b, extension(line), true) })
	b.Run("rest", func(b *testing.B) { benchmarkRead(b, extension(line), false) })
	b.Run("escapes", func(b *testing.B) {
		benchmarkRead(b, strings.NewReplacer("item=", `item\=`, "lang=", `lang\=`, "matched a", `matched\n a`).Replace(extension(line)), true)
	})
	b.Run("plain", func(b *testing.B) {
		ext := extension(line)
		b.SetBytes(int64(len(ext)))
		b.ReportAllocs()
		for b.Loop() {
			plainPairs(ext)
		}
	})
}

func BenchmarkHeader(b *testing.B) {
	raw := []byte(line)
	var h Header
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHeader(raw[Find(raw):], &h); err != nil {
			b.Fatal(err)
		}
	}
}
