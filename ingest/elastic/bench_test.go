package elastic_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/parse"
)

type line struct{ text []byte }

func (l *line) Append(dst []byte, e *line) ([]byte, error) { return append(dst, e.text...), nil }

// BenchmarkBulk is the whole way from the socket to a sink of lines, and the answer;
// reader is a plain handler that reads the body and counts its lines, on the same load.
// Bodies have 1 MiB, two clients send them.
//
//	go test -run '^$' -bench Bulk ./ingest/elastic
func BenchmarkBulk(b *testing.B) {
	doc := "{\"create\":{\"_index\":\"logs-firewall-default\"}}\n" + `{"@timestamp":"2026-11-29T10:00:00.123Z","message":"` + strings.Repeat("deny tcp src inside dst outside ", 20) + `","host":{"name":"fw1"},"tags":["a","b"]}` + "\n"
	body := strings.Repeat(doc, 1<<20/len(doc))
	load := func(b *testing.B, url string) {
		b.SetBytes(int64(len(body)))
		b.SetParallelism(1)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			for pb.Next() {
				req, _ := http.NewRequest("POST", url+"/_bulk", strings.NewReader(body))
				resp, err := tr.RoundTrip(req)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 {
					b.Error(resp.Status)
				}
			}
		})
	}
	b.Run("penstock", func(b *testing.B) {
		s := mustListen(b, elastic.ServerOptions{})
		p, err := ingest.New(ingest.Config[line]{
			Sources: []ingest.Source{s}, Encoder: &line{}, ChunkSize: 64 << 10, Chunks: 64,
			Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
				out.Add().text = m.Raw
				return nil
			}),
			Sink: batch.LinesFunc[line](func(context.Context, []byte, int) error { return nil }),
		})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		load(b, "http://"+s.Addr().String())
		b.StopTimer()
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	b.Run("reader", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, bytes.Count(text, []byte("\n")))
		})}
		go srv.Serve(l)
		defer srv.Close()
		load(b, "http://"+l.Addr().String())
	})
}
