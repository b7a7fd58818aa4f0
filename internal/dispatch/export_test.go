package dispatch

import (
	"context"

	"go.temporal.io/sdk/client"

	"bob-onelogin/activities"
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
