package errcat_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// status is an error type of a host that knows for itself what may be retried.
type status int

func (s status) Error() string   { return "status " + strconv.Itoa(int(s)) }
func (s status) Retryable() bool { return s >= 500 }

// named is an error type of a host that names its category.
type named struct{ c errcat.Category }

func (n named) Error() string             { return "named" }
func (n named) Category() errcat.Category { return n.c }

// slice is an error that == must not compare.
type slice []error

func (slice) Error() string { return "slice" }

func second[T any](_ T, err error) error { return err }

func jsonErr(doc string) error { return json.Unmarshal([]byte(doc), new(struct{ A int })) }

func TestOfAndRetryable(t *testing.T) {
	unknown := errors.New("never seen")
	syscallErr := func(e syscall.Errno) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", e)}
	}
	for _, tc := range []struct {
		name  string
		err   error
		want  errcat.Category
		retry bool
	}{
		{"nil", nil, errcat.None, false},
		{"unknown", unknown, errcat.Internal, false},
		{"not comparable", slice{unknown}, errcat.Internal, false},
		{"nil Error", (*errcat.Error)(nil), errcat.Internal, false},
		{"zero Error", &errcat.Error{}, errcat.Internal, false},
		{"zero Error with a known cause", &errcat.Error{Err: syscall.ECONNRESET}, errcat.TransientNetwork, true},
		{"bare category", errcat.RateLimited, errcat.RateLimited, true},
		{"None as an error", errcat.None, errcat.Internal, false},

		{"given beats recognised", errcat.Newf(errcat.AccessDenied, errcat.StageDeliver, "%w", syscall.ECONNRESET), errcat.AccessDenied, false},
		{"given below a network error", &net.OpError{Op: "dial", Err: errcat.AccessDenied}, errcat.AccessDenied, false},
		{"outermost given counts", &errcat.Error{Category: errcat.SinkRejected, Err: errcat.Timeout}, errcat.SinkRejected, false},
		{"method Category", fmt.Errorf("x: %w", named{errcat.RateLimited}), errcat.RateLimited, true},
		{"method Category gives None", named{errcat.None}, errcat.Internal, false},
		{"method Retryable", fmt.Errorf("x: %w", status(503)), errcat.Internal, true},
		{"cause knows better, yes", &errcat.Error{Category: errcat.SinkRejected, Err: status(503)}, errcat.SinkRejected, true},
		{"cause knows better, no", &errcat.Error{Category: errcat.TransientNetwork, Err: status(400)}, errcat.TransientNetwork, false},
		{"slow parse", errcat.New(errcat.Timeout, errcat.StageParse, "over 50ms"), errcat.Timeout, false},
		{"slow delivery", errcat.New(errcat.Timeout, errcat.StageDeliver, "over 5s"), errcat.Timeout, true},
		{"cancelled below a retryable one", &errcat.Error{Category: errcat.TransientNetwork, Err: context.Canceled}, errcat.TransientNetwork, false},
		{"rejected, disk full", &errcat.Error{Category: errcat.SinkRejected, Err: syscall.ENOSPC}, errcat.SinkRejected, true},

		{"join: not retryable decides", errors.Join(errcat.Timeout, errcat.Oversize), errcat.Oversize, false},
		{"join: all retryable", errors.Join(errcat.Timeout, errcat.RateLimited), errcat.Timeout, true},
		{"join: recognised", errors.Join(syscall.ECONNRESET, strconv.ErrSyntax), errcat.TypeMismatch, false},
		{"join: nested", fmt.Errorf("x: %w", errors.Join(unknown, errors.Join(errcat.TransientNetwork))), errcat.TransientNetwork, true},
		{"join: unknown takes no part", fmt.Errorf("%w: %w", unknown, os.ErrDeadlineExceeded), errcat.Timeout, true},
		{"join: all unknown", errors.Join(unknown, unknown), errcat.Internal, false},
		{"join: own answers", errors.Join(status(503), status(400)), errcat.Internal, false},
		{"join: one asks for a retry, one cannot", errors.Join(status(503), errcat.TypeMismatch), errcat.TypeMismatch, false},
		{"join below a category, own answers", &errcat.Error{Category: errcat.SinkRejected, Err: errors.Join(status(503), status(502))}, errcat.SinkRejected, true},

		{"deadline of a context", context.DeadlineExceeded, errcat.Timeout, true},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), errcat.Timeout, false},
		{"deadline of a file", &fs.PathError{Op: "read", Err: os.ErrDeadlineExceeded}, errcat.Timeout, true},
		{"ETIMEDOUT", syscallErr(syscall.ETIMEDOUT), errcat.Timeout, true},
		{"resolver timed out", &net.DNSError{IsTimeout: true}, errcat.Timeout, true},
		{"resolver failed", &net.DNSError{IsTemporary: true}, errcat.TransientNetwork, true},
		{"no such name", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, errcat.TransientNetwork, true},
		{"bad address", &net.OpError{Op: "dial", Err: &net.AddrError{Err: "missing port"}}, errcat.Internal, false},
		{"reset", syscallErr(syscall.ECONNRESET), errcat.TransientNetwork, true},
		{"refused", syscallErr(syscall.ECONNREFUSED), errcat.TransientNetwork, true},
		{"pipe", &fs.PathError{Op: "write", Err: syscall.EPIPE}, errcat.TransientNetwork, true},
		{"net unreachable", syscallErr(syscall.ENETUNREACH), errcat.TransientNetwork, true},
		{"host unreachable", syscallErr(syscall.EHOSTUNREACH), errcat.TransientNetwork, true},
		{"socket error nobody knows", &net.OpError{Op: "read", Err: unknown}, errcat.TransientNetwork, true},
		{"closed socket", net.ErrClosed, errcat.TransientNetwork, true},
		{"closed pipe", io.ErrClosedPipe, errcat.TransientNetwork, true},

		{"unexpected end", fmt.Errorf("x: %w", io.ErrUnexpectedEOF), errcat.Truncated, false},
		{"peer hung up", &url.Error{Op: "Post", URL: "http://h", Err: io.ErrUnexpectedEOF}, errcat.TransientNetwork, true},
		{"idle connection closed", &url.Error{Op: "Post", URL: "http://h", Err: io.EOF}, errcat.TransientNetwork, true},
		{"end", io.EOF, errcat.Internal, false},
		{"short write", io.ErrShortWrite, errcat.SinkRejected, false},
		{"line too long", bufio.ErrTooLong, errcat.Oversize, false},
		{"datagram too long", syscallErr(syscall.EMSGSIZE), errcat.Oversize, false},
		{"body too long", &http.MaxBytesError{Limit: 1}, errcat.Oversize, false},

		{"permission", fs.ErrPermission, errcat.AccessDenied, false},
		{"EACCES", &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, errcat.AccessDenied, false},
		{"read-only", &fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, errcat.AccessDenied, false},
		{"disk full", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, errcat.SinkRejected, true},
		{"file too large", &fs.PathError{Op: "write", Path: "x", Err: syscall.EFBIG}, errcat.SinkRejected, false},
		{"too many files", syscallErr(syscall.EMFILE), errcat.RateLimited, true},

		{"unknown authority", &url.Error{Op: "Get", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, errcat.AccessDenied, false},
		{"wrong host name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, errcat.AccessDenied, false},
		{"no TLS there", tls.RecordHeaderError{}, errcat.AccessDenied, false},
		{"alert", &net.OpError{Op: "remote error", Err: tls.AlertError(42)}, errcat.AccessDenied, false},
		{"alert, internal error", &net.OpError{Op: "remote error", Err: tls.AlertError(80)}, errcat.TransientNetwork, true},

		{"JSON syntax", jsonErr(`{"A":x}`), errcat.SchemaViolation, false},
		{"JSON cut", jsonErr(`{"A":`), errcat.Truncated, false},
		{"JSON type", jsonErr(`{"A":"x"}`), errcat.TypeMismatch, false},
		{"XML syntax", xml.Unmarshal([]byte("<a></b>"), new(any)), errcat.SchemaViolation, false},
		{"CSV", second(csv.NewReader(strings.NewReader("a\"b\n")).Read()), errcat.SchemaViolation, false},
		{"number", second(strconv.Atoi("x")), errcat.TypeMismatch, false},
		{"number range", second(strconv.ParseInt("999", 10, 8)), errcat.TypeMismatch, false},
		{"number base", second(strconv.ParseInt("9", 99, 8)), errcat.TypeMismatch, false}, //nolint:staticcheck // the fault that is meant
		{"time", second(time.Parse(time.RFC3339, "x")), errcat.TypeMismatch, false},
		{"address", second(netip.ParseAddr("x")), errcat.TypeMismatch, false},
		{"prefix", second(netip.ParsePrefix("x")), errcat.TypeMismatch, false},
		{"URL", second(url.Parse("http://h/%zz")), errcat.TypeMismatch, false}, //nolint:staticcheck // the fault that is meant
		{"base64", second(base64.StdEncoding.DecodeString("!")), errcat.EncodingError, false},
		{"hex", second(hex.DecodeString("zz")), errcat.EncodingError, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := errcat.Of(tc.err); got != tc.want {
				t.Errorf("Of(%T %v) = %s, want %s", tc.err, tc.err, got, tc.want)
			}
			if got := errcat.Retryable(tc.err); got != tc.retry {
				t.Errorf("Retryable(%T %v) = %v, want %v", tc.err, tc.err, got, tc.retry)
			}
		})
	}
}

// Without exceptions the function and the method agree.
func TestRetryableAgreesWithTheCategory(t *testing.T) {
	for _, c := range errcat.All() {
		if got := errcat.Retryable(errcat.New(c, errcat.StageDeliver, "x")); got != c.Retryable() {
			t.Errorf("%s: Retryable(err) = %v, the category says %v", c, got, c.Retryable())
		}
	}
}

func TestOfPanic(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); errcat.Of(err) != errcat.ParserPanic || !ok {
			t.Errorf("a recovered index error is %s", errcat.Of(err))
		}
	}()
	var s []int
	_ = s[len(os.Args)] //nolint:govet // the fault that is meant
}

// The table above builds errors by hand; these come out of real connections.
func TestOfRealConnections(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	}))
	defer plain.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	get := func(c *http.Client, url string) error {
		resp, err := c.Get(url)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	withTLS := func(cfg *tls.Config) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
	}
	for _, tc := range []struct {
		name string
		err  error
		want errcat.Category
	}{
		{"self-signed", get(withTLS(nil), secure.URL), errcat.AccessDenied},
		{"old TLS", get(withTLS(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}), secure.URL), errcat.AccessDenied},
		{"TLS to plain", second(tls.Dial("tcp", plain.Listener.Addr().String(), nil)), errcat.AccessDenied},
		{"closed without answer", get(withTLS(nil), plain.URL), errcat.TransientNetwork},
		{"nobody listens", get(withTLS(nil), gone.URL), errcat.TransientNetwork},
		{"no answer in time", get(&http.Client{Timeout: 20 * time.Millisecond}, "http://"+silent.Addr().String()), errcat.Timeout},
	} {
		if got := errcat.Of(tc.err); got != tc.want {
			t.Errorf("%s: Of(%v) = %s, want %s", tc.name, tc.err, got, tc.want)
		}
	}
}
