package workflows

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

const (
	// askSoon and askLater bound the back-off after which the brake is asked
	// again that could not be asked, or that is counting.
	askSoon  = 15 * time.Second
	askLater = 10 * time.Minute
	// askUnlisted is when somebody asks again whom the brake's list had no room
	// for.
	askUnlisted = time.Hour
	// unseenLife is for how long somebody is kept of whom Bob does not tell.
	unseenLife = 30 * 24 * time.Hour
)

// Braked is what is remembered of somebody whom the suspension brake keeps from
// being suspended.
type Braked struct {
	Since time.Time `json:"since"`
	// EndsAt is when the access was to end, where something says so.
	EndsAt time.Time `json:"endsAt,omitzero"`
	// Tries counts the questions without an answer.
	Tries int `json:"tries,omitempty"`
	// Unseen counts the looks at Bob that did not tell whether the person has come
	// back, UnseenSince is when the first of them was.
	Unseen      int       `json:"unseen,omitempty"`
	UnseenSince time.Time `json:"unseenSince,omitzero"`
	// LeavingAt and LeavingTold are those of the Inbox, of all events so far.
	LeavingAt   time.Time `json:"leavingAt,omitzero"`
	LeavingTold time.Time `json:"leavingTold,omitzero"`
	// Rejected: a person has rejected the suspension. That is remembered until the
	// person comes back.
	Rejected bool `json:"rejected,omitempty"`
	// Deleted: Bob announced the person's deletion, which is half of the proof.
	// The other half is read anew before anybody is suspended. DeletedEmail is
	// the address that it named.
	Deleted      bool   `json:"deleted,omitempty"`
	DeletedEmail string `json:"deletedEmail,omitempty"`
}

// forBrake adds what the brake goes by.
func (s *employeeSync) forBrake(ctx workflow.Context, taken Inbox, in *activities.EnforceStatusInput) {
	if s.LeftAt.IsZero() {
		s.LeftAt = workflow.Now(ctx)
	}
	in.Since, in.Revoked = s.LeftAt, s.Revoked
	in.Run, in.AllowSuspensions = s.Run, s.AllowSuspensions
	in.EventAt, in.ToldAt, in.Outdated = taken.LeavingAt, taken.LeavingTold, s.Outdated
	if k := s.Braked; k != nil {
		// A question without an answer has left nothing with the brake.
		in.EventAt, in.ToldAt = latest(in.EventAt, k.LeavingAt), latest(in.ToldAt, k.LeavingTold)
		in.Tries = k.Tries
	}
}

// hold waits for a person, or for the brake to answer. Whoever was rejected is
// looked at as long as they have not come back, so that the rejection does not
// outlive what it was about.
func (s *employeeSync) hold(ctx workflow.Context, taken Inbox, by activities.Braked) {
	s.held = true
	now := workflow.Now(ctx)
	if s.Braked == nil {
		s.Braked = &Braked{Since: now, EndsAt: s.endsAt}
	}
	k := s.Braked
	k.Unseen, k.UnseenSince = 0, time.Time{}
	k.Rejected = by.Verdict == brake.Rejected
	k.LeavingAt, k.LeavingTold = latest(k.LeavingAt, taken.LeavingAt), latest(k.LeavingTold, taken.LeavingTold)
	k.Deleted, k.DeletedEmail = k.Deleted || taken.Signs.Deleted, cmp.Or(taken.DeletedEmail, k.DeletedEmail)
	again := lifecycle.Recheck
	switch {
	case by.Verdict != brake.Held && !k.Rejected:
		again = min(askSoon<<min(k.Tries, 8), askLater)
		k.Tries++
	case by.Unlisted:
		again, k.Tries = askUnlisted, 0
	default:
		k.Tries = 0
	}
	s.Wake = Wake{At: now.Add(again), Zone: s.Wake.Zone, Why: wakeBrake}
}

// outOfSight keeps somebody held of whom Bob says too little to tell whether they
// have come back: what the brake and a person know of them must not get lost by
// an answer that lacks them. They are looked at again soon, then less and less,
// and let go when that has been so for long. It reports whether they are kept.
func (s *employeeSync) outOfSight(ctx workflow.Context, d lifecycle.Decision) bool {
	now, k := workflow.Now(ctx), s.Braked
	if k.UnseenSince.IsZero() {
		k.UnseenSince = now
	}
	if now.Sub(k.UnseenSince) > unseenLife {
		return false
	}
	s.held = true
	again := min(askSoon<<min(k.Unseen, 16), lifecycle.Recheck)
	k.Unseen, k.Tries = k.Unseen+1, 0
	s.Wake = Wake{At: now.Add(again), Zone: s.Wake.Zone, Why: wakeBrake}
	s.report(Result{
		Outcome: employee.Held, Reason: d.Reason + "; what the suspension brake holds, or a person has decided, stands until Bob tells", Notes: d.Notes,
	})
	return true
}

// release has the brake hold the person no more: they have come back, or are
// suspended already.
func (s *employeeSync) release(ctx workflow.Context) {
	s.LeftAt = time.Time{}
	if s.Braked == nil {
		return
	}
	s.Braked = nil
	s.tellBrake(ctx, NotHeld{EmployeeID: s.employeeID})
}

// refused gives back the place that the brake has counted: OneLogin has refused
// the suspension for good, and each further look would take another.
func (s *employeeSync) refused(ctx workflow.Context) {
	s.tellBrake(ctx, NotHeld{EmployeeID: s.employeeID, Refused: s.LeftAt})
}

func (s *employeeSync) tellBrake(ctx workflow.Context, n NotHeld) {
	told := workflow.SignalExternalWorkflow(ctx, BrakeWorkflowID, "", DropSignal, n)
	if err := told.Get(ctx, nil); err != nil {
		s.log.Warn("The suspension brake was not told that a person is not held any more", "error", err)
	}
}

// decided takes in that a person has approved or rejected: Bob is read again,
// and the brake asked. A run that has not asked it so far may have nothing to
// ask: it tells the brake.
func (s *employeeSync) decided(ctx workflow.Context) {
	if s.Braked == nil {
		s.Braked = &Braked{Since: workflow.Now(ctx)}
	}
	s.EmployeeState.Inbox.Ask()
}

// remindOfDeletion keeps the proof of a deletion together.
func (s *employeeSync) remindOfDeletion(in *activities.ReadEmployeeInput) {
	if s.Braked != nil && s.Braked.Deleted {
		in.Signs.Deleted, in.DeletedEmail = true, cmp.Or(in.DeletedEmail, s.Braked.DeletedEmail)
	}
}

// actedOn keeps what was acted on completely: nothing, where the brake holds.
func (s *employeeSync) actedOn(digest string) {
	s.Read.ActedOn = digest
	if s.held {
		s.Read.ActedOn = ""
	}
}

// spendRun forgets a bulk run's number when its look has ended. Where the brake
// has not answered, the look goes on.
func (s *employeeSync) spendRun() {
	if s.Braked == nil || s.Braked.Tries == 0 {
		s.Run, s.AllowSuspensions = "", 0
	}
}
