package journald

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/ratelimit"
)

// Options of a source. The zero value follows the journal of this machine from now on.
type Options struct {
	// Name of the source and of its messages' origin. Default: "journald".
	Name string
	// Journalctl is the program and arguments in front of its own: -o export, and where
	// to begin. Default: journalctl.
	Journalctl []string
	// URL is that of a systemd-journal-gatewayd, such as http://db1:19531, instead of
	// journalctl. Client is the HTTP client for it; redirects are not followed. Default:
	// one without a timeout for the answer, which does not end.
	URL    string
	Client *http.Client
	// Reader is a stream in the export format, instead of both; it is read to its end.
	Reader io.Reader
	// Cursor is behind which entry to begin. Default: at the end, and with Reader at its
	// beginning.
	Cursor string
	// FromStart begins with the first entry of the journal, if there is no Cursor.
	FromStart bool
	// Once reads what is there, and does not follow.
	Once bool
	// Checkpoint is the path of the files that keep the cursor over restarts, see package
	// ingest/checkpoint. What it holds goes before Cursor and FromStart. Default: none.
	Checkpoint string
	// Committed, if set, is called with cursors: see the package's documentation. It must
	// not block.
	Committed func(cursor string)
	// MaxEntry bounds an entry in bytes. Default: 1 MiB. 1 byte to 1 GiB.
	MaxEntry int
	// MinDelay and MaxDelay bound the pauses after a failure. Defaults: 1 s, 1 min.
	MinDelay, MaxDelay time.Duration
	// Clock and Jitter are for the pauses. Default: the real ones.
	Clock  ratelimit.Clock
	Jitter func() float64
	// Logger gets what is wrong with the checkpoint. Default: none.
	Logger *slog.Logger
	Hint   string         // see parse.Origin
	Zone   *time.Location // see parse.Origin
}

// Source reads a journal.
type Source struct {
	opts Options
	url  *url.URL
}

// New returns a source.
func New(opts Options) (*Source, error) {
	s := &Source{opts: opts}
	o := &s.opts
	if o.Name == "" {
		o.Name = "journald"
	}
	if len(o.Journalctl) == 0 {
		o.Journalctl = []string{"journalctl"}
	}
	if o.MaxEntry == 0 {
		o.MaxEntry = 1 << 20
	}
	if o.MinDelay == 0 {
		o.MinDelay = time.Second
	}
	if o.MaxDelay == 0 {
		o.MaxDelay = max(time.Minute, o.MinDelay)
	}
	switch {
	case o.URL != "" && o.Reader != nil:
		return nil, errors.New("ingest/journald: URL and Reader exclude each other")
	case o.MaxEntry < 1 || o.MaxEntry > 1<<30:
		return nil, fmt.Errorf("ingest/journald: MaxEntry is %d, want 1 to %d", o.MaxEntry, 1<<30)
	case o.Checkpoint != "" && o.Reader != nil:
		return nil, errors.New("ingest/journald: a Reader begins where it begins: it needs no Checkpoint")
	case !isCursor(o.Cursor):
		return nil, errors.New("ingest/journald: a Cursor with a line end")
	}
	if err := (ratelimit.Backoff{Min: o.MinDelay, Max: o.MaxDelay, Jitter: o.Jitter}).Validate(); err != nil {
		return nil, fmt.Errorf("ingest/journald: %w", err)
	}
	if o.URL != "" {
		u, err := url.Parse(o.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("ingest/journald: URL: want http or https and a host")
		}
		s.url = u.JoinPath("entries")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 30 * time.Second, IdleConnTimeout: time.Second}}
	}
	return s, nil
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// commits calls Committed in order.
type commits struct {
	mu     sync.Mutex
	call   func(string)
	queue  []*mark
	failed bool
}

type mark struct {
	cursor string
	done   bool
}

// add notes a block that ends at a cursor, and returns its Done.
func (c *commits) add(cursor string) func(ingest.Result) {
	if c.call == nil {
		return nil
	}
	m := &mark{cursor: cursor}
	c.mu.Lock()
	c.queue = append(c.queue, m)
	c.mu.Unlock()
	return func(r ingest.Result) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !r.OK() {
			c.failed = true
		}
		m.done = true
		last := ""
		for !c.failed && len(c.queue) > 0 && c.queue[0].done {
			if c.queue[0].cursor != "" {
				last = c.queue[0].cursor
			}
			c.queue = c.queue[1:]
		}
		if last != "" {
			c.call(last)
		}
	}
}

// Run reads until ctx ends, or the end of what there is.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	cursor, committed := s.opts.Cursor, s.opts.Committed
	if s.opts.Checkpoint != "" {
		k, stored, err := openKeeper(s.opts.Checkpoint, s.opts.Logger)
		if err != nil {
			return err
		}
		defer k.close()
		if stored != "" {
			cursor = stored
		}
		committed = func(cursor string) {
			k.put(cursor)
			if s.opts.Committed != nil {
				s.opts.Committed(cursor)
			}
		}
	}
	if committed != nil {
		defer out.Settle() // what the sinks still take is committed too
	}
	g := gather.New(out, 20*time.Millisecond)
	defer g.Close()
	rd := reader{s: s, g: g, out: out, cursor: cursor, commits: &commits{call: committed}}
	if s.opts.Reader != nil {
		return rd.read(ctx, s.opts.Reader)
	}
	return s.follow(ctx, &rd)
}

// follow reads again what ends, until ctx does.
func (s *Source) follow(ctx context.Context, rd *reader) error {
	backoff := ratelimit.Backoff{Min: s.opts.MinDelay, Max: s.opts.MaxDelay, Jitter: s.opts.Jitter}
	failed := 0
	for {
		before := rd.count
		var err error
		if s.url != nil {
			err = s.gateway(ctx, rd)
		} else {
			err = s.journalctl(ctx, rd)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, ingest.ErrClosed), s.opts.Once:
			return err
		}
		if rd.count > before {
			failed = 0
		}
		failed++
		if cause := s.opts.Clock.Pause(ctx, backoff.Pause(failed, 0)); cause != nil {
			return cause
		}
	}
}

// journalctl runs the program once.
func (s *Source) journalctl(ctx context.Context, rd *reader) error {
	args := append([]string{}, s.opts.Journalctl[1:]...)
	args = append(args, "-o", "export", "--no-pager")
	if !s.opts.Once {
		args = append(args, "-f")
	}
	switch {
	case rd.cursor != "":
		args = append(args, "--after-cursor="+rd.cursor)
		if !s.opts.Once {
			args = append(args, "--no-tail")
		}
	case s.opts.FromStart:
		if !s.opts.Once {
			args = append(args, "--no-tail")
		}
	case !s.opts.Once:
		args = append(args, "-n", "0")
	}
	cmd := exec.CommandContext(ctx, s.opts.Journalctl[0], args...)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &limited{b: &stderr}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := rd.read(ctx, stdout)
	if readErr != nil {
		_ = cmd.Process.Kill() // fails where it has ended
	}
	waitErr := cmd.Wait()
	switch {
	case readErr != nil:
		return readErr
	case waitErr != nil:
		return errcat.Newf(errcat.TransientNetwork, errcat.StageCollect, "journalctl: %w: %s", waitErr, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// limited keeps the beginning of what a program says.
type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.b.Write(p[:min(len(p), max(0, 4096-l.b.Len()))])
	return len(p), nil
}

// gateway makes one request.
func (s *Source) gateway(ctx context.Context, rd *reader) error {
	u := *s.url
	if !s.opts.Once {
		u.RawQuery = "follow"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.fdo.journal")
	switch {
	case rd.cursor != "":
		req.Header.Set("Range", "entries="+rd.cursor+":1:") // behind the cursor
	case !s.opts.FromStart && !s.opts.Once:
		req.Header.Set("Range", "entries=:-1:") // from the last one on
	}
	client := *s.opts.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errcat.Newf(errcat.TransientNetwork, errcat.StageCollect, "systemd-journal-gatewayd: %s", resp.Status)
	}
	return rd.read(ctx, resp.Body)
}

// reader hands entries on.
type reader struct {
	s       *Source
	g       *gather.Gatherer
	out     *ingest.Emit
	commits *commits
	cursor  string // of the last entry that was read
	count   int64
}

const blockBytes = 64 << 10

// read reads a stream to its end.
func (rd *reader) read(ctx context.Context, src io.Reader) error {
	if c, ok := src.(io.Closer); ok {
		defer context.AfterFunc(ctx, func() { c.Close() })()
	}
	limits := rd.out.Limits()
	o := &rd.s.opts
	p := parser{r: bufio.NewReaderSize(src, 64<<10), limit: min(o.MaxEntry, limits.MaxMessage)}
	origin := &parse.Origin{Source: o.Name, Hint: o.Hint, Zone: o.Zone}
	var b gather.Block
	var text []byte
	var ends []int
	flush := func() error {
		if len(ends) == 0 {
			return nil
		}
		now, start := rd.out.Now(), 0
		for _, end := range ends {
			b.Msgs = append(b.Msgs, parse.Message{Raw: text[start:end:end], Origin: origin, Received: now})
			start = end
		}
		err := rd.g.Add(ctx, &b, true, rd.commits.add(rd.cursor))
		rd.count += int64(len(ends))
		b.Reset()
		text, ends = text[:0], ends[:0]
		return err
	}
	for {
		err := p.next()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			flushed := flush()
			if err == io.EOF {
				err = nil
			} else if errors.Is(err, errFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "journal: %w", err)
			}
			return errors.Join(err, flushed)
		}
		start := len(text)
		text = p.json(text)
		if n := len(text) - start; p.over || n > limits.MaxMessage {
			text = text[:start+min(n, limits.KeepOversize)]
			b.Faults = append(b.Faults, ingest.Fault{Msg: len(ends), Err: errOversize, Length: p.size})
		}
		ends = append(ends, len(text))
		if c := p.cursor(); c != "" {
			rd.cursor = c
		}
		if p.r.Buffered() == 0 || len(text) >= blockBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}
