package kv_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
)

func Example() {
	format, err := kv.New(kv.Fortinet())
	if err != nil {
		fmt.Println(err)
		return
	}
	it := format.Iterate([]byte(`devname="edge 7" action="deny" sentbyte=0`))
	for it.Next() {
		fmt.Printf("%s = %s\n", it.Key(), it.Value())
	}
	fmt.Println(it.Err())
	// Output:
	// devname = edge 7
	// action = deny
	// sentbyte = 0
	// <nil>
}

// With wanted keys in slots, as a compiled mapping uses it.
func ExampleReader() {
	format, err := kv.New(kv.Auditd())
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := parse.NewKeys([]string{"msg", "acct"}, []int{0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := format.NewReader(keys)
	var record parse.Record
	f := parse.Frame{KeepRest: true}
	f.Reset(2, record.Text())
	line := []byte(`type=USER_AUTH msg=audit(1767604442.118:9042): pid=81 msg='op=login acct="ada" res=failed'`)
	if err := r.Read(line, &f); err != nil {
		fmt.Println(err)
		return
	}
	nanos, serial, _ := kv.AuditStamp(f.Slots[0].Bytes())
	fmt.Println(nanos, serial, f.Slots[1])
	for _, p := range f.Rest {
		fmt.Printf("%s = %s\n", p.Key, p.Value)
	}
	// Output:
	// 1767604442118000000 9042 ada
	// type = USER_AUTH
	// pid = 81
	// op = login
	// res = failed
}
