package workflows

import (
	"cmp"
	"errors"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// passForBulk acts on what a bulk run has read, as long as that is fresh and
// no other run of this person's workflow has come in between. Else it asks for
// a read of its own, made together with those of others.
func (s *employeeSync) passForBulk(ctx workflow.Context) {
	bulk, now := s.bulk, workflow.Now(ctx)
	s.bulk = nil
	taken := Inbox{Bulk: true, ManagerID: bulk.ManagerID, ManagerUserID: bulk.ManagerUserID, ManagerFollows: bulk.ManagerFollows}
	o := bulk.Order
	if o == nil || !now.Before(o.FreshUntil) {
		s.askForBulk(taken)
		return
	}
	s.look = Look{Phase: o.Decision.Phase}
	if o.Decision.Phase == lifecycle.PhaseLeave {
		s.endsAt = workflow.GetInfo(ctx).WorkflowStartTime
	}
	s.Name = cmp.Or(nameInOneLogin(o.Desired), s.Name)
	s.showSyncing(ctx)
	s.Read = LastRead{At: o.ReadAt, Decision: o.Decision, Settings: o.SettingsVersion}
	s.Last = o.Last
	s.plan(o.Decision)
	err := s.act(ctx, taken, sight{
		ReadEmployeeResult: activities.ReadEmployeeResult{Found: true, Decision: o.Decision, Digest: o.Digest, SettingsVersion: o.SettingsVersion},
		desired:            o.Desired, listed: &o.Listed,
	})
	switch {
	case errors.Is(err, errOvertaken):
		return // the urgent event has a pass of its own, which does everything
	case isOutdated(err):
		s.Read, s.Wake, s.Last = LastRead{}, Wake{}, activities.LastSync{}
		s.askForBulk(taken)
		s.EmployeeState.Inbox.EndsAt = earliest(s.EmployeeState.Inbox.EndsAt, s.endsAt)
		return
	case err != nil:
		s.failed(ctx, err)
	default:
		s.actedOn(o.Digest)
	}
	s.lastErr = err
	s.spendRun()
	s.observe(ctx, err)
	s.describe(ctx)
}

// askForBulk asks for a read without forgetting what the bulk run said of the
// manager.
func (s *employeeSync) askForBulk(from Inbox) {
	b := &s.EmployeeState.Inbox
	b.AskForBulk()
	b.ManagerFollows = from.ManagerFollows
	if from.ManagerUserID != 0 {
		b.ManagerID, b.ManagerUserID = from.ManagerID, from.ManagerUserID
	}
}

// tellBulk tells a bulk run what came of this person so far, before the
// workflow waits for a date. A run that is over by then need not know.
func (s *employeeSync) tellBulk(ctx workflow.Context) {
	if s.ReportTo == "" || (s.Result.Outcome == "" && s.Failure == "") {
		return
	}
	end := endOf(s.employeeID, s.Result)
	switch {
	case s.Failure != "":
		end.Outcome, end.Reason = employee.Failed, s.Failure
	case end.Outcome == employee.Unchanged && !s.Wake.At.IsZero():
		end.Outcome, end.Reason = employee.Scheduled, s.Wake.summary()
	}
	told := workflow.SignalExternalWorkflow(ctx, s.ReportTo, "", ReportSignal, end)
	s.ReportTo = ""
	if err := told.Get(ctx, nil); err != nil {
		s.log.Info("The bulk run is over and was not told", "error", err)
	}
}

// endOf is what a bulk run is told of a result.
func endOf(employeeID string, r Result) activities.BulkEnd {
	return activities.BulkEnd{
		EmployeeID: employeeID, Outcome: r.Outcome, Reason: r.Reason, UserID: r.OneLoginID, Changed: r.Changed, MissingManager: r.MissingManager,
	}
}
