package exec_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/exec"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ratelimit"
)

func mustNew(t testing.TB, o exec.Options) *exec.Source {
	t.Helper()
	s, err := exec.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sh(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Ends: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		file := filepath.Join(t.TempDir(), "in")
		os.WriteFile(file, nil, 0o600)
		return mustNew(t, exec.Options{Name: "cat", Command: []string{"cat", file}, Once: true}), func(_ context.Context, msgs []string) error {
			return os.WriteFile(file, []byte(strings.Join(msgs, "\n")+"\n"), 0o600)
		}
	}})
}

// A command is started again, sooner after a success than after failures.
func TestRestart(t *testing.T) {
	var pauses []time.Duration
	seventh := make(chan struct{})
	state := filepath.Join(t.TempDir(), "n")
	s := mustNew(t, exec.Options{
		Name: "x", Command: sh(`n=$(cat "$1" 2>/dev/null || echo 0); n=$((n+1)); echo $n > "$1"; echo run $n; echo trouble >&2; [ $n -ge 4 ] && [ $n -ne 6 ]`, state),
		Jitter: func() float64 { return 1 - 1e-9 },
		Clock: ratelimit.Clock{Sleep: func(ctx context.Context, d time.Duration) error {
			pauses = append(pauses, d.Round(time.Millisecond))
			if len(pauses) > 6 {
				close(seventh)
				<-ctx.Done()
			}
			return context.Cause(ctx)
		}},
	})
	p := ingesttest.Start(t, s)
	offsets := map[int64]bool{}
	for i, m := range p.Wait(7) {
		if m.Text != fmt.Sprint("run ", i+1) || offsets[m.Offset] {
			t.Errorf("message %d is %q at %d", i, m.Text, m.Offset)
		}
		offsets[m.Offset] = true
	}
	<-seventh
	p.Stop()
	sec := time.Second
	if want := []time.Duration{sec, 2 * sec, 4 * sec, sec, sec, sec, sec}; fmt.Sprint(pauses) != fmt.Sprint(want) {
		t.Errorf("pauses %v, want %v", pauses, want)
	}
	if st := s.Stats(); st.Runs != 7 || st.Failures != 4 || st.LastError != nil {
		t.Errorf("%+v", st)
	}
}

func TestOnce(t *testing.T) {
	s := mustNew(t, exec.Options{Command: sh(`echo out; echo "what went wrong" >&2; exit 3`), Once: true})
	var got error
	p := ingesttest.Start(t, ingest.WithName("x", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		got = s.Run(ctx, out)
		return nil
	})))
	p.Ended()
	if got == nil || !strings.Contains(got.Error(), "exit status 3: what went wrong") {
		t.Errorf("%v", got)
	}
	if m := p.Messages(); len(m) != 1 || m[0].Text != "out" {
		t.Errorf("%v", m)
	}
}

// A command that does not want to end is ended, with its children.
func TestStubborn(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	s := mustNew(t, exec.Options{Command: sh(`trap "" TERM; (trap "" TERM; echo $$ > "$1"; while :; do sleep 0.1; done) & echo started; while :; do sleep 0.1; done`, pid), Grace: 200 * time.Millisecond})
	p := ingesttest.Start(t, s)
	p.Wait(1)
	p.Stop()
	out, _ := os.ReadFile(pid)
	for range 100 {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(out)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %s of the command is still there", out)
}

func TestOptions(t *testing.T) {
	for _, o := range []exec.Options{{}, {Command: []string{""}}, {Command: []string{"a"}, Every: -1}, {Command: []string{"a"}, MinDelay: time.Hour, MaxDelay: time.Second}} {
		if _, err := exec.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func Example() {
	src, err := exec.New(exec.Options{Command: []string{"tcpdump", "-l", "-n"}, Hint: "tcpdump"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(src.Name())
	// Output: tcpdump
}
