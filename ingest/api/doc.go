// Package api is a source that collects audit logs from the HTTP interfaces of cloud and
// SaaS products.
//
//	okta, err := api.Builtin("okta.system")
//	src, err := api.New(api.Options{
//		Endpoints: []api.Endpoint{{
//			Definition: okta,
//			Params:     map[string]string{"domain": "example.okta.com"},
//			Secrets:    api.Secrets{"token": api.SecretFile("/run/secrets/okta")},
//		}},
//		Checkpoint: "/var/lib/x/okta",
//	})
//
// A [Definition] says in YAML how an interface is asked: the request, how it authenticates,
// where in the answer the events are, how pages follow each other, and what is asked next
// time. [Builtins] lists those that come with the package; [ParseDefinition] reads others.
//
// # Delivery
//
// At least once. The position (time window, cursor) of an endpoint is stored when every
// event of the page has reached its end in every required sink, page after page; after a
// crash or a failed sink the pages behind that position are fetched again. Events that a
// window and its overlap return twice are left out by the identifier that the definition
// names, as far as [Options.Remember] goes; an event that has none comes with each window
// that it is in.
//
// Answers are read as a stream: an answer of any size takes the memory of its largest event.
//
// # Streams
//
// A definition with a stream (crowdstrike.falcon) finds connections that do not end, one event
// a line, keeps their sessions alive by refreshing them after three quarters of the time that
// the server gives, and finds them anew when one ends. The position of each is the offset that
// its events carry, stored as above; a new connection asks for it, and what comes again of it is
// left out. Streams may be at the origins that the definition and its parameters name.
//
// # Obeying and distrusting the server
//
// 429 and 503, what else a definition calls throttled (a 403 of GitHub's that speaks of a rate
// limit) and the rate limit headers are obeyed, other failures are tried again with
// exponential backoff and full jitter; a rejected credential is asked for anew, at most once a
// second. A cursor that the server does not take any more is given up, and its window read
// anew; a window that begins before the time that the interface looks back begins there, and
// what is lost is logged as an error. Redirects and the links to next pages must stay on the origin of the endpoint, and
// no connection goes to a loopback, private or link-local address unless Options.AllowPrivate
// says so: the check is on the address that is connected to. Secrets appear in no error and
// no log.
//
// # Limits
//
//	Connections  10 requests at once over all endpoints, which take turns
//	Timeout      60 s for an answer to begin, and for its next byte
//	DNSCache     300 s
//	MaxPages     10,000 pages in a row of one endpoint
//	MaxUncommittedPages  none: pages of an endpoint that a kill may make come twice
//	MaxEvent     16 MiB an event; an answer with a longer one is refused
//	Remember     10,000 identifiers of events, against repeats
//	Backoff      1 s to 5 min; MaxPause 1 h that a server may ask for
//	streams      64 of an endpoint
//
// # Concurrency
//
// Run is called once. Stats may be called at any time from any goroutine. Run starts two goroutines
// for each endpoint, two more for each stream, and waits for all of them.
package api
