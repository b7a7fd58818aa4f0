package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// Bob's retries in the drill: an hour of them, of which each is due when the
// clock has moved by pauseMost.
const (
	attempts   = 5
	pauseFirst = 5 * time.Minute
	pauseMost  = 20 * time.Minute
)

// delivery is what the stand-in tells of a webhook.
type delivery struct {
	Type       string `json:"type"`
	EmployeeID string `json:"employeeId"`
	Status     int    `json:"status"`
	Attempts   int    `json:"attempts"`
	Delivered  bool   `json:"delivered"`
	GivenUp    bool   `json:"given_up"`
}

func (s *stack) deliveries() []delivery {
	s.t.Helper()
	var all []delivery
	require.NoError(s.t, json.Unmarshal(s.do(http.MethodGet, s.bobURL+"/_sim/events", nil), &all))
	return all
}

// drift is what happens to one person in Bob while nobody is told, and what a
// bulk run has to make of it.
type drift struct {
	// event is the webhook that Bob gives up.
	event employee.EventType
	// before is how the person differs from a colleague like others before the
	// outage, new that they are not in Bob at all.
	before map[string]any
	new    bool
	// during is what changes in Bob; removed, that the person is deleted.
	during  map[string]any
	removed bool
	// outcome and changed are how they are to be listed, empty where they are
	// not to be; status is their OneLogin status afterwards, 0 where they have no
	// user.
	outcome employee.Outcome
	changed []string
	status  int
}

func (d drift) writes() int {
	switch d.outcome {
	case "", employee.Scheduled:
		return 0
	default:
		return 1
	}
}

// runOfSchedule triggers the Schedule, and returns the workflow ID of the run
// that it starts.
func (s *bulkStack) runOfSchedule() string {
	s.t.Helper()
	schedule := s.temporal.ScheduleClient().GetHandle(s.t.Context(), dispatch.BulkScheduleID)
	runs := func() []client.ScheduleActionResult {
		described, err := schedule.Describe(s.t.Context())
		require.NoError(s.t, err)
		return described.Info.RecentActions
	}
	before := len(runs())
	require.NoError(s.t, schedule.Trigger(s.t.Context(), client.ScheduleTriggerOptions{}))
	s.eventually("the Schedule has started a run", 30*time.Second, func() bool { return len(runs()) > before })
	all := runs()
	return all[len(all)-1].StartWorkflowResult.WorkflowID
}

// details are the current details of a workflow, as the web UI shows them.
func (s *stack) details(workflowID string) string {
	s.t.Helper()
	value, err := s.temporal.QueryWorkflow(s.t.Context(), workflowID, "", "__temporal_workflow_metadata")
	require.NoError(s.t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(s.t, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// TestTemporalIsAwayForAnHour is the drill of docs/operations.md: Temporal is
// away until Bob has given up an hour of webhooks, one of every type and more.
// The next scheduled run brings everybody in line, and lists them as repaired.
// Two things it cannot see, a deletion and an immediate revocation: the starter's
// log names those people, and they are told by hand.
func TestTemporalIsAwayForAnHour(t *testing.T) {
	if *record {
		t.Skip("has no history to record")
	}
	temporal := newFrailServer(t)
	s := newBulkStack(t, 20, withServer(temporal.address), withSim(
		"--webhook-attempts", fmt.Sprint(attempts), "--webhook-retry", pauseFirst.String(), "--webhook-retry-most", pauseMost.String(),
	))
	s.plainInput = true // the commands by hand encrypt nothing
	in := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	internal := func(status, lifecycle string) map[string]any {
		return map[string]any{"internal": map[string]any{"status": status, "lifecycleStatus": lifecycle}}
	}
	leavesLater := map[string]any{"internal": map[string]any{"terminationDate": in(20)}}
	drifts := map[string]drift{
		"a new colleague": {
			event: employee.EventCreated, new: true,
			outcome: employee.Created, status: 1,
		},
		"a hire to come": {
			event: employee.EventCreated, new: true, during: hiredOn(in(40)),
			outcome: employee.Scheduled,
		},
		"a hire whose start was brought forward": {
			event: employee.EventJoined, before: hiredOn(in(40)),
			during: map[string]any{
				"work":     map[string]any{"startDate": in(-1)},
				"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
			},
			outcome: workflows.Signalled, status: 1,
		},
		"another surname": {
			event: employee.EventUpdated, during: map[string]any{"surname": "Else"},
			outcome: employee.Updated, changed: []string{"lastname"}, status: 1,
		},
		"another address": {
			event: employee.EventUpdated, during: map[string]any{"email": "moved@example.com"},
			outcome: employee.Renamed, changed: []string{"email", "username"}, status: 1,
		},
		"a leave date ahead": {
			event: employee.EventUpdated, during: leavesLater,
			outcome: employee.Scheduled, status: 1,
		},
		"nothing that concerns OneLogin": {event: employee.EventUpdated, status: 1},
		"another title": {
			event: employee.EventTableEntryUpdated, during: title("Head Taster"),
			outcome: employee.Updated, changed: []string{"title"}, status: 1,
		},
		"another mobile": {
			event: employee.EventTableEntryCreated, during: map[string]any{"work": map[string]any{"workMobile": "+44 7700 900099"}},
			outcome: employee.Updated, changed: []string{"custom_attributes.work_cell"}, status: 1,
		},
		"a leaver": {
			event: employee.EventLeft, during: inactive(),
			outcome: employee.Suspended, changed: []string{"status"}, status: 2,
		},
		"access taken": {
			event: employee.EventInactivated, during: internal("Inactive", "employed"),
			outcome: employee.Suspended, changed: []string{"status"}, status: 2,
		},
		"a leave that ends access": {
			event: employee.EventTemporaryLeave, during: internal("Inactive", "parental leave"),
			outcome: employee.Suspended, changed: []string{"status"}, status: 2,
		},
		"access given again": {
			event: employee.EventActivated, during: internal("Active", "employed"),
			outcome: employee.Reactivated, changed: []string{"status"}, status: 1,
		},
		"deleted":                              {event: employee.EventDeleted, removed: true, status: 1},
		"access revoked with immediate effect": {event: employee.EventAccessRevoked, during: leavesLater, outcome: employee.Scheduled, status: 1},
	}
	order := slices.Sorted(maps.Keys(drifts))
	ids := map[string]string{}
	for i, name := range order {
		d := drifts[name]
		ids[name] = hireID(i)
		if d.new {
			continue
		}
		s.put(ids[name], newHire(ids[name], ""))
		if d.before != nil {
			s.put(ids[name], d.before)
		}
	}
	told := map[employee.EventType]bool{}
	for _, d := range drifts {
		told[d.event] = true
	}
	for _, event := range employee.BobEvents() {
		require.True(t, told[event], "nobody in the drill has %s", event)
	}

	// Before the outage everybody is in line, and the Schedule is there.
	out, err := s.starterCommand("schedule", "--every", "24h", "--jitter", "0s")
	require.NoError(t, err, out)
	s.bulk()
	returning := ids["access given again"]
	s.put(returning, inactive(), "employee.left")
	s.eventually("the one who returns is suspended", 20*time.Second, func() bool { return s.userStatus(returning) == 2 })
	s.done(returning)
	waits := ids["a hire whose start was brought forward"]
	s.eventually("the hire waits", 20*time.Second, func() bool { return s.status(waits).State == workflows.Waiting })
	require.Zero(t, s.bulk().Total, "everybody is in line")
	s.calls()
	s.do(http.MethodDelete, s.bobURL+"/_sim/events", nil)
	before := s.metrics(s.starterURL)

	temporal.kill()
	s.eventually("the starter is not ready", 20*time.Second, func() bool {
		status, _ := s.fetch(s.starterURL + "/readyz")
		return status == http.StatusServiceUnavailable
	})
	status, _ := s.fetch(s.starterURL + "/healthz")
	require.Equal(t, http.StatusOK, status, "it is not to be restarted")

	// An hour of webhooks in three parts, and every one is given up.
	const parts = 3
	sent := map[int]int{} // by part
	for round := 0; round < parts-1+attempts; round++ {
		for i, name := range order {
			if i%parts != round {
				continue
			}
			d, id := drifts[name], ids[name]
			event := "?event=" + string(d.event)
			switch {
			case d.removed:
				s.do(http.MethodDelete, s.bobURL+"/_sim/people/"+id+event, nil)
			case d.new:
				hire := newHire(id, "")
				for key, value := range d.during {
					hire[key] = value
				}
				s.do(http.MethodPut, s.bobURL+"/_sim/people/"+id+event, hire)
			default:
				change := d.during
				if change == nil {
					change = map[string]any{}
				}
				s.do(http.MethodPut, s.bobURL+"/_sim/people/"+id+event, change)
			}
			sent[round]++
		}
		want := 0
		for part, n := range sent {
			want += n * min(round-part+1, attempts)
		}
		s.eventually(fmt.Sprintf("round %d of attempts is over", round), 30*time.Second, func() bool {
			made := 0
			for _, d := range s.deliveries() {
				made += d.Attempts
			}
			return made == want
		})
		s.do(http.MethodPost, s.bobURL+"/_sim/clock", map[string]any{"advance": pauseMost.String()})
	}
	all := s.deliveries()
	require.Len(t, all, len(drifts))
	failed := map[string]float64{}
	for _, d := range all {
		require.Equal(t, delivery{
			Type: d.Type, EmployeeID: d.EmployeeID, Status: http.StatusServiceUnavailable, Attempts: attempts, GivenUp: true,
		}, d)
		failed[d.Type] += attempts
	}
	after := s.metrics(s.starterURL)
	for event, n := range failed {
		series := fmt.Sprintf(`bob_onelogin_webhooks_total{result="not_stored",type=%q}`, event)
		require.Equal(t, n, after.value(series)-before.value(series), series)
	}
	require.Empty(t, s.calls(), "nobody was written meanwhile")

	temporal.start()
	s.eventually("the starter is ready", 30*time.Second, func() bool {
		status, _ := s.fetch(s.starterURL + "/readyz")
		return status == http.StatusOK
	})
	run := s.runOfSchedule()
	p, err := s.end(s.temporal.GetWorkflow(t.Context(), run, ""))
	require.NoError(t, err)
	require.Equal(t, workflows.BulkDone, p.Phase)
	require.Empty(t, p.Failures)
	s.eventually("whoever waited already has looked again", 20*time.Second, func() bool { return s.userStatus(waits) == 1 })

	// Everybody is in line, by as many writes as there were people to write for,
	// and is listed with what was done.
	outcomes, due, listed := map[employee.Outcome]int{}, 0, map[string]workflows.BulkRepair{}
	for _, r := range p.Repaired.First {
		require.NotContains(t, listed, r.EmployeeID, "listed twice")
		listed[r.EmployeeID] = r
	}
	for name, d := range drifts {
		due += d.writes()
		status := s.userStatus(ids[name])
		require.Equal(t, max(status, 0), d.status, name)
		r, is := listed[ids[name]]
		require.Equal(t, d.outcome, r.Outcome, name)
		if d.outcome == "" {
			require.False(t, is, name)
			continue
		}
		outcomes[d.outcome]++
		if d.outcome != employee.Created {
			require.Equal(t, d.changed, r.Changed, name)
		}
	}
	require.Equal(t, outcomes, p.Repaired.Outcomes)
	require.Len(t, listed, p.Total, "everybody who was out of line is listed")
	made := s.calls()
	require.Equal(t, due, writes(made), "calls %v", made)
	require.Equal(t, 3, made[logout])
	require.Equal(t, "Else", s.user(ids["another surname"])["lastname"])
	require.Equal(t, "moved@example.com", s.user(ids["another address"])["username"])
	require.Equal(t, "Head Taster", s.user(ids["another title"])["title"])

	details := s.details(run)
	require.Contains(t, details, fmt.Sprintf("| Bob id | Drift repaired: %d |", p.Total))
	require.Contains(t, details, fmt.Sprintf("| %s | updated: title |", ids["another title"]))
	out, err = s.starterCommand("bulk", "--run", run)
	require.NoError(t, err, out)
	require.Contains(t, out, fmt.Sprintf("Drift repaired, %d people:", p.Total))
	for name, d := range drifts {
		if d.outcome != "" {
			require.Regexp(t, fmt.Sprintf(`(?m)^  %s  %s`, ids[name], d.outcome), out, name)
		}
	}
	printed, err := json.Marshal(p)
	require.NoError(t, err)
	for _, text := range []string{string(printed), details, out} {
		for _, word := range append(personal, "@", "Else", "moved", "Taster") {
			require.NotContains(t, text, word)
		}
	}
	gone, revoked := ids["deleted"], ids["access revoked with immediate effect"]
	require.NotNil(t, p.Unseen)
	require.Equal(t, 1, p.Unseen.Users, "%+v", p.Unseen)
	require.Equal(t, gone, p.Unseen.First[0].EmployeeID, "who was deleted can still log in, and that is said")
	again := s.bulk()
	require.Zero(t, again.Total, "the next run has nothing to do: %+v", again.Repaired)
	require.Zero(t, writes(s.calls()))

	// What the record in Bob does not show: the starter's log names who it is.
	lost := map[string]bool{}
	said := regexp.MustCompile(`"Event not accepted[^\n]*"type":"(employee\.deleted|employee\.access\.revoked\.immediately)","employeeId":"(\d+)"`)
	for _, log := range s.logs {
		for _, m := range said.FindAllStringSubmatch(log.String(), -1) {
			lost[m[1]+" "+m[2]] = true
		}
	}
	require.Equal(t, map[string]bool{
		string(employee.EventDeleted) + " " + gone: true, string(employee.EventAccessRevoked) + " " + revoked: true,
	}, lost)
	// Four have been suspended by now, of the five that the brake lets pass: the
	// deletion is the fifth, and a revocation passes in any case.
	require.Equal(t, 4, s.brake().Used)
	for _, late := range []struct {
		event employee.EventType
		id    string
	}{{employee.EventDeleted, gone}, {employee.EventAccessRevoked, revoked}} {
		out, err := s.starterCommand("sync", late.id, "--event", string(late.event))
		require.NoError(t, err, out)
		require.Contains(t, out, "suspended")
		s.eventually(string(late.event)+" is acted on", 20*time.Second, func() bool { return s.userStatus(late.id) == 2 })
	}
	s.bulk()
	for _, id := range []string{gone, revoked} {
		require.Equal(t, 2, s.userStatus(id), "no run lets them in again")
	}
}
