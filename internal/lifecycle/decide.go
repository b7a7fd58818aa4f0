package lifecycle

import (
	"fmt"
	"strings"
	"time"
	"unicode"

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
	// PhaseNone: nothing is to be done now.
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
	// StartAt is the moment at which the person is due, where a date says so;
	// zero under StartOnCreation.
	StartAt time.Time `json:"startAt,omitzero"`
	// LeaveAt is the moment at which access ends by the dates in Bob.
	LeaveAt time.Time `json:"leaveAt,omitzero"`
	// WakeAt is when to look again even if no event comes; zero where only an
	// event can change anything.
	WakeAt time.Time `json:"wakeAt,omitzero"`
	// BobSaidInactive releases the hold of an immediate revocation.
	BobSaidInactive bool `json:"bobSaidInactive,omitempty"`
	// OutOfScope: the person has not left, but is out of the settings' scope,
	// which want the OneLogin user suspended that is linked to them.
	OutOfScope bool `json:"outOfScope,omitempty"`
	// Excluded: the person is certainly out of scope, and left alone.
	Excluded bool `json:"excluded,omitempty"`
	// Notes are further sentences that an operator should see.
	Notes []string `json:"notes,omitempty"`
}

// CameBack reports whether there is a reason to believe that somebody whose
// access was to end has it again, or is nobody's business any more. That Bob does
// not show them, or not enough of them, is none.
func (d Decision) CameBack() bool {
	return d.Excluded || d.Standing == StandingActive || d.Standing == StandingNotStarted
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

// farthestLook bounds a wait to what every timer can hold: 292 years is the
// most for a time.Duration, and Bob may say that somebody starts in 2999.
const farthestLook = 100 * 365 * 24 * time.Hour

// Decide turns a situation into a decision. It never takes the lack of
// something (a field, a person, an answer) for a proof of leaving.
func Decide(p Policy, s Situation) Decision {
	if !s.Found {
		return decideMissing(s)
	}
	f := readFacts(p, s)
	why, left := f.proofOfLeaving(p, s.Now)
	d := Decision{
		Zone: f.zone.String(), UnknownSite: f.unknownSite, LeaveAt: f.leaveAt, Notes: f.notes,
		// The hold of a revocation gives way only to a proof that Bob's own
		// word is part of; a person who has not started is inactive anyway.
		BobSaidInactive: left && f.bobInactive && !f.notStarted,
	}
	switch {
	case s.Revoked:
		d.Phase, d.Standing = PhaseLeave, StandingLeft
		d.Reason = "Bob revoked this person's access with immediate effect; that holds until Bob says inactive or activates them"
		if !d.BobSaidInactive {
			d.WakeAt = s.Now.Add(Recheck)
		}
		return d
	case left:
		d.Phase, d.Standing, d.Reason = PhaseLeave, StandingLeft, why
		return d
	case f.inactiveForUnknownReason():
		d.Phase, d.Standing, d.WakeAt = PhaseNone, StandingUnknown, f.leaveLook(s.Now)
		d.Reason = "Bob says inactive, but its answer lacks " + FieldLifecycleStatus + ", so a leaver cannot be told from a future hire or somebody on leave, and nothing is changed; the service user needs permission to see that field"
		return d
	}

	if p.Start.When != StartOnCreation {
		d.StartAt = f.dueAt(p)
		switch {
		case f.startDate == nil && f.active:
			// Somebody who works here already needs no start date.
		case f.startDate == nil:
			d.Phase, d.Standing, d.WakeAt = PhaseNone, StandingUnknown, f.leaveLook(s.Now)
			d.Reason = f.whyNoStart()
			return d
		case s.Now.Before(d.StartAt):
			d.Phase, d.Standing = PhaseWait, StandingNotStarted
			d.WakeAt = earliest(earliest(d.StartAt, f.leaveAt), s.Now.Add(farthestLook))
			d.Reason = fmt.Sprintf("Starts on %s (%s); due %s", f.startDate, f.zone, moment(d.StartAt, f.zone))
			return d
		}
	}

	d.Phase = PhaseProvision
	d.Standing, d.Reason = f.standing(p, s)
	if d.WakeAt = f.startLook(p, s.Now, d.Standing); d.WakeAt.IsZero() {
		d.WakeAt = f.leaveLook(s.Now)
	} else {
		// What lies behind the start is looked at from there on.
		d.WakeAt = earliest(d.WakeAt, f.leaveAt)
	}
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
	zone          *time.Location
	unknownSite   bool
	active        bool // internal.status is Active
	bobInactive   bool // internal.status is Inactive
	state         string
	statePresence employee.Presence
	notStarted    bool // hired, or by date where Bob does not say
	startDate     *Date
	startPresence employee.Presence
	leaveAt       time.Time
	leaveBy       string
	notes         []string
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

	f.readState(s.Record)
	f.startDate, f.startPresence = f.date(s.Record, FieldStartDate)
	f.readLeave(p, s.Record, sitePresence)

	f.notStarted = f.state == stateHired
	if f.statePresence != employee.Present && f.startDate != nil {
		f.notStarted = s.Now.Before(Instant(*f.startDate, TimeOfDay{}, f.zone).Add(lateStartLimit))
	}
	return f
}

// readState reads the lifecycle status. Every word but Bob's own names a leave
// type; what is no word names nothing.
func (f *facts) readState(r employee.Record) {
	state, presence := f.text(r, FieldLifecycleStatus)
	value, _ := r.Get(FieldLifecycleStatus)
	if _, isText := value.(string); presence == employee.Present && (!isText || !strings.ContainsFunc(state, unicode.IsLetter)) {
		f.notes = append(f.notes, "Bob answered "+FieldLifecycleStatus+" with no word, which is not understood and decides nothing")
		return
	}
	f.state, f.statePresence = strings.ToLower(state), presence
}

// readLeave finds the first of the two days that end access.
func (f *facts) readLeave(p Policy, r employee.Record, site employee.Presence) {
	for _, field := range []string{FieldLastDayOfWork, FieldTerminationDate} {
		last, _ := f.date(r, field)
		if last == nil || !f.endsThisEmployment(*last, field) {
			continue
		}
		end := EndOf(*last, f.zone)
		if site == employee.Absent {
			// The person may be anywhere: nobody's access ends early for a
			// site that was not answered.
			end = p.Zones.lastEndOf(*last).In(f.zone)
		}
		if f.leaveAt.IsZero() || end.Before(f.leaveAt) {
			f.leaveAt, f.leaveBy = end, field
		}
	}
}

// endsThisEmployment tells the last day of the present employment from one
// that an earlier employment has left behind: that lies before the start date.
// Where the start date was not answered, only "terminated" tells.
func (f *facts) endsThisEmployment(last Date, field string) bool {
	switch {
	case f.state == stateTerminated:
		return true
	case f.startDate != nil:
		return !last.Before(*f.startDate)
	case f.startPresence == employee.Null:
		return true
	default:
		f.notes = append(f.notes, "Bob shows "+field+" but no usable "+FieldStartDate+", so it may be an earlier employment's and decides nothing; the service user needs permission to see that field")
		return false
	}
}

// proofOfLeaving reports whether access has ended, and by what. Whatever is a
// proof here stays one whatever fields are added to the record: so no field
// that Bob left out can make a leaver of anybody.
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
	if !f.bobInactive || f.notStarted {
		return "", false
	}
	switch {
	case f.statePresence == employee.Present:
		return "Bob says inactive (" + f.describeState() + ")", true
	case f.statePresence == employee.Null && f.startDate != nil:
		return "Bob says inactive and the start date has passed", true
	default:
		return "", false
	}
}

// inactiveForUnknownReason: a future hire, somebody on a leave that the
// settings count as active, and a leaver are all Inactive in Bob; without the
// lifecycle status nobody can tell which.
func (f facts) inactiveForUnknownReason() bool {
	return f.bobInactive && f.statePresence == employee.Absent && !f.notStarted
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
	case f.bobInactive && f.notStarted:
		return StandingNotStarted, "Bob says hired and not active yet"
	case f.bobInactive:
		return StandingUnknown, "Bob says inactive but gives neither " + FieldLifecycleStatus + " nor " + FieldStartDate + ", so a leaver cannot be told from a future hire; the status is left alone"
	default:
		_, presence := s.Record.Get(FieldStatus)
		if presence == employee.Absent {
			return StandingUnknown, "Bob's answer lacks " + FieldStatus + ", so the status is left alone; the service user needs permission to see that field"
		}
		return StandingUnknown, "Bob gives no usable " + FieldStatus + ", so the status is left alone"
	}
}

// whyNoStart says why somebody who is not active cannot be due.
func (f facts) whyNoStart() string {
	if f.startPresence == employee.Null {
		return "Bob has no start date for this person yet; they are taken up when one is set"
	}
	return "Bob's answer lacks " + FieldStartDate + ", or holds no date there, so it cannot be told when this person is due; the service user needs permission to see that field"
}

// startLook says when a start is looked at again that Bob has not made
// effective: at the start of the start date, and then hourly as long as the
// difference between two zones can explain it. Where the status does not
// follow Bob, only a record matters that the passing of the start decides.
func (f facts) startLook(p Policy, now time.Time, st Standing) time.Time {
	byDate := f.statePresence != employee.Present
	if st != StandingNotStarted || f.startDate == nil || (p.Status != FollowBob && !byDate) {
		return time.Time{}
	}
	start := Instant(*f.startDate, TimeOfDay{}, f.zone)
	switch limit := start.Add(lateStartLimit); {
	case now.Before(start):
		return earliest(start, now.Add(farthestLook))
	case now.Before(limit):
		return earliest(now.Add(lateStartRecheck), limit)
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

// earliest returns the earlier of two moments, of which either may be missing.
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
