package parse_test

import (
	"bytes"
	"fmt"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// A parser for a text of one's own needs a function.
func Example() {
	door := parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
		who, what, ok := bytes.Cut(m.Raw, []byte(" "))
		if !ok {
			return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no space in the line")
		}
		r := out.Add()
		r.Set(ecs.UserName, parse.BytesValue(who)) // aliases the message: no copy
		r.Set(ecs.EventAction, parse.BytesValue(what))
		return nil
	})

	var events parse.Events[parse.Record]
	for _, line := range []string{"ann opened", "?"} {
		events.Reset()
		if err := door.Parse(&parse.Message{Raw: []byte(line)}, &events); err != nil {
			fmt.Println(err)
			continue
		}
		for key, value := range events.At(0).All() {
			fmt.Println(key, "=", value)
		}
	}
	// Output:
	// event.action = opened
	// user.name = ann
	// SCHEMA_VIOLATION parse: no space in the line
}

// A registry finds parsers by name, and by what a message looks like.
func ExampleRegistry() {
	say := func(name string) parse.Parser[string] {
		return parse.ParserFunc[string](func(m *parse.Message, out *parse.Events[string]) error {
			*out.Add() = name + " reads " + string(m.Raw)
			return nil
		})
	}
	begins := func(text string) parse.Detector {
		return parse.DetectorFunc(func(m *parse.Message) bool { return bytes.HasPrefix(m.Raw, []byte(text)) })
	}
	var r parse.Registry[string]
	r.MustRegister("acme.door", say("door"), parse.RegisterOptions{Detector: begins("door:"), Aliases: []string{"door"}})
	r.MustRegister("json", say("json"), parse.RegisterOptions{Detector: begins("{"), Order: 90})
	fmt.Println(r.Names())

	auto := r.Auto()
	var events parse.Events[string]
	for _, m := range []parse.Message{
		{Raw: []byte("door: opened")},
		{Raw: []byte("{}")},
		{Raw: []byte("?")},
		{Raw: []byte("?"), Origin: &parse.Origin{Hint: "door"}},
	} {
		events.Reset()
		if err := auto.Parse(&m, &events); err != nil {
			fmt.Println(errcat.Of(err))
			continue
		}
		fmt.Println(*events.At(0))
	}
	// Output:
	// [acme.door json]
	// door reads door: opened
	// json reads {}
	// UNKNOWN_FORMAT
	// door reads ?
}

// Clone is the one way to keep an event longer than its batch.
func ExampleRecord_Clone() {
	raw := []byte("ann")
	var r parse.Record
	r.Set(ecs.UserName, parse.BytesValue(raw))
	kept := r.Clone()
	copy(raw, "###") // the source uses its buffer again
	fmt.Println(r.Get(ecs.UserName), kept.Get(ecs.UserName))
	// Output:
	// ### ann
}
