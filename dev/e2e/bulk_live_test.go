package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// limits is what OneLogin's stand-in tells of its limits.
type limits struct {
	RefusedByBudget int `json:"refused_by_budget"`
	RefusedByBurst  int `json:"refused_by_burst"`
	BusiestSecond   int `json:"busiest_second"`
	Budgets         []struct {
		Began time.Time `json:"began"`
		Calls int       `json:"calls"`
	} `json:"budgets"`
}

func (s *stack) limits() limits {
	s.t.Helper()
	var l limits
	require.NoError(s.t, json.Unmarshal(s.do(http.MethodGet, s.oneURL+"/_sim/limits", nil), &l))
	return l
}

// hires puts n people into Bob whom OneLogin does not know.
func (s *bulkStack) hires(n int) {
	s.t.Helper()
	for i := range n {
		s.put(hireID(i), newHire(hireID(i), s.staff[0].ID))
	}
}

func (s *bulkStack) created() int { return s.callsOf(s.oneURL)[createUser] }

// TestLiveLeaverOvertakesABulkRun is not parallel: it holds seconds.
func TestLiveLeaverOvertakesABulkRun(t *testing.T) {
	s := newBulkStack(t, 20, withEnv("ONELOGIN_MAX_RPS=5"))
	s.hires(500)
	leaver := s.staff[1]
	run := s.begin()
	s.eventually("the bulk run creates users", time.Minute, func() bool { return s.created() >= 20 })

	began := time.Now()
	s.put(leaver.ID, inactive(), "employee.left")
	s.eventually("the leaver is suspended", 5*time.Second, func() bool { return s.userStatus(leaver.ID) == 2 })
	t.Logf("suspended %s after the webhook, in the middle of a bulk run", time.Since(began).Round(10*time.Millisecond))
	p := s.progress()
	require.Less(t, p.Done, p.Total, "the bulk run is still under way")
	require.Equal(t, 500, p.Total)

	// Cancelled, the run starts nobody else, and who runs finishes.
	require.NoError(t, s.temporal.CancelWorkflow(t.Context(), run.GetID(), ""))
	_, err := s.end(run)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled)
	p = workflows.BulkProgress{}
	require.NoError(t, cancelled.Details(&p))
	require.True(t, p.Cancelled)
	require.Zero(t, p.Running, "what ran has finished")
	require.Less(t, p.Done, 400)
	require.Equal(t, p.Outcomes[employee.Created], s.created(), "every creation is counted")
	require.Equal(t, p.Done, p.Outcomes[employee.Created])
}

func TestBulkPausesAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 20, withEnv("ONELOGIN_MAX_RPS=20"))
	const n = 200
	s.hires(n)
	run := s.begin(workflows.BulkSyncInput{Window: 10})
	s.eventually("the bulk run creates users", time.Minute, func() bool { return s.created() >= 10 })

	require.True(t, s.update(workflows.PauseUpdate).Paused)
	s.eventually("nobody is under way any more", 5*time.Second, func() bool {
		p := s.progress()
		return p.Paused && p.Running == 0
	})
	p, created := s.progress(), s.created()
	require.Contains(t, p.Waiting, "paused")
	require.Equal(t, created, p.Done)
	require.Less(t, created, n)
	// A live event goes all its way meanwhile, and nobody else does.
	s.put(s.staff[1].ID, map[string]any{"surname": "Else"}, "employee.updated")
	s.eventually("a live event passes", 20*time.Second, func() bool { return s.user(s.staff[1].ID)["lastname"] == "Else" })
	require.Equal(t, created, s.created(), "a paused run starts nobody")

	require.False(t, s.update(workflows.ResumeUpdate).Paused)
	s.eventually("the run goes on", 5*time.Second, func() bool { return s.created() > created })
	p, err := s.end(run)
	require.NoError(t, err)
	require.Equal(t, n, p.Outcomes[employee.Created])
	require.Equal(t, n, s.created())
}

func TestBulkLeavesABudgetToLiveEvents(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 20, withSim("--hourly-budget", "600"))
	s.hires(700)
	run := s.begin()
	s.eventually("the budget is waited for", 5*time.Minute, func() bool {
		return strings.Contains(s.progress().Waiting, "waiting for OneLogin's budget until")
	})
	p, l := s.progress(), s.limits()
	t.Logf("of 600 calls an hour: %d made, %d kept", l.Budgets[0].Calls, p.Reserve)
	require.Equal(t, 60, p.Reserve)
	require.Zero(t, l.RefusedByBudget+l.RefusedByBurst, "calls refused")
	require.Len(t, l.Budgets, 1)
	require.GreaterOrEqual(t, l.Budgets[0].Calls, 540, "the budget is used")
	// Each worker knows what is left by the answers to its own calls; alone it
	// knows to the call.
	const atOnce = 16 // calls of each worker, at 50 a second
	require.LessOrEqual(t, l.Budgets[0].Calls, 540+(s.each-1)*atOnce, "the reserve is left")
	require.Zero(t, p.Running)
	require.Equal(t, p.Done, s.created())

	leaver := s.staff[1]
	s.put(leaver.ID, inactive(), "employee.left")
	s.eventually("a live event takes of the reserve", 10*time.Second, func() bool { return s.userStatus(leaver.ID) == 2 })
	require.Equal(t, p.Done, s.progress().Done, "the bulk run still waits")
	require.Zero(t, s.limits().RefusedByBudget)
	require.NoError(t, s.temporal.CancelWorkflow(t.Context(), run.GetID(), ""))
	_, err := s.end(run)
	require.Error(t, err)
}

func TestBulkGoesOnWithEachBudget(t *testing.T) {
	t.Parallel()
	const budget, n = 100, 250
	s := newBulkStack(t, 20, withSim("--hourly-budget", fmt.Sprint(budget), "--budget-window", "10s"))
	s.hires(n)
	p := s.bulk()
	require.Equal(t, n, p.Outcomes[employee.Created])
	require.Equal(t, n, s.created())
	l := s.limits()
	t.Logf("budgets: %+v", l.Budgets)
	require.Zero(t, l.RefusedByBudget+l.RefusedByBurst, "calls refused")
	require.GreaterOrEqual(t, len(l.Budgets), 3)
	for i, b := range l.Budgets {
		require.LessOrEqual(t, b.Calls, budget*9/10, "the reserve of budget %d", i)
	}
	s.requireInLine()
}
