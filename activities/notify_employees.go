package activities

import (
	"context"
	"errors"
	"fmt"

	"bob-onelogin/internal/employee"
)

// NotifyEmployeesInput is one event for several employees' workflows.
type NotifyEmployeesInput struct {
	EmployeeIDs []string       `json:"employeeIds"`
	Event       employee.Event `json:"event"`
}

// NotifyEmployees delivers an event to other employees' workflows, starting
// those that do not run. A repeated delivery does no harm: an event is a hint
// to look, not a change.
func (a *Activities) NotifyEmployees(ctx context.Context, in NotifyEmployeesInput) error {
	return attempt(ctx, "notify other employees' workflows", func(ctx context.Context, _ *try) error {
		var failed []error
		for _, id := range in.EmployeeIDs {
			if err := a.Signal(ctx, id, in.Event); err != nil {
				failed = append(failed, fmt.Errorf("employee %s: %w", id, err))
			}
		}
		return errors.Join(failed...)
	})
}
