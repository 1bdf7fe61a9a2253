package pack

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

func namedTime(layout string) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		if len(n.args) > 1 {
			return nil, c.at(y, n.at, "filter %s takes no arguments", n.text)
		}
		return timeBy([]string{layout}, nil, func(msg string) error { return c.at(y, n.at, "%s", msg) })
	}
}

func timeFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	var layouts []string
	var zone evalFunc
	for _, a := range n.args[1:] {
		if a.kind == nodeString {
			layouts = append(layouts, a.text)
			continue
		}
		z, err := c.value(y, a)
		if err != nil {
			return nil, err
		}
		if zone != nil {
			return nil, c.at(y, a.at, "a second zone")
		}
		zone = z
	}
	if len(layouts) == 0 {
		layouts = []string{"iso8601"}
	}
	return timeBy(layouts, zone, func(msg string) error { return c.at(y, n.at, "%s", msg) })
}

func timeBy(layouts []string, zone evalFunc, report func(string) error) (filterFunc, error) {
	ls := make([]*timeparse.Layout, len(layouts))
	for i, text := range layouts {
		l, err := timeparse.Compile(text)
		if err != nil {
			return nil, report("time layout \"" + text + "\": " + err.Error())
		}
		ls[i] = l
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		if v.Kind() == parse.KindTime {
			return v, true
		}
		ctx, assumed := s.time, true
		if zone != nil {
			if z := zone(s); present(z) {
				if loc := s.zone(s.text(z)); loc != nil {
					ctx.Zone, assumed = loc, false
				}
			}
		}
		b := bytes.TrimSpace(s.text(v))
		for _, l := range ls {
			r, err := s.cache.Parse(l, b, &ctx)
			if err != nil {
				continue
			}
			w := parse.TimeValue(r.Nanos)
			if r.Zoned || !assumed {
				w = w.WithFlags(parse.Zoned)
			}
			return w, true
		}
		return parse.Value{}, false
	}, nil
}

type zoneEntry struct{ loc *time.Location }

// maxZones bounds the zone names that a worker remembers.
const maxZones = 256

// zone finds a time zone by IANA name, by offset (+01:00, -0500, 7) or UTC and GMT.
func (s *state) zone(name []byte) *time.Location {
	if e, ok := s.zones[string(name)]; ok {
		return e.loc
	}
	t := strings.Trim(string(name), ` "`)
	loc := parseZone(t)
	if len(s.zones) < maxZones {
		if s.zones == nil {
			s.zones = map[string]zoneEntry{}
		}
		s.zones[string(name)] = zoneEntry{loc}
	}
	return loc
}

func parseZone(t string) *time.Location {
	t = strings.TrimPrefix(strings.TrimPrefix(t, "UTC"), "GMT")
	switch t {
	case "", "Z":
		return time.UTC
	}
	digits := t
	sign := 1
	switch t[0] {
	case '-':
		sign, digits = -1, t[1:]
	case '+':
		digits = t[1:]
	}
	if len(digits) > 0 && digits[0] >= '0' && digits[0] <= '9' {
		h, m := 0, 0
		var err error
		if hs, ms, ok := strings.Cut(digits, ":"); ok {
			h, err = strconv.Atoi(hs)
			if err == nil {
				m, err = strconv.Atoi(ms)
			}
		} else if h, err = strconv.Atoi(digits); len(digits) > 2 {
			h, m = h/100, h%100
		}
		if err != nil || h > 14 || m > 59 {
			return nil
		}
		return time.FixedZone("", sign*(h*3600+m*60))
	}
	if strings.ContainsAny(t, `.\`) || len(t) > 40 {
		return nil
	}
	loc, err := time.LoadLocation(t)
	if err != nil {
		return nil
	}
	return loc
}
