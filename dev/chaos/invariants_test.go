package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/control"
)

// The people of a run in which nothing is wrong, and their users.
const (
	workingID, leavingID, protectedID, outsideID, newID = "3332883800000000001", "3332883800000000002", "3332883800000000003", "3332883800000000004", "3332883800000000005"
	goneID, restoredID                                  = "3332883800000000006", "3332883800000000007"
	approvedID, rejectedID, heldID                      = "3332883800000000012", "3332883800000000013", "3332883800000000014"
	workingUser, leavingUser, protectedUser             = int64(1), int64(2), int64(3)
	outsideUser, newUser, goneUser, restoredUser        = int64(4), int64(5), int64(6), int64(7)
	approvedUser, rejectedUser, heldUser                = int64(12), int64(13), int64(14)
)

var began = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// second is a moment of the run.
func second(n int) time.Time { return began.Add(time.Duration(n) * time.Second) }

func at(n int, c call) call {
	c.Began, c.Ended = second(n), second(n).Add(100*time.Millisecond)
	if c.Status == 0 {
		c.Status = http.StatusOK
	}
	c.Effect = true
	return c
}

// lost is a call that had its effect, and whose answer the schedule took away.
func lost(c call) call {
	c.Status, c.Shown = 0, nil
	c.Fault = &planned{Name: "answer lost", Do: control.Fault{Drop: control.DropAfter}}
	return c
}

// good is a run in which nothing is wrong.
func good() evidence {
	rng := rand.New(rand.NewPCG(1, 2))
	e := evidence{Schedule: schedule{Rush: -1}, Changes: map[string][]time.Time{}}
	s := state{Records: map[string]map[string]any{}}
	users := map[string]int64{workingID: workingUser, leavingID: leavingUser, protectedID: protectedUser, outsideID: outsideUser, newID: newUser, goneID: goneUser, restoredID: restoredUser}
	for _, p := range []person{
		{ID: workingID, Situation: atWork},
		{ID: leavingID, Situation: leaver},
		{ID: protectedID, Situation: protected},
		{ID: outsideID, Situation: outOfScope},
		{ID: newID, Situation: newcomer},
		{ID: goneID, Situation: erased},
		{ID: restoredID, Situation: restored},
	} {
		p.Record = record(rng, p.ID, p.Situation, "", began)
		p.User = user(p.ID, p.Situation, p.Record)
		e.People = append(e.People, p)
		r := answerOf(p)
		if p.Situation == leaver || p.Situation == protected {
			leave(r)
		}
		if p.Situation != erased {
			s.Records[p.ID] = r
		}
		u := user(p.ID, atWork, p.Record)
		if p.Situation == outOfScope {
			u = clone(p.User)
		}
		u["id"], u["manager_user_id"] = users[p.ID], nil
		if p.Situation == leaver {
			u["status"] = int64(2)
		}
		s.Users = append(s.Users, u)
	}
	// The working one's title was changed.
	s.Records[workingID]["humanReadable"].(map[string]any)["work"].(map[string]any)["title"] = "Tide Reader"
	s.Users[0]["title"] = "Tide Reader"
	e.Before, e.After = s, s
	e.Before.At, e.After.At = second(60), second(80)
	for id, n := range map[string]int{workingID: 1, leavingID: 2, newID: 3} {
		e.Changes[id] = []time.Time{second(n).Add(-time.Millisecond)}
	}
	e.Calls = []call{
		at(1, call{Kind: hook, Person: workingID, Event: "employee.updated"}),
		at(2, call{Kind: hook, Person: leavingID, Event: "employee.left"}),
		at(3, call{Kind: hook, Person: newID, Event: "employee.created"}),
		at(4, call{Kind: bobPerson, Person: workingID, Shown: []map[string]any{s.Records[workingID]}}),
		at(5, call{Kind: bobPerson, Person: leavingID, Shown: []map[string]any{s.Records[leavingID]}}),
		at(6, call{Kind: bobPerson, Person: newID, Shown: []map[string]any{s.Records[newID]}}),
		at(7, call{Kind: oneUpdate, OneLogin: true, Method: http.MethodPut, Person: workingID, User: workingUser, Body: map[string]any{"title": "Tide Reader"}}),
		at(8, call{Kind: oneSuspend, OneLogin: true, Method: http.MethodPut, Person: leavingID, User: leavingUser, Body: map[string]any{"status": 2.0}}),
		at(9, call{Kind: oneSessions, OneLogin: true, Method: http.MethodPut, Person: leavingID, User: leavingUser}),
		at(10, call{Kind: oneCreate, OneLogin: true, Method: http.MethodPost, Person: newID, User: newUser, Body: map[string]any{"external_id": newID, "status": 1.0}}),
		at(70, call{Kind: bobSearch, Shown: slices.Collect(maps.Values(s.Records))}),
	}
	return e
}

// rush adds a rush to a good run: four more are suspended, and then one by a
// person's approval; one was rejected, and one is held.
func (e *evidence) rush() {
	rng := rand.New(rand.NewPCG(3, 4))
	e.Schedule.Rush = 0
	e.After.Records, e.After.Users = maps.Clone(e.After.Records), slices.Clone(e.After.Users)
	for n := int64(8); n <= heldUser; n++ {
		p := person{ID: fmt.Sprintf("33328838000000000%02d", n), Situation: rushed}
		p.Record = record(rng, p.ID, p.Situation, "", began)
		p.User = user(p.ID, p.Situation, p.Record)
		e.People = append(e.People, p)
		r, u := answerOf(p), user(p.ID, p.Situation, p.Record)
		leave(r)
		u["id"], u["manager_user_id"] = n, nil
		e.After.Records[p.ID] = r
		e.insert(at(10, call{Kind: hook, Person: p.ID, Event: "employee.left", TriggeredAt: second(10)}))
		e.insert(at(11, call{Kind: bobPerson, Person: p.ID, Shown: []map[string]any{r}}))
		suspended := 0
		switch {
		case n < approvedUser:
			suspended = 12
		case n == approvedUser:
			suspended = 25
		}
		if suspended > 0 {
			u["status"] = suspendedStatus
			for _, c := range suspensionOf(suspended, p.ID, n) {
				e.insert(c)
			}
		}
		e.After.Users = append(e.After.Users, u)
	}
	for i, c := range []call{{Event: approves, Person: approvedID}, {Event: rejects, Person: rejectedID}, {Event: leavesAlone, Person: heldID}} {
		c.Kind = decision
		e.insert(at(20+i, c))
	}
	e.insert(at(24, call{Kind: bobSearch, Asked: []string{approvedID, rejectedID}}))
	e.After.Held = []string{heldID}
	e.Before.Records, e.Before.Users, e.Before.Held = e.After.Records, e.After.Users, e.After.Held
}

// answerOf is what Bob says of a person.
func answerOf(p person) map[string]any {
	r := clone(p.Record)
	work := r["work"].(map[string]any)
	r["id"] = p.ID
	r["humanReadable"] = map[string]any{"work": map[string]any{"title": work["title"], "department": work["department"]}}
	return r
}

func leave(r map[string]any) {
	r["internal"] = map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"}
}

// find is the first call of a kind about a person.
func (e *evidence) find(kind, id string) *call {
	for i := range e.Calls {
		if e.Calls[i].Kind == kind && e.Calls[i].Person == id {
			return &e.Calls[i]
		}
	}
	panic("no such call")
}

func (e *evidence) drop(kind, id string) {
	e.Calls = slices.DeleteFunc(e.Calls, func(c call) bool { return c.Kind == kind && c.Person == id })
}

func (e *evidence) insert(c call) {
	e.Calls = append(e.Calls, c)
	slices.SortStableFunc(e.Calls, func(a, b call) int { return a.Began.Compare(b.Began) })
}

// refuse has so many calls refused within a second.
func (e *evidence) refuse(n int, c call) {
	c.Status = http.StatusUnauthorized
	for range n {
		e.insert(at(11, c))
	}
}

// otherwise gives a user other attributes at the end, or before it too.
func (e *evidence) otherwise(user int64, attributes map[string]any, before bool) {
	for _, s := range []*state{&e.After, &e.Before} {
		if s == &e.Before && !before {
			continue
		}
		s.Users = slices.Clone(s.Users)
		s.Users[user-1] = maps.Clone(s.Users[user-1])
		maps.Copy(s.Users[user-1], attributes)
	}
}

func suspensionOf(n int, id string, user int64) []call {
	return []call{
		at(n, call{Kind: oneSuspend, OneLogin: true, Method: http.MethodPut, Person: id, User: user, Body: map[string]any{"status": 2.0}}),
		at(n+1, call{Kind: oneSessions, OneLogin: true, Method: http.MethodPut, Person: id, User: user}),
	}
}

func TestNothingIsWrongWithAGoodRun(t *testing.T) {
	require.Empty(t, judge(good()))
	e := good()
	e.rush()
	require.Empty(t, judge(e))
}

// TestInvariantsCatch doctors a good run, one lie at a time.
func TestInvariantsCatch(t *testing.T) {
	tests := map[string]struct {
		doctor    func(e *evidence)
		violated  string
		person    string
		violation string
	}{
		"a fault that did not fire": {
			func(e *evidence) { e.Waiting = []planned{{Name: "delay at bob person 7"}} },
			"every planned fault fires", "", "delay at bob person 7",
		},
		"reads that should have been stale": {
			func(e *evidence) { e.Schedule.Stale = true }, "every planned fault fires", "", "no read was stale",
		},
		"a title that was not written": {
			func(e *evidence) { e.otherwise(workingUser, map[string]any{"title": "Surfer"}, false) },
			"Bob and OneLogin agree", workingID, `has title "Surfer" instead of "Tide Reader"`,
		},
		"a custom attribute that was not written": {
			func(e *evidence) {
				e.otherwise(workingUser, map[string]any{"custom_attributes": map[string]any{}}, false)
			},
			"Bob and OneLogin agree", workingID, "custom_attributes.work_cell",
		},
		"a leaver who can log in": {
			func(e *evidence) { e.otherwise(leavingUser, map[string]any{"status": int64(1)}, false) },
			"Bob and OneLogin agree", leavingID, "has status 1 instead of 2",
		},
		"somebody at work who cannot log in": {
			func(e *evidence) { e.otherwise(workingUser, map[string]any{"status": int64(2)}, false) },
			"Bob and OneLogin agree", workingID, "has status 2 instead of 1",
		},
		"somebody restored who cannot log in": {
			func(e *evidence) { e.otherwise(restoredUser, map[string]any{"status": int64(2)}, false) },
			"Bob and OneLogin agree", restoredID, "has status 2 instead of 1",
		},
		"a protected one who was suspended": {
			func(e *evidence) { e.otherwise(protectedUser, map[string]any{"status": int64(2)}, false) },
			"Bob and OneLogin agree", protectedID, "has status 2 instead of 1",
		},
		"a newcomer without a user": {
			func(e *evidence) {
				e.After.Users = slices.DeleteFunc(slices.Clone(e.After.Users), func(u map[string]any) bool { return u["id"] == newUser })
			},
			"Bob and OneLogin agree", newID, "has no user",
		},
		"a user before the start": {
			func(e *evidence) {
				e.After.Records = maps.Clone(e.After.Records)
				r := clone(e.After.Records[newID])
				r["work"].(map[string]any)["startDate"] = "2026-04-01"
				r["internal"] = map[string]any{"status": "Inactive", "lifecycleStatus": "hired"}
				e.After.Records[newID] = r
			},
			"Bob and OneLogin agree", newID, "not started, and has user",
		},
		"a manager whom Bob does not name": {
			func(e *evidence) {
				e.otherwise(workingUser, map[string]any{"manager_user_id": leavingUser}, false)
			},
			"Bob and OneLogin agree", workingID, "has a manager and should have none",
		},
		"another manager than Bob names": {
			func(e *evidence) {
				e.After.Records = maps.Clone(e.After.Records)
				r := clone(e.After.Records[workingID])
				r["work"].(map[string]any)["reportsTo"] = map[string]any{"id": newID}
				e.After.Records[workingID] = r
			},
			"Bob and OneLogin agree", workingID, "has manager <nil> instead of 5",
		},
		"what only the reconciling run has repaired": {
			func(e *evidence) {
				e.otherwise(workingUser, map[string]any{"title": "Surfer"}, true)
				e.otherwise(workingUser, map[string]any{"title": "Tide Reader"}, false)
			},
			"events are enough where nothing lied", workingID, "before the reconciling run",
		},
		"a second user under one link": {
			func(e *evidence) {
				e.After.Users = append(slices.Clone(e.After.Users), map[string]any{"id": int64(9), "email": "else@example.com", "external_id": workingID})
			},
			"no second user", "", "users 1 and 9 have one external_id",
		},
		"a second user under one address": {
			func(e *evidence) {
				e.After.Users = append(slices.Clone(e.After.Users), map[string]any{"id": int64(9), "email": "PROTECTED@example.com"})
			},
			"no second user", "", "users 3 and 9 have one email",
		},
		"somebody created twice": {
			func(e *evidence) { c := *e.find(oneCreate, newID); c.User = 9; e.insert(c) },
			"no second user", newID, "user 9 was created beside another",
		},
		"somebody created who was there": {
			func(e *evidence) {
				e.insert(at(11, call{Kind: oneCreate, Method: http.MethodPost, Person: workingID, User: 9, Body: map[string]any{"external_id": workingID}}))
			},
			"no second user", workingID, "user 9 was created beside another",
		},
		"a suspension without any answer": {
			func(e *evidence) { e.drop(bobPerson, leavingID) },
			"no suspension without proof", leavingID, "nothing that Bob had said",
		},
		"a suspension ahead of the answer": {
			func(e *evidence) { *e.find(oneSuspend, leavingID) = suspensionOf(4, leavingID, leavingUser)[0] },
			"no suspension without proof", leavingID, "nothing that Bob had said",
		},
		"a suspension by an answer that was lost": {
			func(e *evidence) { c := e.find(bobPerson, leavingID); *c = lost(*c) },
			"no suspension without proof", leavingID, "nothing that Bob had said",
		},
		"a suspension by an answer about somebody at work": {
			func(e *evidence) {
				for _, c := range suspensionOf(11, workingID, workingUser) {
					e.insert(c)
				}
			},
			"no suspension without proof", workingID, "nothing that Bob had said",
		},
		"a suspension by a 404 without a deletion": {
			func(e *evidence) {
				c := e.find(bobPerson, leavingID)
				c.Status, c.Shown = http.StatusNotFound, nil
			},
			"no suspension without proof", leavingID, "nothing that Bob had said",
		},
		"a suspension by a deletion that Bob does not confirm": {
			func(e *evidence) {
				e.find(hook, leavingID).Event = "employee.deleted"
				c := e.find(bobPerson, leavingID)
				c.Shown = []map[string]any{answerOf(e.People[1])}
			},
			"no suspension without proof", leavingID, "nothing that Bob had said",
		},
		"a suspension by a revocation of before the activation": {
			func(e *evidence) {
				e.insert(at(11, call{Kind: hook, Person: restoredID, Event: "employee.activated", TriggeredAt: second(11)}))
				e.insert(at(12, call{Kind: hook, Person: restoredID, Event: "employee.access.revoked.immediately", TriggeredAt: second(-3600)}))
				e.insert(at(13, call{Kind: bobPerson, Person: restoredID, Shown: []map[string]any{e.After.Records[restoredID]}}))
				for _, c := range suspensionOf(14, restoredID, restoredUser) {
					e.insert(c)
				}
			},
			"no suspension without proof", restoredID, "nothing that Bob had said",
		},
		"a suspension of somebody who has not started": {
			func(e *evidence) {
				r := answerOf(e.People[0])
				r["work"].(map[string]any)["startDate"] = "2026-04-01"
				r["internal"] = map[string]any{"status": "Inactive", "lifecycleStatus": "hired"}
				e.find(bobPerson, workingID).Shown = []map[string]any{r}
				for _, c := range suspensionOf(11, workingID, workingUser) {
					e.insert(c)
				}
			},
			"no suspension without proof", workingID, "nothing that Bob had said",
		},
		"a write to somebody out of scope": {
			func(e *evidence) {
				e.insert(at(11, call{Kind: oneUpdate, Method: http.MethodPut, Person: outsideID, User: outsideUser, Body: map[string]any{"title": "Surfer"}}))
			},
			"protected and out of scope are left alone", outsideID, "out of scope",
		},
		"a write to somebody out of scope that was refused": {
			func(e *evidence) {
				c := at(11, call{Kind: oneUpdate, Method: http.MethodPut, Person: outsideID, User: outsideUser, Body: map[string]any{"title": "Surfer"}})
				c.Effect, c.Status = false, http.StatusBadRequest
				e.insert(c)
			},
			"protected and out of scope are left alone", outsideID, "out of scope",
		},
		"a status written to a protected user": {
			func(e *evidence) {
				e.insert(at(11, call{Kind: oneUpdate, Method: http.MethodPut, Person: protectedID, User: protectedUser, Body: map[string]any{"status": 1.0}}))
			},
			"protected and out of scope are left alone", protectedID, "protected",
		},
		"a suspension of somebody who is gone without a word": {
			func(e *evidence) {
				for _, c := range suspensionOf(11, goneID, goneUser) {
					e.insert(c)
				}
			},
			"protected and out of scope are left alone", goneID, "gone from Bob without a word",
		},
		"a write to nobody's user": {
			func(e *evidence) {
				e.insert(at(11, call{Kind: oneUpdate, Method: http.MethodPut, User: 99, Body: map[string]any{"title": "Surfer"}}))
			},
			"protected and out of scope are left alone", "", "user 99",
		},
		"a webhook that no read has followed": {
			func(e *evidence) {
				c := e.find(hook, workingID)
				c.Began = second(20)
			},
			"no event is lost", workingID, "employee.updated was accepted",
		},
		"a webhook that only the reconciling run has followed": {
			func(e *evidence) { e.drop(bobPerson, newID) },
			"no event is lost", newID, "employee.created was accepted",
		},
		"a webhook whose read was not answered": {
			func(e *evidence) { c := e.find(bobPerson, newID); *c = lost(*c) },
			"no event is lost", newID, "employee.created was accepted",
		},
		"a write that says what is there": {
			func(e *evidence) {
				c := *e.find(oneUpdate, workingID)
				e.insert(at(20, c))
			},
			"no write is repeated without need", workingID, "changes nothing",
		},
		"a write of what was there from the first": {
			func(e *evidence) {
				e.insert(at(20, call{Kind: oneUpdate, Method: http.MethodPut, Person: restoredID, User: restoredUser, Body: map[string]any{"firstname": "Sample"}}))
			},
			"no write is repeated without need", restoredID, "changes nothing",
		},
		"two repetitions for one lost answer": {
			func(e *evidence) {
				c := e.find(oneUpdate, workingID)
				again := at(20, *c)
				*c = lost(*c)
				e.insert(again)
				e.insert(at(30, again))
			},
			"no write is repeated without need", workingID, "changes nothing",
		},
		"sessions ended twice": {
			func(e *evidence) { e.insert(at(20, *e.find(oneSessions, leavingID))) },
			"no write is repeated without need", "", "the sessions of user 2 were ended 2 times",
		},
		"sessions that go on": {
			func(e *evidence) { e.drop(oneSessions, leavingID) },
			"sessions end with the suspension", leavingID, "the sessions go on",
		},
		"two writers": {
			func(e *evidence) {
				c := at(7, call{Kind: oneUpdate, Method: http.MethodPut, Person: workingID, User: workingUser, Body: map[string]any{"phone": "+44 20 7946 0000"}})
				c.Began = c.Began.Add(50 * time.Millisecond)
				e.insert(c)
			},
			"one writer a person", workingID, "while onelogin update was under way",
		},
		"more refusals than calls can have been under way": {
			func(e *evidence) { e.refuse(inFlight+1, call{Kind: bobPerson, Person: goneID}) },
			"refusals stay below the firewall's block", "", "Bob refused 9 calls within 10s, and only 8",
		},
		"so many refusals that Bob blocks": {
			func(e *evidence) {
				e.refuse(1, call{Kind: bobSearch})
				for range 10 {
					e.insert(at(12, call{Kind: bobPerson, Person: goneID, Fault: &planned{Kill: theWorker}}))
				}
				for range blockAfter - 1 {
					e.insert(at(13, call{Kind: bobSearch, Status: http.StatusForbidden}))
				}
			},
			"refusals stay below the firewall's block", "", "Bob refused 50 calls within 10s",
		},
		"a storm of refusals of OneLogin's": {
			func(e *evidence) { e.refuse(blockAfter, call{Kind: oneFind, OneLogin: true}) },
			"refusals stay below the firewall's block", "", "OneLogin refused 50 calls",
		},
		"a rush that leaves nobody to decide about": {
			func(e *evidence) { e.rush(); e.drop(decision, rejectedID) },
			"every planned fault fires", "", "after the rush there was nobody to reject",
		},
		"somebody rejected who cannot log in": {
			func(e *evidence) {
				e.rush()
				e.otherwise(rejectedUser, map[string]any{"status": suspendedStatus}, false)
			},
			"Bob and OneLogin agree", rejectedID, "held or rejected, and user 13 has status 2 instead of 1",
		},
		"somebody revoked who is held": {
			func(e *evidence) { e.rush(); e.find(hook, heldID).Event = "employee.access.revoked.immediately" },
			"Bob and OneLogin agree", heldID, "has status 1 instead of 2",
		},
		"a decision that no read has followed": {
			func(e *evidence) { e.rush(); e.drop(bobSearch, "") },
			"no event is lost", approvedID, "approve was accepted",
		},
		"one more than the brake's limit": {
			func(e *evidence) {
				e.rush()
				for _, c := range suspensionOf(15, heldID, heldUser) {
					e.insert(c)
				}
			},
			"the brake keeps its limit", heldID, "user 14 was suspended at 12:00:15.000 as the 6th",
		},
		"a suspension ahead of its approval": {
			func(e *evidence) {
				e.rush()
				e.drop(oneSuspend, approvedID)
				e.insert(suspensionOf(15, approvedID, approvedUser)[0])
			},
			"the brake keeps its limit", approvedID, "as the 6th",
		},
		"somebody held while there is room": {
			func(e *evidence) { e.rush(); e.drop(oneSuspend, leavingID) },
			"the brake holds nobody without need", approvedID, "held by 12:00:20.000, and only 4 of 5 had been suspended",
		},
		"somebody held at the end while there is room": {
			func(e *evidence) { e.After.Held = []string{leavingID} },
			"the brake holds nobody without need", leavingID, "and only 1 of 5",
		},
		"a brake that has forgotten whom it holds": {
			func(e *evidence) { e.rush(); e.After.Held = nil },
			"the brake lists whom it holds", heldID, "can log in, and the brake does not list them",
		},
		"somebody suspended who is held": {
			func(e *evidence) { e.rush(); e.After.Held = append(slices.Clone(e.After.Held), leavingID) },
			"the brake lists whom it holds", leavingID, "left, nothing is to be held",
		},
		"somebody at work who is held": {
			func(e *evidence) { e.rush(); e.After.Held = append(slices.Clone(e.After.Held), workingID) },
			"the brake lists whom it holds", workingID, "at work, nothing is to be held",
		},
		"a stranger who is held": {
			func(e *evidence) { e.rush(); e.After.Held = append(slices.Clone(e.After.Held), "1") },
			"the brake lists whom it holds", "1", "nobody of this schedule",
		},
		"somebody held again who was rejected": {
			func(e *evidence) { e.rush(); e.After.Held = append(slices.Clone(e.After.Held), rejectedID) },
			"the brake lists whom it holds", rejectedID, "rejected at 12:00:21.000, and held again",
		},
		"somebody approved who can log in": {
			func(e *evidence) {
				e.rush()
				e.otherwise(approvedUser, map[string]any{"status": activeStatus}, false)
			},
			"what a person decides stands", approvedID, "can log in",
		},
		"somebody approved whose sessions go on": {
			func(e *evidence) { e.rush(); e.drop(oneSessions, approvedID) },
			"what a person decides stands", approvedID, "the sessions of user 12 go on",
		},
		"somebody rejected who was suspended": {
			func(e *evidence) {
				e.rush()
				for _, c := range suspensionOf(30, rejectedID, rejectedUser) {
					e.insert(c)
				}
			},
			"what a person decides stands", rejectedID, "reject at 12:00:21.000, and user 13 was suspended at 12:00:30.000",
		},
		"somebody left alone who was suspended": {
			func(e *evidence) {
				e.rush()
				for _, c := range suspensionOf(30, heldID, heldUser) {
					e.insert(c)
				}
			},
			"what a person decides stands", heldID, "leave alone at 12:00:22.000",
		},
		"a panic": {
			func(e *evidence) { e.Log = "goroutine 1\npanic: oh" }, "logs name nobody and panic nowhere", "", "panic:",
		},
		"an address in a log": {
			func(e *evidence) { e.Log = "person.1@example.com" }, "logs name nobody and panic nowhere", "", "@example.com",
		},
	}
	caught := map[string]bool{}
	for name, tt := range tests {
		caught[tt.violated] = true
		t.Run(name, func(t *testing.T) {
			e := good()
			tt.doctor(&e)
			found := slices.DeleteFunc(judge(e), func(v violation) bool { return v.Invariant != tt.violated })
			require.NotEmpty(t, found)
			require.Equal(t, tt.person, found[0].Person)
			require.Contains(t, found[0].Text, tt.violation)
		})
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(invariants)), slices.Collect(maps.Keys(caught)), "every invariant has been seen to catch something")
}

// TestInvariantsAllow: what the schedule forces is no violation.
func TestInvariantsAllow(t *testing.T) {
	tests := map[string]func(e *evidence){
		"a write once more after its answer was lost": func(e *evidence) {
			c := e.find(oneUpdate, workingID)
			again := at(20, *c)
			*c = lost(*c)
			e.insert(again)
		},
		"a write once more after a worker was killed": func(e *evidence) {
			c := *e.find(oneUpdate, workingID)
			e.insert(at(15, call{Kind: bobPerson, Person: goneID, Fault: &planned{Kill: theWorker}}))
			e.insert(at(20, c))
		},
		"sessions ended once more after that": func(e *evidence) {
			c := e.find(oneSessions, leavingID)
			again := at(20, *c)
			*c = lost(*c)
			e.insert(again)
		},
		"a suspension by deletion and 404": func(e *evidence) {
			e.find(hook, leavingID).Event = "employee.deleted"
			c := e.find(bobPerson, leavingID)
			c.Status, c.Shown = http.StatusNotFound, nil
		},
		"a suspension by an immediate revocation": func(e *evidence) {
			e.find(hook, leavingID).Event = "employee.access.revoked.immediately"
			e.drop(bobPerson, leavingID)
			e.insert(at(30, call{Kind: bobPerson, Person: leavingID, Shown: []map[string]any{answerOf(e.People[1])}}))
		},
		"a disagreement of somebody who was lied about": func(e *evidence) {
			e.otherwise(workingUser, map[string]any{"title": "Surfer"}, true)
			e.otherwise(workingUser, map[string]any{"title": "Tide Reader"}, false)
			e.find(bobPerson, workingID).Fault = &planned{Lies: true}
		},
		"a disagreement of somebody whose webhook was dropped": func(e *evidence) {
			e.otherwise(workingUser, map[string]any{"title": "Surfer"}, true)
			e.otherwise(workingUser, map[string]any{"title": "Tide Reader"}, false)
			e.drop(hook, workingID)
		},
		"a suspension of somebody revoked beyond the brake's limit": func(e *evidence) {
			e.rush()
			e.find(hook, heldID).Event = "employee.access.revoked.immediately"
			for _, c := range suspensionOf(15, heldID, heldUser) {
				e.insert(c)
			}
			e.otherwise(heldUser, map[string]any{"status": suspendedStatus}, true)
			e.drop(decision, heldID)
			e.Schedule.Rush, e.Before.Held, e.After.Held = -1, nil, nil
		},
		"somebody approved of whom Bob knew nothing after that": func(e *evidence) {
			e.rush()
			e.drop(oneSuspend, approvedID)
			e.drop(oneSessions, approvedID)
			e.otherwise(approvedUser, map[string]any{"status": activeStatus}, true)
			e.insert(at(23, call{Kind: bobPerson, Person: approvedID, Status: http.StatusNotFound, Fault: &planned{Lies: true}}))
			e.After.Held = append(slices.Clone(e.After.Held), approvedID)
			e.Before.Held = e.After.Held
		},
		"somebody held who has come back": func(e *evidence) {
			e.rush()
			e.After.Records = maps.Clone(e.After.Records)
			e.After.Records[heldID] = answerOf(e.People[len(e.People)-1])
			e.After.Held = nil
		},
		"somebody approved who has come back": func(e *evidence) {
			e.rush()
			e.After.Records = maps.Clone(e.After.Records)
			e.After.Records[approvedID] = answerOf(e.People[len(e.People)-3])
			e.otherwise(approvedUser, map[string]any{"status": activeStatus}, false)
		},
		"a creation refused, of somebody protected whom a look-up has hidden": func(e *evidence) {
			c := at(20, call{Kind: oneCreate, Method: http.MethodPost, Person: protectedID, Body: map[string]any{"status": 1.0}, Status: http.StatusUnprocessableEntity})
			c.Effect = false
			e.insert(c)
		},
		"a profile written of somebody protected": func(e *evidence) {
			e.insert(at(20, call{Kind: oneUpdate, Method: http.MethodPut, Person: protectedID, User: protectedUser, Body: map[string]any{"phone": "1"}}))
		},
		"refusals that are spread": func(e *evidence) {
			for i := range blockAfter {
				e.insert(at(11+2*i, call{Kind: bobPerson, Person: goneID, Status: http.StatusUnauthorized}))
			}
		},
	}
	for name, doctor := range tests {
		t.Run(name, func(t *testing.T) {
			e := good()
			doctor(&e)
			require.Empty(t, judge(e))
		})
	}
}
