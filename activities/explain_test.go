package activities_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// explained are the attributes that would be written, with their new values.
func explained(e activities.Explanation) map[string]string {
	written := map[string]string{}
	for _, a := range e.Attributes {
		if !a.Write {
			continue
		}
		written[a.Attribute] = "-"
		if a.New != nil {
			written[a.Attribute] = *a.New
		}
	}
	return written
}

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		given   func(*world)
		outcome employee.Outcome
		written map[string]string
		by      string
		reason  string
		check   func(*testing.T, activities.Explanation)
	}{
		"in line": {
			given:   func(w *world) { w.user() },
			outcome: employee.Unchanged, by: "external_id",
		},
		"a title that differs": {
			given:   func(w *world) { w.user(attrs{"title": "Rower"}) },
			outcome: employee.Updated, by: "external_id",
			written: map[string]string{"title": "Lighthouse Keeper"},
			reason:  "does not say what Bob says",
			check: func(t *testing.T, e activities.Explanation) {
				i := slices.IndexFunc(e.Attributes, func(a activities.ExplainedAttribute) bool { return a.Attribute == "title" })
				require.Equal(t, "Rower", *e.Attributes[i].Old)
				require.Equal(t, "work.title", e.Attributes[i].Source)
			},
		},
		"a user without a link": {
			given:   func(w *world) { w.user(attrs{"external_id": nil}) },
			outcome: employee.Updated, by: "address",
			written: map[string]string{"external_id": personID},
			reason:  "Adopts OneLogin user",
		},
		"a leaver with access": {
			given:   func(w *world) { w.put(personID, inactive); w.user() },
			outcome: employee.Suspended, by: "external_id",
			written: map[string]string{"status": "2"},
			check: func(t *testing.T, e activities.Explanation) {
				require.Equal(t, lifecycle.Suspend, e.Status.Action)
			},
		},
		"no user": {
			given:   func(*world) {},
			outcome: employee.Created,
			written: map[string]string{
				"email": personEmail, "username": personEmail, "firstname": "Juniper", "lastname": "Sample",
				"phone": "+44 20 7946 0001", "custom_attributes.work_cell": "+44 7700 900001",
				"title": "Lighthouse Keeper", "department": "Waves", "external_id": personID, "status": "1",
			},
			reason: "Has no OneLogin user",
			check: func(t *testing.T, e activities.Explanation) {
				require.Equal(t, "created active: Bob says active", e.Status.Rule)
			},
		},
		"a start ahead": {
			given:   func(w *world) { w.put(personID, hired) },
			outcome: employee.Scheduled,
			check: func(t *testing.T, e activities.Explanation) {
				require.Equal(t, lifecycle.PhaseWait, e.Decision.Phase)
				require.Nil(t, e.User)
			},
		},
		"out of scope": {
			given:   func(w *world) { w.settings.Scope.Sites = []string{"Oslo"}; w.user() },
			outcome: employee.Skipped,
			reason:  "Out of scope: the person's site is not under scope.sites",
			check:   func(t *testing.T, e activities.Explanation) { require.False(t, e.InScope) },
		},
		"two users that match": {
			given: func(w *world) {
				w.user(attrs{"email": "other@example.com", "username": personEmail, "external_id": nil})
				w.user(attrs{"username": "another", "external_id": nil})
			},
			outcome: employee.Failed,
			reason:  "both match employee " + personID,
		},
		"a field that Bob does not show": {
			given: func(w *world) {
				w.settings.Rules = append(mapping.DefaultRules(), mapping.Rule{Target: "comment", Field: "work.custom.field_1", WhenNull: mapping.ClearOnNull})
				w.user(attrs{"comment": "kept"})
			},
			outcome: employee.Unchanged, by: "external_id",
			check: func(t *testing.T, e activities.Explanation) {
				i := slices.IndexFunc(e.Fields, func(f activities.ExplainedField) bool { return f.Field == "work.custom.field_1" })
				require.Equal(t, "absent", e.Fields[i].Answer)
				require.Equal(t, []string{"mapping.comment"}, e.Fields[i].NeededBy)
			},
		},
		"nobody in Bob": {
			given:   func(w *world) { require.NoError(w.t, w.bob.Remove(personID)) },
			outcome: employee.Skipped,
			reason:  "Bob does not show this person (404)",
			check:   func(t *testing.T, e activities.Explanation) { require.False(t, e.Found) },
		},
		"what OneLogin makes of a value itself": {
			given: func(w *world) {
				w.user(attrs{"title": "LIGHTHOUSE KEEPER"})
				desired := mapping.Attributes{}
				desired.Set("title", "Lighthouse Keeper")
				w.recalled.Memory = mapping.Remember(nil, desired, desired, titled("LIGHTHOUSE KEEPER"), personID)
				w.recalled.MemoryKnown = true
			},
			outcome: employee.Unchanged, by: "external_id",
			check: func(t *testing.T, e activities.Explanation) {
				require.Contains(t, e.Notes, "OneLogin keeps its own form of [title]; it is not written again")
			},
		},
		"Temporal does not answer": {
			given:   func(w *world) { w.user(); w.recallErr = errors.New("away") },
			outcome: employee.Unchanged, by: "external_id",
			check: func(t *testing.T, e activities.Explanation) {
				require.Contains(t, e.Notes[0], "Temporal did not answer")
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.given(w)
			before := w.one.Users()
			w.forgetCalls()
			e, err := w.acts.Explain(t.Context(), personID)
			require.NoError(t, err)
			require.Equal(t, tt.outcome, e.Outcome, e.Reason)
			if tt.written == nil {
				tt.written = map[string]string{}
			}
			require.Equal(t, tt.written, explained(e))
			require.Equal(t, tt.by, e.MatchedBy)
			require.Contains(t, e.Reason, tt.reason)
			require.Equal(t, before, w.one.Users(), "nothing is written")
			for route := range w.calls() {
				require.Contains(t, []string{find, list}, route)
			}
			if tt.check != nil {
				tt.check(t, e)
			}
		})
	}
}

// titled is a OneLogin user of whom the title alone is known.
type titled string

func (u titled) Text(attribute string) (string, employee.Presence) {
	if attribute == "title" {
		return string(u), employee.Present
	}
	return "", employee.Absent
}

// What is explained is what a synchronisation then does.
func TestExplainTellsWhatIsDone(t *testing.T) {
	w := newWorld(t)
	w.user(attrs{"title": "Rower", "phone": nil})
	e, err := w.acts.Explain(t.Context(), personEmail)
	require.NoError(t, err)
	out, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, e.Outcome, out.Outcome)
	names := []string{}
	for name := range explained(e) {
		names = append(names, name)
	}
	require.ElementsMatch(t, out.Changed, names)
}

func TestExplainSample(t *testing.T) {
	record := func(changes map[string]any) employee.Record {
		r := employee.Record{ID: personID, Fields: map[string]any{
			"root.id": personID, "root.email": personEmail, "root.firstName": "Juniper", "root.surname": "Sample",
			"work.startDate": "2020-01-06", "internal.status": "Active", "internal.lifecycleStatus": "employed",
		}}
		for k, v := range changes {
			r.Fields[k] = v
		}
		return r
	}
	for name, tt := range map[string]struct {
		changes map[string]any
		outcome employee.Outcome
	}{
		"at work":   {nil, employee.Created},
		"a hire":    {map[string]any{"work.startDate": "2999-01-06", "internal.status": "Inactive", "internal.lifecycleStatus": "hired"}, employee.Scheduled},
		"a leaver":  {map[string]any{"internal.status": "Inactive", "internal.lifecycleStatus": "terminated"}, employee.Skipped},
		"no e-mail": {map[string]any{"root.email": nil}, employee.Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			e := activities.ExplainSample(mapping.Default(), record(tt.changes))
			require.Equal(t, tt.outcome, e.Outcome, e.Reason)
		})
	}
}
