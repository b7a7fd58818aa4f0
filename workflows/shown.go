package workflows

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// What a wake-up is for.
const (
	wakeStart      = "start"
	wakeLeave      = "leave"
	wakeRevocation = "revocation"
	wakeBrake      = "brake"
)

// summary is the one line that the web UI shows beside the timer.
func (w Wake) summary() string {
	switch w.Why {
	case wakeStart:
		return "Starts " + w.moment(w.At)
	case wakeLeave:
		if w.At.Equal(w.Target) {
			return "Access ends " + w.moment(w.At)
		}
		return "Look at Bob again; access ends " + w.moment(w.Target)
	case wakeBrake:
		return "Look at Bob and ask the suspension brake again " + w.moment(w.At)
	default:
		return "Look at Bob again; an immediate revocation holds"
	}
}

func (w Wake) moment(t time.Time) string { return moment(t, w.Zone) }

// moment writes an instant in the person's zone where this machine knows it.
// The text is shown to people and decides nothing.
func moment(t time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return t.In(loc).Format("Mon 2 Jan 2006 15:04") + " " + loc.String()
}

// showWaiting shows what a run without events waits for.
func (s *employeeSync) showWaiting(ctx workflow.Context) {
	state := Leaving
	switch {
	case s.Wake.Why == wakeStart:
		state = Waiting
	case s.Wake.At.IsZero():
		state = endState(s.Result.Outcome)
	}
	if s.Wake.Why == wakeBrake {
		// What is waited for is a person; the next look is no moment of theirs.
		state = Held
	}
	if s.Failure != "" {
		state = Failed
	}
	if s.Wake.Why == wakeBrake {
		s.setState(ctx, state, time.Time{})
		return
	}
	s.setState(ctx, state, s.Wake.shown())
}

// shown is the moment that is shown: the date itself, not a look in between.
func (w Wake) shown() time.Time {
	if w.Target.IsZero() {
		return w.At
	}
	return w.Target
}

// showState shows a state without a moment.
func (s *employeeSync) showState(ctx workflow.Context, state SyncState) {
	s.setState(ctx, state, time.Time{})
}

// setState keeps state and moment, and tells the search attributes where the
// namespace has them and something changed. A run that an event has started
// carries its first state from the start.
func (s *employeeSync) setState(ctx workflow.Context, state SyncState, due time.Time) {
	s.show(ctx, state, due, due.IsZero() && s.keepsDue(state))
}

// show is setState with the word on whether the moment that is shown stays.
func (s *employeeSync) show(ctx workflow.Context, state SyncState, due time.Time, keep bool) {
	if s.State != state {
		s.State, s.Since = state, workflow.Now(ctx)
	}
	s.describe(ctx)
	if !s.Tracked {
		return
	}
	var updates []temporal.SearchAttributeUpdate
	if s.Shown != state {
		updates = append(updates, SyncStateKey.ValueSet(string(state)))
	}
	shownDue := s.ShownDue
	switch {
	case keep:
	case due.IsZero() && !s.ShownDue.IsZero():
		updates = append(updates, SyncDueAtKey.ValueUnset())
		shownDue = time.Time{}
	case !due.IsZero() && !s.ShownDue.Equal(due):
		updates = append(updates, SyncDueAtKey.ValueSet(due))
		shownDue = due
	}
	if len(updates) == 0 {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		s.log.Warn("Search attributes were not set", "error", err)
		return
	}
	s.Shown, s.ShownDue = state, shownDue
}

// learnShown learns what the search attributes are set to at the start: from
// whoever started the run. Only where nobody says so, by hand or by an older
// build, is the run itself asked.
func (s *employeeSync) learnShown(ctx workflow.Context, in EmployeeSyncInput) {
	switch {
	case in.Shown != "":
		s.Tracked, s.Shown, s.ShownDue = true, in.Shown, in.ShownDue
	case s.Shown != "":
	default:
		at := workflow.GetTypedSearchAttributes(ctx)
		if shown, ok := at.GetKeyword(SyncStateKey); ok {
			s.Tracked, s.Shown = true, SyncState(shown)
		}
		if due, ok := at.GetTime(SyncDueAtKey); ok {
			s.ShownDue = due
		}
	}
}

// keepsDue: a pass in the middle of a wait does not make its moment go away.
func (s *employeeSync) keepsDue(state SyncState) bool {
	return (state == Syncing || state == Settling) && !s.Wake.At.IsZero()
}

// status answers the query.
func (s *employeeSync) status() (StatusView, error) {
	v := StatusView{
		EmployeeID: s.employeeID, Name: s.Name, State: s.State, Since: s.Since, LastRead: s.Read.At,
		Reason: s.reason(), PendingEvents: s.EmployeeState.Inbox.Count, Revoked: s.Revoked, AwaitedBy: len(s.AwaitedBy),
		Zone: s.Read.Decision.Zone,
	}
	switch {
	case s.State == Settling:
		v.DueAt, v.DueFor = s.EmployeeState.Inbox.ReadAt(s.settleDelay), "settle"
	case !s.Wake.Target.IsZero():
		v.DueAt, v.DueFor = s.Wake.Target, s.Wake.Why
	case !s.Wake.At.IsZero():
		v.DueAt, v.DueFor = s.Wake.At, s.Wake.Why
	}
	if s.Result.Outcome != "" {
		r := s.Result
		v.LastOutcome = &r
	}
	return v, nil
}

func (s *employeeSync) reason() string {
	switch {
	case s.Failure != "":
		return s.Failure
	case s.State == Settling:
		return fmt.Sprintf("%d event(s) came; Bob is read when its answer is sure to be fresh", s.EmployeeState.Inbox.Count)
	case s.Result.Reason != "":
		return s.Result.Reason
	case s.Read.Decision.Reason != "":
		return s.Read.Decision.Reason
	default:
		return "Bob is about to be read"
	}
}

// DetailsEnd is an empty paragraph: the web UI's frame is a margin too low for
// the details that it shows, and would cut off their last line.
const DetailsEnd = "\n\u00a0\n"

// describe writes the current details that the web UI shows on the workflow's
// page.
func (s *employeeSync) describe(ctx workflow.Context) {
	var b strings.Builder
	write := func(format string, args ...any) { b.WriteString(fmt.Sprintf(format, args...)) }
	if s.Name != "" {
		write("**%s**, Bob employee %s\n\n", markdown.Replace(s.Name), s.employeeID)
	}
	write("**%s** since %s\n\n%s.\n", s.State, moment(s.Since, "UTC"), strings.TrimSuffix(s.reason(), "."))
	if !s.Wake.At.IsZero() {
		write("\n- Next: %s\n", s.Wake.summary())
	}
	if s.Revoked {
		write("- An immediate revocation is in force: nothing lifts this person's suspension until Bob says inactive or activates them\n")
	}
	if n := len(s.AwaitedBy); n > 0 {
		write("- %d report(s) wait for this manager's OneLogin user\n", n)
	}
	if r := s.Result; r.Outcome != "" {
		write("\n| Last outcome | |\n|---|---|\n| Outcome | %s |\n", r.Outcome)
		if r.OneLoginID != 0 {
			write("| OneLogin user | %d |\n", r.OneLoginID)
		}
		if len(r.Changed) > 0 {
			write("| Attributes written | %s |\n", strings.Join(r.Changed, ", "))
		}
		if !s.Read.At.IsZero() {
			write("| Bob read | %s |\n", moment(s.Read.At, "UTC"))
		}
		write("| Settings | %s |\n", r.Settings)
		for _, note := range r.Notes {
			write("\n> %s\n", note)
		}
	}
	b.WriteString(DetailsEnd)
	workflow.SetCurrentDetails(ctx, b.String())
}

// ways are what a run does in the way that it began with, whatever the worker
// that goes on with it would begin with.
type ways struct {
	// Delay is the settle delay.
	Delay time.Duration `json:"delay"`
	// Shows is what the search attributes show; 0 in runs of before.
	Shows int `json:"shows"`
}

// showsEnds: SyncDueAt shows since when access should have ended.
const showsEnds = 1

// UnmarshalJSON takes the bare delay of runs of before as well.
func (w *ways) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &w.Delay) == nil {
		return nil
	}
	type plain ways
	return json.Unmarshal(b, (*plain)(w))
}

// changeEndsShown guards what runs show that have no ways of their own written
// down.
const changeEndsShown = "ends-shown"

// showSyncing shows that Bob or OneLogin are being called, and since when access
// should have ended, where something says so.
func (s *employeeSync) showSyncing(ctx workflow.Context) {
	passed := s.Tracked && !s.ShownDue.IsZero() && !s.ShownDue.After(workflow.Now(ctx))
	switch {
	case !s.endsAt.IsZero() && s.shows >= showsEnds && passed && s.State == Syncing:
		s.show(ctx, Syncing, time.Time{}, true) // told from the start
	case !s.endsAt.IsZero() && s.shows >= showsEnds:
		s.setState(ctx, Syncing, s.endsAt)
	case !s.endsAt.IsZero() && passed && s.Wake.At.IsZero():
		// A bulk run has told it from the start.
		s.show(ctx, Syncing, time.Time{}, s.endsShown(ctx))
	case s.endsAt.IsZero() && passed && s.keepsDue(Syncing):
		// A start has come, or the next look at a revocation that holds.
		s.show(ctx, Syncing, time.Time{}, !s.endsShown(ctx))
	default:
		s.showState(ctx, Syncing)
	}
}

// showSettling shows that an event settles, and the date that lies ahead.
func (s *employeeSync) showSettling(ctx workflow.Context) {
	if s.shows >= showsEnds && !s.Wake.At.IsZero() {
		s.setState(ctx, Settling, s.Wake.shown())
		return
	}
	s.showState(ctx, Settling)
}

func (s *employeeSync) endsShown(ctx workflow.Context) bool {
	return s.shows >= showsEnds || workflow.GetVersion(ctx, changeEndsShown, workflow.DefaultVersion, 1) >= 1
}
