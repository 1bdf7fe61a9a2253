package faulttest

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/elastic"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/ingest"
)

// A server takes requests and never answers: each is given up in time, no more are on
// their way than may be, the other sink keeps its rate, and everything arrives in the end.
func TestF16OverHTTP(t *testing.T) {
	quiet(t)
	hang := time.Duration(Pick(5, 60)) * time.Second
	const timeout, concurrency = time.Second, 2
	o, other := NewOracle(1), NewOracle(1)
	srv := newBulkServer(t, o)
	heal := time.Now().Add(hang)
	var mu sync.Mutex
	var cuts []time.Duration
	srv.answer = func(_ int, _ http.ResponseWriter, r *http.Request, _ []document) bool {
		if time.Now().After(heal) {
			return false
		}
		begun := time.Now()
		<-r.Context().Done()
		mu.Lock()
		cuts = append(cuts, time.Since(begun))
		mu.Unlock()
		return true
	}
	srv.Start()
	var stop atomic.Bool
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }, every: 10 * time.Millisecond}
	cfg := rawLineConfig(src, o)
	spooled, err := spool.NewSink[rawLine](newElastic(t, elastic.Options{
		URLs: []string{srv.URL}, Timeout: timeout, Concurrency: concurrency, MaxDelay: 200 * time.Millisecond,
	}), spool.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer spooled.Close()
	var whileHung atomic.Int64
	cfg.Outputs = []ingest.Output[rawLine]{{Name: "hung", Sink: spooled}, {Name: "other", Sink: batch.LinesFunc[rawLine](func(_ context.Context, lines []byte, n int) error {
		other.ReceiveAll(lines)
		if time.Now().Before(heal) {
			whileHung.Add(int64(n))
		}
		return nil
	})}}
	grown := peak()
	var issued int
	time.AfterFunc(time.Until(heal), func() { issued = o.Report().Issued })
	go func() {
		time.Sleep(time.Until(heal.Add(200 * time.Millisecond)))
		stop.Store(true) // what is queued is delivered below, with nothing in its way
	}()
	heap := memory()
	// What is spooled is on its way; a request that was given up may have been taken while the server healed.
	_, _, err = runLines(t, newLines(t, cfg), src, o, Limits{MaxLost: 1 << 30, MaxDuplicates: -1}, context.Background())
	if err != nil {
		t.Error(err)
	}
	grew := grown()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := spooled.Drain(ctx); err != nil {
		t.Error(err)
	}
	grew -= memory() - heap // the maps of the test
	r := o.Check(t, Limits{MaxDuplicates: -1})
	_, most, _, _ := srv.count()
	mu.Lock()
	slices.Sort(cuts)
	cuts = cuts[:max(len(cuts)-concurrency, 0)] // those that healing cut
	mu.Unlock()
	if len(cuts) == 0 {
		t.Fatal("no request was given up")
	}
	median := cuts[len(cuts)/2]
	record(t, "F16 over HTTP", fmt.Sprintf("a spooled sink's server accepts and never answers for %s, request timeout %s, %d at once; another sink beside it", hang, timeout, concurrency),
		"timeout honoured ± 10 %; in flight ≤ configured; RSS growth ≤ 32 MB; 0 lost; the other sink keeps ≥ 95 % of its rate", func() string {
			return fmt.Sprintf("%d requests given up after %s (median), %s to %s; at most %d at once; memory grew by %s; the other sink had %d of %d rows when it healed; %s",
				len(cuts), median.Round(time.Millisecond), cuts[0].Round(time.Millisecond), cuts[len(cuts)-1].Round(time.Millisecond), most, mb(grew), whileHung.Load(), issued, r)
		})
	// The server sees a request begin and end later than it did; on a busy machine some much
	// later, so that each is judged in the full form only.
	if first, last := cuts[0], cuts[len(cuts)-1]; Long() && (first < timeout*9/10 || last > timeout*11/10) {
		t.Errorf("given up after %s to %s, the timeout is %s", first, last, timeout)
	}
	if median < timeout*9/10 || median > timeout*11/10 {
		t.Errorf("given up after %s, the timeout is %s", median, timeout)
	}
	if most > concurrency {
		t.Errorf("%d requests at once", most)
	}
	if grew > 32<<20 {
		t.Errorf("the memory grew by %d bytes", grew)
	}
	if len(r.Missing) > 0 || whileHung.Load() < int64(issued)*95/100 {
		t.Errorf("%d missing; the other sink had %d of %d rows", len(r.Missing), whileHung.Load(), issued)
	}
}

// Half the answers are 429 with Retry-After, then there are 503 for a while.
func TestF17Limited(t *testing.T) {
	quiet(t)
	first, away := Pick(2, 20), time.Duration(Pick(6, 30))*time.Second
	o := NewOracle(17)
	rnd := Rand(17)
	srv := newBulkServer(t, o)
	var mu sync.Mutex
	var told time.Time // when the last 429 was answered
	var earliest = time.Hour
	var limited, refused int
	var until time.Time // the end of the 503s
	srv.answer = func(n int, w http.ResponseWriter, _ *http.Request, _ []document) bool {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if !told.IsZero() {
			earliest = min(earliest, now.Sub(told))
			told = time.Time{}
		}
		switch {
		case limited < first && (n == 0 || rnd.IntN(2) == 0):
			limited++
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			told = time.Now()
			return true
		case limited < first:
			return false
		case until.IsZero():
			until = now.Add(away)
		}
		if now.Before(until) {
			refused++
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	srv.Start()
	var stop atomic.Bool
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }, every: 20 * time.Millisecond}
	cfg := rawLineConfig(src, o)
	cfg.Outputs[0].Sink = newElastic(t, elastic.Options{URLs: []string{srv.URL}})
	go func() {
		for over := false; !over; time.Sleep(20 * time.Millisecond) {
			mu.Lock()
			over = !until.IsZero() && time.Now().After(until)
			mu.Unlock()
		}
		fresh(t, o, src, &stop)
	}()
	_, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
	if err != nil {
		t.Error(err)
	}
	most := int(60 * away / (30 * time.Second))
	record(t, "F17", fmt.Sprintf("half of the answers 429 with Retry-After 2, %d of them, then 503 for %s", first, away),
		"no request earlier than 1.9 s after a 429; ≤ 60 requests in 30 s of 503; 0 lost; 0 duplicates", func() string {
			return fmt.Sprintf("%d times 429, the earliest request after one came after %s; %d requests in %s of 503; %s", limited, earliest.Round(time.Millisecond), refused, away, r)
		})
	if earliest < 1900*time.Millisecond || refused > most || refused == 0 || r.Duplicates > 0 || len(r.Missing) > 0 {
		t.Errorf("a request %s after a 429; %d requests during 503, at most %d; %s", earliest, refused, most, r)
	}
}

// Connections are reset before, during and after the body, and after the batch is stored.
func TestF18Reset(t *testing.T) {
	quiet(t)
	const rows = 50 // B
	total := Pick(6_000, 100_000)
	o := NewOracle(18)
	srv := newBulkServer(t, o)
	var mu sync.Mutex
	rnd := Rand(18)
	var resets [4]int
	dice := func(n int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(n) }
	count := func(kind int) { mu.Lock(); resets[kind]++; mu.Unlock() }
	srv.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		switch dice(12) {
		case 0:
			count(0)
			reset(w)
			return true
		case 1:
			count(1)
			io.ReadFull(r.Body, make([]byte, 500))
			reset(w)
			return true
		}
		return false
	}
	srv.answer = func(_ int, w http.ResponseWriter, _ *http.Request, docs []document) bool {
		switch dice(10) {
		case 0:
			count(2)
			reset(w)
			return true
		case 1:
			count(3)
			srv.store(docs)
			reset(w)
			return true
		}
		return false
	}
	srv.Start()
	src := &issuing{oracle: o, until: records(total)}
	cfg := rawLineConfig(src, o)
	cfg.Outputs[0].Sink = newElastic(t, elastic.Options{URLs: []string{srv.URL}, MaxRows: rows, MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond, Concurrency: 2})
	_, r, err := runLines(t, newLines(t, cfg), src, o, Limits{MaxDuplicates: -1}, context.Background())
	if err != nil {
		t.Error(err)
	}
	requests, _, changed, distinct := srv.count()
	record(t, "F18", fmt.Sprintf("connections reset before, during and after the body, and after the batch of up to %d is stored", rows),
		"0 lost; duplicates ≤ B for each reset of the last kind, and of the same identity, so that an idempotent server ends with 0", func() string {
			return fmt.Sprintf("resets %v of %d requests; %d documents by identity; %s", resets, requests, distinct, r)
		})
	if len(r.Missing) > 0 || r.Duplicates > rows*resets[3] || slices.Min(resets[:]) == 0 {
		t.Errorf("resets %v, %s", resets, r)
	}
	if changed > 0 || distinct != total {
		t.Errorf("%d records came with another identity; %d identities of %d records", changed, distinct, total)
	}
}

// An answer of 200 in which three of ten items failed.
func TestF19PartialBulk(t *testing.T) {
	quiet(t)
	total := Pick(5_000, 100_000)
	o := NewOracle(19)
	srv := newBulkServer(t, o)
	var mu sync.Mutex
	accepted, busy := map[uint64]bool{}, map[uint64]int{}
	again, mixed := 0, 0 // accepted items that were sent again; repetitions with rows that had not failed
	srv.answer = func(_ int, w http.ResponseWriter, _ *http.Request, docs []document) bool {
		mu.Lock()
		defer mu.Unlock()
		status := make([]int, len(docs))
		repeated := 0
		for i, d := range docs {
			if accepted[d.record] {
				again++
			}
			if busy[d.record] > 0 {
				repeated++
			}
			switch {
			case d.record%10 == 1:
				status[i] = 400
			case d.record%10 == 2 && busy[d.record] < int(d.record%3)+1:
				status[i] = 429
				busy[d.record]++
				continue
			case d.record%10 == 3:
				status[i] = 409 // it was there already
			default:
				status[i] = 201
			}
			accepted[d.record] = true
			if status[i] != 400 {
				o.Receive(d.line)
			}
		}
		if repeated > 0 && repeated < len(docs) {
			mixed++
		}
		items(w, status)
		return true
	}
	srv.Start()
	src := &issuing{oracle: o, until: records(total)}
	cfg := rawLineConfig(src, o)
	dead := &letters{o: o}
	cfg.DeadLetters = batch.Each(dead.bury)
	cfg.Outputs[0].Sink = newElastic(t, elastic.Options{URLs: []string{srv.URL}, MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond})
	s, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
	if err != nil {
		t.Error(err)
	}
	record(t, "F19", "200 with three of ten items failed: 429, 400 and 409", "429 items sent again alone; 400 are dead letters with the server's reason; 409 counts as delivered; 0 lost; no accepted item sent twice", func() string {
		return fmt.Sprintf("%d items of 429, %d dead letters, %d accepted items sent again, %d repetitions with others; %s", len(busy), len(dead.all()), again, mixed, r)
	})
	if again > 0 || mixed > 0 || len(r.Missing) > 0 || r.Dead != total/10 || int(s.Delivered) != total-total/10 || len(busy) != total/10 {
		t.Errorf("%d sent again, %d repetitions with others, %d delivered, %s", again, mixed, s.Delivered, r)
	}
	for _, text := range dead.all() {
		if !strings.HasPrefix(text, "SINK_REJECTED") || !strings.Contains(text, "reason of 400") {
			t.Fatalf("a dead letter without the reason: %s", text)
		}
	}
}

// countingBody counts what is read of answers.
type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

type countingTransport struct {
	http.RoundTripper
	most *atomic.Int64
	last *atomic.Int64
}

func (c countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.most.Store(max(c.most.Load(), c.last.Load()))
		c.last.Store(0)
		resp.Body = countingBody{resp.Body, c.last}
	}
	return resp, err
}

// Answers that are none are not taken for a yes, and 413 divides a request.
func TestF20StrangeAnswers(t *testing.T) {
	quiet(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	kinds := []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
	}{
		{"empty body", func(http.ResponseWriter, *http.Request) {}},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html><body>Sign in</body></html>") }},
		{"JSON cut", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"errors":false,"items":[{"create":{"st`)
		}},
		{"other JSON", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"ok":true}`) }},
		{"10 MB of headers", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 1000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("y", 10_000))
			}
		}},
		{"301", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusMovedPermanently)
		}},
		{"chunked without an end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
					return
				}
			}
		}},
	}
	o := NewOracle(20)
	srv := newBulkServer(t, o)
	rows := 64
	var large atomic.Int64
	srv.answer = func(n int, w http.ResponseWriter, r *http.Request, docs []document) bool {
		if n < len(kinds) {
			kinds[n].answer(w, r)
			return true
		}
		if len(docs) > rows/8 || slices.ContainsFunc(docs, func(d document) bool { return d.record == 50 }) {
			large.Add(1)
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	}
	srv.Start()
	var most, last atomic.Int64
	base := &http.Transport{MaxResponseHeaderBytes: 64 << 10, DisableCompression: true}
	defer base.CloseIdleConnections()
	src := &issuing{oracle: o, until: records(400)}
	cfg := rawLineConfig(src, o)
	dead := &letters{o: o}
	cfg.DeadLetters = batch.Each(dead.bury)
	sink := newElastic(t, elastic.Options{
		URLs: []string{srv.URL}, MaxRows: rows, MinDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, Transport: countingTransport{base, &most, &last},
	})
	cfg.Outputs[0].Sink = sink
	_, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
	if err != nil {
		t.Error(err)
	}
	st := sink.Stats()
	record(t, "F20", "answers: 200 with an empty body, HTML, cut JSON, 10 MB of headers, 413, 301 to another host, chunked without an end",
		"none counted as delivered; 413 divides the batch down to one record, which becomes a dead letter; no crash; body read ≤ 1 MB", func() string {
			return fmt.Sprintf("%d strange answers, %d times 413, %d divisions, %d dead letters; at most %s of a body read; %s", len(kinds), large.Load(), st.Splits, len(dead.all()), mb(most.Load()), r)
		})
	if len(r.Missing) > 0 || r.Dead != 1 || most.Load() > 1<<20 || st.Splits == 0 || st.Rows != 399 {
		t.Errorf("%s; %d bytes of a body read; %+v", r, most.Load(), st)
	}
}

// One record in a thousand makes the server refuse the whole batch.
func TestF21Poison(t *testing.T) {
	quiet(t)
	const rows = 500 // B
	total := Pick(10_000, 200_000)
	o := NewOracle(21)
	srv := newBulkServer(t, o)
	var mu sync.Mutex
	seen := map[uint64]time.Time{} // when a record came first
	var slowest time.Duration
	open, worst, isolated := 0, 0, 0 // requests since a batch was refused
	srv.answer = func(_ int, w http.ResponseWriter, _ *http.Request, docs []document) bool {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		poison := false
		for _, d := range docs {
			if seen[d.record].IsZero() {
				seen[d.record] = now
			}
			poison = poison || d.record%1000 == 777
		}
		if poison || open > 0 {
			open++
		}
		if poison {
			if len(docs) == 1 {
				worst, open, isolated = max(worst, open), 0, isolated+1
			}
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":{"type":"parse","reason":"cannot parse"}}`)
			return true
		}
		for _, d := range docs {
			slowest = max(slowest, now.Sub(seen[d.record]))
		}
		return false
	}
	srv.Start()
	src := &issuing{oracle: o, until: records(total)}
	cfg := rawLineConfig(src, o)
	dead := &letters{o: o}
	cfg.DeadLetters = batch.Each(dead.bury)
	cfg.Outputs[0].Sink = newElastic(t, elastic.Options{URLs: []string{srv.URL}, MaxRows: rows})
	_, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
	if err != nil {
		t.Error(err)
	}
	most := bits.Len(rows-1) + 2
	record(t, "F21", fmt.Sprintf("one record in 1,000 makes the server answer 400 for the whole batch of %d", rows),
		"isolated in ≤ log2(B)+2 requests; a dead letter; others delayed ≤ 1 s; 0 lost", func() string {
			return fmt.Sprintf("%d isolated, in %d requests at most (allowed %d); others delayed %s at most; %s", isolated, worst, most, slowest.Round(time.Millisecond), r)
		})
	if len(r.Missing) > 0 || r.Dead != total/1000 || isolated != total/1000 || worst > most || slowest > time.Second || r.Duplicates > 0 {
		t.Errorf("%d isolated, in %d requests, others delayed %s; %s", isolated, worst, slowest, r)
	}
}

// A source ten times faster than the sink behind a disk queue.
func TestF22DiskQueue(t *testing.T) {
	quiet(t)
	load := time.Duration(Pick(1, 60)) * time.Second
	o := NewOracle(22)
	var early, late int64 // heap besides the oracle's, at a sixth of the load and at its end
	running := seconds(load)
	afterStart := seconds(load / 6)
	src := &issuing{oracle: o, every: 2 * time.Millisecond, chunk: 150} // 50,000 a second, with what issuing takes
	src.until = func(sent int) bool {
		on := running(sent)
		switch {
		case early == 0 && !afterStart(sent):
			early = memory() - o.bytes()
		case !on && late == 0:
			late = memory() - o.bytes()
		}
		return on
	}
	cfg := rawLineConfig(src, o)
	var last, disorder uint64
	inner := batch.LinesFunc[rawLine](func(_ context.Context, lines []byte, n int) error {
		time.Sleep(time.Duration(n) * 200 * time.Microsecond) // 5,000 a second
		for line := range strings.Lines(string(lines)) {
			id, _ := ParseLine([]byte(line))
			if id < last {
				disorder++
			}
			last = max(last, id)
		}
		o.ReceiveAll(lines)
		return nil
	})
	spooled, err := spool.NewSink[rawLine](inner, spool.Options{Dir: t.TempDir(), MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer spooled.Close()
	cfg.Outputs = []ingest.Output[rawLine]{{Name: "spooled", Sink: spooled}}
	grown := peak()
	_, _, err = runLines(t, newLines(t, cfg), src, o, Limits{MaxLost: 1 << 30}, context.Background()) // what is spooled is on its way
	if err != nil {
		t.Error(err)
	}
	begun, issued := time.Now(), o.Report().Issued
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := spooled.Drain(ctx); err != nil {
		t.Error(err)
	}
	drained, grew := time.Since(begun), grown()
	r := o.Check(t, Limits{})
	grew -= o.bytes()
	slope := float64(late-early) / 1e6 / (load * 5 / 6).Minutes()
	flat := slope < 1 || load < time.Minute // what is in flight makes the slope of a second
	record(t, "F22 disk queue", fmt.Sprintf("source of up to 50,000 a second for %s, sink 5,000 a second, disk queue of 1 GB", load),
		"RSS ≤ 256 MB and flat (heap: < 1 MB a minute); 0 lost; order kept; drained ≤ 10 min after the source stops", func() string {
			return fmt.Sprintf("%d a second offered; memory grew by %s besides the oracle's own, the heap by %.2f MB a minute; out of order %d; drained in %s; %s", int(float64(issued)/load.Seconds()), mb(grew), slope, disorder, drained.Round(time.Second), r)
		})
	if len(r.Missing) > 0 || disorder > 0 || grew > 256<<20 || !flat {
		t.Errorf("%s; %d out of order; memory grew by %d, the heap by %.2f MB a minute", r, disorder, grew, slope)
	}
}
