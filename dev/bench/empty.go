package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

// emptyQueue is where the empty workflows run.
const emptyQueue = "bench-empty"

// fanOutInput says how many children a round has.
type fanOutInput struct {
	Round    int `json:"round"`
	Children int `json:"children"`
	Window   int `json:"window"`
	// Input is what every child is given.
	Input workflows.EmployeeSyncInput `json:"input"`
}

// fanOutWorkflow starts children as a bulk run does, with the same options and
// inputs, a window of them at once, and waits for all; but they do nothing.
func fanOutWorkflow(ctx workflow.Context, in fanOutInput) error {
	selector := workflow.NewSelector(ctx)
	running := 0
	var failed error
	ended := func(f workflow.Future) {
		running--
		if err := f.Get(ctx, nil); err != nil {
			failed = err
		}
	}
	for i := range in.Children {
		for running >= in.Window {
			selector.Select(ctx)
		}
		child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: fmt.Sprintf("empty/%d-%d", in.Round, i), ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         fmt.Sprintf("Empty workflow %d of round %d", i, in.Round),
			TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SyncStateKey.ValueSet(string(workflows.Syncing))),
		})
		running++
		selector.AddFuture(workflow.ExecuteChildWorkflow(child, emptyWorkflow, in.Input), ended)
	}
	for running > 0 {
		selector.Select(ctx)
	}
	return failed
}

func emptyWorkflow(workflow.Context, workflows.EmployeeSyncInput) error { return nil }

// serveEmpty starts a worker, in this process, for the empty workflows.
func (s *stack) serveEmpty() (worker.Worker, error) {
	w := worker.New(s.server.Client(), emptyQueue, worker.Options{WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{})})
	w.RegisterWorkflow(fanOutWorkflow)
	w.RegisterWorkflow(emptyWorkflow)
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("poll %s: %w", emptyQueue, err)
	}
	return w, nil
}

// fanOut is one fan-out of empty workflows, and what it took.
func (s *stack) fanOut(ctx context.Context, in fanOutInput) (time.Duration, error) {
	run, err := s.server.Client().ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: fmt.Sprintf("fan-out-%d", in.Round), TaskQueue: emptyQueue,
	}, fanOutWorkflow, in)
	if err == nil {
		err = run.Get(ctx, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("fan empty workflows out: %w", err)
	}
	return s.fanned(ctx, run)
}

// fanned is how long a run took from its first child to its end.
func (s *stack) fanned(ctx context.Context, run client.WorkflowRun) (time.Duration, error) {
	var first time.Time
	events := s.server.Client().GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return 0, fmt.Errorf("read the history of %s: %w", run.GetID(), err)
		}
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			if first.IsZero() {
				first = e.GetEventTime().AsTime()
			}
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
			return e.GetEventTime().AsTime().Sub(first), nil
		default:
		}
	}
	return 0, fmt.Errorf("%s did not end in one run", run.GetID())
}

// order is what a child of a bulk run is given, of the usual size.
func order() workflows.EmployeeSyncInput {
	now := time.Now()
	value := func(s string) *string { return &s }
	var user onelogin.User
	if err := json.Unmarshal([]byte(`{"id":60000042,"status":1,"state":1,"external_id":"3332883800004194332","email":"indigo.bamboo.5@example.com",
		"username":"indigo.bamboo.5@example.com","firstname":"Indigo","lastname":"Bamboo 5","phone":"+44 20 7946 0999","title":"Title of last year",
		"department":null,"manager_user_id":60000005,"custom_attributes":{"work_cell":"+44 7700 900004"}}`), &user); err != nil {
		panic(err) // the text above is a user
	}
	return workflows.EmployeeSyncInput{Bulk: &workflows.FromBulk{
		ReportTo: workflows.BulkWorkflowID, ManagerID: "3332883800000000000", ManagerUserID: 60000005,
		Order: &activities.BulkOrder{
			ReadAt: now, FreshUntil: now.Add(10 * time.Minute), Digest: "0123456789abcdef", SettingsVersion: "default",
			Decision: lifecycle.Decision{Phase: lifecycle.PhaseProvision, Standing: lifecycle.StandingActive, Reason: "Bob says active", Zone: "UTC", StartAt: now},
			Desired: mapping.Desired{
				Attributes: mapping.Attributes{
					"email": value("indigo.bamboo.5@example.com"), "username": value("indigo.bamboo.5@example.com"), "firstname": value("Indigo"),
					"lastname": value("Bamboo 5"), "phone": value("+44 20 7946 0004"), "title": value("Senior Kite Engineer"),
					"department": value("Kites"), "custom_attributes.work_cell": value("+44 7700 900004"),
				},
				Manager: mapping.Manager{EmployeeID: "3332883800000000000", Known: true},
			},
			Listed: activities.Listed{At: now, CheckedAt: now, User: &user},
			Last:   activities.LastSync{MemoryKnown: true}.WithSuspension(false),
		},
	}}
}
