package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/notify"
)

// tellWithin bounds the wait for a notice to be taken: the work comes first.
const tellWithin = 5 * time.Second

// Noticing returns an interceptor that hands on what an activity came to and a
// person has to look at. What cannot be handed on is logged: no work fails, or
// is done again, for the sake of a message.
//
// It stands beside the activities so that an employee's history is no longer
// for it, and so that what is told is what an activity has really come to.
func Noticing(tell func(context.Context, notify.Notice) error) interceptor.WorkerInterceptor {
	return &noticing{tell: tell}
}

type noticing struct {
	interceptor.WorkerInterceptorBase
	tell func(context.Context, notify.Notice) error
}

func (n *noticing) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &noticingActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, tell: n.tell}
}

type noticingActivity struct {
	interceptor.ActivityInboundInterceptorBase
	tell func(context.Context, notify.Notice) error
}

func (n *noticingActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := n.Next.ExecuteActivity(ctx, in)
	if len(in.Args) == 0 {
		return out, err
	}
	for _, notice := range noticesOf(in.Args[0], out, err) {
		if notice.WorkflowID == "" {
			notice.WorkflowID = activity.GetInfo(ctx).WorkflowExecution.ID
		}
		telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
		if lost := n.tell(telling, notice); lost != nil {
			activity.GetLogger(ctx).Warn("A notice is lost", "kind", notice.Kind, "error", lost)
		}
		cancel()
	}
	return out, err
}

// silentTries is how often the brake has to be asked in vain before a person is
// told: some minutes, since every try comes later than the one before.
const silentTries = 4

func triedOften(in any) bool {
	asked, ok := in.(EnforceStatusInput)
	return ok && asked.Tries >= silentTries
}

// noticesOf says what of an activity's end needs a person.
func noticesOf(in, out any, err error) []notify.Notice {
	if err != nil {
		kind, employeeID := refusal(err), personOf(in)
		if kind == "" || employeeID == "" {
			return nil
		}
		return []notify.Notice{{Kind: kind, EmployeeID: employeeID}}
	}
	switch out := out.(type) {
	case UpsertUserResult:
		if out.Outcome == employee.Held {
			return []notify.Notice{{Kind: notify.Held, EmployeeID: personOf(in)}}
		}
	case EnforceStatusResult:
		switch {
		case out.Brake != nil && out.Brake.Verdict == brake.Unreachable && triedOften(in):
			return []notify.Notice{{Kind: notify.BrakeSilent, WorkflowID: brake.WorkflowID}}
		case out.Brake != nil && out.Brake.Verdict != brake.Held:
			// Rejected: a person knows, and wants it so. The others are asked again
			// within moments.
		case out.Brake != nil:
			return []notify.Notice{{Kind: notify.Braked, WorkflowID: brake.WorkflowID, People: out.Brake.Held}}
		case out.Found && out.Done == lifecycle.HoldStatus:
			return []notify.Notice{{Kind: notify.Held, EmployeeID: personOf(in)}}
		}
	case BulkPageResult:
		asked, ok := in.(BulkPageInput)
		if !ok || asked.DryRun {
			return nil
		}
		var notices []notify.Notice
		for _, item := range out.Items {
			// Nobody else looks at these: they have no workflow of their own.
			// What has moved since a plan was made is for whoever applies it.
			if item.Outcome == employee.Failed {
				notices = append(notices, notify.Notice{Kind: notify.Conflict, EmployeeID: item.Key.EmployeeID})
			}
		}
		return notices
	}
	return nil
}

// refusal is the kind of a failure that is final and a person's to solve; empty
// for the others. Refused credentials are told of as such, once for everybody.
func refusal(err error) notify.Kind {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return ""
	}
	switch app.Type() {
	case ErrConflict:
		return notify.Conflict
	case ErrRefused, ErrAccountOwner:
		return notify.Failed
	default:
		return ""
	}
}

// personOf is the Bob id of whom an activity is about. A leaver's profile, which
// is written after the suspension and may be refused, is nobody's concern.
func personOf(in any) string {
	switch in := in.(type) {
	case ReadEmployeeInput:
		return in.EmployeeID
	case EnforceStatusInput:
		return in.EmployeeID
	case UpsertUserInput:
		if in.Standing == lifecycle.StandingLeft {
			return ""
		}
		return in.EmployeeID
	default:
		return ""
	}
}
