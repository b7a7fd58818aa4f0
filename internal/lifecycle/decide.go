package lifecycle

import (
	"fmt"
	"strings"
	"time"

	"bob-onelogin/internal/employee"
)

// Bob's fields that the decisions stand on.
const (
	FieldStatus          = "internal.status"
	FieldLifecycleStatus = "internal.lifecycleStatus"
	FieldTerminationDate = "internal.terminationDate"
	FieldLastDayOfWork   = "employee.lastDayOfWork"
	FieldStartDate       = "work.startDate"
	FieldSite            = "work.site"
)

// Fields lists the Bob fields that Decide reads; a read must ask for them all.
func Fields() []string {
	return []string{
		FieldStatus, FieldLifecycleStatus, FieldTerminationDate,
		FieldLastDayOfWork, FieldStartDate, FieldSite,
	}
}

// Bob's lifecycle states with a meaning of their own; any other is a kind of
// temporary leave, named by the tenant.
const (
	stateHired       = "hired"
	stateEmployed    = "employed"
	stateGardenLeave = "garden leave"
	stateTerminated  = "terminated"
)

// Signs is what the events since the last settled read announced. An event is
// a hint to read Bob, except for the two that are part of a proof: a deletion
// (together with a 404) and an immediate revocation (by itself).
type Signs struct {
	// Deleted: employee.deleted came.
	Deleted bool `json:"deleted,omitempty"`
	// Activated: an activation event came.
	Activated bool `json:"activated,omitempty"`
	// Leaving: left or inactivated came, whose read may not agree yet.
	Leaving bool `json:"leaving,omitempty"`
}

// Situation is everything that a decision depends on.
type Situation struct {
	// Now is the moment of the decision.
	Now time.Time
	// Found is false where Bob answered 404. No other failure of a read may
	// be expressed as a Situation.
	Found  bool
	Record employee.Record
	Signs  Signs
	// Revoked: an immediate revocation is in force.
	Revoked bool
}

// Phase is what the situation calls for.
type Phase string

const (
	// PhaseWait: the person is not due yet.
	PhaseWait Phase = "wait"
	// PhaseProvision: the person should have a user in OneLogin.
	PhaseProvision Phase = "provision"
	// PhaseLeave: there is proof that the person's access has ended.
	PhaseLeave Phase = "leave"
	// PhaseNone: nothing is to be done, and nothing to wait for.
	PhaseNone Phase = "none"
)

// Standing is what Bob says of a person's right to log in, where it can be
// told.
type Standing string

const (
	// StandingActive: Bob says that the person works here now.
	StandingActive Standing = "active"
	// StandingNotStarted: inactive because the start lies ahead.
	StandingNotStarted Standing = "not started"
	// StandingLeft: access has ended.
	StandingLeft Standing = "left"
	// StandingUnknown: the read lacks what it takes to tell.
	StandingUnknown Standing = "unknown"
)

// Decision is what to do about a person, and why.
type Decision struct {
	Phase    Phase    `json:"phase"`
	Standing Standing `json:"standing"`
	// Reason is one sentence for people, without personal data.
	Reason string `json:"reason"`
	// Zone is the IANA name of the zone in which dates were read;
	// UnknownSite is set where the site is not in the table and the default
	// zone was taken.
	Zone        string `json:"zone,omitempty"`
	UnknownSite bool   `json:"unknownSite,omitempty"`
	// StartAt is the moment at which the person is due, where a date says so.
	StartAt time.Time `json:"startAt,omitzero"`
	// LeaveAt is the moment at which access ends by the dates in Bob.
	LeaveAt time.Time `json:"leaveAt,omitzero"`
	// WakeAt is when to look again even if no event comes; zero where only an
	// event can change anything.
	WakeAt time.Time `json:"wakeAt,omitzero"`
	// BobSaidInactive releases the hold of an immediate revocation.
	BobSaidInactive bool `json:"bobSaidInactive,omitempty"`
	// Notes are further sentences that an operator should see.
	Notes []string `json:"notes,omitempty"`
}

// Recheck is how often Bob is read again while a leave lies ahead or a
// revocation holds: an undone termination fires no event.
const Recheck = 24 * time.Hour

const (
	// lateStartRecheck and lateStartLimit bound how a start is followed whose
	// moment has come by our zone table while Bob still says inactive. Two
	// zones lie at most 26 hours apart.
	lateStartRecheck = time.Hour
	lateStartLimit   = 27 * time.Hour
)

// Decide turns a situation into a decision. It never takes the lack of
// something (a field, a person, an answer) for a proof of leaving.
func Decide(p Policy, s Situation) Decision {
	if !s.Found {
		return decideMissing(s)
	}
	f := readFacts(p, s)
	d := Decision{Zone: f.zone.String(), UnknownSite: f.unknownSite, LeaveAt: f.leaveAt, Notes: f.notes}
	d.BobSaidInactive = f.bobInactive && !f.beforeStart

	if s.Revoked {
		d.Phase, d.Standing = PhaseLeave, StandingLeft
		d.Reason = "Bob revoked this person's access with immediate effect; that holds until Bob says inactive or activates them"
		if !d.BobSaidInactive {
			d.WakeAt = s.Now.Add(Recheck)
		}
		return d
	}
	if why, left := f.proofOfLeaving(p, s.Now); left {
		d.Phase, d.Standing, d.Reason = PhaseLeave, StandingLeft, why
		return d
	}

	d.StartAt = f.dueAt(p)
	switch {
	case p.Start.When == StartOnCreation:
	case f.startDate == nil && f.active:
		// Somebody who works here already needs no start date.
	case f.startDate == nil:
		d.Phase, d.Standing = PhaseNone, StandingUnknown
		d.Reason = "Bob has no start date for this person yet; they are taken up when one is set"
		if f.startDateHidden {
			d.Reason = "Bob's answer lacks " + FieldStartDate + ", so it cannot be told when this person is due; the service user needs permission to see that field"
		}
		return d
	case s.Now.Before(d.StartAt):
		d.Phase, d.Standing, d.WakeAt = PhaseWait, StandingNotStarted, d.StartAt
		d.Reason = fmt.Sprintf("Starts on %s (%s); due %s", f.startDate, f.zone, moment(d.StartAt, f.zone))
		return d
	}

	d.Phase = PhaseProvision
	d.Standing, d.Reason = f.standing(p, s)
	d.WakeAt = earliest(f.nextLook(p, s.Now, d.Standing), f.leaveLook(s.Now))
	return d
}

// decideMissing judges a 404. By itself it proves nothing: a permission
// changed in Bob hides people too.
func decideMissing(s Situation) Decision {
	switch {
	case s.Signs.Deleted:
		return Decision{
			Phase: PhaseLeave, Standing: StandingLeft, BobSaidInactive: true,
			Reason: "Bob announced the deletion of this person and no longer knows them",
		}
	case s.Revoked:
		return Decision{
			Phase: PhaseLeave, Standing: StandingLeft, WakeAt: s.Now.Add(Recheck),
			Reason: "Bob revoked this person's access with immediate effect and no longer shows them",
		}
	default:
		return Decision{
			Phase: PhaseNone, Standing: StandingUnknown,
			Reason: "Bob does not show this person (404) and announced no deletion, so nothing is changed; check that the service user may see them",
		}
	}
}

// facts is a record read in the employee's own zone.
type facts struct {
	zone            *time.Location
	unknownSite     bool
	active          bool // internal.status is Active
	bobInactive     bool // internal.status is Inactive
	state           string
	stateKnown      bool
	beforeStart     bool // inactive because hired and not started
	startDate       *Date
	startDateHidden bool
	leaveAt         time.Time
	leaveBy         string
	notes           []string
}

func readFacts(p Policy, s Situation) facts {
	var f facts
	site, sitePresence := f.text(s.Record, FieldSite)
	f.zone = p.Zones.Default
	if sitePresence == employee.Present {
		var known bool
		f.zone, known = p.Zones.For(site)
		f.unknownSite = !known && len(p.Zones.Sites) > 0
	}

	status, _ := f.text(s.Record, FieldStatus)
	f.active = strings.EqualFold(status, "Active")
	f.bobInactive = strings.EqualFold(status, "Inactive")
	if status != "" && !f.active && !f.bobInactive {
		f.notes = append(f.notes, "Bob answered "+FieldStatus+" with a value other than Active and Inactive, which is not understood and decides nothing")
	}

	state, presence := f.text(s.Record, FieldLifecycleStatus)
	f.state, f.stateKnown = strings.ToLower(state), presence == employee.Present

	f.startDate, presence = f.date(s.Record, FieldStartDate)
	f.startDateHidden = presence == employee.Absent

	// The first of the two days ends access; an earlier employment's dates
	// lie before the start date and end nothing of this one.
	for _, field := range []string{FieldLastDayOfWork, FieldTerminationDate} {
		last, _ := f.date(s.Record, field)
		if last == nil || (f.startDate != nil && last.Before(*f.startDate) && f.state != stateTerminated) {
			continue
		}
		if end := EndOf(*last, f.zone); f.leaveAt.IsZero() || end.Before(f.leaveAt) {
			f.leaveAt, f.leaveBy = end, field
		}
	}

	f.beforeStart = f.state == stateHired
	if !f.stateKnown && f.startDate != nil {
		f.beforeStart = s.Now.Before(Instant(*f.startDate, TimeOfDay{}, f.zone))
	}
	return f
}

// proofOfLeaving reports whether access has ended, and by what.
func (f facts) proofOfLeaving(p Policy, now time.Time) (string, bool) {
	if !f.leaveAt.IsZero() && !now.Before(f.leaveAt) {
		return fmt.Sprintf("Access ended %s: the end of %s in Bob", moment(f.leaveAt, f.zone), f.leaveBy), true
	}
	if rule, kind, onLeave := f.leaveRule(p); onLeave {
		switch rule {
		case LeaveIsActive:
			return "", false
		case LeaveIsInactive:
			return "The person is on " + kind + ", which the settings count as inactive", true
		case LeaveFollowsBob:
		}
	}
	if !f.bobInactive || f.beforeStart {
		return "", false
	}
	if !f.stateKnown && f.startDate == nil {
		// Inactive alone does not tell a leaver from a hire who has not
		// started: both are Inactive in Bob.
		return "", false
	}
	if f.stateKnown {
		return "Bob says inactive (" + f.describeState() + ")", true
	}
	return "Bob says inactive and the start date has passed", true
}

// leaveRule returns the rule for the leave that the person is on, if any.
func (f facts) leaveRule(p Policy) (rule LeaveRule, kind string, onLeave bool) {
	switch f.state {
	case "", stateHired, stateEmployed, stateTerminated:
		return "", "", false
	case stateGardenLeave:
		return p.GardenLeave, "garden leave", true
	default:
		return p.TemporaryLeave, "temporary leave", true
	}
}

func (f facts) describeState() string {
	switch f.state {
	case stateEmployed, stateTerminated:
		return f.state
	case stateGardenLeave:
		return "garden leave"
	default:
		return "temporary leave"
	}
}

// dueAt is the moment of the start rule, zero where no date says it.
func (f facts) dueAt(p Policy) time.Time {
	if f.startDate == nil {
		return time.Time{}
	}
	return Instant(f.startDate.AddDays(-p.Start.LeadDays), p.Start.At, f.zone)
}

// standing says what Bob makes of somebody who has not left.
func (f facts) standing(p Policy, s Situation) (Standing, string) {
	if rule, kind, onLeave := f.leaveRule(p); onLeave && rule == LeaveIsActive {
		return StandingActive, "The person is on " + kind + ", which the settings count as active"
	}
	switch {
	case f.active:
		if s.Signs.Leaving && f.leaveAt.IsZero() {
			return StandingActive, "Bob announced a leave but still says active, so access stays"
		}
		return StandingActive, "Bob says active"
	case f.bobInactive && f.beforeStart:
		return StandingNotStarted, "Bob says hired and not active yet"
	case f.bobInactive:
		return StandingUnknown, "Bob says inactive but shows neither " + FieldLifecycleStatus + " nor " + FieldStartDate + ", so a leaver cannot be told from a future hire; the status is left alone"
	default:
		return StandingUnknown, "Bob's answer lacks " + FieldStatus + ", so the status is left alone; the service user needs permission to see that field"
	}
}

// nextLook says when a start is looked at again that Bob has not made
// effective: at the start of the start date, and then hourly as long as the
// difference between two zones can explain it.
func (f facts) nextLook(p Policy, now time.Time, st Standing) time.Time {
	if st != StandingNotStarted || f.startDate == nil || p.Status != FollowBob {
		return time.Time{}
	}
	start := Instant(*f.startDate, TimeOfDay{}, f.zone)
	switch {
	case now.Before(start):
		return start
	case now.Before(start.Add(lateStartLimit)):
		return now.Add(lateStartRecheck)
	default:
		return time.Time{}
	}
}

// leaveLook says when a leave that lies ahead is looked at again.
func (f facts) leaveLook(now time.Time) time.Time {
	if f.leaveAt.IsZero() {
		return time.Time{}
	}
	return earliest(f.leaveAt, now.Add(Recheck))
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// text reads a field for a decision; what is not a text says nothing and is
// noted by its field id.
func (f *facts) text(r employee.Record, field string) (string, employee.Presence) {
	s, presence, err := r.Text(field)
	if err != nil {
		f.notes = append(f.notes, err.Error())
		return "", employee.Absent
	}
	return s, presence
}

// date reads a date for a decision; what is not one says nothing and is noted.
func (f *facts) date(r employee.Record, field string) (*Date, employee.Presence) {
	s, presence := f.text(r, field)
	if presence != employee.Present {
		return nil, presence
	}
	d, err := ParseDate(s)
	if err != nil {
		f.notes = append(f.notes, fmt.Sprintf("field %s is %v and decides nothing", field, err))
		return nil, employee.Absent
	}
	return &d, presence
}

// moment writes an instant for people, with its zone.
func moment(t time.Time, loc *time.Location) string {
	return t.In(loc).Format("Mon 2 Jan 2006 15:04:05") + " " + loc.String()
}
