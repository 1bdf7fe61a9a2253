package vendors

import (
	"slices"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	netflow "github.com/penstock-dev/penstock/parse/vendors/netflow.log"
	evtx "github.com/penstock-dev/penstock/parse/vendors/windows.evtx"
)

// Format says how the messages of a parser stand in a file.
type Format string

// The formats of parsers that read no text.
const (
	Datagrams Format = "datagrams" // one message is one datagram
	Chunks    Format = "chunks"    // one message is one chunk of an event log file (see ingest.EVTX)
)

// goParsers are the parsers that packs cannot express.
var goParsers = []struct {
	names  []string
	format Format
	make   func(set *pack.Set, o pack.Options) (parse.Parser[parse.Record], error)
}{
	{[]string{netflow.Name, "netflow", "netflow5", "netflow9", "ipfix"}, Datagrams, func(_ *pack.Set, o pack.Options) (parse.Parser[parse.Record], error) {
		return netflow.New(netflow.Options{ECSOnly: o.ECSOnly})
	}},
	{[]string{"windows.evtx", "evtx"}, Chunks, func(set *pack.Set, o pack.Options) (parse.Parser[parse.Record], error) {
		p, err := set.Pack("windows.eventlog")
		if err != nil {
			return nil, err
		}
		return evtx.New(p.Parser(o), evtx.Options{})
	}},
}

// Binary returns the parser of a format that is no text, by one of its names (netflow.log,
// netflow, netflow5, netflow9, ipfix; windows.evtx, evtx), and how its messages stand in a
// file. ok is false for all other names: those are packs of set, if anything. Event logs are
// read by the pack windows.eventlog of set.
func Binary(name string, set *pack.Set, o pack.Options) (p parse.Parser[parse.Record], f Format, ok bool, err error) {
	for _, g := range goParsers {
		if slices.Contains(g.names, name) {
			p, err := g.make(set, o)
			return p, g.format, true, err
		}
	}
	return nil, "", false, nil
}
