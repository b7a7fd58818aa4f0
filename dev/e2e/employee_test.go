package e2e

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const (
	juniper = "3332883800000000021"
	rowan   = "3332883800000000022"

	findUser, createUser = "GET /api/2/users", "POST /api/2/users"
	updateUser, logout   = "PUT /api/2/users/{id}", "PUT /api/1/users/{id}/logout"
	definitions          = "GET /api/2/users/custom_attributes"
)

func person(changes ...map[string]any) map[string]any {
	record := map[string]any{
		"email": "juniper.sample@example.com", "firstName": "Juniper", "surname": "Sample",
		"work":     map[string]any{"startDate": "2020-01-06", "title": "Gardener", "workMobile": "+44 7700 900001"},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	}
	for _, c := range changes {
		for k, v := range c {
			record[k] = v
		}
	}
	return record
}

func title(s string) map[string]any { return map[string]any{"work": map[string]any{"title": s}} }

func inactive() map[string]any {
	return map[string]any{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"}}
}

func hiredOn(date string) map[string]any {
	return map[string]any{
		"work":     map[string]any{"startDate": date},
		"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
	}
}

// shortHistory is the bound for an event without waiting.
func shortHistory(t *testing.T, h *historypb.History) {
	t.Helper()
	require.LessOrEqual(t, len(h.GetEvents()), 30, "history events")
}

func TestOneEventCostsTwoCallsOrOne(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.eventually("the definitions are read", 20*time.Second, func() bool { return s.calls()[definitions] > 0 })

	s.put(juniper, person(), "employee.created")
	result := s.done(juniper)
	require.Equal(t, employee.Created, result.Outcome)
	require.Equal(t, map[string]int{findUser: 1, createUser: 1}, s.calls(), "a new user")
	user := s.user(juniper)
	require.Equal(t, "juniper.sample@example.com", user["username"])
	require.Equal(t, "Gardener", user["title"])
	require.Equal(t, map[string]any{"work_cell": "+44 7700 900001"}, user["custom_attributes"])
	require.Equal(t, 1, s.userStatus(juniper))
	h := s.runHistory(juniper)
	shortHistory(t, h)
	t.Logf("a created user took %d history events", len(h.GetEvents()))
	s.keep("created", juniper)
	s.keepRun("read-back", workflows.ReadBackWorkflowID, "")

	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the title is written", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	require.Equal(t, employee.Updated, s.done(juniper).Outcome)
	require.Equal(t, map[string]int{findUser: 1, updateUser: 1}, s.calls(), "a change")
	shortHistory(t, s.runHistory(juniper))
	s.keep("updated", juniper)

	s.put(juniper, nothing(), "employee.updated")
	s.eventually("the event is handled", 20*time.Second, func() bool { return s.done(juniper).Outcome == employee.Unchanged })
	require.Equal(t, map[string]int{findUser: 1}, s.calls(), "nothing differs")
	s.keep("unchanged", juniper)
}

// nothing is a change of nothing.
func nothing() map[string]any { return map[string]any{} }

func TestLeaverIsSuspendedWithinSeconds(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.put(juniper, person(), "employee.created")
	s.done(juniper)
	s.calls()

	began := time.Now()
	s.put(juniper, inactive(), "employee.left")
	s.eventually("the user is suspended", 5*time.Second, func() bool { return s.userStatus(juniper) == 2 })
	t.Logf("suspended %s after the webhook", time.Since(began).Round(10*time.Millisecond))
	s.eventually("the workflow ends", 20*time.Second, func() bool { return s.done(juniper).Outcome == employee.Suspended })
	require.Equal(t, map[string]int{findUser: 1, updateUser: 1, logout: 1}, s.calls())
	list, err := s.temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = '%s'", workflows.EmployeeWorkflowID(juniper)),
	})
	require.NoError(t, err)
	for _, run := range list.GetExecutions() {
		shortHistory(t, s.history(t.Context(), run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId()))
	}
	s.keep("suspended", juniper)
}

func TestHireWaitsWithOneTimer(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.put(juniper, person(hiredOn("2035-03-05")), "employee.created")
	s.appears(juniper)
	s.eventually("the hire waits", 20*time.Second, func() bool { return s.status(juniper).State == workflows.Waiting })
	s.keep("waiting", juniper)
	s.eventually("the list shows who waits", 20*time.Second, func() bool {
		waiting, err := s.temporal.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: "SyncState = 'Waiting' AND SyncDueAt > '2035-03-04T12:00:00Z' AND SyncDueAt < '2035-03-05T12:00:00Z'",
		})
		return err == nil && waiting.GetCount() == 1
	})

	s.put(juniper, hiredOn("2035-03-12"), "employee.updated")
	later := time.Date(2035, 3, 12, 0, 0, 0, 0, time.UTC)
	s.eventually("the wait is planned anew", 20*time.Second, func() bool { return s.status(juniper).DueAt.Equal(later) })
	require.Equal(t, 1, liveTimers(s.runHistory(juniper)), "timers left running")
	before := s.status(juniper).LastRead
	s.put(juniper, nothing(), "employee.updated")
	s.eventually("the event is read", 20*time.Second, func() bool {
		v := s.status(juniper)
		return v.PendingEvents == 0 && v.State == workflows.Waiting && v.LastRead.After(before)
	})
	require.Equal(t, 1, liveTimers(s.runHistory(juniper)), "timers left running")
	s.keep("waiting-moved", juniper)
	require.Nil(t, s.user(juniper))

	s.eventually("the workflow is at rest", 20*time.Second, func() bool { return s.status(juniper).State == workflows.Waiting })
	out, err := s.starterCommand("status", juniper)
	require.NoError(t, err, out)
	require.Contains(t, out, "Waiting")
	require.Contains(t, out, "12 Mar 2035")

	s.do(http.MethodDelete, s.bobURL+"/_sim/people/"+juniper+"?event=employee.deleted", nil)
	require.Equal(t, employee.Skipped, s.done(juniper).Outcome)
	s.keep("rescinded", juniper)
}

// liveTimers counts timers that were started and neither fired nor cancelled.
func liveTimers(h *historypb.History) int {
	live := map[string]bool{}
	for _, e := range h.GetEvents() {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_TIMER_STARTED:
			live[e.GetTimerStartedEventAttributes().GetTimerId()] = true
		case enumspb.EVENT_TYPE_TIMER_FIRED:
			delete(live, e.GetTimerFiredEventAttributes().GetTimerId())
		case enumspb.EVENT_TYPE_TIMER_CANCELED:
			delete(live, e.GetTimerCanceledEventAttributes().GetTimerId())
		}
	}
	return len(live)
}

func TestFutureLeaveAndRevocationWait(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.put(juniper, person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2035-06-29"}}), "employee.created")
	s.appears(juniper)
	s.eventually("the leave is waited for", 20*time.Second, func() bool { return s.status(juniper).State == workflows.Leaving })
	require.Equal(t, 1, s.userStatus(juniper))
	s.keep("leaving", juniper)

	s.do(http.MethodPost, s.bobURL+"/_sim/events", map[string]any{"type": "employee.access.revoked.immediately", "employeeId": juniper})
	s.eventually("the revoked user is suspended", 5*time.Second, func() bool { return s.userStatus(juniper) == 2 })
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the profile follows", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	require.Equal(t, 2, s.userStatus(juniper), "an update lifts no revocation")
	s.eventually("the revocation is shown", 20*time.Second, func() bool {
		v := s.status(juniper)
		return v.Revoked && v.State == workflows.Leaving
	})
	s.keep("revoked", juniper)
	s.put(juniper, map[string]any{"employee": map[string]any{"lastDayOfWork": nil}}, "employee.activated")
	s.eventually("the activation lifts it", 20*time.Second, func() bool { return s.userStatus(juniper) == 1 })
	s.done(juniper)
	s.keep("reactivated", juniper)
}

func TestConflictFailsWithASentence(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	a := s.seed(map[string]any{"email": "a@example.com", "username": "a@example.com", "external_id": juniper})
	b := s.seed(map[string]any{"email": "b@example.com", "username": "b@example.com", "external_id": juniper})
	s.put(juniper, person(), "employee.updated")
	s.appears(juniper)
	_, err := s.closed(juniper)
	require.ErrorContains(t, err, fmt.Sprintf("OneLogin users %d and %d both carry Bob id %s", a, b, juniper))
	out, err := s.starterCommand("sync", juniper)
	require.Error(t, err)
	require.Contains(t, out, fmt.Sprintf("OneLogin users %d and %d both carry", a, b))
	require.Zero(t, s.calls()[updateUser])
	s.keep("failed", juniper)
}

func TestWorkerKilledAtEveryStep(t *testing.T) {
	steps := []struct {
		name string
		// prepare makes the step last long enough to be hit.
		prepare func(s *stack)
		// reached tells that the step is under way.
		reached func(s *stack) bool
	}{
		{"while it settles", func(*stack) {}, func(s *stack) bool { return s.status(juniper).State == workflows.Settling }},
		{
			"while Bob is read",
			func(s *stack) {
				s.fault(s.bobURL, map[string]any{"method": "POST", "route": "/v1/people/{identifier}", "delay": "2s"})
			},
			func(s *stack) bool { return s.pendingActivity(juniper) == "ReadEmployee" },
		},
		{
			"while the user is looked up",
			func(s *stack) {
				s.fault(s.oneURL, map[string]any{"method": "GET", "route": "/api/2/users", "delay": "2s"})
			},
			func(s *stack) bool { return s.calls()[findUser] > 0 },
		},
		{
			"when the user is created and the answer is not there",
			func(s *stack) {
				s.fault(s.oneURL, map[string]any{"method": "POST", "route": "/api/2/users", "delay": "5s", "drop": "after"})
			},
			func(s *stack) bool { return s.user(juniper) != nil },
		},
		{"after the creation", func(*stack) {}, func(s *stack) bool { return s.user(juniper) != nil }},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.calls()
			step.prepare(s)
			s.put(juniper, person(), "employee.created")
			s.appears(juniper)
			s.eventually("the step is reached", 20*time.Second, func() bool { return step.reached(s) })
			s.kill()
			s.startWorker()
			result := s.done(juniper)
			require.Equal(t, employee.Created, result.Outcome, result.Reason)
			require.Len(t, s.users(), 1)
			require.Equal(t, 1, s.userStatus(juniper))
		})
	}
}

func (s *stack) pendingActivity(employeeID string) string {
	d, err := s.temporal.DescribeWorkflowExecution(s.t.Context(), workflows.EmployeeWorkflowID(employeeID), "")
	if err != nil || len(d.GetPendingActivities()) == 0 {
		return ""
	}
	return d.GetPendingActivities()[0].GetActivityType().GetName()
}

func TestLostAnswersAreNotLostWrites(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.fault(s.oneURL, map[string]any{"method": "POST", "route": "/api/2/users", "drop": "after"})
	s.put(juniper, person(), "employee.created")
	result := s.done(juniper)
	require.Equal(t, employee.Created, result.Outcome, result.Reason)
	require.Len(t, s.users(), 1)
	require.Equal(t, 1, s.calls()[createUser], "the creation is not repeated")
	s.keep("created-answer-lost", juniper)

	s.fault(s.oneURL, map[string]any{"method": "PUT", "route": "/api/2/users/{id}", "drop": "after"})
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the change is handled", 30*time.Second, func() bool {
		r := s.done(juniper)
		return r.Outcome == employee.Updated && len(r.Changed) == 1
	})
	require.Equal(t, 1, s.calls()[updateUser], "the change is not repeated")

	s.fault(s.oneURL, map[string]any{"method": "PUT", "route": "/api/2/users/{id}", "drop": "after"})
	s.put(juniper, inactive(), "employee.left")
	s.eventually("the leaver is handled", 30*time.Second, func() bool { return s.done(juniper).Outcome == employee.Suspended })
	calls := s.calls()
	require.Equal(t, 1, calls[updateUser], "the suspension is not repeated")
	require.Equal(t, 1, calls[logout], "the sessions are ended nonetheless")
}

func TestUrgentEventOvertakesAWaitingWrite(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.put(juniper, person(), "employee.created")
	s.done(juniper)
	s.fault(s.oneURL, map[string]any{
		"method": "PUT", "route": "/api/2/users/{id}", "status": 429,
		"headers": map[string]string{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"},
		"body":    `{"message":"Too many requests","name":"TooManyRequestsError","statusCode":429}`,
	})
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the write is told to wait a quarter of an hour", 20*time.Second, func() bool {
		d, err := s.temporal.DescribeWorkflowExecution(t.Context(), workflows.EmployeeWorkflowID(juniper), "")
		return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetAttempt() > 1
	})
	s.put(juniper, inactive(), "employee.left")
	s.eventually("the leaver is suspended all the same", 5*time.Second, func() bool { return s.userStatus(juniper) == 2 })
	s.eventually("and the profile follows", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	s.done(juniper)
	s.keep("overtaken", juniper)
}

func TestManagersAreLinkedWhoeverComesFirst(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	manager := map[string]any{
		"email": "rowan.sample@example.com", "firstName": "Rowan", "surname": "Sample",
		"work": map[string]any{"startDate": "2020-01-06"}, "internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	}
	s.put(rowan, manager)
	report := person(map[string]any{"work": map[string]any{"startDate": "2020-01-06", "reportsTo": rowan}})
	s.put(juniper, report, "employee.created")
	s.eventually("the report is linked to the manager", 40*time.Second, func() bool {
		boss, me := s.user(rowan), s.user(juniper)
		return boss != nil && me != nil && me["manager_user_id"] == boss["id"]
	})
	// A circle of managers does no harm and comes to rest.
	s.put(rowan, map[string]any{"work": map[string]any{"reportsTo": juniper}}, "employee.updated")
	s.eventually("the circle is linked", 40*time.Second, func() bool {
		boss, me := s.user(rowan), s.user(juniper)
		return boss["manager_user_id"] == me["id"]
	})
	s.done(rowan)
	s.done(juniper)
	shortHistory(t, s.runHistory(rowan))
	shortHistory(t, s.runHistory(juniper))
	require.Len(t, s.users(), 2)
	s.keep("manager", rowan)
	s.keep("report", juniper)
}

func TestWebhookStorm(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	const storm = 500
	for i := range storm {
		s.put(juniper, person(title(fmt.Sprintf("Gardener %d", i))), "employee.updated")
	}
	s.eventually("the last state wins", time.Minute, func() bool {
		u := s.user(juniper)
		return u != nil && u["title"] == fmt.Sprintf("Gardener %d", storm-1)
	})
	s.done(juniper)
	require.Len(t, s.users(), 1)
}

func TestTemporalDown(t *testing.T) {
	temporal := newFrailServer(t)
	s := newStack(t, withServer(temporal.address))
	s.put(juniper, person(), "employee.created")
	s.done(juniper)

	temporal.kill()
	s.eventually("the starter is not ready", 20*time.Second, func() bool {
		r, err := http.Get(s.starterURL + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusServiceUnavailable
	})
	out, err := s.starterCommand("healthcheck")
	require.Error(t, err)
	require.Contains(t, out, "/readyz answers 503")
	body := fmt.Sprintf(`{"companyId":1,"type":"employee.updated","version":"v2","data":{"employeeId":%q}}`, juniper)
	require.Equal(t, http.StatusServiceUnavailable, s.post(body, sign(webhookSecret, body)))
	s.put(juniper, title("Head Gardener"), "employee.updated") // Bob keeps trying

	temporal.start()
	s.eventually("nothing is lost", time.Minute, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	out, err = s.starterCommand("healthcheck")
	require.NoError(t, err, out)
	require.Equal(t, employee.Updated, s.done(juniper).Outcome)
	require.Len(t, s.users(), 1)
}

func TestStarter(t *testing.T) {
	t.Parallel()
	s := newStack(t, withoutWorker())
	body := fmt.Sprintf(`{"companyId":1,"type":"employee.updated","version":"v2","data":{"employeeId":%q}}`, juniper)
	require.Equal(t, http.StatusUnauthorized, s.post(body, ""))
	require.Equal(t, http.StatusUnauthorized, s.post(body, sign("another secret", body)))
	require.Equal(t, http.StatusBadRequest, s.post("{}", sign(webhookSecret, "{}")))
	require.Equal(t, http.StatusOK, s.post("Ping test", ""))
	large := strings.Repeat("x", 1<<20)
	require.Equal(t, http.StatusRequestEntityTooLarge, s.post(large, sign(webhookSecret, large)))
	require.Equal(t, http.StatusOK, s.post(body, sign(webhookSecret, body)), "accepted with no worker running")
	s.appears(juniper)

	out, err := s.starterCommand("sync", juniper, "--timeout", "1s")
	require.Error(t, err)
	require.Contains(t, out, "no worker polls the task queue bob-onelogin")
	out, err = s.starterCommand("status", rowan)
	require.Error(t, err)
	require.Contains(t, out, "there is no workflow employee/"+rowan)

	s.put(juniper, person())
	s.startWorker()
	s.eventually("the stored event is handled", 20*time.Second, func() bool { return s.user(juniper) != nil })
	out, err = s.starterCommand("sync", "JUNIPER.sample@example.com")
	require.NoError(t, err, out)
	require.Contains(t, out, "unchanged")
	out, err = s.starterCommand("sync", "nobody@example.com")
	require.Error(t, err)
	require.Contains(t, out, "nobody with that e-mail address is shown by Bob")

	for _, w := range s.workers {
		w.stop(syscall.SIGTERM)
		require.Equal(t, 0, w.cmd.ProcessState.ExitCode(), "the worker stops in order")
	}
}

func (s *stack) post(body, signature string) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.starterURL+"/webhooks/bob", strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Bob-Signature", signature)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	return answer.StatusCode
}

func sign(secret, body string) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
