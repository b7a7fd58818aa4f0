package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// leastShare is how much of the hours' calls a bulk run has to use while there
// is something left to do.
const leastShare = 0.95

// budget runs everybody under an hourly budget of several hours' work: with the
// reserve for live events that is usual, and without one.
func (b *bench) budget(ctx context.Context) ([]table, error) {
	var out []table
	for _, reserve := range []int{10, 0} {
		t, err := b.underBudget(ctx, reserve)
		if err != nil {
			return nil, fmt.Errorf("with a reserve of %d%%: %w", reserve, err)
		}
		out = append(out, t)
	}
	return out, nil
}

func (b *bench) underBudget(ctx context.Context, reserve int) (table, error) {
	available := b.Budget - (b.Budget*reserve+99)/100
	// The last hour is half full.
	changed := available*b.Hours - available/2
	employees := changed * 5 / 4
	changed -= pagesOf(employees)
	w, err := newWorld(employees, nature{budget: b.Budget, hour: b.Hour})
	if err != nil {
		return table{}, err
	}
	defer w.close()
	dir, err := os.MkdirTemp("", "bob-onelogin-bench-")
	if err != nil {
		return table{}, err
	}
	defer os.RemoveAll(dir)
	settings := filepath.Join(dir, "provisioning.yaml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, "limits: {budget_reserve_percent: %d}\n", reserve), 0o600); err != nil {
		return table{}, err
	}
	s, err := b.start(ctx, w, "PROVISIONING_FILE="+settings)
	if err != nil {
		return table{}, err
	}
	defer s.stop()
	if err := w.change(0, changed); err != nil {
		return table{}, err
	}
	w.forgetCalls()
	b.say("with a reserve of %d%%: %s calls, %s an hour of %s", reserve, thousands(changed+pagesOf(employees)), thousands(b.Budget), b.Hour)
	// What is refused at first, while nothing is known of the budget yet, is
	// not held against it.
	early := make(chan int, 1)
	firstMinute := time.AfterFunc(time.Minute, func() {
		l, _ := w.limits() // at worst, it counts from the beginning
		early <- l.RefusedByBudget
	})
	p, _, took, err := s.runBulk(ctx, b.Window, changed)
	if err != nil {
		return table{}, err
	}
	b.say("%s: %v", short(took), w.oneLoginCalls.Calls())
	inFirstMinute := 0
	if !firstMinute.Stop() {
		inFirstMinute = <-early
	}
	l, err := w.limits()
	if err != nil {
		return table{}, err
	}
	asked := w.oneLoginCalls.Calls()["GET /auth/rate_limit"]
	made := w.spent().oneLogin - l.RefusedByBudget - asked
	needed := pagesOf(p.Users) + changed
	full := l.Budgets[:len(l.Budgets)-1]
	used := 0
	for _, hour := range full {
		used += hour.Calls
	}
	share := func(of int) float64 { return float64(used) / float64(of*max(1, len(full))) }
	hours := (needed + available - 1) / available
	least := time.Duration(hours-1) * b.Hour

	t := figures(fmt.Sprintf("%s calls to make, %s an hour, hours of %s, %d%% kept for live events", thousands(needed), thousands(b.Budget), b.Hour, reserve))
	t.exact("hours used", len(l.Budgets), hours)
	t.tell("share of the whole budget, full hours", fmt.Sprintf("%.1f%%", 100*share(b.Budget)))
	t.add(judge(share(available) >= leastShare), "share of what is not kept, full hours", fmt.Sprintf("%.1f%%", 100*share(available)), fmt.Sprintf("at least %.0f%%", 100*leastShare))
	t.tell("refused (429) in the first minute", inFirstMinute)
	t.add(judge(l.RefusedByBudget == inFirstMinute), "refused (429) after the first minute", l.RefusedByBudget-inFirstMinute, "0")
	t.tell("questions for the budget, which cost nothing", asked)
	t.exact("calls, those refused and those questions left out", made, needed)
	t.tell("time", took)
	t.tell("least possible: whole hours but the last", least)
	t.ratio("time against the least possible", float64(took)/float64(least), bound)
	return *t, nil
}
