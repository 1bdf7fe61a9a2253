// Package errcat is the closed set of error categories that every part of
// penstock speaks, so that a host can count, route and retry failures without
// reading their text.
//
// The smallest use, in a parser of your own:
//
//	if len(line) > limit {
//		return errcat.New(errcat.Oversize, errcat.StageParse, "line longer than 64 KiB")
//	}
//
// and in the code that gets the error, whoever made it:
//
//	switch errcat.Of(err) {
//	case errcat.TransientNetwork, errcat.Timeout: ...
//	}
//	if errcat.Retryable(err) { ... }
//
// [Of] finds the category that some code gave the error, anywhere in its chain
// and in joined errors, and where nobody gave one it recognises the errors of
// the standard library. [Retryable] is the one place that decides whether
// trying the same thing again can help. [errors.Is] works with a category as
// its target, for categories that were given, not for recognised ones.
//
// Error types of other packages join in by two optional methods, looked up in
// the whole chain:
//
//	Category() errcat.Category // which category this is
//	Retryable() bool           // knows better than the category, e.g. from an HTTP status
//
// # Limits
//
// The set of categories and their names is closed: names are written to disk
// (dead letters), to metrics and to alert rules. Numbers are not stable; store
// names. Errors of crypto/tls, net and encoding/* are recognised by the name of
// their type, so that a host that only parses does not link those packages
// (crypto/tls alone would add 1.7 MB to its binary).
//
// # Cost
//
// A bare [Category] is an error and costs no allocation. [New] costs one and
// formats nothing until Error is called; hostile input may make this path hot.
// [Newf] formats at once.
//
// # Concurrency
//
// All functions may be called from any goroutine. The package has no state. An
// [Error] is read-only once it has been returned.
package errcat
