package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// planner decides about people whom a bulk run has read, by the same functions
// as a single event: lifecycle, mapping, match, difference. It writes nothing
// and calls nobody, but where the two readings leave a question open.
type planner struct {
	*Activities
	finder
	// at is when the reading began.
	at time.Time
	// due tells of people whose workflow waits already, and what for.
	due map[string]time.Time
	// creating are the people for whom the plan creates a user.
	creating map[string]bool
}

// verdict is what is planned for one person.
type verdict struct {
	BulkItem
	// inLine: nothing is to be done, and nothing to be waited for that is not
	// waited for already.
	inLine bool
	// manager is who the person reports to; missingManager says that they have
	// no user.
	manager        string
	missingManager bool
	// write is what differs, for a person who has a user.
	write mapping.Attributes
	// overtaken: another run of the person's workflow has ended since the
	// reading.
	overtaken bool
	// read, match, status and notes are for a person who asks why.
	read   ReadEmployeeResult
	match  match
	status lifecycle.StatusDecision
	notes  []string
}

// person plans for one person.
func (p *planner) person(ctx context.Context, r employee.Record) (verdict, error) {
	read := ReadEmployeeResult{Found: true, Record: r, SettingsVersion: p.settings.Version}
	if err := p.judge(ctx, ReadEmployeeInput{EmployeeID: r.ID, Now: time.Now()}, p.settings, &read); err != nil {
		return verdict{}, err
	}
	v := verdict{BulkItem: BulkItem{
		Key:    BulkKey{EmployeeID: r.ID},
		Reason: read.Decision.Reason,
		Order: &BulkOrder{
			ReadAt: p.at, FreshUntil: p.at.Add(p.settings.Limits.FreshFor), Decision: read.Decision,
			Digest: read.Digest, SettingsVersion: read.SettingsVersion, Listed: Listed{At: p.at},
		},
	}}
	v.read = read
	if !read.Decision.OutOfScope {
		v.Order.Desired = p.settings.Map(read.Record)
	}
	v.manager = v.Order.Desired.Manager.EmployeeID
	var err error
	switch read.Decision.Phase {
	case lifecycle.PhaseWait:
		v.Outcome, v.inLine = employee.Scheduled, p.waitsFor(r.ID, read.Decision.WakeAt)
	case lifecycle.PhaseNone:
		p.skip(&v)
	case lifecycle.PhaseLeave:
		err = p.leaving(ctx, &v)
	default:
		err = p.provision(ctx, &v)
	}
	var conflict *conflictError
	var foreign *foreignLinkError
	if errors.As(err, &conflict) || errors.As(err, &foreign) {
		v.Outcome, v.Reason, v.inLine, v.Order = employee.Failed, err.Error(), false, nil
		return v, nil
	}
	return v, err
}

// waitsFor reports whether the person's workflow waits for a moment already.
func (p *planner) waitsFor(employeeID string, moment time.Time) bool {
	due, waits := p.due[employeeID]
	// The server keeps moments to the millisecond, or finer.
	return waits && due.Truncate(time.Second).Equal(moment.Truncate(time.Second))
}

// skip plans nothing for a person, whose workflow may have to wait all the same:
// somebody who cannot be provisioned can still have a last day.
func (p *planner) skip(v *verdict) {
	d := v.Order.Decision
	v.Outcome, v.inLine = employee.Skipped, d.WakeAt.IsZero() || p.waitsFor(v.Key.EmployeeID, lateOf(d))
}

func (p *planner) provision(ctx context.Context, v *verdict) error {
	id, o := v.Key.EmployeeID, v.Order
	if o.Desired.Missing != "" {
		v.Reason = o.Desired.Missing
		p.skip(v)
		return nil
	}
	m, err := p.findLinked(ctx, id, userFields(p.settings))
	if err == nil && !m.found {
		m, err = p.findByAddress(ctx, id, attribute(o.Desired, mapping.AttrEmail), attribute(o.Desired, mapping.AttrUsername), userFields(p.settings))
	}
	if err != nil {
		return err
	}
	if !m.found {
		u, err := p.prepared(ctx, v, LastSync{})
		if err != nil {
			return err
		}
		v.missingManager = u.missingManager != ""
		v.Outcome, v.Reason, v.Calls = employee.Created, "Has no OneLogin user", 1
		return nil
	}
	v.match, o.Listed.User, v.UserID = m, &m.user, m.user.ID()
	c, err := p.against(ctx, v, optimistic)
	if err != nil {
		return err
	}
	v.Outcome, v.write = c.outcome, c.write
	switch {
	case len(c.write) > 0 || v.awaited(p.creating):
		v.Calls = 1
		if c.outcome == employee.Unchanged {
			v.Outcome = employee.Updated
		}
		v.Reason = reasonAhead(m, v.Outcome)
	case !o.Decision.WakeAt.IsZero():
		v.Outcome = employee.Scheduled
		v.inLine = p.waitsFor(id, lateOf(o.Decision))
	default:
		v.inLine = true
		if unlicensed(m.user) {
			v.Outcome = employee.Held
		}
	}
	return nil
}

// again plans anew for a person who has a user, with what is remembered of
// earlier synchronisations.
func (p *planner) again(ctx context.Context, v *verdict) error {
	c, err := p.against(ctx, v, v.Order.Last)
	if err != nil {
		return err
	}
	v.write = c.write
	switch {
	case v.Outcome == employee.Suspended || v.Outcome == employee.Held || v.Outcome == employee.Scheduled:
	case len(c.write) > 0:
		v.Outcome = c.outcome
	case v.awaited(p.creating):
		v.Outcome = employee.Updated
	case !v.Order.Decision.WakeAt.IsZero() && v.Order.Decision.Standing != lifecycle.StandingLeft:
		v.Outcome, v.Calls = employee.Scheduled, 0
		v.inLine = p.waitsFor(v.Key.EmployeeID, lateOf(v.Order.Decision))
	default:
		v.Outcome, v.Calls, v.inLine = employee.Unchanged, 0, true
	}
	return nil
}

// awaited: the person's manager is about to have a user. Nobody links a leaver
// to one later.
func (v *verdict) awaited(creating map[string]bool) bool {
	return v.missingManager && creating[v.manager] && v.Order != nil && v.Order.Decision.Standing != lifecycle.StandingLeft
}

// lateOf is the moment that a workflow waits for that has provisioned already.
func lateOf(d lifecycle.Decision) time.Time {
	if d.Standing != lifecycle.StandingNotStarted && !d.LeaveAt.IsZero() {
		return d.LeaveAt
	}
	return d.WakeAt
}

func (p *planner) leaving(ctx context.Context, v *verdict) error {
	o := v.Order
	in := EnforceStatusInput{
		EmployeeID: v.Key.EmployeeID, OutOfScope: o.Decision.OutOfScope,
		Email: attribute(o.Desired, mapping.AttrEmail), Username: attribute(o.Desired, mapping.AttrUsername),
	}
	m, decision, err := p.leaver(ctx, in, match{})
	if err != nil {
		return err
	}
	if !m.found {
		v.Outcome, v.Reason, v.inLine = employee.Skipped, "Has left: "+decision.Rule, true
		if o.Decision.OutOfScope {
			v.Reason = o.Decision.Reason + ": " + decision.Rule
		}
		return nil
	}
	v.match, o.Listed.User, v.UserID, v.status = m, &m.user, m.user.ID(), decision
	c, err := p.against(ctx, v, optimistic)
	if err != nil {
		return err
	}
	v.write = c.write
	v.Calls = min(len(v.write), 1)
	switch {
	case decision.Action == lifecycle.Suspend:
		v.Outcome, v.Calls = employee.Suspended, v.Calls+2
	case decision.Action == lifecycle.HoldStatus:
		v.Outcome = employee.Held
	case len(v.write) > 0:
		v.Outcome = employee.Updated
	default:
		v.Outcome, v.inLine = employee.Unchanged, true
	}
	v.Reason += ": " + decision.Rule
	return nil
}

// optimistic stands for what is remembered of earlier synchronisations, so
// that whatever might differ is a candidate. What is really remembered is only
// looked at for those.
var optimistic = LastSync{MemoryKnown: true}.WithSuspension(true)

// against holds a person's user against what Bob says. Of a leaver only a
// profile counts that can be made, and that would be written.
func (p *planner) against(ctx context.Context, v *verdict, last LastSync) (comparison, error) {
	o, id := v.Order, v.Key.EmployeeID
	if o.Decision.Phase == lifecycle.PhaseLeave &&
		(o.Desired.Missing != "" || !v.match.differs(id, o.Desired.Attributes)) {
		return comparison{outcome: employee.Unchanged}, nil
	}
	u, err := p.prepared(ctx, v, last)
	if err != nil {
		return comparison{}, err
	}
	v.missingManager = u.missingManager != ""
	c, err := u.compare(ctx, v.match)
	if err == nil && o.Decision.Phase != lifecycle.PhaseLeave {
		v.status = c.status
	}
	v.notes = slices.Concat(u.notes, c.notes())
	return c, err
}

func (p *planner) prepared(ctx context.Context, v *verdict, last LastSync) (*upsert, error) {
	u := &upsert{
		Activities: p.Activities, finder: p.finder, try: &try{}, last: last, planning: true,
		in: UpsertUserInput{EmployeeID: v.Key.EmployeeID, Desired: v.Order.Desired, Standing: v.Order.Decision.Standing},
	}
	return u, u.prepare(ctx)
}

func attribute(d mapping.Desired, name string) string {
	value, _ := d.Value(name)
	return value
}

// reasonAhead says what is going to happen to a user that exists.
func reasonAhead(m match, outcome employee.Outcome) string {
	id := strconv.FormatInt(m.user.ID(), 10)
	switch {
	case outcome == employee.Relinked:
		return "Takes over OneLogin user " + id + " from Bob employee " + m.user.ExternalID() + ", who is gone or inactive in Bob"
	case m.by == byAddress:
		return "Adopts OneLogin user " + id + ", found by e-mail or username"
	case outcome == employee.Reactivated:
		return "OneLogin user " + id + " is suspended, and Bob says active"
	default:
		return "OneLogin user " + id + " does not say what Bob says"
	}
}

// changes lists, attribute by attribute, what a verdict would write.
func (p *planner) changes(ctx context.Context, v *verdict) ([]Change, error) {
	o := v.Order
	if o == nil || v.inLine {
		return nil, nil
	}
	write := mapping.Attributes{}
	for name, value := range v.write {
		write[name] = value
	}
	switch v.Outcome {
	case employee.Created:
		u, err := p.prepared(ctx, v, LastSync{})
		if err != nil {
			return nil, err
		}
		if write, v.status.Rule, err = u.newUser(ctx); err != nil {
			return nil, err
		}
	case employee.Suspended:
		write.Set(mapping.AttrStatus, strconv.Itoa(int(onelogin.StatusSuspended)))
	}
	var out []Change
	for _, name := range write.Names() {
		c := Change{Attribute: name, New: write[name]}
		if o.Listed.User != nil {
			if old, presence := o.Listed.User.Text(name); presence == employee.Present {
				c.Old = &old
			}
		}
		out = append(out, c)
	}
	if v.awaited(p.creating) {
		// The id is OneLogin's to give when the manager's user is created.
		future := "the new user of employee " + v.manager
		c := Change{Attribute: mapping.AttrManagerUserID, New: &future}
		if o.Listed.User != nil {
			if old, presence := o.Listed.User.Text(mapping.AttrManagerUserID); presence == employee.Present {
				c.Old = &old
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// digestOfChanges identifies both sides of a person's plan.
func digestOfChanges(item BulkItem) (string, error) {
	b, err := json.Marshal(struct {
		Outcome employee.Outcome
		UserID  int64
		Changes []Change
	}{item.Outcome, item.UserID, item.Changes})
	if err != nil {
		return "", fmt.Errorf("digest a plan: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6]), nil
}
