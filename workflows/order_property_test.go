package workflows_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

// ending is what Bob says of the person while the events come in.
type ending struct {
	policy lifecycle.Policy
	record map[string]any
	hidden []string
	// user is the OneLogin user at first; nil for none.
	user map[string]any
	// plain: Bob says whether the person works here, and all of it is shown.
	plain bool
}

func drawEnding(t *rapid.T) ending {
	e := ending{policy: lifecycle.DefaultPolicy()}
	e.policy.Status = rapid.SampledFrom([]lifecycle.StatusPolicy{lifecycle.FollowBob, lifecycle.AlwaysActive, lifecycle.AlwaysSuspended}).Draw(t, "status policy")
	e.policy.Reactivate = rapid.SampledFrom([]lifecycle.ReactivatePolicy{
		lifecycle.ReactivateAlways, lifecycle.ReactivateOnActivation, lifecycle.ReactivateNever,
	}).Draw(t, "reactivate")
	e.policy.Start.When = rapid.SampledFrom([]lifecycle.StartWhen{lifecycle.StartOnDate, lifecycle.StartOnCreation}).Draw(t, "start")
	e.policy.Start.LeadDays = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "lead days")
	e.policy.TemporaryLeave = rapid.SampledFrom([]lifecycle.LeaveRule{
		lifecycle.LeaveFollowsBob, lifecycle.LeaveIsActive, lifecycle.LeaveIsInactive,
	}).Draw(t, "temporary leave")

	on := func(days int) string { return epoch.AddDate(0, 0, days).Format(time.DateOnly) }
	says := func(status, state any) map[string]any {
		return map[string]any{"internal": map[string]any{"status": status, "lifecycleStatus": state}}
	}
	type kind struct {
		record map[string]any
		plain  bool
	}
	drawn := rapid.SampledFrom([]kind{
		{record: employed(), plain: true},
		{record: terminated(), plain: true},
		{record: hired(on(5))},
		{record: hired(on(0))},
		{record: hired(on(-3))},
		{record: says("Inactive", "parental leave")},
		{record: says("Active", "garden leave")},
		{record: says("Inactive", nil)},
		{record: says(nil, nil)},
		{record: map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed", "terminationDate": on(4)}}, plain: true},
		{record: map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed", "terminationDate": on(-1)}}, plain: true},
		{record: map[string]any{"work": map[string]any{"startDate": nil}}, plain: true},
		{record: map[string]any{"email": nil}},
		{record: map[string]any{"work": map[string]any{"title": nil, "workPhone": "", "workMobile": nil}}, plain: true},
	}).Draw(t, "record")
	e.hidden = rapid.SliceOfNDistinct(rapid.SampledFrom(append(lifecycle.Fields(), "work.title", "root.surname", "workContact")), 0, 2, rapid.ID).Draw(t, "hidden")
	e.record, e.plain = drawn.record, drawn.plain && len(e.hidden) == 0
	e.user = rapid.SampledFrom([]map[string]any{
		nil, {}, {"title": "Diver", "phone": "1"}, {"status": 2}, {"status": 3}, {"external_id": nil}, {"external_id": nil, "status": 2, "lastname": "Else"},
	}).Draw(t, "user")
	return e
}

// world is a fresh one in which Bob and OneLogin are as they are to be.
func (e ending) world(t *testing.T, rt *rapid.T) *world {
	w := newWorld(t, func(s *mapping.Settings) {
		zones := s.Policy.Zones
		s.Policy = e.policy
		s.Policy.Zones = zones
	})
	w.person(e.record)
	settings := w.bob.Settings()
	settings.HiddenFields = e.hidden
	if err := w.bob.Set(settings); err != nil {
		rt.Fatal(err)
	}
	if e.user != nil {
		w.linked(e.user)
	}
	return w
}

// arrival is an event, how it was triggered in Bob and when it comes here.
type arrival struct {
	event employee.Event
	at    time.Duration
}

// receive plays the arrivals, days after all dates one more look, and then a proper
// end, which lets go whatever still holds. It returns the users before that, and
// how many writes the one more look took. What one run of the workflow leaves is
// recalled by the next.
func (w *world) receive(rt *rapid.T, arrivals []arrival) (users []string, again int) {
	for _, a := range arrivals {
		w.after(a.at, func() { w.deliver(a.event) })
	}
	w.after(8*24*time.Hour, func() {
		again = -w.writes()
		w.event(employee.EventUpdated)
	})
	w.after(9*24*time.Hour, func() {
		users, again = w.essential(), again+w.writes()
		settings := w.bob.Settings()
		settings.HiddenFields = nil
		if err := w.bob.Set(settings); err != nil {
			rt.Fatal(err)
		}
		w.put(w.id, terminated())
		w.event(employee.EventLeft)
	})
	for w.storyGoesOn() {
		result, err := w.play()
		if err != nil {
			rt.Fatalf("the workflow failed: %v", err)
		}
		w.last = result.Last.Or(w.last)
	}
	return users, again
}

// essential is what OneLogin holds but for ids and times.
func (w *world) essential() []string {
	var all []string
	for _, u := range w.one.Users() {
		u = maps.Clone(u)
		maps.DeleteFunc(u, func(name string, _ any) bool {
			return strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "_until") || strings.HasPrefix(name, "_") || name == "id"
		})
		all = append(all, fmt.Sprint(u))
	}
	return all
}

func (w *world) writes() int {
	calls := w.oneCalls.Calls()
	return calls["POST /api/2/users"] + calls["PUT /api/2/users/{id}"] + calls["PUT /api/1/users/{id}/logout"]
}

// TestEmployeeSyncOrderOfEventsDoesNotMatter has the same events come in two
// orders, in bursts and hours apart, while Bob says the same: the user is the
// same in the end. One more look then writes nothing.
func TestEmployeeSyncOrderOfEventsDoesNotMatter(t *testing.T) {
	types := []employee.EventType{
		employee.EventCreated, employee.EventUpdated, employee.EventJoined, employee.EventActivated, employee.EventInactivated,
		employee.EventLeft, employee.EventTemporaryLeave, employee.EventTableEntryCreated, employee.EventTableEntryUpdated,
		employee.EventDeleted, employee.EventBulk,
	}
	rapid.Check(t, func(rt *rapid.T) {
		e := drawEnding(rt)
		// What a revocation leaves behind is lifted by these settings alone, and
		// only where Bob says that the person works here. Else it depends on
		// whether it came before what else was done: somebody without a user gets
		// none after it, and somebody hired stays out until Bob says active.
		revocations := e.policy.Status == lifecycle.FollowBob && e.policy.Reactivate == lifecycle.ReactivateAlways && e.plain && e.user != nil
		var events []employee.Event
		for i := range rapid.IntRange(1, 5).Draw(rt, "events") {
			kinds := types
			if revocations {
				kinds = append(slices.Clone(types), employee.EventAccessRevoked, employee.EventAccessRevoked)
			}
			events = append(events, employee.Event{
				Type: rapid.SampledFrom(kinds).Draw(rt, "event"), TriggeredAt: epoch.Add(time.Duration(i-10) * time.Minute),
			})
		}
		inOrder := func(label string) []arrival {
			var arrivals []arrival
			at := time.Duration(0)
			for _, event := range rapid.Permutation(events).Draw(rt, label) {
				at += rapid.SampledFrom([]time.Duration{0, time.Second, 29 * time.Second, 31 * time.Second, time.Hour}).Draw(rt, "pause")
				arrivals = append(arrivals, arrival{event, at})
			}
			return arrivals
		}
		one, other := e.world(t, rt), e.world(t, rt)
		first, second := inOrder("one order"), inOrder("another order")
		oneUsers, oneAgain := one.receive(rt, first)
		otherUsers, otherAgain := other.receive(rt, second)
		if diff := cmp.Diff(oneUsers, otherUsers); diff != "" {
			rt.Fatalf("%v\n%v\n(-one +other):\n%s", first, second, diff)
		}
		if oneAgain+otherAgain > 0 {
			rt.Fatalf("one more look writes %d and %d times: %v", oneAgain, otherAgain, oneUsers)
		}
	})
}

// TestInboxForgetsTheOrder folds the same events in two orders: what is read for
// them, and when, is the same.
func TestInboxForgetsTheOrder(t *testing.T) {
	types := append(employee.BobEvents(), employee.EventDeleted, employee.EventDeleted, employee.EventManagerLinked, employee.EventReportWaiting, employee.EventUnlicensed, employee.EventBulk)
	rapid.Check(t, func(rt *rapid.T) {
		var events []employee.Event
		for range rapid.IntRange(1, 8).Draw(rt, "events") {
			e := employee.Event{
				Type:       rapid.SampledFrom(types).Draw(rt, "type"),
				ReceivedAt: epoch.Add(time.Duration(rapid.IntRange(-600, 600).Draw(rt, "second")) * time.Second),
				// Bob may give no time.
				TriggeredAt: rapid.SampledFrom([]time.Time{{}, epoch, epoch.Add(time.Minute), epoch.Add(2 * time.Minute)}).Draw(rt, "triggered"),
			}
			switch e.Type {
			case employee.EventDeleted: // one sent by hand names no address
				e.Email = rapid.SampledFrom([]string{"", "juniper.sample@example.com"}).Draw(rt, "address")
			case employee.EventManagerLinked:
				e.ManagerID, e.ManagerUserID = managerID, 7
			}
			events = append(events, e)
		}
		now := epoch.Add(300 * time.Second)
		var one, other workflows.Inbox
		for _, e := range events {
			one.Add(e, now)
		}
		for _, e := range rapid.Permutation(events).Draw(rt, "another order") {
			other.Add(e, now)
		}
		if diff := cmp.Diff(one, other); diff != "" {
			rt.Fatalf("(-one +other):\n%s", diff)
		}
	})
}
