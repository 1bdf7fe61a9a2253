package faulttest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/cputime"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// userPack is a pack as a user may write it who knows only half of what patterns cost: each
// of its patterns takes an engine that goes back an exponential or quadratic time.
func userPack() string {
	var words []string
	for i := range 100 {
		words = append(words, fmt.Sprintf("a%da", i))
	}
	return `name: user.bait
vendor: User
product: Bait
version: 1.0.0
detect:
  - contains: [bait]
    regex: '(a+)+!$'
steps:
  - map:
      _nested: 'if(message matches "^bait (([a-z]+)*[a-z]+)*!$", "yes", "no")'
      _plus: 'if(message matches "(a+)+$", "yes", "no")'
      _twice: 'if(message matches "(x+x+)+y", "yes", "no")'
      _lazy: 'if(message matches "(.*?,){20}P", "yes", "no")'
      _alternatives: 'if(message matches "(` + strings.Join(words, "|") + `)+!$", "yes", "no")'
      _group: 'message | regex("((?:a|aa)+)!$")'
      user.name: _group
  - text:
      on_error: skip
      patterns:
        - 'bait <_one>{` + strings.Join(words, "|") + `}! <two>'
        - 'bait {{a|aa}{a|aa}{a|aa}{a|aa}{a|aa}{a|aa}{a|aa}{a|aa}} ! <two>'
        - 'bait {<_a> a {<_b> a {<_c> a {<_d> a <e:word>}}}}!'
        - '<_x>a<_y>a<_z>a<_u>a<_v>a<_w>a!'
        - '{<_:int>|<_:hex>|<_:number>} {<_:int>|<_:hex>} {<_:int>|<_:word>}!'
`
}

// baits are about n bytes long each. None matches, and each nearly does.
func baits(n int) map[string]string {
	fill := func(s string) string { return "bait " + strings.Repeat(s, n/len(s)) }
	return map[string]string{
		"a": fill("a") + "b", "a and spaces": fill("a ") + "b", "x": fill("x"), "commas": fill("1,"), "alternatives": fill("a1aa99a") + "?", "mixed": fill("a a,xx a0a 1 "),
	}
}

// execve is a record of auditd with a hostile command line of about n bytes.
func execve(n int) string {
	var b strings.Builder
	b.WriteString(`type=EXECVE msg=audit(1767323045.123:456): argc=999 `)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `a%d="((a+)+)+$=\ aaaa" a%d[0]=61613D22 `, i, i)
	}
	return b.String()
}

// Patterns of users and a record of auditd meet bait: the time grows with the bytes and no
// faster, and other records go on.
func TestF51(t *testing.T) {
	quiet(t)
	user, err := pack.Compile("pack.yaml", []byte(userPack()))
	if err != nil {
		t.Fatal(err)
	}
	packs, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	audit, err := packs.Pack("auditd.log")
	if err != nil {
		t.Fatal(err)
	}
	const large, exec = 100_000, 16_000
	// One pattern that could only be compiled into very much is refused.
	many := strings.Repeat("{a|aa|b}", 100)
	if _, err := pack.Compile("pack.yaml", []byte("name: user.bait\nvendor: User\nproduct: Bait\nversion: 1.0.0\nsteps:\n  - text: '"+many+"!'\n")); err == nil || !strings.Contains(err.Error(), "pack.yaml:6:") {
		t.Errorf("a hundred alternatives in a row: %v", err)
	}
	figures := baitTimes(t, user, audit, large, exec)
	rates := baitRates(t, user, large)
	record(t, "F51", "patterns of a user's pack ((a+)+$, nested groups, 100 alternatives, as regular expressions and as text patterns) on bait of 100 kB; auditd EXECVE of 16 kB", "linear engine (four times the bytes take at most eight times as long, quadratic would be sixteen), or cut ≤ 100 ms per record; throughput of other records ≥ 90 %", func() string {
		return figures + "; " + rates
	})
}

// baitTimes parses baits of a quarter of the size and of the whole.
func baitTimes(t *testing.T, user, audit *pack.Pack, large, exec int) string {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	type subject struct {
		name   string
		parser parse.Parser[parse.Record]
		small  string
		large  string
	}
	parser := user.Parser(pack.Options{}).Worker()
	subjects := []subject{{"EXECVE", audit.Parser(pack.Options{}).Worker(), execve(exec / 4), execve(exec)}}
	small := baits(large / 4)
	for name, bait := range baits(large) {
		subjects = append(subjects, subject{name, parser, small[name], bait})
	}
	slices.SortFunc(subjects, func(a, b subject) int { return strings.Compare(a.name, b.name) })
	var out []string
	for _, s := range subjects {
		cost := func(text string) time.Duration {
			best := time.Hour
			for range 3 {
				var events parse.Events[parse.Record]
				begun := cputime.Thread()
				n := 0
				for ; cputime.Thread()-begun < 5*time.Millisecond; n++ { // the clock has ticks
					events.Reset()
					s.parser.Parse(&parse.Message{Raw: []byte(text)}, &events)
				}
				best = min(best, (cputime.Thread()-begun)/time.Duration(n))
			}
			return best
		}
		few, many := cost(s.small), cost(s.large)
		factor := float64(many) / float64(few)
		out = append(out, fmt.Sprintf("%s %s (%.1f × a quarter)", s.name, many.Round(10*time.Microsecond), factor))
		if factor > 8 && many > 100*time.Millisecond {
			t.Errorf("%s: %d bytes take %s, a quarter of them %s", s.name, len(s.large), many, few)
		}
	}
	return strings.Join(out, ", ")
}

// baitRates sends bait among ordinary records. How much these are slowed down is the time
// for which their source, which keeps its own pace, finds no chunk.
func baitRates(t *testing.T, user *pack.Pack, large int) string {
	const pace, each, n = 10 * time.Millisecond, 400 * time.Millisecond, 10
	var list []string
	for _, bait := range baits(large) {
		list = append(list, bait)
	}
	slices.Sort(list)
	var held, took time.Duration
	sent := int64(0)
	done := make(chan struct{})
	ordinary := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		for begun := time.Now(); ; time.Sleep(pace) {
			select {
			case <-done:
				took = time.Since(begun)
				return nil
			default:
			}
			asked := time.Now()
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			held += time.Since(asked)
			for range 20 {
				c.Add(parse.Message{Raw: []byte("an ordinary record of an ordinary device")})
				sent++
			}
			if err := out.Send(c); err != nil {
				return err
			}
		}
	})
	bad := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		defer close(done)
		for i := range n {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			c.Add(parse.Message{Raw: []byte(list[i%len(list)])})
			if err := out.Send(c); err != nil {
				return err
			}
			time.Sleep(each)
		}
		return nil
	})
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{ingest.WithName("ordinary", ordinary), ingest.WithName("bait", bad)},
		Parser:  user.Parser(pack.Options{}), Workers: 2, Encoder: normalize.NewEncoder(normalize.EncoderOptions{}),
		Sink: batch.LinesFunc[parse.Record](func(context.Context, []byte, int) error { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Error(err)
	}
	s := p.Stats()
	if err := s.Check(); err != nil || s.Sources[0].Received != sent || s.Sources[0].Delivered != sent || s.Sources[1].Delivered+s.Sources[1].DeadLettered != n || s.Replaced > 0 || s.Panics > 0 {
		t.Errorf("%v: %d ordinary records sent, %+v and %+v", err, sent, s.Sources[0].Ledger, s.Sources[1].Ledger)
	}
	if held > took/10 {
		t.Errorf("%d records of bait held the others back for %s of %s", n, held, took)
	}
	return fmt.Sprintf("with a record of bait every %s the others were held back for %.1f %% of the time, all %d arrived", each, 100*held.Seconds()/took.Seconds(), sent)
}
