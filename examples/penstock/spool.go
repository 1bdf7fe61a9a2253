package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/penstock-dev/penstock/batch/spool"
)

// spoolCommands are the subcommands of penstock spool. They work on the folders of
// spooled sinks, of buffers and of stores of dead letters.
func spoolCommands() []command {
	return []command{
		{"list", "FOLDER...", "the segments of spools: numbers, sizes, ages", spoolList},
		{"check", "FOLDER...", "read and check every byte; exit 1 where something is wrong", spoolCheck},
		{"repair", "FOLDER", "cut torn tails, take damaged entries out, keep the damaged files", spoolRepair},
		{"dump", "[-from N] [-n N] [-raw] FOLDER", "write entries to standard output, change nothing", spoolDump},
		{"replay", "[-raw] FOLDER", "write what was not delivered to standard output, and remove it", spoolReplay},
	}
}

func runSpool(ctx context.Context, args []string, std stdio) error {
	if len(args) > 0 {
		for _, c := range spoolCommands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], std)
			}
		}
		fmt.Fprintf(std.err, "penstock spool: %q is no subcommand\n\n", args[0])
	}
	fmt.Fprintln(std.err, "usage: penstock spool SUBCOMMAND [arguments]")
	for _, c := range spoolCommands() {
		fmt.Fprintf(std.err, "\n  penstock spool %s %s\n        %s\n", c.name, c.args, c.doc)
	}
	return errUsage
}

func spoolList(_ context.Context, args []string, std stdio) error {
	dirs, err := arguments("spool list", "FOLDER...", std, args, 1, -1, nil)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		r, err := spool.Inspect(dir, false)
		if err != nil {
			return err
		}
		position := "no position is stored"
		if r.Next > 0 {
			position = fmt.Sprintf("the next to be delivered is number %d", r.Next)
		}
		fmt.Fprintf(std.out, "%s: %d segments, %d bytes, %s\n", dir, len(r.Segments), r.Bytes, position)
		w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		for i := range r.Segments {
			s := &r.Segments[i]
			created, note := "", s.Problem
			if !s.Created.IsZero() {
				created = s.Created.Format("2006-01-02T15:04:05Z")
			}
			if r.Next > 0 && i+1 < len(r.Segments) && r.Segments[i+1].First <= r.Next {
				note = "delivered"
			}
			fmt.Fprintf(w, "  %s\tfrom %d\t%d bytes\t%s\t%s\n", s.Name, s.First, s.Bytes, created, note)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// printReport tells what is in a spool, and what is wrong with it.
func printReport(std stdio, dir string, r *spool.Report) {
	fmt.Fprintf(std.out, "%s: %d segments, %d bytes, %d entries to be delivered", dir, len(r.Segments), r.Bytes, r.Entries)
	if r.OK() {
		fmt.Fprintln(std.out, ", nothing wrong")
		return
	}
	fmt.Fprintf(std.out, ", %d lost\n", r.Lost)
	for i := range r.Segments {
		s := &r.Segments[i]
		if s.Problem != "" {
			fmt.Fprintf(std.out, "  %s: %s\n", s.Name, s.Problem)
		}
		for _, d := range s.Damage {
			fmt.Fprintf(std.out, "  %s\n", d)
		}
		if s.Torn > 0 {
			fmt.Fprintf(std.out, "  %s: %d bytes behind the last whole entry\n", s.Name, s.Torn)
		}
	}
}

func spoolCheck(_ context.Context, args []string, std stdio) error {
	dirs, err := arguments("spool check", "FOLDER...", std, args, 1, -1, nil)
	if err != nil {
		return err
	}
	bad := 0
	for _, dir := range dirs {
		r, err := spool.Inspect(dir, true)
		if err != nil {
			return err
		}
		printReport(std, dir, r)
		if !r.OK() {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("something is wrong with %d of %d spools", bad, len(dirs))
	}
	return nil
}

func spoolRepair(_ context.Context, args []string, std stdio) error {
	dirs, err := arguments("spool repair", "FOLDER", std, args, 1, 1, nil)
	if err != nil {
		return err
	}
	r, err := spool.Repair(dirs[0])
	if r != nil {
		printReport(std, dirs[0], r)
		if err == nil && !r.OK() {
			fmt.Fprintln(std.out, "repaired; damaged files have the suffix .damaged")
		}
	}
	return err
}

// spoolText is what is written of an entry.
func spoolText(e *spool.Entry, raw bool) []byte {
	if raw && e.Message != nil {
		return e.Message.Raw
	}
	return e.Text()
}

// errEnough ends a dump after the number that was asked for.
var errEnough = errors.New("enough")

func spoolDump(_ context.Context, args []string, std stdio) error {
	var from uint64
	var most int
	var raw, numbers bool
	dirs, err := arguments("spool dump", "[flags] FOLDER", std, args, 1, 1, func(fs *flagSet) {
		fs.Uint64Var(&from, "from", 0, "the `number` to begin with; default: what is not delivered yet")
		fs.IntVar(&most, "n", 0, "at most so many entries; default: all")
		fs.BoolVar(&raw, "raw", false, "raw messages, where they are stored, instead of lines")
		fs.BoolVar(&numbers, "numbers", false, "the number of the entry in front of each")
	})
	if err != nil {
		return err
	}
	w := bufio.NewWriter(std.out)
	n := 0
	err = spool.Dump(dirs[0], from, func(e spool.Entry) error {
		if most > 0 && n == most {
			return errEnough
		}
		n++
		if numbers {
			fmt.Fprintf(w, "%d\t", e.Seq)
		}
		w.Write(spoolText(&e, raw))
		return w.WriteByte('\n')
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, w.Flush())
}

func spoolReplay(ctx context.Context, args []string, std stdio) error {
	var raw bool
	dirs, err := arguments("spool replay", "[flags] FOLDER", std, args, 1, 1, func(fs *flagSet) {
		fs.BoolVar(&raw, "raw", false, "raw messages, where they are stored, instead of lines")
	})
	if err != nil {
		return err
	}
	var line []byte
	taken, damaged, err := spool.Take(ctx, dirs[0], func(e spool.Entry) error {
		line = append(append(line[:0], spoolText(&e, raw)...), '\n')
		_, err := std.out.Write(line)
		return err
	})
	fmt.Fprintf(std.err, "penstock spool replay: %d entries written, %d lost to damage\n", taken, damaged)
	return err
}
