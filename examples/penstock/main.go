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
	"slices"
	"strings"
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
	}
	if errors.Is(usage("penstock", "penstock COMMAND [arguments]", commands(), args, std), flag.ErrHelp) {
		return 0
	}
	return 2
}

// usage lists commands: on standard output for who asks for help, which is flag.ErrHelp, else
// behind what is wrong with the first argument.
func usage(program, line string, list []command, args []string, std stdio) error {
	to, err := std.err, errUsage
	switch {
	case len(args) == 0:
	case slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]):
		to, err = std.out, flag.ErrHelp
	default:
		fmt.Fprintf(to, "%s: %q is no command", program, args[0])
		for _, c := range append(commands(), packCommands()...) {
			if c.name == args[0] || c.name == "pack "+args[0] {
				fmt.Fprintf(to, "; did you mean penstock %s?", c.name)
				break
			}
		}
		fmt.Fprint(to, "\n\n")
	}
	fmt.Fprintf(to, "usage: %s\n", line)
	for _, c := range list {
		fmt.Fprintf(to, "\n  penstock %s\n        %s\n", strings.TrimSpace(c.name+" "+c.args), c.doc)
	}
	return err
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
