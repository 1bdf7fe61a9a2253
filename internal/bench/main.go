package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

type options struct {
	mb       int
	runs     int
	span     time.Duration
	only     string
	markdown bool
	output   string
}

func main() {
	var o options
	flag.IntVar(&o.mb, "mb", 16, "`megabytes` of each corpus held in memory and read over and over")
	flag.IntVar(&o.runs, "runs", 5, "runs of each peer, interleaved; the table shows medians")
	flag.DurationVar(&o.span, "time", 600*time.Millisecond, "how long one run lasts")
	flag.StringVar(&o.only, "only", "", "corpora, separated by commas; default: all")
	flag.BoolVar(&o.markdown, "markdown", false, "print a markdown document in place of plain text")
	flag.StringVar(&o.output, "o", "", "write the result to `file` instead of standard output")
	child := flag.Bool("child", false, "measure one peer on one corpus in this process, both given as arguments, and print JSON")
	profile := flag.String("cpuprofile", "", "with -child: write a CPU profile to `file`")
	flag.Parse()
	err := errors.New("one argument too many")
	switch {
	case *child && flag.NArg() == 2:
		err = runChild(o, flag.Arg(0), flag.Arg(1), *profile)
	case *child:
		err = errors.New("-child wants a peer and a corpus")
	case flag.NArg() == 0:
		err = runAll(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func runChild(o options, peerName, corpusName, profile string) error {
	p, c := peerNamed(peerName), corpusNamed(corpusName)
	if p == nil || c == nil {
		return fmt.Errorf("no such peer or corpus: %s %s", peerName, corpusName)
	}
	var s sample
	var err error
	if p.program != nil {
		s, err = p.program(c, o.mb*1_000_000, o.span)
	} else {
		s, err = measure(p, c, o.mb*1_000_000, o.span, profile)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// inChild measures in a process of its own, so that no peer pays for another's heap.
func inChild(o options, p *peer, c *corpus) (s sample, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	cmd := exec.Command(self, "-child", fmt.Sprintf("-mb=%d", o.mb), fmt.Sprintf("-time=%s", o.span), p.name, c.name)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", p.workers))
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		return s, fmt.Errorf("%s on %s: %w: %s", p.name, c.name, err, strings.TrimSpace(diag.String()))
	}
	return s, json.Unmarshal(out.Bytes(), &s)
}

func runAll(o options) error {
	if o.mb < 1 || o.runs < 1 || o.span <= 0 {
		return errors.New("-mb, -runs and -time are at least 1")
	}
	chosen := corpora
	if o.only != "" {
		chosen = nil
		for _, name := range strings.Split(o.only, ",") {
			c := corpusNamed(name)
			if c == nil {
				return fmt.Errorf("no corpus %q", name)
			}
			chosen = append(chosen, c)
		}
	}
	var rows []*row
	for _, c := range chosen {
		if _, err := findPack(c); errors.Is(err, errSkip) {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", c.name, err)
			continue
		} else if err != nil {
			return err
		}
		r, err := runCorpus(o, c)
		if err != nil {
			return err
		}
		rows = append(rows, r)
		fmt.Fprintf(os.Stderr, "bench: %s done\n", c.name)
	}
	if len(rows) == 0 {
		return errors.New("nothing to measure")
	}
	out := os.Stdout
	if o.output != "" {
		f, err := os.Create(o.output)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	return report(out, o, rows)
}

// row holds the samples of one corpus, by peer.
type row struct {
	corpus  *corpus
	samples map[string][]sample
	// again holds further runs of penstock, for scaling only.
	again map[string][]sample
}

// runCorpus runs all peers in turn, o.runs times: what slows the machine down for a
// while slows all of them.
func runCorpus(o options, c *corpus) (*row, error) {
	r := &row{c, map[string][]sample{}, map[string][]sample{}}
	var list []*peer
	for i := range peers {
		if _, err := peers[i].start(c); err == nil {
			list = append(list, &peers[i])
		} else if !errors.Is(err, errSkip) {
			return nil, err
		}
	}
	if runtime.NumCPU() >= twoCores.workers {
		list = slices.Insert(list, 1, &twoCores) // right after what it is compared with
	}
	for range o.runs {
		for _, p := range list {
			s, err := inChild(o, p, c)
			if err != nil {
				return nil, err
			}
			r.samples[p.name] = append(r.samples[p.name], s)
		}
	}
	// Other work may have had the second core all the while; try a few times more.
	for range 2 * o.runs {
		if _, ok := r.scaling(); ok || len(r.samples[twoCores.name]) == 0 {
			break
		}
		for _, p := range []*peer{&peers[0], &twoCores} {
			s, err := inChild(o, p, c)
			if err != nil {
				return nil, err
			}
			r.again[p.name] = append(r.again[p.name], s)
		}
	}
	return r, nil
}

// median of a figure over the runs of a peer; false where the peer does not read the corpus.
func (r *row) median(peer string, of func(*sample) float64) (float64, bool) {
	v := r.values(peer, of)
	if len(v) == 0 {
		return 0, false
	}
	return median(v), true
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

func (r *row) values(peer string, of func(*sample) float64) (v []float64) {
	for i := range r.samples[peer] {
		v = append(v, of(&r.samples[peer][i]))
	}
	return v
}

// ratio is how many times faster than the best of its peers penstock is: for each peer the
// median over the rounds, in which both ran within a second or two, then the lowest.
func (r *row) ratio() (lowest float64, ok bool) {
	mine := r.values(peers[0].name, (*sample).rate)
	for _, p := range peers[1:] {
		other := r.values(p.name, (*sample).rate)
		for i := range other {
			other[i] = mine[i] / other[i]
		}
		if len(other) > 0 && (!ok || median(other) < lowest) {
			lowest, ok = median(other), true
		}
	}
	return lowest, ok
}

// scaling is how much more two workers do in the same time than one: the median over the
// rounds in which both had the cores for themselves.
func (r *row) scaling() (float64, bool) {
	var rounds []float64
	for _, m := range []map[string][]sample{r.samples, r.again} {
		one := m[peers[0].name]
		for i, two := range m[twoCores.name] {
			if one[i].Quiet && two.Quiet {
				rounds = append(rounds, two.wallRate()/one[i].wallRate())
			}
		}
	}
	if len(rounds) == 0 {
		return 0, false
	}
	return median(rounds), true
}
