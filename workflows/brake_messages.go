package workflows

import (
	"errors"
	"fmt"
	"time"

	"bob-onelogin/internal/brake"
)

// Names that operators type and histories store. They must not change.
const (
	SuspensionBrakeName = "SuspensionBrake"
	// BrakeWorkflowID is the ID of the one workflow that counts suspensions.
	BrakeWorkflowID = brake.WorkflowID

	// ReserveUpdate takes a ReserveInput and answers a ReserveResult.
	ReserveUpdate = "reserve"
	// ApproveUpdate and RejectUpdate take a brake.Decision and answer a
	// brake.Decided.
	ApproveUpdate = "approve"
	RejectUpdate  = "reject"
	// BrakeQuery takes a BrakeRequest and answers a brake.View.
	BrakeQuery = "brake"
	// LinkedSignal carries a LinkedUsers, DropSignal a NotHeld.
	LinkedSignal = "linked-users"
	DropSignal   = "not-held"
)

const (
	// MaxReserve bounds the questions of one update.
	MaxReserve = 200
	// maxShown bounds the held people whom the query shows, and shownInDetails
	// those of the current details.
	maxShown       = 1000
	shownInDetails = 50
)

// BrakeInput is empty but when a run continues another.
type BrakeInput struct {
	// Packed is a brake.State.
	Packed []byte `json:"packed,omitempty"`
	// ToTell are people of whom has been decided, and whose workflows have not
	// been told.
	ToTell []string `json:"toTell,omitempty"`
	// NoCountBefore is when the linked users may be counted again, where that
	// has failed.
	NoCountBefore time.Time `json:"noCountBefore,omitzero"`
	// Tracked: the namespace has this program's search attributes. Shown is what
	// SyncState is set to.
	Tracked bool      `json:"tracked,omitempty"`
	Shown   SyncState `json:"shown,omitempty"`
}

// ReserveInput asks about several people at once: those who are about to be
// suspended by one worker at about the same time.
type ReserveInput struct {
	Settings brake.Settings  `json:"settings"`
	Requests []brake.Request `json:"requests"`
	// Tracked: the namespace has this program's search attributes.
	Tracked bool `json:"tracked,omitempty"`
}

// Validate refuses what cannot be answered.
func (in ReserveInput) Validate() error {
	if n := len(in.Requests); n == 0 || n > MaxReserve {
		return fmt.Errorf("ask about 1 to %d people at once, not %d", MaxReserve, n)
	}
	for _, r := range in.Requests {
		if _, err := EmployeeIDFrom(EmployeeWorkflowID(r.EmployeeID)); err != nil || r.Case.IsZero() {
			return errors.New("every request needs a Bob id and its case")
		}
	}
	return in.Settings.Validate()
}

// ReserveResult has an answer to each request, in their order.
type ReserveResult struct {
	Answers []brake.Answer `json:"answers"`
}

// BrakeRequest asks for a view.
type BrakeRequest struct {
	// At is the moment that the view is about: a workflow that nobody wakes does
	// not know what time it is. Zero is when it was last awake.
	At time.Time `json:"at,omitzero"`
	// People is how many of those held are wanted; 0 means all that it shows.
	People int `json:"people,omitempty"`
}

// LinkedUsers is how many users are linked to a person and not suspended.
type LinkedUsers struct {
	Linked int `json:"linked"`
}

// NotHeld is a person whom there is nothing to hold any more.
type NotHeld struct {
	EmployeeID string `json:"employeeId"`
	// Refused is the case that OneLogin has refused to suspend for good, where
	// that is why: it does not count.
	Refused time.Time `json:"refused,omitzero"`
}
