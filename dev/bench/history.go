package main

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"

	"bob-onelogin/workflows"
)

// trace is what a workflow and the runs that continue it left in Temporal.
type trace struct {
	runs int
	// events, bytes and tasks are those of all runs; tasks are completed
	// workflow tasks, and activities those that were scheduled.
	events, bytes, tasks, activities int
	// longest and widest are the events and bytes of the greatest run, largest
	// the bytes of the greatest event, which hold its payload.
	longest, widest, largest int
	// started is when the first run began, fanned when it started its first
	// child.
	started, fanned, closed time.Time
}

// trace follows a workflow from a run on. Bytes are those of the events as
// they travel; a server keeps a little more.
func (s *stack) trace(ctx context.Context, id, runID string) (trace, error) {
	var t trace
	for runID != "" {
		t.runs++
		events, bytes, next := 0, 0, ""
		history := s.server.Client().GetWorkflowHistory(ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			e, err := history.Next()
			if err != nil {
				return t, fmt.Errorf("read the history of %s: %w", id, err)
			}
			size := proto.Size(e)
			events, bytes, t.largest = events+1, bytes+size, max(t.largest, size)
			if next, err = t.see(e); err != nil {
				return t, fmt.Errorf("%s: %w", id, err)
			}
		}
		t.events, t.bytes = t.events+events, t.bytes+bytes
		t.longest, t.widest = max(t.longest, events), max(t.widest, bytes)
		runID = next
	}
	if t.closed.IsZero() {
		return t, fmt.Errorf("%s has not ended", id)
	}
	return t, nil
}

// see takes an event in, and returns the run that comes after, where the event
// says so.
func (t *trace) see(e *historypb.HistoryEvent) (next string, err error) {
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		if t.started.IsZero() {
			t.started = e.GetEventTime().AsTime()
		}
	case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
		if t.fanned.IsZero() {
			t.fanned = e.GetEventTime().AsTime()
		}
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
		t.tasks++
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		t.activities++
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		t.closed = e.GetEventTime().AsTime()
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
		return e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(), nil
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		return "", fmt.Errorf("it ended with %s", e.GetEventType())
	default:
	}
	return "", nil
}

// ended waits for the newest execution of a workflow to end, and follows it
// from its first run on. Where result is not nil, it is filled.
func (s *stack) ended(ctx context.Context, id string, result any) (trace, error) {
	if err := s.server.Client().GetWorkflow(ctx, id, "").Get(ctx, result); err != nil {
		return trace{}, fmt.Errorf("%s: %w\n%s", id, err, s.log.lastWords())
	}
	d, err := s.server.Client().DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return trace{}, fmt.Errorf("describe %s: %w", id, err)
	}
	return s.trace(ctx, id, d.GetWorkflowExecutionInfo().GetFirstRunId())
}

// span is the time from the first start to the last end of so many workflows.
type span struct{ first, last time.Time }

func (s *span) add(t trace) { s.between(t.started, t.closed) }

func (s *span) between(first, last time.Time) {
	if s.first.IsZero() || first.Before(s.first) {
		s.first = first
	}
	if last.After(s.last) {
		s.last = last
	}
}

func (s span) took() time.Duration { return s.last.Sub(s.first) }

func employeeWorkflows(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = workflows.EmployeeWorkflowID(id)
	}
	return out
}
