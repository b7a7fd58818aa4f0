package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const (
	// recallRuns bounds how many closed runs of a person are looked through.
	recallRuns = 20
	// recallReads bounds how many results are read at once.
	recallReads = 8
	// listPage is how many runs one listing asks for.
	listPage = 1000
)

// Recall returns what earlier runs of an employee's workflow left for the
// next, newest first, as far back as the namespace keeps closed workflows.
func (d *Dispatcher) Recall(ctx context.Context, employeeID string) (activities.LastSync, error) {
	known, err := d.recall(ctx, []string{employeeID}, recallRuns)
	return known[employeeID], err
}

// RecallMany is Recall for up to a hundred employees, with few listings. It
// leaves out those of whom nothing is known.
func (d *Dispatcher) RecallMany(ctx context.Context, employeeIDs []string) (map[string]activities.LastSync, error) {
	return d.recall(ctx, employeeIDs, listPage)
}

// memory is what is recalled of one person.
type memory struct {
	last activities.LastSync
	// runs is how many runs were looked at, unread what the last listing adds.
	runs   int
	unread []string
}

// settled: older runs are of no use.
func (m *memory) settled() bool { return m.last.Complete() || m.runs >= recallRuns }

func (d *Dispatcher) recall(ctx context.Context, employeeIDs []string, pageSize int32) (map[string]activities.LastSync, error) {
	people := map[string]*memory{}
	for _, id := range employeeIDs {
		people[id] = &memory{}
	}
	pending := slices.Compact(slices.Sorted(slices.Values(employeeIDs)))
	seen := map[string]bool{}
	for token := []byte(nil); len(pending) > 0; {
		closed, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: d.namespace, PageSize: pageSize, NextPageToken: token,
			Query: closedRunsOf(pending),
		})
		if err != nil {
			return nil, fmt.Errorf("list closed runs of %s: %w", workflowsOf(pending), err)
		}
		for _, run := range closed.GetExecutions() {
			id, err := workflows.EmployeeIDFrom(run.GetExecution().GetWorkflowId())
			runID := run.GetExecution().GetRunId()
			if m := people[id]; err == nil && m != nil && !seen[runID] {
				seen[runID] = true
				m.unread = append(m.unread, runID)
			}
		}
		if err := d.readUnread(ctx, people); err != nil {
			return nil, err
		}
		token = closed.GetNextPageToken()
		left := slices.DeleteFunc(slices.Clone(pending), func(id string) bool { return people[id].settled() })
		switch {
		case len(token) == 0:
			pending = nil
		case len(left) < len(pending):
			// A new list of those who are left is shorter than the rest of this
			// one, which is full of the others' runs.
			pending, token = left, nil
		}
	}
	known := map[string]activities.LastSync{}
	for id, m := range people {
		if l := m.last; l.MemoryKnown || l.SuspendedByUs != nil || !l.ActivatedAt.IsZero() {
			known[id] = l
		}
	}
	return known, nil
}

// closedRunsOf is the query for the runs that left a result, newest first as
// the server lists them.
func closedRunsOf(employeeIDs []string) string {
	return runsOf(employeeIDs) + " AND ExecutionStatus = 'Completed'"
}

// runsOf is the part of a query that names employees' workflows.
func runsOf(employeeIDs []string) string {
	ids := make([]string, len(employeeIDs))
	for i, id := range employeeIDs {
		ids[i] = "'" + workflows.EmployeeWorkflowID(id) + "'"
	}
	if len(ids) == 1 {
		return "WorkflowId = " + ids[0]
	}
	return "WorkflowId IN (" + strings.Join(ids, ", ") + ")"
}

// workflowsOf names people for an error.
func workflowsOf(employeeIDs []string) string {
	if len(employeeIDs) == 1 {
		return workflows.EmployeeWorkflowID(employeeIDs[0])
	}
	return fmt.Sprintf("%d employees", len(employeeIDs))
}

// readUnread reads the results that the last listing named: each person's in
// their order, several people's at once.
func (d *Dispatcher) readUnread(ctx context.Context, people map[string]*memory) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(recallReads)
	for id, m := range people {
		if len(m.unread) == 0 {
			continue
		}
		group.Go(func() error {
			for _, runID := range m.unread {
				if m.settled() {
					break
				}
				m.runs++
				result, err := d.result(ctx, id, runID)
				var gone *serviceerror.NotFound
				switch {
				case errors.As(err, &gone): // retention has taken it since the listing
				case err != nil:
					return fmt.Errorf("read the result of an earlier run of %s: %w", workflows.EmployeeWorkflowID(id), err)
				default:
					m.last = m.last.Or(result.Last)
				}
			}
			m.unread = nil
			return nil
		})
	}
	return group.Wait()
}

func (d *Dispatcher) result(ctx context.Context, employeeID, runID string) (workflows.Result, error) {
	var result workflows.Result
	err := d.client.GetWorkflow(ctx, workflows.EmployeeWorkflowID(employeeID), runID).Get(ctx, &result)
	return result, err
}

// endStatuses are those of a run that nothing continues, for a query.
const endStatuses = "'Completed', 'Failed', 'Canceled', 'Terminated', 'TimedOut'"

// closedAfter is the part of a query that bounds the end of a run. Servers on SQL
// take one that has not closed for one that closes at the end of time: a status
// has to be named beside it.
func closedAfter(t time.Time) string {
	return "CloseTime > '" + t.UTC().Format(time.RFC3339Nano) + "'"
}

// EndedSince returns those of some employees whose workflow has had a run that
// ended after t, as true, and as false those of whom it is only known that one
// runs now, or was continued as new since, which is not the end. The server's
// listing, which is asked, may lag some moments behind.
func (d *Dispatcher) EndedSince(ctx context.Context, employeeIDs []string, t time.Time) (map[string]bool, error) {
	ended := map[string]bool{}
	// One that continued as new stands for the next, which the listing may not
	// have yet.
	query := fmt.Sprintf("%s AND (ExecutionStatus = 'Running' OR (%s AND ExecutionStatus IN ('ContinuedAsNew', %s)))",
		runsOf(employeeIDs), closedAfter(t), endStatuses)
	err := d.eachListed(ctx, query, func(info *workflowpb.WorkflowExecutionInfo) error {
		id, err := workflows.EmployeeIDFrom(info.GetExecution().GetWorkflowId())
		if err == nil {
			ended[id] = ended[id] || !underWay(info.GetStatus())
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list ended runs of %s: %w", workflowsOf(employeeIDs), err)
	}
	return ended, nil
}

// Waiting returns, by Bob id, the moments that employees' workflows wait for;
// none where the namespace lacks this program's search attributes.
func (d *Dispatcher) Waiting(ctx context.Context) (map[string]time.Time, error) {
	waiting := map[string]time.Time{}
	if !d.Tracked(ctx) {
		return waiting, nil
	}
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s IN ('%s', '%s')",
		workflows.EmployeeSyncName, workflows.SyncStateKey.GetName(), workflows.Waiting, workflows.Leaving)
	err := d.eachListed(ctx, query, func(run *workflowpb.WorkflowExecutionInfo) error {
		id, err := workflows.EmployeeIDFrom(run.GetExecution().GetWorkflowId())
		due := run.GetSearchAttributes().GetIndexedFields()[workflows.SyncDueAtKey.GetName()]
		if err != nil || due == nil {
			return nil
		}
		// Search attributes never pass the codec.
		var at time.Time
		if err := converter.GetDefaultDataConverter().FromPayload(due, &at); err != nil {
			return fmt.Errorf("read SyncDueAt of %s: %w", workflows.EmployeeWorkflowID(id), err)
		}
		waiting[id] = at
		return nil
	})
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		// The server does not know the search attributes (any more).
		d.tracking.lost()
		return map[string]time.Time{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the employees' workflows that wait: %w", err)
	}
	return waiting, nil
}

// eachListed hands over every run that matches a query.
func (d *Dispatcher) eachListed(ctx context.Context, query string, take func(*workflowpb.WorkflowExecutionInfo) error) error {
	for token := []byte(nil); ; {
		page, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: d.namespace, PageSize: listPage, NextPageToken: token, Query: query,
		})
		if err != nil {
			return err
		}
		for _, run := range page.GetExecutions() {
			if err := take(run); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}

// Ended returns how the newest run of an employee's workflow ended; false as
// long as it runs.
func (d *Dispatcher) Ended(ctx context.Context, employeeID string) (activities.BulkEnd, bool, error) {
	id := workflows.EmployeeWorkflowID(employeeID)
	end := activities.BulkEnd{EmployeeID: employeeID, Outcome: employee.Failed}
	described, err := d.client.DescribeWorkflowExecution(ctx, id, "")
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
		end.Reason = resultGone
		return end, true, nil
	case err != nil:
		return end, false, fmt.Errorf("look at %s: %w", id, err)
	}
	info := described.GetWorkflowExecutionInfo()
	switch {
	case !underWay(info.GetStatus()):
	case info.GetParentExecution() == nil:
		// A child keeps its parent whatever it is continued as.
		end.Outcome, end.Reason = workflows.Signalled, "An event has started another run since this person's child ended"
		return end, true, nil
	default:
		return end, false, nil
	}
	result, err := d.result(ctx, employeeID, info.GetExecution().GetRunId())
	var failed *temporal.WorkflowExecutionError
	switch {
	case err == nil:
		end.Outcome, end.Reason, end.UserID = result.Outcome, result.Reason, result.OneLoginID
		end.Changed, end.MissingManager = result.Changed, result.MissingManager
	case errors.As(err, &gone):
		end.Reason = resultGone
	case errors.As(err, &failed):
		end.Reason = sentence(err)
	default:
		return end, false, fmt.Errorf("read the result of %s: %w", id, err)
	}
	return end, true, nil
}

// resultGone is said of a run that retention has taken.
const resultGone = "Its result is gone from the namespace"

// underWay reports whether a run, or the one that continues it, has not ended.
func underWay(status enumspb.WorkflowExecutionStatus) bool {
	switch status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED,
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return true
	default:
		return false
	}
}

// sentence says how a workflow failed in its own words, without Temporal's
// account of where the failure came from.
func sentence(err error) string {
	var app *temporal.ApplicationError
	var terminated *temporal.TerminatedError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app):
		return app.Message()
	case temporal.IsCanceledError(err):
		return "The workflow was cancelled"
	case errors.As(err, &terminated):
		return "The workflow was terminated"
	case errors.As(err, &timeout):
		return "The workflow ran into its time-out"
	default:
		return err.Error()
	}
}
