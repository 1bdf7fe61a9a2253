package spool

import (
	"log/slog"
	"sync"
	"time"
)

// logger writes at most one line a second of each kind, with the number of those left
// out since the last.
type logger struct {
	to *slog.Logger

	mu    sync.Mutex
	kinds map[string]*logged
}

type logged struct {
	last   time.Time
	missed int
}

func (l *logger) warn(kind, text string, args ...any) {
	if l.to == nil {
		return
	}
	l.mu.Lock()
	k := l.kinds[kind]
	if k == nil {
		if l.kinds == nil {
			l.kinds = map[string]*logged{}
		}
		k = &logged{}
		l.kinds[kind] = k
	}
	if !k.last.IsZero() && time.Since(k.last) < time.Second {
		k.missed++
		l.mu.Unlock()
		return
	}
	missed := k.missed
	k.last, k.missed = time.Now(), 0
	l.mu.Unlock()
	if missed > 0 {
		args = append(args, "repeated", missed)
	}
	l.to.Warn(text, args...)
}
