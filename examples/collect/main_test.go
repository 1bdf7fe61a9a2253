package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun fetches from two endpoints, one of which fails at first.
func TestRun(t *testing.T) {
	var agents []string
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents = append(agents, r.UserAgent())
		if len(agents) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for i := range 100 {
			fmt.Fprintf(w, `{"id":"a-%d","time":"2026-03-03T09:00:00Z","severity":%d,"source":"192.0.2.7","message":"probe"}`+"\n", i, i%11)
		}
	}))
	defer first.Close()
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"id":"b-1","time":"2026-03-03T09:00:00Z","severity":11,"source":"192.0.2.7","message":"too severe"}`)
		fmt.Fprintln(w, `{"id":"b-2","time":"2026-03-03T09:00:00Z","severity":"high","source":"192.0.2.7","message":"a word"}`)
		fmt.Fprintln(w, `{"id":"b-3","time":"2026-03-03T09:00:00Z","source":"192.0.2.7","message":"no severity"}`)
		fmt.Fprintln(w, `{"id":"b-4","time":"2026-03-03T09:00:00Z","severity":1,"source":"nowhere","message":"no address"}`)
		fmt.Fprintln(w, `{"id":"b-5"`)
		fmt.Fprint(w, `{"id":"b-6","time":"2026-03-03T09:00:00Z","severity":10,"source":"2001:db8::1","message":"the last line has no end"}`)
	}))
	defer second.Close()
	dead := filepath.Join(t.TempDir(), "dead.ndjson")
	var out, errs bytes.Buffer
	if err := run(context.Background(), []string{"-url", first.URL + "/alerts", "-url", second.URL + "/alerts?all=1", "-allow-private", "-dead", dead}, &out, &errs); err != nil {
		t.Fatal(err, errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 101 || !strings.Contains(out.String(), "2001:db8::1") {
		t.Errorf("%d lines of output:\n%s", n, out.String())
	}
	for _, want := range []string{"106 received, 101 delivered, 5 dead letters SCHEMA_VIOLATION 3, TYPE_MISMATCH 2", "2 requests, 100 events"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, errs.String())
		}
	}
	letters, err := os.ReadFile(dead)
	if err != nil || strings.Count(string(letters), "\n") != 5 || !strings.Contains(string(letters), "too severe") {
		t.Errorf("%v, dead letters:\n%s", err, letters)
	}
	if agents[0] != "penstock-collect" {
		t.Errorf("User-Agent %q", agents[0])
	}
}

func TestNoInventedDefaults(t *testing.T) {
	var out, errs bytes.Buffer
	if err := run(context.Background(), nil, &out, &errs); err == nil {
		t.Error("it ran without an address")
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if err := run(context.Background(), []string{"-url", server.URL}, &out, &errs); err == nil {
		t.Error("a private address was asked without leave")
	}
}

// TestFailures: an endpoint that does not answer keeps no other from being read, its category
// stands in the summary, and no text from outside makes lines of its own.
func TestFailures(t *testing.T) {
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"id":"a-1","time":"2026-03-03T09:00:00Z","severity":1,"source":"192.0.2.7","message":"one\nforged line\u001b[2J"}`)
	}))
	defer good.Close()
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer denied.Close()
	var out, errs bytes.Buffer
	err := run(context.Background(), []string{"-url", denied.URL, "-url", good.URL, "-allow-private"}, &out, &errs)
	if err == nil || !strings.Contains(errs.String(), "ACCESS_DENIED") || !strings.Contains(errs.String(), "1 requests, 1 events") {
		t.Errorf("%v\n%s", err, errs.String())
	}
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%q", out.String())
	}
}
