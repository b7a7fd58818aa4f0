package bob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bob-onelogin/internal/bob"
)

var start = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return start }

// gossip is what a body, a header or a URL may hold and no error may repeat.
var gossip = []string{
	address, "ashgrove", "example.com", token, serviceUser, "+44 20 7946 0000", "Basic", "/v1/",
	"U0VSVklDRS00NzEx", // the beginning of the Authorization header
}

func checkDiscreet(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%v %+v %s", e, e, e)} {
			for _, secret := range gossip {
				if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
					t.Errorf("error repeats %q: %s", secret, text)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	const (
		jsonType = "application/json"
		html     = "<html><body>ada.ashgrove@example.com is not welcome</body></html>"
		keyed    = `{"key":"validations.field.unknown","error":"ada.ashgrove@example.com: +44 20 7946 0000","args":{"email":"ada.ashgrove@example.com"}}`
		timed    = `{"error":"Unprocessable","message":"ada.ashgrove@example.com","statusCode":422,"timestamp":"2026-01-05T09:00:00"}`
	)
	failure := func(status int) bob.Failure { return bob.Failure{Op: "read person", StatusCode: status} }
	epoch := func(seconds int) string { return fmt.Sprint(start.Unix() + int64(seconds)) }
	tests := map[string]struct {
		handler http.HandlerFunc
		want    error
		class   string
	}{
		"404 without a body": {answer(404, "", ""), &bob.NotFoundError{Failure: failure(404)}, "not_found"},
		"404 with Bob's body": {
			answer(404, jsonType, `{"key":"employee.not.found","error":"no such employee"}`),
			&bob.NotFoundError{Failure: failure(404)}, "not_found",
		},
		"404 of a proxy": {
			answer(404, "text/html", html),
			&bob.ContentError{Failure: failure(404), Reason: "a 404 that is not Bob's; is the base URL right?"}, "content",
		},
		"404 in somebody else's JSON": {
			answer(404, jsonType, `{"message":"no Route matched with those values"}`),
			&bob.ContentError{Failure: failure(404), Reason: "a 404 that is not Bob's; is the base URL right?"}, "content",
		},
		"200 in HTML": {
			answer(200, "text/html; charset=utf-8", html),
			&bob.ContentError{Failure: failure(200), Reason: "not JSON; is the base URL right?"}, "content",
		},
		"200 without a content type": {
			answer(200, "unknown", `{"id":"`+personID+`"}`),
			&bob.ContentError{Failure: failure(200), Reason: "not JSON; is the base URL right?"}, "content",
		},
		"204": {
			answer(204, "", ""),
			&bob.ContentError{Failure: failure(204), Reason: "a status that Bob does not document"}, "content",
		},
		"302 is not followed": {
			answer(302, "text/html", html, "Location", "/v1/login?email="+address),
			&bob.ContentError{Failure: failure(302), Reason: "a redirect; is the base URL right?"}, "content",
		},
		"larger than the bound": {
			answer(200, jsonType, `{"id":"`+strings.Repeat(" ", 17<<20)+`"}`),
			&bob.ContentError{Failure: failure(200), Reason: "larger than the bound on answers"}, "content",
		},

		"400 with a key": {
			answer(400, jsonType, keyed),
			&bob.RequestError{Failure: failure(400), Key: "validations.field.unknown"}, "invalid",
		},
		"422 with a status in the body": {
			answer(422, jsonType, timed),
			&bob.RequestError{Failure: failure(422), Key: "Unprocessable"}, "invalid",
		},
		"400 without a body": {answer(400, "", ""), &bob.RequestError{Failure: failure(400)}, "invalid"},
		"400 in HTML":        {answer(400, "text/html", html), &bob.RequestError{Failure: failure(400)}, "invalid"},
		"400 whose key is an address": {
			answer(400, jsonType, `{"key":"ada.ashgrove@example.com"}`),
			&bob.RequestError{Failure: failure(400)}, "invalid",
		},
		"400 whose key is a sentence": {
			answer(400, jsonType, `{"key":"no Ashgrove here"}`),
			&bob.RequestError{Failure: failure(400)}, "invalid",
		},
		"400 whose key is a number": {
			answer(400, jsonType, `{"key":"+44 20 7946 0000","statusCode":400}`),
			&bob.RequestError{Failure: failure(400)}, "invalid",
		},
		"400 whose key has no end": {
			answer(400, jsonType, `{"key":"`+strings.Repeat("a", 81)+`"}`),
			&bob.RequestError{Failure: failure(400)}, "invalid",
		},

		"401 with a key": {
			answer(401, jsonType, `{"key":"auth.invalid","error":"`+serviceUser+`"}`),
			&bob.AuthError{Failure: failure(401), Key: "auth.invalid"}, "auth",
		},
		"403 without a body": {answer(403, "", ""), &bob.AuthError{Failure: failure(403)}, "auth"},

		"429 with an epoch": {
			answer(429, "", "", "X-RateLimit-Reset", epoch(17), "X-RateLimit-Remaining", "0"),
			&bob.RateLimitError{Failure: failure(429), Reset: start.Add(17 * time.Second)}, "rate_limited",
		},
		"429 with seconds to wait, in HTML": {
			answer(429, "text/html", html, "Retry-After", "23"),
			&bob.RateLimitError{Failure: failure(429), RetryAfter: 23 * time.Second}, "rate_limited",
		},
		"429 with a date to wait for": {
			answer(429, "", "", "Retry-After", start.Add(time.Minute).Format(http.TimeFormat)),
			&bob.RateLimitError{Failure: failure(429), RetryAfter: time.Minute}, "rate_limited",
		},
		"429 with a date gone by": {
			answer(429, "", "", "Retry-After", start.Add(-time.Minute).Format(http.TimeFormat)),
			&bob.RateLimitError{Failure: failure(429)}, "rate_limited",
		},
		"429 with both": {
			answer(429, "", "", "Retry-After", "5", "X-RateLimit-Reset", epoch(40)),
			&bob.RateLimitError{Failure: failure(429), Reset: start.Add(40 * time.Second), RetryAfter: 5 * time.Second}, "rate_limited",
		},
		"429 whose reset is no epoch": {
			answer(429, "", "", "X-RateLimit-Reset", "40", "Retry-After", "soon"),
			&bob.RateLimitError{Failure: failure(429)}, "rate_limited",
		},

		"500 with a key": {
			answer(500, jsonType, keyed),
			&bob.ServerError{Failure: failure(500), Key: "validations.field.unknown"}, "server",
		},
		"503 in HTML, with seconds to wait": {
			answer(503, "text/html", html, "Retry-After", "9"),
			&bob.ServerError{Failure: failure(503), RetryAfter: 9 * time.Second}, "server",
		},
		"408": {answer(408, "", ""), &bob.ServerError{Failure: failure(408)}, "server"},

		"cut before the answer": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			&bob.TransportError{Failure: failure(0), Reason: "the connection was closed before the answer"}, "transport",
		},
		"not HTTP": {
			func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				_, _ = io.WriteString(conn, address+" is not HTTP\r\n\r\n")
				_ = conn.Close()
			},
			&bob.TransportError{Failure: failure(0), Reason: "the connection failed"}, "transport",
		},
		"404 that is cut off": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "10")
				w.WriteHeader(404)
				if err := http.NewResponseController(w).Flush(); err != nil {
					panic(err)
				}
				panic(http.ErrAbortHandler)
			},
			&bob.TransportError{Failure: failure(404), Reason: "the connection was closed before the answer"}, "transport",
		},
		"no answer in time": {
			func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			},
			&bob.TransportError{Failure: failure(0), Reason: "timed out"}, "transport",
		},
		"no end of the answer in time": {
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", jsonType)
				_, _ = io.WriteString(w, `{"id":`)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			},
			&bob.TransportError{Failure: failure(200), Reason: "timed out"}, "transport",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var calls []bob.Call
			client := serve(t, tt.handler, func(c *bob.Config) {
				c.Now = clock
				c.Observe = func(call bob.Call) { calls = append(calls, call) }
				if strings.Contains(name, "in time") {
					c.Timeout = 50 * time.Millisecond
				}
			})
			_, err := client.Person(t.Context(), address, []string{"work.title"})
			if diff := cmp.Diff(tt.want, err, cmpopts.IgnoreUnexported(bob.TransportError{})); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			checkDiscreet(t, err)
			wrapped := fmt.Errorf("read: %w", err)
			if got := bob.Class(wrapped); got != tt.class {
				t.Errorf("class = %s, want %s", got, tt.class)
			}
			f, ok := bob.FailureOf(wrapped)
			if want, _ := bob.FailureOf(tt.want); !ok || f != want {
				t.Errorf("failure = %+v, want %+v", f, want)
			}
			if diff := cmp.Diff([]bob.Call{{Op: "read person", StatusCode: f.StatusCode, Class: tt.class}}, calls); diff != "" {
				t.Errorf("observed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotFoundIsForPeopleAndListsAlone(t *testing.T) {
	client := serve(t, answer(404, "", ""))
	calls := map[string]struct {
		call  func() error
		class string
	}{
		"person": {func() error { return person(t.Context(), client, personID, nil) }, "not_found"},
		"list": {func() error {
			_, err := client.NamedList(t.Context(), "title")
			return err
		}, "not_found"},
		"search": {func() error {
			_, err := client.SearchAll(t.Context(), nil)
			return err
		}, "invalid"},
		"fields": {func() error {
			_, err := client.Fields(t.Context())
			return err
		}, "invalid"},
	}
	for name, tt := range calls {
		if got := bob.Class(tt.call()); got != tt.class {
			t.Errorf("%s: class = %s, want %s", name, got, tt.class)
		}
	}
}

func TestRateLimitWait(t *testing.T) {
	tests := map[string]struct {
		err  bob.RateLimitError
		want time.Duration
	}{
		"nothing said":          {bob.RateLimitError{}, time.Minute},
		"until the reset":       {bob.RateLimitError{Reset: start.Add(17 * time.Second)}, 17 * time.Second},
		"reset gone by":         {bob.RateLimitError{Reset: start.Add(-time.Second)}, 0},
		"for a time":            {bob.RateLimitError{RetryAfter: 23 * time.Second}, 23 * time.Second},
		"the longer: the reset": {bob.RateLimitError{Reset: start.Add(40 * time.Second), RetryAfter: 5 * time.Second}, 40 * time.Second},
		"the longer: the time":  {bob.RateLimitError{Reset: start.Add(4 * time.Second), RetryAfter: 5 * time.Second}, 5 * time.Second},
		"beyond belief":         {bob.RateLimitError{Reset: start.AddDate(1, 0, 0)}, time.Hour},
	}
	for name, tt := range tests {
		if got := tt.err.Wait(start); got != tt.want {
			t.Errorf("%s: wait = %s, want %s", name, got, tt.want)
		}
	}
}

func TestUnreachableHost(t *testing.T) {
	client := newClient(t, "http://127.0.0.1:1/v1")
	err := person(t.Context(), client, address, nil)
	var transport *bob.TransportError
	if !errors.As(err, &transport) || transport.Reason != "connection refused" {
		t.Fatalf("error = %v", err)
	}
	for _, secret := range []string{address, token, serviceUser, "/v1"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error repeats %q: %v", secret, err)
		}
	}
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(expect(t))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	err := person(t.Context(), newClient(t, server.URL), address, nil)
	var transport *bob.TransportError
	if !errors.As(err, &transport) || transport.Reason != "the certificate was not accepted" {
		t.Fatalf("error = %v", err)
	}
	checkDiscreet(t, err)
}

func TestForeignErrorsHaveNoFailure(t *testing.T) {
	err := errors.New("something else")
	if f, ok := bob.FailureOf(err); ok || f != (bob.Failure{}) || bob.Class(err) != "other" {
		t.Errorf("failure %+v, %v, class %s", f, ok, bob.Class(err))
	}
}

func TestCallerCancels(t *testing.T) {
	arrived := make(chan struct{})
	client := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	err := person(ctx, client, address, nil)
	if !errors.Is(err, context.Canceled) || bob.Class(err) != "canceled" {
		t.Errorf("error = %v, class %s", err, bob.Class(err))
	}
	checkDiscreet(t, err)
}

func TestCredentialsAreAskedForEachCall(t *testing.T) {
	var seen []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		seen = append(seen, user+" "+password)
		answer(200, "application/json", `[]`)(w, r)
	})
	pairs := [][2]string{{"id", "first"}, {"id", "second"}, {"", "third"}, {"id", ""}, {"i:d", "fourth"}, {"id", "fifth"}}
	next := 0
	client := serve(t, handler, func(c *bob.Config) {
		c.Credentials = func() (string, string) {
			pair := pairs[next]
			next++
			return pair[0], pair[1]
		}
	})
	for i, pair := range pairs {
		_, err := client.Fields(t.Context())
		var auth *bob.AuthError
		unsent := pair[0] != "id" || pair[1] == ""
		if errors.As(err, &auth) != unsent || !unsent && err != nil {
			t.Errorf("call %d: error = %v", i, err)
		}
		if unsent && auth.StatusCode != 0 {
			t.Errorf("call %d: status %d without a call", i, auth.StatusCode)
		}
	}
	if diff := cmp.Diff([]string{"id first", "id second", "id fifth"}, seen); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
}

func TestAStormOfRefusalsIsAHandful(t *testing.T) {
	for _, status := range []int{401, 403} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var reached atomic.Int32
			full := make(chan struct{})
			client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				// No refusal is sent before every slot is taken, which is as
				// bad as it can get.
				if reached.Add(1) == 8 {
					close(full)
				}
				<-full
				w.WriteHeader(status)
			}))
			var refused, held atomic.Int32
			var callers sync.WaitGroup
			for range 200 {
				callers.Go(func() {
					err := person(t.Context(), client, personID, nil)
					var auth *bob.AuthError
					var open *bob.BreakerOpenError
					switch {
					case errors.As(err, &auth):
						refused.Add(1)
					case errors.As(err, &open):
						held.Add(1)
					default:
						t.Errorf("error = %v", err)
					}
				})
			}
			callers.Wait()
			if n := reached.Load(); n != 8 || refused.Load() != n || held.Load() != 200-n {
				t.Errorf("%d calls reached the server, %d refused, %d held back; want 8, 8, 192", n, refused.Load(), held.Load())
			}
		})
	}
}

// script answers each call with the next status; the last one stays.
type script struct {
	mu       sync.Mutex
	statuses []int
	calls    []time.Time
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	status := s.statuses[0]
	if len(s.statuses) > 1 {
		s.statuses = s.statuses[1:]
	}
	answer(status, "application/json", `{"id":"`+personID+`"}`)(w, r)
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func TestBreakerTriesOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &script{statuses: []int{200, 500, 429, 400, 404, 401, 401, 503, 200, 200}}
		var observed []bob.Call
		client := serveBubble(t, server, func(c *bob.Config) {
			c.Observe = func(call bob.Call) { observed = append(observed, call) }
		})
		call := func(class string, calls int) error {
			t.Helper()
			err := person(t.Context(), client, personID, nil)
			if got := bob.Class(err); got != class || server.count() != calls {
				t.Fatalf("class %s after %d calls, want %s after %d", got, server.count(), class, calls)
			}
			return err
		}
		call("ok", 1)
		// None of these says anything about the service user.
		call("server", 2)
		call("rate_limited", 3)
		call("invalid", 4)
		call("content", 5)
		call("auth", 6)

		err := call("breaker_open", 6)
		var open *bob.BreakerOpenError
		if !errors.As(err, &open) || time.Until(open.Until).Round(time.Second) != time.Minute {
			t.Fatalf("error = %v, want to wait a minute", err)
		}
		if last := observed[len(observed)-1]; last != (bob.Call{Op: "read person", Class: "breaker_open"}) {
			t.Errorf("observed %+v", last)
		}
		if _, err := client.SearchAll(t.Context(), nil); bob.Class(err) != "breaker_open" {
			t.Errorf("another endpoint: %v", err)
		}
		time.Sleep(59 * time.Second)
		call("breaker_open", 6)
		time.Sleep(2 * time.Second)
		call("auth", 7)
		call("breaker_open", 7)
		time.Sleep(61 * time.Second)
		// A lost answer may have been a refusal: it counts as one.
		call("server", 8)
		call("breaker_open", 8)
		time.Sleep(61 * time.Second)
		call("ok", 9)
		call("ok", 10)
	})
}

func TestBreakerLetsOneCallTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		gate := make(chan struct{})
		client := serveBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				w.WriteHeader(401)
				return
			}
			<-gate
			answer(200, "application/json", `{"id":"`+personID+`"}`)(w, r)
		}))
		if err := person(t.Context(), client, personID, nil); bob.Class(err) != "auth" {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)

		var ok, held atomic.Int32
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				switch err := person(t.Context(), client, personID, nil); bob.Class(err) {
				case "ok":
					ok.Add(1)
				case "breaker_open":
					held.Add(1)
					if open := new(bob.BreakerOpenError); !errors.As(err, &open) || !open.Until.After(time.Now()) {
						t.Errorf("no time to call again: %v", err)
					}
				default:
					t.Errorf("error = %v", err)
				}
			})
		}
		synctest.Wait()
		if calls.Load() != 2 || held.Load() != 49 {
			t.Errorf("%d calls, %d held back while one tries; want 2, 49", calls.Load(), held.Load())
		}
		close(gate)
		callers.Wait()
		if ok.Load() != 1 {
			t.Errorf("%d calls succeeded, want 1", ok.Load())
		}
		if err := person(t.Context(), client, personID, nil); err != nil {
			t.Errorf("after the good answer: %v", err)
		}
	})
}

func TestBurstGuardKeepsEveryMinuteWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &script{statuses: []int{200}}
		client := serveBubble(t, server, func(c *bob.Config) { c.MaxPerMinute = 0 })
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() {
				if err := person(t.Context(), client, personID, nil); err != nil {
					t.Errorf("error = %v", err)
				}
			})
		}
		callers.Wait()
		if len(server.calls) != 200 {
			t.Fatalf("%d calls, want 200", len(server.calls))
		}
		for i, from := range server.calls {
			n := 0
			for _, at := range server.calls[i:] {
				if at.Sub(from) < time.Minute {
					n++
				}
			}
			if n > 45 {
				t.Fatalf("%d calls within the minute from call %d", n, i)
			}
		}
		// The limit is used: what is left after the first burst flows at 30 a
		// minute.
		if took := server.calls[199].Sub(server.calls[0]).Round(time.Second); took != 370*time.Second {
			t.Errorf("200 calls took %s, want 370 s", took)
		}
	})
}

func TestBurstGuardDoesNotOutwaitItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &script{statuses: []int{200}}
		client := serveBubble(t, server, func(c *bob.Config) { c.MaxPerMinute = 2 })
		call := func(timeout time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			return person(ctx, client, personID, nil)
		}
		if err := call(time.Second); err != nil {
			t.Fatal(err)
		}
		var limit *bob.RateLimitError
		if err := call(time.Second); !errors.As(err, &limit) || limit.StatusCode != 0 || limit.Wait(time.Now()) != time.Minute {
			t.Errorf("error = %v, want a *RateLimitError of a minute", err)
		}
		if _, err := client.Fields(t.Context()); bob.Class(err) != "content" {
			t.Errorf("another endpoint has a limit of its own: %v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				if err := person(ctx, client, personID, nil); !errors.Is(err, context.Canceled) {
					t.Errorf("canceled while waiting: %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		callers.Wait()
		if n := server.count(); n != 2 {
			t.Errorf("%d calls were sent, want 2", n)
		}
		if err := call(2 * time.Minute); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}
