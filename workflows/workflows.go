// Package workflows holds the deterministic code: what happens to one
// employee, or to everybody, in which order, and what is waited for.
//
// A workflow here is a list of steps. Whatever depends on the outside, on
// settings, on a clock or on a time zone is decided in activities by pure
// functions, and comes in as a result. The package may import activities (for
// their names and messages) and the domain; it must not know Bob's or
// OneLogin's API.
package workflows

import (
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// Options is what workflows are told by the process that runs them.
type Options struct {
	// SettleDelay is how long after an event Bob is read: its reads may show
	// the state of up to 20 seconds ago. Each run writes down the delay that
	// it began with, so that a changed one breaks no run under way.
	SettleDelay time.Duration
	// Observe, where set, is told what each look at a person has come to. It is
	// not told again when a history is replayed; only a workflow task that the
	// server does not hear the end of is told twice. It is called in workflow
	// code, and must be quick and change nothing that the workflow depends on.
	Observe func(Look)
}

// Look is what one look at a person has come to that was acted on.
type Look struct {
	// Phase is what the situation called for; empty where Bob could not be read.
	Phase lifecycle.Phase
	// Outcome is Failed where the look has failed.
	Outcome employee.Outcome
	// Late is how long after the moment at which access was to end the person
	// was suspended; 0 where nobody was.
	Late time.Duration
}

// DefaultSettleDelay leaves Bob's reads half as long again as they may lag.
const DefaultSettleDelay = 30 * time.Second

// Register registers every workflow, with a worker, a replayer, or a test
// environment.
//
// The versioning behaviours matter where workers take part in worker deployment
// versioning, and only there. People's workflows wait for months and must meet
// new code: they follow the current build. A bulk run ends within hours, and
// ends on the build that it began on, its continuations included; the children
// that it starts begin there too, and follow the current build from their
// second task on.
func Register(r worker.WorkflowRegistry, o Options) {
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in EmployeeSyncInput) (Result, error) {
		return employeeSyncWorkflow(ctx, o, in)
	}, workflow.RegisterOptions{Name: EmployeeSyncName, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
	r.RegisterWorkflowWithOptions(bulkSyncWorkflow, workflow.RegisterOptions{Name: BulkSyncName, VersioningBehavior: workflow.VersioningBehaviorPinned})
	r.RegisterWorkflowWithOptions(readBackWorkflow, workflow.RegisterOptions{Name: ReadBackName, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
	r.RegisterWorkflowWithOptions(suspensionBrakeWorkflow, workflow.RegisterOptions{Name: SuspensionBrakeName, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
	r.RegisterWorkflowWithOptions(notifyWorkflow, workflow.RegisterOptions{Name: NotifyName, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
}
