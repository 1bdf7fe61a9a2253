package text_test

import (
	"errors"
	"fmt"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/text"
)

func ExampleSet_Match() {
	set, err := text.Compile([]text.Pattern{
		{ID: 1, Text: "Accepted <method:word> for <user> from <ip:ip> port <port:port>{ <_:word>}"},
		{ID: 2, Text: "Failed <method:word> for {invalid user |}<user> from <ip:ip> port <port:port>{ <_:word>}"},
		{ID: 3, Text: "Connection closed by <ip:ip>..."},
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range []string{
		"Failed password for invalid user oracle from 192.0.2.7 port 40022 ssh2",
		"Connection closed by 2001:db8::7 port 4022",
		"Something else",
	} {
		slots := make([]parse.Value, set.Slots())
		id, ok := set.Match([]byte(line), slots)
		fmt.Println(id, ok)
		for i, v := range slots {
			if !v.IsZero() {
				fmt.Printf("  %s = %s (%s)\n", set.Names()[i], v, v.Kind())
			}
		}
	}
	// Output:
	// 2 true
	//   method = password (string)
	//   user = oracle (string)
	//   ip = 192.0.2.7 (ip)
	//   port = 40022 (int)
	// 3 true
	//   ip = 2001:db8::7 (ip)
	// 0 false
}

func ExampleCompile_error() {
	_, err := text.Compile([]text.Pattern{{ID: 7, Text: "from <ip:ipv4> port <port:integer>"}}, nil)
	fmt.Println(err)
	var p *text.PatternError
	if errors.As(err, &p) {
		fmt.Println(p.ID, p.Offset, p.Meant)
	}
	// Output:
	// SCHEMA_VIOLATION parse text at byte 9: pattern 7, byte 9: unknown type "ipv4"; did you mean ip?
	// 7 9 did you mean ip?
}

func ExampleSet_Unreachable() {
	set, err := text.Compile([]text.Pattern{
		{ID: 1, Text: "login of <user:rest>"},
		{ID: 2, Text: "login of <user:word> from <ip:ip>"},
	}, nil)
	fmt.Println(set.Unreachable(), err)
	// Output:
	// [1] <nil>
}
