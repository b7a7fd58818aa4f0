package mapping_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

// mark is in every text that a drawn person has, and in nothing else.
const mark = "Qz7"

// oneLogin is a store of one user that keeps what OneLogin keeps, and answers as
// it does: what is not named in a write stays, null and the empty text clear,
// custom attributes merge, an undefined one is not there, integers are integers.
// What it makes of a value by itself is drawn once, as an account is set up once.
type oneLogin struct {
	user     user
	defined  map[string]bool
	forms    map[string]func(string) string
	override map[string]string
	writes   int
}

// forms are what OneLogin, or a rule of the account, may make of a text.
var forms = map[string]func(string) string{
	"as it is":        func(s string) string { return s },
	"small letters":   strings.ToLower,
	"trimmed":         strings.TrimSpace,
	"one space":       func(s string) string { return strings.Join(strings.Fields(s), " ") },
	"sixteen letters": func(s string) string { r := []rune(s); return string(r[:min(len(r), 16)]) },
	"without accents": func(s string) string { return strings.NewReplacer("é", "e", "e\u0301", "e", "İ", "I").Replace(s) },
	"digits of phone": func(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) },
}

func drawOneLogin(t *rapid.T, targets []string) *oneLogin {
	o := &oneLogin{defined: map[string]bool{}, forms: map[string]func(string) string{}, override: map[string]string{}}
	names := slices.Sorted(maps.Keys(forms))
	for _, target := range targets {
		o.defined[target] = !strings.HasPrefix(target, mapping.CustomPrefix) || rapid.IntRange(0, 4).Draw(t, "defines "+target) > 0
		if !mapping.IsInteger(target) && target != mapping.AttrExternalID {
			o.forms[target] = forms[rapid.SampledFrom(names).Draw(t, "form of "+target)]
		}
		if rapid.IntRange(0, 19).Draw(t, "a mapping sets "+target) == 0 && o.forms[target] != nil {
			o.override[target] = "set by a mapping"
		}
	}
	return o
}

// put takes a write and returns the answer to it. OneLogin's own mappings run
// after that.
func (o *oneLogin) put(a mapping.Attributes) user {
	o.writes++
	if o.user == nil {
		o.user = user{}
		for name, defined := range o.defined {
			if defined {
				o.user[name] = nil
			}
		}
	}
	for name, value := range a {
		switch {
		case !o.defined[name]:
		case value == nil || *value == "":
			o.user[name] = nil
		case mapping.IsInteger(name):
			o.user[name] = json.Number(*value)
		default:
			o.user[name] = o.forms[name](*value)
		}
	}
	answer := maps.Clone(o.user)
	for name, value := range o.override {
		if o.defined[name] {
			o.user[name] = value
		}
	}
	return answer
}

// person is the program's side of one person: the settings, and what is
// remembered.
type person struct {
	rules  []mapping.Rule
	memory mapping.Memory
}

// sync is one synchronisation as the activities make it: the attributes that
// OneLogin has not defined left out, a user created or what differs written.
func (p *person) sync(o *oneLogin, r employee.Record) {
	d := mapping.Map(p.rules, mapping.DefaultListFields(), r)
	if d.Missing != "" {
		return
	}
	desired := mapping.Attributes{}
	for name, value := range d.Attributes {
		if o.defined[name] {
			desired[name] = value
		}
	}
	if d.Manager.Known {
		desired[mapping.AttrManagerUserID] = nil
		if d.Manager.EmployeeID != "" {
			desired.Set(mapping.AttrManagerUserID, "42")
		}
	}
	if o.user == nil {
		created := mapping.Attributes{}
		for _, some := range []mapping.Attributes{desired, d.OnCreate} {
			for name, value := range some {
				if value != nil && o.defined[name] {
					created[name] = value
				}
			}
		}
		answer := o.put(created)
		p.memory = mapping.Remember(p.memory, desired, created, answer, r.ID)
		return
	}
	write, _, _ := mapping.Contested(mapping.Diff(desired, o.user), o.user, p.memory, r.ID)
	answer := o.user
	if len(write) > 0 {
		answer = o.put(write)
	}
	p.memory = mapping.Remember(p.memory, desired, write, answer, r.ID)
}

// formulas are of all the kinds that people write.
var formulas = []string{
	`root.firstName + " " + root.surname`,
	`concat(root.surname, ", ", root.firstName)`,
	`join([work.site, work.department, work.title], " / ")`,
	`lower(split(root.email, "@")[0])`,
	`work.workMobile ?? work.workPhone ?? "none"`,
	`work.site == "London" ? upper(work.title) : work.title`,
	`hasSuffix(root.email, "example.com") ? "staff" : "guest"`,
	`root.firstName[0:1] + work.employeeIdInCompany`,
	`replace(work.workPhone, " ", "")[1:]`,
	`last(split(root.surname, " "))`,
	`len(root.surname) > 3 and work.isManager ? "M" : nil`,
	`work.employeeIdInCompany + 1`,
	`work.employeeIdInCompany / 0`,
	`int(work.title) % 0`,
	`root.surname matches "^[A-Z]" ? root.surname : work.site`,
	`let n = trim(root.firstName); n + string(indexOf(n, "a"))`,
	`first([]) ?? field("work.site")`,
}

// drawSettings draws a mapping file and parses it, so that what is mapped by is
// what people can write.
func drawSettings(t *rapid.T) []mapping.Rule {
	var b strings.Builder
	b.WriteString("mapping:\n  email: root.email\n  username: root.email\n  firstname: root.firstName\n  lastname: root.surname\n")
	for _, target := range []string{
		"phone", "title", "department", "company", "comment", "manager_user_id",
		"custom_attributes.work_cell", "custom_attributes.badge", "custom_attributes.nick",
	} {
		source := rapid.SampledFrom([]string{
			"", "work.workPhone", "work.title", "work.department", "work.site", "work.employeeIdInCompany", "work.isManager", "formula", "formula",
		}).Draw(t, "source of "+target)
		if target == "manager_user_id" && source != "" {
			source = "work.reportsTo"
		}
		var parts []string
		switch source {
		case "":
			continue
		case "formula":
			text, err := json.Marshal(rapid.SampledFrom(formulas).Draw(t, "formula of "+target))
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, "formula: "+string(text))
		default:
			parts = append(parts, "field: "+source)
		}
		if target != "manager_user_id" {
			switch rapid.SampledFrom([]string{"", "", "keep", "default", "on_create_only"}).Draw(t, "rule of "+target) {
			case "keep":
				parts = append(parts, "when_null: keep")
			case "default":
				parts = append(parts, `default: "none yet"`)
			case "on_create_only":
				parts = append(parts, "on_create_only: true")
			}
		}
		fmt.Fprintf(&b, "  %s: {%s}\n", target, strings.Join(parts, ", "))
	}
	s, err := mapping.Parse([]byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return s.Rules
}

// texts are what people are called, and what is typed into forms.
var texts = []string{
	"Keeper", "O'Malley-Ruíz", "  spaced  out ", "Zoë", "Zoe\u0308", "İstanbul", "ﬁeld ﬂ", "名前 見本", "عينة", "a\u200db", "\u202eright", "🧑\u200d🚀",
	"tab\tand\nline", "=1+1", "null", "0", "-", `"quoted" {json}`, strings.Repeat("long ", 80), "\ufeffmark", "\x00nul", "e\u0301",
}

func drawPerson(t *rapid.T) employee.Record {
	r := employee.Record{ID: employeeID, Fields: map[string]any{}, Labels: map[string]any{}}
	text := func(label string) any { return mark + rapid.SampledFrom(texts).Draw(t, label) }
	address := func(label string) any {
		return mark + rapid.SampledFrom([]string{"a@example.com", "A@Example.COM", "ü.ö@exämple.com", "no address", "@", " b@example.com "}).Draw(t, label)
	}
	for _, field := range []string{
		"root.email", "root.firstName", "root.surname", "work.site", "work.workPhone", "work.workMobile", "work.title", "work.department",
	} {
		value := text
		if field == "root.email" {
			value = address
		}
		give(r, field, rapid.SampledFrom([]func(string) any{
			value, value, value, value, value,
			func(string) any { return absent }, func(string) any { return nil }, func(string) any { return "" }, func(string) any { return " \t" },
			func(string) any { return map[string]any{"name": mark} }, func(string) any { return []any{mark} }, func(string) any { return json.Number("9007199254740993") },
		}).Draw(t, field)(field+" value"))
	}
	for _, field := range []string{"work.title", "work.department"} {
		if rapid.IntRange(0, 9).Draw(t, "label of "+field) > 0 {
			r.Labels[field] = text(field + " label")
		}
	}
	give(r, "work.employeeIdInCompany", rapid.SampledFrom([]any{
		absent, nil, json.Number("7"), json.Number("7.50"), json.Number("12345678901234567890"), json.Number("1e400"), json.Number("-0"), mark + "7", true,
	}).Draw(t, "number"))
	give(r, "work.isManager", rapid.SampledFrom([]any{absent, nil, true, false, mark + "yes"}).Draw(t, "is a manager"))
	give(r, "work.reportsTo", rapid.SampledFrom([]any{
		absent, nil, map[string]any{"id": managerID, "email": mark}, map[string]any{}, managerID, employeeID, mark + "x",
	}).Draw(t, "manager"))
	return r
}

// Whatever a person, a mapping and an account are like: after the first
// synchronisation, the next ones write nothing. A mapping of OneLogin's own that
// puts back its value is fought twice, and no more.
func TestASecondSyncWritesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &person{rules: drawSettings(t)}
		o := drawOneLogin(t, mapping.Targets(p.rules))
		r := drawPerson(t)
		if rapid.Bool().Draw(t, "there already") {
			other := &person{rules: drawSettings(t)}
			before := drawPerson(t)
			before.Fields["root.email"] = mark + "old@example.com"
			other.sync(o, before)
			o.writes = 0
		}
		p.sync(o, r)
		first := o.writes
		if first > 1 {
			t.Fatalf("%d writes at once", first)
		}
		p.sync(o, r)
		if again := o.writes - first; again > 0 && len(o.override) == 0 {
			t.Fatalf("written again: %v", o.user)
		}
		for range 3 {
			p.sync(o, r)
		}
		settled := o.writes
		if settled > 2+len(o.override) {
			t.Fatalf("%d writes in five synchronisations", settled)
		}
		p.sync(o, r)
		if o.writes != settled {
			t.Fatalf("a value is fought for ever: %v", o.user)
		}
	})
}

// Whatever reads came before, of whatever state of Bob and however much of it
// was hidden: the last whole one has its way, as if it had been the only one. But
// what only a new user is given stays as the first had it.
func TestTheLastReadDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := drawSettings(t)
		one := drawOneLogin(t, mapping.Targets(rules))
		clear(one.override)
		other := &oneLogin{defined: one.defined, forms: one.forms}
		reads := rapid.SliceOfN(rapid.Custom(drawPerson), 1, 4).Draw(t, "reads")
		last := drawPerson(t)
		last.Fields["root.email"] = mark + "last@example.com"
		long, short := &person{rules: rules}, &person{rules: rules}
		for _, r := range reads {
			long.sync(one, r)
		}
		long.sync(one, last)
		short.sync(other, last)
		onlyOnce := map[string]bool{}
		for _, rule := range rules {
			onlyOnce[rule.Target] = rule.OnCreateOnly
		}
		d := mapping.Map(rules, mapping.DefaultListFields(), last)
		for name := range d.Attributes {
			have, _ := one.user.Text(name)
			want, _ := other.user.Text(name)
			if onlyOnce[name] || strings.TrimSpace(have) == strings.TrimSpace(want) || strings.EqualFold(have, want) {
				continue
			}
			t.Fatalf("%s: %q after %d reads, %q after one", name, have, len(reads)+1, want)
		}
	})
}

// Nothing that Bob left out of an answer changes or clears anything, formulas
// included: a user stays as it is where the answer says nothing of it.
func TestWhatIsNotReadIsNotWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &person{rules: drawSettings(t)}
		o := drawOneLogin(t, mapping.Targets(p.rules))
		clear(o.override)
		r := drawPerson(t)
		r.Fields["root.email"] = mark + "a@example.com"
		p.sync(o, r)
		before, writes := maps.Clone(o.user), o.writes
		partial := r
		partial.Fields, partial.Labels = maps.Clone(r.Fields), maps.Clone(r.Labels)
		for _, field := range slices.Sorted(maps.Keys(r.Fields)) {
			if rapid.Bool().Draw(t, "without "+field) {
				delete(partial.Fields, field)
			}
			if rapid.Bool().Draw(t, "without the label of "+field) {
				delete(partial.Labels, field)
			}
		}
		p.sync(o, partial)
		if o.writes != writes || !reflect.DeepEqual(before, o.user) {
			t.Fatalf("of %v\nwrote %v\nover  %v", partial.Fields, o.user, before)
		}
	})
}

// A record is mapped to the same each time, whatever it holds; and what is said
// about it tells nothing of the person.
func TestMappingIsAFunctionAndKeepsSecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, r := drawSettings(t), drawPerson(t)
		before, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		d := mapping.Map(rules, mapping.DefaultListFields(), r)
		for range 3 {
			if again := mapping.Map(rules, mapping.DefaultListFields(), r); !reflect.DeepEqual(d, again) {
				t.Fatalf("%+v, and again %+v", d, again)
			}
		}
		after, err := json.Marshal(r)
		if err != nil || string(before) != string(after) {
			t.Fatalf("the record was changed: %s, now %s", before, after)
		}
		for _, text := range append(d.Notes, d.Missing) {
			if strings.Contains(strings.ToLower(text), strings.ToLower(mark)) {
				t.Fatalf("said of somebody: %s", text)
			}
		}
		for _, some := range []mapping.Attributes{d.Attributes, d.OnCreate} {
			for name, value := range some {
				if value != nil && (!utf8.ValidString(*value) || strings.TrimSpace(*value) != *value || *value == "") {
					t.Fatalf("%s is set to %q", name, *value)
				}
			}
		}
		for _, rule := range rules {
			_, always := d.Attributes[rule.Target]
			_, atFirst := d.OnCreate[rule.Target]
			if always && rule.OnCreateOnly || atFirst && !rule.OnCreateOnly {
				t.Fatalf("%s is written at the wrong time", rule.Target)
			}
		}
		// It travels as a payload between activities.
		travelled := mapping.Desired{}
		encoded, err := json.Marshal(d)
		if err == nil {
			err = json.Unmarshal(encoded, &travelled)
		}
		if err != nil || len(mapping.Diff(travelled.Attributes, user(values(d.Attributes)))) > 0 {
			t.Fatalf("%v: %+v became %+v", err, d, travelled)
		}
	})
}
