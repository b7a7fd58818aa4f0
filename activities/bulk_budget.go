package activities

import (
	"context"
	"fmt"

	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// reservedSentence tells people what a bulk run waits for.
func reservedSentence(e *onelogin.ReservedError) string {
	return fmt.Sprintf("waiting for OneLogin's budget until %s: %d calls are left of this hour, and %d are kept for live events",
		e.Until.UTC().Format("15:04 MST"), e.Left, e.Reserve)
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
	return &BulkBudget{Budget: b, Reserve: b.Reserve(l.BudgetReservePercent)}
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
