package mapping

import (
	"fmt"
	"strings"

	"bob-onelogin/internal/employee"
)

// Bob fields that mapping treats specially.
const (
	FieldID        = "root.id"
	FieldEmail     = "root.email"
	FieldReportsTo = "work.reportsTo"
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

// Rule fills one OneLogin attribute from one Bob field.
type Rule struct {
	// Target is a OneLogin attribute name.
	Target string
	// Field is a Bob field id.
	Field string
	// WhenNull says what a null in Bob does; mandatory attributes are kept
	// whatever it says.
	WhenNull NullRule
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
		{"department", "work.department"},
		{AttrManagerUserID, FieldReportsTo},
	}
	rules := make([]Rule, 0, len(table))
	for _, row := range table {
		rules = append(rules, Rule{Target: row.target, Field: row.field, WhenNull: ClearOnNull})
	}
	return rules
}

// ListFields names, for each Bob field whose value is the id of a list item,
// the list that holds its label. What belongs into OneLogin is the label.
type ListFields map[string]string

// DefaultListFields are the list fields of Bob's default table; the list names
// are Bob's and case-sensitive.
func DefaultListFields() ListFields {
	return ListFields{"work.title": "title", "work.department": "department"}
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
	Manager    Manager    `json:"manager,omitzero"`
	// Missing says why no user can be made of the record; empty where one can.
	Missing string `json:"missing,omitempty"`
	// Notes say what was left out and why.
	Notes []string `json:"notes,omitempty"`
}

// Map applies the rules to a record.
//
// Absent in Bob leaves the attribute alone. Null clears it, unless the rule or
// the attribute says keep. A list field gives its label; where the record has
// none, the attribute is left alone, because a bare list id is of no use to
// anybody.
func Map(rules []Rule, lists ListFields, r employee.Record) Desired {
	d := Desired{Attributes: Attributes{}}
	for _, rule := range rules {
		if rule.Target == AttrManagerUserID {
			d.mapManager(rule, r)
			continue
		}
		value, presence, err := readValue(rule, lists, r)
		if err != nil {
			d.note("%s is left alone: %v", rule.Target, err)
			continue
		}
		switch presence {
		case employee.Present:
			d.Attributes.Set(rule.Target, value)
		case employee.Null:
			if rule.WhenNull == ClearOnNull && !isMandatory(rule.Target) {
				d.Attributes[rule.Target] = nil
			}
		case employee.Absent:
		}
	}
	d.Missing = d.missing(rules, r)
	return d
}

func readValue(rule Rule, lists ListFields, r employee.Record) (string, employee.Presence, error) {
	value, presence, err := r.Text(rule.Field)
	list, isList := lists[rule.Field]
	if err != nil || presence != employee.Present || !isList {
		return value, presence, err
	}
	if label, p, err := r.LabelText(rule.Field); err == nil && p == employee.Present {
		return label, p, nil
	}
	return "", employee.Absent, fmt.Errorf("no label for %s in the answer of Bob nor in its list %q", rule.Field, list)
}

func (d *Desired) mapManager(rule Rule, r employee.Record) {
	id, presence, err := r.Reference(rule.Field)
	if value, _ := r.Get(rule.Field); presence == employee.Null {
		if _, object := value.(map[string]any); object {
			// Somebody is there whom Bob does not name: not the same as nobody.
			presence = employee.Absent
		}
	}
	switch {
	case err != nil:
		d.note("%s is left alone: %v", rule.Target, err)
	case presence == employee.Present && strings.Trim(id, "0123456789") != "":
		d.note("%s is left alone: %s holds no Bob id", rule.Target, rule.Field)
	case presence == employee.Present && id == r.ID:
		d.note("%s is left alone: Bob says that this person is their own manager", rule.Target)
	case presence == employee.Present:
		d.Manager = Manager{EmployeeID: id, Known: true}
	case presence == employee.Null && rule.WhenNull == ClearOnNull:
		d.Manager = Manager{Known: true}
	}
}

// missing says why no user can be made: OneLogin wants an e-mail address and a
// username, and only Bob can give them.
func (d *Desired) missing(rules []Rule, r employee.Record) string {
	for _, target := range []string{AttrEmail, AttrUsername} {
		if d.Attributes[target] != nil {
			continue
		}
		field := ""
		for _, rule := range rules {
			if rule.Target == target {
				field = rule.Field
			}
		}
		switch _, presence, err := r.Text(field); {
		case err != nil:
			return fmt.Sprintf("%v, and so cannot fill %s", err, target)
		case presence == employee.Absent:
			return fmt.Sprintf("Bob's answer lacks %s, which fills %s; the service user needs permission to see that field", field, target)
		case presence == employee.Present:
			return fmt.Sprintf("Bob gives no label for %s, which fills %s", field, target)
		}
		return fmt.Sprintf("Bob has no %s for this person yet, which fills %s; they are taken up when it comes", field, target)
	}
	return ""
}

func (d *Desired) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

// BobFields lists the Bob fields that the rules read, without repetition, in
// the order of the rules.
func BobFields(rules []Rule) []string {
	seen := map[string]bool{}
	var fields []string
	for _, rule := range rules {
		if !seen[rule.Field] {
			seen[rule.Field] = true
			fields = append(fields, rule.Field)
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
