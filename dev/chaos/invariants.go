package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// evidence is what a run leaves to be judged: nothing in it was told by the
// product itself, its log and the list of its brake aside.
type evidence struct {
	Schedule schedule
	// People are the schedule's, and those who were hired in its course.
	People []person
	// Changes are when Bob's record of somebody was changed, by Bob id, in
	// order of time.
	Changes map[string][]time.Time
	Calls   []call
	// Waiting are the faults that have not fired.
	Waiting []planned
	// StaleReads counts the people whom an answer has shown as they were before.
	StaleReads int
	// Before is how things stood before the reconciling run, After at the end.
	Before, After state
	// Log is all that worker and starter have printed.
	Log string
}

// state is both sides at rest.
type state struct {
	At time.Time
	// Records are Bob's, with labels, by id; Users are OneLogin's.
	Records map[string]map[string]any
	Users   []map[string]any
	// Held are those whom the brake lists, by Bob id.
	Held []string
}

// violation is what must never be.
type violation struct {
	Invariant string
	// Person is whom it is about, empty for nobody in particular.
	Person string
	Text   string
}

func (v violation) String() string {
	if v.Person == "" {
		return v.Invariant + ": " + v.Text
	}
	return v.Invariant + ": employee " + v.Person + ": " + v.Text
}

// invariants are what every run is held against, by the name under which a
// violation is told.
var invariants = map[string]func(evidence) []violation{
	"every planned fault fires":                 everyFaultFires,
	"Bob and OneLogin agree":                    bothAgree,
	"events are enough where nothing lied":      eventsAreEnough,
	"no second user":                            noSecondUser,
	"no suspension without proof":               noSuspensionWithoutProof,
	"protected and out of scope are left alone": leftAlone,
	"no event is lost":                          noEventLost,
	"no write is repeated without need":         noWriteRepeated,
	"sessions end with the suspension":          sessionsEnd,
	"one writer a person":                       oneWriter,
	"refusals stay below the firewall's block":  refusalsStayBelow,
	"logs name nobody and panic nowhere":        logsAreClean,
	"the brake keeps its limit":                 brakeKeepsItsLimit,
	"the brake holds nobody without need":       heldForNeed,
	"the brake lists whom it holds":             heldAreListed,
	"what a person decides stands":              decisionsStand,
}

// judge holds a run against every invariant.
func judge(e evidence) []violation {
	var all []violation
	for _, name := range slices.Sorted(maps.Keys(invariants)) {
		for _, v := range invariants[name](e) {
			v.Invariant = name
			all = append(all, v)
		}
	}
	return all
}

// everyFaultFires: a fault that did not come proves nothing, and a schedule that
// cannot make it come is wrong.
func everyFaultFires(e evidence) []violation {
	var all []violation
	for _, p := range e.Waiting {
		all = append(all, violation{Text: p.Name + " has not fired"})
	}
	if e.Schedule.Stale && e.StaleReads == 0 {
		all = append(all, violation{Text: "no read was stale"})
	}
	if e.Schedule.Rush >= 0 {
		for _, what := range []string{approves, rejects, leavesAlone} {
			if len(decisions(e.Calls, what)) == 0 {
				all = append(all, violation{Text: "after the rush there was nobody to " + what})
			}
		}
	}
	return all
}

// bothAgree: with all faults over and one reconciling run, OneLogin is what Bob
// and the webhooks ask for, about everybody.
func bothAgree(e evidence) []violation {
	told := heard(e.Calls)
	var all []violation
	for _, p := range e.People {
		for _, text := range disagreements(e, e.After, p, told[p.ID], true) {
			all = append(all, violation{Person: p.ID, Text: text})
		}
	}
	return all
}

// eventsAreEnough: of whoever had a webhook accepted after the last change, the
// reconciling run had nothing to repair, unless an answer was wrong, or final,
// and by what is known of the APIs is to be believed. The manager is left out:
// that link hangs on another person, whose webhook may not have come.
func eventsAreEnough(e evidence) []violation {
	before := slices.DeleteFunc(slices.Clone(e.Calls), func(c call) bool { return c.Began.After(e.Before.At) })
	misled, told := map[string]bool{}, heard(before)
	for _, c := range before {
		about, all := liesAbout(c)
		if all {
			return nil // whose look-up it was is not to be seen from outside
		}
		for _, id := range about {
			misled[id] = true
		}
	}
	var all []violation
	for _, p := range e.People {
		changes := e.Changes[p.ID]
		if len(changes) == 0 || misled[p.ID] || !slices.ContainsFunc(before, func(c call) bool {
			return c.Kind == hook && c.Effect && c.Person == p.ID && c.Began.After(changes[len(changes)-1])
		}) {
			continue
		}
		for _, text := range disagreements(e, e.Before, p, told[p.ID], false) {
			all = append(all, violation{Person: p.ID, Text: "before the reconciling run, " + text})
		}
	}
	return all
}

// liesAbout names those about whom the answer to a call was wrong, or final; all
// says that it may have been anybody. A list of everybody misleads about nobody:
// whom it leaves out is looked for in another way.
func liesAbout(c call) (about []string, all bool) {
	switch {
	case c.Fault == nil || !c.Fault.Lies || c.Kind == oneList:
		return nil, false
	case c.Kind == bobSearch:
		return c.Asked, false
	default:
		return []string{c.Person}, c.Person == ""
	}
}

// disagreements are where a person's OneLogin user is not what it should be.
func disagreements(e evidence, s state, p person, told word, withManager bool) []string {
	w := want(p, s.Records[p.ID], told, s.At)
	if w.Status == suspendedStatus && !told.revoked && kept(e, s, p.ID) {
		w.Why, w.Status = w.Why+", and held or rejected", activeStatus
	}
	u := userOf(e, s, p)
	switch {
	case u == nil && w.User:
		return []string{w.Why + ", and has no user"}
	case u == nil:
		return nil
	case w.NoUser:
		return []string{fmt.Sprintf("%s, and has user %v", w.Why, u["id"])}
	case w.Untouched:
		return nil // leftAlone looks at that
	}
	var all []string
	if w.Status != 0 && u["status"] != w.Status {
		all = append(all, fmt.Sprintf("%s, and user %v has status %v instead of %d", w.Why, u["id"], u["status"], w.Status))
	}
	for _, name := range slices.Sorted(maps.Keys(w.Attributes)) {
		if got := attribute(u, name); !strings.EqualFold(got, w.Attributes[name]) {
			all = append(all, fmt.Sprintf("%s, and user %v has %s %q instead of %q", w.Why, u["id"], name, got, w.Attributes[name]))
		}
	}
	if !withManager {
		return all
	}
	boss := userLinkedTo(s, w.ManagerID)
	switch {
	case w.NoManager && u["manager_user_id"] != nil:
		all = append(all, fmt.Sprintf("user %v has a manager and should have none", u["id"]))
	case w.ManagerID != "" && boss != nil && u["manager_user_id"] != boss["id"]:
		all = append(all, fmt.Sprintf("user %v has manager %v instead of %v", u["id"], u["manager_user_id"], boss["id"]))
	}
	return all
}

// userOf finds a person's user: by the link, or by the first address.
func userOf(e evidence, s state, p person) map[string]any {
	if u := userLinkedTo(s, p.ID); u != nil {
		return u
	}
	for _, u := range s.Users {
		if email, _ := u["email"].(string); u["external_id"] == nil && strings.EqualFold(email, p.email()) {
			return u
		}
	}
	return nil
}

func userLinkedTo(s state, id string) map[string]any {
	if id == "" {
		return nil
	}
	for _, u := range s.Users {
		if u["external_id"] == id {
			return u
		}
	}
	return nil
}

func attribute(u map[string]any, name string) string {
	if shortname, custom := strings.CutPrefix(name, "custom_attributes."); custom {
		return text(u, "custom_attributes", shortname)
	}
	return text(u, name)
}

// noSecondUser: nobody is created twice, or beside a user that was there; and
// no two users have one link or one address.
func noSecondUser(e evidence) []violation {
	var all []violation
	created, had := map[string]int{}, map[string]bool{}
	for _, p := range e.People {
		had[p.ID] = p.User != nil
	}
	for _, c := range e.Calls {
		if c.Kind != oneCreate || !c.Effect {
			continue
		}
		created[c.Person]++
		if had[c.Person] || created[c.Person] > 1 {
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("user %d was created beside another", c.User)})
		}
	}
	for _, s := range []state{e.Before, e.After} {
		seen := map[string]any{}
		for _, u := range s.Users {
			for _, name := range []string{"external_id", "email"} {
				value := strings.ToLower(text(u, name))
				if value == "" {
					continue
				}
				if other, taken := seen[name+value]; taken {
					all = append(all, violation{Text: fmt.Sprintf("users %v and %v have one %s", other, u["id"], name)})
				}
				seen[name+value] = u["id"]
			}
		}
	}
	return all
}

// noSuspensionWithoutProof: before a user is suspended, Bob has told it: by an
// answer that the worker was given whole and that says so; by a 404 together
// with a webhook of deletion; or by an immediate revocation, unless an
// activation of after it came first.
//
// That Bob has changed its mind between the answer and the write is no
// violation: no order of calls can rule it out, and the activation that follows
// is held against the end.
func noSuspensionWithoutProof(e evidence) []violation {
	var all []violation
	for _, c := range e.Calls {
		if c.Kind == oneSuspend && !proven(e, c) {
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("user %d was suspended, and nothing that Bob had said by then proves that they left", c.User)})
		}
	}
	return all
}

func proven(e evidence, suspension call) bool {
	id := suspension.Person
	before := earlier(e.Calls, suspension.Began)
	told := heard(before)[id]
	if told.revoked {
		return true
	}
	for _, c := range before {
		switch {
		case !c.answered() || c.Ended.After(suspension.Began):
		case c.Kind == bobPerson && c.Person == id && c.Status == http.StatusNotFound && told.deleted:
			return true
		case slices.ContainsFunc(c.Shown, func(r map[string]any) bool { return r["id"] == id && hasLeft(r, c.Ended) }):
			return true
		}
	}
	return false
}

// leftAlone: nothing at all is written to a user of somebody out of scope, and
// no status to a protected one. The profile of protected users is kept like any
// other: the settings protect from suspension. Of whoever is gone from Bob
// without a word, the status is left alone as well.
func leftAlone(e evidence) []violation {
	by := map[string]person{}
	for _, p := range e.People {
		by[p.ID] = p
	}
	told := heard(e.Calls)
	var all []violation
	for _, c := range e.Calls {
		p, known := by[c.Person]
		_, status := c.Body["status"]
		switch {
		case c.Method == http.MethodGet || c.Kind == hook || c.Kind == bobPerson || c.Kind == bobSearch || c.Kind == oneToken:
		case !known:
			if c.Kind == oneUpdate || c.Kind == oneSuspend || c.Kind == oneCreate {
				all = append(all, violation{Text: fmt.Sprintf("a write to user %d, who is nobody's of this schedule", c.User)})
			}
		case p.Situation == outOfScope:
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("out of scope, and %s of user %d", c.Kind, c.User)})
		case p.Situation == protected && c.Kind == oneCreate && !c.Effect:
			// A look-up that lied showed nobody; the refusal wrote to nobody.
		case p.Situation == protected && (status || c.Kind == oneSessions):
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("protected, and %s of user %d", c.Kind, c.User)})
		case e.After.Records[p.ID] == nil && !told[p.ID].deleted && (c.Kind == oneSuspend || c.Kind == oneSessions):
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("gone from Bob without a word, and %s of user %d", c.Kind, c.User)})
		}
	}
	return all
}

// noEventLost: after every webhook that was accepted, and after every decision,
// the person was read from Bob, and before the reconciling run, which reads
// everybody.
func noEventLost(e evidence) []violation {
	var all []violation
	for _, c := range unread(e.Calls, e.Before.At) {
		all = append(all, violation{Person: c.Person, Text: c.Event + " was accepted at " + clock(c.Began) + ", and Bob was not read after it"})
	}
	return all
}

// unread lists the webhooks that were accepted before a moment, and the decisions
// that were made, which no read of the person has followed by then.
func unread(calls []call, by time.Time) []call {
	read := map[string]time.Time{}
	for _, c := range calls {
		for _, id := range append(slices.Clone(c.Asked), c.Person) {
			if c.reads(id) && c.Ended.Before(by) && c.Began.After(read[id]) {
				read[id] = c.Began
			}
		}
	}
	var all []call
	for _, c := range calls {
		tells := c.Kind == hook || c.Kind == decision && c.Event != leavesAlone
		if tells && c.Effect && c.Began.Before(by) && !read[c.Person].After(c.Began) {
			all = append(all, c)
		}
	}
	return all
}

// noWriteRepeated: a write that changes nothing is one too many, unless the
// schedule has taken away the answer of the one before it, or the process that
// waited for it. Sessions end once for each suspension, and once more where a
// fault has taken away the answer of either.
func noWriteRepeated(e evidence) []violation {
	var all []violation
	at := map[int64]map[string]any{}
	last := map[int64]time.Time{}
	suspensions, ends := map[int64]int{}, map[int64]int{}
	for _, p := range e.People {
		if u := userOf(e, e.After, p); u != nil && p.User != nil {
			at[u["id"].(int64)] = flat(p.User)
		}
	}
	calls := slices.Clone(e.Calls)
	slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(a.Began.UnixNano(), b.Began.UnixNano()) })
	for _, c := range calls {
		if !c.Effect {
			continue
		}
		switch c.Kind {
		case oneCreate:
			at[c.User], last[c.User] = flat(c.Body), c.Began
		case oneUpdate, oneSuspend:
			if c.Kind == oneSuspend {
				suspensions[c.User]++
			}
			known, write := at[c.User], flat(c.Body)
			if known == nil {
				known = map[string]any{}
				at[c.User] = known
			}
			changed := false
			for name, value := range write {
				was, had := known[name]
				changed = changed || !had || !same(was, value)
				known[name] = value
			}
			if !changed && forced(e.Calls, c.User, last[c.User], c.Began) == 0 {
				all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("%s of user %d at %s changes nothing, and no answer was lost since %s", c.Kind, c.User, clock(c.Began), clock(last[c.User]))})
			}
			last[c.User] = c.Began
		case oneSessions:
			ends[c.User]++
		}
	}
	for id, n := range ends {
		if most := suspensions[id] + forced(e.Calls, id, time.Time{}, e.After.At); n > most {
			all = append(all, violation{Text: fmt.Sprintf("the sessions of user %d were ended %d times, and the schedule accounts for %d", id, n, most)})
		}
	}
	return all
}

// forced counts what the schedule did between two moments after which a write to
// a user may have to be made again: an answer of such a write that was lost, or
// a process killed, which may have been waiting for one.
func forced(calls []call, user int64, from, to time.Time) int {
	n := 0
	for _, c := range calls {
		if c.Fault == nil || c.Began.Before(from) || c.Began.After(to) {
			continue
		}
		killed := c.Fault.Kill == theWorker || c.Fault.Kill == theServer
		ofUser := c.User == user && (c.Kind == oneUpdate || c.Kind == oneSuspend || c.Kind == oneCreate || c.Kind == oneSessions)
		// Ending sessions is tried again with the suspension looked at anew.
		if killed || ofUser && (c.Fault.mayRepeat() || c.Kind == oneSessions) {
			n++
		}
	}
	return n
}

// flat is a write with its custom attributes on top.
func flat(body map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range body {
		if nested, ok := value.(map[string]any); ok {
			for shortname, v := range nested {
				all["custom_attributes."+shortname] = v
			}
			continue
		}
		all[name] = value
	}
	return all
}

// same compares values of JSON with those of Go; OneLogin takes "" for null.
func same(a, b any) bool { return plain(a) == plain(b) }

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatInt(int64(v), 10)
	default:
		return fmt.Sprint(v)
	}
}

// sessionsEnd: whoever is suspended is logged out as well.
func sessionsEnd(e evidence) []violation {
	var all []violation
	for _, c := range e.Calls {
		if c.Kind != oneSuspend || !c.Effect {
			continue
		}
		if !slices.ContainsFunc(e.Calls, func(o call) bool {
			return o.Kind == oneSessions && o.User == c.User && o.Effect && o.Began.After(c.Began)
		}) {
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("user %d was suspended, and the sessions go on", c.User)})
		}
	}
	return all
}

// oneWriter: no two writes to one user are under way at once.
func oneWriter(e evidence) []violation {
	var all []violation
	last := map[int64]call{}
	for _, c := range e.Calls { // in the order in which they began
		if c.User == 0 || c.Kind != oneUpdate && c.Kind != oneSuspend && c.Kind != oneSessions {
			continue
		}
		if before, ok := last[c.User]; ok && c.Began.Before(before.Ended) {
			all = append(all, violation{Person: c.Person, Text: fmt.Sprintf("%s of user %d began at %s, while %s was under way", c.Kind, c.User, clock(c.Began), before.Kind)})
		}
		last[c.User] = c
	}
	return all
}

const (
	// blockAfter refusals within blockWithin are what Bob's firewall blocks a
	// credential for.
	blockAfter  = 50
	blockWithin = 10 * time.Second
	// inFlight is how many calls of one worker can have been sent when the
	// first refusal comes in. None may be sent after it for a minute.
	inFlight = 8
)

// refusalsStayBelow: however long the credentials are refused, and whatever
// waits for them, no more calls try them than were under way when it began,
// once for each life of a worker. That stays far from what trips Bob's firewall.
func refusalsStayBelow(e evidence) []violation {
	var killed []time.Time
	for _, c := range e.Calls {
		if c.Fault != nil && c.Fault.Kill == theWorker {
			killed = append(killed, c.Began)
		}
	}
	ofBob, ofOneLogin := refused(e.Calls)
	var all []violation
	for _, w := range windows(ofBob) {
		lives := 1
		for _, at := range killed {
			if !at.Before(w[0]) && !at.After(w[len(w)-1]) {
				lives++
			}
		}
		if bound := min(inFlight*lives, blockAfter-1); len(w) > bound {
			all = append(all, violation{Text: fmt.Sprintf("Bob refused %d calls within %s, and only %d can have been under way; it blocks the credentials from %d on", len(w), blockWithin, bound, blockAfter)})
			break
		}
	}
	// OneLogin is not known to block; it is held to the same.
	if most := mostWithin(ofOneLogin); most >= blockAfter {
		all = append(all, violation{Text: fmt.Sprintf("OneLogin refused %d calls within %s", most, blockWithin)})
	}
	return all
}

// refused are the moments at which each API has answered 401 or 403.
func refused(calls []call) (ofBob, ofOneLogin []time.Time) {
	for _, c := range calls {
		switch {
		case c.Kind == hook || c.Status != http.StatusUnauthorized && c.Status != http.StatusForbidden:
		case c.OneLogin:
			ofOneLogin = append(ofOneLogin, c.Ended)
		default:
			ofBob = append(ofBob, c.Ended)
		}
	}
	return ofBob, ofOneLogin
}

// mostWithin is the most of some moments that lie within any blockWithin.
func mostWithin(at []time.Time) int {
	most := 0
	for _, w := range windows(at) {
		most = max(most, len(w))
	}
	return most
}

// windows are the runs of moments within blockWithin, by the last of each.
func windows(at []time.Time) [][]time.Time {
	slices.SortFunc(at, time.Time.Compare)
	var all [][]time.Time
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= blockWithin {
			first++
		}
		all = append(all, at[first:i+1])
	}
	return all
}

// logsAreClean: no process panicked or raced, and none has printed an address or
// a secret.
func logsAreClean(e evidence) []violation {
	var all []violation
	for _, never := range []string{"panic:", "DATA RACE", "@" + scopedDomain, "@" + otherDomain, bobToken, clientSecret, webhookSecret} {
		if at := strings.Index(e.Log, never); at >= 0 {
			all = append(all, violation{Text: fmt.Sprintf("%q was printed: %s", never, e.Log[max(0, at-200):min(len(e.Log), at+2000)])})
		}
	}
	return all
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "the start"
	}
	return t.UTC().Format("15:04:05.000")
}
