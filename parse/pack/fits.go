package pack

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// made is what a filter or function is known to make; for most it depends on the message.
type made uint8

const (
	madeAny    made = iota
	madeNumber      // whole or not
	madeTime        // an instant
	madeBool
	madeIP
)

func (m made) String() string {
	return [...]string{"a value", "a number", "a time", "true or false", "an IP address"}[m]
}

// makes are the filters whose results have one kind whatever the message says.
var makes = map[string]made{
	"int": madeNumber, "float": madeNumber, "round": madeNumber, "hex": madeNumber, "auto_int": madeNumber, "port": madeNumber,
	"mul": madeNumber, "seconds": madeNumber, "millis": madeNumber, "micros": madeNumber, "duration": madeNumber, "size": madeNumber,
	"time": madeTime, "epoch": madeTime, "epoch_s": madeTime, "epoch_ms": madeTime, "epoch_us": madeTime, "epoch_ns": madeTime,
	"filetime": madeTime, "bool": madeBool, "ip": madeIP,
}

// nanoseconds are the numbers that are no number of anything else.
var nanoseconds = []string{"seconds", "millis", "micros", "duration"}

// fits reports whether m can be a value of the type.
func (m made) fits(t ecs.Type) bool {
	switch m {
	case madeNumber:
		return t.IsNumber() || t.IsString() || t == ecs.TypeDate || t.IsObject()
	case madeTime:
		return t == ecs.TypeDate || t.IsString() || t.IsObject()
	case madeBool:
		return t == ecs.TypeBoolean || t.IsString() || t.IsObject()
	case madeIP:
		return t == ecs.TypeIP || t.IsString() || t.IsObject()
	}
	return true
}

// fits refuses an expression whose value can never be one of the field: of another kind, a
// constant that is none of its values, or a lookup whose rows are not.
func (c *compiler) fits(y *yaml.Node, n *node, name string) error {
	k, ok := ecs.Lookup(fieldName(name))
	if !ok {
		return nil
	}
	switch n.kind {
	case nodeString, nodeNumber, nodeBool:
		return c.constantFits(y, n, k, name)
	case nodeList:
		for _, e := range n.args {
			if err := c.fits(y, e, name); err != nil {
				return err
			}
		}
	case nodeNot:
		return c.kindFits(y, n, k, madeBool, "this")
	case nodeBinary:
		if n.text != "??" {
			return c.kindFits(y, n, k, madeBool, "this")
		}
		for _, e := range n.args {
			if err := c.fits(y, e, name); err != nil {
				return err
			}
		}
	case nodeCall:
		switch n.text {
		case "exists":
			return c.kindFits(y, n, k, madeBool, "exists")
		case "sub", "mul", "div":
			if k.Type() != ecs.TypeDate { // a time less some nanoseconds is a time
				return c.kindFits(y, n, k, madeNumber, n.text)
			}
		case "if":
			if len(n.args) > 1 {
				for _, e := range n.args[1:] {
					if err := c.fits(y, e, name); err != nil {
						return err
					}
				}
			}
		case "first":
			for _, e := range n.args {
				if err := c.fits(y, e, name); err != nil {
					return err
				}
			}
		}
	case nodePipe:
		if n.text == "lookup" {
			return c.rowsFit(y, n, k, name)
		}
		if m, ok := makes[n.text]; ok {
			for _, ns := range nanoseconds {
				if n.text == ns && k.Type() == ecs.TypeDate {
					return c.at(y, n.at, "filter %s makes nanoseconds, which are no value of %s, a date; use epoch, epoch_ms or time", n.text, name)
				}
			}
			return c.kindFits(y, n, k, m, "filter "+n.text)
		}
		switch n.text {
		case "unless", "nonzero", "kept", "list", "at": // the value as it came
			return c.fits(y, n.args[0], name)
		}
	}
	return nil
}

func (c *compiler) kindFits(y *yaml.Node, n *node, k ecs.Key, m made, what string) error {
	if m.fits(k.Type()) {
		return nil
	}
	hint := ""
	switch {
	case k.Type() == ecs.TypeDate:
		hint = "; use time or epoch"
	case k.Type() == ecs.TypeIP:
		hint = "; a text needs no filter"
	case k.Type().IsNumber() && m == madeTime:
		hint = "; a duration is made by seconds, millis, micros or duration"
	}
	return c.at(y, n.at, "%s makes %s, which does not fit %s, of type %s%s", what, m, k.Name(), k.Type(), hint)
}

func (c *compiler) constantFits(y *yaml.Node, n *node, k ecs.Key, name string) error {
	var v parse.Value
	switch n.kind {
	case nodeBool:
		v = parse.BoolValue(n.text == "true")
	case nodeNumber:
		if i, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			v = parse.IntValue(i)
			break
		}
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return nil // told elsewhere
		}
		v = parse.FloatValue(f)
	default:
		if n.text == "" {
			return nil
		}
		v = parse.StringValue(n.text)
	}
	if why := c.misfit(k, v); why != "" {
		return c.at(y, n.at, "%q %s", n.text, why)
	}
	return nil
}

// misfit says why v is no value of the field, or "".
func (c *compiler) misfit(k ecs.Key, v parse.Value) string {
	w, ok := normalize.Coerce(&c.constants, k, v, nil)
	if !ok {
		return "does not fit " + k.Name() + ", which is of type " + k.Type().String()
	}
	allowed := k.Allowed()
	if allowed == nil {
		return ""
	}
	list := w.List()
	if w.Kind() != parse.KindList {
		list = []parse.Value{w}
	}
	for _, e := range list {
		if !e.IsZero() && !k.Allows(e.Str()) {
			return "is no allowed value of " + k.Name() + didYouMean(e.Str(), allowed) + " (allowed: " + strings.Join(allowed, ", ") + ")"
		}
	}
	return ""
}

// rowsFit looks at the values that a lookup can give.
func (c *compiler) rowsFit(y *yaml.Node, n *node, k ecs.Key, name string) error {
	t, ok := c.tables[n.args[1].text]
	if !ok {
		return nil
	}
	column := ""
	if len(n.args) > 2 {
		column = n.args[2].text
	}
	at, err := t.column(c, y, column, n.at)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(t.rows)) {
		if row := t.rows[key]; at < len(row) && !row[at].IsZero() {
			if why := c.misfit(k, row[at]); why != "" {
				return c.at(y, n.at, "table %s gives %q for %q, which %s", t.name, row[at].String(), key, why)
			}
		}
	}
	if at < len(t.fallback) && !t.fallback[at].IsZero() {
		if why := c.misfit(k, t.fallback[at]); why != "" {
			return c.at(y, n.at, "table %s gives %q by default, which %s", t.name, t.fallback[at].String(), why)
		}
	}
	return nil
}
