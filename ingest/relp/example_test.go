package relp_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest/relp"
)

// A listener for rsyslog's omrelp:
//
//	action(type="omrelp" target="127.0.0.1" port="2514" template="RSYSLOG_SyslogProtocol23Format")
func Example() {
	src, err := relp.Listen(relp.Options{Name: "relp-dmz", Address: "127.0.0.1:0", Limits: relp.Limits{MaxConnections: 100}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name(), src.Addr().Network())
	// Output: relp-dmz tcp
}
