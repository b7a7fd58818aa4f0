package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// errNoBrake: the process was put together without one.
var errNoBrake = errors.New("this process knows no suspension brake")

const (
	// brakePatience is how long the brake is asked before nobody is suspended,
	// revocationPatience how long before somebody is whose access was revoked.
	brakePatience      = 10 * time.Second
	revocationPatience = 5 * time.Second
)

// Brake counts suspensions for all workers together.
type Brake interface {
	// Reserve asks whether somebody may be suspended. The same question has the
	// same answer, however often it is asked.
	Reserve(ctx context.Context, by brake.Settings, r brake.Request) (brake.Answer, error)
	// Learn tells how many users are linked to a person and not suspended.
	Learn(ctx context.Context, linked int) error
	// Standing tells what was counted; a brake that was never asked has counted
	// nothing.
	Standing(ctx context.Context) (brake.View, error)
}

// Braked says that the brake has kept somebody from being suspended.
type Braked struct {
	Verdict brake.Verdict `json:"verdict"`
	// Held is how many people are held, this one included.
	Held int `json:"held,omitempty"`
	// Unlisted: the brake's list is full, and this person is not on it.
	Unlisted bool `json:"unlisted,omitempty"`
}

// mayPass asks the brake, as late as possible: what is granted counts whether or
// not it is used. It returns nil where the user may be suspended. Without an
// answer nobody is, but those whose access Bob has revoked with immediate
// effect: that is a person's own emergency brake.
func (a *Activities) mayPass(ctx context.Context, in EnforceStatusInput, userID int64, out *EnforceStatusResult) *Braked {
	settings := a.Settings().Brake
	if !settings.Enabled {
		return nil
	}
	patience := brakePatience
	if in.Revoked {
		patience = revocationPatience
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := brake.Request{
		EmployeeID: in.EmployeeID, UserID: userID, Case: in.Since, Revoked: in.Revoked, EventAt: in.EventAt,
		ToldAt: in.ToldAt, Run: in.Run, Allow: in.AllowSuspensions,
	}
	if r.Case.IsZero() {
		r.Case = time.Now() // asked by a workflow of before: every attempt counts
	}
	answer, err := a.askBrake(asking, settings, r)
	switch {
	case err != nil && in.Revoked:
		out.Notes = append(out.Notes, fmt.Sprintf("The suspension brake could not be asked and has not counted this suspension, which an immediate revocation wants in any case: %v", err))
		return nil
	case err != nil:
		out.Rule = fmt.Sprintf("a suspension is due, but the suspension brake could not be asked, and without it nobody is suspended; it is asked again (%v)", err)
		return &Braked{Verdict: brake.Unreachable}
	}
	switch answer.Verdict {
	case brake.Granted:
		return nil
	case brake.Rejected:
		out.Rule = "a suspension is due, but a person has rejected it; if Bob tells anew that the person leaves, it is held again; `starter brake approve " + in.EmployeeID + "` takes the rejection back"
	case brake.Counting:
		out.Rule = "a suspension is due, but the suspension brake has yet to count the linked users; it is asked again"
	default:
		out.Rule = fmt.Sprintf("a suspension is due, but the suspension brake holds it: %d of %d within %s are used; ",
			answer.Used, answer.Limit, mapping.SpellDuration(answer.Window))
		if answer.Unlisted {
			out.Rule += "its list is full, so that this person asks again every hour; decide about those whom `starter brake show` lists"
		} else {
			out.Rule += fmt.Sprintf("see `starter explain %s`, then run `starter brake approve %s`, or reject", in.EmployeeID, in.EmployeeID)
		}
	}
	return &Braked{Verdict: answer.Verdict, Held: answer.Held, Unlisted: answer.Unlisted}
}

func (a *Activities) askBrake(ctx context.Context, by brake.Settings, r brake.Request) (brake.Answer, error) {
	if a.Brake == nil {
		return brake.Answer{}, errNoBrake
	}
	return a.Brake.Reserve(ctx, by, r)
}

// TellDecidedInput names people of whom a person has decided.
type TellDecidedInput struct {
	EmployeeIDs []string `json:"employeeIds"`
}

// tellAttempts is how often it is tried to tell everybody.
const tellAttempts = 5

// TellDecidedResult names those who could not be told.
type TellDecidedResult struct {
	Untold []string `json:"untold,omitempty"`
}

// TellDecided has people's workflows look again, whether they run or not. To be
// told twice does no harm. One who cannot be told keeps nobody else waiting, and
// is given up after some attempts.
func (a *Activities) TellDecided(ctx context.Context, in TellDecidedInput) (TellDecidedResult, error) {
	var out TellDecidedResult
	err := attempt(ctx, "tell workflows what was decided", func(ctx context.Context, t *try) error {
		out.Untold = nil
		var failed error
		for _, id := range in.EmployeeIDs {
			if err := t.ctx.Err(); err != nil {
				return err
			}
			if err := a.Signal(ctx, id, employee.Event{Type: employee.EventDecided}); err != nil {
				out.Untold, failed = append(out.Untold, id), err
			}
		}
		if attempts := activity.GetInfo(t.ctx).Attempt; len(out.Untold) == len(in.EmployeeIDs) || attempts < tellAttempts {
			return failed
		}
		return nil
	})
	return out, err
}

// CountLinkedResult is how many users are linked to a person and not suspended.
type CountLinkedResult struct {
	Linked int `json:"linked"`
}

// CountLinked lists everybody to count them: OneLogin filters neither by status
// nor by whether there is a link. A bulk run knows the number for nothing.
func (a *Activities) CountLinked(ctx context.Context) (CountLinkedResult, error) {
	var out CountLinkedResult
	err := attempt(ctx, "count the linked users", func(ctx context.Context, t *try) error {
		// The limit is worth less than the next suspensions' own calls.
		ctx = onelogin.KeepReserve(ctx, a.Settings().Limits.BudgetReservePercent)
		out.Linked = 0
		seen := map[int64]bool{}
		for number, pages := 1, 1; number <= pages; number++ {
			t.reach(reached{Users: len(seen)})
			if err := t.ctx.Err(); err != nil {
				return err
			}
			page, err := a.OneLogin.Users(ctx, onelogin.PageRequest{Page: number, Limit: a.PageLimit})
			if err != nil {
				return err
			}
			for _, u := range page.Users {
				if !seen[u.ID()] && linkedAndActive(u) {
					out.Linked++
				}
				seen[u.ID()] = true
			}
			if pages = page.TotalPages; number == pages && len(seen) != page.TotalCount {
				return errShifted
			}
		}
		return nil
	})
	return out, err
}

// linkedAndActive tells the users who are linked to a person and not suspended:
// the brake's limit is a share of them.
func linkedAndActive(u onelogin.User) bool {
	status, known := u.Status()
	return bob.IsEmployeeID(u.ExternalID()) && known && status != onelogin.StatusSuspended
}
