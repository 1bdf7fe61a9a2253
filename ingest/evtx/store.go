package evtx

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/checkpoint"
)

// store keeps what was delivered over restarts. Without a path it keeps nothing.
type store struct {
	path  string
	file  *checkpoint.File
	last  []byte
	saved time.Time
}

const (
	storeVersion = 1
	saveEvery    = time.Second
	// maxFormer and forgetAfter bound what is remembered of files that are gone.
	maxFormer   = 100_000
	forgetAfter = 30 * 24 * time.Hour
)

type storeFile struct {
	Version int       `json:"version"`
	Logs    []storeOf `json:"logs"`
}

type storeOf struct {
	Path      string      `json:"path"`
	Record    uint64      `json:"record"`
	Sum       string      `json:"sum"`
	Delivered [][2]uint64 `json:"delivered"`
	Broken    []int64     `json:"broken,omitempty"`
	Seen      time.Time   `json:"seen,omitzero"`
}

func openStore(path string) (*store, error) {
	if path == "" {
		return &store{}, nil
	}
	f, err := checkpoint.Open(path, checkpoint.Options{})
	if err != nil {
		return nil, err
	}
	return &store{path: path, file: f}, nil
}

func (st *store) close() {
	if st.file != nil {
		st.file.Close()
	}
}

// load returns the files of the checkpoint.
func (st *store) load() (logs []*eventLog, err error) {
	if st.file == nil {
		return nil, nil
	}
	b := st.file.Load()
	if len(b) == 0 {
		return nil, nil
	}
	bad := func(text string) error {
		return errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "ingest/evtx: the checkpoint %s cannot be read (%s); move it away to begin anew", st.path, text)
	}
	var file storeFile
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, bad(err.Error())
	}
	if file.Version != storeVersion {
		return nil, bad("its version is not known")
	}
	for _, o := range file.Logs {
		g := &generation{last: mark{Record: o.Record}, broken: map[int64]bool{}}
		if n, err := hex.Decode(g.last.Sum[:], []byte(o.Sum)); err != nil || n != len(g.last.Sum) {
			return nil, bad("a sum is wrong")
		}
		for _, s := range o.Delivered {
			if s[0] > s[1] || !g.delivered.add(span{s[0], s[1]}) {
				return nil, bad("a range is wrong")
			}
		}
		for _, at := range o.Broken {
			g.broken[at] = true
		}
		logs = append(logs, &eventLog{path: o.Path, gen: g, seen: o.Seen})
	}
	return logs, nil
}

// save writes what was delivered, if it has changed.
func (st *store) save(s *Source, last bool) error {
	if st.file == nil || !last && time.Since(st.saved) < saveEvery {
		return nil
	}
	file := storeFile{Version: storeVersion}
	s.mu.Lock()
	for _, list := range [][]*eventLog{s.logs, s.former} {
		for _, l := range list {
			g := l.gen
			if g.last == (mark{}) {
				continue
			}
			o := storeOf{Path: l.path, Record: g.last.Record, Sum: hex.EncodeToString(g.last.Sum[:]), Seen: l.seen}
			for _, sp := range g.delivered {
				o.Delivered = append(o.Delivered, [2]uint64{sp.First, sp.Last})
			}
			for at := range g.broken {
				o.Broken = append(o.Broken, at)
			}
			slices.Sort(o.Broken)
			file.Logs = append(file.Logs, o)
		}
	}
	s.mu.Unlock()
	st.saved = time.Now()
	b, err := json.Marshal(file)
	if err != nil || bytes.Equal(b, st.last) {
		return err
	}
	if err := st.file.Save(b); err != nil {
		return err
	}
	st.last = b
	return nil
}

// forget drops what is too old or too much.
func forget(list []*eventLog, now time.Time) []*eventLog {
	list = slices.DeleteFunc(list, func(l *eventLog) bool { return !l.seen.IsZero() && now.Sub(l.seen) > forgetAfter })
	if over := len(list) - maxFormer; over > 0 {
		list = slices.Delete(list, 0, over)
	}
	return list
}
