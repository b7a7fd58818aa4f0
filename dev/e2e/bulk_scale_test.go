package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// way is one way of not being in line.
type way struct {
	name string
	n    int
	// who may be chosen for it.
	who func(p people.Person) bool
	// change makes it so; i counts from 0.
	change func(w *workforce, p people.Person, i int)
	// want is what a bulk run makes of it, and how many of them there are for
	// each person chosen: 1 unless said.
	want employee.Outcome
	each int
	// free: nothing is to be written.
	free bool
}

// workforce chooses people, each once, and nobody whom others report to.
type workforce struct {
	*bulkStack
	taken   map[string]bool
	bosses  []string // settled managers
	nextNew int
}

func newWorkforce(s *bulkStack) *workforce {
	w := &workforce{bulkStack: s, taken: map[string]bool{}}
	for _, p := range s.staff {
		if p.ManagerID != "" && !w.taken[p.ManagerID] {
			w.taken[p.ManagerID] = true
			w.bosses = append(w.bosses, p.ManagerID)
		}
	}
	return w
}

func (w *workforce) choose(who func(people.Person) bool) people.Person {
	w.t.Helper()
	for _, p := range w.staff {
		if !w.taken[p.ID] && who(p) {
			w.taken[p.ID] = true
			return p
		}
	}
	w.t.Fatal("too few sample people")
	return people.Person{}
}

func (w *workforce) newID() string {
	w.nextNew++
	return hireID(w.nextNew)
}

// atWork is a person with everything that may change.
func atWork(p people.Person) bool {
	work := p.Record["work"].(map[string]any)
	return p.Record["internal"].(map[string]any)["lifecycleStatus"] == "employed" &&
		work["title"] != nil && work["workPhone"] != nil
}

func leftWithUser(p people.Person) bool { return p.Situation == "left, suspended" }

// work is a change of fields of Bob's category work.
func work(values map[string]any) map[string]any { return map[string]any{"work": values} }

// inBob changes Bob's record.
func inBob(record func(p people.Person, i int) map[string]any) func(*workforce, people.Person, int) {
	return func(w *workforce, p people.Person, i int) { w.put(p.ID, record(p, i)) }
}

// inOneLogin changes the user.
func inOneLogin(user func(p people.Person, i int) map[string]any) func(*workforce, people.Person, int) {
	return func(w *workforce, p people.Person, i int) { w.setUser(p.ID, user(p, i)) }
}

const leavesLater = "2035-06-29"

// everyWay is every way in which people get out of line: 150 writes.
var everyWay = []way{
	{name: "a new hire", n: 16, who: atWork, want: employee.Created, change: func(w *workforce, p people.Person, _ int) {
		id := w.newID()
		w.put(id, newHire(id, p.ManagerID))
	}},
	{name: "a new manager with four new reports", n: 3, who: atWork, want: employee.Created, each: 5, change: func(w *workforce, p people.Person, _ int) {
		manager := w.newID()
		for range 4 {
			id := w.newID()
			w.put(id, newHire(id, manager))
		}
		w.put(manager, newHire(manager, p.ManagerID))
	}},
	{name: "a new manager for somebody who is there", n: 3, who: atWork, want: employee.Updated, change: func(w *workforce, p people.Person, i int) {
		// The managers of the ways above come with every fifth id.
		w.put(p.ID, work(map[string]any{"reportsTo": hireID(16 + 5*i + 1)}))
	}},
	{name: "another title", n: 8, who: atWork, want: employee.Updated, change: inBob(func(p people.Person, _ int) map[string]any {
		return work(map[string]any{"title": other(people.Titles(), p, "title")})
	})},
	{name: "another department", n: 6, who: atWork, want: employee.Updated, change: inBob(func(p people.Person, _ int) map[string]any {
		return work(map[string]any{"department": other(people.Departments(), p, "department")})
	})},
	{name: "another work phone", n: 8, who: atWork, want: employee.Updated, change: inBob(func(_ people.Person, i int) map[string]any {
		return work(map[string]any{"workPhone": fmt.Sprintf("+44 20 7946 1%03d", i)})
	})},
	{name: "another mobile, a custom attribute", n: 8, who: atWork, want: employee.Updated, change: inBob(func(_ people.Person, i int) map[string]any {
		return work(map[string]any{"workMobile": fmt.Sprintf("+44 7700 901%03d", i)})
	})},
	{name: "no phone any more", n: 6, who: atWork, want: employee.Updated, change: inBob(func(people.Person, int) map[string]any {
		return work(map[string]any{"workPhone": nil})
	})},
	{name: "another surname", n: 8, who: atWork, want: employee.Updated, change: inBob(func(_ people.Person, i int) map[string]any {
		return map[string]any{"surname": fmt.Sprintf("Teasel-Mallow %d", i)}
	})},
	{name: "another address", n: 8, who: atWork, want: employee.Renamed, change: inBob(func(_ people.Person, i int) map[string]any {
		return map[string]any{"email": fmt.Sprintf("married.%d@example.com", i)}
	})},
	{name: "another manager", n: 8, who: atWork, want: employee.Updated, change: func(w *workforce, p people.Person, i int) {
		boss := w.bosses[i]
		if boss == p.ManagerID {
			boss = w.bosses[len(w.bosses)-1]
		}
		w.put(p.ID, work(map[string]any{"reportsTo": boss}))
	}},
	{name: "no manager any more", n: 2, who: atWork, want: employee.Updated, change: inBob(func(people.Person, int) map[string]any {
		return work(map[string]any{"reportsTo": nil})
	})},
	{name: "a title changed in OneLogin", n: 6, who: atWork, want: employee.Updated, change: inOneLogin(func(people.Person, int) map[string]any {
		return map[string]any{"title": "Title of last year"}
	})},
	{name: "a mobile lost in OneLogin", n: 4, who: atWork, want: employee.Updated, change: inOneLogin(func(people.Person, int) map[string]any {
		return map[string]any{"custom_attributes": map[string]any{"work_cell": nil}}
	})},
	{name: "known by the address alone", n: 8, who: atWork, want: employee.Updated, change: inOneLogin(func(people.Person, int) map[string]any {
		return map[string]any{"external_id": nil}
	})},
	{name: "known by the address in another case", n: 5, who: atWork, want: employee.Updated, change: inOneLogin(func(p people.Person, _ int) map[string]any {
		email := p.Record["email"].(string)
		return map[string]any{"external_id": nil, "email": upper(email, 1), "username": upper(email, len(email))}
	})},
	{name: "linked to somebody who is gone from Bob", n: 4, who: atWork, want: employee.Relinked, change: inOneLogin(func(_ people.Person, i int) map[string]any {
		return map[string]any{"external_id": hireID(500_000 + i)}
	})},
	{name: "come back under a new record", n: 3, who: leftWithUser, want: employee.Relinked, change: func(w *workforce, p people.Person, _ int) {
		id := w.newID()
		record := newHire(id, p.ManagerID)
		record["email"] = p.Record["email"]
		w.put(id, record)
	}},
	{name: "suspended in OneLogin", n: 8, who: atWork, want: employee.Reactivated, change: inOneLogin(func(people.Person, int) map[string]any {
		return map[string]any{"status": 2}
	})},
	{name: "suspended, unlinked and out of date at once", n: 2, who: atWork, want: employee.Reactivated, change: func(w *workforce, p people.Person, _ int) {
		w.setUser(p.ID, map[string]any{"status": 2, "external_id": nil, "department": nil})
		w.put(p.ID, map[string]any{"firstName": "Violet"})
	}},
	{name: "left in Bob", n: 5, who: atWork, want: employee.Suspended, change: inBob(func(people.Person, int) map[string]any {
		return map[string]any{
			"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated", "terminationDate": "2026-01-09"},
			"employee": map[string]any{"lastDayOfWork": "2026-01-09"},
		}
	})},
	{name: "left, and let in again by somebody", n: 4, who: leftWithUser, want: employee.Suspended, change: inOneLogin(func(people.Person, int) map[string]any {
		return map[string]any{"status": 1}
	})},
	{name: "left, with a profile out of date", n: 3, who: leftWithUser, want: employee.Updated, change: inOneLogin(func(people.Person, int) map[string]any {
		return map[string]any{"title": "Title of last year"}
	})},
	{name: "leaves later, and has another surname", n: 2, who: atWork, want: employee.Updated, change: inBob(func(_ people.Person, i int) map[string]any {
		return map[string]any{"surname": fmt.Sprintf("Sedge %d", i), "employee": map[string]any{"lastDayOfWork": leavesLater}}
	})},
	{name: "leaves later", n: 3, who: atWork, want: employee.Scheduled, free: true, change: inBob(func(people.Person, int) map[string]any {
		return map[string]any{"employee": map[string]any{"lastDayOfWork": leavesLater}}
	})},
	{name: "a hire who starts later", n: 4, who: atWork, want: employee.Scheduled, free: true, change: func(w *workforce, p people.Person, _ int) {
		id := w.newID()
		record := newHire(id, p.ManagerID)
		record["work"].(map[string]any)["startDate"] = "2035-03-05"
		record["internal"] = map[string]any{"status": "Inactive", "lifecycleStatus": "hired"}
		w.put(id, record)
	}},
}

// other is a label of a list that is not the person's.
func other(items []people.ListItem, p people.Person, field string) string {
	now, _ := people.Label(items, p.Record["work"].(map[string]any)[field].(string))
	if items[0].Label == now {
		return items[1].Label
	}
	return items[0].Label
}

func upper(s string, n int) string {
	b := []byte(s)
	for i := range n {
		if b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// handedOut waits until the bulk run has got everybody whom it is to deal with.
// Until then it reads both sides anew if the worker goes that has read them.
func (s *bulkStack) handedOut() {
	s.t.Helper()
	s.eventually("everybody is handed out", time.Minute, func() bool {
		pages, last := map[int64]bool{}, false
		for _, e := range s.history(s.t.Context(), workflows.BulkWorkflowID, "").GetEvents() {
			if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activities.BulkPageName {
				pages[e.GetEventId()] = true
			}
			if done := e.GetActivityTaskCompletedEventAttributes(); pages[done.GetScheduledEventId()] {
				var page activities.BulkPageResult
				require.NoError(s.t, keys.DataConverter().FromPayloads(done.GetResult(), &page))
				last = last || page.Last
			}
		}
		return last
	})
}

// TestBulkOfTwoThousand is the proof of the whole: 2,000 employees of whom 150
// differ, in every way there is, cost 20 calls to list and 150 to write, and
// nothing of that is changed by a worker that is killed twice meanwhile.
func TestBulkOfTwoThousand(t *testing.T) {
	const employees, changed, newRecords = 2000, 150, 16 + 15 + 3 + 4
	s := newBulkStack(t, employees-newRecords)
	for i := range 60 {
		// People whom Bob does not know are none of our business.
		address := fmt.Sprintf("contractor.%d@example.com", i)
		s.seed(map[string]any{"email": address, "username": address, "firstname": "Coral", "lastname": "Contractor"})
	}
	w := newWorkforce(s)
	want, wrote := map[employee.Outcome]int{}, 0
	for _, way := range everyWay {
		each := max(way.each, 1)
		for i := range way.n {
			way.change(w, w.choose(way.who), i)
		}
		want[way.want] += way.n * each
		if !way.free {
			wrote += way.n * each
		}
	}
	require.Equal(t, changed, wrote, "the table of ways")
	for _, p := range s.staff {
		if p.Situation == "left, never in OneLogin" {
			want[employee.Skipped]++
		}
	}
	total := 0
	for _, n := range want {
		total += n
	}
	want[employee.Unchanged] = employees - total
	s.calls()

	s.plainInput = true // the command encrypts nothing
	began := time.Now()
	out, err := s.cli("workflow", "start", "--type", "BulkSync", "--task-queue", "bob-onelogin", "--workflow-id", "bulk-sync")
	require.NoError(t, err, out)
	s.handedOut()
	for _, after := range []int{30, 90} {
		s.eventually(fmt.Sprintf("%d writes are done", after), time.Minute, func() bool { return writes(s.callsOf(s.oneURL)) >= after })
		s.kill()
		require.Less(t, writes(s.callsOf(s.oneURL)), changed, "the worker is killed in the middle")
		s.startWorker()
	}
	p, err := s.end(s.temporal.GetWorkflow(t.Context(), workflows.BulkWorkflowID, ""))
	require.NoError(t, err)
	t.Logf("the first run took %s, with two kills", time.Since(began).Round(100*time.Millisecond))
	calls := s.calls()
	require.Equal(t, changed, writes(calls), "writes: %v", calls)
	require.Equal(t, 20, calls[listPage], "pages listed: %v", calls)
	require.Equal(t, want[employee.Created], calls[createUser])
	require.GreaterOrEqual(t, calls[logout], want[employee.Suspended])
	require.Empty(t, p.Failures)
	require.Equal(t, want, nonzero(p.Outcomes))
	require.Equal(t, changed+want[employee.Scheduled], p.Total)
	require.Equal(t, p.Total, p.Done)
	require.Equal(t, employees, p.Employees)
	s.learnUsers()
	s.requireInLine()

	// Those who start or leave later wait now, and are listed a moment after.
	waiting := want[employee.Scheduled] + 2
	s.listed(int64(waiting), "SyncState IN ('Waiting', 'Leaving') AND ExecutionStatus = 'Running'")
	began = time.Now()
	p = s.bulk()
	t.Logf("the second run took %s", time.Since(began).Round(100*time.Millisecond))
	require.Equal(t, map[string]int{findUser: 20, listPage: 20}, s.calls(), "the second run only reads")
	require.Zero(t, p.Total)
	// The old records of those who came back have no user any more.
	const old = 3
	require.Equal(t, map[employee.Outcome]int{
		employee.Scheduled: waiting, employee.Skipped: want[employee.Skipped] + old,
		employee.Unchanged: employees - waiting - want[employee.Skipped] - old,
	}, nonzero(p.Outcomes))
}
