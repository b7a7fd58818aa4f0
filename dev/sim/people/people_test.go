package people_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/people"
)

var today = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)

func TestGenerateIsDeterministicAndStable(t *testing.T) {
	small, again, large := people.Generate(25, today), people.Generate(25, today), people.Generate(2000, today)
	if diff := cmp.Diff(small, again); diff != "" {
		t.Errorf("same size and day, different people:\n%s", diff)
	}
	if diff := cmp.Diff(small, large[:25]); diff != "" {
		t.Errorf("a larger size changed the first people:\n%s", diff)
	}
	if got := len(people.Generate(0, today)); got != 0 {
		t.Errorf("Generate(0) = %d people", got)
	}
}

func TestGenerateRecords(t *testing.T) {
	staff := people.Generate(500, today)
	ids, emails := map[string]int{}, map[string]bool{}
	for i, p := range staff {
		work := category(t, p, "work")
		if _, dup := ids[p.ID]; dup || len(p.ID) != 19 || p.Record["id"] != p.ID || p.ID != people.ID(i) {
			t.Fatalf("person %d has the id %q (record %v)", i, p.ID, p.Record["id"])
		}
		ids[p.ID] = i

		if email, ok := p.Record["email"].(string); ok {
			if emails[email] || !strings.HasSuffix(email, "@example.com") {
				t.Errorf("person %d: address repeated or not invented", i)
			}
			emails[email] = true
		} else if p.User != nil {
			t.Errorf("person %d is in OneLogin without an address", i)
		}

		for _, list := range []struct {
			field string
			items []people.ListItem
		}{{"title", people.Titles()}, {"department", people.Departments()}} {
			if id, ok := work[list.field].(string); ok {
				if _, known := people.Label(list.items, id); !known {
					t.Errorf("person %d: %s %q is in no list", i, list.field, id)
				}
			}
		}

		if id, ok := category(t, p, "work")["custom"].(map[string]any)[people.CostCentreField].(string); ok {
			if _, known := people.Label(people.CostCentres(), id); !known {
				t.Errorf("person %d: cost centre %q is in no list", i, id)
			}
		}
		if _, known := people.Label(people.EmploymentTypes(), category(t, p, "payroll")["employment"].(map[string]any)["type"].(string)); !known {
			t.Errorf("person %d: an employment type that is in no list", i)
		}

		switch m, ok := ids[p.ManagerID]; {
		case i == 0:
			if p.ManagerID != "" || work["reportsTo"] != nil {
				t.Errorf("the first person has a manager")
			}
		case !ok || m >= i:
			t.Errorf("person %d: manager %q does not come before", i, p.ManagerID)
		case work["reportsTo"] != p.ManagerID:
			t.Errorf("person %d: record and ManagerID disagree", i)
		case category(t, staff[m], "internal")["lifecycleStatus"] != "employed":
			t.Errorf("person %d: manager is not at work", i)
		}
	}
}

func TestTwentyFivePeopleShowEverySituation(t *testing.T) {
	staff := people.Generate(25, today)
	date := today.Format(time.DateOnly)
	situations := map[string]func(p people.Person, work, internal map[string]any) bool{
		"future hire": func(_ people.Person, work, internal map[string]any) bool {
			return internal["lifecycleStatus"] == "hired" && internal["status"] == "Inactive" && work["startDate"].(string) > date
		},
		"starts today": func(_ people.Person, work, internal map[string]any) bool {
			return work["startDate"] == date && internal["status"] == "Active"
		},
		"left": func(_ people.Person, _, internal map[string]any) bool {
			return internal["lifecycleStatus"] == "terminated" && internal["status"] == "Inactive" && internal["terminationDate"].(string) < date
		},
		"leaves later": func(p people.Person, _, internal map[string]any) bool {
			ends, ok := internal["terminationDate"].(string)
			lastDay, _ := p.Record["employee"].(map[string]any)["lastDayOfWork"].(string)
			return ok && ends > date && lastDay > date && lastDay < ends && internal["status"] == "Active"
		},
		"garden leave": func(_ people.Person, _, internal map[string]any) bool {
			return internal["lifecycleStatus"] == "garden leave"
		},
		"no phones": func(_ people.Person, work, _ map[string]any) bool {
			return work["workPhone"] == nil && work["workMobile"] == nil
		},
		"no title":   func(_ people.Person, work, _ map[string]any) bool { return work["title"] == nil },
		"no address": func(p people.Person, _, _ map[string]any) bool { return p.Record["email"] == nil },
		"no site": func(_ people.Person, work, _ map[string]any) bool {
			return work["site"] == nil && work["siteId"] == nil
		},
		"non-Latin":     func(p people.Person, _, _ map[string]any) bool { return !latin(p.Record["firstName"].(string)) },
		"in Kiritimati": func(_ people.Person, work, _ map[string]any) bool { return work["site"] == "Kiritimati" },
		"in Auckland":   func(_ people.Person, work, _ map[string]any) bool { return work["site"] == "Auckland" },
		"in New York":   func(_ people.Person, work, _ map[string]any) bool { return work["site"] == "New York" },
		"absent":        func(p people.Person, _, _ map[string]any) bool { return p.Link == people.Absent && p.User == nil },
		"linked and equal": func(p people.Person, _, _ map[string]any) bool {
			return p.Link == people.Linked && cmp.Equal(p.User, p.Synced())
		},
		"left with access": func(p people.Person, _, internal map[string]any) bool {
			return internal["status"] == "Inactive" && p.User != nil && p.User["status"] == int64(1)
		},
		"unlinked": func(p people.Person, _, _ map[string]any) bool {
			return p.Link == people.Unlinked && p.User["external_id"] == nil && p.User["email"] == p.Record["email"]
		},
		"drifted": func(p people.Person, _, _ map[string]any) bool {
			return p.Link == people.Drifted && p.User["external_id"] == p.ID && p.User["title"] != p.Synced()["title"]
		},
		"other case": func(p people.Person, _, _ map[string]any) bool {
			email, _ := p.Record["email"].(string)
			return p.Link == people.OtherCase && p.User["email"] != email && strings.EqualFold(p.User["email"].(string), email)
		},
		"suspended": func(p people.Person, _, internal map[string]any) bool {
			return p.Link == people.Suspended && p.User["status"] == int64(2) && internal["status"] == "Active"
		},
	}
	for name, holds := range situations {
		t.Run(name, func(t *testing.T) {
			for _, p := range staff {
				if holds(p, category(t, p, "work"), category(t, p, "internal")) {
					return
				}
			}
			t.Errorf("nobody among %d people", len(staff))
		})
	}
}

func TestNobodyAtRestWaitsForADate(t *testing.T) {
	staff := people.AtRest(500, today)
	if len(staff) != 500 {
		t.Fatalf("%d people", len(staff))
	}
	date, there := today.Format(time.DateOnly), map[string]bool{}
	for _, p := range staff {
		there[p.ID] = true
		for _, day := range []any{
			category(t, p, "work")["startDate"], category(t, p, "internal")["terminationDate"], category(t, p, "employee")["lastDayOfWork"],
		} {
			if text, ok := day.(string); ok && text > date {
				t.Errorf("%s: a date ahead", p.Situation)
			}
		}
		if p.ManagerID != "" && !there[p.ManagerID] {
			t.Errorf("%s: the manager does not come before", p.Situation)
		}
	}
}

func TestDue(t *testing.T) {
	want := map[string]bool{"settled": true, "starts today": true, "left, suspended": true, "garden leave": true}
	want["future hire"], want["left, never in OneLogin"], want["future hire without address"] = false, false, false
	found := 0
	for _, p := range people.Generate(25, today) {
		due, asked := want[p.Situation]
		if !asked {
			continue
		}
		found++
		if p.Due() != due {
			t.Errorf("%s: due = %t", p.Situation, p.Due())
		}
	}
	if found < len(want) {
		t.Errorf("only %d people of these situations", found)
	}
}

func TestZone(t *testing.T) {
	for _, site := range people.Sites() {
		if got := people.Zone(site.Name).String(); got != site.Zone {
			t.Errorf("zone of %s = %s, want %s", site.Name, got, site.Zone)
		}
	}
	if people.Zone("Atlantis") != time.UTC {
		t.Error("an unknown site is not in UTC")
	}
}

func TestLabelFindsChildren(t *testing.T) {
	if label, ok := people.Label(people.Departments(), "255298305"); !ok || label != "Mosses" {
		t.Errorf("label = %q, %t", label, ok)
	}
	if _, ok := people.Label(people.Titles(), "1"); ok {
		t.Error("an unknown id has a label")
	}
}

func BenchmarkGenerate100000(b *testing.B) {
	for b.Loop() {
		people.Generate(100_000, today)
	}
}

func category(t *testing.T, p people.Person, name string) map[string]any {
	t.Helper()
	values, ok := p.Record[name].(map[string]any)
	if !ok {
		t.Fatalf("%s: no category %s", p.Situation, name)
	}
	return values
}

func latin(text string) bool {
	for _, r := range text {
		if !unicode.Is(unicode.Latin, r) {
			return false
		}
	}
	return true
}
