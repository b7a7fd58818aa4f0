package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

// Names that operators type and histories store. They must not change.
const (
	BulkSyncName = "BulkSync"
	// BulkWorkflowID is the ID under which operators start a bulk run.
	BulkWorkflowID = "bulk-sync"

	// ProgressQuery answers a BulkProgress.
	ProgressQuery = "progress"
	// PlanQuery takes a PlanRequest and answers a PlanPage of a dry run.
	PlanQuery = "plan"
	// PauseUpdate stops starting children, ResumeUpdate goes on. Both answer a
	// BulkProgress.
	PauseUpdate  = "pause"
	ResumeUpdate = "resume"
	// ReportSignal carries an activities.BulkEnd from a child that is about to
	// wait for a date to the bulk run that started it.
	ReportSignal = "child-report"
)

const (
	// DefaultWindow is how many children a bulk run has at once.
	DefaultWindow = 50
	// maxWindow keeps clear of the server's bound of 2,000 pending children.
	maxWindow = 500
	// MaxApply bounds how many changes of a plan one run applies, so that its
	// input stays below 256 KB.
	MaxApply = 4000
	// maxBulkIDs bounds the employeeIds of one run in the same way.
	maxBulkIDs = 5000
)

// BulkSyncInput is what an operator, a Schedule or the starter may say.
// Everything in it is optional, and so is the input itself.
type BulkSyncInput struct {
	// DryRun writes nothing, and tells what would change.
	DryRun bool `json:"dryRun,omitempty"`
	// Force starts a child for everybody, whether anything differs or not.
	Force bool `json:"force,omitempty"`
	// EmployeeIDs, where there are any, are the only people concerned.
	EmployeeIDs []string `json:"employeeIds,omitempty"`
	// Window is how many children run at once; 0 means DefaultWindow.
	Window int `json:"window,omitempty"`
	// Apply holds the digests of a dry run's plan by Bob id, MaxApply at most:
	// only these changes are made, and only to people whose state is still the
	// one that was planned from.
	Apply map[string]string `json:"apply,omitempty"`
	// AllowSuspensions lets so many people of this run be suspended beyond the
	// limit of the suspension brake. They count as the others do.
	AllowSuspensions int `json:"allowSuspensions,omitempty"`
	// State is there only when a run continues another.
	State *BulkState `json:"state,omitempty"`
}

// bulkKeys are the keys of the input, as they must be written.
var bulkKeys = []string{"dryRun", "force", "employeeIds", "window", "allowSuspensions", "apply", "state"}

// UnmarshalJSON refuses unknown keys by their names: a misspelt dryRun must
// not become a real run.
func (in *BulkSyncInput) UnmarshalJSON(b []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return fmt.Errorf("the input must be a JSON object such as {\"dryRun\":true}: %w", err)
	}
	var unknown []string
	for key := range keys {
		if !slices.Contains(bulkKeys, key) {
			unknown = append(unknown, fmt.Sprintf("%q", key))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("the input has unknown keys: %s; use %s", strings.Join(unknown, ", "), strings.Join(bulkKeys[:5], ", "))
	}
	type plain BulkSyncInput
	return json.Unmarshal(b, (*plain)(in))
}

// Validate reports everything that is wrong with an input, and fills what it
// leaves out.
func (in *BulkSyncInput) Validate() error {
	var mistakes []string
	if in.Window == 0 {
		in.Window = DefaultWindow
	}
	if in.Window < 1 || in.Window > maxWindow {
		mistakes = append(mistakes, fmt.Sprintf("window must lie between 1 and %d", maxWindow))
	}
	wrong := 0
	for i, id := range in.EmployeeIDs {
		in.EmployeeIDs[i] = strings.TrimSpace(id)
		if _, err := EmployeeIDFrom(EmployeeWorkflowID(in.EmployeeIDs[i])); err != nil {
			wrong++
		}
	}
	slices.Sort(in.EmployeeIDs)
	in.EmployeeIDs = slices.Compact(in.EmployeeIDs)
	for _, id := range workflow.DeterministicKeys(in.Apply) {
		if _, err := EmployeeIDFrom(EmployeeWorkflowID(id)); err != nil {
			wrong++
		}
	}
	if wrong > 0 {
		mistakes = append(mistakes, fmt.Sprintf("%d of the employee ids are not Bob ids, which are numbers of about 19 digits", wrong))
	}
	if len(in.EmployeeIDs) > maxBulkIDs {
		mistakes = append(mistakes, fmt.Sprintf("employeeIds holds %d ids, and at most %d fit into one run", len(in.EmployeeIDs), maxBulkIDs))
	}
	if len(in.Apply) > MaxApply {
		mistakes = append(mistakes, fmt.Sprintf("apply holds %d changes, and at most %d fit into one run", len(in.Apply), MaxApply))
	}
	if in.Apply != nil && len(in.Apply) == 0 {
		// Left out on its way through JSON, it would mean everybody.
		mistakes = append(mistakes, "apply holds no changes: there is nothing to do")
	}
	if in.Apply != nil && (in.DryRun || in.Force || len(in.EmployeeIDs) > 0) {
		mistakes = append(mistakes, "apply goes with neither dryRun nor force nor employeeIds: it is exactly one plan")
	}
	if in.AllowSuspensions < 0 {
		mistakes = append(mistakes, "allowSuspensions must not be negative")
	}
	if in.AllowSuspensions > 0 && in.DryRun {
		mistakes = append(mistakes, "allowSuspensions is for a run that writes: a dry run suspends nobody")
	}
	if len(mistakes) > 0 {
		return fmt.Errorf("bulk run: %s", strings.Join(mistakes, "; "))
	}
	return nil
}

// BulkPhase is what a bulk run is doing.
type BulkPhase string

const (
	// BulkReading: both sides are being read.
	BulkReading BulkPhase = "reading"
	// BulkRunning: children are started and awaited.
	BulkRunning BulkPhase = "running"
	// BulkLinking: people are linked whose manager came later.
	BulkLinking BulkPhase = "linking managers"
	// BulkStopping: the run was cancelled; what runs finishes.
	BulkStopping BulkPhase = "stopping"
	// BulkDone: everybody was dealt with.
	BulkDone BulkPhase = "done"
)

// Signalled is how a person counts whose workflow was running already: it is
// told to look again, and reports to nobody.
const Signalled employee.Outcome = "signalled"

// BulkProgress is the answer to the progress query, and the result. It names
// ids and never a person's data.
type BulkProgress struct {
	Phase  BulkPhase `json:"phase"`
	DryRun bool      `json:"dryRun,omitempty"`
	Force  bool      `json:"force,omitempty"`
	Paused bool      `json:"paused,omitempty"`
	// Cancelled: the run was cancelled before everybody was dealt with.
	Cancelled bool `json:"cancelled,omitempty"`
	// Waiting says what is waited for, such as "waiting for OneLogin's budget
	// until 14:00 UTC".
	Waiting   string    `json:"waiting,omitempty"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Employees and Users are how many people Bob and OneLogin showed.
	Employees int `json:"employees"`
	Users     int `json:"users"`
	// Total is how many people were found out of line, Done how many of them
	// are dealt with, Running how many children run.
	Total   int `json:"total"`
	Done    int `json:"done"`
	Running int `json:"running,omitempty"`
	// Outcomes counts everybody by outcome: those in line already, and those
	// dealt with. In a dry run it counts what would come of them.
	Outcomes map[employee.Outcome]int `json:"outcomes,omitempty"`
	// SkippedFor counts the skipped by the rule that says so.
	SkippedFor map[string]int `json:"skippedFor,omitempty"`
	// PerMinute is how many people were dealt with a minute, and EndsAt when
	// the rest will be at that rate.
	PerMinute float64   `json:"perMinute,omitempty"`
	EndsAt    time.Time `json:"endsAt,omitzero"`
	// Repaired is the drift that was found and dealt with; nil where there was
	// none, and in a dry run.
	Repaired *BulkRepaired `json:"repaired,omitempty"`
	// Failures are the first that failed, were held, or have moved; FailuresOmitted counts
	// the rest.
	Failures        []BulkFailure `json:"failures,omitempty"`
	FailuresOmitted int           `json:"failuresOmitted,omitempty"`
	// Unseen are users who can log in and are linked to somebody whom Bob does
	// not show; nil where there are none, and where only some people were asked
	// for.
	Unseen *activities.Unseen `json:"unseen,omitempty"`
	// Pass counts the passes, from 1; those after the first link managers.
	Pass int `json:"pass,omitempty"`
	// Reserve is how many of OneLogin's calls an hour are left to live events.
	Reserve int `json:"reserve,omitempty"`
	// Budget is what was left of OneLogin's hour when last looked at.
	Budget *int `json:"budget,omitempty"`
	// Brake is what a dry run would meet: the suspensions that it plans, and what
	// the suspension brake would let pass; nil where there is no brake.
	Brake *activities.BrakeAhead `json:"brake,omitempty"`
	// PlanPages is how many pages the query plan has.
	PlanPages int    `json:"planPages,omitempty"`
	Settings  string `json:"settings,omitempty"`
}

const (
	// maxRepairs bounds the people who are listed as repaired, and
	// maxRepairNames the attributes of each: a mapping may have any number.
	maxRepairs     = 25
	maxRepairNames = 6
)

// BulkRepaired is the drift that a run has found and dealt with. Whoever could
// not be brought in line is among the failures instead.
type BulkRepaired struct {
	// Outcomes counts the people by what was done. Of those who were signalled
	// it is known only that they were out of line and look again.
	Outcomes map[employee.Outcome]int `json:"outcomes"`
	// First are the first of them in the order in which they were dealt with;
	// Omitted counts the rest.
	First   []BulkRepair `json:"first"`
	Omitted int          `json:"omitted,omitempty"`
}

// BulkRepair is one person who was out of line, without their data.
type BulkRepair struct {
	EmployeeID string           `json:"employeeId"`
	Outcome    employee.Outcome `json:"outcome"`
	// Changed lists the OneLogin attributes written, by name; ChangedOmitted
	// counts those beyond the first.
	Changed        []string `json:"changed,omitempty"`
	ChangedOmitted int      `json:"changedOmitted,omitempty"`
}

// maxFailures bounds the failures that are listed.
const maxFailures = 20

// BulkFailure is one person whom somebody has to look at.
type BulkFailure struct {
	EmployeeID string           `json:"employeeId"`
	Outcome    employee.Outcome `json:"outcome"`
	// WorkflowID finds the person's workflow in the web UI; empty where none
	// was started.
	WorkflowID string `json:"workflowId,omitempty"`
	Reason     string `json:"reason"`
}

// PlanRequest asks for one page of a dry run's plan.
type PlanRequest struct {
	// Page counts from 0.
	Page int `json:"page"`
}

// PlanPage is one page of a dry run's plan. It holds people's data.
type PlanPage struct {
	// RunID names the earlier run of the same workflow that has the page, which
	// is to be asked instead; empty where this one has it.
	RunID string `json:"runId,omitempty"`
	Page  int    `json:"page"`
	Pages int    `json:"pages"`
	// Entries are the people whom a run would change.
	Entries []PlanEntry `json:"entries,omitempty"`
}

// PlanEntry is what a run would do about one person.
type PlanEntry struct {
	EmployeeID string           `json:"employeeId"`
	OneLoginID int64            `json:"oneloginId,omitempty"`
	Outcome    employee.Outcome `json:"outcome"`
	Reason     string           `json:"reason"`
	// Changes are the attributes that would be written.
	Changes []activities.Change `json:"changes,omitempty"`
	// Digest identifies both sides of the change: see BulkSyncInput.Apply.
	Digest string `json:"digest"`
}

// BulkState is everything that a run hands to the next.
type BulkState struct {
	Progress BulkProgress `json:"progress"`
	// Snapshot is where the next page comes from.
	Snapshot activities.BulkSnapshotResult `json:"snapshot"`
	// After is the key of the last person who was dealt with.
	After activities.BulkKey `json:"after"`
	// Exhausted: nobody comes after After.
	Exhausted bool `json:"exhausted,omitempty"`
	// Adrift are people whose child an earlier run has started and not seen
	// the end of.
	Adrift []string `json:"adrift,omitempty"`
	// Created are users that no page has been told of yet.
	Created []activities.CreatedUser `json:"created,omitempty"`
	// Unlinked were written without their manager.
	Unlinked []activities.Unlinked `json:"unlinked,omitempty"`
	// Changed: this pass has changed something.
	Changed bool `json:"changed,omitempty"`
	// Credit is how many calls may still be made this hour; nil where OneLogin
	// tells no budget.
	Credit *int `json:"credit,omitempty"`
	// Busy is for how long people were dealt with, waits aside.
	Busy time.Duration `json:"busy,omitempty"`
	// PlanRuns are the earlier runs that hold pages of the plan.
	PlanRuns []PlanRun `json:"planRuns,omitempty"`
}

// PlanRun is one run of a dry run and the number of pages that it holds.
type PlanRun struct {
	RunID string `json:"runId"`
	Pages int    `json:"pages"`
}

// FromBulk is what a bulk run gives to a child.
type FromBulk struct {
	// ReportTo is the workflow ID of the bulk run.
	ReportTo string `json:"reportTo,omitempty"`
	// Order is what was read and decided; nil where the child reads for itself.
	Order *activities.BulkOrder `json:"order,omitempty"`
	// ManagerID and ManagerUserID are those of the person's manager, whom
	// nobody need ask to report: ManagerFollows says that the run links the
	// person when the manager has a user.
	ManagerID      string `json:"managerId,omitempty"`
	ManagerUserID  int64  `json:"managerUserId,omitempty"`
	ManagerFollows bool   `json:"managerFollows,omitempty"`
	// Run names the bulk run, whatever it was continued as, where
	// AllowSuspensions says how many of its people may be suspended beyond the
	// brake's limit.
	Run              string `json:"run,omitempty"`
	AllowSuspensions int    `json:"allowSuspensions,omitempty"`
}
