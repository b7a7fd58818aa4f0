package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// Names that operators type and histories store. They must not change.
const (
	// TaskQueue is where workflows and reads of Bob run.
	TaskQueue = "bob-onelogin"
	// OneLoginTaskQueue is where activities run that call OneLogin; the
	// server keeps its rate for all workers together.
	OneLoginTaskQueue = "bob-onelogin-api"
	// ownTaskQueue begins the name of the queue that one worker process has for
	// itself.
	ownTaskQueue = "bob-onelogin-worker/"

	EmployeeSyncName = "EmployeeSync"
	ReadBackName     = "ReadBack"

	// EventSignal carries an employee.Event.
	EventSignal = "employee-event"
	// StatusQuery answers a StatusView.
	StatusQuery = "status"
	// SyncUpdate synchronises now and answers a Result.
	SyncUpdate = "sync"
)

// Search attributes. They are never encrypted and carry no personal data.
//
// SyncDueAt is the moment that is waited for. Together with Syncing it lies in
// the past only where it tells since when somebody's access should have ended,
// or may have: of an event that came in, or a date of leaving.
var (
	SyncStateKey = temporal.NewSearchAttributeKeyKeyword("SyncState")
	SyncDueAtKey = temporal.NewSearchAttributeKeyTime("SyncDueAt")
)

const (
	// ReadBackWorkflowID is the ID of the one workflow that reads created
	// users back.
	ReadBackWorkflowID = "read-back"
	// CreatedSignal carries an activities.CreatedUser to it.
	CreatedSignal = "user-created"
)

// OwnTaskQueue is the queue of one worker process, named by an id that no other
// has: the pages of a bulk run come from the process that read everybody.
func OwnTaskQueue(processID string) string { return ownTaskQueue + processID }

const employeeWorkflowPrefix = "employee/"

// EmployeeWorkflowID is the workflow ID of an employee: one writer per person.
func EmployeeWorkflowID(employeeID string) string {
	return employeeWorkflowPrefix + employeeID
}

// EmployeeIDFrom is the inverse of EmployeeWorkflowID.
func EmployeeIDFrom(workflowID string) (string, error) {
	id, ok := strings.CutPrefix(workflowID, employeeWorkflowPrefix)
	if !ok || id == "" || strings.Trim(id, "0123456789") != "" {
		return "", fmt.Errorf("workflow ID must be %s<Bob id>, such as %s", employeeWorkflowPrefix, EmployeeWorkflowID("3332883854254932743"))
	}
	return id, nil
}

// SyncState is where an employee's synchronisation stands: the search
// attribute SyncState and the field of the status query.
type SyncState string

const (
	// Settling: an event came; Bob is read when its answer is sure to be
	// fresh.
	Settling SyncState = "Settling"
	// Waiting: the start lies ahead.
	Waiting SyncState = "Waiting"
	// Syncing: Bob or OneLogin are being called.
	Syncing SyncState = "Syncing"
	// Leaving: the end of access lies ahead, or an immediate revocation holds.
	Leaving SyncState = "Leaving"
	// Done, Skipped, Held and Failed are how a synchronisation ended.
	Done    SyncState = "Done"
	Skipped SyncState = "Skipped"
	Held    SyncState = "Held"
	Failed  SyncState = "Failed"
)

// InitialState is the state with which an event starts a workflow.
func InitialState(t employee.EventType) SyncState {
	if t.Urgent() {
		return Syncing
	}
	return Settling
}

// EmployeeSyncInput is empty but when a run continues another, or a bulk run
// has started it. The employee is named by the workflow ID.
type EmployeeSyncInput struct {
	State *EmployeeState `json:"state,omitempty"`
	// Shown and ShownDue are what the search attributes were set to by whoever
	// started the workflow. It must not look for itself: a server that was just
	// given the attributes shows them to one worker and not yet to another, and
	// what is replayed would differ from what was done.
	Shown    SyncState `json:"shown,omitempty"`
	ShownDue time.Time `json:"shownDue,omitzero"`
	// Bulk is there where a bulk run has started the workflow.
	Bulk *FromBulk `json:"bulk,omitempty"`
}

// SearchAttributes are those to start the workflow with.
func (in EmployeeSyncInput) SearchAttributes() temporal.SearchAttributes {
	shown := []temporal.SearchAttributeUpdate{SyncStateKey.ValueSet(string(in.Shown))}
	if !in.ShownDue.IsZero() {
		shown = append(shown, SyncDueAtKey.ValueSet(in.ShownDue))
	}
	return temporal.NewSearchAttributes(shown...)
}

// EmployeeState is everything that a run hands to the next.
type EmployeeState struct {
	Inbox Inbox `json:"inbox,omitzero"`
	// Revoked: an immediate revocation is in force. RevokedAt is its moment by
	// Bob's clock, where told.
	Revoked   bool      `json:"revoked,omitempty"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	// Wake is when to look again without an event.
	Wake Wake `json:"wake,omitzero"`
	// Read is the moment and the meaning of the last read of Bob.
	Read LastRead `json:"read,omitzero"`
	// ReportTo is the workflow ID of a bulk run that has not been told yet what
	// came of this person.
	ReportTo string `json:"reportTo,omitempty"`
	// AwaitedBy lists reports that wait for this person's OneLogin user.
	AwaitedBy []string `json:"awaitedBy,omitempty"`
	// LeftAt is when it was found that access has ended, as long as that has not
	// been seen to: it tells one leaving from the next.
	LeftAt time.Time `json:"leftAt,omitzero"`
	// Outdated is how often what was read has waited too long to be acted on.
	Outdated int `json:"outdated,omitempty"`
	// Braked is there while the suspension brake keeps the person from being
	// suspended.
	Braked *Braked `json:"braked,omitempty"`
	// Run is a bulk run that has asked for a look which has not ended, and
	// AllowSuspensions how many of its people the brake lets pass.
	Run              string `json:"run,omitempty"`
	AllowSuspensions int    `json:"allowSuspensions,omitempty"`
	// Last is for the next synchronisation.
	Last activities.LastSync `json:"last,omitzero"`
	// Result is the outcome so far.
	Result Result `json:"result,omitzero"`
	// Failure is the sentence of a failed synchronisation that did not end
	// the workflow because something is still waited for.
	Failure string `json:"failure,omitempty"`
	// Name is how the person is called, as far as that was read; it is shown to
	// people and decides nothing.
	Name  string    `json:"name,omitempty"`
	State SyncState `json:"state,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Tracked: the namespace has this program's search attributes. Shown and
	// ShownDue are what they are set to.
	Tracked  bool      `json:"tracked,omitempty"`
	Shown    SyncState `json:"shown,omitempty"`
	ShownDue time.Time `json:"shownDue,omitzero"`
}

// Wake is a moment at which to look at a person without being told to.
type Wake struct {
	At time.Time `json:"at,omitzero"`
	// Target is the date that At works towards; it stays where At is only a
	// look in between.
	Target time.Time `json:"target,omitzero"`
	Zone   string    `json:"zone,omitempty"`
	// Why is "start", "leave", "revocation" or "brake".
	Why string `json:"why,omitempty"`
}

// LastRead is the last successful read of Bob.
type LastRead struct {
	At       time.Time          `json:"at,omitzero"`
	Decision lifecycle.Decision `json:"decision,omitzero"`
	// ActedOn is the digest of the read that was acted on completely.
	ActedOn string `json:"actedOn,omitempty"`
	// Settings is the version of the provisioning settings.
	Settings string `json:"settings,omitempty"`
}

// Result is what a synchronisation came to. It names attributes and never
// their values.
type Result struct {
	EmployeeID string           `json:"employeeId"`
	Outcome    employee.Outcome `json:"outcome"`
	OneLoginID int64            `json:"oneloginId,omitempty"`
	// Changed lists the OneLogin attributes written.
	Changed []string `json:"changed,omitempty"`
	// Reason is one sentence; Notes are further ones.
	Reason string   `json:"reason"`
	Notes  []string `json:"notes,omitempty"`
	// DueAt is the moment that is waited for, in Zone.
	DueAt time.Time `json:"dueAt,omitzero"`
	Zone  string    `json:"zone,omitempty"`
	// Settings is the version of the provisioning settings.
	Settings string `json:"settings,omitempty"`
	// MissingManager is the Bob id of a manager without a OneLogin user.
	MissingManager string `json:"missingManager,omitempty"`
	// Last is for the next synchronisation of this person.
	Last activities.LastSync `json:"last,omitzero"`
}

// StatusView is the answer to the status query.
type StatusView struct {
	EmployeeID string `json:"employeeId"`
	// Name is how the person is called; empty before Bob was read.
	Name  string    `json:"name,omitempty"`
	State SyncState `json:"state"`
	Since time.Time `json:"since"`
	// DueAt is the next moment that is waited for, DueFor what for ("settle",
	// "start", "leave", "revocation", "brake"), and Zone the person's time zone.
	DueAt  time.Time `json:"dueAt,omitzero"`
	DueFor string    `json:"dueFor,omitempty"`
	Zone   string    `json:"zone,omitempty"`
	// LastRead is when Bob was read last.
	LastRead time.Time `json:"lastRead,omitzero"`
	// Reason is one sentence: why the state is what it is.
	Reason string `json:"reason"`
	// LastOutcome is what the last synchronisation did; nil before the first.
	LastOutcome *Result `json:"lastOutcome,omitempty"`
	// PendingEvents counts events that came since the last read.
	PendingEvents int `json:"pendingEvents,omitempty"`
	// Revoked: an immediate revocation is in force.
	Revoked bool `json:"revoked,omitempty"`
	// AwaitedBy counts reports that wait for this person's OneLogin user.
	AwaitedBy int `json:"awaitedBy,omitempty"`
}
