//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// bulkLoad posts a body n times over two connections.
func bulkLoad(url string, body []byte, gzipped bool, n int) error {
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() {
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			for range n / len(errs) {
				req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
				if err != nil {
					errs[i] = err
					return
				}
				if gzipped {
					req.Header.Set("Content-Encoding", "gzip")
				}
				res, err := tr.RoundTrip(req)
				if err != nil {
					errs[i] = err
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					errs[i] = fmt.Errorf("status %s", res.Status)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func bulks(w io.Writer, rounds int, scale float64) error {
	doc := "{\"create\":{\"_index\":\"logs-firewall-default\"}}\n" + `{"@timestamp":"2026-11-29T10:00:00.123Z","message":"` + strings.Repeat("deny tcp src inside dst outside ", 20) +
		`","host":{"name":"fw1"},"tags":["a","b"]}` + "\n"
	body := []byte(strings.Repeat(doc, 1<<20/len(doc)))
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	z.Write(body)
	z.Close()
	n := 2 * int(200*scale)
	events := int64(n * (len(body) / len(doc)))
	fmt.Fprintf(w, "## Elasticsearch _bulk\n\n%d bodies of %.1f MiB, documents of %d bytes, two clients; bytes are those before compression. penstock: to a sink of\nlines, and 200 when all are written.\n\n", n, float64(len(body))/(1<<20), len(doc))
	for _, c := range []struct {
		name string
		body []byte
		zip  bool
	}{{"plain", body, false}, {fmt.Sprintf("gzip, %.0f times smaller", float64(len(body))/float64(packed.Len())), packed.Bytes(), true}} {
		rows := []*row{{name: "penstock", note: "the verdict on each document"}, {name: "handler of net/http", note: "reads the body as it comes, counts lines, answers a number"}}
		for range rounds {
			for i, kind := range []string{"penstock-bulk", "handler-bulk"} {
				if c.zip && kind == "handler-bulk" {
					continue // it does not decompress
				}
				r, err := startReceiver(-1, kind)
				if err != nil {
					return err
				}
				before, err := r.tally()
				if err != nil {
					return err
				}
				begin := time.Now()
				if err := bulkLoad("http://"+r.addr+"/_bulk", c.body, c.zip, n); err != nil {
					return err
				}
				elapsed := time.Since(begin)
				after, err := r.tally()
				r.stop()
				if err == nil && after.Events-before.Events != events {
					err = fmt.Errorf("%s: %d of %d events", kind, after.Events-before.Events, events)
				}
				if err != nil {
					return err
				}
				rows[i].better(result{amount: float64(n * len(body)), elapsed: elapsed, cpu: after.CPU - before.CPU})
			}
		}
		if c.zip {
			rows = rows[:1]
		}
		table(w, c.name, "MB", 1e6, rows)
	}
	return nil
}
