package netflow_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/netflow"
)

// printer prints each record.
type printer struct{ text arena.Bytes }

func (p *printer) Record(r *netflow.Record) error {
	for i := range r.Template.Fields {
		f := &r.Template.Fields[i]
		fmt.Printf("%s %s\n", f.Name(nil), f.Value(r.Values[i], &p.text))
	}
	return nil
}

func (p *printer) Reject(raw []byte, err error) { fmt.Println(err) }

func Example() {
	tracker, err := netflow.NewTracker(netflow.Options{}, nil)
	if err != nil {
		panic(err)
	}
	// An IPFIX message with a template and a record of it.
	message := ipfix(0, 1,
		flowset(2, false, u16(256, 3, 8, 4, 4, 1, 96, 65535)),
		flowset(256, false, []byte{192, 0, 2, 1, 17, 3}, []byte("dns")))
	msgs := []parse.Message{{Raw: message}}
	tracker.Track(msgs)
	var d netflow.Decoder
	if err := d.Decode(message, msgs[0].Context.(*netflow.Context), &printer{}); err != nil {
		panic(err)
	}
	// Output:
	// source_ipv4_address 192.0.2.1
	// protocol_identifier 17
	// application_name dns
}
