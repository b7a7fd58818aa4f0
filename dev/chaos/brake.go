package main

import (
	"fmt"
	"slices"
	"time"
)

// What the suspension brake is held against: it is counted anew what happened to
// OneLogin's users, and what a person has decided is in the log.

// brakeKeepsItsLimit: no more people are suspended within a run, which is shorter
// than the brake's window, than its limit, those aside whom a person has
// approved, and those whose access Bob has revoked with immediate effect.
func brakeKeepsItsLimit(e evidence) []violation {
	var all []violation
	passed := 0
	for _, c := range suspensions(e) {
		if len(decisionsAbout(earlier(e.Calls, c.Began), c.Person, approves)) > 0 || revokedBy(e, c) {
			continue
		}
		if passed++; passed > brakeLimit {
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf(
				"user %d was suspended at %s as the %dth, and nobody had approved it; the limit is %d", c.User, clock(c.Began), passed, brakeLimit)})
		}
	}
	return all
}

// heldForNeed: nobody is held as long as fewer people were suspended, or were
// about to be, than the limit.
func heldForNeed(e evidence) []violation {
	var all []violation
	look := func(held []string, at time.Time) {
		passed := map[string]bool{}
		for _, c := range earlier(e.Calls, at) {
			if c.Kind == oneSuspend {
				passed[c.Person] = true
			}
		}
		if len(held) > 0 && len(passed) < brakeLimit {
			all = append(all, violation{Person: held[0], Text: fmt.Sprintf("held by %s, and only %d of %d had been suspended", clock(at), len(passed), brakeLimit)})
		}
	}
	if made := decisions(e.Calls, approves, rejects, leavesAlone); len(made) > 0 {
		look([]string{made[0].Person}, made[0].Began)
	}
	look(e.Before.Held, e.Before.At)
	look(e.After.Held, e.After.At)
	return all
}

// heldAreListed: at the end, whoever should be suspended and is not, without a
// person having decided so, is on the brake's list, and nobody else.
func heldAreListed(e evidence) []violation {
	told := heard(e.Calls)
	var all []violation
	for _, p := range e.People {
		w, u := want(p, e.After.Records[p.ID], told[p.ID], e.After.At), userOf(e, e.After, p)
		active := u != nil && u["status"] == activeStatus
		due := w.Status == suspendedStatus && !told[p.ID].revoked && active
		d, decided := lastDecision(e.Calls, p.ID)
		switch listed := slices.Contains(e.After.Held, p.ID); {
		case decided && misledAfter(e, p.ID, d.Began), decided && d.Event == approves:
			// What Bob said after it took the decision back; and who was approved
			// and is not suspended is decisionsStand's.
		case listed && decided && d.Event == rejects:
			all = append(all, violation{Person: p.ID, Text: "rejected at " + clock(d.Began) + ", and held again at the end"})
		case listed && !due:
			all = append(all, violation{Person: p.ID, Text: w.Why + ", nothing is to be held, and the brake lists them"})
		case !listed && due && !(decided && d.Event == rejects):
			all = append(all, violation{Person: p.ID, Text: w.Why + ", can log in, and the brake does not list them"})
		}
	}
	for _, id := range e.After.Held {
		if !slices.ContainsFunc(e.People, func(p person) bool { return p.ID == id }) {
			all = append(all, violation{Person: id, Text: "the brake lists them, who are nobody of this schedule"})
		}
	}
	return all
}

// decisionsStand: who was approved is suspended, and their sessions are ended,
// unless they have come back, or Bob was made to say something else after that.
// Who was rejected, or left alone, is not suspended.
func decisionsStand(e evidence) []violation {
	told, made := heard(e.Calls), suspensions(e)
	by := map[string]person{}
	for _, p := range e.People {
		by[p.ID] = p
	}
	var all []violation
	say := func(d call, format string, args ...any) {
		all = append(all, violation{Person: d.Person, Text: d.Event + " at " + clock(d.Began) + ", and " + fmt.Sprintf(format, args...)})
	}
	for _, d := range decisions(e.Calls, approves, rejects, leavesAlone) {
		p := by[d.Person]
		u := userOf(e, e.After, p)
		if d.Event != approves {
			for _, c := range made {
				if c.Person == d.Person && c.Began.After(d.Began) && !revokedBy(e, c) {
					say(d, "user %d was suspended at %s", c.User, clock(c.Began))
				}
			}
			continue
		}
		w := want(p, e.After.Records[p.ID], told[p.ID], e.After.At)
		switch {
		case w.Status != suspendedStatus || misledAfter(e, d.Person, d.Began):
		case u == nil || u["status"] != suspendedStatus:
			say(d, "can log in")
		case !slices.ContainsFunc(e.Calls, func(c call) bool {
			return c.Kind == oneSessions && c.Effect && c.User == u["id"] && c.Began.After(d.Began)
		}):
			say(d, "the sessions of user %v go on", u["id"])
		}
	}
	return all
}

// suspensions are the calls by which somebody's access has ended: their user
// could log in before.
func suspensions(e evidence) []call {
	status := map[int64]int64{}
	for _, p := range e.People {
		if u := userOf(e, e.After, p); u != nil && p.User != nil {
			status[u["id"].(int64)], _ = p.User["status"].(int64)
		}
	}
	var all []call
	for _, c := range e.Calls { // in the order in which they began
		to, says := c.Body["status"].(float64)
		if !c.Effect || !says {
			continue
		}
		if c.Kind == oneSuspend && status[c.User] != suspendedStatus {
			all = append(all, c)
		}
		status[c.User] = int64(to)
	}
	return all
}

// earlier are the calls that began before a moment.
func earlier(calls []call, at time.Time) []call {
	return slices.DeleteFunc(slices.Clone(calls), func(c call) bool { return !c.Began.Before(at) })
}

// revokedBy reports whether Bob had revoked the person's access with immediate
// effect when they were suspended.
func revokedBy(e evidence, suspension call) bool {
	return heard(earlier(e.Calls, suspension.Began))[suspension.Person].revoked
}

// decisions are those of some kinds, in order.
func decisions(calls []call, kinds ...string) []call {
	return slices.DeleteFunc(slices.Clone(calls), func(c call) bool { return c.Kind != decision || !slices.Contains(kinds, c.Event) })
}

func decisionsAbout(calls []call, id string, kinds ...string) []call {
	return slices.DeleteFunc(decisions(calls, kinds...), func(c call) bool { return c.Person != id })
}

// lastDecision is what a person has decided about somebody who was held.
func lastDecision(calls []call, id string) (call, bool) {
	all := decisionsAbout(calls, id, approves, rejects)
	if len(all) == 0 {
		return call{}, false
	}
	return all[len(all)-1], true
}

// kept reports whether the brake, or a person, keeps somebody from being
// suspended.
func kept(e evidence, s state, id string) bool {
	d, decided := lastDecision(earlier(e.Calls, s.At), id)
	return slices.Contains(s.Held, id) || decided && d.Event == rejects
}

// misledAfter reports whether an answer about somebody was wrong, or final, after a
// moment.
func misledAfter(e evidence, id string, since time.Time) bool {
	return slices.ContainsFunc(e.Calls, func(c call) bool {
		about, all := liesAbout(c)
		return c.Began.After(since) && (all || slices.Contains(about, id))
	})
}
