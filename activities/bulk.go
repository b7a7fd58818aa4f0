package activities

import (
	"cmp"
	"fmt"
	"time"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// BulkKey is a person's place in the order of a bulk run: people without a
// manager first, then those who report to them, and so on. The order stands in
// Bob's reporting lines alone, so that a second reading has the same.
type BulkKey struct {
	Depth      int    `json:"depth"`
	EmployeeID string `json:"employeeId"`
}

// Compare orders keys. The zero key comes before every person.
func (k BulkKey) Compare(o BulkKey) int {
	return cmp.Or(
		cmp.Compare(k.Depth, o.Depth),
		cmp.Compare(len(k.EmployeeID), len(o.EmployeeID)), // ids are decimal numbers
		cmp.Compare(k.EmployeeID, o.EmployeeID),
	)
}

// BulkItem is one person who is not in line.
type BulkItem struct {
	Key BulkKey `json:"key"`
	// Outcome is what is planned. Failed and moved items have no child: Reason
	// says what a person has to do.
	Outcome employee.Outcome `json:"outcome"`
	Reason  string           `json:"reason,omitempty"`
	// Order travels with the child; nil where the child reads for itself.
	Order *BulkOrder `json:"order,omitempty"`
	// ManagerID is the Bob id of the person's manager, and ManagerUserID their
	// OneLogin user; 0 where there is none yet.
	ManagerID     string `json:"managerId,omitempty"`
	ManagerUserID int64  `json:"managerUserId,omitempty"`
	// AwaitsManager: the run is about to create the manager's user.
	AwaitsManager bool `json:"awaitsManager,omitempty"`
	// Calls is how many calls to OneLogin the plan costs.
	Calls int `json:"calls,omitempty"`
	// Changes and Digest are for dry runs: what would change, and what
	// identifies both sides of it.
	Changes []Change `json:"changes,omitempty"`
	Digest  string   `json:"digest,omitempty"`
	// UserID is the OneLogin user concerned, 0 where there is none yet.
	UserID int64 `json:"userId,omitempty"`
}

// BulkOrder is what a bulk run has read and decided about one person. It
// spares the child every read as long as it is fresh.
type BulkOrder struct {
	ReadAt     time.Time          `json:"readAt"`
	FreshUntil time.Time          `json:"freshUntil"`
	Decision   lifecycle.Decision `json:"decision"`
	Desired    mapping.Desired    `json:"desired,omitzero"`
	Listed     Listed             `json:"listed"`
	Last       LastSync           `json:"last,omitzero"`
	// Digest and SettingsVersion are those of a ReadEmployeeResult.
	Digest          string `json:"digest,omitempty"`
	SettingsVersion string `json:"settingsVersion,omitempty"`
}

// Change is one attribute of a dry run. Its values are a person's data: they
// travel in payloads alone and never in logs.
type Change struct {
	Attribute string `json:"attribute"`
	// Old is nil where OneLogin has no value, New where it is cleared.
	Old *string `json:"old"`
	New *string `json:"new"`
}

// Unlinked is a person who was written without the manager.
type Unlinked struct {
	EmployeeID string `json:"employeeId"`
	ManagerID  string `json:"managerId"`
}

// BulkSnapshotInput says what a bulk run is about.
type BulkSnapshotInput struct {
	DryRun bool `json:"dryRun,omitempty"`
	// Force makes an item of everybody who is in scope.
	Force bool `json:"force,omitempty"`
	// EmployeeIDs, where there are any, are the only people concerned.
	EmployeeIDs []string `json:"employeeIds,omitempty"`
	// Apply holds the digests of the changes to make, by Bob id: nobody else
	// is touched, and nobody whose digest is another by now.
	Apply map[string]string `json:"apply,omitempty"`
}

// BulkSnapshotResult says what was read and what came of it. The people
// themselves stay with the worker that read them, which hands them out by the
// page.
type BulkSnapshotResult struct {
	// ID names the snapshot on the task queue of the worker that has it.
	ID    string `json:"id"`
	Queue string `json:"queue"`
	// TakenAt is when the reading began.
	TakenAt time.Time `json:"takenAt"`
	// Employees and Users are how many people Bob and OneLogin showed.
	Employees int `json:"employees"`
	Users     int `json:"users"`
	// Items is how many people are not in line, Settled how many are, by what
	// they are: unchanged, skipped, held, scheduled.
	Items   int                      `json:"items"`
	Settled map[employee.Outcome]int `json:"settled,omitempty"`
	// SkippedFor counts the skipped by the rule that says so.
	SkippedFor map[string]int `json:"skippedFor,omitempty"`
	// Unseen are users whom nothing is done about; nil where there are none, and
	// where only some people were asked for.
	Unseen *Unseen `json:"unseen,omitempty"`
	// SettingsVersion identifies the settings that planned.
	SettingsVersion string `json:"settingsVersion"`
	// SearchAttributes says that children may be started with search attributes.
	SearchAttributes bool        `json:"searchAttributes,omitempty"`
	Budget           *BulkBudget `json:"budget,omitempty"`
	// Brake is what the plan of a dry run would meet; nil where there is no brake.
	Brake *BrakeAhead `json:"brake,omitempty"`
}

// BrakeAhead is what a dry run says of the suspension brake.
type BrakeAhead struct {
	// Planned is how many suspensions the plan has.
	Planned int `json:"planned"`
	// Used of Limit suspensions within Window are used now, so that Pass of the
	// plan's would pass.
	Used   int           `json:"used"`
	Limit  int           `json:"limit"`
	Window time.Duration `json:"window"`
	Pass   int           `json:"pass"`
	// Unknown: the brake could not be asked; the rest is as if nobody had been
	// suspended.
	Unknown bool `json:"unknown,omitempty"`
}

// String says it in a sentence.
func (b BrakeAhead) String() string {
	said := fmt.Sprintf("%d suspensions are planned", b.Planned)
	if b.Planned == 1 {
		said = "1 suspension is planned"
	}
	if b.Unknown {
		said += fmt.Sprintf(", and %d would pass if nobody was suspended of late; the brake could not be asked", b.Pass)
	} else {
		said += fmt.Sprintf(", and %d would pass: %d of %d within %s are used", b.Pass, b.Used, b.Limit, mapping.SpellDuration(b.Window))
	}
	if held := b.Planned - b.Pass; held > 0 {
		said += fmt.Sprintf("; %d would be held until a person approves them", held)
	}
	return said
}

// Unseen are users who can log in and are linked to somebody whom Bob does not
// show. That proves nothing: the service user may not see them. But a person
// deleted from Bob looks like this where the event was lost.
type Unseen struct {
	Users int `json:"users"`
	// First are the first of them, by Bob id.
	First []UnseenUser `json:"first"`
}

// UnseenUser is one of them.
type UnseenUser struct {
	EmployeeID string `json:"employeeId"`
	OneLoginID int64  `json:"oneloginId"`
}

// BulkBudget is OneLogin's hourly budget as a bulk run sees it.
type BulkBudget struct {
	onelogin.Budget
	// Reserve is how much of it is left to live events.
	Reserve int `json:"reserve"`
}

// Free is how many calls a bulk run may still make.
func (b BulkBudget) Free() int { return b.Remaining - b.Reserve }

// BulkPageInput asks for the next people of a snapshot.
type BulkPageInput struct {
	Snapshot string `json:"snapshot"`
	DryRun   bool   `json:"dryRun,omitempty"`
	// After is the key of the last person handed out.
	After BulkKey `json:"after"`
	// Created are users that the run has created since the last page.
	Created []CreatedUser `json:"created,omitempty"`
	// Unlinked, where there are any, asks for these people alone: for those
	// whose manager has a user by now.
	Unlinked []Unlinked `json:"unlinked,omitempty"`
}

// BulkPageResult is one page of people.
type BulkPageResult struct {
	Items []BulkItem `json:"items,omitempty"`
	// Settled counts people who turned out to be in line after all: what
	// differs is OneLogin's own form, or its own mapping's.
	Settled int `json:"settled,omitempty"`
	// Next is the key of the last person looked at, handed out or settled.
	Next BulkKey `json:"next"`
	// Left is how many come after these at the most. Last: nobody does.
	Left   int         `json:"left,omitempty"`
	Last   bool        `json:"last,omitempty"`
	Budget *BulkBudget `json:"budget,omitempty"`
}

const (
	// bulkPageItems and bulkPageBytes bound a page, so that no payload comes
	// near the 256 KB at which the server warns.
	bulkPageItems = 100
	bulkPageBytes = 180 << 10
)
