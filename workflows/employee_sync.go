package workflows

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

const (
	// longHistory is the number of events after which a waiting run hands
	// over to a fresh one.
	longHistory = 150
	// revocationPatience is how long Bob is tried before an immediate
	// revocation is acted on without Bob's record.
	revocationPatience = 20 * time.Second
	// maxAwaiting bounds how many waiting reports a manager remembers; the
	// rest are linked by the next bulk run.
	maxAwaiting = 2000
)

// errOvertaken: an urgent event came while an activity was waiting its turn.
var errOvertaken = errors.New("overtaken by an urgent event")

// employeeSync is one employee's workflow: inbox, settle, read, and then wait
// or act, until nothing is left to do or to wait for.
type employeeSync struct {
	EmployeeState
	options    Options
	employeeID string
	log        log.Logger

	// bulk is what a bulk run has started this run with; nil once it is used.
	bulk *FromBulk

	inbox workflow.ReceiveChannel
	// poke wakes the wait when an update asks for a pass.
	poke  workflow.Channel
	alarm alarm

	// settleDelay and shows are this run's, once they are known.
	settleDelay time.Duration
	shows       int

	// asked counts the updates, answered those whose pass has ended, and own
	// is what the last pass came to by itself.
	asked, answered int
	own             Result
	// acted: this run has changed something in OneLogin; before it waits, it
	// hands over to a fresh run, so that every history tells one story.
	acted bool
	// lastErr is what the last pass failed with.
	lastErr error

	// endsAt is the moment at which the access of whoever the pass is about was
	// to end, if they are leaving; zero where nothing says so.
	endsAt time.Time
	// look is what the pass has come to so far; nothing where it has not acted.
	look Look
	// held: the brake has kept the person from being suspended in this pass.
	held bool
}

// alarm is the one long-running timer of a run.
type alarm struct {
	at     time.Time
	timer  workflow.Future
	cancel workflow.CancelFunc
}

func employeeSyncWorkflow(ctx workflow.Context, o Options, in EmployeeSyncInput) (Result, error) {
	id, err := EmployeeIDFrom(workflow.GetInfo(ctx).WorkflowExecution.ID)
	if err != nil {
		return Result{}, temporal.NewNonRetryableApplicationError(err.Error(), "BadWorkflowID", nil)
	}
	s := &employeeSync{
		options:    o,
		employeeID: id,
		log:        log.With(workflow.GetLogger(ctx), "employeeId", id),
		inbox:      workflow.GetSignalChannel(ctx, EventSignal),
		poke:       workflow.NewBufferedChannel(ctx, 1),
	}
	if err := s.setup(ctx, in); err != nil {
		return Result{}, err
	}
	return s.run(ctx)
}

func (s *employeeSync) setup(ctx workflow.Context, in EmployeeSyncInput) error {
	if in.State != nil {
		s.EmployeeState = *in.State
	}
	s.learnShown(ctx, in)
	if in.Bulk != nil {
		s.bulk, s.ReportTo = in.Bulk, in.Bulk.ReportTo
		s.Run, s.AllowSuspensions = in.Bulk.Run, in.Bulk.AllowSuspensions
	}
	if s.Since.IsZero() {
		s.State, s.Since = Syncing, workflow.Now(ctx)
		if s.Shown != "" {
			s.State = s.Shown
		}
	}
	s.describe(ctx)
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, s.status, workflow.QueryHandlerOptions{
		Description: "Where this employee's synchronisation stands, what it waits for, and why.",
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, SyncUpdate, s.syncNow, workflow.UpdateHandlerOptions{
		Description: "Synchronise this employee now and answer what was found, decided and changed.",
	})
}

// run lives until there is nothing left to do or to wait for. Between its last
// look into the inbox and its return nothing blocks, so that no event is lost.
func (s *employeeSync) run(ctx workflow.Context) (Result, error) {
	s.receive(ctx)
	switch {
	case !s.EmployeeState.Inbox.Empty() || !s.Read.At.IsZero():
		s.bulk = nil // what came is newer than what a bulk run has read
	case s.bulk != nil:
		s.passForBulk(ctx)
	default:
		s.EmployeeState.Inbox.Ask() // started by hand
	}
	for {
		if ctx.Err() != nil {
			return s.Result, ctx.Err()
		}
		s.receive(ctx)
		switch {
		case s.passIsDue(ctx):
			s.pass(ctx)
		case s.somethingToWaitFor():
			s.tellBulk(ctx)
			if s.handsOver(ctx) {
				if s.quiesce(ctx) {
					return Result{}, workflow.NewContinueAsNewError(ctx, EmployeeSyncName, EmployeeSyncInput{State: &s.EmployeeState})
				}
				continue
			}
			s.wait(ctx)
		default:
			if s.quiesce(ctx) {
				return s.end(ctx)
			}
		}
	}
}

// receive empties the signal channel into the inbox.
func (s *employeeSync) receive(ctx workflow.Context) {
	var e employee.Event
	for s.inbox.ReceiveAsync(&e) {
		s.take(ctx, e)
		e = employee.Event{}
	}
}

// takeOne takes a signal that a selector has seen. It must not block: one that
// cannot be decoded is dropped by the SDK, and there may be no other.
func (s *employeeSync) takeOne(ctx workflow.Context, c workflow.ReceiveChannel) {
	var e employee.Event
	if c.ReceiveAsync(&e) {
		s.take(ctx, e)
	}
}

// take folds one event in.
func (s *employeeSync) take(ctx workflow.Context, e employee.Event) {
	switch {
	case e.Type == employee.EventReportWaiting:
		s.remember(e.ReportID)
		if !s.Read.At.IsZero() && s.Result.OneLoginID == 0 {
			return // the report is told when this person's user appears
		}
		s.EmployeeState.Inbox.Ask()
		return
	case e.Type == employee.EventUnlicensed:
		s.EmployeeState.Inbox.Ask()
		return
	case e.Type == employee.EventDecided:
		s.decided(ctx)
		return
	case e.Type == employee.EventBulk && e.Run != "":
		s.Run, s.AllowSuspensions = e.Run, e.AllowSuspensions
	case e.Type == employee.EventAccessRevoked && !earlierThan(e.TriggeredAt, s.Last.ActivatedAt):
		s.Revoked, s.RevokedAt = true, e.TriggeredAt
	case e.Type.Activates() && !earlierThan(e.TriggeredAt, s.RevokedAt):
		s.Revoked, s.Last.ActivatedAt = false, e.TriggeredAt
	}
	s.EmployeeState.Inbox.Add(e, workflow.Now(ctx))
}

// earlierThan reports whether an event is known to have happened before
// another: its delivery was delayed, or repeated. Both are Bob's own times.
func earlierThan(event, other time.Time) bool {
	return !event.IsZero() && !other.IsZero() && event.Before(other)
}

func (s *employeeSync) remember(reportID string) {
	if reportID != "" && len(s.AwaitedBy) < maxAwaiting && !slices.Contains(s.AwaitedBy, reportID) {
		s.AwaitedBy = append(s.AwaitedBy, reportID)
	}
}

// settle returns the settle delay. It is a setting of the worker, and what a
// run does next depends on it, so the run writes down the one that it began
// with.
func (s *employeeSync) settle(ctx workflow.Context) time.Duration {
	if s.settleDelay == 0 {
		recorded := workflow.SideEffect(ctx, func(workflow.Context) any {
			return ways{Delay: max(s.options.SettleDelay, time.Millisecond), Shows: showsEnds}
		})
		var w ways
		if err := recorded.Get(&w); err != nil {
			w.Delay = DefaultSettleDelay // cannot be: it was encoded above
		}
		s.settleDelay, s.shows = w.Delay, w.Shows
	}
	return s.settleDelay
}

func (s *employeeSync) passIsDue(ctx workflow.Context) bool {
	now := workflow.Now(ctx)
	if inbox := s.EmployeeState.Inbox; !inbox.Empty() && (inbox.AtOnce() || !now.Before(inbox.ReadAt(s.settle(ctx)))) {
		return true
	}
	return s.wakeIsDue(now)
}

func (s *employeeSync) wakeIsDue(now time.Time) bool {
	return !s.Wake.At.IsZero() && !now.Before(s.Wake.At)
}

func (s *employeeSync) somethingToWaitFor() bool {
	return !s.EmployeeState.Inbox.Empty() || !s.Wake.At.IsZero() || s.awaitedInVain()
}

// awaitedInVain: reports wait for a user that this person does not have, and
// only a later event can bring. That is remembered after a failure too, which
// the state shows.
func (s *employeeSync) awaitedInVain() bool {
	return len(s.AwaitedBy) > 0 && s.Result.OneLoginID == 0
}

// handsOver decides whether to wait in a fresh run.
func (s *employeeSync) handsOver(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return s.acted || info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > longHistory
}

// quiesce waits for updates under way to answer, takes in what came, and
// reports whether that left nothing to do at once.
func (s *employeeSync) quiesce(ctx workflow.Context) bool {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return false
	}
	waiting := s.somethingToWaitFor()
	s.receive(ctx)
	return !s.passIsDue(ctx) && waiting == s.somethingToWaitFor()
}

func (s *employeeSync) end(ctx workflow.Context) (Result, error) {
	if s.lastErr != nil {
		s.setState(ctx, Failed, time.Time{})
		return Result{}, failure(s.lastErr)
	}
	s.setState(ctx, endState(s.Result.Outcome), time.Time{})
	return s.Result, nil
}

func endState(o employee.Outcome) SyncState {
	switch o {
	case employee.Skipped:
		return Skipped
	case employee.Held:
		return Held
	default:
		return Done
	}
}

// wait blocks until an event, an update, or the next moment comes.
func (s *employeeSync) wait(ctx workflow.Context) {
	s.armAlarm(ctx)
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(s.inbox, func(c workflow.ReceiveChannel, _ bool) {
		s.takeOne(ctx, c)
	})
	selector.AddReceive(s.poke, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	if s.alarm.timer != nil {
		selector.AddFuture(s.alarm.timer, func(workflow.Future) { s.alarm = alarm{} })
	}
	if inbox := s.EmployeeState.Inbox; !inbox.Empty() {
		s.showSettling(ctx)
		settle, cancel := workflow.WithCancel(ctx)
		defer cancel()
		timer := workflow.NewTimerWithOptions(settle,
			positive(inbox.ReadAt(s.settle(ctx)).Sub(workflow.Now(ctx))),
			workflow.TimerOptions{Summary: "Bob's reads settle before they are trusted"})
		fired := false
		selector.AddFuture(timer, func(workflow.Future) { fired = true })
		// Events that come meanwhile only move the moment, which is looked
		// at when the timer fires: a burst starts no timer of its own.
		for !fired && ctx.Err() == nil && !s.passIsDue(ctx) {
			selector.Select(ctx)
			s.describe(ctx)
		}
		return
	}
	s.showWaiting(ctx)
	selector.Select(ctx)
}

// armAlarm keeps exactly one timer for the next moment, and leaves the one
// that runs alone as long as its moment has not moved.
func (s *employeeSync) armAlarm(ctx workflow.Context) {
	if s.alarm.timer != nil && s.alarm.at.Equal(s.Wake.At) {
		return
	}
	if s.alarm.timer != nil {
		s.alarm.cancel()
		s.alarm = alarm{}
	}
	if s.Wake.At.IsZero() {
		return
	}
	timed, cancel := workflow.WithCancel(ctx)
	timer := workflow.NewTimerWithOptions(timed, positive(s.Wake.At.Sub(workflow.Now(ctx))), workflow.TimerOptions{Summary: s.Wake.summary()})
	s.alarm = alarm{at: s.Wake.At, timer: timer, cancel: cancel}
}

// positive makes a wait a timer: a wait of nothing would leave no event in the
// history, and the history must not depend on a setting.
func positive(d time.Duration) time.Duration { return max(d, time.Millisecond) }

// syncNow is the update: it asks for a pass and answers what it came to.
func (s *employeeSync) syncNow(ctx workflow.Context) (Result, error) {
	s.asked++
	mine := s.asked
	s.EmployeeState.Inbox.Ask()
	s.poke.SendAsync(nil)
	if err := workflow.Await(ctx, func() bool { return s.answered >= mine }); err != nil {
		return Result{}, err
	}
	if s.lastErr != nil {
		return Result{}, failure(s.lastErr)
	}
	return s.own, nil
}

// pass is one read of Bob and what it calls for.
func (s *employeeSync) pass(ctx workflow.Context) {
	now, asked := workflow.Now(ctx), s.asked
	taken := s.EmployeeState.Inbox
	settled := taken.Count == 0 || taken.Settled(now, s.settle(ctx))
	// A look that a person or a date asked for acts on what it finds, and so
	// does one that a stream of events has put off long enough.
	final := settled || taken.Now || s.wakeIsDue(now) || taken.PutOffLongEnough(now, s.settle(ctx))
	s.EmployeeState.Inbox = Inbox{}
	s.look, s.endsAt, s.held = Look{}, s.accessEnds(now, taken), false
	err := s.readAndAct(ctx, taken, final)

	// What was read of Bob may be old by the time that OneLogin answers.
	outdated := isOutdated(err)
	overtaken := outdated || errors.Is(err, errOvertaken)
	if err == nil && s.look.Phase == lifecycle.PhaseLeave {
		taken.EndsAt = time.Time{} // the look that confirms it is in no hurry
	}
	if overtaken || !settled {
		s.EmployeeState.Inbox = taken.PutBack(s.EmployeeState.Inbox)
	}
	if overtaken {
		// Who asked still waits, for the pass that overtook this one.
		s.EmployeeState.Inbox.Now = s.EmployeeState.Inbox.Now || taken.Now
		if outdated {
			s.readAgain()
		}
		return
	}
	s.Outdated = 0
	if s.lastErr = err; err != nil {
		s.failed(ctx, err)
	} else {
		s.Failure = ""
	}
	s.spendRun()
	s.observe(ctx, err)
	s.answered = asked
	s.describe(ctx)
}

// readAgain has Bob read once more for somebody who leaves: what was read before
// had to wait for long. Their moment, by which others see that they wait, stays.
func (s *employeeSync) readAgain() {
	s.Outdated++
	b := &s.EmployeeState.Inbox
	b.Now, b.EndsAt = true, earliest(b.EndsAt, s.endsAt)
}

// isOutdated reports whether an activity has refused to act on what was read of
// Bob or OneLogin, because it is old.
func isOutdated(err error) bool {
	var refused *temporal.ApplicationError
	return errors.As(err, &refused) && refused.Type() == activities.ErrOutdated
}

// failed keeps the sentence of a failure, and what has to be seen through all
// the same: a revocation holds, and a date that lies ahead still comes.
// Where neither is left, the workflow ends with the error.
func (s *employeeSync) failed(ctx workflow.Context, err error) {
	now := workflow.Now(ctx)
	s.Failure = sentence(err)
	s.Read.ActedOn = ""
	switch soon := now.Add(lifecycle.Recheck); {
	case s.Revoked:
		s.Wake = Wake{At: soon, Zone: s.Wake.Zone, Why: wakeRevocation}
	case s.Braked != nil:
		s.Wake = Wake{At: soon, Zone: s.Wake.Zone, Why: wakeBrake}
	case !s.wakeIsDue(now):
	case now.Before(s.Wake.Target):
		s.Wake.At = earlier(s.Wake.Target, soon)
	default:
		s.Wake = Wake{}
	}
	s.log.Error("Synchronisation failed", "error", s.Failure)
}

func (s *employeeSync) readAndAct(ctx workflow.Context, taken Inbox, final bool) error {
	s.showSyncing(ctx)
	var read activities.ReadEmployeeResult
	in := activities.ReadEmployeeInput{
		EmployeeID: s.employeeID, Now: workflow.Now(ctx), Signs: taken.Signs,
		Revoked: s.Revoked, RevokedAt: s.RevokedAt, DeletedEmail: taken.DeletedEmail,
	}
	s.remindOfDeletion(&in)
	priority := priorityLive
	switch {
	case taken.Urgent || s.Wake.Why == wakeLeave:
		priority = priorityLeaver
	case taken.Bulk:
		priority, in.Together = priorityLater, true
	case s.Braked != nil, !taken.EndsAt.IsZero():
		// Decisions and long queues are about many at once, and Bob answers few
		// calls a minute.
		priority, in.Together = priorityLeaver, true
	}
	options := callOptions("", "Read the employee from Bob", priority)
	revokedNow := s.Revoked && taken.Urgent
	if revokedNow {
		options.ScheduleToCloseTimeout = revocationPatience
	}
	err := s.execute(ctx, options, activities.ReadEmployeeName, in, &read)
	switch {
	case err != nil && revokedNow && !errors.Is(err, errOvertaken) && ctx.Err() == nil:
		// A revocation is proof by itself. Without Bob's record the user is
		// found by its link alone; the settled look reads again.
		s.Wake = Wake{At: in.Now.Add(lifecycle.Recheck), Zone: s.Wake.Zone, Why: wakeRevocation}
		s.look.Phase = lifecycle.PhaseLeave
		return s.leave(ctx, taken, sight{ReadEmployeeResult: activities.ReadEmployeeResult{Decision: lifecycle.Decision{
			Phase: lifecycle.PhaseLeave, Standing: lifecycle.StandingLeft,
			Reason: "Bob revoked this person's access with immediate effect, and could not be read: " + sentence(err),
		}}})
	case err != nil:
		return err
	}
	s.Tracked = s.Tracked || read.SearchAttributes
	s.Name = cmp.Or(nameInBob(read.Record), s.Name)
	s.Revoked = s.Revoked && !read.RevocationOutdated
	s.Read.At, s.Read.Decision, s.Read.Settings = in.Now, read.Decision, read.SettingsVersion
	s.look.Phase = read.Decision.Phase
	if !final && read.Decision.Phase != lifecycle.PhaseLeave {
		// An urgent event whose read does not agree yet proves nothing: it
		// is read again when settled, and only then decided.
		return nil
	}
	before := s.Wake
	s.plan(read.Decision)
	if !read.Found && s.Wake.At.IsZero() && in.Now.Before(before.Target) && read.Decision.Phase != lifecycle.PhaseLeave {
		// Somebody who is out of sight for a while still starts, or leaves,
		// on the date that Bob gave last.
		s.Wake = before
		s.Wake.At = earlier(before.Target, in.Now.Add(lifecycle.Recheck))
	}
	if s.Read.ActedOn == read.Digest && !taken.Now && !taken.Signs.Activated && taken.ManagerID == "" {
		return nil
	}
	seen := sight{ReadEmployeeResult: read}
	if err := s.see(ctx, &seen); err != nil {
		return err
	}
	if err := s.act(ctx, taken, seen); err != nil {
		return err
	}
	s.actedOn(read.Digest)
	if read.Decision.BobSaidInactive {
		s.Revoked = false
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// plan sets when to look again. A moment that only lies between now and an
// unmoved date is kept, so that its timer is.
func (s *employeeSync) plan(d lifecycle.Decision) {
	next := Wake{At: d.WakeAt, Zone: d.Zone}
	switch {
	case d.WakeAt.IsZero():
		s.Wake = Wake{}
		return
	case d.Phase == lifecycle.PhaseLeave:
		next.Why, next.Target = wakeRevocation, time.Time{}
	case d.Standing == lifecycle.StandingNotStarted:
		next.Why, next.Target = wakeStart, d.WakeAt
	default:
		next.Why, next.Target = wakeLeave, d.LeaveAt
	}
	kept := s.alarm.timer != nil && s.Wake.Why == next.Why && s.Wake.Target.Equal(next.Target) && !s.Wake.At.After(next.At)
	if kept {
		next.At = s.Wake.At
	}
	s.Wake = next
}

// sight is what a pass acts on: what was read of Bob, the user that OneLogin
// should have, and, on behalf of a bulk run, what its listing says of the
// person.
type sight struct {
	activities.ReadEmployeeResult
	desired mapping.Desired
	listed  *activities.Listed
}

// see maps what was read, where it is to be acted on.
func (s *employeeSync) see(ctx workflow.Context, seen *sight) error {
	d := seen.Decision
	if !seen.Found || d.OutOfScope || (d.Phase != lifecycle.PhaseProvision && d.Phase != lifecycle.PhaseLeave) {
		return nil
	}
	local := workflow.WithLocalActivityOptions(ctx, pureOptions("Map Bob's fields to OneLogin's attributes"))
	err := workflow.ExecuteLocalActivity(local, activities.MapFieldsName, seen.Record).Get(ctx, &seen.desired)
	s.Name = cmp.Or(s.Name, nameInOneLogin(seen.desired))
	return err
}

func (s *employeeSync) act(ctx workflow.Context, taken Inbox, seen sight) error {
	switch d := seen.Decision; {
	case d.Phase == lifecycle.PhaseLeave:
	case s.Braked != nil && !d.CameBack() && s.outOfSight(ctx, d):
		return nil
	default:
		s.release(ctx)
	}
	switch d := seen.Decision; d.Phase {
	case lifecycle.PhaseWait:
		s.report(Result{Outcome: employee.Scheduled, Reason: d.Reason, Notes: d.Notes})
		return nil
	case lifecycle.PhaseNone:
		s.report(Result{Outcome: employee.Skipped, Reason: d.Reason, Notes: d.Notes})
		return nil
	case lifecycle.PhaseLeave:
		return s.leave(ctx, taken, seen)
	default:
		return s.provision(ctx, taken, seen)
	}
}

// provision makes the OneLogin user say what Bob says.
func (s *employeeSync) provision(ctx workflow.Context, taken Inbox, seen sight) error {
	d, desired := seen.Decision, seen.desired
	if desired.Missing != "" {
		s.report(Result{Outcome: employee.Skipped, Reason: desired.Missing, Notes: d.Notes})
		return nil
	}
	in := activities.UpsertUserInput{
		EmployeeID: s.employeeID, Desired: desired, Standing: d.Standing,
		Activated: taken.Signs.Activated, Last: s.Last,
		AskManager: !taken.OnlyManager && !taken.ManagerFollows, AwaitedBy: slices.Clone(s.AwaitedBy),
		Listed: seen.listed, Bulk: taken.Bulk,
	}
	priority := priorityLive
	if taken.Bulk {
		priority = priorityLater
	}
	if taken.ManagerID == desired.Manager.EmployeeID {
		in.ManagerUserID = taken.ManagerUserID
	}
	var out activities.UpsertUserResult
	err := s.execute(ctx, callOptions(OneLoginTaskQueue, "Find the OneLogin user; write what differs", priority),
		activities.UpsertUserName, in, &out)
	if err != nil {
		return err
	}
	s.Last = out.Last
	if out.Lifted || out.Outcome == employee.Created {
		s.Last = s.Last.WithSuspension(out.User.Suspended())
	}
	s.acted = s.acted || out.Outcome != employee.Unchanged
	s.report(Result{
		Outcome: out.Outcome, OneLoginID: out.User.ID, Changed: out.Changed,
		Reason: out.Reason + "; " + out.StatusRule, Notes: slices.Concat(d.Notes, out.Notes),
		MissingManager: out.MissingManager,
	})
	s.AwaitedBy = slices.DeleteFunc(s.AwaitedBy, func(id string) bool { return slices.Contains(in.AwaitedBy, id) })
	if len(s.AwaitedBy) > 0 {
		s.EmployeeState.Inbox.Ask() // who asked meanwhile is told by another pass
	}
	return nil
}

// leave ends access first and touches the profile afterwards, if at all: a
// refused profile is said and stands in nobody's way.
func (s *employeeSync) leave(ctx workflow.Context, taken Inbox, seen sight) error {
	desired := seen.desired
	in := activities.EnforceStatusInput{EmployeeID: s.employeeID, Email: seen.Address, Desired: desired, Listed: seen.listed, OutOfScope: seen.Decision.OutOfScope}
	s.forBrake(ctx, taken, &in)
	if email, ok := desired.Value(mapping.AttrEmail); ok {
		in.Email = email
	}
	in.Username = in.Email
	if username, ok := desired.Value(mapping.AttrUsername); ok {
		in.Username = username
	}
	var out activities.EnforceStatusResult
	err := s.executeFirst(ctx, callOptions(OneLoginTaskQueue, "Suspend the OneLogin user and end the sessions", priorityLeaver),
		activities.EnforceStatusName, in, &out)
	if err != nil {
		return err
	}
	if out.Refused {
		s.refused(ctx)
	}
	result := Result{
		OneLoginID: out.User.ID, Outcome: leaverOutcome(out),
		Reason: seen.Decision.Reason + ": " + out.Rule, Notes: slices.Concat(seen.Decision.Notes, out.Notes),
	}
	if out.Brake != nil {
		s.hold(ctx, taken, *out.Brake)
		s.report(result)
		return nil
	}
	if out.Done == lifecycle.Suspend {
		s.acted, s.Last = true, s.Last.WithSuspension(true)
		s.suspended(ctx)
		result.Changed = []string{mapping.AttrStatus}
	}
	s.release(ctx)
	s.report(result)
	if out.Profile != nil && desired.Missing == "" {
		if err := s.updateLeaversProfile(ctx, desired, out, &result); err != nil {
			return err
		}
	}
	s.report(result)
	return nil
}

func leaverOutcome(out activities.EnforceStatusResult) employee.Outcome {
	switch {
	case !out.Found:
		return employee.Skipped
	case out.Done == lifecycle.Suspend:
		return employee.Suspended
	case out.Done == lifecycle.HoldStatus:
		return employee.Held
	default:
		return employee.Unchanged
	}
}

func (s *employeeSync) updateLeaversProfile(ctx workflow.Context, desired mapping.Desired, found activities.EnforceStatusResult, result *Result) error {
	var out activities.UpsertUserResult
	err := s.execute(ctx, callOptions(OneLoginTaskQueue, "Write the leaver's profile", priorityLive), activities.UpsertUserName,
		activities.UpsertUserInput{
			EmployeeID: s.employeeID, Desired: desired, Standing: lifecycle.StandingLeft, Known: found.Profile, Last: s.Last,
		}, &out)
	var refused *temporal.ApplicationError
	switch {
	case errors.Is(err, errOvertaken) || temporal.IsCanceledError(err):
		return err
	case errors.As(err, &refused):
		result.Notes = append(result.Notes, "The profile was not updated: "+refused.Message())
		return nil
	case err != nil:
		return err
	}
	s.Last = out.Last
	s.acted = true
	result.Changed = append(result.Changed, out.Changed...)
	result.Notes = append(result.Notes, out.Notes...)
	if result.Outcome == employee.Unchanged && len(out.Changed) > 0 {
		result.Outcome = out.Outcome
	}
	return nil
}

// report keeps the outcome of a pass. A pass that changed nothing does not
// hide what an earlier one of the same workflow did.
func (s *employeeSync) report(r Result) {
	r.EmployeeID, r.Settings, r.Last = s.employeeID, s.Read.Settings, s.Last
	r.DueAt, r.Zone = s.Wake.At, s.Wake.Zone
	if s.Read.Decision.UnknownSite {
		r.Notes = append(r.Notes, "The person's site is not in the table of zones, so "+s.Read.Decision.Zone+" was taken; add it under zones.sites")
	}
	s.own, s.look.Outcome = r, r.Outcome
	if before := s.Result; r.Outcome == employee.Unchanged && changes(before.Outcome) {
		r.Outcome, r.Changed, r.Reason = before.Outcome, before.Changed, before.Reason
	}
	s.Result = r
}

func changes(o employee.Outcome) bool {
	switch o {
	case employee.Created, employee.Updated, employee.Suspended, employee.Reactivated, employee.Renamed, employee.Relinked:
		return true
	default:
		return false
	}
}

// execute runs an activity that an urgent event overtakes: one that has not
// begun is not begun, and one that waits for its turn or its next try is
// given up.
func (s *employeeSync) execute(ctx workflow.Context, options workflow.ActivityOptions, name string, in, out any) error {
	if s.EmployeeState.Inbox.Urgent {
		return errOvertaken
	}
	return s.call(ctx, options, name, in, out, true)
}

// executeFirst runs an activity that nothing overtakes.
func (s *employeeSync) executeFirst(ctx workflow.Context, options workflow.ActivityOptions, name string, in, out any) error {
	return s.call(ctx, options, name, in, out, false)
}

// call runs an activity and takes in what comes meanwhile.
func (s *employeeSync) call(ctx workflow.Context, options workflow.ActivityOptions, name string, in, out any, yields bool) error {
	cancellable, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, options))
	defer cancel()
	future := workflow.ExecuteActivity(cancellable, name, in)
	overtaken := false
	selector := workflow.NewSelector(ctx)
	selector.AddFuture(future, func(workflow.Future) {})
	selector.AddReceive(s.inbox, func(c workflow.ReceiveChannel, _ bool) {
		s.takeOne(ctx, c)
		if yields && s.EmployeeState.Inbox.Urgent && !overtaken {
			overtaken = true
			cancel()
		}
	})
	for !future.IsReady() {
		selector.Select(ctx)
	}
	err := future.Get(ctx, out)
	if overtaken && ctx.Err() == nil && temporal.IsCanceledError(err) {
		return errOvertaken
	}
	return err
}

// failure ends a workflow or an update with the sentence of what failed,
// instead of Temporal's account of which activity it came from.
func failure(err error) error {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(app.Message(), app.Type(), nil)
}

// sentence is the message of a failure without Temporal's wrapping.
func sentence(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}
