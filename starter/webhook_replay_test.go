package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

// company is an office with the real worker in it, before stand-ins of both
// APIs.
type company struct {
	*office
	bob      *simbob.Server
	oneLogin *simonelogin.Server
	calls    *control.Control
}

func newCompany(t *testing.T) *company {
	c := &company{office: newOffice(t), calls: control.New(control.NewClock())}
	c.bob = simbob.New(simbob.Config{
		ServiceUserID: "SERVICE-test", Token: "token", Settings: simbob.Settings{PerMinute: -1},
	}, control.New(control.NewClock()))
	t.Cleanup(c.bob.Close)
	bobServer := httptest.NewServer(c.bob)
	t.Cleanup(bobServer.Close)
	c.oneLogin = simonelogin.New(simonelogin.Config{
		ClientID: "id", ClientSecret: "secret", HourlyBudget: -1, BurstPerSecond: -1,
	}, c.calls)
	c.oneLogin.DefineCustomAttribute("Work Cell", "work_cell")
	oneServer := httptest.NewServer(c.oneLogin)
	t.Cleanup(oneServer.Close)

	bobClient, err := bob.New(bob.Config{BaseURL: bobServer.URL + "/v1", ServiceUserID: "SERVICE-test", Token: "token", MaxPerMinute: 100_000})
	require.NoError(t, err)
	oneClient, err := onelogin.New(onelogin.Config{BaseURL: oneServer.URL, ClientID: "id", ClientSecret: "secret", MaxRPS: 100_000})
	require.NoError(t, err)
	acts := &activities.Activities{
		Bob: bobClient, OneLogin: oneClient, Settings: mapping.Default,
		Signal: c.Signal, Announce: c.Announce, Recall: c.Recall, Brake: c.NewBrake(),
		SearchAttributes: func() bool { return false },
	}
	require.NoError(t, acts.Prepare(t.Context()))
	general := worker.New(c.client, workflows.TaskQueue, worker.Options{})
	workflows.Register(general, workflows.Options{})
	acts.RegisterGeneral(general)
	ofOneLogin := worker.New(c.client, workflows.OneLoginTaskQueue, worker.Options{DisableWorkflowWorker: true})
	acts.RegisterOneLogin(ofOneLogin)
	for _, w := range []worker.Worker{general, ofOneLogin} {
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	return c
}

// writes counts the calls that changed something in OneLogin.
func (c *company) writes() int {
	n := 0
	for call, times := range c.calls.Calls() {
		if method, path, _ := strings.Cut(call, " "); method != http.MethodGet && strings.Contains(path, "/users") {
			n += times
		}
	}
	return n
}

// idle waits until the person's newest run is over, and as many runs in all.
func (c *company) idle(runs int64) {
	c.t.Helper()
	c.eventually("every run is over", func() bool {
		all, err := c.client.CountWorkflow(c.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: c.namespace, Query: "WorkflowType = '" + workflows.EmployeeSyncName + "' AND ExecutionStatus = 'Completed'",
		})
		d, derr := c.client.DescribeWorkflowExecution(c.t.Context(), workflows.EmployeeWorkflowID(personID), "")
		return err == nil && derr == nil && all.GetCount() >= runs &&
			d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	})
}

// A body that is delivered again, by Bob or by whoever has recorded it, says
// that something may have changed, and not what: Bob is read, and what he says
// now is what counts. The signature of yesterday's end of access suspends nobody
// who is employed today.
func TestWebhookReplayed(t *testing.T) {
	c := newCompany(t)
	put := func(record map[string]any) {
		t.Helper()
		_, err := c.bob.Put(personID, record)
		require.NoError(t, err)
	}
	put(map[string]any{
		"email": email, "firstName": "Juniper", "surname": "Sample",
		"work":     map[string]any{"startDate": "2020-01-06", "title": "Gardener"},
		"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"},
	})
	c.oneLogin.Seed(map[string]any{
		"email": email, "username": email, "firstname": "Juniper", "lastname": "Sample", "title": "Gardener",
		"external_id": personID, "status": 1, "state": 1,
	})
	status := func() any { return c.oneLogin.Users()[0]["status"] }
	e := newEndpoint(t)
	e.hook.signal = c.Signal
	body := v2("employee.left", `"employeeId":"`+personID+`"`)
	deliver := func() {
		t.Helper()
		res, answer := e.post(body, sign(body, secret))
		require.Equal(t, http.StatusOK, res.StatusCode, answer)
	}

	deliver()
	c.idle(1)
	require.EqualValues(t, 2, status(), "the leaver is suspended")
	once := c.writes()
	require.Equal(t, 2, once, "suspended and logged out: %v", c.calls.Calls())

	for n := range 3 {
		deliver()
		c.idle(int64(n) + 2)
	}
	require.Equal(t, once, c.writes(), "the same body again changes nothing: %v", c.calls.Calls())

	put(map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"}})
	deliver()
	c.idle(5)
	require.EqualValues(t, 1, status(), "what Bob says now counts, not what the body said then")
	again := c.writes()
	deliver()
	c.idle(6)
	require.EqualValues(t, 1, status())
	require.Equal(t, again, c.writes())
}
