package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/control"
)

// standIn is a server with one resource and the controls in front of it.
type standIn struct {
	*control.Control
	*httptest.Server
	effects atomic.Int64
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{Control: control.New(control.NewClock())}
	mux := http.NewServeMux()
	serve := func(w http.ResponseWriter, r *http.Request) {
		s.effects.Add(1)
		_, _ = io.WriteString(w, "thing "+r.PathValue("id"))
	}
	mux.HandleFunc("GET /things/{id}", serve)
	mux.HandleFunc("PUT /things/{id}", serve)
	mux.HandleFunc("GET /_sim/things", serve)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	s.Server = httptest.NewServer(s.Handler(mux, func(route string, r *http.Request) string {
		if r.URL.Query().Has("all") {
			return route + "?all"
		}
		return ""
	}))
	t.Cleanup(s.Close)
	return s
}

type answer struct {
	Status      int
	ContentType string
	Body        string
}

// call uses a connection of its own, so that the transport cannot repeat a
// request that lost its connection.
func (s *standIn) call(ctx context.Context, method, path, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Content-Type"), strings.TrimSpace(string(text))}, err
}

func (s *standIn) must(t *testing.T, method, path, body string) answer {
	t.Helper()
	got, err := s.call(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

func TestCallsAreCountedByRoute(t *testing.T) {
	s := newStandIn(t)
	s.must(t, "GET", "/things/1", "")
	s.must(t, "GET", "/things/2", "")
	s.must(t, "PUT", "/things/1", "")
	s.must(t, "GET", "/person@example.com", "")
	s.must(t, "POST", "/things/1", "")
	s.must(t, "GET", "/things/3?all", "")
	s.must(t, "GET", "/_sim/things?all", "")
	s.must(t, "GET", "/_sim/clock", "")

	want := map[string]int{
		"GET /things/{id}": 3, "GET /things/{id}?all": 1, "PUT /things/{id}": 1, "GET (no route)": 1, "POST (no route)": 1,
	}
	if diff := cmp.Diff(want, s.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	var listed map[string]int
	if err := json.Unmarshal([]byte(s.must(t, "GET", "/_sim/calls", "").Body), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("calls over HTTP (-want +got):\n%s", diff)
	}
	s.must(t, "DELETE", "/_sim/calls", "")
	if got := s.Calls(); len(got) != 0 {
		t.Errorf("calls after reset: %v", got)
	}
}

func TestFaults(t *testing.T) {
	const lost = -1 // the client saw its connection cut
	tests := map[string]struct {
		faults  []string
		calls   []string // "METHOD path"
		want    []int
		effects int64
	}{
		"none": {calls: []string{"GET /things/1"}, want: []int{200}, effects: 1},
		"a status replaces the answer and the effect, once by default": {
			faults: []string{`{"status":502}`},
			calls:  []string{"PUT /things/1", "PUT /things/1"}, want: []int{502, 200}, effects: 1,
		},
		"only the named method and route": {
			faults: []string{`{"method":"put","route":"/things/{id}","status":500,"count":2}`},
			calls:  []string{"GET /things/1", "PUT /things/1", "PUT /things/2", "PUT /things/3"},
			want:   []int{200, 500, 500, 200}, effects: 2,
		},
		"one whole path": {
			faults: []string{`{"route":"/things/2","status":500}`},
			calls:  []string{"GET /things/1", "GET /things/2"}, want: []int{200, 500}, effects: 1,
		},
		"calls without a route": {
			faults: []string{`{"route":"(no route)","status":503}`},
			calls:  []string{"GET /things/1", "GET /elsewhere"}, want: []int{200, 503}, effects: 1,
		},
		"skipped calls go by": {
			faults: []string{`{"status":500,"skip":2}`},
			calls:  []string{"GET /things/1", "GET /things/1", "GET /things/1", "GET /things/1"},
			want:   []int{200, 200, 500, 200}, effects: 3,
		},
		"skip counts calls that another fault acts on": {
			faults: []string{`{"status":500}`, `{"status":503,"skip":2}`},
			calls:  []string{"GET /things/1", "GET /things/1", "GET /things/1"},
			want:   []int{500, 200, 503}, effects: 1,
		},
		"one fault a call, in the order added": {
			faults: []string{`{"status":500}`, `{"status":503}`},
			calls:  []string{"GET /things/1", "GET /things/1", "GET /things/1"},
			want:   []int{500, 503, 200}, effects: 1,
		},
		"cut before the effect": {
			faults: []string{`{"drop":"before"}`},
			calls:  []string{"PUT /things/1", "PUT /things/1"}, want: []int{lost, 200}, effects: 1,
		},
		"cut after the effect": {
			faults: []string{`{"drop":"after","delay":"1ms"}`},
			calls:  []string{"PUT /things/1", "PUT /things/1"}, want: []int{lost, 200}, effects: 2,
		},
		"cut in the middle of the answer": {
			faults: []string{`{"drop":"middle"}`},
			calls:  []string{"PUT /things/1", "PUT /things/1"}, want: []int{lost, 200}, effects: 2,
		},
		"a delay alone is served": {
			faults: []string{`{"delay":"1ms"}`},
			calls:  []string{"GET /things/1"}, want: []int{200}, effects: 1,
		},
		"a delay before a refusal": {
			faults: []string{`{"delay":"1ms","status":504}`},
			calls:  []string{"GET /things/1"}, want: []int{504}, effects: 0,
		},
		"controls are never faulty": {
			faults: []string{`{"status":500}`},
			calls:  []string{"GET /_sim/things", "GET /_sim/calls", "GET /things/1"},
			want:   []int{200, 200, 500}, effects: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			for _, fault := range tt.faults {
				if got := s.must(t, "POST", "/_sim/faults", fault); got.Status != 200 {
					t.Fatalf("add fault: %+v", got)
				}
			}
			var got []int
			for _, call := range tt.calls {
				method, path, _ := strings.Cut(call, " ")
				res, err := s.call(t.Context(), method, path, "")
				if err != nil {
					res.Status = lost
				}
				got = append(got, res.Status)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
			if got := s.effects.Load(); got != tt.effects {
				t.Errorf("effects: %d, want %d", got, tt.effects)
			}
			if pending := s.PendingFaults(); len(pending) != 0 {
				t.Errorf("faults left: %+v", pending)
			}
		})
	}
}

func TestFaultAnswer(t *testing.T) {
	tests := map[string]struct {
		fault control.Fault
		want  answer
	}{
		"HTML":      {control.Fault{Status: 502, Body: "<html></html>"}, answer{502, "text/html", "<html></html>"}},
		"JSON":      {control.Fault{Status: 422, Body: `{"a":1}`}, answer{422, "application/json; charset=utf-8", `{"a":1}`}},
		"text":      {control.Fault{Status: 500, Body: "oh"}, answer{500, "text/plain; charset=utf-8", "oh"}},
		"no body":   {control.Fault{Status: 503}, answer{503, "", ""}},
		"nothing":   {control.Fault{Status: 204, Body: "dropped"}, answer{204, "text/plain; charset=utf-8", ""}},
		"own types": {control.Fault{Status: 200, Body: "[]", Headers: map[string]string{"content-type": "text/html"}}, answer{200, "text/html", "[]"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			if err := s.AddFault(tt.fault); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.must(t, "GET", "/things/1", "")); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultyLists(t *testing.T) {
	tests := map[string]struct{ list, body, want string }{
		"everybody is missing":            {control.ListEmpty, `[1,2,3]`, `[]`},
		"half of them are missing":        {control.ListHalf, `[1,2,3]`, `[1,3]`},
		"a member of the answer":          {control.ListHalf, `{"people":[{"a":1},{"a":2}],"more":"yes"}`, `{"more":"yes","people":[{"a":1}]}`},
		"a member that is emptied":        {control.ListEmpty, `{"people":[{"a":1}]}`, `{"people":[]}`},
		"no list":                         {control.ListEmpty, `{"a":1}`, `{"a":1}`},
		"no JSON":                         {control.ListEmpty, `oh`, `oh`},
		"a list that is empty by itself":  {control.ListHalf, `[]`, `[]`},
		"large numbers stay as they were": {control.ListHalf, `[3332883884017713238,2]`, `[3332883884017713238]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			control.Fault{List: tt.list}.Act(w, httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Total-Count", "3")
				w.WriteHeader(206)
				_, _ = io.WriteString(w, tt.body)
			}))
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if w.Code != 206 || w.Header().Get("Total-Count") != "3" {
				t.Errorf("status %d, header %v: the rest of the answer is as it was", w.Code, w.Header())
			}
		})
	}
}

func TestDelayEndsWithTheClient(t *testing.T) {
	tests := map[string]struct {
		drop    string
		effects int64
	}{
		"before the effect":                      {"", 0},
		"the effect comes first when it is lost": {control.DropAfter, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			if err := s.AddFault(control.Fault{Delay: control.Duration(time.Hour), Drop: tt.drop}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := s.call(ctx, "PUT", "/things/1", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want the deadline", err)
			}
			s.Close() // returns only when the delayed handler has ended
			if got := s.effects.Load(); got != tt.effects {
				t.Errorf("effects: %d, want %d", got, tt.effects)
			}
		})
	}
}

func TestFaultsAreListedUntilUsedUp(t *testing.T) {
	s := newStandIn(t)
	s.must(t, "POST", "/_sim/faults", `{"status":502,"count":3,"delay":"1ms"}`)
	s.must(t, "POST", "/_sim/faults", `{"method":"PUT","drop":"before"}`)
	s.must(t, "GET", "/things/1", "")

	want := []control.Fault{
		{Status: 502, Count: 2, Fired: 1, Delay: control.Duration(time.Millisecond)},
		{Method: "PUT", Drop: "before", Count: 1},
	}
	if diff := cmp.Diff(want, s.PendingFaults()); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	var listed struct {
		Pending []control.Fault
		Fired   int
	}
	if err := json.Unmarshal([]byte(s.must(t, "GET", "/_sim/faults", "").Body), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, listed.Pending); diff != "" {
		t.Errorf("pending over HTTP (-want +got):\n%s", diff)
	}
	if listed.Fired != 1 || s.FiredFaults() != 1 {
		t.Errorf("fired: %d over HTTP, %d in Go, want 1", listed.Fired, s.FiredFaults())
	}
	if got := s.must(t, "DELETE", "/_sim/faults", "").Body; got != `{"pending":[],"fired":0}` {
		t.Errorf("faults after delete: %s", got)
	}
}

func TestControlCallsThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		call, body string
		status     int
		names      string // what the error must name
	}{
		"unknown key":            {"POST /_sim/faults", `{"status":500,"colour":"red"}`, 400, `"colour"`},
		"bad duration":           {"POST /_sim/faults", `{"delay":"soon"}`, 400, "delay"},
		"negative delay":         {"POST /_sim/faults", `{"delay":"-1s"}`, 400, "delay"},
		"wrong kind":             {"POST /_sim/faults", `{"status":"500"}`, 400, "status"},
		"unlikely status":        {"POST /_sim/faults", `{"status":99}`, 400, "status"},
		"negative count":         {"POST /_sim/faults", `{"status":500,"count":-1}`, 400, "count"},
		"negative skip":          {"POST /_sim/faults", `{"status":500,"skip":-1}`, 400, "skip"},
		"unknown drop":           {"POST /_sim/faults", `{"drop":"during"}`, 400, "drop"},
		"unknown list":           {"POST /_sim/faults", `{"list":"short"}`, 400, "list"},
		"list with status":       {"POST /_sim/faults", `{"list":"half","status":200}`, 400, "list"},
		"list with drop":         {"POST /_sim/faults", `{"list":"half","drop":"after"}`, 400, "list"},
		"drop with status":       {"POST /_sim/faults", `{"drop":"after","status":500}`, 400, "drop"},
		"body without status":    {"POST /_sim/faults", `{"delay":"1s","body":"x"}`, 400, "status"},
		"fault without trouble":  {"POST /_sim/faults", `{"method":"PUT"}`, 400, "status"},
		"not JSON":               {"POST /_sim/faults", `{`, 400, "body"},
		"two values":             {"POST /_sim/faults", `{"status":500}{}`, 400, "more than one"},
		"clock with both":        {"POST /_sim/clock", `{"advance":"1h","set":"2026-01-01T00:00:00Z"}`, 400, "either"},
		"clock with neither":     {"POST /_sim/clock", `{}`, 400, "either"},
		"clock with bad advance": {"POST /_sim/clock", `{"advance":"a day"}`, 400, "advance"},
		"clock with bad time":    {"POST /_sim/clock", `{"set":"today"}`, 400, "set"},
		"wrong method":           {"PATCH /_sim/calls", ``, 405, "PATCH"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			method, path, _ := strings.Cut(tt.call, " ")
			got := s.must(t, method, path, tt.body)
			if got.Status != tt.status {
				t.Errorf("status %d, want %d", got.Status, tt.status)
			}
			var body struct{ Error string }
			if err := json.Unmarshal([]byte(got.Body), &body); err != nil || !strings.Contains(body.Error, tt.names) {
				t.Errorf("body %s does not name %s", got.Body, tt.names)
			}
			if pending := s.PendingFaults(); len(pending) != 0 {
				t.Errorf("a refused fault was stored: %+v", pending)
			}
		})
	}
}

func TestFaultsAreBounded(t *testing.T) {
	c := control.New(control.NewClock())
	var err error
	stored := 0
	for ; err == nil && stored < 1_000_000; stored++ {
		err = c.AddFault(control.Fault{Status: 500})
	}
	if err == nil {
		t.Fatalf("%d faults were stored", stored)
	}
	c.ClearFaults()
	if err := c.AddFault(control.Fault{Status: 500}); err != nil {
		t.Errorf("after clearing: %v", err)
	}
}

func TestClock(t *testing.T) {
	s := newStandIn(t)
	shown := func(body string) time.Time {
		t.Helper()
		var got struct{ Now time.Time }
		res := s.must(t, "POST", "/_sim/clock", body)
		if err := json.Unmarshal([]byte(res.Body), &got); err != nil {
			t.Fatalf("clock answered %+v", res)
		}
		return got.Now
	}
	newYear := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	near := func(got, want time.Time) {
		t.Helper()
		if d := got.Sub(want); d < 0 || d > time.Minute {
			t.Errorf("clock shows %s, want %s and running", got, want)
		}
	}
	near(shown(`{"set":"2026-01-01T01:00:00+01:00"}`), newYear)
	near(shown(`{"advance":"24h"}`), newYear.AddDate(0, 0, 1))
	near(s.Clock().Now(), newYear.AddDate(0, 0, 1))
	s.Clock().Advance(-24 * time.Hour)
	near(s.Clock().Now(), newYear)
}

func TestConcurrentUse(t *testing.T) {
	s := newStandIn(t)
	if err := s.AddFault(control.Fault{Status: 500, Count: 10, Skip: 5}); err != nil {
		t.Fatal(err)
	}
	var refused atomic.Int64
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			res, err := s.call(t.Context(), "GET", "/things/1", "")
			if err != nil {
				t.Error(err)
			}
			if res.Status == 500 {
				refused.Add(1)
			}
			s.Clock().Advance(time.Second)
			_, _ = s.Calls(), s.PendingFaults()
		})
	}
	group.Wait()
	if refused.Load() != 10 || s.Calls()["GET /things/{id}"] != 40 {
		t.Errorf("%d refused of %v, want 10 of 40", refused.Load(), s.Calls())
	}
}

func TestClockWait(t *testing.T) {
	waiting := func(ctx context.Context, c *control.Clock, d time.Duration) <-chan bool {
		until, done := c.Elapsed()+d, make(chan bool, 1)
		go func() { done <- c.Wait(ctx, until) }()
		return done
	}
	t.Run("real time goes by", func(t *testing.T) {
		if !<-waiting(t.Context(), control.NewClock(), time.Millisecond) {
			t.Error("want true")
		}
	})
	t.Run("moved forwards, with a move back between", func(t *testing.T) {
		c := control.NewClock()
		done := waiting(t.Context(), c, 2*time.Hour)
		c.Advance(time.Hour)
		c.Set(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
		c.Advance(59 * time.Minute)
		select {
		case <-done:
			t.Fatal("a minute is left")
		default:
		}
		c.Advance(time.Minute)
		if !<-done {
			t.Error("want true")
		}
	})
	t.Run("the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := waiting(ctx, control.NewClock(), time.Hour)
		cancel()
		if <-done {
			t.Error("want false")
		}
		if <-waiting(ctx, control.NewClock(), 0) {
			t.Error("with nothing to wait for: want false")
		}
	})
}
