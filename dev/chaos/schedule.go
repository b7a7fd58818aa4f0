package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/people"
)

// delivery is how the webhook of a change comes.
type delivery string

const (
	atOnce     delivery = "at once"
	duplicated delivery = "duplicated"
	reordered  delivery = "reordered"  // after a later event of the same person
	late       delivery = "hours late" // Bob could not deliver it when it happened
	dropped    delivery = "dropped"    // Bob has given up, or never said so
)

const (
	hoursLate = 5 * time.Hour
	// overtaken is how long a reordered event is held.
	overtaken = time.Second
)

// step is one change in Bob and the webhooks that it causes.
type step struct {
	Person string
	What   string
	// Patch is merged into the person's record; Hire creates it, Remove deletes it.
	Patch  map[string]any
	Hire   bool
	Remove bool
	// Events are the types of the webhooks, in the order in which things happened.
	Events []string
	How    delivery
}

// Kinds of calls, which faults are planned for.
const (
	bobPerson   = "bob person"
	bobSearch   = "bob search"
	oneToken    = "onelogin token"
	oneFind     = "onelogin find"
	oneList     = "onelogin list"
	oneCreate   = "onelogin create"
	oneUpdate   = "onelogin update"
	oneSuspend  = "onelogin suspend"
	oneSessions = "onelogin end sessions"
	hook        = "webhook"
	decision    = "decision"
	otherCall   = "other"
)

// victim is a process that a fault kills with kill -9.
type victim string

const (
	nobody     victim = ""
	theWorker  victim = "worker"
	theServer  victim = "server"
	theStarter victim = "starter"
)

// When in the course of a call somebody is killed.
const (
	beforeTheCall = "before"
	afterTheCall  = "after"
	whenAnswered  = "answered"
)

// turn is trouble that begins with a call and ends by itself.
type turn string

const (
	bobRefuses     turn = "Bob refuses the service user"
	oneLoginDenies turn = "OneLogin refuses the credentials"
	budgetSpent    turn = "OneLogin's hourly budget is spent"
)

const (
	stormFor = 5 * time.Second
	spentFor = 3 * time.Second
	// downFor is longer than the starter waits for the server, so that Bob has
	// to deliver again.
	downFor = 10 * time.Second
)

// planned is one fault: what happens to the nth call of a kind.
type planned struct {
	Name string
	// Class is what totals count: a kind of fault, whatever the call.
	Class string
	Kind  string
	Nth   int
	// Do is what the stand-in does. Where After is set, the call has had its
	// effect by then.
	Do    control.Fault
	After bool
	// Kill is who is killed, and When in the course of the call.
	Kill victim
	When string
	// Down is how long the victim stays away.
	Down time.Duration
	Turn turn
	// Lies: the answer is wrong, or final, and by what is known of the APIs
	// may be believed: who asked is put right by the reconciling run alone.
	Lies bool
}

// mayRepeat tells the faults after which the caller cannot know that its write
// had its effect.
func (p planned) mayRepeat() bool {
	return p.After || p.Do.Drop == control.DropAfter || p.Do.Drop == control.DropMiddle || p.Kill == theWorker || p.Kill == theServer
}

// schedule is all that a seed stands for.
type schedule struct {
	Seed   uint64
	People []person
	// Stale: Bob's reads lag. Calm is then the step ahead of every fault whose
	// first read is stale, unless this machine is too slow to make it in time.
	Stale bool
	Calm  []step
	Waves [][]step
	// Bulk is the wave together with which a bulk run starts; -1 for none.
	Bulk int
	// Rush is the wave in which more people leave than the brake lets pass; -1
	// for none.
	Rush   int
	Faults []planned
	// Spares are steps that are played, one after the other, while a planned
	// fault has not fired: by the kind of call that it waits for, and under
	// staleRead while no read was stale.
	Spares map[string][]step
}

// kinds of calls with what can happen to them. Statuses and bodies are those
// of the reference; HTML is what stands at the edge of both.
const edgePage = "<html><body><h1>502 Bad Gateway</h1></body></html>"

func menu(kind string) []planned {
	html := planned{Class: "HTML error", Do: control.Fault{Status: 502, Body: edgePage}}
	broken := planned{Class: "refusal", Do: control.Fault{Status: 503, Headers: map[string]string{"Retry-After": "1"}}}
	slow := planned{Class: "delay", Do: control.Fault{Delay: control.Duration(700 * time.Millisecond)}}
	lost := planned{Class: "lost request", Do: control.Fault{Drop: control.DropBefore}}
	unanswered := planned{Class: "answer lost", Do: control.Fault{Drop: control.DropAfter}}
	cut := planned{Class: "answer cut off", Do: control.Fault{Drop: control.DropMiddle}}
	hidden := planned{Class: "HTML error after the effect", Do: control.Fault{Status: 502, Body: edgePage}, After: true}
	burst := planned{Class: "rate limit", Do: control.Fault{Status: 429, Body: "<html><body><h1>429 Too Many Requests</h1></body></html>"}}
	told := planned{Class: "rate limit", Do: control.Fault{Status: 429, Headers: map[string]string{"Retry-After": "2"}}}
	page := planned{Class: "HTML for JSON", Do: control.Fault{Status: 200, Body: "<!doctype html><html></html>", Headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}}}
	empty := planned{Class: "empty list", Do: control.Fault{List: control.ListEmpty}, Lies: true}
	half := planned{Class: "partial list", Do: control.Fault{List: control.ListHalf}, Lies: true}
	never := planned{Class: "refusal for good", Do: control.Fault{Status: 400, Body: `{"message":"Bad Request","name":"BadRequestError","statusCode":400}`}, Lies: true}
	unknown := planned{Class: "unexplained 404", Do: control.Fault{Status: 404}, Lies: true}
	stale := planned{Class: "stale link", Do: control.Fault{Status: 404, Body: `{"message":"The resource with the given id could not be found","name":"NotFoundError","statusCode":404}`}}
	switch kind {
	case bobPerson:
		return []planned{broken, html, told, slow, lost, unanswered, cut, page, unknown}
	case bobSearch:
		return []planned{broken, html, told, slow, lost, unanswered, cut, page, empty, half}
	case oneToken:
		return []planned{broken, html, slow, lost, unanswered}
	case oneFind:
		return []planned{broken, html, burst, slow, lost, unanswered, cut, empty}
	case oneList:
		return []planned{broken, html, burst, slow, lost, unanswered, cut, empty, half}
	case oneCreate:
		return []planned{broken, html, burst, slow, lost, unanswered, unanswered, cut, hidden, never}
	case oneUpdate:
		return []planned{broken, html, burst, slow, lost, unanswered, unanswered, cut, hidden, never, stale}
	case oneSuspend:
		return []planned{broken, html, burst, slow, lost, unanswered, unanswered, cut, hidden, stale}
	case oneSessions:
		return []planned{broken, html, burst, slow, lost, unanswered, hidden}
	case hook:
		return []planned{html, slow, lost, unanswered, unanswered}
	default:
		panic("no fault is known for " + kind)
	}
}

// boundaries are where a worker is killed: each kind of call that an activity
// makes, before it has its effect, after that, and when it is answered.
func boundaries() []planned {
	var all []planned
	for _, when := range []string{beforeTheCall, afterTheCall, whenAnswered} {
		for _, kind := range []string{bobPerson, oneFind, oneCreate, oneUpdate, oneSuspend, oneSessions, bobSearch, oneList} {
			all = append(all, planned{Class: "worker killed " + when, Kind: kind, Kill: theWorker, When: when})
		}
	}
	return all
}

// newSchedule makes the schedule of a seed. It depends on the seed alone, dates
// aside, which count from now.
func newSchedule(seed uint64, now time.Time) schedule {
	rng := rand.New(rand.NewPCG(seed, 0x6368616f73))
	s := schedule{Seed: seed, Bulk: -1, Rush: -1, Stale: rng.IntN(2) == 0, Spares: map[string][]step{}}
	m := maker{rng: rng, s: &s, now: now}
	m.faults()
	m.populate()
	m.script()
	if seed%rushEvery == 0 {
		m.rush()
	}
	return s
}

type maker struct {
	rng *rand.Rand
	s   *schedule
	now time.Time
	ids int
	// nth is the last call of a kind that something is planned for.
	nth map[string]int
}

func (m *maker) id() string {
	m.ids++
	return people.ID(m.ids + 1000*int(m.s.Seed%100000))
}

// plan takes a fault up for the next call of its kind that is free.
func (m *maker) plan(p planned) {
	if m.nth == nil {
		m.nth = map[string]int{}
	}
	m.nth[p.Kind] += 1 + m.gap(p.Kind)
	p.Nth = m.nth[p.Kind]
	p.Name = fmt.Sprintf("%s at %s %d", p.Class, p.Kind, p.Nth)
	m.s.Faults = append(m.s.Faults, p)
}

// first has a fault act on the first call of its kind, and what was planned for
// that kind after it.
func (m *maker) first(p planned) {
	for i := range m.s.Faults {
		if f := &m.s.Faults[i]; f.Kind == p.Kind {
			f.Nth++
			f.Name = fmt.Sprintf("%s at %s %d", f.Class, f.Kind, f.Nth)
		}
	}
	m.nth[p.Kind], p.Nth = m.nth[p.Kind]+1, 1
	p.Name = fmt.Sprintf("%s at %s %d", p.Class, p.Kind, p.Nth)
	m.s.Faults = append(m.s.Faults, p)
}

// gap is how many calls go by unharmed. Where few calls of a kind come, none do.
func (m *maker) gap(kind string) int {
	switch kind {
	case bobPerson, oneFind, hook:
		return m.rng.IntN(4)
	case oneUpdate, decision:
		return m.rng.IntN(2)
	default:
		return 0
	}
}

func (m *maker) faults() {
	all := boundaries()
	m.plan(all[m.s.Seed%uint64(len(all))])
	if m.rng.IntN(4) == 0 {
		m.plan(pickOne(m.rng, all))
	}
	if m.rng.IntN(3) == 0 {
		p := planned{Class: "server killed", Kind: pickOne(m.rng, []string{bobPerson, oneFind, oneUpdate, oneCreate, hook}), Kill: theServer, When: pickOne(m.rng, []string{beforeTheCall, afterTheCall})}
		if p.Kind == hook {
			p.Class, p.Down = "server killed and away", downFor
		}
		m.plan(p)
	}
	if m.rng.IntN(4) == 0 {
		m.plan(planned{Class: "starter killed", Kind: hook, Kill: theStarter, When: pickOne(m.rng, []string{beforeTheCall, afterTheCall})})
	}
	ordinary := []string{bobPerson, bobPerson, oneFind, oneFind, oneUpdate, oneUpdate, oneCreate, oneSuspend, oneSessions, hook, bobSearch, oneList, oneToken}
	for range 5 + m.rng.IntN(4) {
		kind := pickOne(m.rng, ordinary)
		if most, few := few[kind]; few && m.nth[kind] >= most {
			continue
		}
		f := pickOne(m.rng, menu(kind))
		f.Kind = kind
		m.plan(f)
	}
	// Trouble with credentials costs a minute: the clients stop for as long.
	// Bob's is planned for the first read, which everybody's follow: see script.
	switch m.rng.IntN(10) {
	case 0:
		m.first(planned{Class: "401 storm", Kind: bobPerson, Turn: bobRefuses})
	case 1:
		m.plan(planned{Class: "401 storm", Kind: oneFind, Turn: oneLoginDenies})
	case 2, 3, 4:
		m.plan(planned{Class: "budget exhausted", Kind: oneFind, Turn: budgetSpent})
	}
	// A process that lives has its token already.
	restarts := slices.ContainsFunc(m.s.Faults, func(p planned) bool { return p.Kill == theWorker })
	m.s.Faults = slices.DeleteFunc(m.s.Faults, func(p planned) bool { return p.Kind == oneToken && !restarts })
	if slices.ContainsFunc(m.s.Faults, func(p planned) bool { return p.Kind == bobSearch || p.Kind == oneList }) || m.rng.IntN(3) == 0 {
		m.s.Bulk = 1
	}
}

// few is how many calls of a kind a schedule can be sure of: leavers are few,
// and a process that lives needs no second token.
var few = map[string]int{oneSuspend: 2, oneSessions: 2, oneToken: 1}

// misleads reports whether somebody may be looked for in vain.
func (m *maker) misleads() bool {
	return slices.ContainsFunc(m.s.Faults, func(p planned) bool { return p.Kind == oneFind && p.Lies })
}

func (m *maker) populate() {
	m.add(manager, "")
	m.add(manager, m.s.People[0].ID)
	m.add(manager, m.s.People[1].ID)
	for range 4 + m.rng.IntN(3) {
		m.add(atWork, m.boss())
	}
	for _, s := range []situation{
		drifted, unlinked, absent, starter, leaver, spareLeaver, deleted, protected, outOfScope,
	} {
		m.add(s, m.boss())
	}
	// One or two of the rarer ones, so that no more than maxSuspensions are due.
	rare := []situation{missed, revoked, restored, outdated, erased, suspended, outOfScope, unlinked}
	m.add(pickOne(m.rng, rare), m.boss())
	for range m.rng.IntN(4) {
		m.add(pickOne(m.rng, []situation{atWork, drifted, suspended, starter, unlinked, absent}), m.boss())
	}
}

// boss is somebody's manager: in one of four cases one who has no user yet.
func (m *maker) boss() string {
	if m.rng.IntN(4) == 0 {
		if at := slices.IndexFunc(m.s.People, func(p person) bool { return p.Situation == absent || p.Situation == starter }); at >= 0 {
			return m.s.People[at].ID
		}
	}
	return m.s.People[m.rng.IntN(3)].ID
}

func (m *maker) add(s situation, bossID string) {
	id := m.id()
	r := record(m.rng, id, s, bossID, m.now)
	m.s.People = append(m.s.People, person{ID: id, Situation: s, Record: r, User: user(id, s, r)})
}

func (m *maker) of(s situation) []person {
	var found []person
	for _, p := range m.s.People {
		if p.Situation == s {
			found = append(found, p)
		}
	}
	return found
}

func (m *maker) how() delivery {
	return pickOne(m.rng, []delivery{atOnce, atOnce, atOnce, duplicated, duplicated, late, dropped})
}

// waves is how many times the schedule lets everything come to rest.
const waves = 3

func (m *maker) script() {
	m.s.Waves = make([][]step, waves)
	then := func(wave int, st step) { m.s.Waves[wave] = append(m.s.Waves[wave], st) }

	for i, p := range slices.Concat(m.of(atWork), m.of(drifted)) {
		then(m.rng.IntN(waves), m.edit(p, m.how()))
		if i%2 == 0 {
			then(m.rng.IntN(waves), m.edit(p, atOnce))
		}
	}
	for _, p := range m.of(unlinked) {
		then(0, m.edit(p, atOnce))
	}
	for _, p := range m.of(absent) {
		then(m.rng.IntN(2), m.edit(p, atOnce))
	}
	for range 2 {
		then(m.rng.IntN(2), m.hire(atOnce))
	}
	for i, p := range m.of(starter) {
		switch i {
		case 0:
			then(2, step{Person: p.ID, What: "starts today", Patch: map[string]any{
				"work": map[string]any{"startDate": m.today(p)}, "internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
			}, Events: []string{"employee.updated", "employee.joined"}, How: reordered})
		default:
			then(0, step{Person: p.ID, What: "start moved", Patch: map[string]any{"work": map[string]any{"startDate": m.inDays(p, 40)}}, Events: []string{"employee.updated"}, How: m.how()})
		}
	}
	// Those whom the calm needs, and the faults of suspensions, come in good time.
	for _, p := range m.of(leaver) {
		then(0, m.leave(p, pickOne(m.rng, []delivery{atOnce, duplicated, reordered})))
	}
	for _, p := range m.of(deleted) {
		then(1, step{Person: p.ID, What: "deleted", Remove: true, Events: []string{"employee.deleted"}, How: pickOne(m.rng, []delivery{atOnce, duplicated, late})})
	}
	for _, p := range m.of(erased) {
		then(1, step{Person: p.ID, What: "deleted, and Bob never says so", Remove: true, Events: []string{"employee.deleted"}, How: dropped})
	}
	for _, p := range m.of(protected) {
		then(m.rng.IntN(waves), m.leave(p, m.how()))
	}
	for i, p := range m.of(outOfScope) {
		if i == 0 {
			then(m.rng.IntN(waves), m.leave(p, atOnce))
		} else {
			then(m.rng.IntN(waves), m.edit(p, atOnce))
		}
	}
	for _, p := range m.of(revoked) {
		then(1, step{Person: p.ID, What: "access revoked", Events: []string{"employee.access.revoked.immediately"}, How: pickOne(m.rng, []delivery{atOnce, duplicated})})
		then(2, m.edit(p, atOnce))
	}
	for _, p := range m.of(restored) {
		then(0, m.leave(p, pickOne(m.rng, []delivery{atOnce, duplicated})))
		then(2, step{Person: p.ID, What: "came back", Patch: map[string]any{
			"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed", "terminationDate": nil},
		}, Events: []string{"employee.activated", "employee.updated"}, How: atOnce})
	}
	for _, p := range m.of(outdated) {
		then(0, step{Person: p.ID, What: "activated", Events: []string{"employee.activated"}, How: atOnce})
		then(1+m.rng.IntN(2), step{Person: p.ID, What: "revoked before that", Events: []string{"employee.access.revoked.immediately"}, How: late})
	}
	for _, p := range m.of(suspended) {
		then(m.rng.IntN(waves), m.edit(p, m.how()))
	}
	if slices.ContainsFunc(m.s.Faults, func(p planned) bool { return p.Turn == bobRefuses }) {
		for _, p := range m.s.People {
			if p.Situation != leaver && p.Situation != outdated {
				then(0, step{Person: p.ID, What: "a row of a table", Events: []string{"table.entry.created"}, How: atOnce})
			}
		}
	}
	for _, wave := range m.s.Waves {
		m.rng.Shuffle(len(wave), func(i, j int) { wave[i], wave[j] = wave[j], wave[i] })
	}
	if m.s.Stale {
		m.calm()
	}
	m.spares()
}

// calm takes the leaver's step out of the waves: their first read is made at
// once, and with nothing else going on it is sure to be stale.
func (m *maker) calm() {
	id := m.of(leaver)[0].ID
	for i := range m.s.Waves {
		m.s.Waves[i] = slices.DeleteFunc(m.s.Waves[i], func(st step) bool {
			if st.Person != id {
				return false
			}
			st.How = atOnce
			m.s.Calm = append(m.s.Calm, st)
			return true
		})
	}
}

// spares is what else can happen where a fault waits for a call.
func (m *maker) spares() {
	for range 12 {
		m.s.Spares[oneUpdate] = append(m.s.Spares[oneUpdate], m.edit(m.s.People[m.rng.IntN(3)], atOnce))
		m.s.Spares[oneCreate] = append(m.s.Spares[oneCreate], m.hire(atOnce))
	}
	// Who is said to leave is read at once, and again when the read is settled.
	for range 12 {
		st := m.edit(m.s.People[m.rng.IntN(3)], atOnce)
		st.What += ", and is said to leave"
		st.Events = []string{"employee.left"}
		m.s.Spares[staleRead] = append(m.s.Spares[staleRead], st)
	}
	for _, p := range m.of(spareLeaver) {
		m.s.Spares[oneSuspend] = append(m.s.Spares[oneSuspend], m.leave(p, atOnce))
	}
}

func (m *maker) site(p person) string {
	name := p.Record["work"].(map[string]any)["site"].(string)
	for _, s := range people.Sites() {
		if s.Name == name {
			return s.Zone
		}
	}
	panic("no such site: " + name)
}

func (m *maker) today(p person) string { return m.inDays(p, 0) }

func (m *maker) inDays(p person, days int) string { return day(m.now, m.site(p), days) }

func (m *maker) leave(p person, how delivery) step {
	return step{Person: p.ID, What: "leaves", Patch: map[string]any{"internal": gone(m.now, m.site(p))}, Events: []string{"employee.left", "employee.inactivated"}, How: how}
}

func (m *maker) hire(how delivery) step {
	id := m.id()
	return step{Person: id, What: "hired", Hire: true, Patch: record(m.rng, id, newcomer, m.boss(), m.now), Events: []string{"employee.created", "employee.updated"}, How: how}
}

// edits counts changes, so that no two write the same.
func (m *maker) edit(p person, how delivery) step {
	m.ids++
	n := m.ids
	st := step{Person: p.ID, Events: []string{"employee.updated"}, How: how}
	choice := m.rng.IntN(6)
	if choice == 4 && (m.misleads() || p.Situation == outOfScope || p.Situation == unlinked) {
		// Who is looked for in vain under a new address is nobody's duplicate.
		choice = 0
	}
	switch choice {
	case 0:
		st.What, st.Patch = "title", map[string]any{"work": map[string]any{"title": fmt.Sprintf("Title %d", n)}}
	case 1:
		st.What, st.Patch = "phone", map[string]any{"work": map[string]any{"workPhone": fmt.Sprintf("+44 20 7947 %04d", n)}}
	case 2:
		st.What, st.Patch = "surname", map[string]any{"surname": fmt.Sprintf("Person of %d", n)}
	case 3:
		st.What, st.Patch = "department", map[string]any{"work": map[string]any{"department": fmt.Sprintf("Department %d", n)}}
		st.Events = []string{"employee.updated", "table.entry.created"}
	case 4:
		st.What, st.Patch = "address", map[string]any{"email": fmt.Sprintf("renamed.%d.%s", n, p.email())}
	default:
		st.What, st.Patch = "manager and title", map[string]any{"work": map[string]any{"reportsTo": nil, "title": fmt.Sprintf("Chief %d", n)}}
	}
	return st
}
