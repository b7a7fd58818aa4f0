package e2e

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// identities counts who has taken the workflow tasks of people's workflows, and
// who their writes to OneLogin, by the workers' identities.
func (s *bulkStack) identities(ids []string) (tasks, writes map[string]int) {
	s.t.Helper()
	tasks, writes = map[string]int{}, map[string]int{}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for _, id := range ids {
		write := map[int64]bool{}
		for _, e := range s.history(ctx, workflows.EmployeeWorkflowID(id), "").GetEvents() {
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED:
				tasks[e.GetWorkflowTaskStartedEventAttributes().GetIdentity()]++
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				write[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activities.UpsertUserName
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
				if a := e.GetActivityTaskStartedEventAttributes(); write[a.GetScheduledEventId()] {
					writes[a.GetIdentity()]++
				}
			}
		}
	}
	return tasks, writes
}

// TestThreeWorkersShareTheLoadAndTheRate is not parallel: it holds a rate
// against the clock. The limit is kept by the server, for everybody together:
// each of three workers that kept it for itself would make three times as many
// calls.
func TestThreeWorkersShareTheLoadAndTheRate(t *testing.T) {
	const (
		n    = 150
		rate = 10
		// The server lets pass what was not used of the second before.
		burst = rate
		// Definitions, a token and the pages of users are calls, too.
		besides = 5
	)
	s := newBulkStack(t, 20, withWorkers(3), withEnv(fmt.Sprint("ONELOGIN_MAX_RPS=", rate)))
	s.hires(n)
	var ids []string
	for i := range n {
		ids = append(ids, hireID(i))
	}
	began := time.Now()
	p := s.bulk()
	took := time.Since(began)
	require.Equal(t, n, p.Outcomes[employee.Created])
	require.Equal(t, n, s.created(), "nobody is created twice")
	require.Len(t, s.users(), n+len(s.userIDs))

	busiest := s.limits().BusiestSecond
	t.Logf("three workers made %d users in %s, %.1f a second, %d calls in the busiest", n, took.Round(100*time.Millisecond), n/took.Seconds(), busiest)
	require.LessOrEqual(t, busiest, rate+burst+besides, "calls in one second")
	require.LessOrEqual(t, n/took.Seconds(), 1.2*rate, "writes a second")

	tasks, writes := s.identities(ids)
	t.Logf("workflow tasks %v, writes %v", slices.Collect(maps.Values(tasks)), slices.Collect(maps.Values(writes)))
	require.Len(t, tasks, 3, "workers that took workflow tasks")
	require.Len(t, writes, 3, "workers that wrote")
	for who, count := range writes {
		require.GreaterOrEqual(t, count, int(math.Ceil(n/3.0/3)), "writes of %s", who)
	}
}

// TestBulkOutlivesTheServer: a bulk run whose server is killed in the middle,
// with writes under way, ends as if nothing had been.
func TestBulkOutlivesTheServer(t *testing.T) {
	temporal := newFrailServer(t)
	const n = 200
	s := newBulkStack(t, 20, withServer(temporal.address), withEnv("ONELOGIN_MAX_RPS=25"))
	s.hires(n)
	began := time.Now()
	run := s.begin()
	s.eventually("the bulk run creates users", time.Minute, func() bool { return s.created() >= n/4 })
	temporal.kill()
	at := s.created()
	require.Less(t, at, n, "the run is in the middle")
	temporal.start()
	p, err := s.end(run)
	require.NoError(t, err)
	t.Logf("%d users in %s; the server was killed at %d", n, time.Since(began).Round(100*time.Millisecond), at)
	require.Equal(t, n, p.Outcomes[employee.Created], "outcomes %v, failures %v", nonzero(p.Outcomes), p.Failures)
	require.Equal(t, n, s.created(), "nobody is created twice")
	s.learnUsers()
	s.requireInLine()
	s.calls()
	require.Zero(t, s.bulk().Total)
	require.Zero(t, writes(s.calls()))
}
