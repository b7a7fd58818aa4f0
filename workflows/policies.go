package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
)

// Priorities of work on a task queue, 1 first. They are set per activity from
// the reason of the work: an employee's workflow may do both kinds.
const (
	priorityLeaver = 1
	priorityLive   = 2
	priorityLater  = 5
)

// giveUpAfter is how long an activity is tried before its workflow fails. It
// bridges a long weekend with refused credentials and nobody there to mend
// them, so that nothing is lost meanwhile.
const giveUpAfter = 7 * 24 * time.Hour

// patience is for calls that may find the other side down, busy or refusing:
// quick at first, then once a minute. A rate limit's own waiting time comes
// with the error and overrides the back-off. Attempts are not counted,
// because a refusal for rate counts as one.
func patience() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:    time.Second,
		BackoffCoefficient: 2,
		MaximumInterval:    time.Minute,
	}
}

// callOptions are for activities that call out. The heartbeat tells within
// seconds that a worker was killed.
func callOptions(queue, summary string, priority int) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              queue,
		Summary:                summary,
		StartToCloseTimeout:    2 * time.Minute,
		ScheduleToCloseTimeout: giveUpAfter,
		HeartbeatTimeout:       5 * activities.HeartbeatInterval,
		// A cancelled call is waited for, so that never two write at once.
		WaitForCancellation: true,
		RetryPolicy:         patience(),
		Priority:            temporal.Priority{PriorityKey: priority},
	}
}

// pureOptions are for local activities that call nobody.
func pureOptions(summary string) workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{Summary: summary, ScheduleToCloseTimeout: 10 * time.Second}
}
