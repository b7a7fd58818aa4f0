package activities

import (
	"context"
	"fmt"
	"time"

	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// budgetReservedError: a bulk run's call would eat into what is kept of the
// hourly budget for live events.
type budgetReservedError struct {
	left, reserve int
	until         time.Time
}

func (e *budgetReservedError) Error() string {
	return fmt.Sprintf("waiting for OneLogin's budget until %s: %d calls are left of this hour, and %d are kept for live events",
		e.until.UTC().Format("15:04 MST"), e.left, e.reserve)
}

// spare refuses a bulk run's next call where too little of the budget is left,
// by what OneLogin told this process last.
func (a *Activities) spare(l mapping.Limits) error {
	b := a.budget(l)
	if b == nil || b.Free() > 0 || !time.Now().Before(b.ResetAt) {
		return nil
	}
	return &budgetReservedError{left: b.Remaining, reserve: b.Reserve, until: b.ResetAt}
}

// budget is what OneLogin told this process last; nil where it tells none.
func (a *Activities) budget(l mapping.Limits) *BulkBudget {
	b, known := a.OneLogin.Budget()
	if !known {
		return nil
	}
	return withReserve(b, l)
}

func withReserve(b onelogin.Budget, l mapping.Limits) *BulkBudget {
	return &BulkBudget{Budget: b, Reserve: (b.Limit*l.BudgetReservePercent + 99) / 100}
}

// BulkBudget asks OneLogin what is left of the hourly budget; nil where the
// account has none.
func (a *Activities) BulkBudget(ctx context.Context) (*BulkBudget, error) {
	var out *BulkBudget
	err := attempt(ctx, "ask for OneLogin's budget", func(ctx context.Context, _ *try) error {
		b, err := a.OneLogin.RateLimit(ctx)
		if err == nil {
			out = withReserve(b, a.Settings().Limits)
		}
		return err
	})
	return out, err
}
