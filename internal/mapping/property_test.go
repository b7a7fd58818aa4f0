package mapping_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

// drawValue draws what Bob may say of a field, or absent.
func drawValue(t *rapid.T, field string) any {
	return rapid.SampledFrom([]any{
		absent, nil, "", " ", "one", "two", " two", "Two", "a@example.com", "A@Example.com", "b@example.com",
		managerID, employeeID,
		map[string]any{"id": managerID},
		map[string]any{},
		[]any{"one"},
		true,
	}).Draw(t, field)
}

func drawRecord(t *rapid.T) employee.Record {
	r := employee.Record{ID: employeeID, Fields: map[string]any{}, Labels: map[string]any{}}
	for _, field := range mapping.BobFields(mapping.DefaultRules()) {
		give(r, field, drawValue(t, field))
		if label := drawValue(t, field+" label"); label != absent {
			r.Labels[field] = label
		}
	}
	return r
}

func drawRules(t *rapid.T) []mapping.Rule {
	rules := mapping.DefaultRules()
	for i := range rules {
		rules[i].WhenNull = rapid.SampledFrom([]mapping.NullRule{mapping.ClearOnNull, mapping.KeepOnNull}).Draw(t, "when null "+rules[i].Target)
	}
	return rules
}

func drawDesired(t *rapid.T) mapping.Attributes {
	return mapping.Map(drawRules(t), mapping.DefaultListFields(), drawRecord(t)).Attributes
}

func drawUser(t *rapid.T) user {
	u := user{}
	for _, target := range mapping.Targets(mapping.DefaultRules()) {
		if v := rapid.SampledFrom([]any{absent, nil, "", "one", "two ", "A@example.com", "b@example.com", "other"}).Draw(t, "actual "+target); v != absent {
			u[target] = v
		}
	}
	return u
}

// isNull tells a field that Bob says is empty.
func isNull(r employee.Record, field string) bool {
	v, there := r.Fields[field]
	text, isText := v.(string)
	return there && (v == nil || isText && strings.TrimSpace(text) == "")
}

func TestAbsentNeitherClearsNorWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, r := drawRules(t), drawRecord(t)
		d := mapping.Map(rules, mapping.DefaultListFields(), r)
		for _, rule := range rules {
			value, written := d.Attributes[rule.Target]
			if rule.Target == mapping.AttrManagerUserID {
				written = d.Manager.Known
				if written && d.Manager.EmployeeID == "" {
					value = nil
				} else {
					value = &d.Manager.EmployeeID
				}
			}
			_, there := r.Fields[rule.Field]
			mandatory := slices.Contains([]string{"email", "username", "firstname", "lastname"}, rule.Target)
			switch {
			case !written:
			case !there:
				t.Fatalf("%s is written, and Bob's answer lacks %s", rule.Target, rule.Field)
			case value == nil && (!isNull(r, rule.Field) || rule.WhenNull == mapping.KeepOnNull || mandatory):
				t.Fatalf("%s is cleared: %s is %v, when_null %s", rule.Target, rule.Field, r.Fields[rule.Field], rule.WhenNull)
			case value != nil && strings.TrimSpace(*value) == "":
				t.Fatalf("%s is emptied by a blank text", rule.Target)
			}
			if !written && isNull(r, rule.Field) && rule.WhenNull == mapping.ClearOnNull && !mandatory {
				t.Fatalf("%s is not cleared, and Bob says that %s is empty", rule.Target, rule.Field)
			}
		}
	})
}

// A read that lacks fields wants no more than the whole read, and the same.
func TestAPartialReadWritesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, r := drawRules(t), drawRecord(t)
		whole := mapping.Map(rules, mapping.DefaultListFields(), r)
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
		d := mapping.Map(rules, mapping.DefaultListFields(), partial)
		for name, value := range d.Attributes {
			want, there := whole.Attributes[name]
			if !there || (want == nil) != (value == nil) || (want != nil && *want != *value) {
				t.Fatalf("the partial read writes %s, the whole one %v", name, values(whole.Attributes))
			}
		}
		if d.Manager.Known && d.Manager != whole.Manager {
			t.Fatalf("manager %+v, of the whole read %+v", d.Manager, whole.Manager)
		}
		if whole.Missing != "" && d.Missing == "" {
			t.Fatalf("a user can be made of less: %s", whole.Missing)
		}
	})
}

func TestASecondComparisonFindsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, u := drawDesired(t), drawUser(t)
		before := maps.Clone(u)
		changed := mapping.Diff(desired, u)
		u.put(changed)
		if again := mapping.Diff(desired, u); len(again) > 0 {
			t.Fatalf("%v differ after they were written", again.Names())
		}
		for name := range u {
			if _, wanted := desired[name]; !wanted && u[name] != before[name] {
				t.Fatalf("%s was touched, and nobody wanted it", name)
			}
		}
	})
}

// Whatever OneLogin held, and in whatever order and number the reads of one
// state of Bob come, partial ones included, the last whole one has its way.
func TestComparisonsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, r := drawRules(t), drawRecord(t)
		desired := mapping.Map(rules, mapping.DefaultListFields(), r).Attributes
		one, other := drawUser(t), drawUser(t)
		for range rapid.IntRange(0, 4).Draw(t, "earlier reads") {
			one.put(mapping.Diff(drawDesired(t), one))
		}
		one.put(mapping.Diff(desired, one))
		other.put(mapping.Diff(desired, other))
		for name := range desired {
			if len(mapping.Diff(attributes(map[string]any{name: values(desired)[name]}), one)) > 0 ||
				len(mapping.Diff(attributes(map[string]any{name: values(desired)[name]}), other)) > 0 {
				t.Fatalf("%s: %v and %v, want %v", name, one[name], other[name], values(desired)[name])
			}
		}
	})
}

func TestCaseOfAnAddressIsNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.StringMatching(`[a-zA-Z0-9.]{1,8}@[a-zA-Z]{1,5}\.(com|COM)`).Draw(t, "address")
		other := rapid.Map(rapid.SliceOfN(rapid.Bool(), len(address), len(address)), func(upper []bool) string {
			b := []byte(strings.ToLower(address))
			for i := range b {
				if upper[i] {
					b[i] = strings.ToUpper(string(b[i]))[0]
				}
			}
			return string(b)
		}).Draw(t, "as OneLogin has it")
		desired := attributes(map[string]any{"email": address, "username": address})
		if changed := mapping.Diff(desired, user{"email": other, "username": other}); len(changed) > 0 {
			t.Fatalf("%v differ", changed.Names())
		}
	})
}

// OneLogin's own mappings, its own forms, administrators, and reads of Bob
// that lack fields, in any order: as long as Bob says the same, a value is
// written twice at most; and what Bob newly says is always written.
func TestNoValueIsWrittenOverAndOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SampledFrom([]any{"one", "two", "three", nil})
		o := newSide(user{"title": texts.Draw(t, "at first")}, nil)
		want := texts.Draw(t, "Bob")
		var seen any = absent // what Bob said at the last synchronisation
		written := 0
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"sync", "sync", "sync", "partial", "OneLogin", "Bob"}).Draw(t, "step") {
			case "sync":
				before := o.writes["title"]
				fresh := seen != want
				if seen = want; fresh {
					written = 0
				}
				differs := len(mapping.Diff(attributes(map[string]any{"title": want}), o.user)) > 0
				var form func(user)
				if rapid.Bool().Draw(t, "OneLogin stores its own form") {
					made := texts.Draw(t, "form")
					form = func(u user) {
						if o.writes["title"] > before {
							u["title"] = made
						}
					}
				}
				o.sync(attributes(map[string]any{"title": want}), form)
				wrote := o.writes["title"] - before
				if differs && fresh && wrote != 1 {
					t.Fatal("a new value was not written")
				}
				if !differs && wrote != 0 {
					t.Fatal("a value was written that is there")
				}
				if written += wrote; written > 2 {
					t.Fatalf("written %d times", written)
				}
			case "partial":
				o.sync(mapping.Attributes{}, nil)
			case "OneLogin":
				o.user["title"] = texts.Draw(t, "overwritten by")
			case "Bob":
				want = texts.Draw(t, "Bob now")
			}
		}
	})
}
