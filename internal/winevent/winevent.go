// Package winevent holds what the readers of Windows events in XML and in binary XML
// must agree on: which part of an event becomes which native key.
//
// Its tables are read-only.
package winevent

// The parts of an event; readers use them as Parent numbers in a Frame's Rest.
const (
	System    = iota // native keys without a dot
	EventData        // event_data
	UserData         // user_data
	Rendering        // rendering
	Parts
)

// Prefixes are the native key prefixes of the parts.
var Prefixes = [Parts]string{"", "event_data.", "user_data.", "rendering."}

// The elements of System that have a text, and their native keys.
var (
	SystemElements = []string{"EventID", "Version", "Level", "Task", "Opcode", "Keywords", "EventRecordID", "Channel", "Computer"}
	SystemKeys     = []string{"event_id", "version", "level", "task", "opcode", "keywords", "record_id", "channel", "computer_name"}
)

// The attributes of System's elements, and their native keys.
var (
	SystemAttrs = []string{
		"Provider@Name", "Provider@Guid", "Provider@EventSourceName", "EventID@Qualifiers", "TimeCreated@SystemTime", "TimeCreated@RawTime",
		"Correlation@ActivityID", "Correlation@RelatedActivityID", "Execution@ProcessID", "Execution@ThreadID",
		"Execution@ProcessorID", "Execution@SessionID", "Execution@KernelTime", "Execution@UserTime", "Execution@ProcessorTime", "Security@UserID",
	}
	SystemAttrKeys = []string{
		"provider_name", "provider_guid", "provider_event_source_name", "event_id_qualifiers", "time_created", "time_created_raw",
		"activity_id", "related_activity_id", "process_id", "thread_id",
		"processor_id", "session_id", "kernel_time", "user_time", "processor_time", "user_sid",
	}
)

// The elements of RenderingInfo and their native keys below rendering; the first one
// is message, without that prefix. Keywords is a list and stands apart.
var (
	RenderingElements = []string{"Message", "Level", "Task", "Opcode", "Channel", "Provider"}
	RenderingKeys     = []string{"message", "level", "task", "opcode", "channel", "provider"}
)

// XMLName is the native key for the name of the element within UserData.
const XMLName = "xml_name"

// Keys are all native keys but those that the event itself names (below event_data and
// user_data). The slice is the caller's.
func Keys() []string {
	keys := append(append([]string{}, SystemKeys...), SystemAttrKeys...)
	for i, k := range RenderingKeys {
		if i > 0 {
			k = Prefixes[Rendering] + k
		}
		keys = append(keys, k)
	}
	return append(keys, Prefixes[Rendering]+"keywords", Prefixes[UserData]+XMLName)
}
