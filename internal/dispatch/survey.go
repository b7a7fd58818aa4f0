package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/brake"
	"bob-onelogin/workflows"
)

// Survey is what a look at the whole namespace has shown. The listing it comes
// from may lag a second or two behind.
type Survey struct {
	At time.Time
	// Tracked says that the namespace has the program's search attributes.
	// Without them nothing is known but the bulk runs.
	Tracked bool
	// Running counts the employees' workflows by state.
	Running map[workflows.SyncState]int
	// StartsDue counts people whose start has come and whom no worker has
	// taken up.
	StartsDue int
	// EndsDue counts people whose access was to end by now and has not been
	// dealt with: a date has come, or an event that may end access came in.
	EndsDue int
	// OldestEndDue is the earliest of those moments; zero where there is none.
	OldestEndDue time.Time
	// OldestEvent is since when the oldest event is unanswered: it settles, or
	// Bob or OneLogin are being called for it. Zero where there is none.
	OldestEvent time.Time
	// BulkEnds are the bulk runs that ended within the last week, dry runs
	// aside.
	BulkEnds []BulkRunEnd
	// Brake is where the suspension brake stands; nil where it gave no answer.
	Brake *brake.View
}

// BulkRunEnd is how a bulk run ended.
type BulkRunEnd struct {
	WorkflowID, RunID string
	// Status is one of the BulkEndStatuses.
	Status string
	At     time.Time
}

// How a bulk run may end.
const (
	BulkCompleted  = "completed"
	BulkFailed     = "failed"
	BulkTimedOut   = "timed_out"
	BulkTerminated = "terminated"
	BulkCanceled   = "canceled"
)

// BulkEndStatuses lists them.
func BulkEndStatuses() []string {
	return []string{BulkCompleted, BulkFailed, BulkTimedOut, BulkTerminated, BulkCanceled}
}

var bulkEndStatus = map[enumspb.WorkflowExecutionStatus]string{
	enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:  BulkCompleted,
	enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:     BulkFailed,
	enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:  BulkTimedOut,
	enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED: BulkTerminated,
	enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:   BulkCanceled,
}

const (
	// surveyRuns bounds the runs that one survey lists. They come newest first,
	// so that beyond it the oldest is older than it is told to be.
	surveyRuns = 5000
	// bulkMemory is how far back ended bulk runs are looked for.
	bulkMemory = 7 * 24 * time.Hour
)

// Surveyor looks at the namespace again and again. It is for one goroutine.
type Surveyor struct {
	d       *Dispatcher
	pending pendingRuns
}

// NewSurveyor returns a surveyor that has not looked yet.
func (d *Dispatcher) NewSurveyor() *Surveyor { return &Surveyor{d: d} }

// brakeLook bounds the look at the suspension brake, which needs a worker that
// answers.
const brakeLook = 5 * time.Second

// Look surveys the namespace. It costs seven queries of the visibility store, and
// one of the suspension brake.
func (s *Surveyor) Look(ctx context.Context) (Survey, error) {
	out := Survey{At: time.Now()}
	var err error
	if out.BulkEnds, err = s.d.bulkEnds(ctx, out.At); err != nil {
		return Survey{}, err
	}
	asking, cancel := context.WithTimeout(ctx, brakeLook)
	if view, err := s.d.Brake(asking, 1); err == nil {
		out.Brake = &view
	}
	cancel()
	if !s.d.Tracked(ctx) {
		return out, nil
	}
	err = s.lookAtPeople(ctx, &out)
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		// The server does not know the search attributes (any more).
		s.d.tracking.lost()
		return Survey{At: out.At, BulkEnds: out.BulkEnds, Brake: out.Brake}, nil
	}
	if err != nil {
		return Survey{}, fmt.Errorf("survey the employees' workflows: %w", err)
	}
	out.Tracked = true
	return out, nil
}

// SurveyedStates are the states by which running workflows are counted.
func SurveyedStates() []workflows.SyncState {
	return []workflows.SyncState{workflows.Settling, workflows.Waiting, workflows.Syncing, workflows.Leaving, workflows.Held}
}

func (s *Surveyor) lookAtPeople(ctx context.Context, out *Survey) error {
	const running = "WorkflowType = '" + workflows.EmployeeSyncName + "' AND ExecutionStatus = 'Running'"
	state, due := workflows.SyncStateKey.GetName(), workflows.SyncDueAtKey.GetName()
	out.Running = map[workflows.SyncState]int{}
	for _, of := range SurveyedStates() {
		counted, err := s.d.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: s.d.namespace, Query: fmt.Sprintf("%s AND %s = '%s'", running, state, of),
		})
		if err != nil {
			return err
		}
		out.Running[of] = int(counted.GetCount())
	}
	var runs []surveyed
	query := fmt.Sprintf("%s AND (%s IN ('%s', '%s') OR (%s IN ('%s', '%s') AND %s <= '%s'))", running,
		state, workflows.Settling, workflows.Syncing,
		state, workflows.Waiting, workflows.Leaving, due, out.At.UTC().Format(time.RFC3339Nano))
	err := s.d.eachListed(ctx, query, func(run *workflowpb.WorkflowExecutionInfo) error {
		if len(runs) == surveyRuns {
			return errEnough
		}
		r, err := surveyedOf(run)
		runs = append(runs, r)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	out.count(runs)
	out.OldestEvent = s.pending.oldest(runs, out.At)
	return nil
}

var errEnough = errors.New("enough")

// surveyed is what a listing says of one employee's workflow.
type surveyed struct {
	runID   string
	state   workflows.SyncState
	started time.Time
	// due is zero where nothing is waited for.
	due time.Time
}

func surveyedOf(run *workflowpb.WorkflowExecutionInfo) (surveyed, error) {
	r := surveyed{runID: run.GetExecution().GetRunId(), started: run.GetStartTime().AsTime()}
	fields := run.GetSearchAttributes().GetIndexedFields()
	for key, into := range map[temporal.SearchAttributeKey]any{workflows.SyncStateKey: &r.state, workflows.SyncDueAtKey: &r.due} {
		value := fields[key.GetName()]
		if value == nil {
			continue
		}
		// Search attributes never pass the codec.
		if err := converter.GetDefaultDataConverter().FromPayload(value, into); err != nil {
			return surveyed{}, fmt.Errorf("read %s of %s: %w", key.GetName(), run.GetExecution().GetWorkflowId(), err)
		}
	}
	return r, nil
}

// count sorts the people who are due by what is due.
func (s *Survey) count(runs []surveyed) {
	for _, r := range runs {
		if r.due.IsZero() || r.due.After(s.At) {
			continue
		}
		switch r.state {
		case workflows.Waiting:
			s.StartsDue++
		case workflows.Leaving, workflows.Syncing:
			s.EndsDue++
			if s.OldestEndDue.IsZero() || r.due.Before(s.OldestEndDue) {
				s.OldestEndDue = r.due
			}
		}
	}
}

// pendingRuns remembers since when runs have had something to do. The listing
// does not tell: a run that was started by an event has had it since its start,
// one that had waited for months since it was first seen not to wait.
type pendingRuns struct {
	looked time.Time
	since  map[string]time.Time
}

// oldest returns since when the oldest of the runs has had something to do;
// zero where there is none. It is never earlier than the truth, but for a run
// that had been at rest without a date when the first look came.
func (p *pendingRuns) oldest(runs []surveyed, now time.Time) time.Time {
	since := map[string]time.Time{}
	var oldest time.Time
	for _, r := range runs {
		if r.state != workflows.Settling && r.state != workflows.Syncing {
			continue
		}
		began, known := p.since[r.runID]
		switch {
		case known:
		case !r.due.IsZero() && !r.due.After(now):
			began = r.due // the moment itself is told
		case r.due.IsZero() && !r.started.Before(p.looked):
			began = r.started
		default:
			began = now
		}
		since[r.runID] = began
		if oldest.IsZero() || began.Before(oldest) {
			oldest = began
		}
	}
	p.since, p.looked = since, now
	return oldest
}

// bulkEnds lists the bulk runs that have ended of late.
func (d *Dispatcher) bulkEnds(ctx context.Context, now time.Time) ([]BulkRunEnd, error) {
	listed, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: d.namespace, PageSize: 100,
		Query: fmt.Sprintf("WorkflowType = '%s' AND %s AND ExecutionStatus IN (%s)",
			workflows.BulkSyncName, closedAfter(now.Add(-bulkMemory)), endStatuses),
	})
	if err != nil {
		return nil, fmt.Errorf("list the bulk runs that have ended: %w", err)
	}
	var ends []BulkRunEnd
	for _, run := range listed.GetExecutions() {
		status, ended := bulkEndStatus[run.GetStatus()]
		id := run.GetExecution().GetWorkflowId()
		if !ended || id == BulkDryRunID {
			continue
		}
		ends = append(ends, BulkRunEnd{WorkflowID: id, RunID: run.GetExecution().GetRunId(), Status: status, At: run.GetCloseTime().AsTime()})
	}
	return ends, nil
}
