package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/internal/employee"
)

// accessEnds returns the moment at which access was to end, where an event says
// that it may have ended or a date of leaving has come; zero where neither is
// so. Whether it has ended is only known when Bob has been read.
func (s *employeeSync) accessEnds(now time.Time, taken Inbox) time.Time {
	switch {
	case !taken.EndsAt.IsZero():
		return taken.EndsAt
	case s.Wake.Why == wakeLeave && !s.Wake.Target.IsZero() && !now.Before(s.Wake.Target):
		return s.Wake.Target
	default:
		return time.Time{}
	}
}

// suspended notes how long a leaver could still log in.
func (s *employeeSync) suspended(ctx workflow.Context) {
	ends := s.endsAt
	if s.Braked != nil && !s.Braked.Rejected {
		ends = earliest(ends, s.Braked.EndsAt)
	}
	if !ends.IsZero() {
		s.look.Late = max(workflow.Now(ctx).Sub(ends), time.Millisecond)
	}
}

// observe tells what a pass has come to, once. A pass that found nothing new did
// not act, and is not told of.
func (s *employeeSync) observe(ctx workflow.Context, err error) {
	if err != nil {
		s.look.Outcome = employee.Failed
	}
	if s.Braked != nil && s.Braked.Rejected && err == nil {
		return // every day the same, which a person wants so
	}
	if s.options.Observe != nil && s.look.Outcome != "" && !workflow.IsReplaying(ctx) {
		s.options.Observe(s.look)
	}
}
