package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

func text(s string) *string { return &s }

func TestPrintExplanation(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for name, e := range map[string]activities.Explanation{
		"explain_differs": {
			EmployeeID: personID, Found: true, InScope: true, Settings: "3f2a9c01b7de",
			Decision:  lifecycle.Decision{Phase: lifecycle.PhaseProvision, Reason: "Bob says active", Zone: "Europe/London", StartAt: start.AddDate(-6, 0, 0), LeaveAt: start.AddDate(0, 4, 0)},
			User:      &activities.UserRef{ID: 60000042, Status: 1, State: 1},
			MatchedBy: "external_id",
			Status:    lifecycle.StatusDecision{Action: lifecycle.KeepStatus, Rule: "active, as Bob says"},
			Outcome:   employee.Updated, Reason: "OneLogin user 60000042 does not say what Bob says",
			Attributes: []activities.ExplainedAttribute{
				{Attribute: "email", Source: "root.email", Old: text("juniper.sample@example.com"), New: text("juniper.sample@example.com")},
				{Attribute: "title", Source: "work.title", Old: text("Gardener"), New: text("Head Gardener"), Write: true},
				{Attribute: "phone", Source: "work.workPhone", Old: text("+44 20 7946 0001"), Write: true},
				{Attribute: "company", Source: "work.custom.field_1", Note: "Bob's answer lacks work.custom.field_1"},
			},
			Fields: []activities.ExplainedField{
				{Field: "root.email", NeededBy: []string{"address", "mapping.email"}, Answer: "present", Value: "juniper.sample@example.com"},
				{Field: "work.workPhone", NeededBy: []string{"mapping.phone"}, Answer: "null"},
				{Field: "work.custom.field_1", NeededBy: []string{"mapping.company"}, Answer: "absent"},
			},
			Notes: []string{"The workflow employee/" + personID + " waits: leave, Thu 2 Jul 2026 00:00:00 BST"},
		},
		"explain_waits": {
			EmployeeID: personID, Found: true, InScope: true, Settings: "default",
			Decision: lifecycle.Decision{Phase: lifecycle.PhaseWait, Reason: "Starts on 2026-03-02 (UTC); due Mon 2 Mar 2026 00:00:00 UTC", Zone: "UTC", StartAt: start},
			Outcome:  employee.Scheduled, Reason: "Starts on 2026-03-02 (UTC); due Mon 2 Mar 2026 00:00:00 UTC",
		},
		"explain_not_in_bob": {
			EmployeeID: personID, Decision: lifecycle.Decide(mapping.Default().Policy, lifecycle.Situation{}),
			Outcome: employee.Skipped, Reason: "Bob does not show this person", Settings: "default",
		},
		"explain_out_of_scope": {
			EmployeeID: personID, Found: true, ScopeRule: "the person's site is not under scope.sites", Settings: "3f2a9c01b7de",
			Decision: lifecycle.Decision{Phase: lifecycle.PhaseLeave, OutOfScope: true, Reason: "Out of scope: the person's site is not under scope.sites, and scope.out_of_scope says suspend"},
			User:     &activities.UserRef{ID: 60000042, Status: 1, State: 1}, MatchedBy: "external_id",
			Status:  lifecycle.StatusDecision{Action: lifecycle.Suspend, Rule: "the person's access has ended"},
			Outcome: employee.Suspended, Reason: "Out of scope",
			Attributes: []activities.ExplainedAttribute{{Attribute: "status", Old: text("1"), New: text("2"), Write: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, printExplanation(&out, e))
			golden(t, name, out.Bytes())
		})
	}
}

func TestSampleRecord(t *testing.T) {
	settings := mapping.Default()
	r, err := sampleRecord(settings, []string{"work.title=Head Gardener", "work.workPhone="}, []string{"work.department"})
	require.NoError(t, err)
	d := settings.Map(r)
	require.Empty(t, d.Missing)
	require.Empty(t, d.Notes)
	require.Equal(t, "Head Gardener", *d.Attributes["title"])
	value, there := d.Attributes["phone"]
	require.True(t, there, "an empty field clears")
	require.Nil(t, value)
	require.NotContains(t, d.Attributes, "department", "an absent field leaves alone")

	for _, asked := range settings.BobFields() {
		if asked != "work.department" {
			require.Contains(t, r.Fields, asked)
		}
	}
	_, err = sampleRecord(settings, []string{"work.titel=x"}, nil)
	require.ErrorContains(t, err, "--set: the settings ask Bob for no field work.titel")
	_, err = sampleRecord(settings, nil, []string{"work.custom.field_1"})
	require.ErrorContains(t, err, "--absent: the settings ask Bob for no field work.custom.field_1")
	_, err = sampleRecord(settings, []string{"work.title"}, nil)
	require.ErrorContains(t, err, "write it as work.title=Gardener")
}

func TestExplainRefusesArguments(t *testing.T) {
	for want, c := range map[string]explainCommand{
		"give a person or --sample, not both": {Sample: true, Person: personID, Timeout: time.Second},
		"give a Bob employee id, an e-mail":   {Timeout: time.Second},
		"--set and --absent are for --sample": {Person: personID, Set: []string{"work.title=x"}, Timeout: time.Second},
		"give a Bob employee id (a number":    {Person: "somebody", Timeout: time.Second},
	} {
		require.ErrorContains(t, c.Run(t.Context(), config.Starter{}), want)
	}
	err := explainCommand{Person: personID, Timeout: time.Second}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, "BOB_SERVICE_USER_ID")
	require.ErrorContains(t, err, "ONELOGIN_CLIENT_ID")
}

// Explaining needs neither Temporal nor a worker.
func TestExplainPersonWithoutTemporal(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte("scope: {email_domains: [example.com]}\n"), 0o600))

	bobServer := simbob.New(simbob.Config{ServiceUserID: "SERVICE-test", Token: "bob-s3cret", Settings: simbob.Settings{PerMinute: -1}}, control.New(control.NewClock()))
	t.Cleanup(bobServer.Close)
	require.NoError(t, bobServer.Seed(map[string]any{
		"id": personID, "email": email, "firstName": "Juniper", "surname": "Sample",
		"work":     map[string]any{"startDate": "2020-01-06", "title": "Gardener"},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	}))
	oneCalls := control.New(control.NewClock())
	oneServer := simonelogin.New(simonelogin.Config{ClientID: "id", ClientSecret: "one-s3cret", HourlyBudget: -1}, oneCalls)
	oneServer.Seed(map[string]any{"email": email, "username": email, "firstname": "June", "lastname": "Sample", "external_id": personID, "status": 1, "state": 1})
	bobHTTP, oneHTTP := httptest.NewServer(bobServer), httptest.NewServer(oneServer)
	t.Cleanup(bobHTTP.Close)
	t.Cleanup(oneHTTP.Close)
	cfg := config.Starter{
		Bob:              config.Bob{BaseURL: bobHTTP.URL + "/v1", ServiceUserID: "SERVICE-test", ServiceUserToken: "bob-s3cret", MaxPerMinute: 45},
		OneLogin:         config.OneLogin{BaseURL: oneHTTP.URL, ClientID: "id", ClientSecret: "one-s3cret", Region: "us", MaxRPS: 50, PageLimit: 100},
		ProvisioningFile: policy,
	}
	for _, person := range []string{personID, email} {
		e, err := explainPerson(t.Context(), cfg, person)
		require.NoError(t, err)
		require.Equal(t, employee.Updated, e.Outcome, e.Reason)
		require.True(t, e.InScope)
		require.NotEqual(t, "default", e.Settings)
		require.Contains(t, strings.Join(e.Notes, "; "), "Temporal did not answer")
	}
	_, err := explainPerson(t.Context(), cfg, "nobody@example.com")
	require.ErrorIs(t, err, errNobody)
	calls := oneCalls.Calls()
	require.Zero(t, calls["PUT /api/2/users/{id}"]+calls["POST /api/2/users"])
}
