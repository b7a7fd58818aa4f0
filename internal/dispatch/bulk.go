package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/workflows"
)

// BulkDryRunID is the ID under which operators start a dry run: it writes
// nothing, and so does not stand in the way of workflows.BulkWorkflowID.
const BulkDryRunID = "bulk-dry-run"

// Patience is how long a bulk run is given to answer what.
type Patience struct {
	Query, Update time.Duration
	// Other is for another run to say that it writes nothing.
	Other time.Duration
}

var defaultPatience = Patience{Query: 10 * time.Second, Update: 15 * time.Second, Other: 4 * time.Second}

// BulkRun is one bulk run. It may have been continued as new any number of
// times.
type BulkRun struct {
	WorkflowID string
	// RunID is the newest of its runs, FirstRunID the one that was started.
	RunID, FirstRunID string
	// StartedAt is when the first of them was started.
	StartedAt time.Time
}

// BulkView is where a bulk run stands.
type BulkView struct {
	BulkRun
	// Running says that it has not ended.
	Running bool
	// Progress is its own account; nil where it gave none.
	Progress *workflows.BulkProgress
	// Failure is one sentence; empty where it has not failed.
	Failure string
}

// StartBulk starts a bulk run. Where one is running under the same ID, it
// returns that one, and false.
func (d *Dispatcher) StartBulk(ctx context.Context, in workflows.BulkSyncInput) (BulkRun, bool, error) {
	o := client.StartWorkflowOptions{
		ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            bulkSummary(in),
		StaticDetails:                            bulkDetails(in),
	}
	if in.DryRun {
		o.ID = BulkDryRunID
	}
	started, err := d.client.ExecuteWorkflow(ctx, o, workflows.BulkSyncName, in)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	runID := ""
	switch {
	case errors.As(err, &already):
		runID = already.RunId
	case err != nil:
		return BulkRun{}, false, fmt.Errorf("start %s: %w", o.ID, err)
	default:
		runID = started.GetRunID()
	}
	run, _, err := d.bulkRun(ctx, o.ID, runID)
	return run, already == nil, err
}

// bulkSummary is the line that the web UI shows in its list.
func bulkSummary(in workflows.BulkSyncInput) string {
	switch {
	case in.DryRun:
		return "Dry run: what would change in OneLogin; writes nothing"
	case in.Apply != nil:
		return fmt.Sprintf("Apply a plan: %d people, Bob → OneLogin", len(in.Apply))
	case len(in.EmployeeIDs) > 0:
		return fmt.Sprintf("Synchronise %d people, Bob → OneLogin", len(in.EmployeeIDs))
	default:
		return "Synchronise everybody, Bob → OneLogin"
	}
}

// bulkDetails says on the run's page what it does, and how to steer it.
func bulkDetails(in workflows.BulkSyncInput) string {
	var b strings.Builder
	switch {
	case in.DryRun:
		b.WriteString("Reads Bob and OneLogin and plans what would change. Nothing is written anywhere.\n\n- The query `plan` pages through what would change, attribute by attribute.\n")
	case in.Apply != nil:
		b.WriteString("Makes the changes of one plan. People whose state has moved since it was made are refused.\n\n")
	case in.Force:
		b.WriteString("Reads Bob and OneLogin and starts a workflow for everybody, whether anything differs or not.\n\n")
	default:
		b.WriteString("Reads Bob and OneLogin, compares, and starts a workflow for everybody who is not in line.\n\n")
	}
	if n := len(in.EmployeeIDs); n > 0 {
		fmt.Fprintf(&b, "- Only the %d people whom the input names.\n", n)
	}
	if in.Window > 0 && !in.DryRun {
		fmt.Fprintf(&b, "- %d workflows run at once.\n", in.Window)
	}
	if in.AllowSuspensions > 0 {
		fmt.Fprintf(&b, "- %d people may be suspended beyond the limit of the suspension brake.\n", in.AllowSuspensions)
	}
	b.WriteString("- The query `progress` tells how far it is.\n")
	if !in.DryRun {
		b.WriteString("- The updates `pause` and `resume` hold it and let it go on. Cancelling it lets what runs finish, and starts nothing more.\n")
	}
	b.WriteString(workflows.DetailsEnd)
	return b.String()
}

// bulkRun looks at a bulk run by its workflow ID and any of its run IDs; the
// newest run of the workflow ID where none is given. It returns the newest run
// of the same chain as far as that can be told, and its status.
func (d *Dispatcher) bulkRun(ctx context.Context, workflowID, runID string) (BulkRun, enumspb.WorkflowExecutionStatus, error) {
	info, err := d.describe(ctx, workflowID, runID)
	if err != nil {
		return BulkRun{}, 0, err
	}
	first := firstRun(info)
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
		newest, err := d.describe(ctx, workflowID, "")
		if err != nil {
			return BulkRun{}, 0, err
		}
		// Somebody may have started another under the same ID since.
		if firstRun(newest) == first {
			info = newest
		}
	}
	run := BulkRun{
		WorkflowID: workflowID, RunID: info.GetExecution().GetRunId(), FirstRunID: first,
		StartedAt: info.GetStartTime().AsTime(),
	}
	if run.FirstRunID != run.RunID {
		// Retention may have taken the first; the newest one's start stands for
		// it then.
		began, err := d.describe(ctx, workflowID, run.FirstRunID)
		var gone *serviceerror.NotFound
		switch {
		case err == nil:
			run.StartedAt = began.GetStartTime().AsTime()
		case !errors.As(err, &gone):
			return BulkRun{}, 0, err
		}
	}
	return run, info.GetStatus(), nil
}

func (d *Dispatcher) describe(ctx context.Context, workflowID, runID string) (*workflowpb.WorkflowExecutionInfo, error) {
	described, err := d.client.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return nil, fmt.Errorf("look at workflow %s: %w", workflowID, err)
	}
	return described.GetWorkflowExecutionInfo(), nil
}

func firstRun(info *workflowpb.WorkflowExecutionInfo) string {
	return cmp.Or(info.GetFirstRunId(), info.GetExecution().GetRunId())
}

// listingLag is more than a server's listing lags behind, the difference of two
// clocks included.
const listingLag = 5 * time.Minute

// RunningBulk returns the bulk runs that are under way, however they were
// started, the oldest first. Scheduled ones have IDs of their own.
func (d *Dispatcher) RunningBulk(ctx context.Context) ([]BulkRun, error) {
	// The listing may lag some moments behind; the IDs that operators use are
	// looked at themselves, and so is every ID that has continued as new of
	// late: the server may list the end of one run before the start of the next.
	ids := []string{workflows.BulkWorkflowID, BulkDryRunID}
	query := fmt.Sprintf("WorkflowType = '%s' AND (ExecutionStatus = 'Running' OR (ExecutionStatus = 'ContinuedAsNew' AND %s))",
		workflows.BulkSyncName, closedAfter(time.Now().Add(-listingLag)))
	err := d.eachListed(ctx, query, func(run *workflowpb.WorkflowExecutionInfo) error {
		ids = append(ids, run.GetExecution().GetWorkflowId())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the bulk runs under way: %w", err)
	}
	var running []BulkRun
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		run, status, err := d.bulkRun(ctx, id, "")
		var none *serviceerror.NotFound
		switch {
		case errors.As(err, &none):
		case err != nil:
			return nil, err
		case underWay(status):
			running = append(running, run)
		}
	}
	slices.SortFunc(running, BulkRun.compare)
	return running, nil
}

// compare orders runs by their start; those of one moment by the run ID.
func (r BulkRun) compare(o BulkRun) int {
	return cmp.Or(r.StartedAt.Compare(o.StartedAt), cmp.Compare(r.FirstRunID, o.FirstRunID))
}

// OtherBulk returns the workflow ID of another bulk run that is under way,
// writes, and was started before the given one; empty where there is none. A
// run that cannot be asked counts as writing.
func (d *Dispatcher) OtherBulk(ctx context.Context, workflowID, runID string) (string, error) {
	running, err := d.RunningBulk(ctx)
	if err != nil {
		return "", err
	}
	own, _, err := d.bulkRun(ctx, workflowID, runID)
	if err != nil {
		return "", err
	}
	for _, run := range running {
		if run.WorkflowID == workflowID || run.compare(own) > 0 {
			continue
		}
		progress, err := d.askBulk(ctx, run, d.Patience.Other)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		var ended *serviceerror.NotFound
		if !errors.As(err, &ended) && (err != nil || !progress.DryRun) {
			return run.WorkflowID, nil
		}
	}
	return "", nil
}

// Progress tells where a bulk run stands, by its workflow ID and any of its
// run IDs; the newest of the ID where none is given. A *serviceerror.NotFound
// says that there is none. ErrNoAnswer comes with a view: the run is there,
// and most often no worker polls the task queue.
func (d *Dispatcher) Progress(ctx context.Context, workflowID, runID string) (BulkView, error) {
	run, status, err := d.bulkRun(ctx, workflowID, runID)
	if err != nil {
		return BulkView{}, err
	}
	view := BulkView{BulkRun: run}
	if status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED {
		view.Running = true
		progress, err := d.askBulk(ctx, run, d.Patience.Query)
		if err != nil {
			return view, err
		}
		view.Progress = &progress
		return view, nil
	}

	// Get goes along the chain to its end.
	var progress workflows.BulkProgress
	err = d.client.GetWorkflow(ctx, run.WorkflowID, run.RunID).Get(ctx, &progress)
	var failed *temporal.WorkflowExecutionError
	switch {
	case err == nil:
		view.Progress = &progress
		return view, nil
	case !errors.As(err, &failed):
		return view, fmt.Errorf("read the result of %s: %w", run.WorkflowID, err)
	}
	view.Failure = sentence(err)
	view.Progress = accountOf(err)
	if view.Progress == nil {
		// What was terminated gave no account, but can be asked as long as a
		// worker is there. Without one the failure alone has to do.
		if progress, err := d.askBulk(ctx, run, d.Patience.Other); err == nil {
			view.Progress = &progress
		}
	}
	return view, nil
}

// accountOf takes the progress out of a failure that carries one.
func accountOf(err error) *workflows.BulkProgress {
	var app *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	var progress workflows.BulkProgress
	switch {
	case errors.As(err, &app) && app.HasDetails() && app.Details(&progress) == nil:
		return &progress
	case errors.As(err, &cancelled) && cancelled.HasDetails() && cancelled.Details(&progress) == nil:
		return &progress
	default:
		return nil
	}
}

// askBulk asks one run for its progress.
func (d *Dispatcher) askBulk(ctx context.Context, run BulkRun, patience time.Duration) (workflows.BulkProgress, error) {
	var progress workflows.BulkProgress
	err := d.ask(ctx, run.WorkflowID, run.RunID, patience, &progress, workflows.ProgressQuery)
	return progress, err
}

// ask queries a run, and returns ErrNoAnswer where none comes in time.
func (d *Dispatcher) ask(ctx context.Context, workflowID, runID string, patience time.Duration, into any, query string, args ...any) error {
	return inTime(ctx, patience, "ask "+workflowID+" for its "+query, func(ctx context.Context) error {
		answer, err := d.client.QueryWorkflow(ctx, workflowID, runID, query, args...)
		if err != nil {
			return err
		}
		return answer.Get(into)
	})
}

// change sends an update to a workflow that runs, and returns ErrNoAnswer where
// none comes in time.
func (d *Dispatcher) change(ctx context.Context, o client.UpdateWorkflowOptions, into any) error {
	o.WaitForStage = client.WorkflowUpdateStageCompleted
	return inTime(ctx, d.Patience.Update, o.UpdateName+" "+o.WorkflowID, func(ctx context.Context) error {
		handle, err := d.client.UpdateWorkflow(ctx, o)
		if err != nil {
			return err
		}
		return handle.Get(ctx, into)
	})
}

// inTime is one exchange with a workflow. It returns ErrNoAnswer where there is
// no answer in time, and ctx's own error where ctx has ended; any other says
// what was tried.
func inTime(ctx context.Context, patience time.Duration, what string, exchange func(context.Context) error) error {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := exchange(asking)
	var lateQuery *serviceerror.DeadlineExceeded
	var lateUpdate *client.WorkflowUpdateServiceTimeoutOrCanceledError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case asking.Err() != nil, errors.As(err, &lateQuery), errors.As(err, &lateUpdate):
		return ErrNoAnswer
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// Plan returns one page of a dry run's plan, from whichever of its runs holds
// it. The page has people's data.
func (d *Dispatcher) Plan(ctx context.Context, workflowID, runID string, page int) (workflows.PlanPage, error) {
	ask := func(runID string) (out workflows.PlanPage, err error) {
		err = d.ask(ctx, workflowID, runID, d.Patience.Query, &out, workflows.PlanQuery, workflows.PlanRequest{Page: page})
		return out, err
	}
	out, err := ask(runID)
	if err != nil || out.RunID == "" {
		return out, err
	}
	held, err := ask(out.RunID)
	if err != nil || held.RunID == "" {
		held.Pages = out.Pages // an earlier run does not know what came after it
		return held, err
	}
	return workflows.PlanPage{}, fmt.Errorf("page %d of the plan of %s is with none of its runs", page, workflowID)
}

// PauseBulk has a bulk run start nothing more until it is resumed.
func (d *Dispatcher) PauseBulk(ctx context.Context, run BulkRun) (workflows.BulkProgress, error) {
	return d.steer(ctx, run, workflows.PauseUpdate)
}

// ResumeBulk lets a paused bulk run go on.
func (d *Dispatcher) ResumeBulk(ctx context.Context, run BulkRun) (workflows.BulkProgress, error) {
	return d.steer(ctx, run, workflows.ResumeUpdate)
}

func (d *Dispatcher) steer(ctx context.Context, run BulkRun, update string) (workflows.BulkProgress, error) {
	var progress workflows.BulkProgress
	err := d.change(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.WorkflowID, FirstExecutionRunID: run.FirstRunID, UpdateName: update,
	}, &progress)
	return progress, err
}

// CancelBulk has a bulk run end: what runs finishes, and nothing more starts.
func (d *Dispatcher) CancelBulk(ctx context.Context, run BulkRun) error {
	// The client's own call cannot name a chain of runs.
	_, err := d.client.WorkflowService().RequestCancelWorkflowExecution(ctx, &workflowservice.RequestCancelWorkflowExecutionRequest{
		Namespace: d.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.WorkflowID},
		FirstExecutionRunId: run.FirstRunID, Reason: "asked for by an operator",
	})
	if err != nil {
		return fmt.Errorf("cancel %s: %w", run.WorkflowID, err)
	}
	return nil
}
