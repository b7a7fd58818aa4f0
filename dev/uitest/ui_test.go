package uitest

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/brake"
	"bob-onelogin/workflows"
)

var (
	chromium = flag.String("chromium", "", "path of the Chromium to open the web UI in; without it nothing is tested here")
	update   = flag.Bool("update", false, "put the pictures into docs/pictures")
)

// Everything about these people is invented.
const (
	boss         = "4100000000000000001"
	waiting      = "4100000000000000011"
	leaving      = "4100000000000000012"
	held         = "4100000000000000013"
	leavingLater = "4100000000000000016"
	failed       = "4100000000000000014"
	done         = "4100000000000000015"

	heldEmail = "held.keeper@example.com"
	// bulkHires are so many that a bulk run takes minutes.
	bulkHires     = 400
	firstBulkHire = 4200000000000000000
	// rushed leave at once, of whom the suspension brake lets passed pass.
	rushed, passed = 9, 5
	firstRushed    = 4300000000000000000
)

func person(first, last, title string) map[string]any {
	return map[string]any{
		"firstName": first, "surname": last, "email": strings.ToLower(first + "." + last + "@example.com"),
		"work":     map[string]any{"title": title, "department": "Kites", "startDate": "2024-01-08"},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	}
}

// merged is a record with another's fields, category by category.
func merged(record, more map[string]any) map[string]any {
	record = maps.Clone(record)
	for name, value := range more {
		category, nested := value.(map[string]any)
		before, _ := record[name].(map[string]any)
		if nested && before != nil {
			value = merged(before, category)
		}
		record[name] = value
	}
	return record
}

// account is the OneLogin user of a person.
func account(id string, p map[string]any) map[string]any {
	work := p["work"].(map[string]any)
	return map[string]any{
		"email": p["email"], "username": p["email"], "firstname": p["firstName"], "lastname": p["surname"],
		"title": work["title"], "department": work["department"], "external_id": id, "status": 1, "state": 1,
	}
}

// view is a saved view of the list, as docs/web-ui.md tells it.
type view struct {
	name, query   string
	shows, leaves []string
}

func TestWebUIReadsLikeAStory(t *testing.T) {
	if *chromium == "" {
		t.Skip("needs a browser: run `make ui-test`")
	}
	pictures := t.TempDir()
	if *update {
		pictures = filepath.Join("..", "..", "docs", "pictures")
		require.NoError(t, os.MkdirAll(pictures, 0o755))
	}
	s := newStack(t)
	today := time.Now().UTC()
	s.cast(today)
	b := newBrowser(t, *chromium, s.web, pictures)

	for _, v := range views(today) {
		b.open(list(v.name, v.query))
		b.reads(append(v.shows, v.name)...)
		for _, other := range v.leaves {
			require.NotContains(t, b.text(), other, "the view %s", v.name)
		}
	}
	b.open("/namespaces/" + namespace + "/workflows")
	b.reads(
		"Running "+workflows.EmployeeWorkflowID(waiting)+" Waiting "+today.AddDate(0, 0, 14).Format(time.DateOnly),
		"Failed "+workflows.EmployeeWorkflowID(failed)+" Failed", "Completed "+workflows.EmployeeWorkflowID(held)+" Held",
		"Custom Views 5 / 20", "Leaving this week",
	)
	b.shoot("list")

	begins := "Starts " + today.AddDate(0, 0, 14).Format("Mon 2 Jan 2006") + " 00:00 UTC"
	b.open(s.page(workflows.EmployeeWorkflowID(waiting), "history"))
	b.reads(begins, "Bob's reads settle before they are trusted", "ReadEmployee • Read the employee from Bob")
	b.shoot("waiting")
	b.open(s.page(workflows.EmployeeWorkflowID(waiting), "user-metadata"))
	b.reads("Bob employee "+waiting+" → OneLogin", "Hire Later, Bob employee "+waiting, "Waiting since", "Starts on "+today.AddDate(0, 0, 14).Format(time.DateOnly), "Next: "+begins, "Outcome scheduled", "Settings [0-9a-f]{12}")
	b.shoot("waiting-details")

	ends := "access ends " + today.AddDate(0, 0, 4).Format("Mon 2 Jan 2006") + " 00:00 UTC"
	b.open(s.page(workflows.EmployeeWorkflowID(leaving), "user-metadata"))
	b.reads("Leaver Soon, Bob employee "+leaving, "Leaving since", "Next: Look at Bob again; "+ends, "Outcome unchanged", "OneLogin user [0-9]+")

	b.open(s.page(workflows.EmployeeWorkflowID(held), "user-metadata"))
	b.reads("Held Keeper, Bob employee "+held, "Held since", `Bob says inactive \(terminated\): a suspension is due, but this user is protected\.`)

	sentence := "OneLogin users [0-9]+ and [0-9]+ both carry Bob id " + failed + " in external_id: clear external_id on the wrong one, then run `?starter sync " + failed
	b.open(s.page(workflows.EmployeeWorkflowID(failed), "history"))
	b.reads(sentence)
	b.open(s.page(workflows.EmployeeWorkflowID(failed), "user-metadata"))
	b.reads("Twice There, Bob employee "+failed, "Failed since", sentence)
	b.shoot("failed-details")

	rejected := s.rush()
	b.open(s.page(workflows.BrakeWorkflowID, "user-metadata"))
	b.reads(
		"how many were suspended of late, and who is held", fmt.Sprintf("%d held: they have left, and can still log in", rushed-passed-1),
		fmt.Sprintf("Suspensions within 24h %d of %d", passed, passed), "Held OneLogin user since "+workflows.EmployeeWorkflowID("43"),
		"Rejected OneLogin user since "+workflows.EmployeeWorkflowID(rejected),
	)
	b.shoot("brake")
	b.open(s.page(workflows.EmployeeWorkflowID(rejected), "user-metadata"))
	b.reads("Held since", "a person has rejected it", "starter brake approve "+rejected)

	s.beginBulk()
	b.open(s.page(workflows.BulkWorkflowID, "user-metadata"))
	b.reads(
		"Synchronise everybody, Bob → OneLogin", "The updates pause and resume hold it",
		"Bulk run: running", fmt.Sprintf(`Dealt with [0-9]+ of %d \([0-9]+%%\)`, bulkHires+2+rushed-passed),
		"Running now [0-9]+", "Rate [0-9]+ a minute", "Ends about .* UTC", "created [0-9]+", "OneLogin.s hour [0-9]+ calls left",
		"Bob id Needs somebody", failed+" failed: "+sentence,
	)
	b.shoot("bulk")
}

// The document tells the views that are tried above.
func TestDocumentTellsTheViews(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "web-ui.md"))
	require.NoError(t, err)
	// The day from which the document counts its week.
	for _, v := range views(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)) {
		require.Contains(t, string(document), "| "+v.name+" | `"+v.query+"` |")
	}
}

func views(today time.Time) []view {
	id := workflows.EmployeeWorkflowID
	week := today.AddDate(0, 0, 7).Format(time.DateOnly) + "T00:00:00Z"
	return []view{
		{"Waiting", `SyncState = "Waiting"`, []string{id(waiting)}, []string{id(leaving), id(done)}},
		{"Leaving this week", `SyncState = "Leaving" AND SyncDueAt < "` + week + `"`, []string{id(leaving)}, []string{id(leavingLater), id(waiting)}},
		{"Failed", `SyncState = "Failed"`, []string{id(failed)}, []string{id(held), id(done)}},
		{"Held", `SyncState = "Held"`, []string{id(held)}, []string{id(failed), id(done)}},
		{"Bulk runs", `WorkflowType = "BulkSync"`, []string{"0 Workflows"}, []string{id(done)}},
	}
}

// cast puts everybody into Bob and OneLogin, tells of them by webhooks, and
// waits until each is where the story has them.
func (s *stack) cast(today time.Time) {
	s.t.Helper()
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	employed := func(id string, p map[string]any) {
		s.put(id, p)
		s.do(http.MethodPost, s.oneLogin+"/_sim/users", account(id, p))
	}
	leaves := func(days int) map[string]any {
		return map[string]any{"employee": map[string]any{"lastDayOfWork": day(days)}, "internal": map[string]any{"terminationDate": day(days)}}
	}
	employed(boss, person("Boss", "One", "Head Gardener"))

	s.put(waiting, merged(person("Hire", "Later", "Map Folder"), map[string]any{
		"work": map[string]any{"startDate": day(14), "reportsTo": boss}, "internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
	}), "employee.created")
	employed(leaving, person("Leaver", "Soon", "Bell Tuner"))
	s.put(leaving, leaves(3), "employee.updated")
	employed(leavingLater, person("Leaver", "Later", "Bell Ringer"))
	s.put(leavingLater, leaves(60), "employee.updated")
	employed(held, person("Held", "Keeper", "Lighthouse Keeper"))
	s.put(held, merged(leaves(0), map[string]any{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"}}), "employee.left")

	twice := person("Twice", "There", "Tea Taster")
	employed(failed, twice)
	s.do(http.MethodPost, s.oneLogin+"/_sim/users", merged(account(failed, twice), map[string]any{
		"email": "twice.there.old@example.com", "username": "twice.there.old@example.com",
	}))
	s.put(failed, map[string]any{"work": map[string]any{"title": "Tea Master"}}, "employee.updated")
	s.put(done, merged(person("Hire", "Today", "Kite Engineer"), map[string]any{"work": map[string]any{"startDate": day(0), "reportsTo": boss}}), "employee.created")

	for id, state := range map[string]workflows.SyncState{
		waiting: workflows.Waiting, leaving: workflows.Leaving, leavingLater: workflows.Leaving,
		held: workflows.Held, failed: workflows.Failed, done: workflows.Done,
	} {
		s.reaches(id, state)
	}
}

// rush has more people leave at once than the suspension brake lets pass, and
// rejects the suspension of one.
func (s *stack) rush() (rejected string) {
	s.t.Helper()
	for i := range rushed {
		id, p := fmt.Sprint(firstRushed+i), person("Leaver", fmt.Sprintf("Number%d", i), "Bell Ringer")
		s.put(id, p)
		s.do(http.MethodPost, s.oneLogin+"/_sim/users", account(id, p))
		s.put(id, map[string]any{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"}}, "employee.left")
	}
	brakeSays := func(what string, holds func(brake.View) bool) (v brake.View) {
		s.eventually(what, func() bool {
			var err error
			v, err = s.dispatcher.Brake(s.t.Context(), 0)
			return err == nil && holds(v)
		})
		return v
	}
	v := brakeSays("people are held", func(v brake.View) bool { return v.Used == passed && v.Held == rushed-passed })
	rejected = v.People[0].EmployeeID
	_, err := s.dispatcher.RejectSuspensions(s.t.Context(), brake.Decision{EmployeeIDs: []string{rejected}})
	require.NoError(s.t, err)
	s.eventually("the rejection is told", func() bool {
		view, err := s.dispatcher.Status(s.t.Context(), rejected)
		// The look that confirms the event's comes a settle delay later.
		return err == nil && view.State == workflows.Held && strings.Contains(view.Reason, "rejected") && time.Since(view.Since) > 4*time.Second
	})
	return rejected
}

// beginBulk starts a bulk run that takes minutes, and waits until it has dealt
// with some.
func (s *stack) beginBulk() {
	s.t.Helper()
	for i := range bulkHires {
		s.put(fmt.Sprint(firstBulkHire+i), merged(person("Hire", fmt.Sprintf("Number%d", i), "Kite Engineer"), map[string]any{"work": map[string]any{"reportsTo": boss}}))
	}
	_, _, err := s.dispatcher.StartBulk(s.t.Context(), workflows.BulkSyncInput{})
	require.NoError(s.t, err)
	s.eventually("the bulk run has dealt with some", func() bool {
		v, err := s.dispatcher.Progress(s.t.Context(), workflows.BulkWorkflowID, "")
		return err == nil && v.Progress != nil && v.Progress.Done >= 20
	})
}
