package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

func TestRecall(t *testing.T) {
	p := newPlace(t, "recall")
	p.work()
	recall := func() activities.LastSync {
		last, err := p.Recall(t.Context(), personID)
		require.NoError(t, err)
		return last
	}
	require.Equal(t, activities.LastSync{}, recall(), "nobody was here before")

	p.finish("older")
	require.Equal(t, results["older"].Last, recall())

	p.finish("failed")
	p.finish("unchanged")
	require.Equal(t, results["older"].Last, recall(), "runs that knew nothing are passed over")

	p.finish("suspended")
	last := recall()
	require.True(t, *last.SuspendedByUs, "the newest word counts")
	require.Empty(t, last.Memory, "and what it does not know comes from an older run")
	require.True(t, last.MemoryKnown)

	p.finish("updated")
	last = recall()
	require.Equal(t, results["updated"].Last.Memory, last.Memory)
	require.True(t, *last.SuspendedByUs)

	// Somebody else's runs are not this person's.
	other, err := p.Recall(t.Context(), personID+"1")
	require.NoError(t, err)
	require.Equal(t, activities.LastSync{}, other)
}

func TestRecallFails(t *testing.T) {
	_, err := dispatch.New(server.Client(), "nowhere").Recall(t.Context(), personID)
	require.ErrorContains(t, err, "list closed runs of employee/"+personID)
}

// person is the id of somebody else.
func person(n int) string { return fmt.Sprintf("33328838542550%05d", n) }

// finishAll runs workflows of several people to their ends, and waits until
// they are listed.
func (p *place) finishAll(result string, employeeIDs ...string) {
	p.t.Helper()
	before := p.closed()
	for _, id := range employeeIDs {
		require.NoError(p.t, p.Signal(p.t.Context(), id, employee.Event{Type: employee.EventUpdated, ReportID: result}))
	}
	p.eventually("the runs are closed and listed", func() bool { return p.closed() == before+int64(len(employeeIDs)) })
}

func TestRecallMany(t *testing.T) {
	p := newPlace(t, "recall-many")
	p.work()
	var all []string
	for n := range 100 {
		all = append(all, person(n))
	}
	// Person 0 has no runs, 1 to 3 have some.
	p.finishAll("older", person(1), person(2))
	p.finishAll("suspended", person(2))
	p.finishAll("failed", person(2))
	p.finishAll("unchanged", person(1), person(3))

	known, err := p.RecallMany(t.Context(), append(all, person(1)))
	require.NoError(t, err)
	newest := results["suspended"].Last
	newest.MemoryKnown = true
	require.Equal(t, map[string]activities.LastSync{
		person(1): results["older"].Last,
		person(2): newest,
	}, known, "who has no runs, or runs that know nothing, is left out")

	none, err := p.RecallMany(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

// Somebody with more runs than are looked through does not hide the others',
// which are older.
func TestRecallManyLooksPastTheBusiest(t *testing.T) {
	p := newPlace(t, "recall-busy")
	p.work()
	p.finishAll("older", person(1), person(2))
	for range dispatch.RecallRuns {
		p.finishAll("unchanged", person(2))
	}
	for _, pageSize := range []int32{1, 7, 1000} {
		known, err := p.RecallPaged(t.Context(), []string{person(1), person(2)}, pageSize)
		require.NoError(t, err)
		require.Equal(t, map[string]activities.LastSync{person(1): results["older"].Last}, known, "page size %d", pageSize)
	}
}

func TestRecallManyFails(t *testing.T) {
	_, err := dispatch.New(server.Client(), "nowhere").RecallMany(t.Context(), []string{person(1), person(2)})
	require.ErrorContains(t, err, "list closed runs of 2 employees")
}

func TestEndedSince(t *testing.T) {
	p := newPlace(t, "ended-since")
	p.work()
	endedSince := func(id string, at time.Time) bool {
		ended, err := p.EndedSince(t.Context(), []string{id}, at)
		require.NoError(t, err)
		return ended[id]
	}
	before := time.Now().Add(-time.Second)
	require.False(t, endedSince(personID, before))

	p.finish("unchanged")
	p.finish("failed")
	require.True(t, endedSince(personID, before), "a failure is an end")
	require.False(t, endedSince(personID, time.Now().Add(time.Second)))
	require.False(t, endedSince(person(1), before), "somebody else's end is not this person's")
	ended, err := p.EndedSince(t.Context(), []string{person(1), personID, person(2)}, before)
	require.NoError(t, err)
	require.Equal(t, map[string]bool{personID: true}, ended, "of several people those alone")

	_, err = dispatch.New(server.Client(), "nowhere").EndedSince(t.Context(), []string{personID}, before)
	require.ErrorContains(t, err, "list ended runs of employee/"+personID)
}

// A run that goes on as another has not ended, and one that is asked for from
// within has not either.
func TestEndedSinceOfARunThatGoesOn(t *testing.T) {
	p := newPlace(t, "ended-since-goes-on")
	p.work()
	require.NoError(t, p.Signal(t.Context(), personID, employee.Event{Type: employee.EventUpdated, ReportID: "again"}))
	first := lateListing{p.client, []string{p.history()[0].GetWorkflowExecutionStartedEventAttributes().GetFirstExecutionRunId()}}
	p.eventually("the run is continued", func() bool { return p.closed() == 1 })
	ended, err := p.EndedSince(t.Context(), []string{personID}, time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.Equal(t, map[string]bool{personID: false}, ended, "it runs, and is said to")

	ended, err = dispatch.New(first, p.namespace).EndedSince(t.Context(), []string{personID}, time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.Equal(t, map[string]bool{personID: false}, ended, "whatever the listing has of the next one")
}

func TestWaiting(t *testing.T) {
	p := newPlace(t, "waiting")
	waiting, err := p.Waiting(t.Context())
	require.NoError(t, err, "a namespace without search attributes")
	require.Empty(t, waiting)

	p.register()
	due := time.Date(2027, 3, 1, 8, 30, 0, 0, time.UTC)
	start := func(id string, state workflows.SyncState, due time.Time) {
		o := client.StartWorkflowOptions{ID: workflows.EmployeeWorkflowID(id), TaskQueue: workflows.TaskQueue}
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.SyncStateKey.ValueSet(string(state)))
		if !due.IsZero() {
			o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.SyncStateKey.ValueSet(string(state)), workflows.SyncDueAtKey.ValueSet(due))
		}
		_, err := p.client.ExecuteWorkflow(t.Context(), o, workflows.EmployeeSyncName, workflows.EmployeeSyncInput{})
		require.NoError(t, err)
	}
	start(person(1), workflows.Waiting, due)
	start(person(2), workflows.Leaving, due.Add(time.Hour))
	start(person(3), workflows.Leaving, time.Time{})
	start(person(4), workflows.Settling, due)
	start(person(5), workflows.Waiting, due)
	require.NoError(t, p.client.TerminateWorkflow(t.Context(), workflows.EmployeeWorkflowID(person(5)), "", ""))
	p.eventually("all are listed as they are", func() bool {
		n, err := p.client.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: p.namespace, Query: "ExecutionStatus = 'Running' AND SyncState IS NOT NULL",
		})
		require.NoError(t, err)
		return n.GetCount() == 4
	})
	waiting, err = p.Waiting(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{person(1): due, person(2): due.Add(time.Hour)}, waiting)
}

// A server that lists search attributes may not accept them in a query yet.
func TestWaitingWithoutTheSearchAttributesThatWerePromised(t *testing.T) {
	listed := newPlace(t, "waiting-listed")
	listed.register()
	bare := newPlace(t, "waiting-bare")
	misled := dispatch.Misled(bare.client, listed.namespace, bare.namespace)
	require.True(t, misled.Tracked(t.Context()))
	waiting, err := misled.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
}

func TestEnded(t *testing.T) {
	p := newPlace(t, "ended")
	ended := func() (activities.BulkEnd, bool) {
		end, ended, err := p.Ended(t.Context(), personID)
		require.NoError(t, err)
		return end, ended
	}
	failed := func(reason string) activities.BulkEnd {
		return activities.BulkEnd{EmployeeID: personID, Outcome: employee.Failed, Reason: reason}
	}
	end, over := ended()
	require.True(t, over)
	require.Equal(t, failed("Its result is gone from the namespace"), end)

	require.NoError(t, p.Signal(t.Context(), personID, employee.Event{Type: employee.EventUpdated, ReportID: "told"}))
	end, over = ended()
	require.True(t, over, "an event has started it, and not a bulk run")
	require.Equal(t, workflows.Signalled, end.Outcome)
	p.work()
	p.eventually("the run is closed", func() bool { return p.closed() == 1 })
	end, over = ended()
	require.True(t, over)
	require.Equal(t, activities.BulkEnd{
		EmployeeID: personID, Outcome: employee.Created, Reason: "A OneLogin user was created", UserID: 60000042, MissingManager: person(1),
	}, end)

	p.finish("failed")
	end, _ = ended()
	require.Equal(t, failed("two OneLogin users"), end, "its own words alone")

	for _, stop := range []struct {
		how    func(id string) error
		reason string
	}{
		{func(id string) error { return p.client.CancelWorkflow(t.Context(), id, "") }, "The workflow was cancelled"},
		{func(id string) error { return p.client.TerminateWorkflow(t.Context(), id, "", "by a test") }, "The workflow was terminated"},
	} {
		before := p.closed()
		require.NoError(t, p.Signal(t.Context(), personID, employee.Event{Type: employee.EventUpdated, ReportID: "stays"}))
		require.NoError(t, stop.how(workflows.EmployeeWorkflowID(personID)))
		p.eventually("the run is closed", func() bool { return p.closed() == before+1 })
		end, _ = ended()
		require.Equal(t, failed(stop.reason), end)
	}
}

// A child of a bulk run has not ended as long as it runs, whatever has become
// of the bulk run.
func TestEndedOfAChildThatRuns(t *testing.T) {
	p := newPlace(t, "ended-child")
	w := worker.New(p.client, "parents", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: workflows.EmployeeWorkflowID(personID), TaskQueue: workflows.TaskQueue,
			ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		})
		child := workflow.ExecuteChildWorkflow(ctx, workflows.EmployeeSyncName, workflows.EmployeeSyncInput{})
		return child.GetChildWorkflowExecution().Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "Parent"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	parent, err := p.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "parents"}, "Parent")
	require.NoError(t, err)
	require.NoError(t, parent.Get(t.Context(), nil))
	_, over, err := p.Ended(t.Context(), personID)
	require.NoError(t, err)
	require.False(t, over)
}

func TestEndedFails(t *testing.T) {
	c := unreachable(t)
	_, _, err := dispatch.New(c, "default").Ended(brief(t), personID)
	require.ErrorContains(t, err, "look at employee/"+personID)
}
