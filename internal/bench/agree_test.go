package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// records is how many of each corpus are compared.
const records = 400

// tolerated differences, by peer (or * for all), corpus and field. All other fields that a
// peer writes must hold what penstock writes, in every record: text the same, times the
// same instant, numbers the same number, arrays the same set (one element equals itself
// alone). Of the times of asa the year is not compared: the records have none, and each
// peer guesses it in its own way. The other way round is not asked: penstock writes more fields than its peers.
var tolerated = map[string]string{
	"* * event.module":    "a name that the pack chooses",
	"* * event.dataset":   "a name that the pack chooses",
	"* * event.category":  "packs know more about the event than the peers' constants",
	"* * event.type":      "packs know more about the event than the peers' constants",
	"* * event.action":    "packs may name the action in a vocabulary of their own",
	"* * event.outcome":   "the pack's convention",
	"* * event.reason":    "the pack's wording",
	"* * observer.vendor": "the pack's spelling",

	"* * observer.product": "the pack's spelling",
	"* * source.mac":       "ECS writes it with hyphens in upper case",

	"stanza cef message":                   "escapes are left in",
	"stanza fortigate network.application": "escapes are left in",
	"stanza cef url.original":              "escapes are left in",
	"stanza cef file.path":                 "escapes are left in",
	"stanza cloudtrail tls.version":        "left in the vendor's form",
	"stanza rfc5424 facility_text":         "a field of the operator's own",
	"stanza winxml user.domain":            "entities are left in",
	"stanza * network.transport":           "left in the vendor's case",
	"stanza * network.protocol":            "left in the vendor's case",
	"stanza * network.direction":           "left in the vendor's case",
}

func tolerates(peer, corpus, field string) bool {
	for _, p := range []string{"*", peer} {
		for _, c := range []string{"*", corpus} {
			if tolerated[p+" "+c+" "+field] != "" {
				return true
			}
		}
	}
	return false
}

// TestPeersAgree keeps the comparison honest: the same records in, the same values out.
func TestPeersAgree(t *testing.T) {
	for _, c := range corpora {
		t.Run(c.name, func(t *testing.T) {
			lines := c.take(records)
			mine, err := peers[0].start(c)
			if errors.Is(err, errSkip) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			want, err := collect(mine, lines)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range peers[1:] {
				if p.program != nil {
					continue // it has a mind of its own: times without fractions, no lists
				}
				start := p.start
				if p.name == "stanza" { // one entry a batch keeps the order
					start = func(c *corpus) (run, error) { return stanza(c, 1) }
				}
				fn, err := start(c)
				if errors.Is(err, errSkip) {
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				got, err := collect(fn, lines)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, p.name, c.name, want, got)
			}
		})
	}
}

func compare(t *testing.T, peer, corpus string, want, got []tree) {
	t.Helper()
	if len(want) != records || len(got) != records {
		t.Fatalf("%d records gave %d events of penstock and %d of %s", records, len(want), len(got), peer)
	}
	type fault struct {
		n     int
		first string
	}
	faults, compared := map[string]*fault{}, map[string]bool{}
	for i := range got {
		for name, v := range got[i] {
			if tolerates(peer, corpus, name) {
				continue
			}
			compared[name] = true
			if equal(name, want[i][name], v, peer == "stanza", corpus == "asa") {
				continue
			}
			if faults[name] == nil {
				faults[name] = &fault{first: fmt.Sprintf("record %d: penstock %#v, %s %#v", i, want[i][name], peer, v)}
			}
			faults[name].n++
		}
	}
	if len(compared) < 10 {
		t.Errorf("%s: only %d fields were compared", peer, len(compared))
	}
	var names []string
	for name := range faults {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t.Errorf("%s: %s differs in %d of %d events; %s", peer, name, faults[name].n, records, faults[name].first)
	}
}

// equal compares values; loose lets a number be text, yearless leaves the year out.
func equal(name string, a, b any, loose, yearless bool) bool {
	if x, y, ok := list(a, b); ok {
		return slices.Equal(x, y)
	}
	if name == "@timestamp" {
		x, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a))
		y, err2 := time.Parse(time.RFC3339Nano, fmt.Sprint(b))
		if yearless {
			y = y.AddDate(x.Year()-y.Year(), 0, 0)
		}
		return err == nil && err2 == nil && x.Equal(y)
	}
	_, x := a.(json.Number)
	_, y := b.(json.Number)
	return a != nil && (loose || x == y) && fmt.Sprint(a) == fmt.Sprint(b)
}

func list(a, b any) (x, y []string, ok bool) {
	texts := func(v any) (s []string) {
		if l, isList := v.([]any); isList {
			ok = true
			for _, e := range l {
				s = append(s, fmt.Sprint(e))
			}
			slices.Sort(s)
			return s
		}
		return []string{fmt.Sprint(v)}
	}
	return texts(a), texts(b), ok
}

// TestCorporaRepeat wants the same bytes from the same seed, and whole lines.
func TestCorporaRepeat(t *testing.T) {
	for _, c := range corpora {
		a, b := string(c.take(200)), string(c.take(200))
		if a != b {
			t.Errorf("%s: two generators differ", c.name)
		}
		if n := strings.Count(a, "\n"); n != 200 {
			t.Errorf("%s: 200 records are %d lines", c.name, n)
		}
		g := newGen(c)
		for range 100 {
			g.next()
		}
		if n := testing.AllocsPerRun(1000, func() { g.next() }); n > 0 && c.name != "cloudtrail" && c.name != "winjson" {
			t.Errorf("%s: %.1f allocations for a record", c.name, n)
		}
	}
}
