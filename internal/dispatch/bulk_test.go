package dispatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// endSignal tells standBulk how to end.
const endSignal = "end"

// standBulk stands in for a bulk run: it does what it is signalled, and keeps
// to the messages of the real one.
func standBulk(ctx workflow.Context, in workflows.BulkSyncInput) (workflows.BulkProgress, error) {
	p := workflows.BulkProgress{Phase: workflows.BulkRunning, DryRun: in.DryRun, Total: 10, Pass: 1}
	if in.State != nil {
		p = in.State.Progress
		p.Pass++
	}
	runID := workflow.GetInfo(ctx).WorkflowExecution.RunID
	if err := workflow.SetQueryHandler(ctx, workflows.ProgressQuery, func() (workflows.BulkProgress, error) { return p, nil }); err != nil {
		return p, err
	}
	// Page 0 is with the first run, page 1 with the second, and so on; page 9
	// is nowhere.
	holders := []workflows.PlanRun{{RunID: runID, Pages: 1}}
	if in.State != nil {
		holders = append(slices.Clone(in.State.PlanRuns), holders...)
	}
	err := workflow.SetQueryHandler(ctx, workflows.PlanQuery, func(r workflows.PlanRequest) (workflows.PlanPage, error) {
		page := workflows.PlanPage{Page: r.Page, Pages: len(holders)}
		switch {
		case r.Page == 9:
			page.RunID = workflow.GetInfo(ctx).FirstRunID
			if page.RunID == runID {
				page.RunID = "somewhere else"
			}
		case r.Page >= len(holders):
			return page, temporal.NewNonRetryableApplicationError("the plan has no such page", "NoSuchPage", nil)
		case holders[r.Page].RunID != runID:
			page.RunID = holders[r.Page].RunID
		default:
			title := "New title"
			page.Entries = []workflows.PlanEntry{{
				EmployeeID: person(r.Page), Outcome: employee.Updated, Digest: "abc",
				Changes: []activities.Change{{Attribute: "title", New: &title}},
			}}
		}
		return page, nil
	})
	if err != nil {
		return p, err
	}
	for update, paused := range map[string]bool{workflows.PauseUpdate: true, workflows.ResumeUpdate: false} {
		err := workflow.SetUpdateHandler(ctx, update, func(workflow.Context) (workflows.BulkProgress, error) {
			p.Paused = paused
			return p, nil
		})
		if err != nil {
			return p, err
		}
	}

	how := ""
	end := workflow.GetSignalChannel(ctx, endSignal)
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(end, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &how) })
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { how = "cancelled" })
	selector.Select(ctx)
	switch how {
	case "again":
		return p, workflow.NewContinueAsNewError(ctx, workflows.BulkSyncName, workflows.BulkSyncInput{
			DryRun: in.DryRun, State: &workflows.BulkState{Progress: p, PlanRuns: holders},
		})
	case "failed":
		p.Done = 4
		return p, temporal.NewApplicationErrorWithOptions("Bob shows nobody at all", "TooFewShown", temporal.ApplicationErrorOptions{
			NonRetryable: true, Details: []any{p},
		})
	case "cancelled":
		p.Done, p.Cancelled = 5, true
		return p, temporal.NewCanceledError(p)
	}
	p.Phase, p.Done = workflows.BulkDone, p.Total
	return p, nil
}

// impatient has a missing worker found out sooner.
var impatient = dispatch.Patience{Query: 500 * time.Millisecond, Update: 500 * time.Millisecond, Other: 500 * time.Millisecond}

// startBulk starts a run under an ID of its own, as a Schedule does.
func (p *place) startBulk(id string, in workflows.BulkSyncInput) dispatch.BulkRun {
	p.t.Helper()
	run, err := p.client.ExecuteWorkflow(p.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflows.BulkSyncName, in)
	require.NoError(p.t, err)
	return dispatch.BulkRun{WorkflowID: id, RunID: run.GetRunID(), FirstRunID: run.GetRunID()}
}

// end has a bulk run end, or go on as another run.
func (p *place) end(run dispatch.BulkRun, how string) {
	p.t.Helper()
	require.NoError(p.t, p.client.SignalWorkflow(p.t.Context(), run.WorkflowID, "", endSignal, how))
	p.eventually("it has", func() bool {
		d, err := p.client.DescribeWorkflowExecution(p.t.Context(), run.WorkflowID, run.RunID)
		require.NoError(p.t, err)
		return d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	})
}

// listed waits until the server lists so many bulk runs as running.
func (p *place) listed(count int64) {
	p.t.Helper()
	p.eventually("the bulk runs are listed", func() bool {
		n, err := p.client.CountWorkflow(p.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: p.namespace, Query: "WorkflowType = 'BulkSync' AND ExecutionStatus = 'Running'",
		})
		require.NoError(p.t, err)
		return n.GetCount() == count
	})
}

func TestStartBulk(t *testing.T) {
	p := newPlace(t, "start-bulk")
	run, started, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{Force: true, Window: 7})
	require.NoError(t, err)
	require.True(t, started)
	require.Equal(t, "bulk-sync", run.WorkflowID)
	require.NotEmpty(t, run.RunID)
	require.WithinDuration(t, time.Now(), run.StartedAt, time.Minute)

	again, started, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.False(t, started, "one is running")
	require.Equal(t, run, again)

	dry, started, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	require.True(t, started, "a dry run does not stand in the way")
	require.Equal(t, "bulk-dry-run", dry.WorkflowID)

	first, err := p.client.GetWorkflowHistory(t.Context(), run.WorkflowID, run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	require.NoError(t, err)
	a := first.GetWorkflowExecutionStartedEventAttributes()
	require.Equal(t, "BulkSync", a.GetWorkflowType().GetName())
	require.Equal(t, "bob-onelogin", a.GetTaskQueue().GetName())
	require.Zero(t, a.GetWorkflowExecutionTimeout().AsDuration(), "it waits for OneLogin's budget as long as it takes")
	require.JSONEq(t, `{"force":true,"window":7}`, string(a.GetInput().GetPayloads()[0].GetData()))
	var summary, details string
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(first.GetUserMetadata().GetSummary(), &summary))
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(first.GetUserMetadata().GetDetails(), &details))
	require.Equal(t, "Synchronise everybody, Bob → OneLogin", summary)
	require.Contains(t, details, "whether anything differs or not")
	require.Contains(t, details, "7 workflows run at once")
	require.Contains(t, details, "`pause`")
}

func TestStartBulkFails(t *testing.T) {
	_, _, err := dispatch.New(unreachable(t), "default").StartBulk(brief(t), workflows.BulkSyncInput{})
	require.ErrorContains(t, err, "start bulk-sync")
}

func TestRunningBulk(t *testing.T) {
	p := newPlace(t, "running-bulk")
	running, err := p.RunningBulk(t.Context())
	require.NoError(t, err)
	require.Empty(t, running)

	scheduled := p.startBulk("bulk-sync-2026-11-24T00:00:00Z", workflows.BulkSyncInput{})
	p.listed(1)
	dry, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	ids := func() []string {
		running, err := p.RunningBulk(t.Context())
		require.NoError(t, err)
		var ids []string
		for _, r := range running {
			ids = append(ids, r.WorkflowID)
		}
		return ids
	}
	require.Equal(t, []string{scheduled.WorkflowID, dry.WorkflowID, run.WorkflowID}, ids(), "the oldest first, whatever the listing knows yet")

	p.work()
	p.end(scheduled, "done")
	require.Equal(t, []string{dry.WorkflowID, run.WorkflowID}, ids(), "whatever the listing still has")
}

// One that continues as new is as old as its first run.
func TestRunningBulkKeepsItsAge(t *testing.T) {
	p := newPlace(t, "running-bulk-age")
	p.work()
	run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	other := p.startBulk("bulk-sync-2026-11-24T00:00:00Z", workflows.BulkSyncInput{})
	p.listed(2)
	p.end(run, "again")
	running, err := p.RunningBulk(t.Context())
	require.NoError(t, err)
	require.Len(t, running, 2)
	require.Equal(t, run.WorkflowID, running[0].WorkflowID)
	require.Equal(t, run.FirstRunID, running[0].FirstRunID)
	require.NotEqual(t, run.RunID, running[0].RunID)
	require.Equal(t, run.StartedAt, running[0].StartedAt)
	require.Equal(t, other.WorkflowID, running[1].WorkflowID)
}

// lateListing is a server whose listing has some runs alone, and not yet those
// that they have been continued as.
type lateListing struct {
	client.Client
	runIDs []string
}

func (l lateListing) ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	page, err := l.Client.ListWorkflow(ctx, r)
	if err != nil {
		return nil, err
	}
	page.Executions = slices.DeleteFunc(page.GetExecutions(), func(run *workflowpb.WorkflowExecutionInfo) bool {
		return !slices.Contains(l.runIDs, run.GetExecution().GetRunId())
	})
	return page, nil
}

func TestOtherBulkThatTheListingHasNotYet(t *testing.T) {
	p := newPlace(t, "other-bulk-late")
	p.work()
	older := p.startBulk("bulk-sync-2026-11-24T00:00:00Z", workflows.BulkSyncInput{})
	newer, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	p.listed(2)
	p.end(older, "again")
	id, err := dispatch.New(lateListing{p.client, []string{older.RunID, newer.RunID}}, p.namespace).OtherBulk(t.Context(), newer.WorkflowID, newer.RunID)
	require.NoError(t, err)
	require.Equal(t, older.WorkflowID, id)
}

func TestOtherBulk(t *testing.T) {
	p := newPlace(t, "other-bulk")
	p.work()
	dry, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	older := p.startBulk("bulk-sync-2026-11-24T00:00:00Z", workflows.BulkSyncInput{})
	p.listed(2)
	newer, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	p.listed(3)
	other := func(run dispatch.BulkRun) string {
		id, err := p.OtherBulk(t.Context(), run.WorkflowID, run.RunID)
		require.NoError(t, err)
		return id
	}
	require.Empty(t, other(older), "it was there first, and dry runs do not count")
	require.Equal(t, older.WorkflowID, other(newer))

	// The age is that of the first run, for both.
	p.end(older, "again")
	require.Equal(t, older.WorkflowID, other(newer))
	p.end(newer, "again")
	require.Equal(t, older.WorkflowID, other(newer))
	require.Empty(t, other(older))

	require.NoError(t, p.client.SignalWorkflow(t.Context(), older.WorkflowID, "", endSignal, "done"))
	p.listed(2)
	require.Empty(t, other(newer))
	require.Empty(t, other(dry), "asked for a dry run, it has no older either")
}

func TestOtherBulkThatCannotBeAsked(t *testing.T) {
	p := newPlace(t, "other-bulk-mute")
	older := p.startBulk("bulk-sync-2026-11-24T00:00:00Z", workflows.BulkSyncInput{DryRun: true})
	p.listed(1)
	newer, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	p.Patience = impatient
	id, err := p.OtherBulk(t.Context(), newer.WorkflowID, newer.RunID)
	require.NoError(t, err)
	require.Equal(t, older.WorkflowID, id, "nobody says that it writes nothing")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.OtherBulk(ctx, newer.WorkflowID, newer.RunID)
	require.Error(t, err)
}

func TestProgress(t *testing.T) {
	p := newPlace(t, "progress")
	_, err := p.Progress(t.Context(), workflows.BulkWorkflowID, "")
	var none *serviceerror.NotFound
	require.ErrorAs(t, err, &none)

	p.work()
	run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	progress := func(runID string) dispatch.BulkView {
		view, err := p.Progress(t.Context(), workflows.BulkWorkflowID, runID)
		require.NoError(t, err)
		return view
	}
	require.Equal(t, dispatch.BulkView{
		BulkRun: run, Running: true, Progress: &workflows.BulkProgress{Phase: workflows.BulkRunning, Total: 10, Pass: 1},
	}, progress(""))
	require.Equal(t, progress(""), progress(run.RunID))

	p.end(run, "again")
	view := progress(run.RunID)
	require.True(t, view.Running)
	require.Equal(t, 2, view.Progress.Pass, "any run's ID leads to the newest")
	require.Equal(t, run.StartedAt, view.StartedAt)

	p.end(view.BulkRun, "done")
	view = progress(run.RunID)
	require.False(t, view.Running)
	require.Empty(t, view.Failure)
	require.Equal(t, workflows.BulkDone, view.Progress.Phase)
	require.Equal(t, 10, view.Progress.Done)

	// Another that began since is not mistaken for it.
	next, started, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.True(t, started)
	view = progress(run.RunID)
	require.False(t, view.Running)
	require.Equal(t, 10, view.Progress.Done)
	require.Equal(t, next.RunID, progress("").RunID)

	p.end(next, "failed")
	view = progress("")
	require.Equal(t, "Bob shows nobody at all", view.Failure)
	require.Equal(t, 4, view.Progress.Done, "it tells how far it came")
}

func TestProgressOfARunThatWasEnded(t *testing.T) {
	p := newPlace(t, "progress-ended")
	p.work()
	tests := []struct {
		name    string
		how     func(run dispatch.BulkRun) error
		failure string
		done    int
	}{
		{"cancelled", func(run dispatch.BulkRun) error { return p.CancelBulk(t.Context(), run) }, "The workflow was cancelled", 5},
		{"terminated", func(run dispatch.BulkRun) error {
			return p.client.TerminateWorkflow(t.Context(), run.WorkflowID, run.RunID, "by a test")
		}, "The workflow was terminated", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
			require.NoError(t, err)
			_, err = p.Progress(t.Context(), run.WorkflowID, run.RunID)
			require.NoError(t, err)
			require.NoError(t, test.how(run))
			var view dispatch.BulkView
			p.eventually("it has ended", func() bool {
				view, err = p.Progress(t.Context(), run.WorkflowID, run.RunID)
				require.NoError(t, err)
				return !view.Running
			})
			require.Equal(t, test.failure, view.Failure)
			require.Equal(t, test.done, view.Progress.Done)
			require.Equal(t, 10, view.Progress.Total)
		})
	}
}

func TestNoAnswerFromABulkRun(t *testing.T) {
	p := newPlace(t, "progress-mute")
	run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	p.Patience = impatient
	view, err := p.Progress(t.Context(), workflows.BulkWorkflowID, "")
	require.ErrorIs(t, err, dispatch.ErrNoAnswer, "no worker polls the task queue")
	require.Equal(t, dispatch.BulkView{BulkRun: run, Running: true}, view, "what the server knows is told all the same")
	_, err = p.Plan(t.Context(), run.WorkflowID, run.RunID, 0)
	require.ErrorIs(t, err, dispatch.ErrNoAnswer)
	_, err = p.PauseBulk(t.Context(), run)
	require.ErrorIs(t, err, dispatch.ErrNoAnswer)
	_, err = p.ResumeBulk(t.Context(), run)
	require.ErrorIs(t, err, dispatch.ErrNoAnswer)
}

func TestPlan(t *testing.T) {
	p := newPlace(t, "plan")
	p.work()
	run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	p.end(run, "again")
	view, err := p.Progress(t.Context(), run.WorkflowID, "")
	require.NoError(t, err)
	p.end(view.BulkRun, "done")
	view, err = p.Progress(t.Context(), run.WorkflowID, "")
	require.NoError(t, err)

	title := "New title"
	for page := range 2 {
		got, err := p.Plan(t.Context(), run.WorkflowID, view.RunID, page)
		require.NoError(t, err)
		require.Equal(t, workflows.PlanPage{Page: page, Pages: 2, Entries: []workflows.PlanEntry{{
			EmployeeID: person(page), Outcome: employee.Updated, Digest: "abc",
			Changes: []activities.Change{{Attribute: "title", New: &title}},
		}}}, got, "whichever run has it, and after the end too")
	}
	_, err = p.Plan(t.Context(), run.WorkflowID, view.RunID, 2)
	require.ErrorContains(t, err, "the plan has no such page")
	_, err = p.Plan(t.Context(), run.WorkflowID, view.RunID, 9)
	require.ErrorContains(t, err, "page 9 of the plan of bulk-dry-run is with none of its runs")
}

func TestSteerBulk(t *testing.T) {
	p := newPlace(t, "steer")
	p.work()
	run, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	p.end(run, "again")

	progress, err := p.PauseBulk(t.Context(), run)
	require.NoError(t, err)
	require.True(t, progress.Paused)
	progress, err = p.ResumeBulk(t.Context(), run)
	require.NoError(t, err)
	require.False(t, progress.Paused)
	require.NoError(t, p.CancelBulk(t.Context(), run), "whichever of its runs is the newest")
	var view dispatch.BulkView
	p.eventually("it has ended", func() bool {
		view, err = p.Progress(t.Context(), run.WorkflowID, run.RunID)
		require.NoError(t, err)
		return !view.Running
	})
	require.True(t, view.Progress.Cancelled)

	// Another under the same ID is left alone.
	next, _, err := p.StartBulk(t.Context(), workflows.BulkSyncInput{})
	require.NoError(t, err)
	_, err = p.PauseBulk(t.Context(), run)
	require.ErrorContains(t, err, "pause bulk-sync")
	require.ErrorContains(t, p.CancelBulk(t.Context(), run), "cancel bulk-sync")
	view, err = p.Progress(t.Context(), next.WorkflowID, next.RunID)
	require.NoError(t, err)
	require.True(t, view.Running)
	require.False(t, view.Progress.Paused)
}
