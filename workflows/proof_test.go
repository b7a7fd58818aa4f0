package workflows_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// TestEmployeeSyncNeverSuspendsWithoutProof throws events, hidden fields,
// hidden people, broken answers and refusals at somebody who works here all
// the time. Whatever happens, they stay able to log in.
func TestEmployeeSyncNeverSuspendsWithoutProof(t *testing.T) {
	const read = "/v1/people/{identifier}"
	broken := map[string]control.Fault{
		"a page in HTML":             {Status: 200, Body: "<html><body>Sign in</body></html>"},
		"an empty answer":            {Status: 200, Body: ""},
		"an empty object":            {Status: 200, Body: "{}"},
		"nobody in the answer":       {Status: 200, Body: `{"employees":[]}`},
		"null":                       {Status: 200, Body: "null"},
		"half an answer":             {Status: 200, Body: `{"id":"` + personID + `","internal":{"status":"Inac`},
		"a person without a status":  {Status: 200, Body: `{"id":"` + personID + `","email":"juniper.sample@example.com","work":{"startDate":"2020-01-06"}}`},
		"a status that is null":      {Status: 200, Body: `{"id":"` + personID + `","email":"juniper.sample@example.com","internal":{"status":null,"lifecycleStatus":null}}`},
		"somebody else":              {Status: 200, Body: `{"id":"` + managerID + `","internal":{"status":"Inactive","lifecycleStatus":"terminated"}}`},
		"a server error":             {Status: 500, Body: `{"error":"internal"}`},
		"a gateway's page":           {Status: 502, Body: "<html></html>"},
		"a 404 in HTML":              {Status: 404, Body: "<html></html>"},
		"a 404":                      {Status: 404, Body: ""},
		"a refusal":                  {Status: 400, Body: `{"key":"bad","error":"bad"}`},
		"too many requests":          {Status: 429, Body: ""},
		"a connection cut before":    {Drop: "before"},
		"a connection cut afterward": {Drop: "after"},
	}
	names := slices.Sorted(maps.Keys(broken))
	events := []employee.EventType{
		employee.EventCreated, employee.EventUpdated, employee.EventJoined, employee.EventActivated,
		employee.EventInactivated, employee.EventLeft, employee.EventTemporaryLeave, employee.EventTableEntryUpdated,
	}
	fields := append(lifecycle.Fields(), "root.firstName", "work.title", "internal", "work", "employee")

	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.person()
		w.linked()
		// A 404 together with an announced deletion is proof by definition,
		// so the two are not drawn together.
		deletions := rapid.Bool().Draw(rt, "deletions announced")
		steps := rapid.IntRange(1, 6).Draw(rt, "steps")
		for i := range steps {
			at := time.Duration(rapid.IntRange(0, 3600).Draw(rt, "second")) * time.Second
			event := rapid.SampledFrom(events).Draw(rt, "event")
			if deletions && rapid.Bool().Draw(rt, "deletion") {
				event = employee.EventDeleted
			}
			fault := rapid.SampledFrom(names).Draw(rt, "answer")
			count := rapid.IntRange(0, 3).Draw(rt, "count")
			hidden := rapid.SliceOfNDistinct(rapid.SampledFrom(fields), 0, 4, rapid.ID).Draw(rt, "hidden fields")
			gone := !deletions && rapid.Bool().Draw(rt, "hidden person")
			if deletions && broken[fault].Status == 404 {
				count = 0
			}
			act := func() {
				settings := w.bob.Settings()
				settings.HiddenFields, settings.HiddenPeople = hidden, nil
				if gone {
					settings.HiddenPeople = []string{w.id}
				}
				if err := w.bob.Set(settings); err != nil {
					rt.Fatalf("step %d: %v", i, err)
				}
				if count > 0 {
					f := broken[fault]
					f.Method, f.Route, f.Count = "POST", read, count
					if err := w.bobCalls.AddFault(f); err != nil {
						rt.Fatalf("step %d: %v", i, err)
					}
				}
				w.event(event)
			}
			w.after(at, act)
		}
		w.after(0, func() { w.event(employee.EventUpdated) })
		var err error
		for w.storyGoesOn() {
			_, err = w.play() // an event after the end starts the workflow anew
		}
		for _, user := range w.one.Users() {
			if fmt.Sprint(user["status"]) != "1" {
				rt.Fatalf("status %v after %v", user["status"], err)
			}
		}
		if n := w.oneCalls.Calls()["PUT /api/1/users/{id}/logout"]; n > 0 {
			rt.Fatalf("sessions were ended %d times", n)
		}
	})
}
