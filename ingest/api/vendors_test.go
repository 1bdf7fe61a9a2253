package api_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/ratelimit"
)

// clock is the time that a test and its server share.
var clock = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// product is a server that behaves as the documentation of a product says.
type product struct {
	t      *testing.T
	server *httptest.Server
	host   string
	key    *rsa.PrivateKey

	mu       sync.Mutex
	now      time.Time // for limits on how old a window may be
	events   []happened
	requests []string
	tokens   int
	started  bool
	// before, if set, may answer a request in the product's place.
	before func(w http.ResponseWriter, r *http.Request) bool
}

type happened struct {
	id string
	at time.Time
}

const pageSize = 3

func newProduct(t *testing.T, handler func(p *product, w http.ResponseWriter, r *http.Request)) *product {
	p := &product{t: t, now: clock}
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests = append(p.requests, r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("User-Agent") == "" || strings.HasPrefix(r.Header.Get("User-Agent"), "Go-http") {
			t.Errorf("the User-Agent is %q", r.Header.Get("User-Agent"))
		}
		if p.before != nil && p.before(w, r) {
			return
		}
		handler(p, w, r)
	}))
	t.Cleanup(p.server.Close)
	p.host = strings.TrimPrefix(p.server.URL, "https://")
	for i := range 10 {
		p.events = append(p.events, happened{fmt.Sprintf("event-%d", i), clock.Add(-time.Duration(50-i) * time.Minute)})
	}
	return p
}

// within returns the events of a window.
func (p *product) within(from, to time.Time) (out []happened) {
	for _, e := range p.events {
		if !e.at.Before(from) && e.at.Before(to) {
			out = append(out, e)
		}
	}
	return out
}

// page cuts a page out of events by an opaque cursor.
func page(events []happened, cursor string) (out []happened, next string) {
	at, _ := strconv.Atoi(strings.TrimPrefix(cursor, "c"))
	events = events[min(at, len(events)):]
	if len(events) > pageSize {
		return events[:pageSize], fmt.Sprintf("c%d", at+pageSize)
	}
	return events, ""
}

func (h happened) json(id string) map[string]any {
	return map[string]any{id: h.id, "at": h.at.Format(time.RFC3339)}
}

func list(events []happened, id string) []map[string]any {
	out := []map[string]any{}
	for _, e := range events {
		out = append(out, e.json(id))
	}
	return out
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, ok bool) bool {
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
	}
	return !ok
}

func rfc(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, _ = time.Parse("2006-01-02T15:04:05", text)
	}
	return t
}

func unixms(text string) time.Time {
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(n)
}

// oauth answers a token request with client credentials.
func (p *product) oauth(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	if refuse(w, r.Form.Get("grant_type") == "client_credentials" && r.Form.Get("client_id") == "client" && r.Form.Get("client_secret") == "the secret") {
		return
	}
	p.tokens++
	answer(w, map[string]any{"access_token": fmt.Sprintf("token-%d", p.tokens), "expires_in": "3600", "token_type": "Bearer"})
}

func (p *product) bearer(w http.ResponseWriter, r *http.Request) bool {
	return !refuse(w, r.Header.Get("Authorization") == fmt.Sprintf("Bearer token-%d", p.tokens))
}

// server is how one product answers.
type server struct {
	params  map[string]string
	secrets map[string]string
	handler func(p *product, w http.ResponseWriter, r *http.Request)
}

func graph(kind, field string) server {
	return server{map[string]string{"tenant": "t1", "client_id": "client", "host": "", "login": ""}, map[string]string{"client_secret": "the secret"},
		func(p *product, w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/t1/oauth2/v2.0/token":
				p.oauth(w, r)
			case r.URL.Path == "/v1.0/auditLogs/"+kind && p.bearer(w, r):
				q := r.URL.Query()
				var from, to string
				if n, _ := fmt.Sscanf(q.Get("$filter"), field+" ge %s and "+field+" le %s", &from, &to); n != 2 || kind == "signIns" && q.Has("$orderby") {
					w.WriteHeader(http.StatusBadRequest) // other operators, or parameters, than are documented
					return
				}
				all := p.within(rfc(from), rfc(to))
				if kind == "signIns" {
					slices.Reverse(all)
				}
				events, next := page(all, q.Get("$skiptoken"))
				doc := map[string]any{"@odata.context": "https://x/$metadata", "value": list(events, "id")}
				if next != "" {
					q.Set("$skiptoken", next)
					doc["@odata.nextLink"] = p.server.URL + r.URL.Path + "?" + q.Encode()
				}
				answer(w, doc)
			}
		}}
}

var servers = map[string]server{
	"okta.system": {map[string]string{"domain": ""}, map[string]string{"token": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		if refuse(w, r.Header.Get("Authorization") == "SSWS the secret") {
			return
		}
		q := r.URL.Query()
		events, next := page(p.within(rfc(q.Get("since")), clock.Add(time.Hour)), q.Get("after"))
		if next == "" { // there is always a next link
			at, _ := strconv.Atoi(strings.TrimPrefix(q.Get("after"), "c"))
			next = fmt.Sprintf("c%d", at+len(events))
		}
		q.Set("after", next)
		w.Header().Add("Link", "<"+p.server.URL+r.URL.RequestURI()+`>; rel="self"`)
		w.Header().Add("Link", "<"+p.server.URL+r.URL.Path+"?"+q.Encode()+`>; rel="next"`)
		w.Header().Set("X-Rate-Limit-Remaining", "100")
		answer(w, list(events, "uuid"))
	}},
	"github.audit": {map[string]string{"scope": "orgs/example", "host": ""}, map[string]string{"token": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		if refuse(w, r.Header.Get("Authorization") == "Bearer the secret" && r.URL.Path == "/orgs/example/audit-log") {
			return
		}
		q := r.URL.Query()
		from, ok := strings.CutPrefix(q.Get("phrase"), "created:>=")
		if size, _ := strconv.Atoi(q.Get("per_page")); !ok || q.Get("order") != "asc" || q.Get("include") != "all" || size > 100 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		events, next := page(p.within(rfc(from), clock.Add(time.Hour)), q.Get("after"))
		if next != "" {
			q.Set("after", next)
			q.Set("before", "")
			w.Header().Set("Link", "<"+p.server.URL+r.URL.Path+"?"+q.Encode()+`>; rel="next", <`+p.server.URL+`/first>; rel="first"`)
		}
		answer(w, list(events, "_document_id"))
	}},
	"o365.audit": {map[string]string{"tenant": "t1", "client_id": "client", "host": "", "login": ""}, map[string]string{"client_secret": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		const feed = "/api/v1.0/t1/activity/feed/"
		q := r.URL.Query()
		switch {
		case r.URL.Path == "/t1/oauth2/v2.0/token":
			p.oauth(w, r)
		case !p.bearer(w, r):
		case q.Get("PublisherIdentifier") != "t1":
			w.WriteHeader(http.StatusTooManyRequests) // the quota that all without one share
		case r.URL.Path == feed+"subscriptions/start" && r.Method == http.MethodPost:
			if p.started {
				w.WriteHeader(http.StatusBadRequest) // AF20024: already enabled
			}
			p.started = true
		case r.URL.Path == feed+"subscriptions/content" && p.started:
			from, to := rfc(q.Get("startTime")), rfc(q.Get("endTime"))
			if to.Sub(from) > 24*time.Hour || from.Before(p.now.Add(-7*24*time.Hour)) {
				w.WriteHeader(http.StatusBadRequest) // AF20030
				return
			}
			events, next := page(p.within(from, to), q.Get("nextPage"))
			var blobs []map[string]any
			for _, e := range events {
				blobs = append(blobs, map[string]any{"contentType": q.Get("contentType"), "contentId": e.id, "contentUri": p.server.URL + feed + "audit/" + e.id})
			}
			if next != "" {
				q.Set("nextPage", next)
				w.Header().Set("NextPageUri", p.server.URL+r.URL.Path+"?"+q.Encode())
			}
			answer(w, blobs)
		case strings.HasPrefix(r.URL.Path, feed+"audit/"):
			answer(w, []map[string]any{{"Id": strings.TrimPrefix(r.URL.Path, feed+"audit/"), "Operation": "UserLoggedIn"}})
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}},
	"azure.signinlogs": graph("signIns", "createdDateTime"),
	"azure.auditlogs":  graph("directoryAudits", "activityDateTime"),
	"google_workspace.reports": {map[string]string{"account": "sa@example.com", "delegated": "admin@example.com", "host": "", "token_host": ""}, nil, func(p *product, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch r.URL.Path {
		case "/token":
			_ = r.ParseForm()
			if !refuse(w, p.assertion(r.Form.Get("assertion"))) {
				p.tokens++
				answer(w, map[string]any{"access_token": fmt.Sprintf("token-%d", p.tokens), "expires_in": 3599})
			}
		case "/admin/reports/v1/activity/users/all/applications/login":
			if !p.bearer(w, r) {
				return
			}
			events, next := page(p.within(rfc(q.Get("startTime")), rfc(q.Get("endTime"))), q.Get("pageToken"))
			var items []map[string]any
			for _, e := range events {
				items = append(items, map[string]any{"id": map[string]any{"uniqueQualifier": e.id, "time": e.at}})
			}
			doc := map[string]any{"kind": "admin#reports#activities", "items": items}
			if next != "" {
				doc["nextPageToken"] = next
			}
			if items == nil {
				delete(doc, "items") // there is none in an answer without events
			}
			answer(w, doc)
		}
	}},
	"duo.authentication": {map[string]string{"host": "", "integration_key": "DI123"}, map[string]string{"secret_key": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		if refuse(w, p.duo(r)) {
			return
		}
		q := r.URL.Query()
		at, txid, both := strings.Cut(q.Get("next_offset"), ",")
		from, to := q.Get("mintime"), q.Get("maxtime")
		size, _ := strconv.Atoi(q.Get("limit"))
		switch {
		case q.Has("next_offset") && (!both || len(at) != 13), len(from) != 13, len(to) != 13, from >= to, size > 1000, q.Get("sort") != "ts:asc":
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		events, next := page(p.within(unixms(from), unixms(to).Add(time.Millisecond)), txid)
		meta := map[string]any{"total_objects": len(events), "next_offset": nil}
		if next != "" {
			meta["next_offset"] = []string{strconv.FormatInt(events[len(events)-1].at.UnixMilli(), 10), next}
		}
		answer(w, map[string]any{"stat": "OK", "response": map[string]any{"authlogs": list(events, "txid"), "metadata": meta}})
	}},
	"onepassword.events": {map[string]string{"host": ""}, map[string]string{"token": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		var body struct {
			Cursor    string
			StartTime string `json:"start_time"`
		}
		if refuse(w, r.Header.Get("Authorization") == "Bearer the secret" && r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/json" && json.NewDecoder(r.Body).Decode(&body) == nil) {
			return
		}
		events, next := page(p.within(rfc(body.StartTime), clock.Add(time.Hour)), body.Cursor)
		if body.Cursor != "" {
			events, next = page(p.events, body.Cursor)
		}
		more := next != ""
		if !more {
			at, _ := strconv.Atoi(strings.TrimPrefix(body.Cursor, "c"))
			next = fmt.Sprintf("c%d", at+len(events))
		}
		answer(w, map[string]any{"cursor": next, "has_more": more, "items": list(events, "uuid")})
	}},
	"slack.audit": {map[string]string{"host": ""}, map[string]string{"token": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		if refuse(w, r.Header.Get("Authorization") == "Bearer the secret") {
			return
		}
		q := r.URL.Query()
		from, _ := strconv.ParseInt(q.Get("oldest"), 10, 64)
		to, _ := strconv.ParseInt(q.Get("latest"), 10, 64)
		all := p.within(time.Unix(from, 0), time.Unix(to, 0))
		slices.Reverse(all)
		events, next := page(all, q.Get("cursor"))
		answer(w, map[string]any{"entries": list(events, "id"), "response_metadata": map[string]any{"next_cursor": next}})
	}},
	"cloudflare.audit": {map[string]string{"host": "", "account": "a1"}, map[string]string{"token": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		if refuse(w, r.Header.Get("Authorization") == "Bearer the secret" && r.URL.Path == "/client/v4/accounts/a1/logs/audit") {
			return
		}
		q := r.URL.Query()
		events, next := page(p.within(rfc(q.Get("since")), rfc(q.Get("before"))), q.Get("cursor"))
		info := map[string]any{"count": strconv.Itoa(len(events))}
		if next != "" {
			info["cursor"] = next
		}
		answer(w, map[string]any{"success": true, "result": list(events, "id"), "result_info": info})
	}},
	"salesforce.events": {map[string]string{"host": "", "client_id": "client"}, map[string]string{"client_secret": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/services/oauth2/token":
			p.oauth(w, r)
		case p.bearer(w, r):
			query, cursor := r.URL.Query().Get("q"), ""
			if rest, ok := strings.CutPrefix(r.URL.Path, "/services/data/v62.0/query/"); ok {
				cursor, query, _ = strings.Cut(rest, "-")
				raw, _ := hex.DecodeString(query)
				query = string(raw)
			}
			var from, to string
			words := strings.Fields(query)
			for i, word := range words {
				if word == ">=" {
					from = words[i+1]
				}
				if word == "<" {
					to = words[i+1]
				}
			}
			events, next := page(p.within(rfc(from), rfc(to)), cursor)
			doc := map[string]any{"totalSize": 10, "done": next == "", "records": list(events, "Id")}
			if next != "" {
				doc["nextRecordsUrl"] = "/services/data/v62.0/query/" + next + "-" + hex.EncodeToString([]byte(query))
			}
			answer(w, doc)
		}
	}},
	"atlassian.audit": {map[string]string{"host": "", "organization": "o1"}, map[string]string{"token": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		if refuse(w, r.Header.Get("Authorization") == "Bearer the secret" && r.URL.Path == "/admin/v1/orgs/o1/events-stream") {
			return
		}
		q := r.URL.Query()
		cursor := q.Get("cursor")
		if cursor == "" {
			cursor = fmt.Sprintf("c%d", len(p.events)-len(p.within(unixms(q.Get("from")), clock.Add(time.Hour))))
		} else if q.Has("from") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		events, next := page(p.events, cursor)
		if next == "" { // the last page has a cursor too, to poll with
			at, _ := strconv.Atoi(strings.TrimPrefix(cursor, "c"))
			next = fmt.Sprintf("c%d", at+len(events))
		}
		answer(w, map[string]any{"data": list(events, "id"), "meta": map[string]any{"page_size": len(events), "next": next}, "links": map[string]any{}})
	}},
	"crowdstrike.alerts": {map[string]string{"host": "", "client_id": "client"}, map[string]string{"client_secret": "the secret"}, func(p *product, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/oauth2/token":
			p.oauth(w, r)
		case p.bearer(w, r):
			var body struct{ Filter, After string }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			f := strings.Split(body.Filter, "'")
			events, next := page(p.within(rfc(f[1]), rfc(f[3])), body.After)
			pagination := map[string]any{"total": 10}
			if next != "" {
				pagination["after"] = next
			}
			answer(w, map[string]any{"meta": map[string]any{"pagination": pagination}, "resources": list(events, "composite_id")})
		}
	}},
}

// assertion verifies a JWT as Google does.
func (p *product) assertion(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || rsa.VerifyPKCS1v15(&p.key.PublicKey, crypto.SHA256, sum[:], sig) != nil {
		return false
	}
	var claims struct {
		Iss, Sub, Aud, Scope string
		Iat, Exp             int64
	}
	b, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return json.Unmarshal(b, &claims) == nil && claims.Iss == "sa@example.com" && claims.Sub == "admin@example.com" &&
		claims.Aud == p.server.URL+"/token" && claims.Scope != "" && claims.Exp == claims.Iat+3600
}

// duo verifies a signature as the Admin API does.
func (p *product) duo(r *http.Request) bool {
	user, sig, _ := r.BasicAuth()
	text := r.Header.Get("Date") + "\n" + r.Method + "\n" + strings.ToLower(r.Host) + "\n" + r.URL.Path + "\n" + strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")
	mac := hmac.New(sha1.New, []byte("the secret"))
	mac.Write([]byte(text))
	return user == "DI123" && sig == hex.EncodeToString(mac.Sum(nil))
}

// collected is what a source has brought.
type collected struct {
	t   *testing.T
	mu  sync.Mutex
	got map[string]int
	// fail makes the sink refuse while it is positive.
	fail int
	// before, if set, is called by the sink for each batch.
	before func()
}

func (c *collected) collect(ctx context.Context, src *api.Source) error {
	c.t.Helper()
	p, err := ingest.New(ingest.Config[string]{
		Sources: []ingest.Source{src},
		Parser: parse.ParserFunc[string](func(m *parse.Message, out *parse.Events[string]) error {
			*out.Add() = string(m.Raw)
			return nil
		}),
		Outputs: []ingest.Output[string]{{Retry: batch.RetryOptions{Attempts: 1}, Sink: batch.SinkFunc[string](func(_ context.Context, b *batch.Batch[string]) error {
			if c.before != nil {
				c.before()
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.fail > 0 {
				c.fail--
				return http.ErrHandlerTimeout
			}
			for _, e := range b.Events {
				c.got[*e]++
			}
			return nil
		})}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	err = p.Run(ctx)
	s := p.Stats()
	if check := s.Check(); check != nil || s.InFlight != 0 {
		c.t.Errorf("%v, %+v", check, s.Ledger)
	}
	return err
}

// has reports how many different events have come, and whether one came twice.
func (c *collected) has() (n int, twice bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.got {
		twice = twice || k > 1
	}
	return len(c.got), twice
}

// options are those of a source of one product.
func (p *product) options(name string) api.Options {
	p.t.Helper()
	def, err := api.Builtin(name)
	if err != nil {
		p.t.Fatal(err)
	}
	s := servers[name]
	params, secrets := map[string]string{}, api.Secrets{}
	for k, v := range s.params {
		if v == "" {
			v = p.host
		}
		params[k] = v
	}
	for k, v := range s.secrets {
		secrets[k] = api.SecretText(v)
	}
	if name == "google_workspace.reports" {
		if p.key == nil {
			if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
				p.t.Fatal(err)
			}
		}
		der, err := x509.MarshalPKCS8PrivateKey(p.key)
		if err != nil {
			p.t.Fatal(err)
		}
		secrets["private_key"] = api.SecretText(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.server.Certificate())
	return api.Options{
		Endpoints:  []api.Endpoint{{Definition: def, Params: params, Secrets: secrets}},
		Checkpoint: filepath.Join(p.t.TempDir(), "positions"), TLS: &tls.Config{RootCAs: roots}, AllowPrivate: true,
		Once: true, Now: func() time.Time { return clock }, Backoff: ratelimit.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
	}
}

func (p *product) source(o api.Options) *api.Source {
	p.t.Helper()
	src, err := api.New(o)
	if err != nil {
		p.t.Fatal(err)
	}
	return src
}

// TestProducts collects from a server of each product twice: everything comes, and the second
// time only what is new.
func TestProducts(t *testing.T) {
	for _, name := range api.Builtins() {
		if name == "crowdstrike.falcon" {
			continue // a stream: see TestEventStream
		}
		t.Run(name, func(t *testing.T) {
			s, ok := servers[name]
			if !ok {
				t.Fatal("there is no server for this product")
			}
			p := newProduct(t, s.handler)
			o := p.options(name)
			c := &collected{t: t, got: map[string]int{}}
			if err := c.collect(context.Background(), p.source(o)); err != nil {
				t.Fatal(err)
			}
			if n, twice := c.has(); n != 10 || twice {
				t.Fatalf("%d of 10 events, twice: %v\n%s", n, twice, strings.Join(p.requests, "\n"))
			}
			p.events = append(p.events, happened{"event-new", clock.Add(7 * time.Minute)})
			o.Now = func() time.Time { return clock.Add(20 * time.Minute) }
			if err := c.collect(context.Background(), p.source(o)); err != nil {
				t.Fatal(err)
			}
			if n, twice := c.has(); n != 11 || twice {
				t.Errorf("%d of 11 events, twice: %v\n%s", n, twice, strings.Join(p.requests, "\n"))
			}
			for _, r := range p.requests {
				if u, _ := url.QueryUnescape(r); strings.Contains(u, "the secret") {
					t.Errorf("a secret in a URL: %s", r)
				}
			}
		})
	}
}
