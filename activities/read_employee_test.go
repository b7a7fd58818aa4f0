package activities_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

func deleted(in *activities.ReadEmployeeInput) {
	in.Signs.Deleted, in.DeletedEmail = true, personEmail
}

func (w *world) remove(id string) {
	w.t.Helper()
	require.NoError(w.t, w.bob.Remove(id))
}

func TestReadEmployee(t *testing.T) {
	tests := []struct {
		name     string
		settings func(*mapping.Settings)
		given    func(w *world)
		input    func(*activities.ReadEmployeeInput)
		found    bool
		phase    lifecycle.Phase
		standing lifecycle.Standing
		address  string
		reason   string
	}{
		{
			name:  "active",
			found: true, phase: lifecycle.PhaseProvision, standing: lifecycle.StandingActive,
		},
		{
			name:  "inactive",
			given: func(w *world) { w.put(personID, inactive) },
			found: true, phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft,
		},
		{
			name:  "starts later",
			given: func(w *world) { w.put(personID, hired) },
			found: true, phase: lifecycle.PhaseWait, standing: lifecycle.StandingNotStarted,
		},
		{
			name:  "unknown to Bob, and no deletion announced",
			given: func(w *world) { w.remove(personID) },
			phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "announced no deletion",
		},
		{
			name:  "out of the service user's sight",
			given: func(w *world) { w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = []string{personID} }) },
			phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "announced no deletion",
		},
		{
			name:  "deletion announced and true",
			given: func(w *world) { w.remove(personID) },
			input: deleted,
			phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft, address: personEmail,
		},
		{
			name:  "deletion announced without an address",
			given: func(w *world) { w.remove(personID) },
			input: func(in *activities.ReadEmployeeInput) { in.Signs.Deleted = true },
			phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft,
		},
		{
			name: "a duplicate was deleted: the address belongs to the record that stays",
			given: func(w *world) {
				w.remove(personID)
				w.colleague(otherID, personEmail)
			},
			input: deleted,
			phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft,
		},
		{
			name:  "deletion announced, and Bob still shows the person",
			input: deleted,
			found: true, phase: lifecycle.PhaseProvision, standing: lifecycle.StandingActive,
		},
		{
			name: "Bob shows neither status nor dates",
			given: func(w *world) {
				w.bobSettings(func(s *simbob.Settings) {
					s.HiddenFields = []string{"internal.status", "internal.lifecycleStatus", "internal.terminationDate", "employee.lastDayOfWork", "work.startDate"}
				})
				w.put(personID, inactive)
			},
			found: true, phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "lacks work.startDate",
		},
		{
			name: "Bob does not show the status",
			given: func(w *world) {
				w.bobSettings(func(s *simbob.Settings) {
					s.HiddenFields = []string{"internal.status", "internal.lifecycleStatus"}
				})
				w.put(personID, inactive)
			},
			found: true, phase: lifecycle.PhaseProvision, standing: lifecycle.StandingUnknown, reason: "lacks internal.status",
		},
		{
			name:  "revoked with immediate effect, Bob still says active",
			input: func(in *activities.ReadEmployeeInput) { in.Revoked = true },
			found: true, phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft,
		},

		{
			name:     "excluded by id",
			settings: func(s *mapping.Settings) { s.Scope.Exclude = []string{personID} },
			found:    true, phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "Out of scope: the person is listed",
		},
		{
			name:     "excluded by id, and deleted",
			settings: func(s *mapping.Settings) { s.Scope.Exclude = []string{personID} },
			given:    func(w *world) { w.remove(personID) },
			input:    deleted,
			phase:    lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "Out of scope: the person is listed", address: personEmail,
		},
		{
			name:     "another domain",
			settings: func(s *mapping.Settings) { s.Scope.EmailDomains = []string{"example.org"} },
			found:    true, phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "Out of scope: the domain",
		},
		{
			name:     "another site",
			settings: func(s *mapping.Settings) { s.Scope.Sites = []string{"Tokyo"} },
			found:    true, phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "Out of scope: the person's site",
		},
		{
			name:     "a leaver of another site",
			settings: func(s *mapping.Settings) { s.Scope.Sites = []string{"Tokyo"} },
			given:    func(w *world) { w.put(personID, inactive) },
			found:    true, phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "Out of scope: the person's site",
		},
		{
			name: "a leaver whose address and site were removed is not out of scope",
			settings: func(s *mapping.Settings) {
				s.Scope.EmailDomains, s.Scope.Sites = []string{"example.com"}, []string{"London"}
			},
			given: func(w *world) {
				w.put(personID, inactive)
				w.put(personID, map[string]any{"email": nil, "work": map[string]any{"site": nil}})
			},
			found: true, phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft,
		},
		{
			name:     "a department that is not shown",
			settings: func(s *mapping.Settings) { s.Scope.Departments = []string{"Waves"} },
			given: func(w *world) {
				w.bobSettings(func(s *simbob.Settings) { s.HiddenFields = []string{"work.department"} })
			},
			found: true, phase: lifecycle.PhaseNone, standing: lifecycle.StandingUnknown, reason: "Out of scope: Bob's answer lacks work.department, which scope.departments asks for",
		},
		{
			name:     "a leaver whose department is not shown is not out of scope",
			settings: func(s *mapping.Settings) { s.Scope.Departments = []string{"Waves"} },
			given: func(w *world) {
				w.put(personID, inactive)
				w.bobSettings(func(s *simbob.Settings) { s.HiddenFields = []string{"work.department"} })
			},
			found: true, phase: lifecycle.PhaseLeave, standing: lifecycle.StandingLeft,
		},
		{
			name:     "a deleted person is not out of scope for want of a site",
			settings: func(s *mapping.Settings) { s.Scope.Sites = []string{"London"} },
			given:    func(w *world) { w.remove(personID) },
			input:    deleted,
			phase:    lifecycle.PhaseLeave, standing: lifecycle.StandingLeft, address: personEmail,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.settings != nil {
				test.settings(&w.settings)
			}
			if test.given != nil {
				test.given(w)
			}
			if test.input == nil {
				test.input = func(*activities.ReadEmployeeInput) {}
			}
			out, err := w.read(test.input)
			require.NoError(t, err)
			require.Equal(t, test.found, out.Found)
			require.Equal(t, test.phase, out.Decision.Phase)
			require.Equal(t, test.standing, out.Decision.Standing)
			require.Equal(t, test.address, out.Address)
			require.Contains(t, out.Decision.Reason, test.reason)
			require.Equal(t, "default", out.SettingsVersion)
			require.True(t, out.SearchAttributes)
			require.NotEmpty(t, out.Digest)
		})
	}
}

// A failure to read is never a person who left.
func TestReadEmployeeFails(t *testing.T) {
	reset := time.Now().Add(30 * time.Second)
	tests := []struct {
		name string
		// fault of the person's read, unless it names another.
		fault     control.Fault
		given     func(w *world)
		input     func(*activities.ReadEmployeeInput)
		kind      string
		permanent bool
		// least and most bound the delay; 0 is none.
		least, most time.Duration
	}{
		{
			name:  "a page instead of an answer",
			fault: control.Fault{Status: 200, Body: "<html>Bob</html>"},
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "an empty answer",
			fault: control.Fault{Status: 200, Headers: map[string]string{"Content-Type": "application/json"}},
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "an empty object",
			fault: control.Fault{Status: 200, Body: "{}"},
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "another person",
			fault: control.Fault{Status: 200, Body: `{"id":"` + otherID + `","email":"` + otherEmail + `"}`},
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "a page with status 404",
			fault: control.Fault{Status: 404, Body: "<html>Not here</html>"},
			input: deleted,
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "cut off",
			fault: control.Fault{Drop: control.DropBefore},
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "down",
			fault: control.Fault{Status: 503, Body: `{"error":"` + personEmail + `"}`},
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "down, and says for how long",
			fault: control.Fault{Status: 503, Headers: map[string]string{"Retry-After": "20"}},
			kind:  activities.ErrUnavailable, least: 20 * time.Second, most: 25 * time.Second,
		},
		{
			name:  "rate limited, with an epoch",
			fault: control.Fault{Status: 429, Headers: map[string]string{"X-RateLimit-Reset": strconv.FormatInt(reset.Unix(), 10)}},
			kind:  activities.ErrRateLimited, least: 25 * time.Second, most: 37 * time.Second,
		},
		{
			name:  "rate limited, for an unknown time",
			fault: control.Fault{Status: 429},
			kind:  activities.ErrRateLimited, least: time.Minute, most: 72 * time.Second,
		},
		{
			name:  "credentials refused",
			fault: control.Fault{Status: 401},
			kind:  activities.ErrCredentialsRefused, least: time.Minute, most: 72 * time.Second,
		},
		{
			name:  "a permission is missing",
			fault: control.Fault{Status: 403},
			kind:  activities.ErrCredentialsRefused, least: time.Minute, most: 72 * time.Second,
		},
		{
			name:  "the request is refused",
			fault: control.Fault{Status: 400, Body: `{"key":"error.bad.request","error":"` + personEmail + `","args":{}}`},
			kind:  activities.ErrRefused, permanent: true,
		},
		{
			name:  "the search for another holder of a deleted person's address fails",
			fault: control.Fault{Route: "/v1/people/search", Status: 502},
			given: func(w *world) { w.remove(personID) },
			input: deleted,
			kind:  activities.ErrUnavailable,
		},
		{
			name:  "the list of titles cannot be read",
			fault: control.Fault{Method: "GET", Route: "/v1/company/named-lists/{list}", Status: 502},
			given: func(w *world) { w.bobSettings(func(s *simbob.Settings) { s.HideLabels = true }) },
			kind:  activities.ErrUnavailable,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.given != nil {
				test.given(w)
			}
			if test.fault.Route == "" {
				test.fault.Route = bobRead
			}
			if test.input == nil {
				test.input = func(*activities.ReadEmployeeInput) {}
			}
			w.bobFault(test.fault)
			_, err := w.read(test.input)
			app := failure(t, err)
			require.Equal(t, test.kind, app.Type())
			require.Equal(t, test.permanent, app.NonRetryable())
			require.GreaterOrEqual(t, app.NextRetryDelay(), test.least)
			require.LessOrEqual(t, app.NextRetryDelay(), test.most)
			require.Contains(t, app.Message(), "read the employee from Bob: ")
		})
	}
}

func TestReadEmployeeWaitsAMinuteBetweenRefusals(t *testing.T) {
	w := newWorld(t)
	w.bobFault(control.Fault{Route: bobRead, Count: 10, Status: 401})
	for range 5 {
		_, err := w.read()
		app := failure(t, err)
		require.Equal(t, activities.ErrCredentialsRefused, app.Type())
		require.Greater(t, app.NextRetryDelay(), 50*time.Second)
	}
	require.Equal(t, 1, w.bobCalls.Calls()["POST "+bobRead], "Bob's firewall is not provoked")
}

func TestReadEmployeeLabels(t *testing.T) {
	const titles = "/v1/company/named-lists/{list}"
	hidden := func(w *world) { w.bobSettings(func(s *simbob.Settings) { s.HideLabels = true }) }

	t.Run("given along", func(t *testing.T) {
		w := newWorld(t)
		out, err := w.read()
		require.NoError(t, err)
		require.Equal(t, "Lighthouse Keeper", out.Record.Labels["work.title"])
		require.Zero(t, w.bobCalls.Calls()["GET "+titles])
	})
	t.Run("read from the lists, once for all", func(t *testing.T) {
		w := newWorld(t)
		hidden(w)
		for range 3 {
			out, err := w.read()
			require.NoError(t, err)
			require.Equal(t, "Lighthouse Keeper", out.Record.Labels["work.title"])
			require.Equal(t, "Waves", out.Record.Labels["work.department"])
		}
		require.Equal(t, 2, w.bobCalls.Calls()["GET "+titles], "one read a list")
	})
	t.Run("a list that Bob does not have", func(t *testing.T) {
		w := newWorld(t)
		hidden(w)
		w.bobFault(control.Fault{Route: titles, Count: 100, Status: 404})
		for range 3 {
			desired := w.desired(personID)
			require.NotContains(t, desired.Attributes, "title")
			require.NotContains(t, desired.Attributes, "department")
			require.Len(t, desired.Notes, 2)
		}
		require.Equal(t, 2, w.bobCalls.Calls()["GET "+titles], "what is missing is not looked for again at once")
	})
	t.Run("a leaver is read without", func(t *testing.T) {
		w := newWorld(t)
		hidden(w)
		w.put(personID, inactive)
		w.bobFault(control.Fault{Route: titles, Count: 100, Status: 502})
		out, err := w.read()
		require.NoError(t, err)
		require.Equal(t, lifecycle.PhaseLeave, out.Decision.Phase)
	})
}

func TestReadEmployeeDigest(t *testing.T) {
	w := newWorld(t)
	digest := func(change ...func(*activities.ReadEmployeeInput)) string {
		out, err := w.read(change...)
		require.NoError(t, err)
		return out.Digest
	}
	later := func(in *activities.ReadEmployeeInput) { in.Now = in.Now.Add(48 * time.Hour) }

	first := digest()
	require.Equal(t, first, digest(later), "time alone changes nothing")

	w.put(personID, map[string]any{"internal": map[string]any{"terminationDate": "2999-05-31"}})
	leaving := digest()
	require.NotEqual(t, first, leaving)
	require.Equal(t, leaving, digest(later), "nor does the moment of the next look")

	w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})
	require.NotEqual(t, leaving, digest())
}

func TestMapFields(t *testing.T) {
	w := newWorld(t)
	var desired mapping.Desired
	require.NoError(t, w.once(activities.MapFieldsName, employee.Record{
		ID:     personID,
		Fields: map[string]any{"root.email": personEmail, "root.firstName": "Juniper", "work.title": "209192106", "work.workPhone": nil},
		Labels: map[string]any{"work.title": "Lighthouse Keeper"},
	}, &desired))
	require.Equal(t, []string{"email", "firstname", "phone", "title", "username"}, desired.Attributes.Names())
	require.Equal(t, "Lighthouse Keeper", *desired.Attributes["title"])
	require.Nil(t, desired.Attributes["phone"], "null in Bob clears")

	w.settings.Rules = []mapping.Rule{{Target: "email", Field: "root.email"}, {Target: "username", Field: "root.email"}}
	require.NoError(t, w.once(activities.MapFieldsName, employee.Record{ID: personID, Fields: map[string]any{"root.email": nil}}, &desired))
	require.Contains(t, desired.Missing, "Bob has no root.email for this person yet")
}

func TestReadEmployeeTogetherWithOthers(t *testing.T) {
	w := newWorld(t)
	together := func(in *activities.ReadEmployeeInput) { in.Together = true }
	alone, err := w.read()
	require.NoError(t, err)
	w.forgetCalls()
	out, err := w.read(together)
	require.NoError(t, err)
	require.Equal(t, alone.Digest, out.Digest, "the read calls for the same")
	require.Equal(t, map[string]int{"POST /v1/people/search": 1}, w.bobCalls.Calls())

	require.NoError(t, w.bob.Remove(personID))
	out, err = w.read(together)
	require.NoError(t, err)
	require.False(t, out.Found)
	require.Equal(t, lifecycle.PhaseNone, out.Decision.Phase, "to be missing proves nothing")
}
