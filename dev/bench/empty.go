package main

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// emptyQueue is where the empty workflows run.
const emptyQueue = "bench-empty"

// fanOutInput says how many children a round has.
type fanOutInput struct {
	Round    int `json:"round"`
	Children int `json:"children"`
	Window   int `json:"window"`
}

// fanOutWorkflow starts children under IDs of their own, a window of them at
// once, and waits for all: what a bulk run does, and nothing besides.
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
		})
		running++
		selector.AddFuture(workflow.ExecuteChildWorkflow(child, emptyWorkflow), ended)
	}
	for running > 0 {
		selector.Select(ctx)
	}
	return failed
}

func emptyWorkflow(workflow.Context) error { return nil }

// serveEmpty starts a worker, in this process, for the empty workflows.
func (s *stack) serveEmpty() (worker.Worker, error) {
	w := worker.New(s.server.Client(), emptyQueue, worker.Options{})
	w.RegisterWorkflow(fanOutWorkflow)
	w.RegisterWorkflow(emptyWorkflow)
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("poll %s: %w", emptyQueue, err)
	}
	return w, nil
}

// fanOut is one fan-out of empty workflows, and what it took.
func (s *stack) fanOut(ctx context.Context, in fanOutInput) (time.Duration, error) {
	began := time.Now()
	run, err := s.server.Client().ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: fmt.Sprintf("fan-out-%d", in.Round), TaskQueue: emptyQueue,
	}, fanOutWorkflow, in)
	if err == nil {
		err = run.Get(ctx, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("fan empty workflows out: %w", err)
	}
	return time.Since(began), nil
}
