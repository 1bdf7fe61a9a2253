package join

import (
	"bytes"
	"errors"
	"slices"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// ContainerOptions are the options of Containers. The zero ContainerOptions work.
type ContainerOptions struct {
	Limits
}

// Containers returns a source in which the parts of a line that a container runtime cut are one
// message again. It knows the files of containerd and CRI-O (the CRI logging format, where parts
// are tagged P and the last one F) and of Docker's json-file driver (where the log member of
// all but the last part ends without a line feed). Parts belong together that have the same
// origin and the same stream.
//
// The message has the header of its first part, with F for its tag if the last part came, and the
// text of all. Lines of other forms pass as they are.
//
// The packs kubernetes.container and docker.log read such messages.
func Containers(src ingest.Source, o ContainerOptions) (*Source, error) {
	if src == nil {
		return nil, errors.New("join: the source is nil")
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	return &Source{inner: src, limits: o.Limits, rule: containerRule{}}, nil
}

type containerRule struct{}

// containerKey is a stream of a container.
type containerKey struct {
	origin *parse.Origin
	stderr bool
}

// containerLine is a line of a container's log taken apart.
type containerLine struct {
	stderr  bool
	partial bool
	docker  bool
	tag     int // where the tag is, CRI only
	text    int // where the text begins
	end     int // and ends
}

const maxContainerTime = 40

// containerLog takes a line apart. What it does not know is not ok.
func containerLog(b []byte) (l containerLine, ok bool) {
	if rest, found := bytes.CutPrefix(b, []byte(`{"log":"`)); found {
		l.docker, l.text = true, len(b)-len(rest)
		l.end = stringEnd(b, l.text)
		if l.end < 0 {
			return l, false
		}
		// As the driver writes it; shippers that add members have lost the line feed.
		rest, found = bytes.CutPrefix(b[l.end:], []byte(`","stream":"std`))
		l.stderr = bytes.HasPrefix(rest, []byte("err"))
		if !found || !l.stderr && !bytes.HasPrefix(rest, []byte("out")) {
			return l, false
		}
		rest = rest[len("out"):]
		if !bytes.HasPrefix(rest, []byte(`","time":"`)) && !bytes.HasPrefix(rest, []byte(`","attrs":{`)) {
			return l, false
		}
		l.partial = !bytes.HasSuffix(b[l.text:l.end], []byte(`\n`))
		return l, true
	}
	i := bytes.IndexByte(b[:min(len(b), maxContainerTime)], ' ')
	if i < len("2006-01-02T15:04:05Z") || b[4] != '-' || b[10] != 'T' {
		return l, false
	}
	stream := b[i+1:]
	switch {
	case bytes.HasPrefix(stream, []byte("stdout ")):
	case bytes.HasPrefix(stream, []byte("stderr ")):
		l.stderr = true
	default:
		return l, false
	}
	l.tag = i + 1 + len("stdout ")
	if l.tag >= len(b) || b[l.tag] != 'P' && b[l.tag] != 'F' {
		return l, false
	}
	l.partial = b[l.tag] == 'P'
	// Further tags stand behind colons.
	n := bytes.IndexByte(b[l.tag:], ' ')
	switch {
	case n == 1, n > 1 && b[l.tag+1] == ':':
		l.text = l.tag + n + 1
	case len(b) == l.tag+1:
		l.text = len(b)
	default:
		return l, false
	}
	l.end = len(b)
	return l, true
}

// stringEnd is where the JSON string that begins at i ends, or -1.
func stringEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

func (containerRule) key(m *parse.Message) (any, bool) {
	l, ok := containerLog(m.Raw)
	return containerKey{m.Origin, l.stderr}, ok
}

func (containerRule) goesOn(*parse.Message, *group) bool   { return true }
func (containerRule) outdated(*parse.Message, *group) bool { return false }
func (containerRule) flushes() bool                        { return false }

func (containerRule) ends(m *parse.Message, _ *group) bool {
	l, _ := containerLog(m.Raw)
	return !l.partial
}

// splice puts the text of part behind that of g, whose bytes are its own.
func (containerRule) splice(g *group, part []byte) {
	l, _ := containerLog(part)
	text := part[l.text:l.end]
	if g.parts == 1 { // what stands behind the text does not change any more
		first, _ := containerLog(g.raw)
		g.tail, g.tag = len(g.raw)-first.end, first.tag
	}
	if l.docker != (g.tail > 0) { // a file in two formats
		g.raw = append(append(g.raw, '\n'), part...)
		g.tail = len(part) - l.end
		return
	}
	if !l.docker && !l.partial {
		g.raw[g.tag] = 'F'
	}
	at := len(g.raw) - g.tail
	g.raw = slices.Insert(g.raw, at, text...)
}
