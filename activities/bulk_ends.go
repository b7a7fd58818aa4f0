package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"bob-onelogin/internal/employee"
)

// BulkEnd is how one person's synchronisation ended.
type BulkEnd struct {
	EmployeeID string           `json:"employeeId"`
	Outcome    employee.Outcome `json:"outcome"`
	Reason     string           `json:"reason,omitempty"`
	UserID     int64            `json:"userId,omitempty"`
	// Changed lists the OneLogin attributes written, by name.
	Changed []string `json:"changed,omitempty"`
	// MissingManager is the Bob id of a manager without a user.
	MissingManager string `json:"missingManager,omitempty"`
}

// BulkEndsInput names people whose workflow was started by an earlier run of
// the same bulk run, which therefore is not told how it ended.
type BulkEndsInput struct {
	EmployeeIDs []string `json:"employeeIds"`
}

// BulkEndsResult holds those that have ended.
type BulkEndsResult struct {
	Ended []BulkEnd `json:"ended,omitempty"`
}

const (
	endsLook = 2 * time.Second
	endsWait = 30 * time.Second
)

// BulkEnds waits a while for workflows to end, and returns those that did.
func (a *Activities) BulkEnds(ctx context.Context, in BulkEndsInput) (BulkEndsResult, error) {
	var out BulkEndsResult
	err := attempt(ctx, "look how employees' workflows ended", func(ctx context.Context, t *try) error {
		tick := time.NewTicker(endsLook)
		defer tick.Stop()
		for until := time.Now().Add(endsWait); ; {
			for _, id := range in.EmployeeIDs {
				end, ended, err := a.Ended(ctx, id)
				if err != nil {
					return err
				}
				if ended {
					out.Ended = append(out.Ended, end)
				}
			}
			if len(out.Ended) > 0 || time.Now().After(until) {
				return nil
			}
			select {
			case <-t.ctx.Done():
				return t.ctx.Err()
			case <-activity.GetWorkerStopChannel(t.ctx):
				return nil
			case <-tick.C:
			}
		}
	})
	return out, err
}
