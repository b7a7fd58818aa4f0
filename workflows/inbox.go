package workflows

import (
	"time"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// Inbox folds the events that came since the last settled read: one read
// answers them all.
type Inbox struct {
	Count int `json:"count,omitempty"`
	// First and Last are when the oldest and the newest event came.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Urgent: an event asks for a read at once. It is read once more after
	// the settle delay.
	Urgent bool `json:"urgent,omitempty"`
	// EndsAt is when the oldest event came that asks for that and has not been
	// answered by a suspension or a settled read.
	EndsAt time.Time `json:"endsAt,omitzero"`
	// Now: a person waits for the answer; the read at once is the only one.
	Now   bool            `json:"now,omitempty"`
	Signs lifecycle.Signs `json:"signs,omitzero"`
	// LeavingAt is when the newest event came that says that the person leaves,
	// and LeavingTold when that happened by Bob's clock, where it says so.
	LeavingAt   time.Time `json:"leavingAt,omitzero"`
	LeavingTold time.Time `json:"leavingTold,omitzero"`
	// DeletedEmail is the address that a deletion event named.
	DeletedEmail string `json:"deletedEmail,omitempty"`
	// ManagerID and ManagerUserID are those of a manager that appeared.
	ManagerID     string `json:"managerId,omitempty"`
	ManagerUserID int64  `json:"managerUserId,omitempty"`
	// ManagerFollows: a bulk run links the person when the manager has a user.
	ManagerFollows bool `json:"managerFollows,omitempty"`
	// OnlyManager: nothing but the appearance of a manager is in the inbox.
	OnlyManager bool `json:"onlyManager,omitempty"`
	// Bulk: nothing but a bulk run has asked, so that the look may be made
	// together with others and after whatever is more urgent.
	Bulk bool `json:"bulk,omitempty"`
}

// maxSettleDelays bounds, in settle delays, how long a stream of events may
// put off the read.
const maxSettleDelays = 4

// Empty reports whether there is nothing to do.
func (b Inbox) Empty() bool { return b.Count == 0 && !b.Now }

// Add folds one event in. now is the workflow's time.
func (b *Inbox) Add(e employee.Event, now time.Time) {
	at := e.ReceivedAt
	if at.IsZero() || at.After(now) {
		at = now
	}
	b.OnlyManager = (b.Empty() || b.OnlyManager) && e.Type == employee.EventManagerLinked
	b.Bulk = (b.Empty() || b.Bulk) && e.Type == employee.EventBulk
	if b.Count == 0 || at.Before(b.First) {
		b.First = at
	}
	if at.After(b.Last) {
		b.Last = at
	}
	b.Count++
	switch {
	case e.Type == employee.EventDeleted:
		b.Signs.Deleted = true
		if e.Email != "" { // one that names none does not unsay the other
			b.DeletedEmail = e.Email
		}
	case e.Type == employee.EventLeft || e.Type == employee.EventInactivated:
		b.Signs.Leaving = true
	case e.Type.Activates():
		b.Signs.Activated = true
	case e.Type == employee.EventManagerLinked:
		b.ManagerID, b.ManagerUserID = e.ManagerID, e.ManagerUserID
	}
	if e.Type == employee.EventDeleted || e.Type == employee.EventLeft || e.Type == employee.EventInactivated {
		b.LeavingAt, b.LeavingTold = latest(b.LeavingAt, at), latest(b.LeavingTold, e.TriggeredAt)
	}
	if e.Type.Urgent() {
		b.Urgent = true
		b.EndsAt = earliest(b.EndsAt, at)
	}
}

// Ask asks for a read at once.
func (b *Inbox) Ask() {
	b.Now, b.OnlyManager, b.Bulk = true, false, false
}

// AskForBulk is Ask on behalf of a bulk run.
func (b *Inbox) AskForBulk() {
	bulk := b.Empty() || b.Bulk
	b.Ask()
	b.Bulk = bulk
}

// AtOnce reports whether Bob is to be read without waiting.
func (b Inbox) AtOnce() bool { return b.Now || b.Urgent }

// ReadAt returns when Bob is to be read for what is in the inbox, where that
// is not at once.
func (b Inbox) ReadAt(settle time.Duration) time.Time {
	return earliest(b.Last.Add(settle), b.First.Add(maxSettleDelays*settle))
}

// Settled reports whether a read at now is sure to show what the events told.
func (b Inbox) Settled(now time.Time, settle time.Duration) bool {
	return !now.Before(b.Last.Add(settle))
}

// PutOffLongEnough reports whether a stream of events has kept a read from
// being settled for as long as it may.
func (b Inbox) PutOffLongEnough(now time.Time, settle time.Duration) bool {
	return !now.Before(b.First.Add(maxSettleDelays * settle))
}

// PutBack returns the inbox of a read that was too early to be the last word,
// together with what came meanwhile: to be read again when settled, counted
// from the newest event.
func (b Inbox) PutBack(since Inbox) Inbox {
	b.Now, b.Urgent, b.EndsAt = since.Now, since.Urgent, earliest(b.EndsAt, since.EndsAt)
	b.First = b.Last
	if since.Count == 0 {
		return b
	}
	b.Count += since.Count
	if since.Last.After(b.Last) {
		b.Last = since.Last
	}
	b.Signs.Deleted = b.Signs.Deleted || since.Signs.Deleted
	b.Signs.Activated = b.Signs.Activated || since.Signs.Activated
	b.Signs.Leaving = b.Signs.Leaving || since.Signs.Leaving
	b.LeavingAt, b.LeavingTold = latest(b.LeavingAt, since.LeavingAt), latest(b.LeavingTold, since.LeavingTold)
	if since.DeletedEmail != "" {
		b.DeletedEmail = since.DeletedEmail
	}
	if since.ManagerID != "" {
		b.ManagerID, b.ManagerUserID = since.ManagerID, since.ManagerUserID
	}
	b.ManagerFollows = b.ManagerFollows || since.ManagerFollows
	b.OnlyManager = b.OnlyManager && since.OnlyManager
	b.Bulk = b.Bulk && since.Bulk
	return b
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earliest leaves moments out that are none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
