package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

func (o *office) scheduler() *scheduler {
	o.out = &output{}
	return &scheduler{Dispatcher: o.Dispatcher, console: console{out: o.out, err: o.err}}
}

func TestSchedule(t *testing.T) {
	o := newOffice(t)
	o.work()
	require.NoError(t, o.scheduler().show(t.Context(), false, true))
	require.Equal(t, "No bulk runs are scheduled; `starter schedule --every 24h` does so.\nNo dry runs are scheduled; `starter schedule --report-only --every 24h` does so.\n", o.out.String())

	require.NoError(t, o.scheduler().set(t.Context(), dispatch.BulkSchedule{Every: 24 * time.Hour, Jitter: 10 * time.Minute}))
	require.Contains(t, o.out.String(), "Created schedule bulk-sync.\nbulk-sync: bulk runs, every 24h, up to 10m later.\n  Next: ")
	require.NotContains(t, o.out.String(), "Last:")
	require.NoError(t, o.scheduler().set(t.Context(), dispatch.BulkSchedule{Every: 90 * time.Minute}))
	require.Contains(t, o.out.String(), "Changed schedule bulk-sync.\nbulk-sync: bulk runs, every 1h30m.\n")

	handle := o.client.ScheduleClient().GetHandle(t.Context(), "bulk-sync")
	require.NoError(t, handle.Pause(t.Context(), client.SchedulePauseOptions{Note: "until the audit is over"}))
	require.NoError(t, o.scheduler().show(t.Context(), false))
	require.Contains(t, o.out.String(), "It is paused: until the audit is over")

	require.NoError(t, o.scheduler().remove(t.Context(), false))
	require.Equal(t, "Deleted schedule bulk-sync. A run under way goes on.\n", o.out.String())
	require.NoError(t, o.scheduler().remove(t.Context(), false))
	require.Equal(t, "There is no schedule bulk-sync.\n", o.out.String())
}

// What the last dry run found is what has drifted.
func TestScheduleShowsDrift(t *testing.T) {
	o := newOffice(t)
	o.work()
	require.NoError(t, o.scheduler().set(t.Context(), dispatch.BulkSchedule{ReportOnly: true, Every: 24 * time.Hour}))
	require.Contains(t, o.out.String(), "bulk-report: dry runs, which write nothing, every 24h.\n")
	require.NoError(t, o.client.ScheduleClient().GetHandle(t.Context(), "bulk-report").Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	o.eventually("the report is shown", func() bool {
		require.NoError(t, o.scheduler().show(t.Context(), true))
		return strings.Contains(o.out.String(), " found ")
	})
	require.Regexp(t, `Last: bulk-report-20\S+ found 60 people out of line, who would be: 1 failed, 1 created, 58 updated \(`+"`starter bulk --run bulk-report-20", o.out.String())
}

func TestScheduleShowsAFailure(t *testing.T) {
	o := newOffice(t)
	o.work()
	require.NoError(t, o.scheduler().set(t.Context(), dispatch.BulkSchedule{Every: 24 * time.Hour}))
	require.NoError(t, o.client.ScheduleClient().GetHandle(t.Context(), "bulk-sync").Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	o.eventually("the run is shown", func() bool {
		require.NoError(t, o.scheduler().show(t.Context(), false))
		return strings.Contains(o.out.String(), " is running: reading Bob and OneLogin")
	})
	s, _, err := o.Scheduled(t.Context(), false)
	require.NoError(t, err)
	failed := halfway
	failed.Phase = "failed"
	o.tell(s.LastID, failed)
	o.eventually("the failure is shown", func() bool {
		require.NoError(t, o.scheduler().show(t.Context(), false))
		return strings.Contains(o.out.String(), s.LastID+" failed: "+failsWith)
	})
}

func TestScheduleCommandChecks(t *testing.T) {
	tests := []struct {
		command scheduleCommand
		err     string
	}{
		{scheduleCommand{Every: time.Minute}, "--every: a bulk run reads everybody, so at least 15m"},
		{scheduleCommand{Every: -time.Hour}, "--every"},
		{scheduleCommand{Every: time.Hour, Jitter: 2 * time.Hour}, "--jitter: must be shorter than --every"},
		{scheduleCommand{Jitter: -time.Second}, "--jitter"},
	}
	for _, test := range tests {
		require.ErrorContains(t, test.command.Run(t.Context(), config.Starter{}), test.err)
	}
}

func TestDrift(t *testing.T) {
	require.Equal(t, "everybody in line", drift(map[employee.Outcome]int{employee.Unchanged: 3, employee.Skipped: 4, employee.Scheduled: 5}))
	require.Equal(t, "1 person out of line, who would be: 1 suspended", drift(map[employee.Outcome]int{employee.Unchanged: 3, employee.Suspended: 1}))
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 10 * time.Second: "10s", 100 * time.Minute: "1h40m",
		3*time.Hour + 5*time.Second: "3h0m5s",
	} {
		require.Equal(t, want, mapping.SpellDuration(d))
	}
}
