package csv_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/csv"
)

// An access log in the common format: slots 0 to 2 for client, time and request.
func ExampleReader_Read() {
	r, err := csv.New([]csv.Column{{Index: 0, Slot: 0}, {Index: 3, Slot: 1}, {Index: 4, Slot: 2}},
		csv.Options{Comma: ' ', Brackets: true, Escape: csv.Backslash, Unset: "-"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var text arena.Bytes
	frame := parse.Frame{KeepRest: true}
	frame.Reset(3, &text)
	n, err := r.Read([]byte(`192.0.2.1 - bob [02/Jan/2024:15:04:05 +0000] "GET /\"x\" HTTP/1.1" 200 5`), &frame)
	fmt.Println(n, err)
	for _, v := range frame.Slots {
		fmt.Println(v)
	}
	for _, p := range frame.Rest {
		fmt.Printf("%s=%s\n", p.Key, p.Value)
	}
	// Output:
	// 7 <nil>
	// 192.0.2.1
	// 02/Jan/2024:15:04:05 +0000
	// GET /"x" HTTP/1.1
	// column_3=bob
	// column_6=200
	// column_7=5
}

// Rows of Zeek, whose columns the log itself names.
func ExampleHeader() {
	slots := map[string]int{"id.orig_h": 0, "service": 1}
	slotOf := func(name string) int {
		if s, ok := slots[name]; ok {
			return s
		}
		return -1
	}
	var header csv.Header
	var text arena.Bytes
	var frame parse.Frame
	for _, row := range []string{
		`#separator \x09`, "#unset_field\t-", "#fields\tts\tid.orig_h\tservice",
		"1704207845.1\t192.0.2.1\tdns", "1704207845.2\t192.0.2.2\t-",
	} {
		if isHeader, err := header.Line([]byte(row)); isHeader || err != nil {
			continue
		}
		r, err := header.Reader(slotOf)
		if err != nil {
			fmt.Println(err)
			continue
		}
		frame.Reset(2, &text)
		n, err := r.Read([]byte(row), &frame)
		fmt.Println(n, err, frame.Slots[0], frame.Slots[1].Kind())
	}
	// Output:
	// 3 <nil> 192.0.2.1 string
	// 3 <nil> 192.0.2.2 none
}
