package elastic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/elastic"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// bulk answers as Elasticsearch does, with a verdict for each item.
func bulk(t testing.TB, verdict func(id, message string) int) *peertest.Bulk {
	return peertest.NewBulk(t, func(r *http.Request, body []byte, refuse func(string) bool) (int, string, []string) {
		if r.URL.Path != "/_bulk" {
			return 404, "", nil
		}
		lines := peertest.SplitLines(body)
		if len(lines)%2 != 0 {
			return 400, `{"error":"malformed"}`, nil
		}
		var items []string
		var taken []string
		errors := false
		for i := 0; i < len(lines); i += 2 {
			var action struct {
				Create struct {
					Index string `json:"_index"`
					ID    string `json:"_id"`
				}
			}
			if err := json.Unmarshal(lines[i], &action); err != nil || action.Create.Index == "" {
				t.Errorf("action %s: %v", lines[i], err)
			}
			m := peertest.MessageOf(lines[i+1])
			status := 201
			if verdict != nil {
				status = verdict(action.Create.ID, m)
			}
			if refuse(m) {
				status = 400
			}
			if status == 201 {
				taken = append(taken, m)
				items = append(items, `{"create":{"status":201}}`)
				continue
			}
			errors = true
			items = append(items, fmt.Sprintf(`{"create":{"status":%d,"error":{"type":"document_parsing_exception","reason":"failed to parse field [x]"}}}`, status))
		}
		return 200, fmt.Sprintf(`{"took":1,"errors":%v,"items":[%s]}`, errors, strings.Join(items, ",")), taken
	})
}

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		srv := bulk(t, nil)
		s, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{srv.URL}, MaxRows: 60}, elastic.Index{})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: srv.Received, Hang: srv.Hang, Down: srv.Down, Reject: srv.Reject}
	}})
}

// Of an answer to many each one is looked at (429 again and alone, 409 is there, 400 is
// refused), and nothing that was taken is sent twice.
func TestItems(t *testing.T) {
	tries := map[string]int{}
	srv := bulk(t, func(id, m string) int {
		if id == "" {
			t.Error("a document without an _id")
		}
		tries[id]++
		switch n := batchtest.Number(m); {
		case n%10 == 3 && tries[id] < 3:
			return 429
		case n%10 == 5:
			return 400
		case n%10 == 7:
			return 409
		case n%10 == 9 && tries[id] < 2:
			return 503
		}
		return 201
	})
	s, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{srv.URL}, MinDelay: 1, MaxDelay: 2}, elastic.Index{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := batchtest.Lines(0, 100)
	err = s.Write(context.Background(), b)
	var rows []int
	for _, f := range batch.Failures(err, 100) {
		rows = append(rows, f.Row)
		if errcat.Of(f.Err) != errcat.SinkRejected || !strings.Contains(f.Err.Error(), "failed to parse field [x]") {
			t.Errorf("row %d: %v", f.Row, f.Err)
		}
	}
	if want := []int{5, 15, 25, 35, 45, 55, 65, 75, 85, 95}; !slices.Equal(rows, want) {
		t.Errorf("refused are %v", rows)
	}
	got := srv.Received()
	if len(got) != 80 {
		t.Errorf("%d documents were taken, want 80 (of the others 10 were there, 10 refused)", len(got))
	}
	for id, n := range tries {
		want := 1
		if strings.HasSuffix(id, "never") {
			want = 0
		}
		if n > 3 || n < want {
			t.Errorf("document %s was sent %d times", id, n)
		}
	}
	if st := s.Stats(); st.Requests != 3 || st.Rows != 90 || st.Rejected != 10 {
		t.Errorf("%+v", st)
	}
}

func TestAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"empty": "", "HTML": "<html>", "cut": `{"took":1,"errors":tr`, "no errors": `{"took":1,"items":[]}`, "too few items": `{"errors":true,"items":[]}`,
		"item of nothing": `{"errors":true,"items":[{},{}]}`, "no status": `{"errors":true,"items":[{"create":{}},{"create":{}}]}`,
	} {
		n := 0
		srv := peertest.NewBulk(t, func(_ *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
			if n++; n == 1 {
				return 200, answer, nil
			}
			return 200, `{"errors":false}`, []string{string(body)}
		})
		s, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{srv.URL}, MinDelay: 1, MaxDelay: 2}, elastic.Index{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(context.Background(), batchtest.Lines(0, 2)); err != nil || n != 2 {
			t.Errorf("%s: %v after %d requests", name, err, n)
		}
		s.Close()
	}
}

func TestRouting(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{`{"message":"m"}`, "logs-generic-default"},
		{`{"event":{"dataset":"cisco.asa"}}`, "logs-cisco.asa-default"},
		{`{"event.dataset":"cisco.asa"}`, "logs-cisco.asa-default"},
		{`{"event":{"dataset":"x"},"data_stream":{"type":"traces","dataset":"Y-Z","namespace":"a b"}}`, "traces-y_z-a_b"},
		{`{"event":{"dataset":"../../_all"}}`, "logs-_._..__all-default"},
		{`{"event":{"dataset":"a\",\"_id\":\"x"}}`, "logs-a____id___x-default"},
		{`{"event":{"dataset":7}}`, "logs-7-default"},
		{`not json`, "logs-generic-default"},
	} {
		var index string
		srv := peertest.NewBulk(t, func(_ *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
			var action struct {
				Create map[string]string
			}
			head, _, _ := bytes.Cut(body, []byte("\n"))
			if err := json.Unmarshal(head, &action); err != nil {
				t.Errorf("%s: %v", head, err)
			}
			index = action.Create["_index"]
			return 200, `{"errors":false}`, nil
		})
		s, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{srv.URL}}, elastic.Index{})
		if err != nil {
			t.Fatal(err)
		}
		line := tc.line + "\n"
		if err := s.Write(context.Background(), &batch.Batch[batchtest.Event]{Lines: []byte(line), Ends: []int32{int32(len(line))}}); err != nil {
			t.Error(err)
		}
		if index != tc.want {
			t.Errorf("%s goes to %q, want %q", tc.line, index, tc.want)
		}
		s.Close()
	}
}

func TestOptions(t *testing.T) {
	for _, i := range []elastic.Index{{Action: "update"}, {Name: "A"}, {Name: "_x"}, {Name: "a b"}, {Dataset: "a-b"}, {Query: "%zz"}} {
		if s, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{"http://x"}}, i); err == nil {
			s.Close()
			t.Errorf("%+v is taken", i)
		}
	}
	if _, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{"http://x?a=b"}}, elastic.Index{}); err == nil {
		t.Error("a URL with a query is taken")
	}
}

func TestVictoriaLogs(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{Unordered: true, New: func(t testing.TB) *batchtest.Destination {
		base := peertest.VictoriaLogs(t)
		s, err := elastic.New[batchtest.Event](elastic.Options{URLs: []string{base + "/insert/elasticsearch"}, MaxRows: 100},
			elastic.Index{Query: "_msg_field=message&_time_field=@timestamp&_stream_fields=host.name"})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: func() (messages []string) {
			for _, row := range peertest.QueryVictoriaLogs(t, base, "*") {
				messages = append(messages, fmt.Sprint(row["_msg"]))
			}
			return messages
		}}
	}})
}
