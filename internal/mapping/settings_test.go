package mapping_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// named are those whom the broken files name.
var named = regexp.MustCompile(`(?i)juniper|rowan|boss|[a-z]@example`)

func parse(t *testing.T, file string) mapping.Settings {
	t.Helper()
	s, err := mapping.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseSample(t *testing.T) {
	content, err := os.ReadFile("testdata/sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, string(content))

	byTarget := func(rules []mapping.Rule) map[string]mapping.Rule {
		m := map[string]mapping.Rule{}
		for _, r := range rules {
			m[r.Target] = r
		}
		return m
	}
	if diff := cmp.Diff(byTarget(mapping.DefaultRules()), byTarget(s.Rules)); diff != "" {
		t.Errorf("the sample's mapping is not the default one (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(s.Rules, func(a, b mapping.Rule) int { return strings.Compare(a.Target, b.Target) }) {
		t.Error("the order of the rules is left to chance")
	}
	p := s.Policy
	if p.Status != lifecycle.FollowBob || p.Reactivate != lifecycle.ReactivateAlways || p.Start != (lifecycle.StartRule{When: lifecycle.StartOnDate}) {
		t.Errorf("policy %+v", p)
	}
	if p.Zones.Default.String() != "Europe/London" || len(p.Zones.Sites) != 1 || p.Zones.Sites["New York"].String() != "America/New_York" {
		t.Errorf("zones %v", p.Zones)
	}
	if len(s.Scope.EmailDomains)+len(s.Scope.Sites)+len(s.Scope.Exclude)+len(s.Protected.Emails)+len(s.Protected.OneLoginIDs) != 0 || s.CreateCustomAttributes {
		t.Errorf("settings %+v", s)
	}
	if len(s.Version) != 12 {
		t.Errorf("version %q", s.Version)
	}
}

// An empty file, and every file that says nothing, is Bob's own behaviour.
func TestParseDefaults(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "blank": "\n\n", "a comment": "# later\n", "a bare document": "---\n", "an empty map": "{}\n",
		"keys without values": "mapping:\nstatus:\nstart:\nzones:\nscope:\nprotected:\nleave:\nreactivate:\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, want := parse(t, file), mapping.Default()
			if diff := cmp.Diff(want.Rules, got.Rules); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if got.Policy.Status != want.Policy.Status || got.Policy.Start != want.Policy.Start || got.Policy.Zones.Default != time.UTC ||
				got.Policy.GardenLeave != want.Policy.GardenLeave || got.Policy.TemporaryLeave != want.Policy.TemporaryLeave || got.Policy.Reactivate != want.Policy.Reactivate {
				t.Errorf("policy %+v, want %+v", got.Policy, want.Policy)
			}
			if got.Brake != want.Brake || !got.Brake.Enabled || got.Brake.Validate() != nil {
				t.Errorf("brake %+v, want %+v", got.Brake, want.Brake)
			}
		})
	}
	if v := mapping.Default().Version; v != "default" {
		t.Errorf("version without a file: %q", v)
	}
	if parse(t, "status: follow_bob").Version == parse(t, "status: always_active").Version {
		t.Error("two files have one version")
	}
}

func TestParseKeys(t *testing.T) {
	const names = "  email: root.email\n  username: root.email\n  firstname: root.firstName\n  lastname: root.surname\n"
	tests := map[string]struct {
		file string
		ok   func(mapping.Settings) bool
	}{
		"a byte order mark and line ends of another system": {"\ufeffstatus: always_active\r\nstart: {lead_days: 2}\r\n", func(s mapping.Settings) bool {
			return s.Policy.Status == lifecycle.AlwaysActive && s.Policy.Start.LeadDays == 2
		}},
		"always_active":                    {"status: always_active", func(s mapping.Settings) bool { return s.Policy.Status == lifecycle.AlwaysActive }},
		"always_suspended":                 {"status: always_suspended", func(s mapping.Settings) bool { return s.Policy.Status == lifecycle.AlwaysSuspended }},
		"reactivate on activation":         {"reactivate: on_activation", func(s mapping.Settings) bool { return s.Policy.Reactivate == lifecycle.ReactivateOnActivation }},
		"reactivate never":                 {"reactivate: never", func(s mapping.Settings) bool { return s.Policy.Reactivate == lifecycle.ReactivateNever }},
		"on creation":                      {"start: {when: creation}", func(s mapping.Settings) bool { return s.Policy.Start.When == lifecycle.StartOnCreation }},
		"lead days":                        {"start: {lead_days: 14}", func(s mapping.Settings) bool { return s.Policy.Start.LeadDays == 14 }},
		"at, in quotes":                    {`start: {at: "08:30"}`, func(s mapping.Settings) bool { return s.Policy.Start.At == lifecycle.TimeOfDay{Hour: 8, Minute: 30} }},
		"at, without quotes":               {"start: {at: 08:30}", func(s mapping.Settings) bool { return s.Policy.Start.At == lifecycle.TimeOfDay{Hour: 8, Minute: 30} }},
		"at, without quotes, in two lines": {"start:\n  at: 12:30", func(s mapping.Settings) bool { return s.Policy.Start.At == lifecycle.TimeOfDay{Hour: 12, Minute: 30} }},
		"at midnight, without quotes":      {"start: {at: 00:00}", func(s mapping.Settings) bool { return s.Policy.Start.At == lifecycle.TimeOfDay{} }},
		"kinds of leave": {"leave: {garden_leave: inactive, temporary_leave: active}", func(s mapping.Settings) bool {
			return s.Policy.GardenLeave == lifecycle.LeaveIsInactive && s.Policy.TemporaryLeave == lifecycle.LeaveIsActive
		}},
		"a site in several scripts": {`zones: {sites: {"Côté Nord №1": Pacific/Kiritimati}}`, func(s mapping.Settings) bool {
			loc, known := s.Policy.Zones.For("Côté Nord №1")
			return known && loc.String() == "Pacific/Kiritimati" && s.Policy.Zones.Default == time.UTC
		}},
		"ids without quotes keep their digits": {"scope: {exclude: [3332883884017713238]}", func(s mapping.Settings) bool { return s.Scope.Exclude[0] == "3332883884017713238" }},
		"protected": {"protected: {emails: [boss@example.com], onelogin_ids: [42]}", func(s mapping.Settings) bool {
			return s.Protected.Covers(42) && s.Protected.Covers(1, "BOSS@example.com")
		}},
		"the brake, in part": {"brake: {window: 36h, percent: 0}", func(s mapping.Settings) bool {
			return s.Brake == brake.Settings{Enabled: true, Window: 36 * time.Hour, AtLeast: 5}
		}},
		"the brake, switched off":          {"brake: {enabled: false}", func(s mapping.Settings) bool { return !s.Brake.Enabled }},
		"custom attributes may be created": {"create_custom_attributes: true", func(s mapping.Settings) bool { return s.CreateCustomAttributes }},
		"a mapping of one's own": {"mapping:\n" + names + "  custom_attributes.badge: work.custom.field_1689\n  title: {field: work.title, when_null: keep}\n", func(s mapping.Settings) bool {
			return slices.Equal(s.Rules, []mapping.Rule{
				{Target: "custom_attributes.badge", Field: "work.custom.field_1689", WhenNull: mapping.ClearOnNull},
				{Target: "email", Field: "root.email", WhenNull: mapping.ClearOnNull},
				{Target: "firstname", Field: "root.firstName", WhenNull: mapping.ClearOnNull},
				{Target: "lastname", Field: "root.surname", WhenNull: mapping.ClearOnNull},
				{Target: "title", Field: "work.title", WhenNull: mapping.KeepOnNull},
				{Target: "username", Field: "root.email", WhenNull: mapping.ClearOnNull},
			})
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if s := parse(t, tt.file); !tt.ok(s) {
				t.Errorf("settings %+v", s)
			}
		})
	}
}

// bobFields are the fields of a tenant, for the files that are held against
// them.
var bobFields = []mapping.Field{
	{ID: "root.id"},
	{ID: "root.email", Name: "Email"},
	{ID: "root.firstName", Name: "First name"},
	{ID: "root.surname", Name: "Last name"},
	{ID: "work.title", Name: "Job title", Type: "list", ListID: "title"},
	{ID: "work.department", Name: "Department", Type: "list", ListID: "department"},
	{ID: "work.site", Name: "Site", Type: "text"},
	{ID: "work.reportsTo", Name: "Reports to", Type: "employee"},
	{ID: "work.workPhone", Name: "Work phone"},
	{ID: "work.workMobile", Name: "Work mobile"},
	{ID: "work.custom.field_1689", Name: "Cost centre", Type: "list", ListID: "costCentre"},
	{ID: "work.custom.field_1690", Name: "Badge", Type: "text"},
	{ID: "payroll.employment.type", Name: "Employment type", Type: "list"},
	{ID: "internal.lifecycleStatus", Name: "Lifecycle status", Type: "list", ListID: "lifecycleStatus"},
}

// Each file under testdata/mistakes is refused with the report beside it; those
// in with_fields are held against Bob's fields as well.
func TestParseMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	withFields, err := filepath.Glob("testdata/mistakes/with_fields/*.yaml")
	if err != nil || len(withFields) == 0 {
		t.Fatalf("no files: %v", err)
	}
	files = append(files, withFields...)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var known []mapping.Field
			if slices.Contains(withFields, file) {
				known = bobFields
			}
			s, err := mapping.ParseKnowing(content, known)
			if err == nil {
				t.Fatalf("accepted: %+v", s)
			}
			if tells := named.FindString(err.Error()); tells != "" {
				t.Errorf("the error tells of a person (%s): %v", tells, err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			got := err.Error() + "\n"
			if *mapping.Update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is no text file is refused in a word.
func TestParseRefusesWhatIsNoText(t *testing.T) {
	for want, content := range map[string]string{
		"not UTF-8":               "status: follow_b\xf6b # caf\xe9",
		"larger than":             "# " + strings.Repeat("x", 1<<20),
		"not YAML":                "\x00\x01\x02: [",
		"no such key":             "\u200bstatus: follow_bob",
		"nests more than 20 deep": "start: " + strings.Repeat("[", 500) + strings.Repeat("]", 500),
	} {
		if _, err := mapping.Parse([]byte(content)); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Reading a file ends soon, whatever is in it.
func TestParseEndsSoon(t *testing.T) {
	const size = 250 << 10
	repeated := func(s string) string { return strings.Repeat(s, size/len(s)) }
	numbered := func(head, line string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	for name, file := range map[string]string{
		"open brackets": repeated("["), "open braces": repeated("{a: "), "entries within entries": repeated("- "), "anchors": repeated("&a "),
		"one key over and over": repeated("a:\n "), "quotes": repeated("'"), "one long list": "a: [" + repeated("x, ") + "]",
		"unknown keys": numbered("", "k%d: x\n"), "unknown zones": numbered("zones:\n  sites:\n", "    k%d: Europe/Londn\n"),
		"formulas": numbered("mapping:\n", "  custom_attributes.a%d: upper(root.x) + root.y\n"), "people": numbered("scope:\n  exclude:\n", "    - a%d@example.com\n"),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := mapping.Parse([]byte(file))
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if err != nil && len(err.Error()) > 100_000 {
				t.Errorf("a report of %d bytes", len(err.Error()))
			}
		})
	}
	_, err := mapping.Parse([]byte(strings.Repeat("statos: x\n", 1000)))
	if err == nil || !strings.HasPrefix(err.Error(), "provisioning file: 200 mistakes and more\n") {
		t.Errorf("%.100v", err)
	}
}

// Every zone that a report may suggest is one.
func TestSuggestedZonesExist(t *testing.T) {
	for _, name := range mapping.ZoneNames() {
		if _, err := time.LoadLocation(name); err != nil {
			t.Error(err)
		}
	}
}

func TestSettingsBobFields(t *testing.T) {
	want := []string{
		"root.id", "root.email", "internal.status", "internal.lifecycleStatus", "internal.terminationDate", "employee.lastDayOfWork",
		"work.startDate", "work.site", "root.firstName", "root.surname", "work.workPhone", "work.workMobile", "work.title", "work.department", "work.reportsTo",
	}
	if diff := cmp.Diff(want, mapping.Default().BobFields()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScopeAdmits(t *testing.T) {
	tests := map[string]struct {
		scope mapping.Scope
		email any
		site  any
		rule  string // empty: admitted
	}{
		"no scope":                        {email: "a@example.com"},
		"no scope, no address":            {email: absent, site: absent},
		"the domain":                      {scope: mapping.Scope{EmailDomains: []string{"example.com"}}, email: "a@EXAMPLE.com"},
		"another domain":                  {scope: mapping.Scope{EmailDomains: []string{"example.com"}}, email: "a@example.org", rule: "scope.email_domains"},
		"a domain below":                  {scope: mapping.Scope{EmailDomains: []string{"example.com"}}, email: "a@eu.example.com", rule: "scope.email_domains"},
		"a domain that ends likewise":     {scope: mapping.Scope{EmailDomains: []string{"example.com"}}, email: "a@notexample.com", rule: "scope.email_domains"},
		"a domain, no address yet":        {scope: mapping.Scope{EmailDomains: []string{"example.com"}}, email: nil, rule: "scope.email_domains"},
		"a domain, the address not shown": {scope: mapping.Scope{EmailDomains: []string{"example.com"}}, email: absent, rule: "scope.email_domains"},
		"the site":                        {scope: mapping.Scope{Sites: []string{"Harbour"}}, site: " Harbour "},
		"another site":                    {scope: mapping.Scope{Sites: []string{"Harbour"}}, site: "Delta", rule: "scope.sites"},
		"a site, not shown":               {scope: mapping.Scope{Sites: []string{"Harbour"}}, site: absent, rule: "scope.sites"},
		"excluded by id":                  {scope: mapping.Scope{Exclude: []string{employeeID}}, email: absent, rule: "scope.exclude"},
		"excluded by address":             {scope: mapping.Scope{Exclude: []string{"A@example.com"}}, email: "a@example.com", rule: "scope.exclude"},
		"somebody else is excluded":       {scope: mapping.Scope{Exclude: []string{managerID, "b@example.com"}}, email: "a@example.com"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := employee.Record{ID: employeeID, Fields: map[string]any{}}
			give(r, "root.email", tt.email)
			give(r, "work.site", tt.site)
			rule, ok := tt.scope.Admits(r)
			if ok != (tt.rule == "") || !strings.Contains(rule, tt.rule) {
				t.Errorf("%v, %q; want %q", ok, rule, tt.rule)
			}
		})
	}
}

// What a field says × what the scope wants of it: who is admitted, whether that
// is certain, and who is suspended for being out of scope.
func TestScopeDecide(t *testing.T) {
	const suspend = "  out_of_scope: suspend\n"
	tests := map[string]struct {
		scope  string
		fields map[string]any
		labels map[string]any
		want   mapping.ScopeDecision // of the rule a part
	}{
		"no scope": {scope: "", want: mapping.ScopeDecision{Admitted: true, Certain: true}},
		"the department, by its label": {
			scope:  "  departments: [Sales, Waves]\n" + suspend,
			fields: map[string]any{"work.department": "255298301"}, labels: map[string]any{"work.department": "Waves"},
			want: mapping.ScopeDecision{Admitted: true, Certain: true},
		},
		"the department, by its id": {
			scope:  "  departments: [\"255298301\"]\n" + suspend,
			fields: map[string]any{"work.department": "255298301"}, labels: map[string]any{"work.department": "Waves"},
			want: mapping.ScopeDecision{Rule: "scope.departments", Certain: true, Suspend: true},
		},
		"another department, and nothing is done about it": {
			scope:  "  departments: [Sales]\n",
			fields: map[string]any{"work.department": "255298301"}, labels: map[string]any{"work.department": "Waves"},
			want: mapping.ScopeDecision{Rule: "scope.departments", Certain: true},
		},
		"a department without a label": {
			scope:  "  departments: [Sales]\n" + suspend,
			fields: map[string]any{"work.department": "255298301"},
			want:   mapping.ScopeDecision{Rule: "no label for work.department"},
		},
		"a department that is not shown": {
			scope: "  departments: [Sales]\n" + suspend,
			want:  mapping.ScopeDecision{Rule: "Bob's answer lacks work.department, which scope.departments asks for; the service user needs permission"},
		},
		"no department": {
			scope: "  departments: [Sales]\n" + suspend, fields: map[string]any{"work.department": nil},
			want: mapping.ScopeDecision{Rule: "Bob has no work.department for this person"},
		},
		"the employment type": {
			scope:  "  employment_types: [Permanent]\n",
			fields: map[string]any{"payroll.employment.type": "1"}, labels: map[string]any{"payroll.employment.type": "Permanent"},
			want: mapping.ScopeDecision{Admitted: true, Certain: true},
		},
		"another employment type": {
			scope:  "  employment_types: [Permanent]\n" + suspend,
			fields: map[string]any{"payroll.employment.type": "2"}, labels: map[string]any{"payroll.employment.type": "Contractor"},
			want: mapping.ScopeDecision{Rule: "the person's payroll.employment.type is not under scope.employment_types", Certain: true, Suspend: true},
		},
		"the employment type in another field": {
			scope:  "  employment_types: {field: work.custom.field_7, values: [Permanent]}\n",
			fields: map[string]any{"work.custom.field_7": "Permanent"},
			want:   mapping.ScopeDecision{Admitted: true, Certain: true},
		},
		"an expression that holds": {
			scope: "  expression: work.site == \"London\" or work.site == \"Delta\"\n", fields: map[string]any{"work.site": "Delta"},
			want: mapping.ScopeDecision{Admitted: true, Certain: true},
		},
		"an expression that does not": {
			scope: "  expression: work.site == \"London\"\n" + suspend, fields: map[string]any{"work.site": "Delta"},
			want: mapping.ScopeDecision{Rule: "scope.expression does not hold", Certain: true, Suspend: true},
		},
		"an expression over a field that is not shown": {
			scope: "  expression: work.site == \"London\"\n" + suspend,
			want:  mapping.ScopeDecision{Rule: "Bob's answer lacks work.site, which scope.expression asks for; the service user needs permission"},
		},
		"an expression over an empty field": {
			scope: "  expression: work.site == \"London\"\n" + suspend, fields: map[string]any{"work.site": nil},
			want: mapping.ScopeDecision{Rule: "of whom Bob has not everything"},
		},
		"an expression that provides for an empty field": {
			scope: "  expression: (work.site ?? \"none\") == \"London\"\n" + suspend, fields: map[string]any{"work.site": nil},
			want: mapping.ScopeDecision{Rule: "scope.expression does not hold", Certain: true, Suspend: true},
		},
		"an expression that asks for an empty field": {
			scope: "  expression: work.site != nil\n" + suspend, fields: map[string]any{"work.site": nil},
			want: mapping.ScopeDecision{Rule: "scope.expression does not hold", Certain: true, Suspend: true},
		},
		"an expression that gives no yes or no": {
			scope: "  expression: work.site\n" + suspend, fields: map[string]any{"work.site": "London"},
			want: mapping.ScopeDecision{Rule: "gives no yes or no"},
		},
		"an expression that a value does not fit": {
			scope: "  expression: work.site > 3\n" + suspend, fields: map[string]any{"work.site": "London"},
			want: mapping.ScopeDecision{Rule: "does not fit what Bob has in work.site"},
		},
		"excluded, and out of scope as well": {
			scope: "  sites: [London]\n  exclude: [\"" + employeeID + "\"]\n" + suspend, fields: map[string]any{"work.site": "Delta"},
			want: mapping.ScopeDecision{Rule: "scope.exclude", Certain: true},
		},
		"one rule in doubt, and another that certainly does not hold": {
			scope: "  departments: [Sales]\n  sites: [London]\n" + suspend, fields: map[string]any{"work.site": "Delta"},
			want: mapping.ScopeDecision{Rule: "scope.sites", Certain: true, Suspend: true},
		},
		"one rule in doubt, and another that holds": {
			scope: "  departments: [Sales]\n  sites: [London]\n" + suspend, fields: map[string]any{"work.site": "London"},
			want: mapping.ScopeDecision{Rule: "scope.departments"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := parse(t, "scope:\n"+tt.scope)
			got := s.Scope.Decide(employee.Record{ID: employeeID, Fields: tt.fields, Labels: tt.labels})
			if !strings.Contains(got.Rule, tt.want.Rule) || (tt.want.Rule == "") != (got.Rule == "") {
				t.Errorf("rule %q, want %q", got.Rule, tt.want.Rule)
			}
			got.Rule, tt.want.Rule = "", ""
			if got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// Whatever the scope: fields taken out of a record, or emptied, suspend nobody
// by a list, and nothing that is taken out suspends by an expression either.
func TestScopeNeverSuspendsForWhatIsNotThere(t *testing.T) {
	s := parse(t, `scope:
  email_domains: [example.org]
  sites: [London]
  departments: [Sales]
  employment_types: [Permanent]
  expression: work.site == "London" and (work.title ?? "none") == "Keeper"
  out_of_scope: suspend
`)
	fields := []string{"root.email", "work.site", "work.department", "payroll.employment.type", "work.title"}
	rapid.Check(t, func(t *rapid.T) {
		r := employee.Record{ID: employeeID, Fields: map[string]any{}, Labels: map[string]any{}}
		told := false
		for _, field := range fields {
			switch rapid.SampledFrom([]string{"value", "null", "absent"}).Draw(t, field) {
			case "value":
				r.Fields[field], r.Labels[field] = "other", "other"
				told = true
			case "null":
				r.Fields[field] = nil
				told = told || field == "work.title"
			}
		}
		if d := s.Scope.Decide(r); d.Admitted || d.Suspend && !told {
			t.Fatalf("%+v of %+v", d, r)
		}
	})
}

func TestFieldUses(t *testing.T) {
	s := parse(t, "mapping:\n"+names+`  comment: root.firstName + (work.custom.field_1 ?? "")
scope: {sites: [London], departments: [Sales], expression: work.custom.field_2 != nil}
`)
	got := map[string]string{}
	for _, use := range s.FieldUses() {
		got[use.Field] = strings.Join(use.NeededBy, ", ")
	}
	want := map[string]string{
		"root.id": "link", "root.email": "address, mapping.email, mapping.username",
		"root.firstName": "mapping.comment, mapping.firstname", "root.surname": "mapping.lastname",
		"work.custom.field_1": "mapping.comment", "work.custom.field_2": "scope.expression",
		"work.site": "lifecycle, scope.sites", "work.department": "scope.departments",
		"internal.status": "lifecycle", "internal.lifecycleStatus": "lifecycle", "internal.terminationDate": "lifecycle",
		"employee.lastDayOfWork": "lifecycle", "work.startDate": "lifecycle",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Bob's own list of fields tells which of the tenant's fields hold list items.
func TestListFieldsOfTheTenant(t *testing.T) {
	file := []byte("mapping:\n" + names + "  custom_attributes.cost_centre: work.custom.field_1689\n  custom_attributes.badge: work.custom.field_1690\n" +
		"  title: work.title\n  comment: internal.lifecycleStatus\n")
	r := whole()
	r.Fields["work.custom.field_1689"], r.Labels["work.custom.field_1689"] = "31415", "Harbour 12"
	r.Fields["work.custom.field_1690"], r.Labels["work.custom.field_1690"] = "2026-01-05", "05/01/2026"
	r.Fields["internal.lifecycleStatus"], r.Labels["internal.lifecycleStatus"] = "garden leave", "Garden leave"

	s, err := mapping.ParseKnowing(file, bobFields)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"email": "juniper.sample@example.com", "username": "juniper.sample@example.com", "firstname": "Juniper", "lastname": "Sample",
		"custom_attributes.cost_centre": "Harbour 12", "custom_attributes.badge": "2026-01-05",
		"title": "Lighthouse Keeper", "comment": "garden leave",
	}, values(s.Map(r).Attributes)); diff != "" {
		t.Errorf("with Bob's list (-want +got):\n%s", diff)
	}
	if s.ListFields()["work.custom.field_1689"] != "costCentre" {
		t.Errorf("lists %v", s.ListFields())
	}

	d := parse(t, string(file)).Map(r)
	if _, written := d.Attributes["custom_attributes.cost_centre"]; written || len(d.Notes) != 2 {
		t.Errorf("without Bob's list: %v, notes %q", values(d.Attributes), d.Notes)
	}
	if d.Attributes["title"] == nil || d.Attributes["comment"] == nil {
		t.Errorf("the standard fields need Bob's list: %q", d.Notes)
	}
}

func TestProtectedCovers(t *testing.T) {
	p := mapping.Protected{Emails: []string{"boss@example.com"}, OneLoginIDs: []int64{42}}
	for name, got := range map[string]bool{
		"by id": p.Covers(42), "by address": p.Covers(1, "", "Boss@Example.com"),
		"not somebody else": !p.Covers(1, "a@example.com"), "not somebody without an address": !p.Covers(1, ""), "nobody by default": !mapping.Protected{}.Covers(0, ""),
	} {
		if !got {
			t.Error(name)
		}
	}
}

// Settings are shared by everything that runs at once.
func TestSettingsAreSharedByGoroutines(t *testing.T) {
	s := parse(t, "mapping:\n"+names+"  comment: upper(root.firstName) + (root.secondName ?? \"\")\nscope: {expression: work.site != \"Delta\"}\n")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := whole()
			r.Fields["root.firstName"], r.Fields["root.secondName"], r.Fields["work.site"] = strings.Repeat("a", i+1), "x", "London"
			for range 200 {
				if got := values(s.Map(r).Attributes)["comment"]; got != strings.Repeat("A", i+1)+"x" || !s.Scope.Decide(r).Admitted {
					t.Errorf("%d: %v", i, got)
					return
				}
			}
		})
	}
	all.Wait()
}

// FuzzParse: whatever the file, a sentence or settings that can be worked with.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/sample.yaml") {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := mapping.Parse(content)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		if s.Policy.Zones.Default == nil || len(s.Rules) == 0 || len(s.BobFields()) == 0 {
			t.Errorf("settings that cannot be worked with: %+v", s)
		}
		d := lifecycle.Decide(s.Policy, lifecycle.Situation{Now: time.Unix(0, 0), Found: true, Record: employee.Record{ID: employeeID}})
		if d.Phase == lifecycle.PhaseLeave {
			t.Errorf("an empty record is a leaver: %s", d.Reason)
		}
	})
}
