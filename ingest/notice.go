package ingest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/parse"
)

// NoticeKind says what a Notice is about.
type NoticeKind uint8

const (
	// StepEntered and StepLeft: a class was put under a measure against pressure, or
	// relieved of it.
	StepEntered NoticeKind = iota + 1
	StepLeft
	// Gap sums up what was shed of one source since the last Gap of it: whoever reads
	// the events later sees that some are missing.
	Gap
	// SenderSilent and SenderBack: a sender has said nothing for a multiple of its
	// usual interval, and speaks again.
	SenderSilent
	SenderBack
	// ClockSkewed and ClockRight: the times of a sender's events are far from those of
	// their reception, and no longer are.
	ClockSkewed
	ClockRight
	// WorkerHung: a component did not return in time and its goroutine was left behind.
	WorkerHung
	// OutOfService and BackInService: see Quarantine.
	OutOfService
	BackInService

	numNotices
)

var noticeNames = [numNotices]string{"", "step entered", "step left", "gap", "sender silent", "sender back",
	"clock skewed", "clock right", "worker hung", "out of service", "back in service"}

// String is the name of the kind.
func (k NoticeKind) String() string {
	if k < numNotices {
		return noticeNames[k]
	}
	return fmt.Sprintf("notice %d", k)
}

// MarshalText returns the name.
func (k NoticeKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText returns the name of the step.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Notice is something that whoever runs the pipeline, or reads its events, should know.
// Fields that the kind has no use for are zero.
type Notice struct {
	Kind NoticeKind `json:"kind"`
	// Time is when it was noticed, by the pipeline's clock.
	Time time.Time `json:"time"`
	// Source is the name of the source as in Stats.
	Source string `json:"source,omitempty"`
	// Sender is who sends through the source, Origin.Source and Origin.Peer.
	Sender string `json:"sender,omitempty"`
	// Class and Step are those that the notice is about.
	Class string `json:"class,omitempty"`
	Step  Step   `json:"step,omitempty"`
	// Component is what failed, Detail the function in it, or for Quarantine the pack of
	// the messages.
	Component string `json:"component,omitempty"`
	Detail    string `json:"detail,omitempty"`
	// Count is how many events are gone in a Gap.
	Count int64 `json:"count,omitempty"`
	// Since is the beginning of a Gap or of silence.
	Since time.Time `json:"since,omitzero"`
	// Interval is the usual interval of a sender, or the time for which a step was
	// entered.
	Interval time.Duration `json:"interval,omitempty"`
	// Skew is by how much the sender's clock is behind that of the pipeline; negative
	// if it is ahead. A sender whose events are delayed looks as if it were behind.
	Skew time.Duration `json:"skew,omitempty"`
}

// String says it in one line.
func (n *Notice) String() string {
	switch n.Kind {
	case StepEntered:
		return fmt.Sprintf("under pressure: class %s is in the step %q", n.Class, n.Step)
	case StepLeft:
		return fmt.Sprintf("pressure is down: class %s has left the step %q after %s", n.Class, n.Step, n.Interval)
	case Gap:
		return fmt.Sprintf("%d events of source %s were shed since %s", n.Count, n.Source, n.Since.UTC().Format(time.RFC3339))
	case SenderSilent:
		return fmt.Sprintf("sender %q of source %s has been silent since %s; it usually sends every %s", n.Sender, n.Source, n.Since.UTC().Format(time.RFC3339), n.Interval)
	case SenderBack:
		return fmt.Sprintf("sender %q of source %s is back after silence since %s", n.Sender, n.Source, n.Since.UTC().Format(time.RFC3339))
	case ClockSkewed:
		return fmt.Sprintf("the clock of sender %q of source %s is behind by %s (negative: ahead), or its events are delayed", n.Sender, n.Source, n.Skew)
	case ClockRight:
		return fmt.Sprintf("the clock of sender %q of source %s is right again", n.Sender, n.Source)
	case WorkerHung:
		return fmt.Sprintf("%s of source %s hangs in %s: its worker was replaced and its goroutine left behind", n.Component, n.Source, n.Detail)
	case OutOfService:
		return fmt.Sprintf("%s has failed too often%s and is out of service%s", n.Component, n.forWhom(" on messages"), n.forWhom(" for them"))
	case BackInService:
		return fmt.Sprintf("%s is back in service%s", n.Component, n.forWhom(" for messages"))
	}
	return n.Kind.String()
}

// forWhom says after prefix whose messages Quarantine is about, if not everybody's.
func (n *Notice) forWhom(prefix string) string {
	switch {
	case n.Source == "":
		return ""
	case prefix == " for them":
		return prefix
	case n.Detail != "":
		return fmt.Sprintf("%s of %s of sender %q of source %s", prefix, n.Detail, n.Sender, n.Source)
	}
	return fmt.Sprintf("%s of sender %q of source %s", prefix, n.Sender, n.Source)
}

// AppendJSON appends the notice as one JSON object.
func (n *Notice) AppendJSON(dst []byte) []byte {
	b, err := json.Marshal(n)
	if err != nil { // a time of the year 10,000
		return append(dst, "{}"...)
	}
	return append(dst, b...)
}

// NoticeSource is the name in Stats of the source whose messages are notices, see
// Config.NoticeEvent.
const NoticeSource = "penstock"

// maxNotices bounds the notices that wait to become events.
const maxNotices = 256

// notice passes n on. It does not block.
func (c *core) notice(n Notice) {
	n.Time = c.now()
	c.mu.Lock()
	c.noticed[n.Kind]++
	if c.keepNotices {
		if len(c.notices) < maxNotices {
			c.notices = append(c.notices, n)
		} else {
			c.unnoticed++
		}
	}
	c.mu.Unlock()
	level := levelWarn
	switch n.Kind {
	case StepLeft, SenderBack, ClockRight, BackInService:
		level = levelInfo
	}
	about := n.Source + " " + n.Sender + n.Class + n.Component
	c.log.say(level, n.Kind.String(), about, "notice", n.String())
	if c.observer != nil {
		c.observe(func(o Observer) { o.Notice(&n) })
	}
	if c.notify != nil {
		defer func() {
			if v := recover(); v != nil {
				c.panicked("Notify", v)
			}
		}()
		c.notify(&n)
	}
}

// sendNotices sends the notices that wait as messages of their own source.
func (c *core) sendNotices() {
	c.mu.Lock()
	notices := c.notices
	c.notices = nil
	c.mu.Unlock()
	if len(notices) == 0 {
		return
	}
	// This chunk is not one of the pool: when there is most to say there is none.
	ch := &Chunk{state: chunkFilling, extra: true, notices: notices}
	var ends []int
	for i := range notices {
		ch.Buf = notices[i].AppendJSON(ch.Buf)
		ends = append(ends, len(ch.Buf))
	}
	start := 0
	for i, end := range ends {
		ch.Msgs = append(ch.Msgs, parse.Message{Raw: ch.Buf[start:end:end], Origin: c.noticeOrigin, Offset: c.noticeCount, Received: notices[i].Time})
		c.noticeCount++
		start = end
	}
	if err := c.send(c.sources[len(c.sources)-1], ch); err != nil {
		c.mu.Lock()
		c.unnoticed += int64(len(notices))
		c.mu.Unlock()
	}
}
