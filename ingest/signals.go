package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// ErrSecondSignal is part of what RunSignals returns when a second signal cut the
// shutdown short.
var ErrSecondSignal = errors.New("ingest: a second signal ended the pipeline at once")

// RunSignals is Run for a program: the first of signals, SIGINT and SIGTERM where none
// are named, ends it in order, as the end of ctx does; the second one ends it at once, as
// Abort does. A first signal alone is no error. Other handlers of the same signals are
// not disturbed, and the process gets them again in its own way after the return.
func (p *Pipeline[T]) RunSignals(ctx context.Context, signals ...os.Signal) error {
	if len(signals) == 0 {
		signals = []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	got := make(chan os.Signal, 2)
	signal.Notify(got, signals...)
	defer signal.Stop(got)
	ended := make(chan struct{})
	second := false
	var waiting sync.WaitGroup
	waiting.Go(func() { // ends with Run
		select {
		case s := <-got:
			p.core.log.say(levelInfo, "told to stop: what was read is still delivered", s.String(), "signal", s.String())
			cancel(fmt.Errorf("%w by the signal %s", context.Canceled, s))
		case <-ended:
			return
		}
		select {
		case <-got:
			second = true
			p.Abort()
		case <-ended:
		}
	})
	err := p.Run(ctx)
	close(ended)
	waiting.Wait()
	if second {
		return errors.Join(ErrSecondSignal, err)
	}
	return err
}
