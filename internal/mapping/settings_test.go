package mapping_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// people are those whom the broken files name.
var people = regexp.MustCompile(`(?i)juniper|rowan|boss|[a-z]@example`)

var update = flag.Bool("update", false, "rewrite the golden files")

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

// Each file under testdata/mistakes is refused with the sentence beside it.
func TestParseMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := mapping.Parse(content)
			if err == nil {
				t.Fatalf("accepted: %+v", s)
			}
			if tells := people.FindString(err.Error()); tells != "" {
				t.Errorf("the error tells of a person (%s): %v", tells, err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			got := err.Error() + "\n"
			if *update {
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
