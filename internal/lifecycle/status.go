package lifecycle

import "fmt"

// OneLogin's statuses that decisions name; every other one (locked, password
// pending, …) is OneLogin's own business.
const (
	statusActive    = 1
	statusSuspended = 2
)

// StatusAction is what to do about a user's status.
type StatusAction string

const (
	// KeepStatus: the status is left as it is.
	KeepStatus StatusAction = "keep"
	// Suspend: write 2 and end the sessions.
	Suspend StatusAction = "suspend"
	// Activate: lift 2 to 1.
	Activate StatusAction = "activate"
	// HoldStatus: a suspension is due, but the user is protected; a person
	// has to decide.
	HoldStatus StatusAction = "hold"
)

// UserState is what a status decision depends on beside the policy.
type UserState struct {
	// Status is OneLogin's status code; StatusKnown is false where the answer
	// lacked it, and then nothing but a suspension may follow.
	Status      int
	StatusKnown bool
	// Standing is Decide's.
	Standing Standing
	// Activated: an activation event is among those handled.
	Activated bool
	// SuspendedByUs: this program suspended the user because of Bob.
	SuspendedByUs bool
	// Protected: never to be suspended by this program.
	Protected bool
}

// StatusDecision is an action and the rule that asked for it.
type StatusDecision struct {
	Action StatusAction `json:"action"`
	// Rule is one sentence for people.
	Rule string `json:"rule"`
}

// StatusOnCreate returns the OneLogin status that a new user gets.
func StatusOnCreate(p Policy, standing Standing) (status int, rule string) {
	switch {
	case standing == StandingLeft:
		return statusSuspended, "created suspended: the person's access has ended"
	case p.Status == AlwaysActive:
		return statusActive, "created active: status is always_active"
	case p.Status == AlwaysSuspended:
		return statusSuspended, "created suspended: status is always_suspended"
	case standing == StandingActive:
		return statusActive, "created active: Bob says active"
	default:
		return statusSuspended, "created suspended: Bob does not say active"
	}
}

// DecideStatus says what to do about the status of a user that exists.
//
// Only status 2 counts as suspended, and 2 → 1 is the only lift: writing 1
// over any other status would skip a lock or a password step. A leaver is
// suspended from whatever status.
func DecideStatus(p Policy, u UserState) StatusDecision {
	suspended := u.StatusKnown && u.Status == statusSuspended
	if u.Standing == StandingLeft {
		switch {
		case suspended:
			return StatusDecision{KeepStatus, "already suspended"}
		case u.Protected:
			return StatusDecision{HoldStatus, "a suspension is due, but this user is protected"}
		default:
			return StatusDecision{Suspend, "the person's access has ended"}
		}
	}
	if !u.StatusKnown {
		return StatusDecision{KeepStatus, "OneLogin's answer lacks the status"}
	}
	if !suspended {
		return StatusDecision{KeepStatus, keptUnsuspended(p, u)}
	}
	switch {
	case p.Status == AlwaysActive:
		return StatusDecision{KeepStatus, "suspended, and always_active only acts on creation and leaving"}
	case p.Status == AlwaysSuspended:
		return StatusDecision{KeepStatus, "suspended, as always_suspended wants it"}
	case u.Standing != StandingActive:
		return StatusDecision{KeepStatus, "suspended, and Bob does not say active"}
	case p.Reactivate == ReactivateNever:
		return StatusDecision{KeepStatus, "suspended, and reactivate is never"}
	case p.Reactivate == ReactivateOnActivation && !u.Activated && !u.SuspendedByUs:
		return StatusDecision{KeepStatus, "suspended by somebody else, and reactivate is on_activation: no activation event came"}
	default:
		return StatusDecision{Activate, "Bob says active"}
	}
}

// keptUnsuspended says why a user who is not suspended stays as they are:
// nobody but a leaver is ever suspended.
func keptUnsuspended(p Policy, u UserState) string {
	switch {
	case u.Status != statusActive:
		return fmt.Sprintf("OneLogin status %d is a matter between OneLogin and the user: only 2 (suspended) is ever lifted, and only a leaver is suspended", u.Status)
	case p.Status == AlwaysActive:
		return "active, as always_active wants it"
	case p.Status == AlwaysSuspended:
		return "active, and always_suspended only acts on creation and leaving"
	case u.Standing == StandingActive:
		return "active, as Bob says"
	case u.Standing == StandingNotStarted:
		return "active already, though Bob says not started: only a leaver is suspended"
	default:
		return "active, and Bob's answer does not say otherwise: only a leaver is suspended"
	}
}
