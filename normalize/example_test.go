package normalize_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// A record gets its derived fields and is written as one JSON object.
func Example() {
	var r parse.Record
	r.SetString(ecs.DestinationAddress, "198.51.100.7")
	r.SetInt(ecs.DestinationPort, 443)
	r.SetString(ecs.NetworkTransport, "tcp")
	r.SetString(ecs.FilePath, `C:\Temp\a.exe`)

	normalize.NewDeriver(normalize.DeriveOptions{}).Derive(&r)

	encoder := normalize.NewEncoder(normalize.EncoderOptions{Flat: true})
	line, err := encoder.Append(nil, &r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(line))
	// Output:
	// {"destination.address":"198.51.100.7","destination.ip":"198.51.100.7","destination.port":443,"file.directory":"C:\\Temp","file.extension":"exe","file.name":"a.exe","file.path":"C:\\Temp\\a.exe","network.iana_number":"6","network.transport":"tcp","related.ip":["198.51.100.7"]}
}

// Text becomes what ECS wants in a field, or is refused.
func ExampleCoerce() {
	var r parse.Record
	for _, text := range []string{"80", "http"} {
		v, ok := normalize.Coerce(&r, ecs.SourcePort, parse.StringValue(text), &normalize.TimeContext{})
		fmt.Println(v, v.Kind(), ok)
	}
	// Output:
	// 80 int true
	// http string false
}
