package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// The queues of bare workflows: like the program's own, one for workflows and
// one whose rate the server keeps. On bareIdleQueue nobody works.
const (
	bareQueue     = "bench-bare"
	bareAPIQueue  = "bench-bare-api"
	bareIdleQueue = "bench-bare-idle"
)

// slots is how many of the rated activities run at once, as in the worker.
const slots = 16

// bareSide is the other side of comparisons: workflows with the steps of the
// program's and nothing in them, run by a worker in this process.
type bareSide struct {
	workers []worker.Worker

	mu sync.Mutex
	// touched is when the rated activity of a workflow began.
	touched map[string]time.Time
}

// serveBare starts a worker, in this process, for the bare workflows.
func (s *stack) serveBare() (*bareSide, error) {
	b := &bareSide{touched: map[string]time.Time{}}
	general := worker.New(s.server.Client(), bareQueue, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	})
	general.RegisterWorkflow(bareParent)
	general.RegisterWorkflow(bareChild)
	general.RegisterWorkflow(emptyChild)
	general.RegisterWorkflow(bareEmployee)
	general.RegisterActivityWithOptions(func() error { return nil }, activity.RegisterOptions{Name: bareRead})
	api := worker.New(s.server.Client(), bareAPIQueue, worker.Options{
		DisableWorkflowWorker: true, TaskQueueActivitiesPerSecond: maxRPS, MaxConcurrentActivityExecutionSize: slots,
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	})
	api.RegisterActivityWithOptions(b.touch, activity.RegisterOptions{Name: bareWrite})
	for _, w := range []worker.Worker{general, api} {
		if err := w.Start(); err != nil {
			b.stop()
			return nil, fmt.Errorf("poll the queues of bare workflows: %w", err)
		}
		b.workers = append(b.workers, w)
	}
	return b, nil
}

func (b *bareSide) stop() {
	for _, w := range b.workers {
		w.Stop()
	}
}

const bareRead, bareWrite = "bareRead", "bareWrite"

func (b *bareSide) touch(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touched[activity.GetInfo(ctx).WorkflowExecution.ID] = time.Now()
	return nil
}

func (b *bareSide) touchedAt(id string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.touched[id]
}

// bareActivity runs an activity with the options of the program's, on a queue.
func bareActivity(ctx workflow.Context, queue, name string) error {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: queue, Summary: "An activity that does nothing", StartToCloseTimeout: 2 * time.Minute,
		ScheduleToCloseTimeout: 7 * 24 * time.Hour, HeartbeatTimeout: 10 * time.Second, WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Priority:    temporal.Priority{PriorityKey: 5},
	}), name).Get(ctx, nil)
}

// bareChild is a child of a bulk run with nothing in it: one activity.
func bareChild(ctx workflow.Context, _ workflows.EmployeeSyncInput) error {
	return bareActivity(ctx, bareAPIQueue, bareWrite)
}

// emptyChild ends with its first workflow task.
func emptyChild(workflow.Context, workflows.EmployeeSyncInput) error { return nil }

// bareInput says what a bare employee's workflow waits for: so long after its
// signal came, or until then.
type bareInput struct {
	Settle time.Duration `json:"settle"`
	Until  time.Time     `json:"until,omitzero"`
}

// bareEmployee is what an event starts with nothing in it: a timer, a read,
// a local activity, a write. Like the program, it waits for no moment that has
// gone by.
func bareEmployee(ctx workflow.Context, in bareInput) error {
	var e employee.Event
	workflow.GetSignalChannel(ctx, workflows.EventSignal).Receive(ctx, &e)
	until := in.Until
	if until.IsZero() {
		until = e.ReceivedAt.Add(in.Settle)
	}
	if wait := until.Sub(workflow.Now(ctx)); wait > 0 {
		if err := workflow.NewTimer(ctx, wait).Get(ctx, nil); err != nil {
			return err
		}
	}
	if err := bareActivity(ctx, "", bareRead); err != nil {
		return err
	}
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: 10 * time.Second})
	if err := workflow.ExecuteLocalActivity(local, func(context.Context) error { return nil }).Get(ctx, nil); err != nil {
		return err
	}
	return bareActivity(ctx, bareAPIQueue, bareWrite)
}

// bareOptions start a bare employee's workflow as the program starts its own.
func bareOptions(id, queue string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: queue, StaticSummary: "Bare workflow " + id,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SyncStateKey.ValueSet(string(workflows.Settling))),
	}
}

// bareParentInput says what a bare parent starts.
type bareParentInput struct {
	// Name begins the IDs of the children, and their number ends them: from
	// First on, those before are an earlier run's.
	Name     string `json:"name"`
	First    int    `json:"first"`
	Children int    `json:"children"`
	Window   int    `json:"window"`
	// Kind is that of the children.
	Kind  childKind                   `json:"kind"`
	Input workflows.EmployeeSyncInput `json:"input"`
}

type childKind string

const (
	// kindWorking children have the workflow tasks and the activity of a changed
	// person's.
	kindWorking childKind = "working"
	// kindEmpty ones end with their first workflow task.
	kindEmpty childKind = "empty"
	// On kindIdle ones nobody works: their start is all that is waited for.
	kindIdle childKind = "idle"
)

// bareHistory is the length of a history, in events, from which on a bare parent
// hands over to a fresh run, as a bulk run does.
const bareHistory = 6000

// bareParent starts children as a bulk run does, with the same options and
// inputs, a window of them at once, and waits for all.
func bareParent(ctx workflow.Context, in bareParentInput) error {
	selector := workflow.NewSelector(ctx)
	running := 0
	var failed error
	ended := func(f workflow.Future) {
		running--
		failed = errors.Join(failed, f.Get(ctx, nil))
	}
	again := false
	for i := in.First; i < in.Children && !again; i++ {
		for running >= in.Window {
			selector.Select(ctx)
		}
		in.First = i + 1
		again = workflow.GetInfo(ctx).GetCurrentHistoryLength() > bareHistory
		o := workflow.ChildWorkflowOptions{
			WorkflowID: fmt.Sprintf("%s-%d", in.Name, i), ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         fmt.Sprintf("Bare workflow %d of %s", i, in.Name),
			TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SyncStateKey.ValueSet(string(workflows.Syncing))),
		}
		run := bareChild
		switch in.Kind {
		case kindEmpty:
			run = emptyChild
		case kindIdle:
			o.TaskQueue = bareIdleQueue
		}
		child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, o), run, in.Input)
		running++
		if in.Kind == kindIdle {
			selector.AddFuture(child.GetChildWorkflowExecution(), ended)
		} else {
			selector.AddFuture(child, ended)
		}
	}
	for running > 0 {
		selector.Select(ctx)
	}
	if failed == nil && in.First < in.Children {
		return workflow.NewContinueAsNewError(ctx, bareParent, in)
	}
	return failed
}

// bareFanOut starts children over so many parents, and returns how long it took
// from the first child to the last parent's end.
func (s *stack) bareFanOut(ctx context.Context, name string, parents int, in bareParentInput) (time.Duration, error) {
	in.Window = max(1, in.Window/parents)
	children := in.Children
	type started struct {
		client.WorkflowRun
		first string // its run; the other forgets it where another one follows
	}
	var runs []started
	for i := range parents {
		in.Name = fmt.Sprintf("%s/%s-%d", in.Kind, name, i)
		in.Children = (children + i) / parents
		run, err := s.server.Client().ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: "parent/" + in.Name, TaskQueue: bareQueue,
		}, bareParent, in)
		if err != nil {
			return 0, fmt.Errorf("start a bare parent: %w", err)
		}
		runs = append(runs, started{run, run.GetRunID()})
	}
	var all span
	for _, run := range runs {
		if err := run.Get(ctx, nil); err != nil {
			return 0, fmt.Errorf("fan bare workflows out: %w", err)
		}
		t, err := s.trace(ctx, run.GetID(), run.first)
		if err != nil {
			return 0, err
		}
		all.between(t.fanned, t.closed)
	}
	return all.took(), nil
}
