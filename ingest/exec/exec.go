package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/ratelimit"
)

// Options of a source. Command is needed.
type Options struct {
	// Name of the source and of its messages' origin. Default: the command's first word.
	Name string
	// Command is the program and its arguments.
	Command []string
	// Dir is the working directory, Env the environment; see os/exec.Cmd. Default: those
	// of this process.
	Dir string
	Env []string
	// Framing of standard output. Default: ingest.Lines.
	Framing ingest.Framing
	// Once runs the command once.
	Once bool
	// Every is the pause after a run that succeeded. Default: 1 s.
	Every time.Duration
	// MinDelay and MaxDelay bound the pause after a run that failed. Defaults: 1 s, 1 min.
	MinDelay, MaxDelay time.Duration
	// Grace is how long the command may take to end. Default: 1 s.
	Grace time.Duration
	// Clock and Jitter are for the pauses. Default: the real ones.
	Clock  ratelimit.Clock
	Jitter func() float64
	Hint   string         // see parse.Origin
	Zone   *time.Location // see parse.Origin
	// Logger gets what the command writes to standard error, and its ends. Default: none.
	Logger *slog.Logger
}

// Stats are the counters of a source.
type Stats struct {
	Runs      int64 // starts of the command
	Failures  int64 // runs that did not start or ended with an error
	LastError error // of the last run, nil if it succeeded
}

// Source runs a command.
type Source struct {
	opts           Options
	runs, failures atomic.Int64
	mu             sync.Mutex
	last           error
}

// New returns a source. The command is looked for when it runs.
func New(opts Options) (*Source, error) {
	if len(opts.Command) == 0 || opts.Command[0] == "" {
		return nil, errors.New("ingest/exec: Options has no Command")
	}
	if opts.Name == "" {
		opts.Name = opts.Command[0]
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&opts.Every, time.Second}, {&opts.MinDelay, time.Second}, {&opts.MaxDelay, max(time.Minute, opts.MinDelay)}, {&opts.Grace, time.Second}} {
		if *d.v == 0 {
			*d.v = d.def
		}
		if *d.v < 0 {
			return nil, fmt.Errorf("ingest/exec: a duration of %s", *d.v)
		}
	}
	if err := (ratelimit.Backoff{Min: opts.MinDelay, Max: opts.MaxDelay, Jitter: opts.Jitter}).Validate(); err != nil {
		return nil, fmt.Errorf("ingest/exec: %w", err)
	}
	return &Source{opts: opts}, nil
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Stats returns the counters.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{s.runs.Load(), s.failures.Load(), s.last}
}

// healthy is how long a run must have lasted for its failure not to count as one more.
const healthy = time.Minute

// Run runs the command until ctx ends.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	backoff := ratelimit.Backoff{Min: s.opts.MinDelay, Max: s.opts.MaxDelay, Jitter: s.opts.Jitter}
	offset := out.Now().UnixNano() // so that offsets differ after a restart too
	failed := 0
	for {
		begin := time.Now()
		s.runs.Add(1)
		end, err := s.once(ctx, out, offset)
		offset = end + 1
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.mu.Lock()
		s.last = err
		s.mu.Unlock()
		if errors.Is(err, ingest.ErrClosed) {
			return err
		}
		pause := s.opts.Every
		switch {
		case err == nil:
			failed = 0
		default:
			s.failures.Add(1)
			if time.Since(begin) >= healthy {
				failed = 0
			}
			failed++
			pause = backoff.Pause(failed, 0)
			if s.opts.Logger != nil {
				s.opts.Logger.Warn("the command failed", "source", s.opts.Name, "error", err, "again_in", pause)
			}
		}
		if s.opts.Once {
			return err
		}
		if cause := s.opts.Clock.Pause(ctx, pause); cause != nil {
			return cause
		}
	}
}

// keptStderr is how much of the end of standard error is kept.
const keptStderr = 4 << 10

// tail keeps the end of what is written to it, and logs its lines.
type tail struct {
	log  *slog.Logger
	name string
	b    []byte
}

func (t *tail) Write(p []byte) (int, error) {
	if t.log != nil {
		t.log.Info("the command says", "source", t.name, "stderr", strings.TrimSpace(string(p[:min(len(p), keptStderr)])))
	}
	t.b = append(t.b, p...)
	if over := len(t.b) - keptStderr; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

// once runs the command to its end.
func (s *Source) once(ctx context.Context, out *ingest.Emit, offset int64) (end int64, err error) {
	cmd := exec.CommandContext(ctx, s.opts.Command[0], s.opts.Command[1:]...)
	cmd.Dir, cmd.Env = s.opts.Dir, s.opts.Env
	stderr := &tail{log: s.opts.Logger, name: s.opts.Name}
	cmd.Stderr = stderr
	cmd.WaitDelay = s.opts.Grace
	group(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return offset, err
	}
	if err := cmd.Start(); err != nil {
		return offset, errcat.Newf(errcat.Of(err), errcat.StageCollect, "%w", err)
	}
	stream := ingest.Stream{Framing: s.opts.Framing, Offset: offset, Origin: &parse.Origin{Source: s.opts.Name, Hint: s.opts.Hint, Zone: s.opts.Zone}}
	// A child of the command may keep the pipe open: it is closed a moment after the end.
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(s.opts.Grace, func() { stdout.Close() }) })
	end, copyErr := stream.Copy(ctx, stdout, out)
	stop()
	if copyErr != nil {
		kill(cmd) // it would block in a pipe that nobody reads
	}
	_, _ = io.Copy(io.Discard, stdout) // Wait says how it ended
	waitErr := cmd.Wait()
	kill(cmd) // what is left of the group
	switch {
	case copyErr != nil:
		return end, copyErr
	case waitErr != nil:
		return end, errcat.Newf(errcat.TransientNetwork, errcat.StageCollect, "%s: %w: %s", s.opts.Command[0], waitErr, strings.TrimSpace(string(stderr.b)))
	}
	return end, nil
}
