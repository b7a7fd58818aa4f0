package bob_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
)

const secret = "test-webhook-secret"

func TestSignatureVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/signature_vectors.json")
	require.NoError(t, err)
	var vectors []struct{ Secret, Body, Signature string }
	require.NoError(t, json.Unmarshal(file, &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		require.Equal(t, v.Signature, bob.Sign(v.Secret, []byte(v.Body)))
	}
}

// receiver is where webhooks go.
type receiver struct {
	mu      sync.Mutex
	got     []received
	answers []int // statuses of the first webhooks, then 200
	arrived chan struct{}
	gate    chan struct{} // when set, each answer waits for it
}

type received struct{ body, signature, contentType string }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	r.got = append(r.got, received{string(body), req.Header.Get("Bob-Signature"), req.Header.Get("Content-Type")})
	status := 200
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	gate := r.gate
	r.mu.Unlock()
	r.arrived <- struct{}{}
	if gate != nil {
		<-gate
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

// wait returns once n more webhooks have come in.
func (r *receiver) wait(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		select {
		case <-r.arrived:
		case <-time.After(10 * time.Second):
			t.Fatalf("webhook %d of %d did not come", i+1, n)
		}
	}
}

func newReceiver(t *testing.T, answers ...int) (*receiver, *sim) {
	t.Helper()
	r := &receiver{answers: answers, arrived: make(chan struct{}, 1000)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, newSim(t, bob.Settings{WebhookURL: server.URL + "/webhooks/bob", WebhookSecret: secret})
}

func TestWebhookBodies(t *testing.T) {
	at := `"triggeredAt":"2026-03-02T12:00:30.000000"`
	head := `{"companyId":636192,"type":"%s","triggeredBy":"system",` + at + `,"version":"v2","data":`
	tests := map[string]struct {
		method, path, body string
		want               string
	}{
		"updated": {
			"PUT", "/_sim/people/" + workerID + "?event=employee.updated&wait=true", `{"surname":"Lichen","work":{"title":"Map Folder"}}`,
			fmt.Sprintf(head, "employee.updated") + `{"employeeId":"` + workerID + `","fieldUpdates":[{"id":"root.displayName"},{"id":"root.surname"},{"id":"work.title"}]}}`,
		},
		"delivered long after it happened": {
			"POST", "/_sim/events", `{"type":"employee.joined","employeeId":"` + workerID + `","triggeredAt":"2026-03-01T09:15:00+02:00","wait":true}`,
			strings.Replace(fmt.Sprintf(head, "employee.joined"), "2026-03-02T12:00:30", "2026-03-01T07:15:00", 1) + `{"employeeId":"` + workerID + `"}}`,
		},
		"updated without a change": {
			"PUT", "/_sim/people/" + workerID + "?event=employee.updated&wait=true", `{}`,
			fmt.Sprintf(head, "employee.updated") + `{"employeeId":"` + workerID + `","fieldUpdates":[]}}`,
		},
		"created": {
			"PUT", "/_sim/people/77?event=employee.created&wait=true", `{}`,
			fmt.Sprintf(head, "employee.created") + `{"employeeId":"77"}}`,
		},
		"deleted": {
			"DELETE", "/_sim/people/" + workerID + "?event=employee.deleted&wait=true", ``,
			fmt.Sprintf(head, "employee.deleted") + `{"employeeId":"` + workerID + `","email":"teal.moss@example.com"}}`,
		},
		"table row": {
			"POST", "/_sim/events", `{"type":"table.entry.created","employeeId":"1","tableId":"lifecycle","effectiveDate":"2025-01-08","wait":true}`,
			fmt.Sprintf(head, "table.entry.created") + `{"employeeId":"1","tableId":"lifecycle","effectiveDate":"2025-01-08"}}`,
		},
		"table row by default": {
			"POST", "/_sim/events", `{"type":"table.entry.updated","employeeId":"1","wait":true}`,
			fmt.Sprintf(head, "table.entry.updated") + `{"employeeId":"1","tableId":"work","effectiveDate":"2026-03-02"}}`,
		},
		"table row by id": {
			"POST", "/_sim/events", `{"type":"table.entry.created","employeeId":"1","tableId":"bank","data":{"id":"9","effectiveDate":null},"wait":true}`,
			fmt.Sprintf(head, "table.entry.created") + `{"employeeId":"1","tableId":"bank","id":"9"}}`,
		},
		"a type nobody knows": {
			"POST", "/_sim/events", `{"type":"weather.changed","employeeId":"1","triggeredBy":"5","wait":true}`,
			`{"companyId":636192,"type":"weather.changed","triggeredBy":"5",` + at + `,"version":"v2","data":{"employeeId":"1"}}`,
		},
		"version 1": {
			"POST", "/_sim/events", `{"type":"employee.updated","employeeId":"` + workerID + `","version":"v1","fieldUpdates":["root.email"],"wait":true}`,
			`{"type":"employee.updated","creationDate":"2026-03-02T12:00:30.000000","companyId":636192,
			  "employee":{"id":"` + workerID + `","firstName":"Teal","surname":"Moss","displayName":"Teal Moss","email":"teal.moss@example.com","site":"London"},
			  "changedBy":{"displayName":"System"},"data":{"fieldUpdates":[{"id":"root.email"}]}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, s := newReceiver(t)
			a := s.do(tt.method, tt.path, tt.body)
			require.Less(t, a.status, 300, a.body)
			said := a.json(t).(map[string]any)
			require.Equal(t, true, said["delivered"])
			require.Equal(t, json.Number("200"), said["status"])
			require.Equal(t, json.Number("1"), said["attempts"])

			got := r.all()
			require.Len(t, got, 1)
			require.Equal(t, bob.Sign(secret, []byte(got[0].body)), got[0].signature)
			require.Equal(t, "application/json", got[0].contentType)
			// The time runs on from where the test set it.
			running := regexp.MustCompile(`2026-03-02T12:00:3\d\.\d{6}`)
			require.JSONEq(t, tt.want, running.ReplaceAllString(got[0].body, "2026-03-02T12:00:30.000000"))
		})
	}
}

func TestQueuedWebhookIsSentLater(t *testing.T) {
	r, s := newReceiver(t)
	a := s.put(workerID, `{}`)
	require.JSONEq(t, `{"id":"`+workerID+`"}`, a.body)
	require.Empty(t, s.bob.Deliveries(), "none asked for, none sent")

	a = s.do("PUT", "/_sim/people/"+workerID+"?event=employee.joined&event=employee.activated", `{}`)
	require.JSONEq(t, `{"id":"`+workerID+`","queued":2}`, a.body)
	r.wait(t, 2)
	require.Contains(t, r.all()[0].body, "employee.joined")
	require.Contains(t, r.all()[1].body, "employee.activated")

	a = s.do("POST", "/_sim/events", `{"type":"employee.left","employeeId":"1"}`)
	require.Equal(t, 202, a.status)
	require.JSONEq(t, `{"queued":1}`, a.body)
	r.wait(t, 1)
}

func TestWebhookRetry(t *testing.T) {
	tests := map[string]struct {
		answers []int
		want    bob.Delivery
	}{
		"accepted at once":           {nil, bob.Delivery{Status: 200, Attempts: 1, Delivered: true}},
		"accepted in another way":    {[]int{202}, bob.Delivery{Status: 202, Attempts: 1, Delivered: true}},
		"refused twice":              {[]int{503, 500}, bob.Delivery{Status: 200, Attempts: 3, Delivered: true}},
		"a redirect is not followed": {[]int{302}, bob.Delivery{Status: 200, Attempts: 2, Delivered: true}},
		"given up after four":        {[]int{503, 503, 503, 401}, bob.Delivery{Status: 401, Attempts: 4, GivenUp: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, s := newReceiver(t, tt.answers...)
			got, err := s.bob.Send(t.Context(), bob.Event{Type: "employee.left", EmployeeID: workerID})
			require.NoError(t, err)
			tt.want.Type, tt.want.EmployeeID = "employee.left", workerID
			require.Equal(t, []bob.Delivery{tt.want}, got)
			require.Equal(t, got, s.bob.Deliveries())
			all := r.all()
			require.Len(t, all, tt.want.Attempts)
			for _, again := range all {
				require.Equal(t, all[0], again, "every attempt is the same")
			}
			require.Equal(t, 200, s.do("DELETE", "/_sim/events", "").status)
			require.Equal(t, "[]\n", s.do("GET", "/_sim/events", "").body)
		})
	}
}

// TestWebhookRetryByTheClock gives an hour of attempts up in no time.
func TestWebhookRetryByTheClock(t *testing.T) {
	var posts atomic.Int64
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer down.Close()
	clock := control.NewClock()
	b := bob.New(bob.Config{
		Settings: bob.Settings{WebhookURL: down.URL}, Attempts: 4, RetryFirst: 10 * time.Minute, RetryMost: 30 * time.Minute,
	}, control.New(clock))
	defer b.Close()
	require.NoError(t, b.Queue(bob.Event{Type: "employee.left", EmployeeID: "1"}))
	attempts := func(n int) func() bool { return func() bool { return b.Deliveries()[0].Attempts == n } }
	for n, pause := range []time.Duration{10 * time.Minute, 20 * time.Minute, 30 * time.Minute} {
		require.Eventually(t, attempts(n+1), 5*time.Second, time.Millisecond)
		clock.Advance(-time.Hour)
		clock.Advance(pause - time.Minute) // not yet
		require.Equal(t, int64(n+1), posts.Load())
		clock.Advance(time.Minute)
	}
	require.Eventually(t, func() bool { return b.Deliveries()[0].GivenUp }, 5*time.Second, time.Millisecond)
	require.Equal(t, bob.Delivery{Type: "employee.left", EmployeeID: "1", Status: 503, Attempts: 4, GivenUp: true}, b.Deliveries()[0])
}

func TestWebhookWithoutAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := newSim(t, bob.Settings{WebhookURL: server.URL})
	got, err := s.bob.Send(t.Context(), bob.Event{Type: "employee.left", EmployeeID: "1"})
	require.NoError(t, err)
	require.Equal(t, []bob.Delivery{{Type: "employee.left", EmployeeID: "1", Attempts: 4, GivenUp: true}}, got)
}

func TestOrderIsKeptPerEmployee(t *testing.T) {
	r, s := newReceiver(t, 503, 503) // the first one needs three attempts
	for i := range 20 {
		require.NoError(t, s.bob.Queue(bob.Event{Type: fmt.Sprint("event ", i), EmployeeID: workerID}))
	}
	r.wait(t, 22)
	for i, got := range r.all()[2:] {
		require.Contains(t, got.body, fmt.Sprintf(`"type":"event %d"`, i))
	}
}

func TestEmployeesDoNotWaitForEachOther(t *testing.T) {
	r, s := newReceiver(t)
	r.gate = make(chan struct{})
	require.NoError(t, s.bob.Queue(bob.Event{Type: "slow", EmployeeID: workerID}))
	require.NoError(t, s.bob.Queue(bob.Event{Type: "behind it", EmployeeID: workerID}))
	r.wait(t, 1)
	require.NoError(t, s.bob.Queue(bob.Event{Type: "beside it", EmployeeID: managerID}))
	r.wait(t, 1)
	require.NoError(t, s.bob.Queue(bob.Event{Type: "past it", EmployeeID: workerID, Shuffle: true}))
	r.wait(t, 1)
	require.Contains(t, r.all()[1].body, "beside it")
	require.Contains(t, r.all()[2].body, "past it")
	close(r.gate)
	r.wait(t, 1)
	require.Contains(t, r.all()[3].body, "behind it")
}

func TestDuplicatesAndDisorderOnDemand(t *testing.T) {
	bodies := func(t *testing.T, extra string) []string {
		r, s := newReceiver(t)
		a := s.do("POST", "/_sim/events", `{"type":"employee.updated","employeeId":"1","delay":"1ms","wait":true,`+extra+`}`)
		require.Equal(t, 200, a.status, a.body)
		var all []string
		for _, got := range r.all() {
			all = append(all, got.body)
		}
		return all
	}
	t.Run("duplicates", func(t *testing.T) {
		got := bodies(t, `"duplicates":2`)
		require.Len(t, got, 3)
		require.Equal(t, got[0], got[1])
		require.Equal(t, got[0], got[2])
	})
	t.Run("count, in order", func(t *testing.T) {
		got := bodies(t, `"count":20`)
		require.Len(t, got, 20)
		require.IsIncreasing(t, got)
	})
	t.Run("count, shuffled", func(t *testing.T) {
		got := bodies(t, `"count":20,"shuffle":true`)
		require.Len(t, got, 20)
		require.NotEqual(t, got, sorted(got))
		require.IsIncreasing(t, sorted(got), "none is sent twice")
	})
}

func TestEventsAreChecked(t *testing.T) {
	_, s := newReceiver(t)
	for name, tt := range map[string]struct{ body, want string }{
		"no type":             {`{"employeeId":"1"}`, "type"},
		"nobody":              {`{"type":"x"}`, "employeeId"},
		"unknown version":     {`{"type":"x","employeeId":"1","version":"v3"}`, "version"},
		"negative count":      {`{"type":"x","employeeId":"1","count":-1}`, "count"},
		"too many":            {`{"type":"x","employeeId":"1","count":5000,"duplicates":2}`, "count, duplicates"},
		"far too many":        {`{"type":"x","employeeId":"1","count":4611686018427387904,"duplicates":3}`, "count, duplicates"},
		"unknown key":         {`{"type":"x","employeeId":"1","times":2}`, "times"},
		"delay as a number":   {`{"type":"x","employeeId":"1","delay":5}`, "delay"},
		"delay in other form": {`{"type":"x","employeeId":"1","delay":"soon"}`, "duration"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do("POST", "/_sim/events", tt.body)
			require.Equal(t, 400, a.status)
			require.Contains(t, a.json(t).(map[string]any)["error"], tt.want)
			require.Empty(t, s.bob.Deliveries())
		})
	}
}

func TestPing(t *testing.T) {
	for name, signed := range map[string]bool{"unsigned": false, "signed": true} {
		t.Run(name, func(t *testing.T) {
			r, s := newReceiver(t)
			a := s.do("POST", "/_sim/ping", fmt.Sprintf(`{"signed":%t}`, signed))
			require.JSONEq(t, `{"delivered":true,"statuses":[200,200]}`, a.body)
			got := r.all()
			require.Len(t, got, 2)
			require.Equal(t, "Ping test", got[0].body)
			require.JSONEq(t, `{"text":"Ping test"}`, got[1].body)
			for _, ping := range got {
				if signed {
					require.Equal(t, bob.Sign(secret, []byte(ping.body)), ping.signature)
				} else {
					require.Empty(t, ping.signature)
				}
			}
		})
	}
	t.Run("without a body, refused", func(t *testing.T) {
		_, s := newReceiver(t, 401)
		require.JSONEq(t, `{"delivered":false,"statuses":[401,200]}`, s.do("POST", "/_sim/ping", "").body)
	})
	t.Run("to nowhere", func(t *testing.T) {
		require.Equal(t, 400, newSim(t, bob.Settings{}).do("POST", "/_sim/ping", "").status)
	})
}

func TestWebhookSettingsCanChangeUnderWay(t *testing.T) {
	r, s := newReceiver(t, 401)
	r.gate = make(chan struct{})
	require.NoError(t, s.bob.Queue(bob.Event{Type: "employee.left", EmployeeID: "1"}))
	r.wait(t, 1)
	require.Equal(t, 200, s.do("PUT", "/_sim/settings", `{"webhook_secret":"the new one"}`).status)
	close(r.gate)
	r.wait(t, 1)
	got := r.all()
	require.Equal(t, bob.Sign(secret, []byte(got[0].body)), got[0].signature)
	require.Equal(t, bob.Sign("the new one", []byte(got[1].body)), got[1].signature)
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	_, s := newReceiver(t)
	require.NoError(t, s.bob.Queue(bob.Event{Type: "later", EmployeeID: "1", Delay: 1 << 60}))
	s.bob.Close()
	require.Equal(t, []bob.Delivery{{Type: "later", EmployeeID: "1", GivenUp: true}}, s.bob.Deliveries())
	require.ErrorContains(t, s.bob.Queue(bob.Event{Type: "x", EmployeeID: "1"}), "closed")
}

func TestSendStopsWaitingWithItsContext(t *testing.T) {
	_, s := newReceiver(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := s.bob.Send(ctx, bob.Event{Type: "later", EmployeeID: "1", Delay: 1 << 60})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []bob.Delivery{{Type: "later", EmployeeID: "1"}}, got)
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }
