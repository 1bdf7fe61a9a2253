package cef_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
)

func Example() {
	raw := []byte(`<13>Jan  5 09:14:02 edge-07 CEF:0|Example Corp|Border Guard|7.4|1047|Blocked connection|High|src=203.0.113.77 spt=51334 msg=rule a\=b matched`)
	var h cef.Header
	extension, err := cef.ParseHeader(raw[cef.Find(raw):], &h)
	if err != nil {
		fmt.Println(err)
		return
	}
	severity, _ := cef.SeverityNumber(h.Severity.Bytes())
	fmt.Println(h.Vendor, "/", h.Product, "/", h.Name, "/", severity)
	for it := cef.Iterate(extension); it.Next(); {
		name, typ, _ := cef.FullName(string(it.Key()))
		fmt.Printf("%s (%s, %s) = %s\n", it.Key(), name, typ, cef.AppendValue(nil, it.Value()))
	}
	// Output:
	// Example Corp / Border Guard / Blocked connection / 7
	// src (sourceAddress, ip) = 203.0.113.77
	// spt (sourcePort, integer) = 51334
	// msg (message, string) = rule a=b matched
}

// With wanted keys in slots, as a compiled mapping uses it.
func ExampleReader() {
	keys, err := parse.NewKeys([]string{"src", "act"}, []int{0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := cef.NewReader(keys)
	var record parse.Record
	var h cef.Header
	f := parse.Frame{KeepRest: true}
	f.Reset(2, record.Text())
	if err := r.ReadEvent([]byte("CEF:0|V|P|1|2|N|3|act=drop src=192.0.2.9 extra=x"), &h, &f); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Slots[0], f.Slots[1], string(f.Rest[0].Key), f.Rest[0].Value)
	// Output: 192.0.2.9 drop extra x
}
