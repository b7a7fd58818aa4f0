package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// matchedBy says by which rule a OneLogin user was taken for a person's.
type matchedBy string

const (
	byLink    matchedBy = "external_id"
	byAddress matchedBy = "address"
	// byRelink: found by address, linked to a Bob person who is gone or
	// inactive, such as the contractor's record of somebody now employed.
	byRelink matchedBy = "relink"
)

// directory is OneLogin as a look-up sees it: the API itself, or a listing of
// everybody that is held in memory.
type directory interface {
	FindByExternalID(ctx context.Context, id string, fields []string) ([]onelogin.User, error)
	FindByEmail(ctx context.Context, value string, fields []string) ([]onelogin.User, error)
	FindByUsername(ctx context.Context, value string, fields []string) ([]onelogin.User, error)
}

// roster is Bob as it is asked about other people than the one concerned: the
// API itself, or what one search has told of everybody.
type roster interface {
	// goneOrInactive reports whether an employee has left Bob for good or is
	// inactive there. A future hire is neither.
	goneOrInactive(ctx context.Context, employeeID string) (bool, error)
	// holderAtWork returns the Bob id of another person who has the address and
	// has not left; empty where there is none.
	holderAtWork(ctx context.Context, employeeID, email string) (string, error)
}

// finder finds the OneLogin users of people. The rules are the same for one
// person, who is looked up through the APIs, and for a bulk run, which holds
// both sides in memory.
type finder struct {
	oneLogin directory
	bob      roster
	settings mapping.Settings
	links    *linkCache
}

func (a *Activities) finder() finder {
	return a.finderUnder(a.Settings())
}

func (a *Activities) finderUnder(settings mapping.Settings) finder {
	return finder{oneLogin: a.OneLogin, bob: liveRoster{api: a.Bob, policy: settings.Policy}, settings: settings, links: &a.links}
}

// match is a person's user in OneLogin.
type match struct {
	user  onelogin.User
	by    matchedBy
	found bool
}

// findLinked looks a person's user up by its link, the Bob id in external_id.
func (f finder) findLinked(ctx context.Context, employeeID string, fields []string) (match, error) {
	users, err := f.oneLogin.FindByExternalID(ctx, employeeID, fields)
	if err != nil {
		return match{}, err
	}
	switch len(users) {
	case 0:
		f.links.drop(employeeID)
		return match{}, nil
	case 1:
		f.links.put(employeeID, users[0].ID())
		return match{user: users[0], by: byLink, found: true}, nil
	default:
		return match{}, conflictf("OneLogin users %s both carry Bob id %s in external_id: clear external_id on the wrong one, then run `starter sync %s`",
			userIDs(users), employeeID, employeeID)
	}
}

// findByAddress looks for a person's user that carries no link yet: by e-mail,
// then by username. Users under either that are linked to somebody else are
// taken over only if that somebody is gone from Bob or inactive there.
func (f finder) findByAddress(ctx context.Context, employeeID, email, username string, fields []string) (match, error) {
	var candidates []onelogin.User
	if email != "" {
		users, err := f.oneLogin.FindByEmail(ctx, email, fields)
		if err != nil {
			return match{}, err
		}
		candidates = users
	}
	// A single user under the address that has the username as well is the
	// holder of both; only then is there nothing left to find by username.
	holdsBoth := len(candidates) == 1 && strings.EqualFold(candidates[0].Username(), username)
	if username != "" && !holdsBoth {
		users, err := f.oneLogin.FindByUsername(ctx, username, fields)
		if err != nil {
			return match{}, err
		}
		for _, u := range users {
			if !slices.ContainsFunc(candidates, func(c onelogin.User) bool { return c.ID() == u.ID() }) {
				candidates = append(candidates, u)
			}
		}
	}
	switch len(candidates) {
	case 0:
		return match{}, nil
	case 1:
		return f.claim(ctx, employeeID, candidates[0])
	default:
		return match{}, conflictf("OneLogin users %s both match employee %s by e-mail or username: change the address or username of the wrong one, then run `starter sync %s`",
			userIDs(candidates), employeeID, employeeID)
	}
}

// claim decides whether a user found by address is the person's.
func (f finder) claim(ctx context.Context, employeeID string, u onelogin.User) (match, error) {
	switch link := u.ExternalID(); link {
	case "":
		return match{user: u, by: byAddress, found: true}, nil
	case employeeID:
		return match{user: u, by: byLink, found: true}, nil
	default:
		if !bob.IsEmployeeID(link) {
			return match{}, conflictf("OneLogin user %d has the address of employee %s, but its external_id is not a Bob id: clear external_id there if the user is this person's, then run `starter sync %s`",
				u.ID(), employeeID, employeeID)
		}
		gone, err := f.bob.goneOrInactive(ctx, link)
		if err != nil {
			return match{}, fmt.Errorf("look at the employee whom the user is linked to: %w", err)
		}
		if !gone {
			return match{}, &foreignLinkError{UserID: u.ID(), EmployeeID: employeeID, LinkedTo: link}
		}
		return match{user: u, by: byRelink, found: true}, nil
	}
}

// liveRoster asks Bob.
type liveRoster struct {
	api    *bob.Client
	policy lifecycle.Policy
}

func (l liveRoster) goneOrInactive(ctx context.Context, employeeID string) (bool, error) {
	r, err := l.api.Person(ctx, employeeID, lifecycle.Fields())
	var notFound *bob.NotFoundError
	switch {
	case errors.As(err, &notFound):
		return true, nil
	case err != nil:
		return false, err
	}
	return hasLeft(l.policy, r), nil
}

func (l liveRoster) holderAtWork(ctx context.Context, employeeID, email string) (string, error) {
	return l.otherHolder(ctx, employeeID, email, func(r employee.Record) bool { return !hasLeft(l.policy, r) })
}

// hasLeft reports whether Bob's record proves that a person's access has ended.
func hasLeft(p lifecycle.Policy, r employee.Record) bool {
	d := lifecycle.Decide(p, lifecycle.Situation{Now: time.Now(), Found: true, Record: r})
	return d.Phase == lifecycle.PhaseLeave
}

// otherHolder returns the Bob id of another person who has a leaver's address
// and counts; empty where there is none. Records end while others go on under
// the same address: a contractor's, or a duplicate that HR deletes.
func (l liveRoster) otherHolder(ctx context.Context, employeeID, email string, counts func(employee.Record) bool) (string, error) {
	if email == "" {
		return "", nil
	}
	holders, err := l.api.SearchByEmail(ctx, email, lifecycle.Fields())
	if err != nil {
		return "", fmt.Errorf("look for another holder of the leaver's address: %w", err)
	}
	for _, r := range holders {
		if r.ID != employeeID && counts(r) {
			return r.ID, nil
		}
	}
	return "", nil
}

// managerUser returns the OneLogin id of a manager: 0 and no error where the
// manager has no user there yet. cached tells that no call was made.
func (f finder) managerUser(ctx context.Context, employeeID string) (id int64, cached bool, err error) {
	if id, ok := f.links.get(employeeID); ok {
		return id, true, nil
	}
	m, err := f.findLinked(ctx, employeeID, nil)
	if err != nil || !m.found {
		return 0, false, err
	}
	return m.user.ID(), false, nil
}

// userFields are the OneLogin attributes that a read must bring to compare a
// user with what the mapping wants.
func userFields(s mapping.Settings) []string {
	var fields []string
	for _, target := range mapping.Targets(s.Rules) {
		if _, custom := mapping.CustomShortname(target); custom {
			target = "custom_attributes"
		}
		if !slices.Contains(fields, target) {
			fields = append(fields, target)
		}
	}
	return fields
}

// foreignLinkError: the user under a person's address belongs to another
// person who is active in Bob.
type foreignLinkError struct {
	UserID               int64
	EmployeeID, LinkedTo string
}

func (e *foreignLinkError) Error() string {
	return fmt.Sprintf("OneLogin user %d has the address of employee %s but is linked to employee %s, who is not gone from Bob: correct the address of one of them in Bob, or external_id in OneLogin, then run `starter sync %s`",
		e.UserID, e.EmployeeID, e.LinkedTo, e.EmployeeID)
}

// conflictError is a situation that only a person can solve. Its text names
// ids alone and the way out.
type conflictError struct{ text string }

func conflictf(format string, args ...any) error {
	return &conflictError{text: fmt.Sprintf(format, args...)}
}

func (e *conflictError) Error() string { return e.text }

// UserRef is what workflows need to know of a OneLogin user.
type UserRef struct {
	ID     int64 `json:"id,omitempty"`
	Status int   `json:"status"`
	State  int   `json:"state"`
}

// Suspended reports whether the user cannot log in because of its status.
func (r UserRef) Suspended() bool { return r.Status == int(onelogin.StatusSuspended) }

func refTo(u onelogin.User) UserRef {
	status, _ := u.Status()
	state, _ := u.State()
	return UserRef{ID: u.ID(), Status: int(status), State: int(state)}
}

// userIDs lists users for a sentence: "42 and 57".
func userIDs(users []onelogin.User) string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = strconv.FormatInt(u.ID(), 10)
	}
	return strings.Join(ids, " and ")
}
