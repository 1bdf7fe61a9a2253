package ingest

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// logger writes to the host's log at a bounded rate, since hostile input decides how
// often there is something to say. A message that comes again within logPeriod is
// counted and written once more, with the count, when the period is over. Stats has the
// exact numbers.
type logger struct {
	to *slog.Logger

	mu      sync.Mutex
	start   time.Time
	count   int
	dropped int
	seen    map[logKey]*logEntry
}

// logKey tells messages apart: what is said, and of what.
type logKey struct{ msg, about string }

type logEntry struct {
	level    slog.Level
	since    time.Time
	repeated int
}

const (
	// logBurst is how many lines are written in logPeriod.
	logBurst  = 50
	logPeriod = 10 * time.Second
	// maxLogKeys bounds the messages that are told apart.
	maxLogKeys = 64

	levelError = slog.LevelError
	levelWarn  = slog.LevelWarn
	levelInfo  = slog.LevelInfo
)

func newLogger(to *slog.Logger) *logger {
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	return &logger{to: to, seen: map[logKey]*logEntry{}}
}

// say logs msg about something, or counts it if it has just been logged.
func (l *logger) say(level slog.Level, msg, about string, args ...any) {
	if !l.to.Enabled(context.Background(), level) {
		return
	}
	now := time.Now()
	key := logKey{msg, about}
	l.mu.Lock()
	e := l.seen[key]
	if e != nil && now.Sub(e.since) < logPeriod {
		e.repeated++
		l.mu.Unlock()
		return
	}
	if e == nil {
		if len(l.seen) >= maxLogKeys {
			l.dropped++
			l.mu.Unlock()
			return
		}
		e = &logEntry{level: level}
		l.seen[key] = e
	}
	repeated := e.repeated
	e.since, e.repeated = now, 0
	ok := l.allow(now)
	l.mu.Unlock()
	if ok {
		l.write(level, msg, repeated, args)
	}
}

// fresh reports whether say would write such a line.
func (l *logger) fresh(msg, about string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.seen[logKey{msg, about}]
	return l.to.Enabled(context.Background(), levelError) && (e == nil || time.Since(e.since) >= logPeriod)
}

// allow counts a line, and reports whether it may be written. The caller holds mu.
func (l *logger) allow(now time.Time) bool {
	if now.Sub(l.start) >= logPeriod {
		l.start, l.count = now, 0
	}
	if l.count >= logBurst {
		l.dropped++
		return false
	}
	l.count++
	return true
}

func (l *logger) write(level slog.Level, msg string, repeated int, args []any) {
	l.mu.Lock()
	dropped := l.dropped
	l.dropped = 0
	l.mu.Unlock()
	if repeated > 0 {
		args = append(args, "repeated", repeated)
	}
	if dropped > 0 {
		args = append(args, "unlogged", dropped)
	}
	l.to.Log(context.Background(), level, msg, args...)
}

// flush writes the counts of what came again and whose period is over; with all, of
// everything.
func (l *logger) flush(now time.Time, all bool) {
	type line struct {
		key logKey
		logEntry
	}
	var lines []line
	l.mu.Lock()
	for key, e := range l.seen {
		if !all && now.Sub(e.since) < logPeriod {
			continue
		}
		delete(l.seen, key)
		if e.repeated > 0 && l.allow(now) {
			lines = append(lines, line{key, *e})
		}
	}
	l.mu.Unlock()
	for _, e := range lines {
		l.write(e.level, e.key.msg, e.repeated, []any{"about", e.key.about})
	}
}

// panicked counts and logs a panic that was contained. It is called by the function
// that recovered, so that the stack is the panic's.
func (c *core) panicked(component string, v any) {
	c.mu.Lock()
	c.panics++
	c.mu.Unlock()
	const msg = "contained a panic"
	stack := ""
	if c.log.fresh(msg, component) {
		stack = string(debug.Stack())
	}
	c.log.say(levelError, msg, component, "component", component, "panic", v, "stack", stack)
}
