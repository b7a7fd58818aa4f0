package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/workflows"
)

// IDs of the Schedules. Their runs have the same IDs, and the moment behind.
const (
	BulkScheduleID       = "bulk-sync"
	BulkReportScheduleID = "bulk-report"
)

// scheduleCatchup is how late a run may begin that was due while the server
// was down. After that the next one does: each looks at everybody anyway.
const scheduleCatchup = time.Hour

// BulkSchedule is a Schedule of bulk runs.
type BulkSchedule struct {
	// ReportOnly schedules dry runs.
	ReportOnly bool
	// Every is how often, Jitter how much later at most.
	Every, Jitter time.Duration
	// Paused: somebody holds it, for the reason in Note.
	Paused bool
	Note   string
	// Next are the moments of the next runs, jitter included.
	Next []time.Time
	// LastID and LastRunID are those of the newest run; empty before the first.
	LastID, LastRunID string
}

// ID is the ID of the Schedule.
func (s BulkSchedule) ID() string {
	if s.ReportOnly {
		return BulkReportScheduleID
	}
	return BulkScheduleID
}

// ScheduleBulk creates a Schedule, or changes it if it is there. It stays
// paused if it is. ScheduleBulk returns whether it was created.
func (d *Dispatcher) ScheduleBulk(ctx context.Context, s BulkSchedule) (created bool, err error) {
	in := workflows.BulkSyncInput{DryRun: s.ReportOnly}
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: s.Every}}, Jitter: s.Jitter}
	action := &client.ScheduleWorkflowAction{
		ID: s.ID(), Workflow: workflows.BulkSyncName, Args: []any{in}, TaskQueue: workflows.TaskQueue,
		StaticSummary: bulkSummary(in), StaticDetails: bulkDetails(in),
	}
	_, err = d.client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: s.ID(), Spec: spec, Action: action,
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: scheduleCatchup,
	})
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return false, fmt.Errorf("create schedule %s: %w", s.ID(), err)
	}
	err = d.client.ScheduleClient().GetHandle(ctx, s.ID()).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(present client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			changed := present.Description.Schedule
			changed.Spec, changed.Action = &spec, action
			changed.Policy = &client.SchedulePolicies{
				Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: scheduleCatchup,
			}
			return &client.ScheduleUpdate{Schedule: &changed}, nil
		},
	})
	if err != nil {
		return false, fmt.Errorf("change schedule %s: %w", s.ID(), err)
	}
	return false, nil
}

// Scheduled returns the Schedule of bulk runs, or of dry runs; false where
// there is none.
func (d *Dispatcher) Scheduled(ctx context.Context, reportOnly bool) (BulkSchedule, bool, error) {
	s := BulkSchedule{ReportOnly: reportOnly}
	described, err := d.client.ScheduleClient().GetHandle(ctx, s.ID()).Describe(ctx)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return s, false, nil
	case err != nil:
		return s, false, fmt.Errorf("look at schedule %s: %w", s.ID(), err)
	}
	if spec := described.Schedule.Spec; spec != nil {
		s.Jitter = spec.Jitter
		// Somebody may have put a calendar in its place by hand.
		if len(spec.Intervals) == 1 {
			s.Every = spec.Intervals[0].Every
		}
	}
	if state := described.Schedule.State; state != nil {
		s.Paused, s.Note = state.Paused, state.Note
	}
	s.Next = described.Info.NextActionTimes
	if n := len(described.Info.RecentActions); n > 0 {
		if last := described.Info.RecentActions[n-1].StartWorkflowResult; last != nil {
			s.LastID, s.LastRunID = last.WorkflowID, last.FirstExecutionRunID
		}
	}
	return s, true, nil
}

// UnscheduleBulk removes a Schedule, and reports whether it was there. A run
// under way goes on.
func (d *Dispatcher) UnscheduleBulk(ctx context.Context, reportOnly bool) (bool, error) {
	id := BulkSchedule{ReportOnly: reportOnly}.ID()
	err := d.client.ScheduleClient().GetHandle(ctx, id).Delete(ctx)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("delete schedule %s: %w", id, err)
	default:
		return true, nil
	}
}
