package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

func TestReadBackFindsUnlicensedUsersInOneCall(t *testing.T) {
	w := newWorld(t)
	w.person()
	result, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, employee.Created, result.Outcome)
	require.Equal(t, []activities.CreatedUser{{EmployeeID: w.id, UserID: result.OneLoginID}}, w.announced)
	others := w.one.Seed(
		map[string]any{"email": "a@example.com", "username": "a@example.com", "state": 1},
		map[string]any{"email": "b@example.com", "username": "b@example.com", "state": 3},
	)
	w.oneCalls.ResetCalls()

	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(epoch)
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.ReadBackWorkflowID, TaskQueue: workflows.TaskQueue})
	workflows.Register(env, workflows.Options{SettleDelay: settle})
	w.acts.RegisterOneLogin(env)
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(workflows.CreatedSignal, w.announced[0])
		env.SignalWorkflow(workflows.CreatedSignal, activities.CreatedUser{EmployeeID: "1", UserID: others[0]})
		env.SignalWorkflow(workflows.CreatedSignal, activities.CreatedUser{EmployeeID: "2", UserID: others[1]})
	}, 0)
	env.RegisterDelayedCallback(func() {
		require.Empty(t, usersCalls(w), "nothing is read before OneLogin's effects had their time")
		env.SignalWorkflow(workflows.CreatedSignal, activities.CreatedUser{EmployeeID: "3", UserID: others[1]})
	}, workflows.ReadBackDelay-time.Second)
	env.RegisterDelayedCallback(func() {
		require.Equal(t, map[string]int{"GET /api/2/users": 1}, usersCalls(w), "one call for three users")
	}, workflows.ReadBackDelay+time.Second)
	env.ExecuteWorkflow(workflows.ReadBackName, workflows.ReadBackInput{})
	require.NoError(t, env.GetWorkflowError())
	require.True(t, env.Now().Equal(epoch.Add(2*workflows.ReadBackDelay)), "the late one has a delay of its own")
	require.Equal(t, []signal{
		{"2", employee.Event{Type: employee.EventUnlicensed}}, {"3", employee.Event{Type: employee.EventUnlicensed}},
	}, w.signals)
}

func TestEmployeeSyncUnlicensedIsHeld(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked(map[string]any{"state": 3})
	w.after(0, func() { w.event(employee.EventUnlicensed) })
	result, err := w.play()
	require.NoError(t, err)
	require.Equal(t, employee.Held, result.Outcome)
	require.Contains(t, result.Reason, "Unlicensed")
	require.Zero(t, w.oneCalls.Calls()["PUT /api/2/users/{id}"])
}
