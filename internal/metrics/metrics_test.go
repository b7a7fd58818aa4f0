package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

func newRegistry(t *testing.T) *Registry {
	t.Helper()
	r, err := New()
	require.NoError(t, err)
	return r
}

// scrape returns what Prometheus is given.
func (r *Registry) scrape(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

func TestSDKMetricsAreCountersAndSeconds(t *testing.T) {
	r := newRegistry(t)
	h := r.SDK("queue-of/").WithTags(map[string]string{"task_queue": "queue-of/0b5c", "operation": "Poll"})
	h.Counter("temporal_request").Inc(3)
	h.Timer("temporal_request_latency").Record(40 * time.Millisecond)
	h.Gauge("temporal_worker_task_slots_used").Update(2)
	r.SDK("queue-of/").WithTags(map[string]string{"task_queue": "general"}).Counter("temporal_request").Inc(1)
	scraped := r.scrape(t)
	require.Contains(t, scraped, `temporal_request_total{operation="Poll",task_queue="queue-of"} 3`)
	require.Contains(t, scraped, `temporal_request_total{task_queue="general"} 1`)
	require.Contains(t, scraped, `temporal_request_latency_seconds_bucket{operation="Poll",task_queue="queue-of",le="0.025"} 0`)
	require.Contains(t, scraped, `temporal_request_latency_seconds_bucket{operation="Poll",task_queue="queue-of",le="0.05"} 1`)
	require.Contains(t, scraped, `temporal_worker_task_slots_used{operation="Poll",task_queue="queue-of"} 2`)
	require.NotContains(t, scraped, "0b5c", "an id of a process")
}

func TestCallsAreCountedByWhatCameOfThem(t *testing.T) {
	r := newRegistry(t)
	a := r.NewAPI()
	a.ObserveBob(bob.Call{Op: "read person", StatusCode: 200, Duration: 300 * time.Millisecond, Class: "ok"})
	a.ObserveOneLogin(onelogin.Call{Op: "update user", StatusCode: 429, Duration: time.Second, Class: "rate_limited"})
	a.ObserveOneLogin(onelogin.Call{Op: "update user", Class: "breaker_open"})
	scraped := r.scrape(t)
	for _, line := range []string{
		`bob_onelogin_api_calls_total{api="bob",call="read person",outcome="ok"} 1`,
		`bob_onelogin_api_calls_total{api="onelogin",call="update user",outcome="rate_limited"} 1`,
		`bob_onelogin_api_calls_total{api="onelogin",call="update user",outcome="breaker_open"} 1`,
		`bob_onelogin_api_call_duration_seconds_bucket{api="bob",call="read person",outcome="ok",le="0.5"} 1`,
	} {
		require.Contains(t, scraped, line)
	}
	require.NotContains(t, scraped, `duration_seconds_count{api="onelogin",call="update user",outcome="breaker_open"}`, "what was not sent took no time")
}

func TestClientsShowBreakersAndBudget(t *testing.T) {
	answer := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-RateLimit-Limit", "5000")
		w.Header().Set("X-RateLimit-Remaining", "4321")
		w.Header().Set("X-RateLimit-Reset", "600")
		w.WriteHeader(answer)
		if r.URL.Path == "/auth/oauth2/v2/token" {
			_, _ = w.Write([]byte(`{"access_token":"t","expires_in":36000}`))
			return
		}
		_, _ = w.Write([]byte(`[]`))
	}))
	t.Cleanup(server.Close)
	b, err := bob.New(bob.Config{BaseURL: server.URL, ServiceUserID: "SERVICE-sample", Token: "t"})
	require.NoError(t, err)
	o, err := onelogin.New(onelogin.Config{BaseURL: server.URL, ClientID: "c", ClientSecret: "s"})
	require.NoError(t, err)
	r := newRegistry(t)
	r.WatchClients(b, o)

	scraped := r.scrape(t)
	require.Contains(t, scraped, `bob_onelogin_api_breaker_state{api="bob",guards="everything",state="closed"} 1`)
	require.NotContains(t, scraped, "budget", "nothing is known of it yet")

	_, err = o.CustomAttributes(t.Context())
	require.NoError(t, err)
	answer = http.StatusForbidden
	_, err = b.Fields(t.Context())
	require.Error(t, err)
	scraped = r.scrape(t)
	for _, line := range []string{
		`bob_onelogin_api_breaker_state{api="bob",guards="everything",state="closed"} 0`,
		`bob_onelogin_api_breaker_state{api="bob",guards="everything",state="open"} 1`,
		`bob_onelogin_api_breaker_state{api="onelogin",guards="users",state="closed"} 1`,
		`bob_onelogin_api_breaker_state{api="onelogin",guards="sessions",state="closed"} 1`,
		`bob_onelogin_api_budget_limit_calls{api="onelogin"} 5000`,
		`bob_onelogin_api_budget_remaining_calls{api="onelogin"} 4321`,
		`bob_onelogin_api_budget_reset_timestamp_seconds{api="onelogin"} `,
	} {
		require.Contains(t, scraped, line)
	}
}

// The first of a kind counts as one: an increase from nothing is none to
// Prometheus.
func TestWhatAlertsLookAtIsThereFromTheStart(t *testing.T) {
	r := newRegistry(t)
	r.NewSyncs()
	r.NewWebhooks()
	r.NewNotifications()
	scraped := r.scrape(t)
	for _, line := range []string{
		`bob_onelogin_sync_outcomes_total{outcome="failed",phase="leave"} 0`,
		`bob_onelogin_sync_outcomes_total{outcome="held",phase="leave"} 0`,
		`bob_onelogin_sync_outcomes_total{outcome="failed",phase="unknown"} 0`,
		`bob_onelogin_webhooks_total{result="accepted",type="employee.access.revoked.immediately"} 0`,
		`bob_onelogin_webhooks_total{result="unsigned",type="none"} 0`,
		`bob_onelogin_notifications_total{result="failed"} 0`,
		`bob_onelogin_suspension_delay_seconds_count 0`,
	} {
		require.Contains(t, scraped, line)
	}
}

func TestSyncsCountOutcomesAndDelays(t *testing.T) {
	r := newRegistry(t)
	s := r.NewSyncs()
	s.Observe(lifecycle.PhaseLeave, employee.Suspended, 3*time.Second)
	s.Observe(lifecycle.PhaseLeave, employee.Unchanged, 0)
	s.Observe("", employee.Failed, 0)
	scraped := r.scrape(t)
	require.Contains(t, scraped, `bob_onelogin_sync_outcomes_total{outcome="suspended",phase="leave"} 1`)
	require.Contains(t, scraped, `bob_onelogin_sync_outcomes_total{outcome="failed",phase="unknown"} 1`)
	require.Contains(t, scraped, `bob_onelogin_suspension_delay_seconds_count 1`)
	require.Contains(t, scraped, `bob_onelogin_suspension_delay_seconds_sum 3`)
}

func TestWebhookTypesFromOutsideAreNoLabel(t *testing.T) {
	r := newRegistry(t)
	w := r.NewWebhooks()
	w.Observe("juniper@example.com", WebhookIgnored, time.Millisecond)
	w.Observe("juniper@example.com", WebhookUnsigned, time.Millisecond)
	w.Observe("juniper@example.com", WebhookForbidden, time.Millisecond)
	w.Observe(employee.EventLeft, WebhookAccepted, time.Millisecond)
	w.Observe(employee.EventLeft, WebhookNotStored, 8*time.Second)
	scraped := r.scrape(t)
	require.NotContains(t, scraped, "juniper")
	require.Contains(t, scraped, `bob_onelogin_webhooks_total{result="ignored",type="other"} 1`)
	require.Contains(t, scraped, `bob_onelogin_webhooks_total{result="unsigned",type="none"} 1`)
	require.Contains(t, scraped, `bob_onelogin_webhooks_total{result="forbidden",type="none"} 1`)
	require.Contains(t, scraped, `bob_onelogin_webhooks_total{result="accepted",type="employee.left"} 1`)
	require.Contains(t, scraped, `bob_onelogin_webhooks_total{result="not_stored",type="employee.left"} 1`)
}

func TestSurvey(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		survey dispatch.Survey
		after  time.Duration
		want   string
	}{
		"before the first look":  {},
		"a look that is too old": {survey: dispatch.Survey{At: now, Tracked: true}, after: surveyLife + time.Second},
		"without search attributes": {
			survey: dispatch.Survey{At: now, BulkEnds: []dispatch.BulkRunEnd{{Status: dispatch.BulkFailed, At: now.Add(-time.Hour)}}},
			want: `
bob_onelogin_bulk_end_timestamp_seconds{status="canceled"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="completed"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="failed"} 1.7724492e+09
bob_onelogin_bulk_end_timestamp_seconds{status="terminated"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="timed_out"} 0
bob_onelogin_search_attributes 0
bob_onelogin_survey_timestamp_seconds 1.7724528e+09
`,
		},
		"a brake that was never asked": {
			survey: dispatch.Survey{At: now, Brake: &brake.View{At: now}},
			want: `
bob_onelogin_brake_held 0
bob_onelogin_brake_held_age_seconds 0
bob_onelogin_brake_suspensions 0
bob_onelogin_bulk_end_timestamp_seconds{status="canceled"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="completed"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="failed"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="terminated"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="timed_out"} 0
bob_onelogin_search_attributes 0
bob_onelogin_survey_timestamp_seconds 1.7724528e+09
`,
		},
		"everything, as it is some time after the look": {
			survey: dispatch.Survey{
				At: now, Tracked: true, Running: map[workflows.SyncState]int{workflows.Waiting: 12, workflows.Syncing: 1},
				StartsDue: 2, EndsDue: 3, OldestEndDue: now.Add(-time.Minute), OldestEvent: now.Add(-2 * time.Minute),
				Brake: &brake.View{Settings: brake.DefaultSettings(), Used: 5, Limit: 6, Held: 2, Since: now.Add(-3 * time.Minute)},
				BulkEnds: []dispatch.BulkRunEnd{
					{Status: dispatch.BulkCompleted, At: now.Add(-48 * time.Hour)},
					{Status: dispatch.BulkCompleted, At: now.Add(-24 * time.Hour)},
				},
			},
			after: time.Minute,
			want: `
bob_onelogin_access_end_age_seconds 120
bob_onelogin_brake_held 2
bob_onelogin_brake_held_age_seconds 240
bob_onelogin_brake_limit 6
bob_onelogin_brake_suspensions 5
bob_onelogin_bulk_end_timestamp_seconds{status="canceled"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="completed"} 1.7723664e+09
bob_onelogin_bulk_end_timestamp_seconds{status="failed"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="terminated"} 0
bob_onelogin_bulk_end_timestamp_seconds{status="timed_out"} 0
bob_onelogin_due{what="access_end"} 3
bob_onelogin_due{what="start"} 2
bob_onelogin_oldest_event_age_seconds 180
bob_onelogin_search_attributes 1
bob_onelogin_survey_timestamp_seconds 1.7724528e+09
bob_onelogin_workflows{state="Held"} 0
bob_onelogin_workflows{state="Leaving"} 0
bob_onelogin_workflows{state="Settling"} 0
bob_onelogin_workflows{state="Syncing"} 1
bob_onelogin_workflows{state="Waiting"} 12
`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t)
			s := r.NewSurvey()
			s.now = func() time.Time { return now.Add(test.after) }
			s.Set(test.survey)
			var lines []string
			for line := range strings.SplitSeq(r.scrape(t), "\n") {
				if strings.HasPrefix(line, namespace) {
					lines = append(lines, line)
				}
			}
			require.Equal(t, strings.TrimSpace(test.want), strings.Join(lines, "\n"))
		})
	}
}

// Whatever is described is what is collected, and well named.
func TestMetricsAreWellNamed(t *testing.T) {
	r := newRegistry(t)
	a := r.NewAPI()
	a.ObserveBob(bob.Call{Op: "read person", Class: "ok"})
	r.NewSyncs()
	r.NewWebhooks().Observe("", WebhookPing, time.Millisecond)
	r.NewNotifications()
	r.NewSurvey().Set(dispatch.Survey{At: time.Now(), Tracked: true, Brake: &brake.View{Settings: brake.DefaultSettings()}})
	r.WatchWorker(func() bool { return true }, func() bool { return false })
	problems, err := testutil.GatherAndLint(r.prometheus)
	require.NoError(t, err)
	require.Empty(t, problems)
}
