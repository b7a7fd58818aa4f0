package dispatch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/workflows"
)

func TestScheduleBulk(t *testing.T) {
	p := newPlace(t, "schedule")
	_, there, err := p.Scheduled(t.Context(), false)
	require.NoError(t, err)
	require.False(t, there)

	created, err := p.ScheduleBulk(t.Context(), dispatch.BulkSchedule{Every: 24 * time.Hour, Jitter: 10 * time.Minute})
	require.NoError(t, err)
	require.True(t, created)
	s, there, err := p.Scheduled(t.Context(), false)
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, 24*time.Hour, s.Every)
	require.Equal(t, 10*time.Minute, s.Jitter)
	require.NotEmpty(t, s.Next)
	require.Empty(t, s.LastID, "none has run")

	handle := p.client.ScheduleClient().GetHandle(t.Context(), "bulk-sync")
	described, err := handle.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, described.Schedule.Policy.Overlap)
	require.Equal(t, time.Hour, described.Schedule.Policy.CatchupWindow)
	action := described.Schedule.Action.(*client.ScheduleWorkflowAction)
	require.Equal(t, "bulk-sync", action.ID)
	require.Equal(t, "BulkSync", action.Workflow)
	require.Equal(t, "bob-onelogin", action.TaskQueue)

	// A change keeps what somebody else has set: that it is paused, and why.
	require.NoError(t, handle.Pause(t.Context(), client.SchedulePauseOptions{Note: "until the audit is over"}))
	created, err = p.ScheduleBulk(t.Context(), dispatch.BulkSchedule{Every: 6 * time.Hour})
	require.NoError(t, err)
	require.False(t, created)
	s, _, err = p.Scheduled(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, 6*time.Hour, s.Every)
	require.Zero(t, s.Jitter)
	require.True(t, s.Paused)
	require.Equal(t, "until the audit is over", s.Note)
	described, err = handle.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, described.Schedule.Policy.Overlap)
	require.Equal(t, time.Hour, described.Schedule.Policy.CatchupWindow)

	_, there, err = p.Scheduled(t.Context(), true)
	require.NoError(t, err)
	require.False(t, there, "the two Schedules are apart")
	for _, was := range []bool{true, false} {
		there, err = p.UnscheduleBulk(t.Context(), false)
		require.NoError(t, err)
		require.Equal(t, was, there)
	}
}

func TestScheduledReport(t *testing.T) {
	p := newPlace(t, "schedule-report")
	p.work()
	for range 2 { // created, then changed
		_, err := p.ScheduleBulk(t.Context(), dispatch.BulkSchedule{ReportOnly: true, Every: 24 * time.Hour})
		require.NoError(t, err)
	}
	handle := p.client.ScheduleClient().GetHandle(t.Context(), "bulk-report")
	described, err := handle.Describe(t.Context())
	require.NoError(t, err)
	var in workflows.BulkSyncInput
	payload := described.Schedule.Action.(*client.ScheduleWorkflowAction).Args[0].(*commonpb.Payload)
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(payload, &in))
	require.Equal(t, workflows.BulkSyncInput{DryRun: true}, in)

	require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	var s dispatch.BulkSchedule
	p.eventually("the run is started", func() bool {
		s, _, err = p.Scheduled(t.Context(), true)
		require.NoError(t, err)
		return s.LastID != ""
	})
	require.Contains(t, s.LastID, "bulk-report-20")
	view, err := p.Progress(t.Context(), s.LastID, s.LastRunID)
	require.NoError(t, err)
	require.True(t, view.Progress.DryRun)
}

func TestScheduleFails(t *testing.T) {
	d := dispatch.New(unreachable(t), "default")
	_, err := d.ScheduleBulk(brief(t), dispatch.BulkSchedule{Every: time.Hour})
	require.ErrorContains(t, err, "create schedule bulk-sync")
	_, _, err = d.Scheduled(brief(t), true)
	require.ErrorContains(t, err, "look at schedule bulk-report")
	_, err = d.UnscheduleBulk(brief(t), false)
	require.ErrorContains(t, err, "delete schedule bulk-sync")
}
