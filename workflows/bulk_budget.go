package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
)

const (
	// budgetPatience is how long children are waited for before the budget is
	// asked for: what they spend is known when they have ended.
	budgetPatience = 30 * time.Second
	// budgetUnknown is waited where OneLogin does not say when the hour ends.
	budgetUnknown = 5 * time.Minute
)

// budgetWatch is the wait for OneLogin's next hour.
type budgetWatch struct {
	// look is the question under way, patience the timer before it.
	look     workflow.Future
	patience workflow.Future
	patient  bool
	// until is when the next hour begins.
	until time.Time
}

// learnBudget takes in what some worker was told last. That may be a while
// ago, so it only ever lowers the credit; a question to OneLogin raises it.
func (b *bulkSync) learnBudget(told *activities.BulkBudget) {
	if told == nil {
		return
	}
	if credit := told.Free() - b.committed; b.Credit == nil || credit < *b.Credit {
		b.setCredit(told, credit)
	}
}

func (b *bulkSync) setCredit(told *activities.BulkBudget, credit int) {
	remaining := told.Remaining
	b.Credit, b.Progress.Budget, b.Progress.Reserve = &credit, &remaining, told.Reserve
}

func (b *bulkSync) spend(calls int) {
	if b.Credit != nil {
		left := *b.Credit - calls
		b.Credit = &left
	}
}

// affords reports whether the person's calls fit into what is left of the
// hour, the reserve for live events aside. Where they do not, it sees to it
// that the next hour is waited for.
func (b *bulkSync) affords(ctx workflow.Context, item activities.BulkItem) bool {
	if b.counted(item) || b.Credit == nil || item.Calls == 0 || *b.Credit >= item.Calls {
		return true
	}
	b.Progress.Waiting = "waiting for OneLogin's budget"
	w, now := &b.watch, workflow.Now(ctx)
	switch {
	case now.Before(w.until):
		b.Progress.Waiting += " until " + w.until.UTC().Format("15:04 MST")
	case w.look != nil:
	case len(b.children) > 0 && !w.patient:
		if w.patience == nil {
			w.patience = b.timer(ctx, budgetPatience, "What runs spends its part of OneLogin's budget", func() { w.patient = true })
		}
	default:
		b.askForBudget(ctx, item.Calls)
	}
	return false
}

func (b *bulkSync) askForBudget(ctx workflow.Context, calls int) {
	w := &b.watch
	options := callOptions(OneLoginTaskQueue, "Ask what is left of OneLogin's hourly budget", priorityLater)
	w.look = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.BulkBudgetName)
	b.changes.AddFuture(w.look, func(f workflow.Future) {
		*w = budgetWatch{}
		var told *activities.BulkBudget
		switch err := f.Get(ctx, &told); {
		case ctx.Err() != nil:
			return
		case err != nil:
			b.log.Warn("OneLogin's budget could not be asked for", "error", sentence(err))
			told = nil
			w.until = workflow.Now(ctx).Add(budgetUnknown)
		case told == nil:
			b.Credit = nil
			return
		default:
			b.setCredit(told, told.Free()-b.committed)
			if *b.Credit >= calls {
				return
			}
			// Rounded up: a second too early is an hour's refusal.
			w.until = told.ResetAt.Add(time.Second)
			if !w.until.After(workflow.Now(ctx)) {
				w.until = workflow.Now(ctx).Add(budgetUnknown)
			}
		}
		b.timer(ctx, w.until.Sub(workflow.Now(ctx)), "OneLogin's next hour begins "+moment(w.until, "UTC"), func() {})
	})
}

// timer wakes the run after a while.
func (b *bulkSync) timer(ctx workflow.Context, d time.Duration, summary string, fired func()) workflow.Future {
	f := workflow.NewTimerWithOptions(ctx, positive(d), workflow.TimerOptions{Summary: summary})
	b.changes.AddFuture(f, func(workflow.Future) { fired() })
	return f
}
