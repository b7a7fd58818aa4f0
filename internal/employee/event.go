package employee

import "time"

// EventType names something that happened to a person. The first group are
// Bob's own webhook types; the second are this program's, and share the inbox
// of the employee's workflow with them.
type EventType string

// Bob's webhook event types.
const (
	EventCreated           EventType = "employee.created"
	EventUpdated           EventType = "employee.updated"
	EventJoined            EventType = "employee.joined"
	EventActivated         EventType = "employee.activated"
	EventInactivated       EventType = "employee.inactivated"
	EventLeft              EventType = "employee.left"
	EventTemporaryLeave    EventType = "employee.temporaryLeave"
	EventDeleted           EventType = "employee.deleted"
	EventAccessRevoked     EventType = "employee.access.revoked.immediately"
	EventTableEntryCreated EventType = "table.entry.created"
	EventTableEntryUpdated EventType = "table.entry.updated"
)

// BobEvents lists Bob's event types.
func BobEvents() []EventType {
	return []EventType{
		EventCreated, EventUpdated, EventJoined, EventActivated, EventInactivated, EventLeft, EventTemporaryLeave,
		EventDeleted, EventAccessRevoked, EventTableEntryCreated, EventTableEntryUpdated,
	}
}

// This program's own event types.
const (
	// EventManagerLinked tells a report that its manager now has a OneLogin
	// user.
	EventManagerLinked EventType = "sync.manager.linked"
	// EventReportWaiting tells a manager that a report waits for that.
	EventReportWaiting EventType = "sync.report.waiting"
	// EventUnlicensed says that the person's user was found without a licence
	// some time after its creation.
	EventUnlicensed EventType = "sync.user.unlicensed"
	// EventBulk asks for a look on behalf of a bulk run, together with others
	// and after whatever is more urgent.
	EventBulk EventType = "sync.bulk"
	// EventDecided says that a person has approved or rejected the suspension
	// which the brake holds.
	EventDecided EventType = "sync.suspension.decided"
)

// Urgent reports whether an event may mean that somebody must lose access, so
// that Bob is read at once instead of after the settle delay.
func (t EventType) Urgent() bool {
	switch t {
	case EventLeft, EventInactivated, EventDeleted, EventAccessRevoked:
		return true
	default:
		return false
	}
}

// Activates reports whether an event says that somebody may log in from now
// on. It releases a suspension that an immediate revocation holds.
func (t EventType) Activates() bool {
	return t == EventActivated || t == EventJoined
}

// Event is one message in an employee's inbox. Bob's webhooks carry ids, not
// data, and so does this: what happened is read from Bob.
type Event struct {
	Type EventType `json:"type"`
	// ReceivedAt is when this program took the event in; zero is taken as
	// the moment of handling.
	ReceivedAt time.Time `json:"receivedAt,omitzero"`
	// TriggeredAt is when it happened by Bob's clock; zero where unknown. It
	// is only ever compared with another of Bob's: the zone is not told.
	TriggeredAt time.Time `json:"triggeredAt,omitzero"`
	// Email is the address of a deleted person, whom Bob can no longer be
	// asked about. Other events leave it empty.
	Email string `json:"email,omitempty"`
	// ReportID is the Bob id of the report that waits (EventReportWaiting).
	ReportID string `json:"reportId,omitempty"`
	// ManagerID and ManagerUserID are the Bob id and the OneLogin id of the
	// manager that appeared (EventManagerLinked).
	ManagerID     string `json:"managerId,omitempty"`
	ManagerUserID int64  `json:"managerUserId,omitempty"`
	// Run is the bulk run that asks (EventBulk), and AllowSuspensions how many
	// of its people the suspension brake lets pass beyond the limit.
	Run              string `json:"run,omitempty"`
	AllowSuspensions int    `json:"allowSuspensions,omitempty"`
}

// Outcome is what a synchronisation came to, from activity to report.
type Outcome string

const (
	Created     Outcome = "created"
	Updated     Outcome = "updated"
	Unchanged   Outcome = "unchanged"
	Suspended   Outcome = "suspended"
	Reactivated Outcome = "reactivated"
	Renamed     Outcome = "renamed"
	Relinked    Outcome = "relinked"
	// Skipped: there was nothing to do for this person, and the reason says
	// why.
	Skipped Outcome = "skipped"
	// Held: something is due that a person has to decide on.
	Held Outcome = "held"
	// Scheduled: nothing was done yet; the workflow waits for a moment.
	Scheduled Outcome = "scheduled"
	// Failed: it could not be done, and the reason says what a person has to
	// mend. Workflows fail instead of returning it; reports about them have it.
	Failed Outcome = "failed"
	// Moved: the change of a plan was not made, because the person's state is
	// not the one any more that was planned from.
	Moved Outcome = "moved"
)
