package dispatch

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"bob-onelogin/activities"
	"bob-onelogin/workflows"
)

// RecallRuns is shown to the tests.
const RecallRuns = recallRuns

// RecallPaged is RecallMany with listings of another size.
func (d *Dispatcher) RecallPaged(ctx context.Context, employeeIDs []string, pageSize int32) (map[string]activities.LastSync, error) {
	return d.recall(ctx, employeeIDs, pageSize)
}

// Misled returns a dispatcher of a namespace that believes to have the search
// attributes that another has.
func Misled(c client.Client, attributesOf, namespace string) *Dispatcher {
	d := New(c, attributesOf)
	d.Tracked(context.Background())
	d.namespace = namespace
	return d
}

// Polling is shown to the tests.
var Polling = polling

// PendingRuns and SurveyedRun are shown to the tests.
type (
	PendingRuns struct{ pendingRuns }
	SurveyedRun = surveyed
)

// Surveyed is what a listing says of one employee's workflow.
func Surveyed(runID string, state workflows.SyncState, started, due time.Time) SurveyedRun {
	return surveyed{runID: runID, state: state, started: started, due: due}
}

// Oldest is shown to the tests.
func (p *PendingRuns) Oldest(runs []SurveyedRun, now time.Time) time.Time { return p.oldest(runs, now) }
