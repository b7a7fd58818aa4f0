package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// Explanation is what the program sees of one person, what it makes of that,
// and what it would do. It holds the person's data and is meant for a
// terminal, never for a log.
type Explanation struct {
	EmployeeID string `json:"employeeId"`
	// Found: Bob shows the person.
	Found bool `json:"found"`
	// Fields are the Bob fields that were asked for, and what Bob said.
	Fields []ExplainedField `json:"fields,omitempty"`
	// InScope and ScopeRule say whether the person is provisioned at all.
	InScope   bool               `json:"inScope"`
	ScopeRule string             `json:"scopeRule,omitempty"`
	Decision  lifecycle.Decision `json:"decision"`
	// User is the OneLogin user that was matched, by MatchedBy: "external_id",
	// "address" or "relink".
	User      *UserRef `json:"user,omitempty"`
	MatchedBy string   `json:"matchedBy,omitempty"`
	// Attributes are what the mapping makes, in its order, and what would be
	// written besides.
	Attributes []ExplainedAttribute `json:"attributes,omitempty"`
	// Status is the decision about the user's status, and the rule for it.
	Status lifecycle.StatusDecision `json:"status,omitzero"`
	// Outcome is what would come of it, and Reason why.
	Outcome employee.Outcome `json:"outcome"`
	Reason  string           `json:"reason"`
	Notes   []string         `json:"notes,omitempty"`
	// Settings is the version of the provisioning settings.
	Settings string `json:"settings"`
}

// ExplainedField is one Bob field.
type ExplainedField struct {
	Field string `json:"field"`
	// NeededBy lists the keys of the provisioning file that read it, or
	// "lifecycle", "link", "address".
	NeededBy []string `json:"neededBy"`
	// Answer is "present", "null" or "absent": the last means that the service
	// user may not see the field, or that it does not exist.
	Answer string `json:"answer"`
	// Value is the label of a list item, and the id of a reference.
	Value string `json:"value,omitempty"`
}

// ExplainedAttribute is one OneLogin attribute.
type ExplainedAttribute struct {
	Attribute string `json:"attribute"`
	// Source is the field or the formula; empty for what the program itself
	// sets.
	Source string `json:"source,omitempty"`
	// Old is what OneLogin says, nil for nothing; New is what it would say.
	Old *string `json:"old"`
	New *string `json:"new"`
	// Write: the attribute would be written.
	Write bool   `json:"write,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Explain reads one person from both sides, by Bob id or e-mail address, and
// decides about them as an event would. It writes nothing.
func (a *Activities) Explain(ctx context.Context, idOrEmail string) (Explanation, error) {
	settings := a.Settings()
	r, err := a.Bob.Person(ctx, idOrEmail, settings.BobFields())
	var unknown *bob.NotFoundError
	switch {
	case errors.As(err, &unknown) && bob.IsEmployeeID(idOrEmail):
		d := lifecycle.Decide(settings.Policy, lifecycle.Situation{Now: time.Now()})
		return Explanation{EmployeeID: idOrEmail, Decision: d, Outcome: employee.Skipped, Reason: d.Reason, Settings: settings.Version}, nil
	case err != nil:
		return Explanation{}, err
	}
	p := planner{Activities: a, finder: a.finderUnder(settings), at: time.Now(), creating: map[string]bool{}}
	v, err := p.person(ctx, r)
	if err != nil {
		return Explanation{}, err
	}
	var notes []string
	if v.Order != nil && v.match.found {
		last, err := a.Recall(ctx, r.ID)
		if err != nil {
			notes = append(notes, "What earlier synchronisations left was not looked at, because Temporal did not answer; a difference that OneLogin makes itself shows as one")
		}
		v.Order.Last = last.known()
		if err := p.again(ctx, &v); err != nil {
			return Explanation{}, err
		}
	}
	e, err := p.explain(ctx, &v)
	e.Notes = append(e.Notes, notes...)
	return e, err
}

// ExplainSample explains a made-up record without asking anybody: a person
// whom OneLogin does not know yet.
func ExplainSample(settings mapping.Settings, r employee.Record) Explanation {
	read := ReadEmployeeResult{Found: true, Record: r, SettingsVersion: settings.Version}
	read.Decision = lifecycle.Decide(settings.Policy, lifecycle.Situation{Now: time.Now(), Found: true, Record: r})
	if scope := scopeOf(settings.Scope, r.ID, read); !scope.Admitted {
		read.Decision = outOfScope(scope)
	}
	e := explainRead(settings, read)
	e.Outcome, e.Reason = employee.Skipped, read.Decision.Reason
	desired := settings.Map(r)
	switch read.Decision.Phase {
	case lifecycle.PhaseWait:
		e.Outcome = employee.Scheduled
	case lifecycle.PhaseProvision:
		e.Outcome, e.Reason = employee.Created, "Has no OneLogin user"
		if desired.Missing != "" {
			e.Outcome, e.Reason = employee.Skipped, desired.Missing
		}
		_, e.Status.Rule = lifecycle.StatusOnCreate(settings.Policy, read.Decision.Standing)
	case lifecycle.PhaseLeave, lifecycle.PhaseNone:
	}
	for _, f := range settings.Explain(r) {
		x := ExplainedAttribute{Attribute: f.Target, Source: f.Source, Note: f.Note, New: wanted(f)}
		x.Write = x.New != nil && e.Outcome == employee.Created
		e.Attributes = append(e.Attributes, x)
	}
	e.Notes = append(e.Notes, desired.Notes...)
	return e
}

// wanted is what the mapping alone asks for; nil for nothing.
func wanted(f mapping.Filling) *string {
	if f.Effect != mapping.Set {
		return nil
	}
	if f.Target == mapping.AttrManagerUserID {
		f.Value = "the user of employee " + f.Value
	}
	return &f.Value
}

// explainRead tells what Bob said and what the lifecycle makes of it.
func explainRead(settings mapping.Settings, read ReadEmployeeResult) Explanation {
	e := Explanation{
		EmployeeID: read.Record.ID, Found: read.Found, Decision: read.Decision,
		Settings: settings.Version, Notes: slices.Clone(read.Decision.Notes),
	}
	scope := scopeOf(settings.Scope, read.Record.ID, read)
	e.InScope, e.ScopeRule = scope.Admitted, scope.Rule
	for _, use := range settings.FieldUses() {
		f := ExplainedField{Field: use.Field, NeededBy: use.NeededBy}
		value, presence, err := read.Record.LabelText(use.Field)
		if err != nil || presence != employee.Present {
			value, presence, err = read.Record.Text(use.Field)
		}
		if err != nil { // a reference, or a list
			value, presence, err = read.Record.Reference(use.Field)
		}
		if f.Answer = presence.String(); err == nil {
			f.Value = value
		}
		e.Fields = append(e.Fields, f)
	}
	if read.Decision.UnknownSite {
		e.Notes = append(e.Notes, "The person's site is not in the table of zones, so "+read.Decision.Zone+" was taken; add it under zones.sites")
	}
	return e
}

// explain puts a verdict into words.
func (p *planner) explain(ctx context.Context, v *verdict) (Explanation, error) {
	e := explainRead(p.settings, v.read)
	e.Outcome, e.Reason = v.Outcome, v.Reason
	changes, err := p.changes(ctx, v)
	if err != nil {
		return e, err
	}
	e.Status, e.Notes = v.status, append(e.Notes, v.notes...)
	if v.match.found {
		user := refTo(v.match.user)
		e.User, e.MatchedBy = &user, string(v.match.by)
	}
	if v.missingManager {
		e.Notes = append(e.Notes, fmt.Sprintf("The manager, employee %s, has no OneLogin user yet; the link follows when there is one", v.manager))
	}
	for _, f := range p.settings.Explain(v.read.Record) {
		x := ExplainedAttribute{Attribute: f.Target, Source: f.Source, Note: f.Note}
		if v.match.found {
			if old, presence := v.match.user.Text(f.Target); presence == employee.Present {
				x.Old = &old
			}
			x.New = x.Old
		} else {
			x.New = wanted(f)
		}
		i := slices.IndexFunc(changes, func(c Change) bool { return c.Attribute == f.Target })
		switch {
		case i >= 0:
			x.New, x.Write = changes[i].New, true
			changes = slices.Delete(changes, i, i+1)
		case f.OnCreateOnly && v.match.found:
			x.Note = "only given to new users"
		}
		e.Attributes = append(e.Attributes, x)
	}
	for _, c := range changes {
		e.Attributes = append(e.Attributes, ExplainedAttribute{Attribute: c.Attribute, Old: c.Old, New: c.New, Write: true})
	}
	return e, nil
}
