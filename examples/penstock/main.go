// Command penstock is the library as one program.
//
//	penstock parse [-p PACK|FORMAT|auto] [flags] [FILE...]
//
// Run it without arguments for the list of its subcommands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/parse"
)

type command struct {
	name, args, doc string
	run             func(ctx context.Context, args []string, std stdio) error
}

// stdio is what a command reads and writes, so that tests can stand in for the terminal.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// lines is the sink of standard output: on a terminal what that would obey is escaped.
func (s stdio) lines() batch.Sink[parse.Record] {
	if s.terminal() {
		return batch.NewConsole[parse.Record](s.out)
	}
	return batch.NewWriter[parse.Record](s.out)
}

// terminal reports whether a person may be reading standard output.
func (s stdio) terminal() bool {
	f, ok := s.out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

func commands() []command {
	return []command{
		{"parse", "[-p PACK|FORMAT|auto] [flags] [FILE...]", "parse standard input or files into ECS events", runParse},
		{"explain", "[-p PACK|auto] [FILE]", "tell which bytes and which line of a pack made each field", runExplain},
		{"pack", "check|test|new|list|show|bench|grok|schema", "work on packs; run it alone for more", runPack},
		{"run", "-c FILE", "run the pipeline that a file describes", runRun},
		{"check", "-c FILE", "check such a file, and open nothing", runCheck},
		{"tap", "-a HOST:PORT", "show live messages of a pipeline that runs with admin: HOST:PORT", runTap},
		{"spool", "list|check|repair|dump|replay", "look at what is stored on disk; run it alone for more", runSpool},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// errUsage says that the message and the usage have been printed already.
var errUsage = errors.New("usage")

func run(ctx context.Context, args []string, std stdio) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			err := c.run(ctx, args[1:], std)
			switch {
			case err == nil, errors.Is(err, flag.ErrHelp):
				return 0
			case errors.Is(err, errUsage):
				return 2
			}
			fmt.Fprintf(std.err, "penstock %s: %v\n", c.name, err)
			return 1
		}
		fmt.Fprintf(std.err, "penstock: %q is no command\n\n", args[0])
	}
	fmt.Fprintln(std.err, "usage: penstock COMMAND [arguments]")
	for _, c := range commands() {
		fmt.Fprintf(std.err, "\n  penstock %s %s\n        %s\n", c.name, c.args, c.doc)
	}
	return 2
}

type flagSet = flag.FlagSet

// flags returns a flag set that reports to std.
func flags(name, args string, std stdio) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(std.err)
	fs.Usage = func() {
		fmt.Fprintf(std.err, "usage: penstock %s %s\n", name, args)
		fs.PrintDefaults()
	}
	return fs
}

func parseFlags(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	return err
}
