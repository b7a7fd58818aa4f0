package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/onelogin"
)

// CreatedUser is a user that was just created, for an employee.
type CreatedUser struct {
	EmployeeID string `json:"employeeId"`
	UserID     int64  `json:"userId"`
}

// MaxReadBack is how many users one read-back takes: one call to OneLogin.
const MaxReadBack = onelogin.PageLimit

// ReadBackInput lists users to look at again, MaxReadBack at most.
type ReadBackInput struct {
	Users []CreatedUser `json:"users"`
}

// ReadBackResult says what has become of them.
type ReadBackResult struct {
	// Unlicensed lists the Bob ids of people whose user cannot log in.
	Unlicensed []string `json:"unlicensed,omitempty"`
}

// ReadBack looks at created users once more, all in one call. OneLogin answers
// a creation as approved even if no licence is free, and turns the user
// Unlicensed (state 3) soon after, silently. Each person concerned has their
// own workflow told, whose next look reports it.
func (a *Activities) ReadBack(ctx context.Context, in ReadBackInput) (ReadBackResult, error) {
	var out ReadBackResult
	err := attempt(ctx, "read created users back", func(ctx context.Context, _ *try) error {
		var err error
		out, err = a.readBack(ctx, in.Users)
		return err
	})
	return out, err
}

func (a *Activities) readBack(ctx context.Context, created []CreatedUser) (ReadBackResult, error) {
	ids := make([]int64, len(created))
	for i, c := range created {
		ids[i] = c.UserID
	}
	users, err := a.OneLogin.FindByIDs(ctx, ids, nil)
	if err != nil {
		return ReadBackResult{}, err
	}
	var out ReadBackResult
	var failed []error
	for _, c := range created {
		i := slices.IndexFunc(users, func(u onelogin.User) bool { return u.ID() == c.UserID })
		if i < 0 || !unlicensed(users[i]) {
			continue
		}
		out.Unlicensed = append(out.Unlicensed, c.EmployeeID)
		if err := a.Signal(ctx, c.EmployeeID, employee.Event{Type: employee.EventUnlicensed}); err != nil {
			failed = append(failed, fmt.Errorf("employee %s: %w", c.EmployeeID, err))
		}
	}
	return out, errors.Join(failed...)
}

func unlicensed(u onelogin.User) bool {
	state, _ := u.State()
	return state == onelogin.StateUnlicensed
}

// noteLicence says of an Unlicensed user that a person has to do something.
// What was written stands all the same.
func (u *upsert) noteLicence(user onelogin.User, out *UpsertUserResult) {
	if !unlicensed(user) {
		return
	}
	sentence := "OneLogin user " + strconv.FormatInt(user.ID(), 10) + " is Unlicensed: no licence is free, and the person cannot log in until one is; free or buy one in OneLogin"
	out.Notes = append(out.Notes, sentence)
	if out.Outcome == employee.Unchanged {
		out.Outcome, out.Reason = employee.Held, sentence
	}
}

// announce has a created user read back later.
func (u *upsert) announce(ctx context.Context, user onelogin.User) error {
	if err := u.Announce(ctx, CreatedUser{EmployeeID: u.in.EmployeeID, UserID: user.ID()}); err != nil {
		return fmt.Errorf("plan the read-back of user %d: %w", user.ID(), err)
	}
	return nil
}
