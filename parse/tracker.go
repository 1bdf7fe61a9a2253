package parse

// Tracker follows the messages of one source of a pipeline, for formats in which a
// message cannot be understood without earlier ones: rows whose columns a header line
// names, flow records whose layout a template gives. It sees the messages in the order
// of the source, before the workers share them out, so that what a message means does
// not depend on the number of workers, nor on any other source.
//
// A source can mix streams: a Tracker tells them apart by Message.Origin. Its memory is
// bounded. It is never used by two goroutines at once.
type Tracker interface {
	// Track sees each message once and may set its Context, to a value that does not
	// change any more. It must not change or keep the messages' bytes, and should cost
	// next to nothing for a message that it has no interest in.
	Track(msgs []Message)
}

// Flusher is an optional interface of a Tracker that holds messages back until others
// have come: what the source's end has left over.
type Flusher interface {
	// Flush yields what is held, each with the error that it ends with. The messages are
	// valid until yield returns; yield returns false to stop.
	Flush(yield func(m Message, err error) bool)
}

// PerSource is an optional interface of a Parser that needs a Tracker: a pipeline gives
// each of its sources one. A host without a pipeline gives its messages to a Tracker
// before they are parsed.
type PerSource interface{ Tracker() Tracker }
