package errcat_test

import (
	"fmt"
	"io"

	"github.com/penstock-dev/penstock/errcat"
)

// A parser says what is wrong and where; its caller acts on the category.
func Example() {
	parse := func(line string) error {
		err := errcat.New(errcat.TypeMismatch, errcat.StageParse, "port above 65535")
		err.Parser, err.Field, err.Offset = "acme.fw", "source.port", 17
		return err
	}
	err := fmt.Errorf("line 3: %w", parse("src=10.0.0.1:99999"))

	fmt.Println(err)
	fmt.Println(errcat.Of(err), "goes to the", errcat.Of(err).Owner())
	// Output:
	// line 3: TYPE_MISMATCH parse acme.fw source.port at byte 17: port above 65535
	// TYPE_MISMATCH goes to the author of the pack or parser
}

// Errors of the standard library have a category too.
func ExampleOf() {
	fmt.Println(errcat.Of(fmt.Errorf("reading body: %w", io.ErrUnexpectedEOF)))
	// Output: TRUNCATED
}

func ExampleRetryable() {
	fmt.Println(errcat.Retryable(errcat.TransientNetwork))
	fmt.Println(errcat.Retryable(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "mapping conflict")))
	// Output:
	// true
	// false
}
