package lifecycle

import "time"

// StatusPolicy says which OneLogin status people get; the values are those of
// the provisioning file's key "status".
type StatusPolicy string

const (
	// FollowBob creates people active if Bob says active and suspended
	// otherwise, and follows Bob both ways later.
	FollowBob StatusPolicy = "follow_bob"
	// AlwaysActive creates people active; later only leaving changes it.
	AlwaysActive StatusPolicy = "always_active"
	// AlwaysSuspended creates people suspended and never activates them.
	AlwaysSuspended StatusPolicy = "always_suspended"
)

// ReactivatePolicy says when a suspended user may be lifted again under
// FollowBob; the values are those of the key "reactivate".
type ReactivatePolicy string

const (
	// ReactivateAlways lifts whenever Bob says active.
	ReactivateAlways ReactivatePolicy = "always"
	// ReactivateOnActivation lifts on an activation event, or where this
	// program suspended the user because of Bob: a mere update never lifts a
	// suspension that an administrator made in OneLogin.
	ReactivateOnActivation ReactivatePolicy = "on_activation"
	// ReactivateNever leaves every lift to an administrator.
	ReactivateNever ReactivatePolicy = "never"
)

// StartWhen says which moment makes a new person due; the values are those of
// the key "start.when".
type StartWhen string

const (
	// StartOnDate: the start date, or some days before it.
	StartOnDate StartWhen = "start_date"
	// StartOnCreation: as soon as the person exists in Bob.
	StartOnCreation StartWhen = "creation"
)

// StartRule says when a new person is due in OneLogin.
type StartRule struct {
	When     StartWhen
	LeadDays int
	At       TimeOfDay
}

// LeaveRule says whether a kind of leave counts as active; the values are
// those of the keys "leave.garden_leave" and "leave.temporary_leave".
type LeaveRule string

const (
	// LeaveFollowsBob takes Bob's own internal.status, which a leave type
	// with "remain active" keeps Active.
	LeaveFollowsBob LeaveRule = "follow_bob"
	// LeaveIsActive keeps the person's access whatever internal.status says.
	LeaveIsActive LeaveRule = "active"
	// LeaveIsInactive ends the person's access whatever internal.status says.
	LeaveIsInactive LeaveRule = "inactive"
)

// Zones maps sites to time zones. Bob keeps no zone on employees or sites.
type Zones struct {
	Default *time.Location
	// Sites is keyed by Bob's plain site name (work.site).
	Sites map[string]*time.Location
}

// For returns the zone of a site, and whether the site is in the table. A
// site that is not gets the default.
func (z Zones) For(site string) (*time.Location, bool) {
	if loc, ok := z.Sites[site]; ok {
		return loc, true
	}
	return z.Default, site == ""
}

// lastEndOf returns the moment at which a day is over in every zone of the
// table and in the default one.
func (z Zones) lastEndOf(d Date) time.Time {
	last := EndOf(d, z.Default)
	for _, loc := range z.Sites {
		if end := EndOf(d, loc); end.After(last) {
			last = end
		}
	}
	return last
}

// Policy is the part of the provisioning file that lifecycle decides from.
type Policy struct {
	Status         StatusPolicy
	Reactivate     ReactivatePolicy
	Start          StartRule
	GardenLeave    LeaveRule
	TemporaryLeave LeaveRule
	Zones          Zones
}

// DefaultPolicy is Bob's own default behaviour.
func DefaultPolicy() Policy {
	return Policy{
		Status:         FollowBob,
		Reactivate:     ReactivateAlways,
		Start:          StartRule{When: StartOnDate},
		GardenLeave:    LeaveFollowsBob,
		TemporaryLeave: LeaveFollowsBob,
		Zones:          Zones{Default: time.UTC},
	}
}
