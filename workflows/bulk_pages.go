package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

const (
	// readingPatience bounds one attempt to read everybody.
	readingPatience = time.Hour
	// pagePatience bounds one page, ownerPatience how long the worker that has
	// the snapshot may take to begin with it: after that it is taken for dead.
	pagePatience  = 2 * time.Minute
	ownerPatience = 20 * time.Second
	// maxLosses bounds how many snapshots in a row may be lost before one page
	// was had: everybody is read anew for each.
	maxLosses = 5
)

// takeSnapshot has both sides read and planned.
func (b *bulkSync) takeSnapshot(ctx workflow.Context) error {
	options := callOptions("", "Read everybody from Bob and OneLogin, and compare", priorityLater)
	options.StartToCloseTimeout = readingPatience
	var taken activities.BulkSnapshotResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.BulkSnapshotName, activities.BulkSnapshotInput{
		DryRun: b.in.DryRun, Force: b.in.Force, EmployeeIDs: b.in.EmployeeIDs, Apply: b.in.Apply,
	}).Get(ctx, &taken)
	if err != nil {
		return err
	}
	again := b.Snapshot.ID != ""
	b.Snapshot = taken
	s, p := &b.Snapshot, &b.Progress
	b.learnBudget(s.Budget)
	p.Phase, p.Settings, p.Brake = BulkRunning, s.SettingsVersion, s.Brake
	if again {
		// Whoever is left comes after those who were dealt with; how many they
		// are is told with the next page.
		s.Settled, s.SkippedFor, s.Unseen, b.recount = nil, nil, nil, true
		return nil
	}
	p.Employees, p.Users, p.Total = s.Employees, s.Users, s.Items
	for _, o := range workflow.DeterministicKeys(s.Settled) {
		p.Outcomes[o] += s.Settled[o]
	}
	for _, rule := range workflow.DeterministicKeys(s.SkippedFor) {
		p.SkippedFor[rule] += s.SkippedFor[rule]
	}
	p.Unseen = s.Unseen
	s.Settled, s.SkippedFor, s.Unseen = nil, nil, nil
	return nil
}

// fetch asks for the next page where one is needed.
func (b *bulkSync) fetch(ctx workflow.Context) {
	if b.page != nil || len(b.hand) > lowWater || b.handsOver(ctx) {
		return
	}
	in := activities.BulkPageInput{Snapshot: b.Snapshot.ID, DryRun: b.in.DryRun, After: b.position(), Created: b.Created}
	switch {
	case !b.Exhausted:
	case b.linksNext():
		b.Progress.Phase = BulkLinking
		b.Progress.Pass++
		in.Unlinked, b.Unlinked, b.Changed = b.Unlinked, nil, false
	default:
		return
	}
	b.Created = nil
	options := workflow.ActivityOptions{
		TaskQueue: b.Snapshot.Queue, Summary: "The next people, in the order of reporting lines",
		StartToCloseTimeout: pagePatience, ScheduleToStartTimeout: ownerPatience,
		HeartbeatTimeout: 5 * activities.HeartbeatInterval,
		RetryPolicy:      patience(), ScheduleToCloseTimeout: giveUpAfter,
	}
	b.page = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.BulkPageName, in)
	b.changes.AddFuture(b.page, func(f workflow.Future) { b.turn(ctx, in, f) })
}

// position is the key after which the next page begins.
func (b *bulkSync) position() activities.BulkKey {
	if b.After.Compare(b.asked) > 0 {
		return b.After
	}
	return b.asked
}

// linksNext: people were written without their manager, and something has
// changed since, so that the manager may have a user by now.
func (b *bulkSync) linksNext() bool {
	if !b.idle() || len(b.Unlinked) == 0 {
		return false
	}
	if b.in.DryRun || !b.Changed || b.Progress.Pass >= maxPasses {
		b.Unlinked = nil
		return false
	}
	return true
}

// turn takes a page in.
func (b *bulkSync) turn(ctx workflow.Context, in activities.BulkPageInput, f workflow.Future) {
	b.page = nil
	var page activities.BulkPageResult
	err := f.Get(ctx, &page)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return
	case snapshotLost(err):
		b.Created, b.Unlinked = slices.Concat(in.Created, b.Created), slices.Concat(in.Unlinked, b.Unlinked)
		if in.Unlinked != nil {
			b.Progress.Pass, b.Changed = b.Progress.Pass-1, true // this pass has not begun
		}
		if b.losses++; b.losses > maxLosses {
			b.broken = temporal.NewNonRetryableApplicationError(
				fmt.Sprintf("%d workers in a row read everybody and handed out nobody: see that every worker polls a task queue of its own, then start again", maxLosses),
				activities.ErrSnapshotLost, nil)
			return
		}
		b.log.Info("The worker that had the snapshot is gone; it is taken anew")
		b.lost = true
		return
	default:
		b.broken = err
		return
	}
	b.losses = 0
	b.learnBudget(page.Budget)
	b.hand = append(b.hand, page.Items...)
	if in.Unlinked != nil {
		b.Progress.Total += len(page.Items)
		return
	}
	b.asked = page.Next
	b.Exhausted = page.Last
	if page.Settled > 0 {
		b.Progress.Done += page.Settled
		b.Progress.Outcomes[employee.Unchanged] += page.Settled
	}
	if b.recount {
		b.Progress.Total = b.Progress.Done + len(b.children) + len(b.Adrift) + len(b.hand) + page.Left
		b.recount = false
	}
	if b.in.DryRun {
		b.keepPlan(page.Items)
	}
}

// snapshotLost: the worker that had the snapshot is gone, or has forgotten it.
func snapshotLost(err error) bool {
	var late *temporal.TimeoutError
	var app *temporal.ApplicationError
	return errors.As(err, &late) || (errors.As(err, &app) && app.Type() == activities.ErrSnapshotLost)
}

// keepPlan keeps what a dry run found, for the query.
func (b *bulkSync) keepPlan(items []activities.BulkItem) {
	if len(items) == 0 {
		return
	}
	entries := make([]PlanEntry, len(items))
	for i, item := range items {
		entries[i] = PlanEntry{
			EmployeeID: item.Key.EmployeeID, OneLoginID: item.UserID, Outcome: item.Outcome,
			Reason: item.Reason, Changes: item.Changes, Digest: item.Digest,
		}
	}
	b.plan = append(b.plan, entries)
	b.Progress.PlanPages++
}

// planPage answers the query.
func (b *bulkSync) planPage(r PlanRequest) (PlanPage, error) {
	out := PlanPage{Page: r.Page, Pages: b.Progress.PlanPages}
	if !b.in.DryRun {
		return out, errors.New("this run is no dry run, and has no plan")
	}
	if r.Page < 0 || r.Page >= out.Pages {
		if r.Page == 0 {
			return out, nil
		}
		return out, fmt.Errorf("the plan has %d page(s), counted from 0", out.Pages)
	}
	at := r.Page
	for _, run := range b.PlanRuns {
		if at < run.Pages {
			out.RunID = run.RunID
			return out, nil
		}
		at -= run.Pages
	}
	out.Entries = b.plan[at]
	return out, nil
}
