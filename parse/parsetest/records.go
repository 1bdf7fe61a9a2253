package parsetest

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Record is one raw record of a file in testdata.
type Record struct {
	File   string // name in testdata
	Number int    // place in the file, from 1
	Raw    []byte
}

func (r *Record) String() string { return fmt.Sprintf("%s, record %d", r.File, r.Number) }

// hostile reports whether nothing is promised about the record but an answer.
func (r *Record) hostile() bool { return strings.HasPrefix(r.File, "hostile") }

// named reports whether the pack is found for the record by name alone.
func (r *Record) named() bool { return strings.HasPrefix(r.File, "named") }

// Records reads the records of every .log and .nul file in testdata of a pack's folder,
// the files in the order of their names.
func Records(dir fs.FS) ([]Record, error) {
	entries, err := fs.ReadDir(dir, "testdata")
	if err != nil {
		return nil, err
	}
	var out []Record
	for _, e := range entries {
		end := byte('\n')
		switch path.Ext(e.Name()) {
		case ".log":
		case ".nul":
			end = 0
		default:
			continue
		}
		data, err := fs.ReadFile(dir, "testdata/"+e.Name())
		if err != nil {
			return nil, err
		}
		n := 0
		for raw := range bytes.SplitSeq(data, []byte{end}) {
			if end == '\n' {
				raw = bytes.TrimSuffix(raw, []byte{'\r'})
			}
			if len(raw) == 0 {
				continue
			}
			n++
			out = append(out, Record{e.Name(), n, slices.Clip(raw)})
		}
	}
	return out, nil
}

// goldenName is the file with the answers to the records of a file.
func goldenName(file string) string {
	return strings.TrimSuffix(file, ".log") + ".golden.jsonl"
}
