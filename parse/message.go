package parse

import (
	"net/netip"
	"time"
)

// Message is one raw record on its way into a Parser.
type Message struct {
	// Raw is the record as it came, framing removed. It belongs to the source's chunk
	// and is valid, like everything that aliases it, until the batch is released.
	// Nobody may change it.
	Raw []byte
	// Origin says who sent it; nil means unknown. It may be shared by many messages.
	Origin *Origin
	// Offset is the position of the record in its source (bytes for files), or the
	// source's own message number.
	Offset int64
	// Received is when the source got it; zero means unknown.
	Received time.Time
	// Context is what a Tracker knew of the messages before this one in the same source,
	// such as the names of columns; nil where there is none. It is constant, and what it
	// holds outlives the message.
	Context any
}

// Origin is the sender as seen on the wire, apart from who it claims to be.
// An Origin is constant once a source has handed it out.
type Origin struct {
	Source  string     // name of the source: a file path, a listener's name
	Peer    netip.Addr // address of the other end, if there is one
	Subject string     // subject of the peer's TLS certificate, if verified
	// Hint names the pack, format or product that the host expects from this source.
	// Detection follows it where bytes alone do not decide.
	Hint string
	// Zone is the time zone of times that carry none, if the source sets its own.
	Zone *time.Location
}
