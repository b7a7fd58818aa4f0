package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bob-onelogin/internal/employee"
)

// NullRule says what a null in Bob does to the attribute; the values are those
// of the key "when_null".
type NullRule string

const (
	// ClearOnNull empties the attribute.
	ClearOnNull NullRule = "clear"
	// KeepOnNull leaves the attribute as it is.
	KeepOnNull NullRule = "keep"
)

// Rule fills one OneLogin attribute from a Bob field or a formula.
type Rule struct {
	// Target is a OneLogin attribute name.
	Target string
	// Field is a Bob field id; empty where there is a Formula.
	Field string
	// Formula makes the value of several fields; nil where there is a Field.
	Formula *Formula
	// WhenNull says what a null in Bob does; mandatory attributes are kept
	// whatever it says.
	WhenNull NullRule
	// Default takes the place of a null; empty where there is none.
	Default string
	// OnCreateOnly: the attribute is written when the user is created, and
	// left alone ever after.
	OnCreateOnly bool
}

// Source is what the value comes from, as it was written: a field id or a
// formula.
func (r Rule) Source() string {
	if r.Formula != nil {
		return r.Formula.String()
	}
	return r.Field
}

// Fields lists the Bob fields that the rule reads.
func (r Rule) Fields() []string {
	if r.Formula != nil {
		return r.Formula.Fields()
	}
	return []string{r.Field}
}

// read gives the value of the rule for a person: a text, Null or Absent. An
// error says in words what is wrong, never the value.
func (r Rule) read(lists ListFields, rec employee.Record) (string, employee.Presence, error) {
	if r.Formula != nil {
		return r.Formula.Text(lists, rec)
	}
	return readField(r.Field, lists, rec)
}

// DefaultRules is Bob's own default table for OneLogin.
func DefaultRules() []Rule {
	table := []struct{ target, field string }{
		{AttrEmail, FieldEmail},
		{AttrUsername, FieldEmail},
		{AttrFirstname, "root.firstName"},
		{AttrLastname, "root.surname"},
		{"phone", "work.workPhone"},
		{CustomPrefix + "work_cell", "work.workMobile"},
		{"title", "work.title"},
		{"department", FieldDepartment},
		{AttrManagerUserID, FieldReportsTo},
	}
	rules := make([]Rule, 0, len(table))
	for _, row := range table {
		rules = append(rules, Rule{Target: row.target, Field: row.field, WhenNull: ClearOnNull})
	}
	return rules
}

// Manager is what Bob says of a person's manager.
type Manager struct {
	// EmployeeID is the manager's Bob id, empty where there is none.
	EmployeeID string `json:"employeeId,omitempty"`
	// Known is false where Bob's answer does not have the field, or the
	// mapping does not want it: then OneLogin's value is left alone.
	Known bool `json:"known,omitempty"`
}

// Desired is the user that OneLogin should have.
type Desired struct {
	Attributes Attributes `json:"attributes,omitempty"`
	// OnCreate holds what only a new user is given: the attributes that the
	// settings call on_create_only. An existing user is not held against them.
	OnCreate Attributes `json:"onCreate,omitempty"`
	Manager  Manager    `json:"manager,omitzero"`
	// Missing says why no user can be made of the record; empty where one can.
	Missing string `json:"missing,omitempty"`
	// Notes say what was left out and why.
	Notes []string `json:"notes,omitempty"`
}

// Value returns what the attribute of a new user would be.
func (d Desired) Value(attribute string) (string, bool) {
	for _, attributes := range []Attributes{d.Attributes, d.OnCreate} {
		if v := attributes[attribute]; v != nil {
			return *v, true
		}
	}
	return "", false
}

// Effect is what a rule does to its attribute.
type Effect string

const (
	// Set gives the attribute a value.
	Set Effect = "set"
	// Clear empties it.
	Clear Effect = "clear"
	// LeaveAlone does nothing to it.
	LeaveAlone Effect = "leave alone"
)

// Filling is what one rule makes of a record.
type Filling struct {
	Target string `json:"target"`
	// Source is the field or the formula, as it was written.
	Source string   `json:"source"`
	Fields []string `json:"fields,omitempty"`
	Effect Effect   `json:"effect"`
	// Value is the value that is set; of a manager the Bob id.
	Value        string `json:"value,omitempty"`
	OnCreateOnly bool   `json:"onCreateOnly,omitempty"`
	// Note says why the attribute is left alone, or where a value that is not
	// Bob's comes from. It tells no value.
	Note string `json:"note,omitempty"`

	// presence and err are what the source gave.
	presence employee.Presence
	err      error
}

// Map applies the settings to a record.
func (s Settings) Map(r employee.Record) Desired { return Map(s.Rules, s.ListFields(), r) }

// Explain tells what each rule of the settings makes of a record, in the order
// of the rules.
func (s Settings) Explain(r employee.Record) []Filling { return fill(s.Rules, s.ListFields(), r) }

// Map applies the rules to a record.
//
// Absent in Bob leaves the attribute alone. Null clears it, unless the rule or
// the attribute says otherwise. A list field gives its label; where the record
// has none, the attribute is left alone, because a bare list id is of no use to
// anybody.
func Map(rules []Rule, lists ListFields, r employee.Record) Desired {
	d := Desired{Attributes: Attributes{}}
	fillings := fill(rules, lists, r)
	for _, f := range fillings {
		if f.Effect == LeaveAlone && f.err != nil {
			d.Notes = append(d.Notes, f.Target+" is left alone: "+f.Note)
		}
		switch {
		case f.Effect == LeaveAlone:
		case f.Target == AttrManagerUserID:
			d.Manager = Manager{EmployeeID: f.Value, Known: true}
		case f.OnCreateOnly && f.Effect == Set:
			if d.OnCreate == nil {
				d.OnCreate = Attributes{}
			}
			d.OnCreate.Set(f.Target, f.Value)
		case f.OnCreateOnly:
			// A new user has nothing that could be cleared.
		case f.Effect == Clear:
			d.Attributes[f.Target] = nil
		default:
			d.Attributes.Set(f.Target, f.Value)
		}
	}
	d.Missing = missing(fillings)
	return d
}

func fill(rules []Rule, lists ListFields, r employee.Record) []Filling {
	fillings := make([]Filling, 0, len(rules))
	for _, rule := range rules {
		f := Filling{Target: rule.Target, Source: rule.Source(), Fields: rule.Fields(), Effect: LeaveAlone, OnCreateOnly: rule.OnCreateOnly}
		var value string
		if rule.Target == AttrManagerUserID {
			value, f.presence, f.err = rule.manager(lists, r)
		} else {
			value, f.presence, f.err = rule.read(lists, r)
		}
		switch {
		case f.err != nil:
			f.Note = f.err.Error()
		case f.presence == employee.Absent:
			f.Note = "Bob's answer lacks " + rule.Field
		case f.presence == employee.Present:
			f.Effect, f.Value = Set, value
		case rule.Default != "":
			f.Effect, f.Value, f.Note = Set, rule.Default, "the default, because Bob has nothing"
		case isMandatory(rule.Target):
			f.Note = "Bob has nothing, and OneLogin users need one"
		case rule.WhenNull == ClearOnNull:
			f.Effect = Clear
		default:
			f.Note = "Bob has nothing, and when_null says keep"
		}
		if f.Effect == Set && IsInteger(rule.Target) && rule.Target != AttrManagerUserID {
			if _, err := strconv.ParseInt(f.Value, 10, 64); err != nil {
				f.err = fmt.Errorf("it takes a whole number, and %s gives none", rule.Source())
				f.Effect, f.Value, f.Note = LeaveAlone, "", f.err.Error()
			}
		}
		fillings = append(fillings, f)
	}
	return fillings
}

// readField gives a field as text; of a list field the label.
func readField(field string, lists ListFields, r employee.Record) (string, employee.Presence, error) {
	value, presence, err := r.Text(field)
	list, isList := lists[field]
	if err != nil || presence != employee.Present || !isList {
		return value, presence, err
	}
	label, p, labelErr := r.LabelText(field)
	labelled := labelErr == nil && p == employee.Present
	switch {
	case list == "" && labelled && label != value:
		return "", employee.Absent, fmt.Errorf("it is not known whether %s holds a list item, because Bob's list of fields could not be read", field)
	case list == "":
		return value, presence, nil
	case labelled:
		return label, p, nil
	default:
		return "", employee.Absent, &unlabelledError{field, list}
	}
}

// unlabelledError: a list field has a value and nothing says what it is called.
type unlabelledError struct{ Field, List string }

func (e *unlabelledError) Error() string {
	return fmt.Sprintf("no label for %s in the answer of Bob nor in its list %q", e.Field, e.List)
}

// manager gives the Bob id of a person's manager.
func (r Rule) manager(lists ListFields, rec employee.Record) (string, employee.Presence, error) {
	var id string
	var presence employee.Presence
	var err error
	if r.Formula != nil {
		id, presence, err = r.Formula.text(&reading{lists: lists, record: rec, references: true})
	} else {
		id, presence, err = rec.Reference(r.Field)
		if value, _ := rec.Get(r.Field); presence == employee.Null {
			if _, object := value.(map[string]any); object {
				// Somebody is there whom Bob does not name: not the same as nobody.
				presence = employee.Absent
			}
		}
	}
	switch {
	case err != nil || presence != employee.Present:
		return "", presence, err
	case strings.Trim(id, "0123456789") != "":
		return "", employee.Absent, fmt.Errorf("%s holds no Bob id", r.Source())
	case id == rec.ID:
		return "", employee.Absent, unfit("Bob says that this person is their own manager")
	}
	return id, presence, nil
}

// missing says why no user can be made: OneLogin wants an e-mail address and a
// username, and only Bob can give them.
func missing(fillings []Filling) string {
	for _, target := range []string{AttrEmail, AttrUsername} {
		i := slices.IndexFunc(fillings, func(f Filling) bool { return f.Target == target })
		if i < 0 {
			return "the mapping does not fill " + target
		}
		f := fillings[i]
		source := strings.Join(f.Fields, ", ")
		var unseen *unseenError
		var unlabelled *unlabelledError
		switch {
		case f.Effect == Set:
			continue
		case errors.As(f.err, &unlabelled):
			return fmt.Sprintf("Bob gives no label for %s, which fills %s", unlabelled.Field, target)
		case errors.As(f.err, &unseen):
			return lacks(unseen.Field, target)
		case f.err != nil:
			return fmt.Sprintf("%v, and so cannot fill %s", f.err, target)
		case f.presence == employee.Absent:
			return lacks(source, target)
		default:
			return fmt.Sprintf("Bob has no %s for this person yet, which fills %s; they are taken up when it comes", source, target)
		}
	}
	return ""
}

func lacks(field, target string) string {
	return fmt.Sprintf("Bob's answer lacks %s, which fills %s; the service user needs permission to see that field", field, target)
}

// BobFields lists the Bob fields that the rules read, without repetition, in
// the order of the rules.
func BobFields(rules []Rule) []string {
	seen := map[string]bool{}
	var fields []string
	for _, rule := range rules {
		for _, field := range rule.Fields() {
			if !seen[field] {
				seen[field] = true
				fields = append(fields, field)
			}
		}
	}
	return fields
}

// Targets lists the OneLogin attributes that the rules fill.
func Targets(rules []Rule) []string {
	targets := make([]string, 0, len(rules))
	for _, rule := range rules {
		targets = append(targets, rule.Target)
	}
	return targets
}
