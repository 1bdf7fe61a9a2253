package api_test

import (
	"context"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/parse"
)

var countParser = parse.ParserFunc[struct{}](func(_ *parse.Message, out *parse.Events[struct{}]) error {
	out.Add()
	return nil
})

func sinkFunc(f func(rows int)) batch.Sink[struct{}] {
	return batch.SinkFunc[struct{}](func(_ context.Context, b *batch.Batch[struct{}]) error {
		f(b.Len())
		return nil
	})
}
