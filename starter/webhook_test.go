package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/metrics"
)

const (
	secret    = "webhook-s3cret"
	oldSecret = "old-webhook-s3cret"
	personID  = "3332883854254932743"
	email     = "juniper.sample@example.com"
)

// private is what must never be in a log or in an answer, in lower case.
var private = []string{"juniper", "sample", "example.com", "@", "+44 20 7946", "s3cret"}

// received is the moment at which the tests' webhooks come in.
var received = time.Date(2026, 1, 8, 14, 6, 27, 0, time.FixedZone("somewhere", 3600))

// delivery is one event that was handed to Temporal.
type delivery struct {
	employeeID string
	event      employee.Event
}

// endpoint is the real endpoint behind a real server, in front of a Temporal
// that notes what it is given.
type endpoint struct {
	t    *testing.T
	url  string
	hook *webhook
	logs *observer.ObservedLogs

	mu      sync.Mutex
	signals []delivery
	// down is what Temporal fails with.
	down error
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	e := &endpoint{t: t, logs: logs}
	e.hook = newWebhook(func(ctx context.Context, id string, event employee.Event) error {
		_, bounded := ctx.Deadline()
		require.True(t, bounded, "Bob's patience bounds the wait")
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.down != nil {
			return e.down
		}
		e.signals = append(e.signals, delivery{id, event})
		return nil
	}, func() []string { return []string{secret, oldSecret} }, zap.New(core))
	e.hook.now = func() time.Time { return received }
	ready := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") }
	server := httptest.NewServer(routes(e.hook, ready, http.NotFoundHandler()))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func sign(body, with string) string {
	mac := hmac.New(sha512.New, []byte(with))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// post delivers a body as Bob does, with a signature where there is one.
func (e *endpoint) post(body, signature string) (*http.Response, string) {
	e.t.Helper()
	return e.send(http.MethodPost, "/webhooks/bob", body, signature)
}

func (e *endpoint) send(method, path, body, signature string) (*http.Response, string) {
	e.t.Helper()
	return e.sendWith(method, path, body, signature, http.Header{})
}

// sendWith sends further headers along.
func (e *endpoint) sendWith(method, path, body, signature string, header http.Header) (*http.Response, string) {
	e.t.Helper()
	r, err := http.NewRequestWithContext(e.t.Context(), method, e.url+path, strings.NewReader(body))
	require.NoError(e.t, err)
	r.Header = header
	if signature != "" {
		r.Header.Set("Bob-Signature", signature)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, res.Body.Close()) }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(e.t, err)
	return res, string(answer)
}

// decent checks that nothing of a person and no secret was logged or answered.
func (e *endpoint) decent(answer string) {
	e.t.Helper()
	texts := []string{answer}
	for _, entry := range e.logs.All() {
		texts = append(texts, fmt.Sprint(entry.Entry, entry.ContextMap()))
	}
	for _, text := range texts {
		for _, p := range private {
			require.NotContains(e.t, strings.ToLower(text), p)
		}
	}
}

func v2(eventType, data string) string {
	return fmt.Sprintf(`{"companyId":636192,"type":%q,"triggeredBy":"3332883804594373380","triggeredAt":"2026-01-08T13:06:26.915906","version":"v2","data":{%s}}`, eventType, data)
}

func TestWebhook(t *testing.T) {
	triggered := time.Date(2026, 1, 8, 13, 6, 26, 915906000, time.UTC)
	employeeID := `"employeeId":"` + personID + `"`
	withEmail := employeeID + `,"email":"` + email + `"`
	event := func(t employee.EventType) []delivery {
		return []delivery{{personID, employee.Event{Type: t, ReceivedAt: received.UTC(), TriggeredAt: triggered}}}
	}

	tests := []struct {
		name string
		body string
		// signature is the right one unless set; "-" is none.
		signature string
		down      error
		status    int
		signals   []delivery
		ignored   int64
		answer    string
	}{
		{name: "updated", body: v2("employee.updated", employeeID), status: 200, signals: event(employee.EventUpdated)},
		{name: "signed with the other secret, during a rotation", body: v2("employee.updated", employeeID), signature: sign(v2("employee.updated", employeeID), oldSecret), status: 200, signals: event(employee.EventUpdated)},
		{name: "a row of a table", body: v2("table.entry.created", employeeID+`,"tableId":"work","effectiveDate":"2026-02-01"`), status: 200, signals: event(employee.EventTableEntryCreated)},
		{name: "revoked at once", body: v2("employee.access.revoked.immediately", employeeID), status: 200, signals: event(employee.EventAccessRevoked)},
		{
			name: "legacy form", body: `{"type":"employee.inactivated","employee":{"id":"` + personID + `","email":"` + email + `"}}`, status: 200,
			signals: []delivery{{personID, employee.Event{Type: employee.EventInactivated, ReceivedAt: received.UTC()}}},
		},
		{
			name: "deleted: the address goes along", body: v2("employee.deleted", withEmail), status: 200,
			signals: []delivery{{personID, employee.Event{Type: employee.EventDeleted, ReceivedAt: received.UTC(), TriggeredAt: triggered, Email: email}}},
		},
		{name: "not deleted: the address stays out of Temporal", body: v2("employee.left", withEmail), status: 200, signals: event(employee.EventLeft)},
		{name: "names that are not Latin", body: v2("employee.updated", employeeID+`,"note":"Zoë 中"`), status: 200, signals: event(employee.EventUpdated)},

		{name: "a type of no lifecycle", body: v2("timeoff.request.created", withEmail), status: 200, ignored: 1},
		{name: "connection test, plain", body: "Ping test", signature: "-", status: 200},
		{name: "connection test, JSON", body: `{"text":"Ping test"}`, signature: "-", status: 200},
		{name: "connection test, signed", body: "Ping test", status: 200},

		{name: "Temporal does not accept it", body: v2("employee.updated", withEmail), down: errors.New("connection refused"), status: 503, answer: "deliver it again"},
		{name: "no signature", body: v2("employee.updated", withEmail), signature: "-", status: 401},
		{name: "signed with another secret", body: v2("employee.updated", withEmail), signature: sign(v2("employee.updated", withEmail), "not-ours"), status: 401},
		{name: "signed with nothing", body: v2("employee.updated", employeeID), signature: sign(v2("employee.updated", employeeID), ""), status: 401},
		{name: "signature of another body", body: v2("employee.updated", employeeID), signature: sign(v2("employee.left", employeeID), secret), status: 401},
		{name: "signature that is none", body: v2("employee.updated", employeeID), signature: "Basic " + secret, status: 401},
		{name: "a connection test with something added", body: "Ping test ", signature: "-", status: 401},
		{name: "an empty body", signature: "-", status: 401},

		{name: "signed, and empty", status: 400, answer: "is not one JSON object"},
		{name: "signed, and no JSON", body: email, status: 400, answer: "is not one JSON object"},
		{name: "signed, and two objects", body: `{"type":"employee.updated"}{"email":"` + email + `"}`, status: 400, answer: "is not one JSON object"},
		{name: "no type", body: `{"data":{` + withEmail + `}}`, status: 400, answer: "type is missing"},
		{name: "a type that is none", body: v2(email, employeeID), status: 400, answer: "type is not the name of an event"},
		{name: "no employee", body: v2("employee.updated", `"email":"`+email+`"`), status: 400, answer: "data.employeeId is missing"},
		{name: "an employee that is no id", body: v2("employee.updated", `"employeeId":"`+email+`"`), status: 400, answer: "data.employeeId is not a number"},
		{name: "two employees", body: `{"type":"employee.left","employee":{"id":"1"},"data":{` + withEmail + `}}`, status: 400, answer: "names another person"},

		{name: "the largest that is read", body: v2("employee.updated", employeeID+`,"pad":"`+strings.Repeat("x", maxBody-300)+`"`), status: 200, signals: event(employee.EventUpdated)},
		{name: "too large", body: v2("employee.updated", employeeID+`,"pad":"`+strings.Repeat("x", maxBody)+`"`), status: 413},
		{name: "too large, and unsigned", body: strings.Repeat("x", maxBody+1), signature: "-", status: 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEndpoint(t)
			e.down = test.down
			switch test.signature {
			case "":
				test.signature = sign(test.body, secret)
			case "-":
				test.signature = ""
			}

			res, answer := e.post(test.body, test.signature)

			require.Equal(t, test.status, res.StatusCode, answer)
			require.Equal(t, test.signals, e.signals)
			require.Equal(t, test.ignored, e.hook.ignored.Load())
			require.Contains(t, answer, test.answer)
			require.Equal(t, test.status == 503, res.Header.Get("Retry-After") != "")
			e.decent(answer)
			for _, s := range test.signals {
				require.NotEmpty(t, e.logs.FilterField(zap.String("employeeId", s.employeeID)).All(), "ids are what a log is searched by")
			}
		})
	}
}

func TestWebhookIsDeliveredAgainUntilTemporalAccepts(t *testing.T) {
	e := newEndpoint(t)
	body := v2("employee.left", `"employeeId":"`+personID+`"`)
	e.down = errors.New("connection refused")
	for range 3 {
		res, _ := e.post(body, sign(body, secret))
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		require.Equal(t, "30", res.Header.Get("Retry-After"))
	}
	require.Empty(t, e.signals)
	e.down = nil
	res, _ := e.post(body, sign(body, secret))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Len(t, e.signals, 1)
}

func TestWebhookCountsWhatItIgnores(t *testing.T) {
	e := newEndpoint(t)
	body := v2("timeoff.request.created", `"employeeId":"`+personID+`"`)
	for range 3 {
		e.post(body, sign(body, secret))
	}
	require.Equal(t, int64(3), e.hook.ignored.Load())
	entries := e.logs.FilterMessageSnippet("ignored").All()
	require.Len(t, entries, 3)
	require.Equal(t, map[string]any{"type": "timeoff.request.created", "ignoredSoFar": int64(3)}, entries[2].ContextMap())
}

func TestRoutes(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/webhooks/bob", http.StatusMethodNotAllowed},
		{http.MethodPut, "/webhooks/bob", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/webhooks/bob", http.StatusMethodNotAllowed},
		{http.MethodPost, "/webhooks/other", http.StatusNotFound},
		{http.MethodPost, "/", http.StatusNotFound},
		{http.MethodGet, "/healthz", http.StatusOK},
		{http.MethodPost, "/healthz", http.StatusMethodNotAllowed},
		{http.MethodGet, "/readyz", http.StatusOK},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			e := newEndpoint(t)
			body := v2("employee.updated", `"employeeId":"`+personID+`"`)
			res, _ := e.send(test.method, test.path, body, sign(body, secret))
			require.Equal(t, test.status, res.StatusCode)
			require.Empty(t, e.signals)
		})
	}
}

// What became of each delivery is counted, by a type that is known.
func TestWebhookTellsWhatBecameOfIt(t *testing.T) {
	e := newEndpoint(t)
	type seen struct {
		event  employee.EventType
		result metrics.WebhookResult
	}
	var all []seen
	e.hook.observe = func(event employee.EventType, result metrics.WebhookResult, took time.Duration) {
		require.Positive(t, took)
		all = append(all, seen{event, result})
	}
	left := v2("employee.left", `"employeeId":"`+personID+`"`)
	other := v2("timeoff.requested", `"employeeId":"`+personID+`"`)
	e.post(left, sign(left, secret))
	e.post(left, sign(left, "another"))
	e.post(other, sign(other, secret))
	e.post("Ping test", "")
	e.post("{", sign("{", secret))
	e.post(strings.Repeat("x", maxBody+1), "")
	e.mu.Lock()
	e.down = errors.New("the server is not there")
	e.mu.Unlock()
	e.post(left, sign(left, secret))
	require.Equal(t, []seen{
		{employee.EventLeft, metrics.WebhookAccepted},
		{"", metrics.WebhookUnsigned},
		{"", metrics.WebhookIgnored},
		{"", metrics.WebhookPing},
		{"", metrics.WebhookUnreadable},
		{"", metrics.WebhookUnreadable},
		{employee.EventLeft, metrics.WebhookNotStored},
	}, all)
}

// A secret that is replaced while the endpoint runs is the one that counts.
func TestWebhookFollowsItsSecrets(t *testing.T) {
	e := newEndpoint(t)
	current := []string{secret}
	e.hook.secrets = func() []string { return current }
	body := v2("employee.left", `"employeeId":"`+personID+`"`)
	res, _ := e.post(body, sign(body, secret))
	require.Equal(t, http.StatusOK, res.StatusCode)
	current = []string{"fresh"}
	res, _ = e.post(body, sign(body, secret))
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	res, _ = e.post(body, sign(body, "fresh"))
	require.Equal(t, http.StatusOK, res.StatusCode)
}
