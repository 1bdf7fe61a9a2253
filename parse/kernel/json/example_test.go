package json_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

func Example() {
	tree, err := json.New([]json.Path{
		{Path: "eventName", Slot: 0},
		{Path: "userIdentity.userName", Slot: 1},
		{Path: "resources[].ARN", Slot: 2},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var (
		reader = tree.Reader() // one for each worker
		frame  = parse.Frame{KeepRest: true}
		text   arena.Bytes
	)
	frame.Reset(tree.Slots(), &text)
	err = reader.Read([]byte(`{"eventName":"GetObject","userIdentity":{"type":"Root","userName":"al\u0069ce"},"resources":[{"ARN":"a"},{"ARN":"b"}]}`), &frame)
	fmt.Println(frame.Slots, err)
	for _, p := range frame.Rest {
		fmt.Printf("%s: %s=%s\n", tree.Nodes()[p.Parent], p.Key, p.Value)
	}
	// Output:
	// [GetObject alice a,b] <nil>
	// userIdentity: type=Root
}

func ExampleSplit() {
	message := []byte(`{"owner":"123456789012","logEvents":[{"id":1},{"id":2},`)
	for item := range json.Split(message, nil) {
		fmt.Printf("%s %s %v\n", item.Wrapper, item.Raw, item.Err)
	}
	// Output:
	// logEvents {"id":1} <nil>
	// logEvents {"id":2} <nil>
	// logEvents  TRUNCATED parse at byte 55: json: ends inside a value
}

func ExampleObject() {
	var (
		text  arena.Bytes
		key   []byte
		value parse.Value
	)
	for it := json.Object([]byte(`{"Name":"Group","Value":["a","b"]}`), &text); it.Next(&key, &value); {
		fmt.Printf("%s is %v %s\n", key, value.Kind(), value)
	}
	// Output:
	// Name is string Group
	// Value is array ["a","b"]
}
