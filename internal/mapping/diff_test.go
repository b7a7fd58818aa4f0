package mapping_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

// user is a OneLogin user of a test: a nil is null, a missing attribute one
// that the answer lacks.
type user map[string]any

func (u user) Text(attribute string) (string, employee.Presence) {
	switch v, ok := u[attribute]; {
	case !ok:
		return "", employee.Absent
	case v == nil, v == "":
		return "", employee.Null
	default:
		return fmt.Sprint(v), employee.Present
	}
}

// put writes attributes as OneLogin does: what is not named stays.
func (u user) put(a mapping.Attributes) {
	for name, v := range a {
		if v == nil {
			u[name] = nil
			continue
		}
		u[name] = *v
	}
}

func attributes(a map[string]any) mapping.Attributes {
	out := mapping.Attributes{}
	for name, v := range a {
		if v == nil {
			out[name] = nil
			continue
		}
		out.Set(name, fmt.Sprint(v))
	}
	return out
}

func TestDiff(t *testing.T) {
	tests := map[string]struct {
		attribute string
		want      any
		have      any // absent: OneLogin's answer lacks it
		differs   bool
	}{
		"equal":                              {"title", "Keeper", "Keeper", false},
		"another value":                      {"title", "Keeper", "Surfer", true},
		"another case of a title":            {"title", "Keeper", "KEEPER", true},
		"another case of an address":         {"email", "A@example.com", "a@EXAMPLE.com", false},
		"another case of a username":         {"username", "A@example.com", "a@example.com", false},
		"another case of a principal name":   {"userprincipalname", "A@example.com", "a@example.com", false},
		"another address":                    {"email", "a@example.com", "b@example.com", true},
		"space around":                       {"title", " Keeper", "Keeper\n", false},
		"space inside":                       {"title", "Light  house", "Light house", true},
		"a value over null":                  {"title", "Keeper", nil, true},
		"a value over an empty text":         {"title", "Keeper", "", true},
		"a value over one not shown":         {"title", "Keeper", absent, true},
		"cleared over a value":               {"title", nil, "Keeper", true},
		"cleared over null":                  {"title", nil, nil, false},
		"cleared over an empty text":         {"title", nil, "", false},
		"cleared over one not shown":         {"title", nil, absent, false},
		"an empty text over null":            {"title", "", nil, false},
		"an integer as OneLogin writes it":   {"manager_user_id", "42", json.Number("42"), false},
		"another integer":                    {"manager_user_id", "42", json.Number("43"), true},
		"a custom attribute":                 {"custom_attributes.work_cell", "+44", "+44", false},
		"another value of a custom one":      {"custom_attributes.work_cell", "+44", "+45", true},
		"a sign that is folded by Unicode":   {"email", "straße@example.com", "STRAßE@example.com", false},
		"letters of another script, folded":  {"email", "ИВА@example.com", "ива@example.com", false},
		"letters of another script, a title": {"title", "Маяк", "Маяк", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			desired, actual := attributes(map[string]any{tt.attribute: tt.want}), user{}
			if tt.have != absent {
				actual[tt.attribute] = tt.have
			}
			changed := mapping.Diff(desired, actual)
			if _, differs := changed[tt.attribute]; differs != tt.differs || len(changed) > 1 {
				t.Errorf("changed %v, want a difference: %v", changed.Names(), tt.differs)
			}
		})
	}
}

func TestDiffLeavesUnmentionedAttributesAlone(t *testing.T) {
	changed := mapping.Diff(attributes(map[string]any{"title": "Keeper"}), user{"title": "Keeper", "phone": "+44", "department": "Waves"})
	if len(changed) > 0 {
		t.Errorf("changed %v", changed.Names())
	}
}

// side is OneLogin with a will of its own: after each write it makes of the
// attributes what it likes.
type side struct {
	user
	memory mapping.Memory
	after  func(user)
	// writes counts the writes of each attribute.
	writes map[string]int
}

func newSide(u user, after func(user)) *side {
	return &side{user: u, after: after, writes: map[string]int{}}
}

// sync is one synchronisation: compare, write, remember.
func (o *side) sync(desired mapping.Attributes, stored func(user)) (normalised, overwritten []string) {
	write, normalised, overwritten := mapping.Contested(mapping.Diff(desired, o.user), o.user, o.memory, employeeID)
	o.put(write)
	for name := range write {
		o.writes[name]++
	}
	if stored != nil {
		stored(o.user)
	}
	o.memory = mapping.Remember(o.memory, desired, write, o.user, employeeID)
	if o.after != nil {
		o.after(o.user)
	}
	return normalised, overwritten
}

func TestContestedByAOneLoginMapping(t *testing.T) {
	o := newSide(user{"title": "Old", "phone": "1"}, func(u user) { u["title"] = "Set by a mapping" })
	desired := attributes(map[string]any{"title": "Keeper", "phone": "2"})
	for pass := 1; pass <= 6; pass++ {
		_, overwritten := o.sync(desired, nil)
		want := []string(nil)
		if pass > 2 {
			want = []string{"title"}
		}
		if diff := cmp.Diff(want, overwritten); diff != "" {
			t.Errorf("pass %d: overwritten (-want +got):\n%s", pass, diff)
		}
	}
	if o.writes["title"] != 2 || o.writes["phone"] != 1 {
		t.Errorf("writes %v", o.writes)
	}

	t.Run("a new value is written", func(t *testing.T) {
		_, overwritten := o.sync(attributes(map[string]any{"title": "Head Keeper", "phone": "2"}), nil)
		if len(overwritten) > 0 || o.writes["title"] != 3 {
			t.Errorf("overwritten %v, writes %v", overwritten, o.writes)
		}
	})
}

func TestContestedIsRememberedOverAPartialRead(t *testing.T) {
	o := newSide(user{}, func(u user) { u["title"] = "Set by a mapping" })
	all := attributes(map[string]any{"title": "Keeper", "phone": "2"})
	for range 5 {
		o.sync(all, nil)
		o.sync(attributes(map[string]any{"phone": "2"}), nil) // Bob's answer lacks the title
	}
	if o.writes["title"] != 2 {
		t.Errorf("a value that returns was written %d times", o.writes["title"])
	}
}

func TestNormalisedValuesAreNotRewritten(t *testing.T) {
	tests := map[string]struct{ want, made any }{
		"digits alone are kept":       {"+44 20 7946 0001", "+442079460001"},
		"cut off":                     {"A very long title", "A very"},
		"dropped":                     {"something", nil},
		"a clearing that is no empty": {nil, "none"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newSide(user{"phone": "old"}, nil)
			desired := attributes(map[string]any{"phone": tt.want})
			for pass := 1; pass <= 4; pass++ {
				normalised, overwritten := o.sync(desired, func(u user) { u["phone"] = tt.made })
				if len(overwritten) > 0 || (pass > 1) != (len(normalised) == 1) {
					t.Errorf("pass %d: normalised %v, overwritten %v", pass, normalised, overwritten)
				}
			}
			if o.writes["phone"] != 1 {
				t.Errorf("written %d times", o.writes["phone"])
			}
		})
	}
}

// An administrator's change is not OneLogin's own form of what was written.
func TestNormalisedValueThatSomebodyChangesIsWritten(t *testing.T) {
	o := newSide(user{"phone": "old"}, nil)
	desired := attributes(map[string]any{"phone": "+44 20"})
	digits := func(u user) { u["phone"] = strings.ReplaceAll(fmt.Sprint(u["phone"]), " ", "") }
	o.sync(desired, digits)
	o.user["phone"] = "+99"
	o.sync(desired, digits)
	if o.writes["phone"] != 2 || o.user["phone"] != "+4420" {
		t.Errorf("writes %v, phone %v", o.writes, o.user["phone"])
	}
}

func TestMemoryTellsNoValues(t *testing.T) {
	m := mapping.Remember(nil, attributes(map[string]any{"email": "juniper@example.com"}), attributes(map[string]any{"email": "juniper@example.com"}), user{"email": "other@example.com"}, employeeID)
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "@") || strings.Contains(string(out), "juniper") {
		t.Errorf("memory tells %s", out)
	}
	other := mapping.Remember(nil, attributes(map[string]any{"email": "juniper@example.com"}), attributes(map[string]any{"email": "juniper@example.com"}), user{"email": "other@example.com"}, "1")
	if m["email"].Want == other["email"].Want {
		t.Error("the same value of two people has the same digest")
	}
}

func TestAttributes(t *testing.T) {
	a := mapping.Attributes{}
	a.Set("title", "Keeper")
	a["phone"] = nil
	if got := a.Names(); !slices.Equal(got, []string{"phone", "title"}) || *a["title"] != "Keeper" {
		t.Errorf("names %v", got)
	}
	if short, ok := mapping.CustomShortname("custom_attributes.work_cell"); short != "work_cell" || !ok {
		t.Errorf("shortname %q, %v", short, ok)
	}
	if _, ok := mapping.CustomShortname("title"); ok {
		t.Error("title is no custom attribute")
	}
}
