package leef_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
)

func Example() {
	raw := []byte(`<13>Jan 18 11:07:53 edge-07 LEEF:2.0|Example Corp|Border Guard|7.4|Blocked|^|src=203.0.113.77^sev=8^url=http://h.example/?a=1`)
	var h leef.Header
	attributes, err := leef.ParseHeader(raw[leef.Find(raw):], &h)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s / %s / %s / %s\n", h.Vendor, h.Product, h.EventID, h.Delimiter)
	for it := leef.Iterate(attributes, h.Delimiter); it.Next(); {
		a, _ := leef.Lookup(string(it.Key()))
		fmt.Printf("%s (%s) = %s\n", it.Key(), a.Type, leef.AppendValue(nil, it.Value(), h.Delimiter))
	}
	// Output:
	// Example Corp / Border Guard / Blocked / ^
	// src (ip) = 203.0.113.77
	// sev (integer) = 8
	// url (string) = http://h.example/?a=1
}

// With wanted keys in slots, as a compiled mapping uses it.
func ExampleReader() {
	keys, err := parse.NewKeys([]string{"src", "usrName"}, []int{0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := leef.NewReader(keys)
	var record parse.Record
	var h leef.Header
	f := parse.Frame{KeepRest: true}
	f.Reset(2, record.Text())
	if err := r.ReadEvent([]byte("LEEF:1.0|V|P|1|E|usrName=ada\tsrc=192.0.2.9\textra=x"), &h, &f); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Slots[0], f.Slots[1], string(f.Rest[0].Key), f.Rest[0].Value)
	// Output: 192.0.2.9 ada extra x
}
