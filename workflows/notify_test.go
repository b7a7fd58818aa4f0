package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/notify"
	"bob-onelogin/workflows"
)

// crier is the workflow that tells people, and what it has told.
type crier struct {
	t    *testing.T
	env  *testsuite.TestWorkflowEnvironment
	told [][]string
	// people are the numbers that were told.
	people []int
	// down is how many posts fail.
	down int
}

func newCrier(t *testing.T) *crier {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	c := &crier{t: t, env: suite.NewTestWorkflowEnvironment()}
	c.env.SetStartTime(epoch)
	c.env.SetTestTimeout(30 * time.Second)
	c.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.NotifyWorkflowID, TaskQueue: workflows.TaskQueue})
	workflows.Register(c.env, workflows.Options{SettleDelay: settle})
	acts := &activities.Activities{Notify: func(_ context.Context, notices []notify.Notice) error {
		if c.down > 0 {
			c.down--
			return errors.New("nobody there")
		}
		var keys []string
		for _, n := range notices {
			keys = append(keys, n.Key())
			if n.People > 0 {
				c.people = append(c.people, n.People)
			}
		}
		c.told = append(c.told, keys)
		return nil
	}}
	acts.RegisterGeneral(c.env)
	return c
}

func (c *crier) after(d time.Duration, notices ...notify.Notice) {
	c.env.RegisterDelayedCallback(func() {
		for _, n := range notices {
			c.env.SignalWorkflow(workflows.NoticeSignal, n)
		}
	}, d)
}

func held(id string) notify.Notice {
	return notify.Notice{Kind: notify.Held, EmployeeID: id, WorkflowID: workflows.EmployeeWorkflowID(id)}
}

func conflict(id string) notify.Notice {
	n := held(id)
	n.Kind = notify.Conflict
	return n
}

func TestNotifyTellsOnce(t *testing.T) {
	c := newCrier(t)
	c.after(0, held("1"), conflict("2"), held("1"))
	c.after(5*time.Second, held("3"))
	c.after(time.Minute, held("1"), conflict("2"), held("3"), conflict("4"))
	c.after(23*time.Hour, conflict("2"))
	c.after(24*time.Hour+time.Minute, held("1"), conflict("2"), held("5"))
	c.after(7*24*time.Hour+time.Minute, held("1"), held("5"))
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{})
	require.NoError(t, c.env.GetWorkflowError())
	require.Equal(t, [][]string{
		{"held/1", "conflict/2", "held/3"}, // what comes up together
		{"conflict/4"},
		{"conflict/2", "held/5"}, // a day later
		{"held/1"},               // a week later
	}, c.told)
	require.True(t, c.env.Now().Before(epoch.Add(15*24*time.Hour+time.Hour)), "it ends when there is nothing to remember: %s", c.env.Now())
}

func TestNotifyTriesAgainAndGivesUp(t *testing.T) {
	c := newCrier(t)
	c.down = 3
	c.after(0, held("1"))
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{})
	require.NoError(t, c.env.GetWorkflowError())
	require.Equal(t, [][]string{{"held/1"}}, c.told)

	c = newCrier(t)
	c.down = 1_000_000
	c.after(0, held("1"))
	c.after(25*time.Hour, held("2"))
	c.env.RegisterDelayedCallback(func() { c.down = 0 }, 25*time.Hour)
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{})
	require.NoError(t, c.env.GetWorkflowError(), "nobody to tell is no reason to fail")
}

func TestNotifyKeepsItsHistoryShort(t *testing.T) {
	c := newCrier(t)
	c.after(0, held("1"))
	c.env.RegisterDelayedCallback(func() { c.env.SetCurrentHistoryLength(1000) }, time.Hour)
	c.after(time.Hour, held("2"))
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, c.env.GetWorkflowError(), &again)
	var in workflows.NotifyInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.Equal(t, []notify.Notice{held("2")}, in.Pending)
	require.Len(t, in.Told, 1)
	require.Equal(t, "held/1", in.Told[0].Key)
}

// What one run has told, the next does not tell again.
func TestNotifyRemembersAcrossRuns(t *testing.T) {
	c := newCrier(t)
	c.after(0, held("1"), held("2"))
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{
		Pending: []notify.Notice{held("3")},
		Told:    []workflows.Told{{Key: "held/1", Until: epoch.Add(time.Hour)}},
	})
	require.NoError(t, c.env.GetWorkflowError())
	require.Equal(t, [][]string{{"held/3", "held/2"}}, c.told)
}

func TestNotifyWithNothingToTellEnds(t *testing.T) {
	c := newCrier(t)
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{})
	require.NoError(t, c.env.GetWorkflowError())
	require.Empty(t, c.told)
}

// TestHeldByTheBrakeIsToldHourly: one message with the newest number, and again
// as long as it goes on.
func TestHeldByTheBrakeIsToldHourly(t *testing.T) {
	c := newCrier(t)
	braked := func(n int) notify.Notice {
		return notify.Notice{Kind: notify.Braked, WorkflowID: workflows.BrakeWorkflowID, People: n}
	}
	c.after(0, braked(1), braked(17), braked(3), held("1"))
	c.after(30*time.Minute, braked(20))
	c.after(61*time.Minute, braked(21))
	c.env.ExecuteWorkflow(workflows.NotifyName, workflows.NotifyInput{})
	require.NoError(t, c.env.GetWorkflowError())
	require.Equal(t, [][]string{{"braked/suspension-brake", "held/1"}, {"braked/suspension-brake"}}, c.told)
	require.Equal(t, []int{17, 21}, c.people)
}
