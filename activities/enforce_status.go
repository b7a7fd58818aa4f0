package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// EnforceStatusInput names a person whose access has ended.
type EnforceStatusInput struct {
	EmployeeID string `json:"employeeId"`
	// OutOfScope: the person has not left, but is out of scope. Only a user
	// that is linked to them is this program's to suspend.
	OutOfScope bool `json:"outOfScope,omitempty"`
	// Email and Username find a user that carries no link.
	Email    string `json:"email,omitempty"`
	Username string `json:"username,omitempty"`
	// Listed is the user as a bulk run's listing has it; it saves a first
	// attempt the look-up.
	Listed *Listed `json:"listed,omitempty"`
	// Desired lets the profile be compared in the same look-up.
	Desired mapping.Desired `json:"desired,omitzero"`

	// Since is when the workflow found that access has ended, EventAt when the
	// newest event came in that said so, ToldAt when that happened by Bob's
	// clock, and Revoked says that it was an immediate revocation: what the
	// suspension brake goes by.
	Since   time.Time `json:"since,omitzero"`
	EventAt time.Time `json:"eventAt,omitzero"`
	ToldAt  time.Time `json:"toldAt,omitzero"`
	Revoked bool      `json:"revoked,omitempty"`
	// Outdated is how often an earlier activity for the same has waited too long:
	// each time, twice as long is allowed, so that a long queue comes to its end.
	Outdated int `json:"outdated,omitempty"`
	// Tries is how often the brake has been asked in vain.
	Tries int `json:"tries,omitempty"`
	// Run is a bulk run that has asked for the look, and AllowSuspensions how
	// many of its people the brake lets pass beyond the limit.
	Run              string `json:"run,omitempty"`
	AllowSuspensions int    `json:"allowSuspensions,omitempty"`
}

// EnforceStatusResult is what was found and done.
type EnforceStatusResult struct {
	// Found is false where a leaver has no user in OneLogin.
	Found bool                   `json:"found"`
	User  UserRef                `json:"user,omitzero"`
	Done  lifecycle.StatusAction `json:"done"`
	// Rule says why, in one sentence.
	Rule  string   `json:"rule"`
	Notes []string `json:"notes,omitempty"`
	// Brake is there where the suspension brake has kept the user from being
	// suspended; Done then is hold.
	Brake *Braked `json:"brake,omitempty"`
	// Refused: OneLogin will never take the suspension, which the brake has
	// counted.
	Refused bool `json:"refused,omitempty"`
	// Profile is the user where its profile differs from what Bob says.
	Profile *onelogin.User `json:"profile,omitempty"`
}

// EnforceStatus takes a leaver's access away: it suspends the user and ends the
// sessions. It runs before the profile is touched, so that a refused phone
// number keeps nobody logged in. Doing it twice does no harm.
//
// Lifting a suspension is no work of its own: UpsertUser writes the status
// along with the profile, in one call.
func (a *Activities) EnforceStatus(ctx context.Context, in EnforceStatusInput) (EnforceStatusResult, error) {
	var out EnforceStatusResult
	err := attempt(ctx, "suspend the OneLogin user", func(ctx context.Context, t *try) error {
		var err error
		out, err = a.endAccess(ctx, in, t)
		return err
	})
	return out, err
}

// endAccess suspends a leaver's user.
func (a *Activities) endAccess(ctx context.Context, in EnforceStatusInput, t *try) (EnforceStatusResult, error) {
	f := a.finder()
	late := !in.Revoked && a.waitedLong(t.ctx, in.Outdated)
	if late && !t.again {
		// Bob may have taken it back. An immediate revocation is proof by itself;
		// and an attempt before this one may have suspended the user, whose
		// sessions are to be ended then.
		return EnforceStatusResult{}, errOutdated
	}
	var before match
	if in.Listed != nil && !t.again {
		if err := a.stillStands(ctx, in.EmployeeID, *in.Listed); err != nil {
			return EnforceStatusResult{}, err
		}
		before = matchFor(in.EmployeeID, in.Listed.User)
	}
	m, decision, err := f.leaver(ctx, in, before)
	if err != nil {
		return EnforceStatusResult{}, err
	}
	out := EnforceStatusResult{Found: m.found, Done: decision.Action, Rule: decision.Rule}
	if !m.found {
		return out, nil
	}
	out.User = refTo(m.user)
	switch {
	case decision.Action == lifecycle.Suspend && (late || in.Listed != nil && t.before == nil && !a.fresh(*in.Listed)):
		return EnforceStatusResult{}, errOutdated
	case decision.Action == lifecycle.Suspend:
		if out.Brake = a.mayPass(ctx, in, m.user.ID(), &out); out.Brake != nil {
			out.Done = lifecycle.HoldStatus
			return out, nil
		}
		t.intend(intent{Outcome: employee.Suspended})
		suspended, err := a.OneLogin.UpdateUser(ctx, m.user.ID(), onelogin.Attributes{mapping.AttrStatus: int64(onelogin.StatusSuspended)})
		var owner *onelogin.AccountOwnerError
		if errors.As(err, &owner) {
			out.Done, out.Refused = lifecycle.HoldStatus, true
			out.Rule = "a suspension is due, but OneLogin does not let anybody change its account owner; make somebody else the owner first"
			return out, nil
		}
		if err != nil {
			return EnforceStatusResult{}, err
		}
		out.User = refTo(suspended)
		if err := a.endSessions(ctx, t, m.user.ID(), &out); err != nil {
			return EnforceStatusResult{}, err
		}
	case t.again && decision.Action == lifecycle.KeepStatus:
		// An earlier attempt may have suspended without getting as far as the
		// sessions; where it said so, the suspension is this work's.
		if t.before != nil {
			out.Done, out.Rule = lifecycle.Suspend, "the person's access has ended"
		}
		if err := a.endSessions(ctx, t, m.user.ID(), &out); err != nil {
			return EnforceStatusResult{}, err
		}
	}
	if m.differs(in.EmployeeID, in.Desired.Attributes) {
		out.Profile = &m.user
	}
	return out, nil
}

// differs reports whether a leaver's profile is to be written. The manager
// alone, who is looked up, is no reason to.
func (m match) differs(employeeID string, desired mapping.Attributes) bool {
	if m.by != byLink {
		desired = withLink(desired, employeeID)
	}
	return len(mapping.Diff(desired, m.user)) > 0
}

func withLink(desired mapping.Attributes, employeeID string) mapping.Attributes {
	linked := mapping.Attributes{}
	for name, value := range desired {
		linked[name] = value
	}
	linked.Set(mapping.AttrExternalID, employeeID)
	return linked
}

// leaver finds the user of somebody whose access has ended, unless that is known,
// and decides about its status. What is not theirs to take away is not found.
func (f finder) leaver(ctx context.Context, in EnforceStatusInput, before match) (match, lifecycle.StatusDecision, error) {
	keep := func(format string, args ...any) (match, lifecycle.StatusDecision, error) {
		return match{}, lifecycle.StatusDecision{Action: lifecycle.KeepStatus, Rule: fmt.Sprintf(format, args...)}, nil
	}
	fields := userFields(f.settings)
	m, err := before, error(nil)
	if !m.found {
		m, err = f.findLinked(ctx, in.EmployeeID, fields)
	}
	if err == nil && !m.found && !in.OutOfScope {
		m, err = f.findByAddress(ctx, in.EmployeeID, in.Email, in.Username, fields)
	}
	var foreign *foreignLinkError
	switch {
	case errors.As(err, &foreign):
		return keep("OneLogin user %d has this person's address but belongs to employee %s, who is not gone from Bob; nothing of this person's is there to suspend", foreign.UserID, foreign.LinkedTo)
	case err != nil:
		return match{}, lifecycle.StatusDecision{}, err
	case !m.found && in.OutOfScope:
		return keep("no OneLogin user is linked to the person")
	case !m.found:
		return keep("the person has no OneLogin user, and a leaver gets none")
	}
	if m.by != byLink {
		if in.OutOfScope {
			return keep("no OneLogin user is linked to the person")
		}
		other, err := f.bob.holderAtWork(ctx, in.EmployeeID, in.Email)
		if err != nil {
			return match{}, lifecycle.StatusDecision{}, err
		}
		if other != "" {
			return keep("OneLogin user %d has this person's address, but so has employee %s in Bob, who has not left; the user is left to them", m.user.ID(), other)
		}
	}
	status, known := m.user.Status()
	return m, lifecycle.DecideStatus(f.settings.Policy, lifecycle.UserState{
		Status: int(status), StatusKnown: known, Standing: lifecycle.StandingLeft,
		Protected: f.settings.Protected.Covers(m.user.ID(), m.user.Email(), in.Email),
	}), nil
}

// longestWait is Activities.LongestWait, where nothing is said.
const longestWait = 10 * time.Minute

// waitedLong reports whether an activity has waited so long, for its turn or for
// OneLogin, that what its workflow read of Bob before may not be acted on.
func (a *Activities) waitedLong(ctx context.Context, before int) bool {
	info := activity.GetInfo(ctx) // both times are the server's
	return info.StartedTime.Sub(info.ScheduledTime) > cmp.Or(a.LongestWait, longestWait)<<min(before, 10)
}

// sessionsRefusals is how often a refusal to end sessions is believed to pass:
// credentials are refused for moments, too. The attempts are up to a minute apart.
const sessionsRefusals = 4

// endSessions logs a suspended user out everywhere. The suspension is in place
// by then, so a credential that may not end sessions is said and not fatal, once
// it has been refused for a while.
func (a *Activities) endSessions(ctx context.Context, t *try, userID int64, out *EnforceStatusResult) error {
	err := a.OneLogin.EndSessions(ctx, userID)
	var refused *onelogin.AuthError
	var open *onelogin.BreakerOpenError
	var gone *onelogin.NotFoundError
	switch {
	case (errors.As(err, &refused) || errors.As(err, &open)) && t.refuse() >= sessionsRefusals:
		out.Notes = append(out.Notes, "The user is suspended, but OneLogin refused to end running sessions: give the API credential the scope \"Manage users\", and end them by hand in OneLogin")
		return nil
	case errors.As(err, &gone):
		return nil
	default:
		return err
	}
}
