package syslog_test

import (
	"context"
	"fmt"
	"net"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/syslog"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	receiver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer receiver.Close()

	sink, err := syslog.New[parse.Record](syslog.Options{Network: "udp", Address: receiver.LocalAddr().String(), Message: "event.original"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"@timestamp":"2026-11-29T10:00:00Z","host":{"name":"fw1"},"event":{"original":"deny tcp"}}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))

	buf := make([]byte, 1024)
	n, _, _ := receiver.ReadFrom(buf)
	fmt.Println(string(buf[:n]))
	// Output:
	// <nil>
	// <134>1 2026-11-29T10:00:00Z fw1 penstock - - - deny tcp
}
