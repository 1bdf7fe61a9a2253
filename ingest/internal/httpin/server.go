package httpin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse"
)

// Handler answers the requests of one protocol. It is safe for concurrent use.
type Handler interface {
	// Serve answers a request that was let in. An error is answered by its status, see
	// Status.
	Serve(w http.ResponseWriter, r *Request) error
}

// Refuser is an optional interface of a Handler: how it words what was refused.
type Refuser interface {
	Refuse(w http.ResponseWriter, r *http.Request, status int, text string)
}

// Public is an optional interface of a Handler: requests that need no token.
type Public interface{ Public(r *http.Request) bool }

// Status is an error with the HTTP status that answers it. The text goes to the client.
type Status struct {
	Code int
	Text string
}

func (s *Status) Error() string { return strconv.Itoa(s.Code) + " " + s.Text }

// Errorf returns a Status.
func Errorf(code int, format string, args ...any) error {
	return &Status{code, fmt.Sprintf(format, args...)}
}

// Server is a source that speaks HTTP.
type Server struct {
	opts   Options
	routes []route
	guard  *listen.Guard
	tls    *tls.Config
	log    *listen.Log
	auth   *auth
	bufs   sync.Pool // *[]byte
	msgs   sync.Pool // *Messages

	mu      sync.Mutex
	out     *ingest.Emit  // while Run serves
	stopped chan struct{} // closed when answers are not waited for any more

	busy     sync.WaitGroup // requests in handlers
	inFlight atomic.Int64
	stats    struct {
		requests, unauthorized, bad, tooLarge, busy, failed, messages, bytes, inflated, gone, panics atomic.Int64
	}
}

type route struct {
	prefix  string
	handler Handler
}

// Listen opens a listener whose requests go to the handler with the longest prefix of
// their path.
func Listen(opts Options, handlers map[string]Handler) (*Server, error) {
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	s := &Server{opts: opts, log: listen.NewLog(opts.Logger)}
	for prefix, h := range handlers {
		if !strings.HasPrefix(prefix, "/") || h == nil {
			return nil, fmt.Errorf("handler %q: want a path that begins with / and a handler", prefix)
		}
		i := 0
		for i < len(s.routes) && len(s.routes[i].prefix) > len(prefix) {
			i++
		}
		s.routes = append(s.routes[:i], append([]route{{prefix, h}}, s.routes[i:]...)...)
	}
	if len(s.routes) == 0 {
		return nil, errors.New("no handlers")
	}
	var err error
	if s.auth, err = newAuth(&opts); err != nil {
		return nil, err
	}
	if s.guard, s.tls, err = listen.Open("tcp", opts.Address, 0, opts.TLS, opts.Limits, opts.Logger, s.log); err != nil {
		return nil, err
	}
	return s, nil
}

// Name is the name from the options.
func (s *Server) Name() string { return s.opts.Name }

// Addr is the address that is listened to.
func (s *Server) Addr() net.Addr { return s.guard.Addr() }

// Close stops listening. It is not needed after Run.
func (s *Server) Close() error { return s.guard.Close() }

// Stats returns the counters.
func (s *Server) Stats() Stats {
	c := &s.stats
	return Stats{
		Connections: s.guard.Stats(), Requests: c.requests.Load(), Unauthorized: c.unauthorized.Load(), Bad: c.bad.Load(),
		TooLarge: c.tooLarge.Load(), Busy: c.busy.Load(), Failed: c.failed.Load(), Messages: c.messages.Load(), Bytes: c.bytes.Load(),
		InflatedBytes: c.inflated.Load(), InFlightBytes: s.inFlight.Load(), ClientsGone: c.gone.Load(), InternalPanics: c.panics.Load(),
	}
}

// stopGrace is how long, after the context has ended, requests that are in the pipeline
// may take to be answered.
const stopGrace = time.Second

// Run serves the listener until ctx ends.
func (s *Server) Run(ctx context.Context, out *ingest.Emit) error {
	stopped := make(chan struct{})
	s.mu.Lock()
	s.out, s.stopped = out, stopped
	s.mu.Unlock()
	var l net.Listener = s.guard
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	srv := &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: min(s.opts.Limits.HandshakeTimeout, s.opts.ReadTimeout),
		ReadTimeout:       s.opts.ReadTimeout,
		WriteTimeout:      s.opts.ReadTimeout + s.opts.Wait + s.opts.AckTimeout + 10*time.Second,
		IdleTimeout:       max(s.opts.Limits.IdleTimeout, 0),
		MaxHeaderBytes:    s.opts.MaxHeader,
		ErrorLog:          log.New(logWriter{s.log}, "", 0),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 only
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, contextKey{}, c)
		},
	}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }() // ends when srv is shut down, below
	var err error
	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
	case err = <-ended:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	_ = srv.Shutdown(grace) // what the grace did not suffice for is closed below
	close(stopped)
	srv.Close()
	s.busy.Wait()
	for range 100 { // the goroutines of connections end by themselves
		if s.guard.Stats().Open == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// logWriter takes the lines of http.Server, which may hold what a client sent.
type logWriter struct{ log *listen.Log }

func (w logWriter) Write(b []byte) (int, error) {
	w.log.Warn("HTTP", "message", strings.TrimSpace(string(b[:min(len(b), 300)])))
	return len(b), nil
}

// Request is a request that was let in.
type Request struct {
	*http.Request
	Origin *parse.Origin
	s      *Server
	held   int64 // bytes counted as in flight
	bufs   []*[]byte
	msgs   *Messages
	body   []byte
}

func (s *Server) serve(w http.ResponseWriter, hr *http.Request) {
	s.busy.Add(1)
	defer s.busy.Done()
	s.stats.requests.Add(1)
	r := &Request{Request: hr, s: s, Origin: &parse.Origin{Source: s.opts.Name, Hint: s.opts.Hint, Zone: s.opts.Zone}}
	if c := connOf(hr.Context()); c != nil {
		r.Origin.Peer = c.Peer
	}
	if hr.TLS != nil {
		r.Origin.Subject = listen.SubjectOf(*hr.TLS)
	}
	var h Handler
	for _, rt := range s.routes {
		if strings.HasPrefix(hr.URL.Path, rt.prefix) {
			h = rt.handler
			break
		}
	}
	defer func() {
		r.release()
		if v := recover(); v != nil {
			s.stats.panics.Add(1)
			s.log.Warn("panic while serving a request", "panic", v)
			s.refuse(w, r, h, &Status{http.StatusInternalServerError, "internal error"})
		}
	}()
	var err error
	switch public, _ := h.(Public); {
	case h == nil:
		err = Errorf(http.StatusNotFound, "nothing here")
	case public != nil && public.Public(hr):
		err = h.Serve(w, r)
	default:
		if err = s.auth.check(hr); err == nil {
			err = h.Serve(w, r)
		}
	}
	if err != nil {
		s.refuse(w, r, h, err)
	}
}

func (s *Server) refuse(w http.ResponseWriter, r *Request, h Handler, err error) {
	if r.Context().Err() != nil && !errors.As(err, new(*Status)) {
		s.stats.gone.Add(1)
	}
	var st *Status
	if !errors.As(err, &st) {
		st = &Status{http.StatusServiceUnavailable, "not taken"}
	}
	switch st.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		s.stats.unauthorized.Add(1)
	case http.StatusRequestEntityTooLarge:
		s.stats.tooLarge.Add(1)
	case http.StatusTooManyRequests:
		s.stats.busy.Add(1)
	case http.StatusServiceUnavailable:
		s.stats.failed.Add(1)
	default:
		s.stats.bad.Add(1)
	}
	s.log.Warn("refused a request", "peer", r.Origin.Peer, "status", st.Code, "reason", st.Text)
	switch st.Code {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(int((s.opts.RetryAfter+time.Second-1)/time.Second)))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="penstock"`)
	}
	if f, ok := h.(Refuser); ok {
		f.Refuse(w, r.Request, st.Code, st.Text)
		return
	}
	http.Error(w, st.Text, st.Code)
}
