package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

const (
	// lowWater is how few people may be in hand before the next page is asked
	// for: enough that the window never waits for one.
	lowWater = 200
	// bulkHistory bounds a run's history; what comes after is a fresh run's.
	// A child leaves about ten events.
	bulkHistory = 6000
	// drainFor is how long a run that hands over waits for its children. Those
	// that are stuck are looked after by the next run.
	drainFor = 30 * time.Second
	// cancelPatience is how long a cancelled run waits for what runs, to count
	// it; the children go on whatever it does.
	cancelPatience = time.Minute
	// maxUnlinked bounds the people who are remembered for a second pass; the
	// rest are linked by the next bulk run.
	maxUnlinked = 800
	// maxPasses bounds the passes that link managers. A circle of managers
	// takes two.
	maxPasses = 5
)

// bulkSync brings everybody in line: it has both sides read and planned, and
// then starts one child for each person who is not, a window of them at once.
type bulkSync struct {
	BulkState
	in  BulkSyncInput
	log log.Logger

	// changes is where whatever happens is waited for.
	changes workflow.Selector
	poke    workflow.Channel

	// hand are people who are to be started next.
	hand []activities.BulkItem
	// children are those of this run that have not reported, by Bob id.
	children map[string]*child
	// committed is how many calls to OneLogin they may still make.
	committed int
	// started are futures of children that may not have been started yet.
	started []workflow.Future
	// page is the page under way, ends the look after those adrift.
	page, ends workflow.Future
	// asked is the key of the last person whom a page has looked at.
	asked activities.BulkKey
	// lost: the worker that had the snapshot is gone. broken: no page can be
	// had.
	lost   bool
	broken error
	// recount: a snapshot was taken anew, and the next page tells how many
	// people are left.
	recount bool
	// losses counts the snapshots that were lost one after the other.
	losses int
	watch  budgetWatch
	// knownUsers are users that this run's children have created, by Bob id.
	knownUsers map[string]int64
	// plan holds this run's pages of a dry run.
	plan [][]PlanEntry

	cancelled bool
	// ticked is when the time in Busy was last added up.
	ticked time.Time
}

// child is one person's workflow that was started and has not ended.
type child struct {
	// calls is how many calls to OneLogin it was planned to make.
	calls int
}

func bulkSyncWorkflow(ctx workflow.Context, in BulkSyncInput) (BulkProgress, error) {
	if err := in.Validate(); err != nil {
		return BulkProgress{}, temporal.NewNonRetryableApplicationError(err.Error(), "BadInput", nil)
	}
	b := &bulkSync{
		in: in, log: workflow.GetLogger(ctx),
		changes: workflow.NewSelector(ctx), poke: workflow.NewBufferedChannel(ctx, 1),
		children: map[string]*child{}, knownUsers: map[string]int64{},
	}
	if err := b.setup(ctx); err != nil {
		return BulkProgress{}, err
	}
	return b.run(ctx)
}

func (b *bulkSync) setup(ctx workflow.Context) error {
	if b.in.State != nil {
		b.BulkState = *b.in.State
		b.in.State = nil
	} else {
		b.Progress = BulkProgress{
			Phase: BulkReading, DryRun: b.in.DryRun, Force: b.in.Force, StartedAt: workflow.Now(ctx),
			Outcomes: map[employee.Outcome]int{}, SkippedFor: map[string]int{}, Pass: 1,
		}
	}
	if b.Progress.Outcomes == nil {
		b.Progress.Outcomes = map[employee.Outcome]int{}
	}
	b.ticked = workflow.Now(ctx)

	reports := workflow.GetSignalChannel(ctx, ReportSignal)
	b.changes.AddReceive(reports, func(c workflow.ReceiveChannel, _ bool) {
		var end activities.BulkEnd
		if c.ReceiveAsync(&end) {
			b.settle(ctx, end)
		}
	})
	b.changes.AddReceive(b.poke, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	// A cancelled context is ready for ever, and no case of the selector.
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		b.cancelled = true
		b.poke.SendAsync(nil)
	})
	b.describe(ctx)
	return b.handlers(ctx)
}

func (b *bulkSync) handlers(ctx workflow.Context) error {
	pause := func(paused bool) func(workflow.Context) (BulkProgress, error) {
		return func(ctx workflow.Context) (BulkProgress, error) {
			b.Progress.Paused = paused
			b.poke.SendAsync(nil)
			b.describe(ctx)
			return b.progress(ctx), nil
		}
	}
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, ProgressQuery, func() (BulkProgress, error) { return b.progress(ctx), nil },
			workflow.QueryHandlerOptions{Description: "How far this run is, by outcome, with the first failures."}),
		workflow.SetQueryHandlerWithOptions(ctx, PlanQuery, b.planPage,
			workflow.QueryHandlerOptions{Description: "One page of a dry run's plan: {\"page\":0}. Holds people's data."}),
		workflow.SetUpdateHandlerWithOptions(ctx, PauseUpdate, pause(true),
			workflow.UpdateHandlerOptions{Description: "Start no more children; those that run finish."}),
		workflow.SetUpdateHandlerWithOptions(ctx, ResumeUpdate, pause(false),
			workflow.UpdateHandlerOptions{Description: "Go on after a pause."}),
	)
}

func (b *bulkSync) run(ctx workflow.Context) (BulkProgress, error) {
	if b.Snapshot.ID == "" {
		if err := b.takeSnapshot(ctx); err != nil {
			return BulkProgress{}, b.failed(ctx, err)
		}
	}
	// The context says so before the goroutine that waits for it has its turn.
	// Going on meanwhile would ask for the next page for ever: with a cancelled
	// context, every question is answered at once.
	cancelled := func() bool { return b.cancelled || ctx.Err() != nil }
	for !cancelled() {
		if err := b.step(ctx); err != nil {
			return BulkProgress{}, b.failed(ctx, err)
		}
		switch {
		case cancelled():
		case b.over():
			return b.end(ctx)
		case b.handsOver(ctx) && len(b.hand) == 0 && b.page == nil:
			if again, err := b.handOver(ctx); again {
				return BulkProgress{}, err
			}
		default:
			b.describe(ctx)
			b.changes.Select(ctx)
		}
	}
	return BulkProgress{}, b.stop(ctx)
}

// step does everything that can be done without waiting.
func (b *bulkSync) step(ctx workflow.Context) error {
	b.tick(ctx)
	b.Progress.Waiting = ""
	if b.broken != nil {
		return b.broken
	}
	if b.lost {
		if err := b.takeSnapshot(ctx); err != nil {
			return err
		}
		b.lost = false
	}
	b.fetch(ctx)
	b.lookAfterAdrift(ctx)
	for {
		next := b.next()
		if next < 0 || !b.affords(ctx, b.hand[next]) {
			return nil
		}
		item := b.hand[next]
		b.hand = slices.Delete(b.hand, next, next+1)
		b.begin(ctx, item)
	}
}

// next is the place in hand of the person who may be started now, -1 where
// there is none: managers come first, and their reports when they have a user.
func (b *bulkSync) next() int {
	if b.Progress.Paused {
		b.Progress.Waiting = "paused; send the update resume to go on"
		return -1
	}
	held := map[string]bool{} // those ahead who wait for their manager
	for i, item := range b.hand {
		if b.counted(item) {
			return i
		}
		if len(b.children) >= b.in.Window {
			return -1
		}
		_, managerRuns := b.children[item.ManagerID]
		if !item.AwaitsManager || (!managerRuns && !held[item.ManagerID]) {
			return i
		}
		held[item.Key.EmployeeID] = true
	}
	return -1
}

// counted: there is nothing to start for the person.
func (b *bulkSync) counted(item activities.BulkItem) bool {
	return b.in.DryRun || item.Outcome == employee.Failed || item.Outcome == employee.Moved
}

// begin starts the next person's child, or counts the person where there is
// nothing to start.
func (b *bulkSync) begin(ctx workflow.Context, item activities.BulkItem) {
	id := item.Key.EmployeeID
	if b.counted(item) {
		b.count(activities.BulkEnd{EmployeeID: id, Outcome: item.Outcome, Reason: item.Reason}, "")
		return
	}
	if userID, ok := b.knownUsers[item.ManagerID]; ok && item.ManagerUserID == 0 {
		item.ManagerUserID, item.AwaitsManager = userID, false
	}
	b.children[id] = &child{calls: item.Calls}
	b.committed += item.Calls
	b.spend(item.Calls)
	b.startChild(ctx, item)
}

// startChild starts a person's workflow under the person's own ID. Neither the
// end nor the cancellation of this run ends it.
func (b *bulkSync) startChild(ctx workflow.Context, item activities.BulkItem) {
	id := item.Key.EmployeeID
	apart, _ := workflow.NewDisconnectedContext(ctx)
	name := ""
	if item.Order != nil {
		name = nameInOneLogin(item.Order.Desired)
	}
	o := workflow.ChildWorkflowOptions{
		WorkflowID: EmployeeWorkflowID(id), TaskQueue: TaskQueue,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:     EmployeeSummary(id, name),
	}
	in := EmployeeSyncInput{Bulk: &FromBulk{
		ReportTo: workflow.GetInfo(ctx).WorkflowExecution.ID, Order: item.Order,
		ManagerID: item.ManagerID, ManagerUserID: item.ManagerUserID, ManagerFollows: item.AwaitsManager,
	}}
	in.Bulk.Run, in.Bulk.AllowSuspensions = b.allowance(ctx)
	if b.Snapshot.SearchAttributes {
		in.Shown = Syncing
		if item.Order != nil && item.Order.Decision.Phase == lifecycle.PhaseLeave {
			in.ShownDue = workflow.Now(ctx)
		}
		o.TypedSearchAttributes = in.SearchAttributes()
	}
	future := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(apart, o), EmployeeSyncName, in)
	b.started = append(b.started, future.GetChildWorkflowExecution())
	b.changes.AddFuture(future, func(f workflow.Future) {
		var result Result
		switch err := f.Get(ctx, &result); {
		case temporal.IsWorkflowExecutionAlreadyStartedError(err):
			b.joinRunning(ctx, item)
		case err != nil:
			b.settle(ctx, activities.BulkEnd{EmployeeID: id, Outcome: employee.Failed, Reason: sentence(err)})
		default:
			b.settle(ctx, endOf(id, result))
		}
	})
}

// allowance is what this run's people may tell the suspension brake. All runs
// that continue one another have one number.
func (b *bulkSync) allowance(ctx workflow.Context) (run string, suspensions int) {
	if b.in.AllowSuspensions == 0 {
		return "", 0
	}
	info := workflow.GetInfo(ctx)
	return info.WorkflowExecution.ID + "/" + info.FirstRunID, b.in.AllowSuspensions
}

// joinRunning tells a workflow that runs already to look again. It answers to
// whatever keeps it; this run need not wait for that.
func (b *bulkSync) joinRunning(ctx workflow.Context, item activities.BulkItem) {
	id := item.Key.EmployeeID
	apart, _ := workflow.NewDisconnectedContext(ctx)
	event := employee.Event{Type: employee.EventBulk, ReceivedAt: workflow.Now(ctx)}
	event.Run, event.AllowSuspensions = b.allowance(ctx)
	told := workflow.SignalExternalWorkflow(apart, EmployeeWorkflowID(id), "", EventSignal, event)
	b.changes.AddFuture(told, func(f workflow.Future) {
		if err := f.Get(ctx, nil); err != nil {
			// It has ended in the meantime, and what it did this run's reading
			// does not show: the child reads for itself.
			item.Order = nil
			b.startChild(ctx, item)
			return
		}
		b.settle(ctx, activities.BulkEnd{EmployeeID: id, Outcome: Signalled, Reason: item.Reason})
	})
}

// settle takes in how a child ended, or that it waits for a date. A child
// that has reported is not counted again when it ends.
func (b *bulkSync) settle(ctx workflow.Context, end activities.BulkEnd) {
	mine, ours := b.children[end.EmployeeID]
	adrift := slices.Index(b.Adrift, end.EmployeeID)
	switch {
	case ours:
		delete(b.children, end.EmployeeID)
		b.committed -= mine.calls
	case adrift >= 0:
		b.Adrift = slices.Delete(b.Adrift, adrift, adrift+1)
	default:
		return
	}
	b.count(end, EmployeeWorkflowID(end.EmployeeID))
	if end.Outcome == employee.Created {
		b.Created = append(b.Created, activities.CreatedUser{EmployeeID: end.EmployeeID, UserID: end.UserID})
		b.knownUsers[end.EmployeeID] = end.UserID
	}
	if changes(end.Outcome) {
		b.Changed = true
	}
	if end.MissingManager != "" && len(b.Unlinked) < maxUnlinked {
		b.Unlinked = append(b.Unlinked, activities.Unlinked{EmployeeID: end.EmployeeID, ManagerID: end.MissingManager})
	}
}

// count adds one person's end to the progress.
func (b *bulkSync) count(end activities.BulkEnd, workflowID string) {
	p := &b.Progress
	p.Done++
	p.Outcomes[end.Outcome]++
	b.repaired(end)
	switch end.Outcome {
	case employee.Failed, employee.Moved, employee.Held:
	default:
		return
	}
	if len(p.Failures) >= maxFailures {
		p.FailuresOmitted++
		return
	}
	p.Failures = append(p.Failures, BulkFailure{EmployeeID: end.EmployeeID, Outcome: end.Outcome, WorkflowID: workflowID, Reason: end.Reason})
}

// over: nobody is left to start or to wait for.
func (b *bulkSync) over() bool {
	return b.idle() && b.Exhausted && len(b.Unlinked) == 0
}

func (b *bulkSync) idle() bool {
	return len(b.hand) == 0 && len(b.children) == 0 && len(b.Adrift) == 0 && b.page == nil
}

func (b *bulkSync) end(ctx workflow.Context) (BulkProgress, error) {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return BulkProgress{}, err
	}
	b.Progress.Phase, b.Progress.EndedAt = BulkDone, workflow.Now(ctx)
	b.describe(ctx)
	return b.progress(ctx), nil
}

// failed ends the run with one sentence; nothing that runs is stopped by it.
func (b *bulkSync) failed(ctx workflow.Context, err error) error {
	if b.cancelled || ctx.Err() != nil {
		return b.stop(ctx)
	}
	b.log.Error("The bulk run failed", "error", sentence(err))
	b.Progress.EndedAt = workflow.Now(ctx)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(app.Message(), app.Type(), temporal.ApplicationErrorOptions{
		NonRetryable: true, Details: []any{b.progress(ctx)},
	})
}

// stop ends a cancelled run: it starts nobody, and waits a while for those who
// run so as to count them.
func (b *bulkSync) stop(ctx workflow.Context) error {
	apart, _ := workflow.NewDisconnectedContext(ctx)
	b.Progress.Phase, b.Progress.Cancelled = BulkStopping, true
	b.describe(apart)
	b.awaitChildren(apart, cancelPatience)
	b.Progress.Running = len(b.children) + len(b.Adrift)
	b.Progress.EndedAt = workflow.Now(ctx)
	b.describe(apart)
	return temporal.NewCanceledError(b.progress(apart))
}

// awaitChildren takes in what comes until no child is left, for so long.
func (b *bulkSync) awaitChildren(ctx workflow.Context, patience time.Duration) {
	b.awaitStarts(ctx)
	timed, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimerWithOptions(timed, patience, workflow.TimerOptions{Summary: "What runs finishes"})
	expired := false
	b.changes.AddFuture(timer, func(workflow.Future) { expired = true })
	for len(b.children) > 0 && !expired {
		b.changes.Select(ctx)
	}
}

// awaitStarts waits until every child has started: one that has not when its
// parent ends may never start.
func (b *bulkSync) awaitStarts(ctx workflow.Context) {
	for _, f := range b.started {
		_ = f.Get(ctx, nil) // whether it started is told by the child's own future
	}
	b.started = nil
}

// handsOver decides whether the rest is left to a fresh run.
func (b *bulkSync) handsOver(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > bulkHistory
}

// handOver continues as new when every child of this run has started and has
// had some time to end. It is called with nobody in hand.
func (b *bulkSync) handOver(ctx workflow.Context) (bool, error) {
	b.awaitChildren(ctx, drainFor)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil || b.cancelled {
		return false, nil
	}
	for b.changes.HasPending() || len(b.started) > 0 {
		b.awaitStarts(ctx)
		if b.changes.HasPending() {
			b.changes.Select(ctx) // what has come is not left behind
		}
	}
	if b.cancelled {
		return false, nil
	}
	b.After = b.position()
	b.Adrift = append(b.Adrift, workflow.DeterministicKeys(b.children)...)
	b.tick(ctx)
	if len(b.plan) > 0 {
		b.PlanRuns = append(b.PlanRuns, PlanRun{RunID: workflow.GetInfo(ctx).WorkflowExecution.RunID, Pages: len(b.plan)})
	}
	in := b.in
	in.State = &b.BulkState
	return true, workflow.NewContinueAsNewError(ctx, BulkSyncName, in)
}

// lookAfterAdrift finds out how children of an earlier run end.
func (b *bulkSync) lookAfterAdrift(ctx workflow.Context) {
	if len(b.Adrift) == 0 || b.ends != nil {
		return
	}
	options := callOptions("", fmt.Sprintf("Look after %d child(ren) of the run before", len(b.Adrift)), priorityLater)
	b.ends = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.BulkEndsName,
		activities.BulkEndsInput{EmployeeIDs: slices.Clone(b.Adrift)})
	b.changes.AddFuture(b.ends, func(f workflow.Future) {
		b.ends = nil
		var out activities.BulkEndsResult
		if err := f.Get(ctx, &out); err != nil {
			b.log.Warn("Children of the run before could not be looked after", "error", sentence(err))
			return
		}
		for _, end := range out.Ended {
			b.settle(ctx, end)
		}
	})
}
