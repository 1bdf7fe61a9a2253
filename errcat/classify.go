package errcat

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"syscall"
)

// categorized is the optional method by which error types of other packages
// name their category.
type categorized interface{ Category() Category }

// Of returns the category of err: None for nil, else always a valid category.
//
// A category that some code gave (an [Error], a [Category], a method Category)
// beats everything recognised; of several in one chain the outermost counts.
// Where nobody gave one, the deepest cause that is known from the standard
// library decides, and Internal stands for what is not known.
//
// Of joined errors the first that is not retryable decides, or the first where
// all are; unknown ones do not take part while there is a known one (the usual
// fmt.Errorf("%w: %w", ErrMine, cause) has the category of cause).
func Of(err error) Category {
	if err == nil {
		return None
	}
	if c := given(err); c != None {
		return c
	}
	if c := recognised(err, false); c != None {
		return c
	}
	return Internal
}

// Retryable reports whether the same operation may be tried again, after a
// pause and a bounded number of times, with a chance of another result. It is
// the only place in penstock that decides this. A nil error is not retryable.
func Retryable(err error) bool {
	if err == nil {
		return false // nothing failed
	}
	if errors.Is(err, context.Canceled) {
		return false // the host asked to stop; going on works against it
	}
	retry, known := verdict(err)
	if known {
		return retry
	}
	switch recognised(err, false) {
	case Timeout, TransientNetwork, RateLimited:
		return true // someone else was slow, gone or busy, and that passes
	case SinkRejected:
		// A full disk is emptied by rotation or by its operator; until then
		// the data is safer in the queue than in the dead letters.
		return isFull(err)
	}
	return false // the same bytes, rights or code give the same result
}

// verdict is Retryable as far as somebody in the chain has decided; known is
// false where only recognition is left.
func verdict(err error) (retry, known bool) {
	for err != nil {
		switch e := err.(type) {
		case Category:
			return e.Retryable(), e.Valid() // a bare category has no exceptions
		case *Error:
			if e == nil {
				return false, false
			}
			if retry, known := asked(e.Err); known {
				return retry, true // the cause knows more than its category, e.g. an HTTP status
			}
			if !e.Category.Valid() {
				break // nothing given here: the cause decides
			}
			switch e.Category {
			case Timeout:
				switch e.Stage {
				case StageParse, StageNormalize, StageValidate, StageRoute:
					return false, true // nobody else takes part: the same bytes take as long again
				}
			case SinkRejected:
				return isFull(e.Err), true // only a full store takes later what it refuses now
			}
			return e.Category.Retryable(), true // no exception: what the category says
		case interface{ Retryable() bool }:
			return e.Retryable(), true // the error says so itself
		case categorized:
			if c := e.Category(); c.Valid() {
				return c.Retryable(), true // the error names its category
			}
		case interface{ Unwrap() []error }:
			for _, member := range e.Unwrap() {
				if member == nil || Of(member) == Internal && given(member) == None {
					if r, k := asked(member); k {
						retry, known = r, true
						if !r {
							return false, true
						}
					}
					continue // not known: takes no part
				}
				if known = true; !Retryable(member) {
					return false, true // trying again would repeat the part that cannot succeed
				}
				retry = true
			}
			return retry, known
		}
		err = errors.Unwrap(err)
	}
	return false, false
}

// asked looks for a method Retryable in the chain below a category.
func asked(err error) (retry, known bool) {
	for err != nil {
		switch e := err.(type) {
		case Category:
			return false, false
		case interface{ Retryable() bool }:
			return e.Retryable(), true
		case interface{ Unwrap() []error }:
			for _, member := range e.Unwrap() {
				if r, k := asked(member); k {
					if !r {
						return false, true
					}
					retry, known = true, true
				}
			}
			return retry, known
		}
		err = errors.Unwrap(err)
	}
	return false, false
}

// isFull reports whether a store is out of space.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// given finds the outermost category that code has set, None if there is none.
func given(err error) Category {
	for err != nil {
		switch e := err.(type) {
		case Category:
			if e.Valid() {
				return e
			}
			return None
		case *Error:
			if e == nil {
				return None
			}
			if e.Category.Valid() {
				return e.Category
			}
		case categorized:
			if c := e.Category(); c.Valid() {
				return c
			}
		case interface{ Unwrap() []error }:
			return deciding(e.Unwrap(), given)
		}
		err = errors.Unwrap(err)
	}
	return None
}

// deciding applies the rule for joined errors that Of states.
func deciding(errs []error, of func(error) Category) Category {
	first := None
	for _, err := range errs {
		c := of(err)
		switch {
		case c == None:
		case !c.Retryable():
			return c
		case first == None:
			first = c
		}
	}
	return first
}

// recognised knows the errors of the standard library, the deepest cause first;
// None where it does not know. wire is true below an error of a connection,
// where an early end is the connection's fault and not the data's.
func recognised(err error, wire bool) Category {
	if err == nil {
		return None
	}
	name := typeName(err)
	wire = wire || name == "net.OpError" || name == "net/url.Error"
	cause := None
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		cause = recognised(e.Unwrap(), wire)
	case interface{ Unwrap() []error }:
		cause = deciding(e.Unwrap(), func(err error) Category { return recognised(err, wire) })
	}
	if cause != None {
		return cause
	}
	if c := value(err, wire); c != None {
		return c
	}
	if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
		return Timeout // net.Error and its like: a deadline of a connection, a resolver, a handshake
	}
	return named(name, err)
}

// value knows errors that are fixed values and system error numbers.
func value(err error, wire bool) Category {
	switch e := err.(type) {
	case syscall.Errno:
		return errno(e)
	case runtime.Error:
		return ParserPanic // such an error exists only after a recover
	}
	if !reflect.TypeOf(err).Comparable() {
		return None // == below would panic
	}
	switch err {
	case context.DeadlineExceeded, os.ErrDeadlineExceeded:
		return Timeout
	case context.Canceled:
		return Timeout // the nearest one: nothing is broken, and nothing to repair
	case io.ErrUnexpectedEOF:
		if wire {
			return TransientNetwork // the peer hung up in mid-message
		}
		return Truncated
	case io.EOF:
		if wire {
			return TransientNetwork // the peer closed an idle connection just before we used it
		}
	case io.ErrClosedPipe:
		return TransientNetwork
	case io.ErrShortWrite:
		return SinkRejected // it took part of the data and gave no reason
	case bufio.ErrTooLong:
		return Oversize
	case strconv.ErrSyntax, strconv.ErrRange:
		return TypeMismatch
	case fs.ErrPermission:
		return AccessDenied
	}
	return None
}

// errno knows system error numbers. Windows has its own numbers for sockets;
// there the net.OpError around them decides.
func errno(e syscall.Errno) Category {
	switch e {
	case syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE, syscall.ENOTCONN,
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
		syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.ESHUTDOWN:
		return TransientNetwork
	case syscall.EACCES, syscall.EPERM, syscall.EROFS:
		return AccessDenied
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return SinkRejected
	case syscall.EMSGSIZE, syscall.ENAMETOOLONG:
		return Oversize
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS:
		return RateLimited // this machine's own limits: free again when something closes
	case syscall.EILSEQ:
		return EncodingError
	}
	return None
}

// typeName returns the package path and name of the error's type, such as
// net.OpError, without the pointer.
func typeName(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() + "." + t.Name()
}

// named knows error types by their names; the package documentation says why.
func named(name string, err error) Category {
	switch name {
	case "net.DNSError":
		// Also for a name that does not exist: names of services come and go
		// while a cluster restarts. "Does not exist" is in the text.
		return TransientNetwork
	case "net.AddrError", "net.ParseError", "net.UnknownNetworkError", "net.InvalidAddrError":
		return Internal // a wrong address stays wrong: not to be read as a network fault
	case "crypto/tls.alert", "crypto/tls.AlertError":
		if err.Error() == "tls: internal error" {
			return TransientNetwork // the peer's own trouble, not a verdict on us
		}
		return AccessDenied
	case "crypto/tls.RecordHeaderError", "crypto/tls.CertificateVerificationError", "crypto/tls.ECHRejectionError",
		"crypto/x509.UnknownAuthorityError", "crypto/x509.HostnameError", "crypto/x509.CertificateInvalidError",
		"crypto/x509.ConstraintViolationError", "crypto/x509.SystemRootsError", "crypto/x509.UnhandledCriticalExtension",
		"crypto/x509.InsecureAlgorithmError":
		return AccessDenied // no trust, no retry: someone has to change a certificate or a setting
	case "internal/poll.errNetClosing", "net.OpError":
		return TransientNetwork
	case "net/http.MaxBytesError":
		return Oversize
	case "encoding/json.SyntaxError":
		if err.Error() == "unexpected end of JSON input" {
			return Truncated
		}
		return SchemaViolation
	case "encoding/xml.SyntaxError", "encoding/csv.ParseError", "encoding/asn1.StructuralError", "encoding/asn1.SyntaxError":
		return SchemaViolation
	case "encoding/json.UnmarshalTypeError", "encoding/xml.UnmarshalError", "strconv.NumError", "time.ParseError",
		"net/netip.parseAddrError", "net/netip.parsePrefixError", "net/url.EscapeError", "net/url.InvalidHostError":
		return TypeMismatch
	case "encoding/base64.CorruptInputError", "encoding/base32.CorruptInputError", "encoding/hex.InvalidByteError",
		"compress/flate.CorruptInputError", "compress/bzip2.StructuralError":
		return EncodingError
	}
	return None
}
