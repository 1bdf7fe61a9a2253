package ingest

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// logger writes to the host's log at a bounded rate, since hostile input decides how
// often there is something to say. Stats has the exact numbers.
type logger struct {
	to *slog.Logger

	mu      sync.Mutex
	start   time.Time
	count   int
	dropped int
}

// logBurst is how many lines are written in logPeriod.
const (
	logBurst  = 10
	logPeriod = 10 * time.Second
)

func newLogger(to *slog.Logger) *logger {
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	return &logger{to: to}
}

// allow reports whether a line may be written, and how many were not before it.
func (l *logger) allow() (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.start) >= logPeriod {
		l.start, l.count = now, 0
	}
	if l.count >= logBurst {
		l.dropped++
		return 0, false
	}
	l.count++
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}

func (l *logger) warn(msg string, args ...any) {
	dropped, ok := l.allow()
	if !ok {
		return
	}
	if dropped > 0 {
		args = append(args, "unlogged", dropped)
	}
	l.to.Warn(msg, args...)
}

// panicked counts and logs a panic that was contained. It is called by the function
// that recovered, so that the stack is the panic's.
func (c *core) panicked(component string, v any) {
	c.mu.Lock()
	c.panics++
	c.mu.Unlock()
	if dropped, ok := c.log.allow(); ok {
		c.log.to.Error("contained a panic", "component", component, "panic", v, "unlogged", dropped, "stack", string(debug.Stack()))
	}
}
