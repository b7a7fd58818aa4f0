package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/payload"
	"bob-onelogin/workflows"
)

// endpointOf is where a worker serves its metrics, as it has said.
func (s *stack) endpointOf(p *process) string {
	s.t.Helper()
	said := regexp.MustCompile(`"Serving metrics and readiness","address":"([^"]+)"`)
	var addr string
	s.eventually("the worker says where its metrics are", 20*time.Second, func() bool {
		if m := said.FindStringSubmatch(p.log.String()); m != nil {
			addr = m[1]
		}
		return addr != ""
	})
	return "http://" + addr
}

// fetch returns what an address answers.
func (s *stack) fetch(url string) (status int, body string) {
	s.t.Helper()
	r, err := http.Get(url)
	require.NoError(s.t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(s.t, err)
	return r.StatusCode, string(b)
}

// metrics are one look at an endpoint.
type metrics string

func (s *stack) metrics(base string) metrics {
	s.t.Helper()
	status, body := s.fetch(base + "/metrics")
	require.Equal(s.t, http.StatusOK, status)
	return metrics(body)
}

// value is that of one series, as it is written; 0 where it is not there.
func (m metrics) value(series string) float64 {
	for line := range strings.SplitSeq(string(m), "\n") {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, _ := strconv.ParseFloat(rest, 64)
			return v
		}
	}
	return 0
}

func (m metrics) has(series string) bool { return strings.Contains("\n"+string(m), "\n"+series) }

// surveyed starts a worker, which looks at the namespace first of all, and
// returns its metrics.
func (s *stack) surveyed() metrics {
	s.t.Helper()
	p := s.oneMoreWorker()
	base := s.endpointOf(p)
	s.eventually("the namespace is surveyed", 20*time.Second, func() bool { return s.metrics(base).has("bob_onelogin_survey_timestamp_seconds ") })
	defer p.stop(os.Interrupt)
	return s.metrics(base)
}

// listed waits until the server lists so many workflows: it does so a moment
// after they are what they are.
func (s *stack) listed(n int64, query string) {
	s.t.Helper()
	var seen []string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("listed at last: %s", strings.Join(seen, ", "))
		}
	}()
	s.eventually(fmt.Sprintf("%d listed: %s", n, query), time.Minute, func() bool {
		list, err := s.temporal.ListWorkflow(s.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 1000})
		if err != nil {
			return false
		}
		seen = nil
		for _, run := range list.GetExecutions() {
			seen = append(seen, run.GetExecution().GetWorkflowId())
		}
		return int64(len(seen)) == n
	})
}

func TestMetricsOfBothProcesses(t *testing.T) {
	t.Parallel()
	s := newStack(t, withWorkers(1)) // whose metrics they are
	base := s.endpointOf(s.workers[0])
	s.eventually("the worker is ready", 30*time.Second, func() bool {
		status, _ := s.fetch(base + "/readyz")
		return status == http.StatusOK
	})

	s.put(juniper, person(), "employee.created")
	s.done(juniper)
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the title is written", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	s.done(juniper)
	s.put(juniper, inactive(), "employee.left")
	s.eventually("the leaver's workflow ends", 20*time.Second, func() bool { return s.done(juniper).Outcome == employee.Suspended })
	s.put(rowan, person(map[string]any{"email": "rowan.sample@example.com", "firstName": "Rowan"}, hiredOn("2035-03-05")), "employee.created")
	s.appears(rowan)
	s.eventually("the hire waits", 20*time.Second, func() bool { return s.status(rowan).State == workflows.Waiting })
	unsigned, err := http.Post(s.starterURL+"/webhooks/bob", "application/json", strings.NewReader(`{"type":"`+juniper+`"}`))
	require.NoError(t, err)
	require.NoError(t, unsigned.Body.Close())

	// A query replays what has happened, and nothing of it is counted again.
	s.kill()
	s.startWorker()
	base = s.endpointOf(s.workers[0])
	s.put(juniper, nothing(), "employee.updated")
	s.eventually("the event is handled", 20*time.Second, func() bool { return s.done(juniper).Outcome == employee.Unchanged })
	for range 5 {
		require.Equal(t, employee.Unchanged, s.status(juniper).LastOutcome.Outcome)
		require.Equal(t, workflows.Waiting, s.status(rowan).State)
	}
	worker := s.metrics(base)
	require.Equal(t, 1.0, worker.value(`bob_onelogin_sync_outcomes_total{outcome="unchanged",phase="leave"}`))
	require.Equal(t, 0.0, worker.value(`bob_onelogin_sync_outcomes_total{outcome="scheduled",phase="wait"}`), "a replay counted")
	require.Equal(t, 1.0, worker.value(`bob_onelogin_api_calls_total{api="onelogin",call="find user by external_id",outcome="ok"}`))
	require.GreaterOrEqual(t, worker.value(`bob_onelogin_api_call_duration_seconds_count{api="bob",call="read person",outcome="ok"}`), 1.0)
	require.Equal(t, 1.0, worker.value(`bob_onelogin_api_breaker_state{api="onelogin",guards="users",state="closed"}`))
	require.Equal(t, 5000.0, worker.value(`bob_onelogin_api_budget_limit_calls{api="onelogin"}`))
	require.Greater(t, worker.value(`bob_onelogin_api_budget_remaining_calls{api="onelogin"}`), 4000.0)

	// Another worker has looked at the namespace as it is now.
	now := s.surveyed()
	require.Equal(t, 1.0, now.value(`bob_onelogin_search_attributes`))
	require.Equal(t, 1.0, now.value(`bob_onelogin_workflows{state="Waiting"}`))
	require.Equal(t, 0.0, now.value(`bob_onelogin_due{what="access_end"}`))
	require.True(t, now.has(`bob_onelogin_oldest_event_age_seconds 0`), "nothing is unanswered")

	starter := s.metrics(s.starterURL)
	require.Equal(t, 2.0, starter.value(`bob_onelogin_webhooks_total{result="accepted",type="employee.updated"}`))
	require.Equal(t, 1.0, starter.value(`bob_onelogin_webhooks_total{result="accepted",type="employee.left"}`))
	require.Equal(t, 1.0, starter.value(`bob_onelogin_webhooks_total{result="unsigned",type="none"}`))
	require.True(t, starter.has("temporal_request_total{"), "Temporal's SDK")

	for name, m := range map[string]metrics{"worker": worker, "another worker": now, "starter": starter} {
		require.True(t, m.has("temporal_request_latency_seconds_bucket{"), "%s: Temporal's SDK in seconds", name)
		for _, word := range append(personal, append(secrets(), juniper, rowan, workflows.OwnTaskQueue(""))...) {
			require.NotContains(t, string(m), word, name)
		}
		problems, err := promlint.New(strings.NewReader(string(m))).Lint()
		require.NoError(t, err)
		for _, p := range problems {
			require.False(t, strings.HasPrefix(p.Metric, "bob_onelogin_"), "%s: %s: %s", name, p.Metric, p.Text)
		}
	}
	for _, url := range []string{base, s.starterURL} {
		for _, path := range []string{"/debug", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/vars"} {
			status, _ := s.fetch(url + path)
			require.Equal(t, http.StatusNotFound, status, path)
		}
		status, _ := s.fetch(url + "/healthz")
		require.Equal(t, http.StatusOK, status)
	}
	checkDeployed(t, worker+now, starter)
}

// checkDeployed holds the names that dashboard and rules use of Temporal's SDK
// against what both processes really have; the tests of the folder look at the
// program's own.
func checkDeployed(t *testing.T, all ...metrics) {
	t.Helper()
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		content, err := os.ReadFile(filepath.Join(root, "deploy", file))
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\b(?:temporal|process|go)_[a-z_]+\b`).FindAllString(string(content), -1) {
			found := false
			for _, m := range all {
				found = found || m.has(name+"{") || m.has(name+" ")
			}
			require.True(t, found, "%s: nobody has %s", file, name)
		}
	}
}

// Somebody whose access should have ended shows, whichever event says so, for as
// long as it has not.
func TestALeaverWhoIsNotSuspendedShows(t *testing.T) {
	t.Parallel()
	stories := map[string][]string{
		"the event starts the workflow":          {"employee.left"},
		"the event overtakes another":            {"employee.updated", "employee.left"},
		"Bob shows it when the event is settled": {"employee.left"},
	}
	for name, events := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.put(juniper, person(), "employee.created")
			s.done(juniper)
			down := map[string]any{"method": "GET", "route": "/api/2/users", "status": 503, "count": 1000}
			began := time.Now()
			if strings.HasPrefix(name, "Bob") {
				s.put(juniper, nothing(), events...)
				s.eventually("the first look proves nothing", 20*time.Second, func() bool { return !s.status(juniper).LastRead.IsZero() })
				s.fault(s.oneURL, down)
				s.put(juniper, inactive())
			} else {
				s.fault(s.oneURL, down)
				s.put(juniper, inactive(), events...)
			}
			s.eventually("the suspension is tried", 20*time.Second, func() bool { return s.pendingActivity(juniper) == "EnforceStatus" })
			s.listed(1, "SyncState = 'Syncing' AND SyncDueAt IS NOT NULL")
			m := s.surveyed()
			require.Equal(t, 1.0, m.value(`bob_onelogin_due{what="access_end"}`))
			age := m.value(`bob_onelogin_access_end_age_seconds`)
			require.Greater(t, age, 0.0)
			require.Less(t, age, time.Since(began).Seconds()+1)
			require.GreaterOrEqual(t, m.value(`bob_onelogin_oldest_event_age_seconds`), age-2)

			s.do(http.MethodDelete, s.oneURL+"/_sim/faults", nil)
			s.eventually("the user is suspended", 90*time.Second, func() bool { return s.userStatus(juniper) == 2 })
			s.done(juniper)
			s.listed(0, "SyncState = 'Syncing' AND ExecutionStatus = 'Running'")
			m = s.surveyed()
			require.Equal(t, 0.0, m.value(`bob_onelogin_due{what="access_end"}`))
			require.True(t, m.has(`bob_onelogin_access_end_age_seconds 0`))
		})
	}
}

// Secrets that are replaced in their files are used by the processes that run.
func TestRotatedSecretsAreUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content+"\n"), 0o600))
		return path
	}
	s := newStack(t, withWorkers(1), withEnv(
		"BOB_SERVICE_USER_TOKEN=", "BOB_SERVICE_USER_TOKEN_FILE="+file("bob", bobToken),
		"ONELOGIN_CLIENT_SECRET=", "ONELOGIN_CLIENT_SECRET_FILE="+file("onelogin", clientSecret),
		"BOB_WEBHOOK_SECRETS=", "BOB_WEBHOOK_SECRETS_FILE="+file("webhook", webhookSecret),
	))
	s.put(juniper, person(), "employee.created")
	s.done(juniper)

	file("bob", newBobToken)
	file("onelogin", newClientSecret)
	file("webhook", newWebhookSecret)
	s.do(http.MethodPut, s.bobURL+"/_sim/credentials", map[string]string{"token": newBobToken})
	s.do(http.MethodPut, s.oneURL+"/_sim/credentials", map[string]string{"client_secret": newClientSecret})
	s.do(http.MethodPut, s.bobURL+"/_sim/settings", map[string]string{"webhook_secret": newWebhookSecret})
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the title is written", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	require.Equal(t, employee.Updated, s.done(juniper).Outcome)

	m := s.metrics(s.endpointOf(s.workers[0]))
	require.Equal(t, 2.0, m.value(`bob_onelogin_api_calls_total{api="bob",call="read person",outcome="ok"}`))
	require.Equal(t, 2.0, m.value(`bob_onelogin_api_calls_total{api="onelogin",call="fetch token",outcome="ok"}`))
	require.Equal(t, 0.0, m.value(`bob_onelogin_api_calls_total{api="bob",call="read person",outcome="auth"}`), "the old token was not tried")
	require.Equal(t, 0.0, m.value(`bob_onelogin_api_calls_total{api="onelogin",call="fetch token",outcome="auth"}`), "the old secret was not tried")
	require.Zero(t, s.metrics(s.starterURL).value(`bob_onelogin_webhooks_total{result="unsigned",type="none"}`))
}

// channel is where people are told.
type channel struct {
	mu       sync.Mutex
	messages []string
	url      string
}

func newChannel(t *testing.T) *channel {
	c := &channel{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Text string }
		err := json.NewDecoder(r.Body).Decode(&message)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.messages = append(c.messages, message.Text)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/services/"+notifyToken {
			t.Errorf("posted: %s, %v", r.Method, err)
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL + "/services/" + notifyToken
	return c
}

// told counts the messages that hold something.
func (c *channel) told(text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Count(strings.Join(c.messages, "\n"), text)
}

func TestPeopleAreToldOnceOfWhatNeedsThem(t *testing.T) {
	t.Parallel()
	told := newChannel(t)
	s := newStack(t, withEnv("NOTIFY_URL="+told.url, "NOTIFY_UI_URL=https://temporal.example.org"), withSim("--licences", "1"))

	// Two users carry one Bob id.
	s.seed(map[string]any{"email": "a@example.com", "username": "a@example.com", "external_id": juniper})
	s.seed(map[string]any{"email": "b@example.com", "username": "b@example.com", "external_id": juniper})
	s.put(juniper, person(), "employee.updated")
	s.appears(juniper)
	_, err := s.closed(juniper)
	require.Error(t, err)
	link := "employee " + juniper + ": https://temporal.example.org/namespaces/" + s.namespace + "/workflows/employee%2F" + juniper
	s.eventually("somebody is told of the conflict", 40*time.Second, func() bool { return told.told(link) == 1 })
	require.Equal(t, 1, told.told("Conflict"))
	// What was posted and not yet written down is posted again by whoever comes
	// after a worker that dies in between.
	s.eventually("it is written down that they are told", 20*time.Second, func() bool {
		described, err := s.temporal.DescribeWorkflowExecution(t.Context(), workflows.NotifyWorkflowID, "")
		return err == nil && len(described.GetPendingActivities()) == 0
	})

	// The same from the same worker and from another.
	s.kill()
	s.startWorker()
	_, err = s.starterCommand("sync", juniper)
	require.Error(t, err)

	// What is refused meanwhile is told without delay.
	s.do(http.MethodPut, s.bobURL+"/_sim/credentials", map[string]string{"token": newBobToken})
	s.put(rowan, person(map[string]any{"email": "rowan.sample@example.com", "firstName": "Rowan"}), "employee.created")
	s.eventually("somebody is told of the refusal", 60*time.Second, func() bool { return told.told("• Bob") == 1 })
	require.Equal(t, 1, told.told("Access is refused"))
	require.Equal(t, 1, told.told("Conflict"), "told twice")

	// A bulk run that somebody terminates.
	out, err := s.starterCommand("bulk")
	t.Logf("starter bulk: %s, %v", out, err)
	require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), workflows.BulkWorkflowID, "", "for the test"))
	s.eventually("the end is listed", 20*time.Second, func() bool {
		return s.surveyed().value(`bob_onelogin_bulk_end_timestamp_seconds{status="terminated"}`) > 0
	})
	s.eventually("somebody is told of the bulk run", 60*time.Second, func() bool { return told.told("• bulk-sync (terminated)") == 1 })

	told.mu.Lock()
	defer told.mu.Unlock()
	for _, message := range told.messages {
		for _, word := range append(personal, secrets()...) {
			require.NotContains(t, strings.ReplaceAll(message, s.namespace, ""), word)
		}
	}
	require.Len(t, told.messages, 3)
	s.keepRun("notify", workflows.NotifyWorkflowID, "")
}

// The last look of the suite finds what it has to.
func TestLeakCheckCanFail(t *testing.T) {
	log := &lockedBuffer{}
	fmt.Fprintf(log, "connecting with %s", payload.NewKey("leaked"))
	_, key, _ := strings.Cut(log.String(), ":")
	require.Len(t, leaks([]printing{{what: "sample", log: log}}, []string{key}), 1)
	require.Empty(t, leaks([]printing{{what: "sample", log: log}}, []string{clientSecret}))
}

func TestReadyzSaysWhetherTemporalCanBeReached(t *testing.T) {
	if *record {
		t.Skip("has no history to record")
	}
	t.Parallel()
	server, err := startServer(t.Context(), "", "")
	require.NoError(t, err)
	stopped := false
	defer func() {
		if !stopped {
			_ = server.Stop()
		}
	}()
	s := newStack(t, withWorkers(1), withServer(server.FrontendHostPort()))
	base := s.endpointOf(s.workers[0])
	s.eventually("the worker is ready", 30*time.Second, func() bool {
		status, _ := s.fetch(base + "/readyz")
		return status == http.StatusOK
	})
	// As the worker's container asks.
	s.env = append(s.env, "METRICS_ADDR="+strings.TrimPrefix(base, "http://"))
	healthy := func() (string, error) { return s.command(filepath.Join(binaries, "worker"), "healthcheck") }
	out, err := healthy()
	require.NoError(t, err, out)
	s.eventually("its metric says so", 40*time.Second, func() bool { return s.metrics(base).value("bob_onelogin_ready") == 1 })
	stopped = true
	require.NoError(t, server.Stop())
	s.eventually("the worker is not ready", 40*time.Second, func() bool {
		status, body := s.fetch(base + "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "the Temporal server cannot be reached")
	})
	require.Zero(t, s.metrics(base).value("bob_onelogin_ready"))
	out, err = healthy()
	require.Error(t, err)
	require.Contains(t, out, "the Temporal server cannot be reached")
	status, _ := s.fetch(base + "/healthz")
	require.Equal(t, http.StatusOK, status, "it lives, and waits for the server")
}
