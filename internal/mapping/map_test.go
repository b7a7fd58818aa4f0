package mapping_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

const (
	employeeID = "3332883854254932743"
	managerID  = "3332883804594373380"
)

// whole is a record with every field of the default table.
func whole() employee.Record {
	return employee.Record{
		ID: employeeID,
		Fields: map[string]any{
			"root.id": employeeID, "root.email": "juniper.sample@example.com",
			"root.firstName": "Juniper", "root.surname": "Sample",
			"work.workPhone": "+44 20 7946 0001", "work.workMobile": "+44 7700 900001",
			"work.title": "209192163", "work.department": json.Number("17"),
			"work.reportsTo": map[string]any{"id": managerID, "firstName": "Rowan"},
		},
		Labels: map[string]any{"work.title": "Lighthouse Keeper", "work.department": "Waves"},
	}
}

// give sets a field of a record; absent takes it out.
func give(r employee.Record, field string, value any) employee.Record {
	if value == absent {
		delete(r.Fields, field)
		delete(r.Labels, field)
		return r
	}
	r.Fields[field] = value
	if value == nil {
		delete(r.Labels, field)
	}
	return r
}

type nothing struct{}

var absent any = nothing{}

// values shows attributes for a comparison: nil is a clearing.
func values(a mapping.Attributes) map[string]any {
	out := map[string]any{}
	for name, v := range a {
		if v == nil {
			out[name] = nil
			continue
		}
		out[name] = *v
	}
	return out
}

func mapDefault(r employee.Record) mapping.Desired {
	return mapping.Map(mapping.DefaultRules(), mapping.DefaultListFields(), r)
}

func TestMapWholeRecord(t *testing.T) {
	d := mapDefault(whole())
	want := map[string]any{
		"email": "juniper.sample@example.com", "username": "juniper.sample@example.com",
		"firstname": "Juniper", "lastname": "Sample",
		"phone": "+44 20 7946 0001", "custom_attributes.work_cell": "+44 7700 900001",
		"title": "Lighthouse Keeper", "department": "Waves",
	}
	if diff := cmp.Diff(want, values(d.Attributes)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if want := (mapping.Manager{EmployeeID: managerID, Known: true}); d.Manager != want || d.Missing != "" || len(d.Notes) > 0 {
		t.Errorf("manager %+v, missing %q, notes %q", d.Manager, d.Missing, d.Notes)
	}
}

// Every attribute of the default table × what Bob can say of its field.
func TestMapEachAttribute(t *testing.T) {
	for _, rule := range mapping.DefaultRules() {
		if rule.Target == "manager_user_id" {
			continue // TestMapManager
		}
		mandatory := map[string]bool{"email": true, "username": true, "firstname": true, "lastname": true}[rule.Target]
		_, list := mapping.DefaultListFields()[rule.Field]
		situations := map[string]struct {
			value   any
			want    any // absent: the attribute is left alone
			noted   bool
			noLabel bool
		}{
			"present":             {value: "some value", want: "some value", noLabel: true},
			"present, with space": {value: "  some value\t", want: "some value", noLabel: true},
			"a number":            {value: json.Number("12345678901234567890"), want: "12345678901234567890", noLabel: true},
			"absent":              {value: absent, want: absent},
			"null":                {value: nil, want: nil},
			"blank":               {value: "  ", want: nil},
			"a list":              {value: []any{"x"}, want: absent, noted: true},
			"an object":           {value: map[string]any{"value": "x"}, want: absent, noted: true},
		}
		for name, s := range situations {
			t.Run(rule.Target+"/"+name, func(t *testing.T) {
				r := give(whole(), rule.Field, s.value)
				if list && s.noLabel {
					r.Labels[rule.Field] = s.want
				}
				d := mapDefault(r)
				got, there := d.Attributes[rule.Target]
				want := s.want
				if want == nil && mandatory {
					want = absent // never cleared
				}
				switch {
				case want == absent && there:
					t.Errorf("%s is written: %v", rule.Target, values(d.Attributes)[rule.Target])
				case want == nil && (!there || got != nil):
					t.Errorf("%s is not cleared", rule.Target)
				case want != absent && want != nil && (got == nil || *got != want):
					t.Errorf("%s = %v, want %v", rule.Target, values(d.Attributes)[rule.Target], want)
				}
				notes := strings.Join(d.Notes, "\n")
				if s.noted != strings.Contains(notes, rule.Target+" is left alone") {
					t.Errorf("notes %q", notes)
				}
				if strings.Contains(notes, "some value") {
					t.Errorf("notes tell the value: %q", notes)
				}
			})
		}
	}
}

func TestMapLists(t *testing.T) {
	tests := map[string]struct {
		value, label any
		want         any
		note         string
	}{
		"id and label":              {"209192163", "Lighthouse Keeper", "Lighthouse Keeper", ""},
		"id without a label":        {"209192163", absent, absent, "title is left alone: no label for work.title"},
		"id with a null label":      {"209192163", nil, absent, "title is left alone: no label for work.title"},
		"id with a blank label":     {"209192163", " ", absent, "title is left alone: no label for work.title"},
		"id with a list of labels":  {"209192163", []any{"Keeper"}, absent, "title is left alone: no label for work.title"},
		"null, and a label is left": {nil, "Lighthouse Keeper", nil, ""},
		"absent, a label is there":  {absent, "Lighthouse Keeper", absent, ""},
		"a label that is a number":  {"209192163", json.Number("7"), "7", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := give(whole(), "work.title", tt.value)
			if delete(r.Labels, "work.title"); tt.label != absent {
				r.Labels["work.title"] = tt.label
			}
			d := mapDefault(r)
			got, there := values(d.Attributes)["title"]
			if tt.want == absent && there || tt.want != absent && got != tt.want {
				t.Errorf("title = %v (there: %v), want %v", got, there, tt.want)
			}
			if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

func TestMapManager(t *testing.T) {
	keep := mapping.DefaultRules()
	for i := range keep {
		keep[i].WhenNull = mapping.KeepOnNull
	}
	tests := map[string]struct {
		value any
		rules []mapping.Rule
		want  mapping.Manager
		note  string
	}{
		"an object":                      {value: map[string]any{"id": managerID, "email": "rowan@example.com"}, want: mapping.Manager{EmployeeID: managerID, Known: true}},
		"an object whose id is a number": {value: map[string]any{"id": json.Number(managerID)}, want: mapping.Manager{EmployeeID: managerID, Known: true}},
		"a bare id":                      {value: managerID, want: mapping.Manager{EmployeeID: managerID, Known: true}},
		"null":                           {value: nil, want: mapping.Manager{Known: true}},
		"null, to be kept":               {value: nil, rules: keep},
		"blank":                          {value: "", want: mapping.Manager{Known: true}},
		"absent":                         {value: absent},
		"an object without an id":        {value: map[string]any{"email": "rowan@example.com"}},
		"an object with a null id":       {value: map[string]any{"id": nil}},
		"an object with a blank id":      {value: map[string]any{"id": " "}},
		"an object with an object as id": {value: map[string]any{"id": map[string]any{}}, note: "holds a list or an object"},
		"a list":                         {value: []any{managerID}, note: "manager_user_id is left alone"},
		"an address instead of an id":    {value: "rowan@example.com", note: "work.reportsTo holds no Bob id"},
		"themselves":                     {value: map[string]any{"id": employeeID}, note: "their own manager"},
		"themselves, as a bare id":       {value: employeeID, note: "their own manager"},
		"the mapping does not want it":   {value: managerID, rules: mapping.DefaultRules()[:8]},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.rules == nil {
				tt.rules = mapping.DefaultRules()
			}
			d := mapping.Map(tt.rules, mapping.DefaultListFields(), give(whole(), "work.reportsTo", tt.value))
			if d.Manager != tt.want {
				t.Errorf("manager %+v, want %+v", d.Manager, tt.want)
			}
			if _, there := d.Attributes["manager_user_id"]; there {
				t.Error("a Bob id stands where OneLogin wants its own")
			}
			notes := strings.Join(d.Notes, "\n")
			if !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" || strings.Contains(notes, "rowan@") {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

func TestMapMissing(t *testing.T) {
	byLabel := mapping.DefaultRules()
	byLabel[1].Field = "work.title"
	withoutLabel := whole()
	delete(withoutLabel.Labels, "work.title")
	tests := map[string]struct {
		rules  []mapping.Rule
		record employee.Record
		want   string // part of it; empty: nothing is missing
	}{
		"complete":                           {record: whole()},
		"no address yet":                     {record: give(whole(), "root.email", nil), want: "Bob has no root.email for this person yet, which fills email"},
		"the address is blank":               {record: give(whole(), "root.email", " "), want: "Bob has no root.email for this person yet"},
		"the address is not shown":           {record: give(whole(), "root.email", absent), want: "Bob's answer lacks root.email, which fills email; the service user needs permission"},
		"the address is a list":              {record: give(whole(), "root.email", []any{"x"}), want: "holds a list or an object"},
		"the username has no label":          {rules: byLabel, record: withoutLabel, want: "Bob gives no label for work.title, which fills username"},
		"the username is not there":          {rules: byLabel, record: give(whole(), "work.title", nil), want: "Bob has no work.title for this person yet, which fills username"},
		"the name is no reason not to be":    {record: give(give(whole(), "root.firstName", nil), "root.surname", absent)},
		"the record is empty but for the id": {record: employee.Record{ID: employeeID}, want: "lacks root.email"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.rules == nil {
				tt.rules = mapping.DefaultRules()
			}
			d := mapping.Map(tt.rules, mapping.DefaultListFields(), tt.record)
			if !strings.Contains(d.Missing, tt.want) || tt.want == "" && d.Missing != "" {
				t.Errorf("missing %q, want %q", d.Missing, tt.want)
			}
		})
	}
}

func TestMapKeepsOnNullWhereTold(t *testing.T) {
	rules := []mapping.Rule{
		{Target: "email", Field: "root.email", WhenNull: mapping.ClearOnNull},
		{Target: "title", Field: "work.title", WhenNull: mapping.KeepOnNull},
		{Target: "phone", Field: "work.workPhone", WhenNull: mapping.ClearOnNull},
		{Target: "lastname", Field: "root.surname", WhenNull: mapping.ClearOnNull},
	}
	r := employee.Record{ID: employeeID, Fields: map[string]any{"root.email": "a@example.com", "work.title": nil, "work.workPhone": nil, "root.surname": nil}}
	d := mapping.Map(rules, mapping.DefaultListFields(), r)
	if diff := cmp.Diff(map[string]any{"email": "a@example.com", "phone": nil}, values(d.Attributes)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

// What a rule makes of a present, an empty and a missing value, by its options.
func TestMapByOptions(t *testing.T) {
	file := "mapping:\n" + names + `  title: {field: work.title, default: Staff}
  department: {field: work.department, when_null: keep}
  phone: {field: work.workPhone, on_create_only: true}
  comment: {formula: 'root.firstName + " " + work.workMobile', on_create_only: true}
  company: {field: work.site, default: Example, on_create_only: true}
  group_id: work.custom.field_1
  directory_id: {field: work.custom.field_1, default: 7}
`
	s := parse(t, file)
	tests := map[string]struct {
		give     map[string]any
		want     map[string]any
		onCreate map[string]any
		notes    []string
	}{
		"values": {
			give:     map[string]any{"work.site": "Harbour", "work.custom.field_1": json.Number("42")},
			want:     map[string]any{"title": "Lighthouse Keeper", "department": "Waves", "group_id": "42", "directory_id": "42"},
			onCreate: map[string]any{"phone": "+44 20 7946 0001", "comment": "Juniper +44 7700 900001", "company": "Harbour"},
		},
		"empty ones": {
			give: map[string]any{
				"work.title": nil, "work.department": nil, "work.workPhone": nil, "work.workMobile": nil, "work.site": nil, "work.custom.field_1": nil,
			},
			want:     map[string]any{"title": "Staff", "group_id": nil, "directory_id": "7"},
			onCreate: map[string]any{"company": "Example"},
		},
		"missing ones": {
			give: map[string]any{
				"work.title": absent, "work.department": absent, "work.workPhone": absent, "work.workMobile": absent, "work.site": absent, "work.custom.field_1": absent,
			},
			want:  map[string]any{},
			notes: []string{"comment is left alone: Bob's answer lacks work.workMobile"},
		},
		"no whole number": {
			give:     map[string]any{"work.site": "Harbour", "work.custom.field_1": "twelve"},
			want:     map[string]any{"title": "Lighthouse Keeper", "department": "Waves"},
			onCreate: map[string]any{"phone": "+44 20 7946 0001", "comment": "Juniper +44 7700 900001", "company": "Harbour"},
			notes: []string{
				"directory_id is left alone: it takes a whole number, and work.custom.field_1 gives none",
				"group_id is left alone: it takes a whole number, and work.custom.field_1 gives none",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := whole()
			for field, value := range tt.give {
				give(r, field, value)
			}
			d := s.Map(r)
			for attribute, value := range map[string]any{
				"email": "juniper.sample@example.com", "username": "juniper.sample@example.com", "firstname": "Juniper", "lastname": "Sample",
			} {
				tt.want[attribute] = value
			}
			if diff := cmp.Diff(tt.want, values(d.Attributes)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if tt.onCreate == nil {
				tt.onCreate = map[string]any{}
			}
			if diff := cmp.Diff(tt.onCreate, values(d.OnCreate)); diff != "" {
				t.Errorf("on create (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, d.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// An address that only a new user is given is an address all the same.
func TestMapAddressOnCreateOnly(t *testing.T) {
	s := parse(t, `mapping:
  email: root.email
  username: {formula: 'lower(split(root.email, "@")[0])', on_create_only: true}
  firstname: root.firstName
  lastname: root.surname
`)
	d := s.Map(whole())
	if username, ok := d.Value("username"); !ok || username != "juniper.sample" || d.Missing != "" {
		t.Errorf("username %q, missing %q", username, d.Missing)
	}
	if _, ok := d.Attributes["username"]; ok {
		t.Error("an existing user is held against the username")
	}
	for said, value := range map[string]any{
		"Bob has no root.email for this person yet, which fills email": nil,
		"Bob's answer lacks root.email, which fills email":             absent,
	} {
		if d := s.Map(give(whole(), "root.email", value)); !strings.Contains(d.Missing, said) {
			t.Errorf("missing %q, want %q", d.Missing, said)
		}
	}
}

func TestMapManagerByFormula(t *testing.T) {
	s := parse(t, "mapping:\n"+names+"  manager_user_id: work.secondLevelManager ?? work.reportsTo\n")
	const second = "3332883804594373999"
	tests := map[string]struct {
		second, reportsTo any
		want              mapping.Manager
		note              string
	}{
		"the first is there":         {second, map[string]any{"id": managerID}, mapping.Manager{EmployeeID: second, Known: true}, ""},
		"the second is there":        {nil, map[string]any{"id": managerID}, mapping.Manager{EmployeeID: managerID, Known: true}, ""},
		"neither":                    {nil, nil, mapping.Manager{Known: true}, ""},
		"the first is not shown":     {absent, map[string]any{"id": managerID}, mapping.Manager{}, "Bob's answer lacks work.secondLevelManager"},
		"no id":                      {"the boss", nil, mapping.Manager{}, "holds no Bob id"},
		"somebody whom Bob does not": {nil, map[string]any{"email": "rowan@example.com"}, mapping.Manager{}, "Bob's answer lacks work.reportsTo"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := s.Map(give(give(whole(), "work.secondLevelManager", tt.second), "work.reportsTo", tt.reportsTo))
			if d.Manager != tt.want {
				t.Errorf("%+v, want %+v", d.Manager, tt.want)
			}
			if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

// The example of a company, on a person of its own and on one of whom Bob has
// little.
func TestMapExampleCompany(t *testing.T) {
	content, err := os.ReadFile("../../docs/examples/company.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := mapping.Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	const costCentre = "work.custom." + people.CostCentreField
	r := whole()
	for field, value := range map[string]any{
		"root.displayName": "Juni Sample", "work.employeeIdInCompany": json.Number("17"), costCentre: people.CostCentres()[0].Label,
		"work.site": "London", "payroll.employment.type": people.EmploymentTypes()[0].ID,
	} {
		r.Fields[field] = value
	}
	r.Labels["payroll.employment.type"] = people.EmploymentTypes()[0].Label
	d := s.Map(r)
	if diff := cmp.Diff(map[string]any{
		"email": "juniper.sample@example.com", "username": "juniper.sample@example.com", "firstname": "Juniper", "lastname": "Sample",
		"title": "Lighthouse Keeper", "department": "Waves", "company": "Example Ltd", "phone": "+44 7700 900001",
		"custom_attributes.work_cell": "+44 7700 900001", "custom_attributes.display_name": "Juni Sample",
		"custom_attributes.employee_number": "E00017", "custom_attributes.cost_centre": people.CostCentres()[0].Label,
		"comment": "Lighthouse Keeper, Waves (London)",
	}, values(d.Attributes)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"samaccountname": "juniper.sample"}, values(d.OnCreate)); diff != "" {
		t.Errorf("on create (-want +got):\n%s", diff)
	}
	if rule, ok := s.Scope.Admits(r); !ok || d.Missing != "" || len(d.Notes) > 0 || d.Manager.EmployeeID != managerID {
		t.Errorf("scope %q, missing %q, notes %q, manager %+v", rule, d.Missing, d.Notes, d.Manager)
	}

	for _, field := range []string{"root.displayName", "work.employeeIdInCompany", costCentre, "work.site", "payroll.employment.type", "work.workMobile", "work.workPhone", "work.title", "work.department"} {
		give(r, field, nil)
	}
	d = s.Map(r)
	if diff := cmp.Diff(map[string]any{
		"email": "juniper.sample@example.com", "username": "juniper.sample@example.com", "firstname": "Juniper", "lastname": "Sample",
		"title": nil, "department": nil, "company": "Example Ltd", "phone": nil,
		"custom_attributes.work_cell": nil, "custom_attributes.display_name": "Juniper Sample",
		"custom_attributes.employee_number": nil, "custom_attributes.cost_centre": "Unassigned",
		"comment": "(remote)",
	}, values(d.Attributes)); diff != "" {
		t.Errorf("attributes of little (-want +got):\n%s", diff)
	}
	if rule, ok := s.Scope.Admits(r); !ok {
		t.Errorf("scope %q", rule)
	}

	p := s.Policy
	if p.Start != (lifecycle.StartRule{When: lifecycle.StartOnDate, LeadDays: 3, At: lifecycle.TimeOfDay{Hour: 8}}) || p.GardenLeave != lifecycle.LeaveIsInactive ||
		p.Zones.Default.String() != "Europe/London" || p.Zones.Sites["New York"].String() != "America/New_York" {
		t.Errorf("policy %+v", p)
	}
}

func TestExplain(t *testing.T) {
	s := parse(t, "mapping:\n"+names+`  title: {field: work.title, default: Staff}
  comment: root.firstName + root.secondName
  company: root.displayName
  phone: {field: work.workPhone, on_create_only: true}
  department: {field: work.department, when_null: keep}
  openid_name: root.displayName ?? root.firstName
`)
	r := give(give(give(whole(), "work.title", nil), "root.secondName", nil), "work.department", nil)
	got := map[string]string{}
	for _, f := range s.Explain(r) {
		got[f.Target] = fmt.Sprintf("%s | %s | %s | %t | %s", f.Effect, f.Value, f.Source, f.OnCreateOnly, f.Note)
	}
	want := map[string]string{
		"email":       "set | juniper.sample@example.com | root.email | false | ",
		"username":    "set | juniper.sample@example.com | root.email | false | ",
		"firstname":   "set | Juniper | root.firstName | false | ",
		"lastname":    "set | Sample | root.surname | false | ",
		"title":       "set | Staff | work.title | false | the default, because Bob has nothing",
		"comment":     "clear |  | root.firstName + root.secondName | false | ",
		"company":     "leave alone |  | root.displayName | false | Bob's answer lacks root.displayName",
		"phone":       "set | +44 20 7946 0001 | work.workPhone | true | ",
		"department":  "leave alone |  | work.department | false | Bob has nothing, and when_null says keep",
		"openid_name": "leave alone |  | root.displayName ?? root.firstName | false | Bob's answer lacks root.displayName",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFieldsAndTargets(t *testing.T) {
	rules := mapping.DefaultRules()
	wantFields := []string{
		"root.email", "root.firstName", "root.surname", "work.workPhone", "work.workMobile", "work.title", "work.department", "work.reportsTo",
	}
	if diff := cmp.Diff(wantFields, mapping.BobFields(rules)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	wantTargets := []string{
		"email", "username", "firstname", "lastname", "phone", "custom_attributes.work_cell", "title", "department", "manager_user_id",
	}
	if diff := cmp.Diff(wantTargets, mapping.Targets(rules)); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestIsInteger(t *testing.T) {
	for attribute, want := range map[string]bool{
		"manager_user_id": true, "group_id": true, "status": true, "title": false, "external_id": false, "custom_attributes.group_id": false, "nonsense": false,
	} {
		if got := mapping.IsInteger(attribute); got != want {
			t.Errorf("%s: %v", attribute, got)
		}
	}
}
