package main

import (
	"bytes"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

var rewrite = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestResolve(t *testing.T) {
	const token = "bob-s3cret"
	calls := control.New(control.NewClock())
	server := simbob.New(simbob.Config{ServiceUserID: "SERVICE-test", Token: token, Settings: simbob.Settings{PerMinute: -1}}, calls)
	t.Cleanup(server.Close)
	require.NoError(t, server.Seed(map[string]any{"id": personID, "email": email, "internal": map[string]any{"status": "Inactive"}}))
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	good := config.Starter{Bob: config.Bob{BaseURL: listening.URL + "/v1", ServiceUserID: "SERVICE-test", ServiceUserToken: token}}
	with := func(change func(*config.Starter)) config.Starter {
		changed := good
		change(&changed)
		return changed
	}

	tests := []struct {
		name   string
		cfg    config.Starter
		person string
		id     string
		calls  int
		err    string
	}{
		{name: "an id needs nobody to be asked", person: personID, id: personID},
		{name: "an address", cfg: good, person: email, id: personID, calls: 1},
		{name: "an address in another case", cfg: good, person: strings.ToUpper(email), id: personID, calls: 1},
		{name: "an address that Bob does not know", cfg: good, person: "nobody.sample@example.com", calls: 1, err: "nobody with that e-mail address"},
		{name: "neither", cfg: good, person: "juniper", err: "give a Bob employee id (a number of about 19 digits) or an e-mail address"},
		{name: "an address that cannot be one", cfg: good, person: "juniper sample@example.com", err: "neither a Bob id nor an e-mail address"},
		{name: "an address without credentials", cfg: config.Starter{Bob: config.Bob{BaseURL: listening.URL}}, person: email, err: "an address is looked up in Bob, which needs credentials; or give the employee id"},
		{name: "credentials that are refused", cfg: with(func(c *config.Starter) { c.Bob.ServiceUserToken = "other-s3cret" }), person: email, calls: 1, err: "service user refused (401)"},
		{name: "a URL that is not Bob's", cfg: with(func(c *config.Starter) { c.Bob.BaseURL = listening.URL + "/wrong" }), person: email, calls: 1, err: "read person"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls.ResetCalls()
			id, err := resolve(t.Context(), test.cfg, test.person)
			require.Equal(t, test.id, id)
			total := 0
			for _, n := range calls.Calls() {
				total += n
			}
			require.Equal(t, test.calls, total)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.err)
			require.NotContains(t, strings.ToLower(err.Error()), "example.com")
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestStatusCommandWantsAnID(t *testing.T) {
	err := statusCommand{ID: email}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, "is not a Bob employee id")
}

func TestSyncCommandKnowsBobsEvents(t *testing.T) {
	err := syncCommand{Person: personID, Event: "employee.removed"}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, `--event: Bob has no event "employee.removed"; use one of [employee.created `)
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		args    []string
		command string
		want    cli
		err     string
	}{
		{args: []string{"serve"}, command: "serve"},
		{args: []string{"sync", personID}, command: "sync <id|email>", want: cli{Sync: syncCommand{Person: personID, Timeout: 30 * time.Second}}},
		{args: []string{"sync", "--timeout=2m", email}, command: "sync <id|email>", want: cli{Sync: syncCommand{Person: email, Timeout: 2 * time.Minute}}},
		{args: []string{"sync", personID, "--event=employee.deleted"}, command: "sync <id|email>", want: cli{Sync: syncCommand{Person: personID, Event: "employee.deleted", Timeout: 30 * time.Second}}},
		{args: []string{"status", personID}, command: "status <id>", want: cli{Status: statusCommand{ID: personID}}},
		{args: []string{"sync"}, err: `expected "<id|email>"`},
		{args: []string{"status"}, err: `expected "<id>"`},
		{args: []string{"remove", personID}, err: "unexpected argument remove"},
		{args: nil, err: "expected one of"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			var got cli
			parser, err := kong.New(&got, kong.Name("starter"))
			require.NoError(t, err)
			parsed, err := parser.Parse(test.args)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.command, parsed.Command())
			if test.want.Sync.Person != "" {
				require.Equal(t, test.want.Sync, got.Sync)
			}
			require.Equal(t, test.want.Status, got.Status)
		})
	}
}

// full is a result with everything in it.
var full = workflows.Result{
	EmployeeID: personID, Outcome: employee.Updated, OneLoginID: 60000042,
	Changed: []string{"department", "title"}, Reason: "OneLogin user 60000042 now says what Bob says",
	Notes:    []string{"The manager has no OneLogin user yet; the link follows when there is one", "custom_attributes.work_cell is left out"},
	DueAt:    time.Date(2026, 7, 1, 23, 0, 0, 0, time.UTC),
	Zone:     "Europe/London",
	Settings: "default",
}

func TestPrintResult(t *testing.T) {
	for name, result := range map[string]workflows.Result{
		"result_full":      full,
		"result_unchanged": {EmployeeID: personID, Outcome: employee.Unchanged, OneLoginID: 60000042, Reason: "OneLogin already says what Bob says", Settings: "0123456789ab"},
		"result_skipped":   {EmployeeID: personID, Outcome: employee.Skipped, Reason: "Bob does not show this person (404) and announced no deletion", Settings: "default"},
		"result_unknown_zone": {
			EmployeeID: personID, Outcome: employee.Scheduled, Reason: "Starts later", Settings: "default",
			DueAt: time.Date(2026, 7, 1, 23, 0, 0, 0, time.UTC), Zone: "Nowhere/Atall",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, printResult(&b, result))
			golden(t, name, b.Bytes())
		})
	}
}

func TestPrintStatus(t *testing.T) {
	since := time.Date(2026, 1, 8, 13, 6, 26, 0, time.UTC)
	for name, view := range map[string]workflows.StatusView{
		"status_full": {
			EmployeeID: personID, Name: "Juniper Sample", State: workflows.Leaving, Since: since, DueAt: time.Date(2026, 7, 1, 23, 0, 0, 0, time.UTC),
			DueFor: "leave", Zone: "Europe/London", LastRead: since.Add(30 * time.Second), Reason: "Bob says active",
			LastOutcome: &full, PendingEvents: 2, Revoked: true, AwaitedBy: 3,
		},
		"status_settling": {
			EmployeeID: personID, State: workflows.Settling, Since: since, DueAt: since.Add(30 * time.Second), DueFor: "settle",
			Reason: "1 event(s) came; Bob is read when its answer is sure to be fresh", PendingEvents: 1,
		},
		"status_done": {
			EmployeeID: personID, State: workflows.Done, Since: since, LastRead: since, Reason: "OneLogin already says what Bob says",
			LastOutcome: &workflows.Result{EmployeeID: personID, Outcome: employee.Unchanged, Reason: "OneLogin already says what Bob says", Settings: "default"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, printStatus(&b, view))
			golden(t, name, b.Bytes())
		})
	}
}
