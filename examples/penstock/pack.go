package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/pack/draft"
	"github.com/penstock-dev/penstock/parse/pack/grok"
	"github.com/penstock-dev/penstock/parse/parsetest"
)

func packCommands() []command {
	return []command{
		{"pack check", "DIR...", "compile packs and say what is wrong with them", runPackCheck},
		{"pack test", "[-update] [-against DIR] DIR...", "try packs on their samples and compare with the golden lines", runPackTest},
		{"pack new", "-from SAMPLES [-dir DIR] NAME", "write a first pack from some lines of a product, with its test", runPackNew},
		{"pack list", "[-packs DIR]", "list the packs", runPackList},
		{"pack show", "[-packs DIR] NAME|DIR", "tell what a pack is and which fields it sets", runPackShow},
		{"pack bench", "[-packs DIR] [-time D] NAME|DIR [FILE...]", "measure how fast a pack parses and encodes", runPackBench},
		{"pack grok", "PATTERN", "turn a Logstash grok pattern into a text pattern, or where that cannot be into a regular expression", runPackGrok},
		{"pack schema", "", "write the JSON Schema of pack.yaml, for editors", runPackSchema},
	}
}

// runPack finds the command that the first argument names.
func runPack(ctx context.Context, args []string, std stdio) error {
	if len(args) > 0 {
		for _, c := range packCommands() {
			if c.name == "pack "+args[0] {
				return c.run(ctx, args[1:], std)
			}
		}
	}
	return usage("penstock pack", "penstock pack COMMAND [arguments]", packCommands(), args, std)
}

// arguments parses flags that stand before, between or behind the other arguments.
func arguments(name, usage string, std stdio, args []string, least, most int, define func(fs *flagSet)) ([]string, error) {
	fs := flags(name, usage, std)
	if define != nil {
		define(fs)
	}
	var rest []string
	for {
		if err := parseFlags(fs, args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			break
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
	if len(rest) < least || most >= 0 && len(rest) > most {
		fs.Usage()
		return nil, errUsage
	}
	return rest, nil
}

// packDirs expands folders of packs to the packs' own folders.
func packDirs(dirs []string) ([]string, error) {
	var out []string
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "pack.yaml")); err == nil {
			out = append(out, d)
			continue
		}
		found, err := filepath.Glob(filepath.Join(d, "*", "pack.yaml"))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s holds no pack.yaml, and no folder with one", d)
		}
		for _, f := range found {
			out = append(out, filepath.Dir(f))
		}
	}
	return out, nil
}

// loadPack compiles the pack of a folder, whose name is the pack's.
func loadPack(dir string) (*pack.Pack, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p, err := pack.Load(os.DirFS(filepath.Dir(abs)), filepath.Base(abs))
	if err == nil && p.Name() != filepath.Base(abs) {
		return nil, fmt.Errorf("%s: the pack has the name %q; it must be the folder's name", dir, p.Name())
	}
	return p, err
}

func runPackCheck(_ context.Context, args []string, std stdio) error {
	dirs, err := arguments("pack check", "DIR...", std, args, 1, -1, nil)
	if err != nil {
		return err
	}
	if dirs, err = packDirs(dirs); err != nil {
		return err
	}
	bad := 0
	for _, d := range dirs {
		p, err := loadPack(d)
		if err != nil {
			bad++
			fmt.Fprintln(std.out, err)
			continue
		}
		fmt.Fprintf(std.out, "ok  %s %s, %d fields\n", p.Name(), p.Version(), len(p.Fields()))
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d packs are wrong", bad, len(dirs))
	}
	return nil
}

func runPackTest(_ context.Context, args []string, std stdio) error {
	var o parsetest.Options
	var against string
	dirs, err := arguments("pack test", "[flags] DIR...", std, args, 1, -1, func(fs *flagSet) {
		fs.BoolVar(&o.Update, "update", false, "write the golden lines anew")
		fs.BoolVar(&o.Short, "short", false, "cut records at fewer places")
		fs.Float64Var(&o.MaxAllocs, "allocs", 0, "allocations that an event may cost; 0: the suite's own limit")
		fs.StringVar(&against, "against", "", "`folder` with another version of the packs, with whose golden lines to compare as well")
	})
	if err != nil {
		return err
	}
	if dirs, err = packDirs(dirs); err != nil {
		return err
	}
	packs := make([]*pack.Pack, len(dirs))
	bad := 0
	for i, d := range dirs {
		if packs[i], err = loadPack(d); err != nil {
			bad++
			fmt.Fprintln(std.out, err)
		}
	}
	if o.Set, err = amongBuiltIn(packs); err != nil {
		return err
	}
	for i, p := range packs {
		if p == nil {
			continue
		}
		o := o
		if against != "" {
			o.Against = filepath.Join(against, p.Name())
		}
		r, err := parsetest.Check(p, dirs[i], o)
		if err != nil {
			bad++
			fmt.Fprintln(std.out, err)
			continue
		}
		for _, n := range r.Notes {
			fmt.Fprintf(std.out, "note %s: %s\n", p.Name(), strings.TrimSuffix(n, "\n"))
		}
		for _, u := range r.Updated {
			fmt.Fprintf(std.out, "wrote %s\n", u)
		}
		for n, f := range r.Failures {
			if n == 20 {
				fmt.Fprintf(std.out, "FAIL %s: and %d more\n", p.Name(), len(r.Failures)-n)
				break
			}
			fmt.Fprintf(std.out, "FAIL %s: %s\n", p.Name(), strings.TrimSuffix(f, "\n"))
		}
		if !r.Ok() {
			bad++
			continue
		}
		fmt.Fprintf(std.out, "ok  %s: %d records, %d events, %d dead letters, %.2f allocations an event\n", p.Name(), r.Records, r.Events, r.DeadLetters, max(r.Allocs, 0))
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d packs fail", bad, len(dirs))
	}
	return nil
}

// amongBuiltIn returns a Set of the given packs and of the built-in ones of other names.
func amongBuiltIn(packs []*pack.Pack) (*pack.Set, error) {
	set, err := pack.NewSet()
	if err != nil {
		return nil, err
	}
	for _, p := range packs {
		if p != nil {
			if err := set.Add(p); err != nil {
				return nil, err
			}
		}
	}
	builtIn, err := packSet("")
	if err != nil {
		return nil, err
	}
	for _, name := range builtIn.Names() {
		if _, err := set.Pack(name); err == nil {
			continue
		}
		p, err := builtIn.Pack(name)
		if err != nil {
			return nil, err
		}
		if err := set.Add(p); err != nil {
			continue // an alias of it is the name of a given pack
		}
	}
	return set, nil
}

func runPackNew(_ context.Context, args []string, std stdio) error {
	var from, dir string
	rest, err := arguments("pack new", "-from SAMPLES [-dir DIR] NAME", std, args, 1, 1, func(fs *flagSet) {
		fs.StringVar(&from, "from", "", "`file` with lines of the product; - for standard input")
		fs.StringVar(&dir, "dir", ".", "`folder` in which the pack's folder is made")
	})
	if err != nil {
		return err
	}
	if from == "" {
		return errors.New("-from is missing: a file with lines of the product")
	}
	name := rest[0]
	in := std.in
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	const most = 4 << 20
	data, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return err
	}
	var lines [][]byte
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 && len(lines) < 500 {
			lines = append(lines, line)
		}
	}
	src, err := draft.New(name, lines)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, name)
	if _, err := os.Stat(filepath.Join(folder, "pack.yaml")); err == nil {
		return fmt.Errorf("%s exists already", filepath.Join(folder, "pack.yaml"))
	}
	if err := os.MkdirAll(filepath.Join(folder, "testdata"), 0o755); err != nil {
		return err
	}
	for file, text := range map[string][]byte{
		"pack.yaml":            src,
		"testdata/samples.log": append(bytes.Join(lines, []byte{'\n'}), '\n'),
		"testdata/hostile.log": hostile(lines),
	} {
		if err := os.WriteFile(filepath.Join(folder, filepath.FromSlash(file)), text, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.out, "%s: read as %s\n", filepath.Join(folder, "pack.yaml"), draft.Format(lines))
	if p, err := pack.Compile("pack.yaml", src); err == nil && !p.Detectable() {
		fmt.Fprintln(std.out, "Nothing tells these lines from those of other products: auto will not find the pack until it has a detect.")
	}
	return runPackTest(context.Background(), []string{"-update", "-short", folder}, std)
}

// hostile makes records that the product never should write: cut, doubled, damaged.
func hostile(lines [][]byte) []byte {
	var b []byte
	for _, l := range lines[:min(len(lines), 3)] {
		b = append(append(b, l[:len(l)/2]...), '\n')
		b = append(append(append(b, l...), l...), '\n')
		d := bytes.Clone(l)
		for i := 7; i < len(d); i += 13 {
			d[i] = 0xff
		}
		b = append(append(b, d...), '\n')
	}
	return b
}

func runPackList(_ context.Context, args []string, std stdio) error {
	var dir string
	if _, err := arguments("pack list", "[-packs DIR]", std, args, 0, 0, func(fs *flagSet) {
		fs.StringVar(&dir, "packs", "", "`folder` of packs; default: the built-in ones")
	}); err != nil {
		return err
	}
	set, err := packSet(dir)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVERSION\tVENDOR\tPRODUCT\tALIASES")
	for _, name := range set.Names() {
		p, err := set.Pack(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, p.Version(), p.Vendor(), p.Product(), strings.Join(p.Aliases(), " "))
	}
	return w.Flush()
}

// onePack finds a pack by the folder or the name that it has.
func onePack(nameOrDir, packs string) (*pack.Pack, error) {
	if _, err := os.Stat(filepath.Join(nameOrDir, "pack.yaml")); err == nil {
		return loadPack(nameOrDir)
	}
	set, err := packSet(packs)
	if err != nil {
		return nil, err
	}
	return set.Pack(nameOrDir)
}

func runPackShow(_ context.Context, args []string, std stdio) error {
	var dir string
	rest, err := arguments("pack show", "[-packs DIR] NAME|DIR", std, args, 1, 1, func(fs *flagSet) {
		fs.StringVar(&dir, "packs", "", "`folder` of packs; default: the built-in ones")
	})
	if err != nil {
		return err
	}
	p, err := onePack(rest[0], dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s %s: %s %s\n", p.Name(), p.Version(), p.Vendor(), p.Product())
	if a := p.Aliases(); len(a) > 0 {
		fmt.Fprintf(std.out, "also called %s\n", strings.Join(a, ", "))
	}
	for _, d := range p.Docs() {
		fmt.Fprintln(std.out, d)
	}
	if n := strings.TrimSpace(p.Notes()); n != "" {
		fmt.Fprintf(std.out, "\n%s\n", n)
	}
	if !p.Detectable() {
		fmt.Fprintln(std.out, "\nIt is found by name alone.")
	}
	fmt.Fprintln(std.out, "\nFields that it sets, those that are derived or kept aside:")
	for _, f := range p.Fields() {
		fmt.Fprintln(std.out, "  "+f)
	}
	return nil
}

func runPackBench(_ context.Context, args []string, std stdio) error {
	var dir string
	var atLeast time.Duration
	rest, err := arguments("pack bench", "[flags] NAME|DIR [FILE...]", std, args, 1, -1, func(fs *flagSet) {
		fs.StringVar(&dir, "packs", "", "`folder` of packs; default: the built-in ones")
		fs.DurationVar(&atLeast, "time", 2*time.Second, "how long to run")
	})
	if err != nil {
		return err
	}
	p, err := onePack(rest[0], dir)
	if err != nil {
		return err
	}
	files := rest[1:]
	if len(files) == 0 {
		files = []string{filepath.Join(rest[0], "testdata", "samples.log")}
	}
	var records [][]byte
	size := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("%w; name files with records of the product", err)
		}
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 {
				records = append(records, slices.Clip(line))
				size += len(line) + 1
			}
		}
	}
	if len(records) == 0 {
		return errors.New("no records")
	}
	for _, only := range []bool{true, false} {
		parser := p.Parser(pack.Options{ECSOnly: only}).Worker()
		enc := normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: only})
		var out parse.Events[parse.Record]
		var line []byte
		var msg parse.Message
		events, failed := 0, 0
		round := func() error {
			for _, r := range records {
				out.Reset()
				msg = parse.Message{Raw: r}
				if parser.Parse(&msg, &out) != nil {
					failed++
					continue
				}
				for _, e := range out.All() {
					var err error
					if line, err = enc.Append(line[:0], e); err != nil {
						return err
					}
					events++
				}
			}
			return nil
		}
		if err := round(); err != nil { // warm
			return err
		}
		events, failed = 0, 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rounds, start := 0, time.Now()
		for time.Since(start) < atLeast {
			if err := round(); err != nil {
				return err
			}
			rounds++
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		fields := "all fields"
		if only {
			fields = "ECS fields"
		}
		fmt.Fprintf(std.out, "%s, %s: %.1f MB/s, %d ns a record, %.2f allocations a record, %d records, %d events, %d dead letters\n",
			p.Name(), fields, float64(size)*float64(rounds)/1e6/took.Seconds(), took.Nanoseconds()/int64(rounds*len(records)),
			float64(after.Mallocs-before.Mallocs)/float64(rounds*len(records)), len(records), events/rounds, failed/rounds)
	}
	return nil
}

func runPackGrok(_ context.Context, args []string, std stdio) error {
	rest, err := arguments("pack grok", "PATTERN", std, args, 1, 1, nil)
	if err != nil {
		return err
	}
	p, err := grok.Import(rest[0])
	if err == nil {
		_, err = fmt.Fprintln(std.out, p)
		return err
	}
	re, reErr := grok.Regex(rest[0])
	if reErr != nil {
		return err
	}
	fmt.Fprintf(std.err, "penstock pack grok: %v; as a regular expression, the last resort, it is\n", err)
	_, err = fmt.Fprintln(std.out, re)
	return err
}

func runPackSchema(_ context.Context, args []string, std stdio) error {
	if _, err := arguments("pack schema", "", std, args, 0, 0, nil); err != nil {
		return err
	}
	_, err := std.out.Write(pack.JSONSchema())
	return err
}
