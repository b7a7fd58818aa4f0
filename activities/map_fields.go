package activities

import (
	"context"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

// MapFields applies the mapping to a record. It is pure, runs as a local
// activity, and cannot fail: what cannot be mapped is said in the result.
func (a *Activities) MapFields(_ context.Context, r employee.Record) (mapping.Desired, error) {
	return a.Settings().Map(r), nil
}
