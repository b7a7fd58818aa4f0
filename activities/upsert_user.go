package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// UpsertUserInput is the user that OneLogin should have.
type UpsertUserInput struct {
	EmployeeID string          `json:"employeeId"`
	Desired    mapping.Desired `json:"desired"`
	// Standing decides the status of a new user and what follows for an
	// existing one.
	Standing  lifecycle.Standing `json:"standing"`
	Activated bool               `json:"activated,omitempty"`
	// Known is the user where an earlier step has read it already; it saves
	// the look-up and rules out a creation.
	Known *onelogin.User `json:"known,omitempty"`
	// Listed is what a bulk run's listing of OneLogin said of the user; nil
	// where the user is to be looked up.
	Listed *Listed `json:"listed,omitempty"`
	// Bulk: the work is a bulk run's, which leaves a part of OneLogin's hourly
	// budget to live events.
	Bulk bool `json:"bulk,omitempty"`
	// ManagerUserID is the manager's OneLogin id where the manager's own
	// workflow has told it, or a listing.
	ManagerUserID int64 `json:"managerUserId,omitempty"`
	// AskManager: a manager without a user is asked to report when there is
	// one.
	AskManager bool `json:"askManager,omitempty"`
	// AwaitedBy lists the reports that asked this person so.
	AwaitedBy []string `json:"awaitedBy,omitempty"`
	// Last is what this workflow run already knows of earlier writes.
	Last LastSync `json:"last,omitzero"`
}

// Listed is a person's place in a listing of all OneLogin users. It saves the
// look-up of a first attempt, as long as no other run of the person's workflow
// has ended since.
type Listed struct {
	// At is when the listing began, and CheckedAt when it was found that no
	// other run of the person's workflow had ended since.
	At        time.Time `json:"at"`
	CheckedAt time.Time `json:"checkedAt,omitzero"`
	// User is nil where nobody in the listing is the person's user.
	User *onelogin.User `json:"user,omitempty"`
}

// UpsertUserResult is what was found and done.
type UpsertUserResult struct {
	Outcome employee.Outcome `json:"outcome"`
	User    UserRef          `json:"user,omitzero"`
	// Changed lists the attributes written, by name, without values.
	Changed []string `json:"changed,omitempty"`
	// Reason and Notes are sentences for people.
	Reason string   `json:"reason"`
	Notes  []string `json:"notes,omitempty"`
	// StatusRule says why the status is what it is.
	StatusRule string `json:"statusRule,omitempty"`
	// Lifted: a suspension was lifted.
	Lifted bool `json:"lifted,omitempty"`
	// MissingManager is the Bob id of a manager without a OneLogin user.
	MissingManager string `json:"missingManager,omitempty"`
	// Last is for the next synchronisation.
	Last LastSync `json:"last,omitzero"`
}

// UpsertUser makes the OneLogin user of a person say what Bob says: it finds
// the user by its link and writes only what differs, or creates it. A user
// who is there under the address already is adopted.
//
// Every attempt begins by looking, so that a creation whose answer was lost
// is found and not repeated; and the link travels with the creation, so that
// the finding is certain.
func (a *Activities) UpsertUser(ctx context.Context, in UpsertUserInput) (UpsertUserResult, error) {
	var out UpsertUserResult
	err := attempt(ctx, "upsert the OneLogin user", func(ctx context.Context, t *try) error {
		if in.Bulk {
			ctx = onelogin.KeepReserve(ctx, a.Settings().Limits.BudgetReservePercent)
		}
		u := upsert{Activities: a, finder: a.finder(), in: in, try: t, last: in.Last, notes: slices.Clone(in.Desired.Notes)}
		var err error
		if out, err = u.run(ctx); err != nil {
			return err
		}
		return u.tellOthers(ctx, &out)
	})
	return out, err
}

// upsert is one attempt.
type upsert struct {
	*Activities
	finder
	in  UpsertUserInput
	try *try
	// planning: nothing is written, custom attributes included.
	planning bool
	// unordered: OneLogin's answer has led away from what a bulk run ordered.
	unordered bool

	last           LastSync
	desired        mapping.Attributes
	notes          []string
	missingManager string
	cachedManager  bool
}

func (u *upsert) run(ctx context.Context) (UpsertUserResult, error) {
	m, err := u.look(ctx)
	if err != nil {
		return UpsertUserResult{}, err
	}
	if err := u.prepare(ctx); err != nil {
		return UpsertUserResult{}, err
	}
	if err := u.recallOrder(ctx); err != nil {
		return UpsertUserResult{}, err
	}
	if m.found {
		return u.update(ctx, m)
	}

	out, err := u.create(ctx)
	var duplicate *onelogin.DuplicateError
	if !errors.As(err, &duplicate) {
		return out, err
	}
	// The refused creation had no effect: what is written next says so itself.
	u.unordered = true
	u.intend(intent{})
	m, err = u.findByAddress(ctx, u.in.EmployeeID, u.text(mapping.AttrEmail), u.text(mapping.AttrUsername), userFields(u.settings))
	if err != nil {
		return UpsertUserResult{}, err
	}
	if !m.found {
		return UpsertUserResult{}, conflictf("OneLogin says that the address or username of employee %s is taken, but shows no user with it: it may belong to a deleted or hidden user; ask OneLogin's support to free it, then run `starter sync %s`",
			u.in.EmployeeID, u.in.EmployeeID)
	}
	return u.update(ctx, m)
}

// intend records what is about to be written. The first attempt at a bulk
// run's order need not: the order says the same.
func (u *upsert) intend(i intent) {
	if u.in.Listed == nil || u.try.again || u.unordered {
		u.try.intend(i)
	}
}

// recallOrder finds out what the first attempt at a bulk run's order was about
// to write.
func (u *upsert) recallOrder(ctx context.Context) error {
	if u.in.Listed == nil || !u.try.again || u.try.before != nil {
		return nil
	}
	if u.in.Listed.User == nil {
		attributes, _, err := u.newUser(ctx)
		u.try.before = &intent{Outcome: employee.Created, Changed: attributes.Names()}
		return err
	}
	c, err := u.compare(ctx, u.matchOf(u.in.Listed.User))
	if len(c.write) > 0 {
		u.try.before = &intent{Outcome: c.outcome, Changed: c.write.Names()}
	}
	return err
}

// look finds the person's linked user: as an earlier step read it, as a bulk
// run's listing has it, or by asking OneLogin.
func (u *upsert) look(ctx context.Context) (match, error) {
	if u.in.Known != nil && !u.try.again {
		return u.matchOf(u.in.Known), nil
	}
	switch l := u.in.Listed; {
	case l == nil:
	case !u.try.again:
		if err := u.stillStands(ctx, u.in.EmployeeID, *l); err != nil {
			return match{}, err
		}
		return u.matchOf(l.User), nil
	case u.try.before == nil && !u.fresh(*l):
		// Nothing of it was written, and what Bob said is old by now.
		return match{}, errOutdated
	}
	m, err := u.findLinked(ctx, u.in.EmployeeID, userFields(u.settings))
	known := u.in.Known != nil || (u.in.Listed != nil && u.in.Listed.User != nil)
	if err != nil || m.found || !known {
		return m, err
	}
	// The user is there and carries no link yet: an earlier attempt may have
	// come to nothing.
	return u.findByAddress(ctx, u.in.EmployeeID, u.text(mapping.AttrEmail), u.text(mapping.AttrUsername), userFields(u.settings))
}

// fresh reports whether what a bulk run has read may still be acted on. The
// work may have waited for its turn, or for OneLogin's next hour.
func (a *Activities) fresh(l Listed) bool {
	return time.Since(l.At) < a.Settings().Limits.FreshFor
}

// stillStands refuses what a listing says of a person if it is old, or if
// another run of their workflow has ended since: what that did, the listing
// does not show.
//
// The last check holds for a part of the settle delay. A run that an event has
// started lasts longer than that, and cannot have come and gone meanwhile.
func (a *Activities) stillStands(ctx context.Context, employeeID string, l Listed) error {
	if !a.fresh(l) {
		return errOutdated
	}
	if age := time.Since(l.CheckedAt); age >= 0 && age < a.SettleDelay/3 {
		return nil
	}
	overtaken, err := a.EndedSince(ctx, []string{employeeID}, l.At.Add(-clockSkew))
	switch {
	case err != nil:
		return fmt.Errorf("look for other runs since the listing: %w", err)
	case overtaken[employeeID]:
		return errOutdated
	default:
		return nil
	}
}

// clockSkew is how far the clocks of a worker and of the Temporal server are
// thought to lie apart.
const clockSkew = time.Minute

// errOutdated: what was read is old, or another run of the person's
// workflow has ended since, so that it is not to be acted on.
var errOutdated = errors.New("what was read of this person is out of date; it is read anew")

func (u *upsert) matchOf(user *onelogin.User) match { return matchFor(u.in.EmployeeID, user) }

// matchFor takes a user that is known to be the person's, if any.
func matchFor(employeeID string, user *onelogin.User) match {
	if user == nil {
		return match{}
	}
	m := match{user: *user, by: byRelink, found: true}
	switch user.ExternalID() {
	case employeeID:
		m.by = byLink
	case "":
		m.by = byAddress
	}
	return m
}

// prepare completes what the mapping wants by what only OneLogin knows: which
// custom attributes are defined, and the manager's id.
func (u *upsert) prepare(ctx context.Context) error {
	var err error
	if u.desired, err = u.defined(ctx, u.in.Desired.Attributes); err != nil {
		return err
	}
	u.desired.Set(mapping.AttrExternalID, u.in.EmployeeID)
	return u.prepareManager(ctx)
}

// defined leaves out the custom attributes that OneLogin does not have.
func (u *upsert) defined(ctx context.Context, all mapping.Attributes) (mapping.Attributes, error) {
	attributes := mapping.Attributes{}
	for name, value := range all {
		if shortname, custom := mapping.CustomShortname(name); custom {
			create := u.settings.CreateCustomAttributes
			defined, err := u.attributes.has(ctx, u.OneLogin, shortname, create && !u.planning)
			if err != nil {
				return nil, fmt.Errorf("read the custom attributes: %w", err)
			}
			if !defined && !(create && u.planning) {
				u.note("%s is left out: OneLogin has no custom attribute of that shortname; define it there, or set create_custom_attributes: true", name)
				continue
			}
		}
		attributes[name] = value
	}
	return attributes, nil
}

func (u *upsert) prepareManager(ctx context.Context) error {
	manager := u.in.Desired.Manager
	switch {
	case !manager.Known:
		return nil
	case manager.EmployeeID == "":
		u.desired[mapping.AttrManagerUserID] = nil
		return nil
	case u.in.ManagerUserID != 0 && !u.try.again:
		// A later attempt may be there because this id was refused.
		u.finder.links.put(manager.EmployeeID, u.in.ManagerUserID)
	case u.in.Listed != nil && !u.try.again:
		// The listing has no user of the manager's.
		if _, known := u.finder.links.get(manager.EmployeeID); !known {
			u.missingManager = manager.EmployeeID
			return nil
		}
	}
	id, cached, err := u.managerUser(ctx, manager.EmployeeID)
	var conflict *conflictError
	switch {
	case errors.As(err, &conflict):
		u.note("%s is left alone: %v", mapping.AttrManagerUserID, conflict)
	case err != nil:
		return fmt.Errorf("look up the manager: %w", err)
	case id == 0:
		u.missingManager = manager.EmployeeID
	default:
		u.cachedManager = cached
		u.desired.Set(mapping.AttrManagerUserID, strconv.FormatInt(id, 10))
	}
	return nil
}

func (u *upsert) create(ctx context.Context) (UpsertUserResult, error) {
	attributes, rule, err := u.newUser(ctx)
	if err != nil {
		return UpsertUserResult{}, err
	}
	u.intend(intent{Outcome: employee.Created, Changed: attributes.Names()})
	user, err := u.OneLogin.CreateUser(ctx, wire(attributes))
	if err != nil {
		return UpsertUserResult{}, u.refused(err)
	}
	u.finder.links.put(u.in.EmployeeID, user.ID())
	out := u.result(user, employee.Created, attributes, rule)
	out.Reason = "New OneLogin user " + strconv.FormatInt(user.ID(), 10)
	u.noteLicence(user, &out)
	return out, u.announce(ctx, user)
}

// newUser is what a new user is given, and the rule for its status.
func (u *upsert) newUser(ctx context.Context) (mapping.Attributes, string, error) {
	attributes, err := u.defined(ctx, u.in.Desired.OnCreate)
	if err != nil {
		return nil, "", err
	}
	for name, value := range u.desired {
		if value != nil {
			attributes[name] = value
		}
	}
	status, rule := lifecycle.StatusOnCreate(u.settings.Policy, u.in.Standing)
	attributes.Set(mapping.AttrStatus, strconv.Itoa(status))
	return attributes, rule, nil
}

// update writes what differs.
func (u *upsert) update(ctx context.Context, m match) (UpsertUserResult, error) {
	c, err := u.compare(ctx, m)
	if err != nil {
		return UpsertUserResult{}, err
	}
	u.notes = append(u.notes, c.notes()...)
	write, status := c.write, c.status
	if len(write) == 0 {
		out := u.result(m.user, employee.Unchanged, nil, status.Rule)
		out.Reason = "OneLogin already says what Bob says"
		if before := u.try.before; before != nil {
			out.Outcome, out.Changed = before.Outcome, before.Changed
			out.Lifted = before.Outcome != employee.Created && slices.Contains(before.Changed, mapping.AttrStatus)
			out.Reason = "Done by an earlier attempt whose answer was lost: OneLogin user " + strconv.FormatInt(m.user.ID(), 10) + " says what Bob says"
		}
		if out.Outcome == employee.Created {
			return out, u.announce(ctx, m.user)
		}
		u.noteLicence(m.user, &out)
		return out, nil
	}
	outcome, names := c.outcome, write.Names()
	if before := u.try.before; m.by == byLink && before != nil && before.Outcome == employee.Created {
		// OneLogin made something else of what an earlier attempt created, or
		// Bob has moved on: the person is a new one all the same.
		outcome = employee.Created
		names = slices.Compact(slices.Sorted(slices.Values(slices.Concat(before.Changed, names))))
	}
	u.intend(intent{Outcome: outcome, Changed: names})

	user, err := u.OneLogin.UpdateUser(ctx, m.user.ID(), wire(write))
	var duplicate *onelogin.DuplicateError
	var owner *onelogin.AccountOwnerError
	switch {
	case errors.As(err, &duplicate):
		return UpsertUserResult{}, u.nameTaken(ctx, m.user.ID())
	case errors.As(err, &owner):
		out := u.result(m.user, employee.Skipped, nil, status.Rule)
		out.Reason = "This person is the account owner in OneLogin, whom nobody may change; their profile is kept by hand"
		return out, nil
	case err != nil:
		return UpsertUserResult{}, u.refused(err)
	}
	u.finder.links.put(u.in.EmployeeID, user.ID())
	out := u.result(user, outcome, write, status.Rule)
	out.Changed = names
	out.Lifted = status.Action == lifecycle.Activate
	out.Reason = reasonFor(m, outcome)
	u.noteLicence(user, &out)
	if outcome == employee.Created {
		return out, u.announce(ctx, user)
	}
	return out, nil
}

// comparison is what a user and what Bob says of them come to.
type comparison struct {
	// write holds the attributes that differ and are to be written, the status
	// included where a suspension is lifted.
	write                   mapping.Attributes
	normalised, overwritten []string
	status                  lifecycle.StatusDecision
	outcome                 employee.Outcome
}

// notes say why something that differs is not written.
func (c comparison) notes() []string {
	var notes []string
	if len(c.normalised) > 0 {
		notes = append(notes, fmt.Sprintf("OneLogin keeps its own form of %v; it is not written again", c.normalised))
	}
	if len(c.overwritten) > 0 {
		notes = append(notes, fmt.Sprintf("%v was overwritten by a OneLogin mapping after each write and is not written again: change that mapping in OneLogin, or take the attribute out of the provisioning file", c.overwritten))
	}
	return notes
}

// compare holds a user that exists against what the mapping wants.
func (u *upsert) compare(ctx context.Context, m match) (comparison, error) {
	var c comparison
	changed := mapping.Diff(u.desired, m.user)
	if err := u.recall(ctx, m.user, changed); err != nil {
		return c, err
	}
	c.write, c.normalised, c.overwritten = mapping.Contested(changed, m.user, u.last.Memory, u.in.EmployeeID)
	c.status = u.decideStatus(m.user)
	if c.status.Action == lifecycle.Activate {
		c.write.Set(mapping.AttrStatus, strconv.Itoa(int(onelogin.StatusActive)))
	}
	switch {
	case len(c.write) == 0:
		c.outcome = employee.Unchanged
	case m.by == byRelink:
		c.outcome = employee.Relinked
	case c.status.Action == lifecycle.Activate:
		c.outcome = employee.Reactivated
	case m.by == byLink && (has(c.write, mapping.AttrEmail) || has(c.write, mapping.AttrUsername)):
		c.outcome = employee.Renamed
	default:
		c.outcome = employee.Updated
	}
	return c, nil
}

// recall asks Temporal what earlier runs of this person's workflow left, where
// a difference or a suspension makes it matter and this run does not know.
func (u *upsert) recall(ctx context.Context, user onelogin.User, changed mapping.Attributes) error {
	status, _ := user.Status()
	if u.last.Complete() || (len(changed) == 0 && status != onelogin.StatusSuspended) {
		return nil
	}
	earlier, err := u.Recall(ctx, u.in.EmployeeID)
	if err != nil {
		return fmt.Errorf("recall the last synchronisation: %w", err)
	}
	u.last = u.last.Or(earlier)
	u.last.MemoryKnown = true
	return nil
}

func reasonFor(m match, outcome employee.Outcome) string {
	id := strconv.FormatInt(m.user.ID(), 10)
	switch {
	case outcome == employee.Relinked:
		return "Took over OneLogin user " + id + " from Bob employee " + m.user.ExternalID() + ", who is gone or inactive in Bob"
	case m.by == byAddress:
		return "Adopted OneLogin user " + id + ", found by e-mail or username, and linked it"
	case outcome == employee.Reactivated:
		return "OneLogin user " + id + " was suspended and is active again"
	case outcome == employee.Renamed:
		return "OneLogin user " + id + " was renamed in place"
	default:
		return "OneLogin user " + id + " now says what Bob says"
	}
}

// tellOthers asks the workflow of a missing manager to report back, and
// reports this person's user to those who asked. Events are hints to look, so
// a repeated one does no harm.
func (u *upsert) tellOthers(ctx context.Context, out *UpsertUserResult) error {
	var failed []error
	tell := func(employeeID string, e employee.Event) {
		if err := u.Signal(ctx, employeeID, e); err != nil {
			failed = append(failed, err)
		}
	}
	if out.MissingManager != "" {
		out.Notes = append(out.Notes, "The manager has no OneLogin user yet; the link follows when there is one")
		if u.in.AskManager {
			tell(out.MissingManager, employee.Event{Type: employee.EventReportWaiting, ReportID: u.in.EmployeeID})
		}
	}
	for _, report := range u.in.AwaitedBy {
		tell(report, employee.Event{Type: employee.EventManagerLinked, ManagerID: u.in.EmployeeID, ManagerUserID: out.User.ID})
	}
	return errors.Join(failed...)
}

// decideStatus says whether the suspension of an existing user is lifted. A
// suspension is never decided here: that is EnforceStatus's work.
func (u *upsert) decideStatus(user onelogin.User) lifecycle.StatusDecision {
	if u.in.Standing == lifecycle.StandingLeft {
		return lifecycle.StatusDecision{Action: lifecycle.KeepStatus, Rule: "the person's access has ended"}
	}
	status, known := user.Status()
	return lifecycle.DecideStatus(u.settings.Policy, lifecycle.UserState{
		Status: int(status), StatusKnown: known, Standing: u.in.Standing, Activated: u.in.Activated,
		SuspendedByUs: u.last.suspendedByUs(),
	})
}

func (u *upsert) result(user onelogin.User, outcome employee.Outcome, written mapping.Attributes, statusRule string) UpsertUserResult {
	return UpsertUserResult{
		Outcome: outcome, User: refTo(user), Changed: written.Names(), Notes: u.notes,
		MissingManager: u.missingManager, StatusRule: statusRule,
		Last: u.last.after(mapping.Remember(u.last.Memory, u.desired, written, user, u.in.EmployeeID)),
	}
}

// nameTaken explains a rename that OneLogin refused as a duplicate. The
// account under the new address is somebody else's until a person says
// otherwise: two accounts are never merged.
func (u *upsert) nameTaken(ctx context.Context, userID int64) error {
	holder := "another user"
	for _, find := range []func(context.Context) ([]onelogin.User, error){
		func(ctx context.Context) ([]onelogin.User, error) {
			return u.OneLogin.FindByEmail(ctx, u.text(mapping.AttrEmail), nil)
		},
		func(ctx context.Context) ([]onelogin.User, error) {
			return u.OneLogin.FindByUsername(ctx, u.text(mapping.AttrUsername), nil)
		},
	} {
		users, err := find(ctx)
		if err != nil {
			return fmt.Errorf("look for the holder of the new address: %w", err)
		}
		users = slices.DeleteFunc(users, func(o onelogin.User) bool { return o.ID() == userID })
		if len(users) > 0 {
			holder = "user " + userIDs(users)
			break
		}
	}
	return conflictf("OneLogin user %d of employee %s cannot take its new address: OneLogin says that %s has it; rename or delete the account that should not have it, then run `starter sync %s`",
		userID, u.in.EmployeeID, holder, u.in.EmployeeID)
}

// refused drops what a refusal may be owed to, so that the next attempt looks
// afresh.
func (u *upsert) refused(err error) error {
	var invalid *onelogin.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	u.attributes.forget()
	if u.cachedManager {
		u.finder.links.drop(u.in.Desired.Manager.EmployeeID)
		return &staleError{err}
	}
	return err
}

func (u *upsert) text(attribute string) string {
	value, _ := u.in.Desired.Value(attribute)
	return value
}

func (u *upsert) note(format string, args ...any) {
	u.notes = append(u.notes, fmt.Sprintf(format, args...))
}

// staleError: a write was refused that stood on a cached id; the next attempt
// stands on a fresh one.
type staleError struct{ cause error }

func (e *staleError) Error() string { return "a remembered id may be out of date: " + e.cause.Error() }
func (e *staleError) Unwrap() error { return e.cause }

func has(a mapping.Attributes, name string) bool {
	_, ok := a[name]
	return ok
}

// wire turns mapped attributes into the client's: integers where OneLogin's
// API wants them.
func wire(a mapping.Attributes) onelogin.Attributes {
	out := make(onelogin.Attributes, len(a))
	for name, value := range a {
		switch {
		case value == nil:
			out[name] = nil
		case mapping.IsInteger(name):
			n, err := strconv.ParseInt(*value, 10, 64)
			if err != nil {
				out[name] = *value // OneLogin refuses it and names the attribute
				continue
			}
			out[name] = n
		default:
			out[name] = *value
		}
	}
	return out
}
