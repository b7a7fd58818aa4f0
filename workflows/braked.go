package workflows

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/brake"
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
)

// Braked is what is remembered of somebody whom the suspension brake keeps from
// being suspended.
type Braked struct {
	Since time.Time `json:"since"`
	// EndsAt is when the access was to end, where something says so.
	EndsAt time.Time `json:"endsAt,omitzero"`
	// Tries counts the questions without an answer.
	Tries int `json:"tries,omitempty"`
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
	if taken.Signs.Leaving || taken.Signs.Deleted {
		in.EventAt = taken.Last
	}
}

// hold waits for a person, or for the brake to answer. Whoever was rejected is
// waited for no more.
func (s *employeeSync) hold(ctx workflow.Context, taken Inbox, by activities.Braked) {
	s.held = true
	if by.Verdict == brake.Rejected {
		s.Braked, s.LeftAt = nil, time.Time{}
		return
	}
	now := workflow.Now(ctx)
	if s.Braked == nil {
		s.Braked = &Braked{Since: now, EndsAt: s.endsAt}
	}
	k := s.Braked
	k.Deleted, k.DeletedEmail = k.Deleted || taken.Signs.Deleted, cmp.Or(taken.DeletedEmail, k.DeletedEmail)
	again := lifecycle.Recheck
	switch {
	case by.Verdict != brake.Held:
		again = min(askSoon<<min(k.Tries, 8), askLater)
		k.Tries++
	case by.Unlisted:
		again = askUnlisted
	default:
		k.Tries = 0
	}
	s.Wake = Wake{At: now.Add(again), Zone: s.Wake.Zone, Why: wakeBrake}
}

// release has the brake hold the person no more: they have come back, or are
// suspended already.
func (s *employeeSync) release(ctx workflow.Context) {
	s.LeftAt = time.Time{}
	if s.Braked == nil {
		return
	}
	s.Braked = nil
	told := workflow.SignalExternalWorkflow(ctx, BrakeWorkflowID, "", DropSignal, NotHeld{EmployeeID: s.employeeID})
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
