package brake

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"
)

const (
	// MaxListed bounds how many people are listed as held, approved or rejected.
	// Beyond it people are held all the same, and listed when they ask again and
	// there is room.
	MaxListed = 15_000
	// MaxCounted bounds how many suspensions are remembered, which is for 72
	// hours. Beyond it nobody passes but immediate revocations.
	MaxCounted = 20_000
	// countLife is how long a count of the linked active users is gone by.
	countLife = 72 * time.Hour
	// approvalLife bounds an approval that nobody has come to use, and
	// rejectionLife how long a rejection answers until a person is asked again.
	approvalLife  = 7 * 24 * time.Hour
	rejectionLife = 30 * 24 * time.Hour
	// runLife is how long a bulk run's own number is remembered after its last
	// use.
	runLife = 7 * 24 * time.Hour
	// fullLife is how long it is told that the list was full: those whom it had
	// no room for ask every hour.
	fullLife = 2 * time.Hour
)

// Verdict is the answer to the question whether somebody may be suspended.
type Verdict string

const (
	// Granted: the person may be suspended, and counts.
	Granted Verdict = "granted"
	// Held: the limit is reached; a person has to approve or reject.
	Held Verdict = "held"
	// Rejected: a person has said no.
	Rejected Verdict = "rejected"
	// Counting: how many linked users there are is being found out, on which the
	// answer hangs; ask again.
	Counting Verdict = "counting"
	// Unreachable: the brake could not be asked. It never says so itself.
	Unreachable Verdict = "unreachable"
)

// Request asks whether one person may be suspended.
type Request struct {
	EmployeeID string `json:"employeeId"`
	UserID     int64  `json:"userId,omitempty"`
	// Case tells one leaving of the person from another: it is the moment at
	// which the workflow found that access has ended. A question about the same
	// case is the same question, however often it is asked.
	Case time.Time `json:"case"`
	// Revoked: Bob revoked the access with immediate effect, which passes.
	Revoked bool `json:"revoked,omitempty"`
	// EventAt is when the newest event came in which said that the person
	// leaves, and ToldAt when that happened by Bob's clock; zero where no event
	// did, or where Bob gave no time. What Bob has told since a rejection has a
	// person look again.
	EventAt time.Time `json:"eventAt,omitzero"`
	ToldAt  time.Time `json:"toldAt,omitzero"`
	// Run is a bulk run whose people may pass beyond the limit, Allow of them.
	Run   string `json:"run,omitempty"`
	Allow int    `json:"allow,omitempty"`
}

// Answer is what the brake says to a Request.
type Answer struct {
	Verdict Verdict `json:"verdict"`
	// Used of Limit suspensions fall into the window.
	Used   int           `json:"used"`
	Limit  int           `json:"limit"`
	Window time.Duration `json:"window"`
	// Held is how many people are held now.
	Held int `json:"held,omitempty"`
	// Unlisted: the list is full, and this person is not on it.
	Unlisted bool `json:"unlisted,omitempty"`
}

// entry is one person in one of the lists. The keys are short because there may
// be tens of thousands, and all of them go from run to run.
type entry struct {
	User int64 `json:"u,omitempty"`
	// Case and At are stamps; At is when the person was counted, held, approved
	// or rejected.
	Case int64 `json:"c,omitempty"`
	At   int64 `json:"a"`
	// Told is the newest moment by Bob's clock at which the person was told to
	// leave, as far as that is known: what tells news from a late delivery.
	Told int64 `json:"t,omitempty"`
}

// stamp is a moment in milliseconds since 1970, rounded up: nothing falls out of
// the window before its time.
func stamp(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// run is what a bulk run's own number was used for.
type run struct {
	Used int   `json:"n"`
	At   int64 `json:"a"`
}

// Count is how many users are linked to a person and not suspended.
type Count struct {
	Linked int       `json:"linked"`
	At     time.Time `json:"at"`
}

// State is everything that the brake remembers, by Bob id. A person is in one
// of its lists at the most, but for those counted: somebody who was suspended
// yesterday may be held today.
type State struct {
	Settings Settings `json:"settings,omitzero"`
	Count    Count    `json:"count,omitzero"`

	// Counted holds the newest suspension of each person, Earlier the stamps of
	// those before it.
	Counted  map[string]entry `json:"counted,omitempty"`
	Earlier  []int64          `json:"earlier,omitempty"`
	Waiting  map[string]entry `json:"waiting,omitempty"`
	Approved map[string]entry `json:"approved,omitempty"`
	Rejected map[string]entry `json:"rejected,omitempty"`
	Runs     map[string]run   `json:"runs,omitempty"`
	// FullAt is when somebody was held last whom the list had no room for.
	FullAt time.Time `json:"fullAt,omitzero"`

	// recent saves counting anew for each question of one moment, forgotten
	// looking for what is old.
	recent    recent
	forgotten time.Time
}

// recent is how many suspensions are newer than a stamp.
type recent struct {
	from  int64
	used  int
	known bool
}

// Ask answers a request, and remembers what follows from the answer.
func (s *State) Ask(now time.Time, by Settings, r Request) Answer {
	s.Settings = by
	s.forget(now)
	e := entry{User: r.UserID, Case: stamp(r.Case), At: stamp(now)}
	if !r.ToldAt.IsZero() {
		e.Told = stamp(r.ToldAt)
	}
	verdict, unlisted := s.verdict(now, r, e)
	return Answer{
		Verdict: verdict, Used: s.used(now), Limit: s.limit(now), Window: by.Window, Held: len(s.Waiting), Unlisted: unlisted,
	}
}

func (s *State) verdict(now time.Time, r Request, e entry) (v Verdict, unlisted bool) {
	id := r.EmployeeID
	if s.again(now, id, e) {
		// The write follows now, so that is when it counts.
		s.Counted[id] = e
		return Granted, false
	}
	if r.Revoked {
		s.grant(id, e)
		return Granted, false
	}
	if rejected, ok := s.Rejected[id]; ok {
		if !rejected.outdated(now, r, e) {
			return Rejected, false
		}
		// A person looks again: what somebody has rejected never turns into a
		// suspension by itself.
		delete(s.Rejected, id)
		return Held, s.hold(now, id, e)
	}
	full := len(s.Counted)+len(s.Earlier) >= MaxCounted
	if _, ok := s.Approved[id]; ok {
		if full {
			return Held, true // the approval stays
		}
		s.grant(id, e)
		return Granted, false
	}
	held, waits := s.Waiting[id]
	if !waits && !full && s.used(now) < s.limit(now) {
		s.grant(id, e)
		return Granted, false
	}
	if used := s.Runs[r.Run]; r.Run != "" && !full && used.Used < r.Allow {
		put(&s.Runs, r.Run, run{Used: used.Used + 1, At: e.At})
		s.grant(id, e)
		return Granted, false
	}
	if waits {
		// A place that has become free releases nobody: a person has to look.
		held.User, held.Case, held.Told = e.User, e.Case, max(held.Told, e.Told)
		s.Waiting[id] = held
		return Held, false
	}
	return Held, s.hold(now, id, e)
}

// outdated reports whether a rejection does not answer a question any more: Bob
// has told since that the person leaves, or it was long ago. The same delivery
// once more, or one that was late, is no news.
func (rejected entry) outdated(now time.Time, r Request, e entry) bool {
	switch {
	case now.Sub(time.UnixMilli(rejected.At)) >= rejectionLife:
		return true
	case e.Told != 0 && rejected.Told != 0:
		return e.Told > rejected.Told
	default:
		return stamp(r.EventAt) > rejected.At
	}
}

// again reports whether a question was granted already. What has fallen out of
// the window since is asked anew: its place is somebody else's by now.
func (s *State) again(now time.Time, id string, e entry) bool {
	counted, ok := s.Counted[id]
	return ok && counted.Case == e.Case && counted.At > s.from(now)
}

// grant counts a person, who is then on no other list.
func (s *State) grant(id string, e entry) {
	if before, ok := s.Counted[id]; ok {
		s.Earlier = append(s.Earlier, before.At)
	}
	put(&s.Counted, id, e)
	s.recent.used++
	delete(s.Waiting, id)
	delete(s.Approved, id)
	delete(s.Rejected, id)
}

// hold lists a person where there is room, and reports where there is none.
func (s *State) hold(now time.Time, id string, e entry) (unlisted bool) {
	if len(s.Waiting)+len(s.Approved)+len(s.Rejected) >= MaxListed {
		s.FullAt = now
		return true
	}
	put(&s.Waiting, id, e)
	return false
}

func put[V any](into *map[string]V, key string, value V) {
	if *into == nil {
		*into = map[string]V{}
	}
	(*into)[key] = value
}

// used is how many suspensions fall into the window that ends now. The order of
// the map makes no difference.
//
//workflowcheck:ignore
func (s *State) used(now time.Time) int {
	from := s.from(now)
	if s.recent.known && s.recent.from == from {
		return s.recent.used
	}
	s.recent = recent{from: from, known: true}
	for _, e := range s.Counted {
		if e.At > from {
			s.recent.used++
		}
	}
	for _, at := range s.Earlier {
		if at > from {
			s.recent.used++
		}
	}
	return s.recent.used
}

// from is the stamp up to which everything is out of the window.
func (s *State) from(now time.Time) int64 { return now.Add(-s.Settings.Window).UnixMilli() }

func (s *State) limit(now time.Time) int {
	if !s.counts(now) {
		return s.Settings.AtLeast
	}
	return s.Settings.Limit(s.Count.Linked)
}

// counts reports whether there is a count of the linked users to go by.
func (s *State) counts(now time.Time) bool {
	return !s.Count.At.IsZero() && now.Sub(s.Count.At) < countLife
}

// WantsCount reports whether the answer to a request hangs on how many linked
// active users there are, and nobody has said so of late: the floor is used up,
// and a share of the users may be more.
func (s *State) WantsCount(now time.Time, by Settings, r Request) bool {
	s.Settings = by
	_, approved := s.Approved[r.EmployeeID]
	_, waits := s.Waiting[r.EmployeeID]
	_, rejected := s.Rejected[r.EmployeeID]
	switch {
	case by.Percent == 0, s.counts(now), s.used(now) < by.AtLeast:
		return false
	case r.Revoked, approved, waits, rejected:
		return false // whatever the limit is
	default:
		return !s.again(now, r.EmployeeID, entry{Case: stamp(r.Case)})
	}
}

// Learn takes in how many linked active users there are.
func (s *State) Learn(c Count) {
	if c.At.After(s.Count.At) {
		s.Count = c
	}
}

// Drop forgets that somebody was held, approved or rejected: they have come
// back, or are suspended already.
func (s *State) Drop(id string) {
	delete(s.Waiting, id)
	delete(s.Approved, id)
	delete(s.Rejected, id)
}

// Refund takes a granted question back, which OneLogin has refused for good, so
// that nobody was suspended.
func (s *State) Refund(id string, c time.Time) {
	if counted, ok := s.Counted[id]; ok && counted.Case == stamp(c) {
		delete(s.Counted, id)
		s.recent.known = false
	}
}

// Decision says of whom a person has decided. Who is named may be held, or have
// been decided about before: a decision may be taken back.
type Decision struct {
	EmployeeIDs []string `json:"employeeIds,omitempty"`
	// All means everybody who is held; with Until, who was held by then, as
	// View.Newest tells: whoever decided has seen no others.
	All   bool      `json:"all,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Decided is what came of a Decision.
type Decided struct {
	// People counts those of whom the decision holds now; NotHeld are those who
	// were named and are on no list.
	People  int      `json:"people"`
	NotHeld []string `json:"notHeld,omitempty"`
	// Held is how many people are held still.
	Held int `json:"held"`

	// EmployeeIDs are those it was about, in the order of the ids. There may be
	// more than an answer should hold.
	EmployeeIDs []string `json:"-"`
}

// Validate refuses a decision about nobody.
func (d Decision) Validate() error {
	if d.All == (len(d.EmployeeIDs) > 0) {
		return errors.New(`say of whom: {"employeeIds":["…"]}, or {"all":true}`)
	}
	return nil
}

// Approve lets held people be suspended, whatever the limit. They count.
func (s *State) Approve(now time.Time, d Decision) Decided {
	return s.decide(now, d, &s.Approved)
}

// Reject has nobody suspend people. If Bob tells anew that they leave, they are
// held again.
func (s *State) Reject(now time.Time, d Decision) Decided {
	return s.decide(now, d, &s.Rejected)
}

func (s *State) decide(now time.Time, d Decision, into *map[string]entry) Decided {
	s.forget(now)
	var out Decided
	ids := d.EmployeeIDs
	if d.All {
		ids = idsOf(s.Waiting)
	}
	for _, id := range slices.Compact(slices.SortedFunc(slices.Values(ids), byNumber)) {
		of := s.listed(id)
		switch {
		case of == nil:
			out.NotHeld = append(out.NotHeld, id)
			continue
		case d.All && !d.Until.IsZero() && of[id].At > stamp(d.Until):
			continue
		}
		decided := of[id]
		if _, already := (*into)[id]; !already {
			decided.At = stamp(now)
		}
		delete(of, id)
		put(into, id, decided)
		out.EmployeeIDs = append(out.EmployeeIDs, id)
	}
	out.People, out.Held = len(out.EmployeeIDs), len(s.Waiting)
	return out
}

// listed is the list that a person is on, nil where there is none.
func (s *State) listed(id string) map[string]entry {
	for _, list := range []map[string]entry{s.Waiting, s.Approved, s.Rejected} {
		if _, ok := list[id]; ok {
			return list
		}
	}
	return nil
}

// idsOf lists the people of a list by number.
//
//workflowcheck:ignore
func idsOf(list map[string]entry) []string { return slices.SortedFunc(maps.Keys(list), byNumber) }

// byNumber orders Bob ids, which are decimal numbers.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// forget drops what no answer can hang on any more, in whatever order. A
// rejection stays until the person comes back: forgotten, it would be a
// suspension.
//
//workflowcheck:ignore
func (s *State) forget(now time.Time) {
	if now.Sub(s.forgotten) < time.Minute {
		return
	}
	s.forgotten, s.recent.known = now, false
	old := func(life time.Duration, at int64) bool { return now.Sub(time.UnixMilli(at)) > life }
	maps.DeleteFunc(s.Counted, func(_ string, e entry) bool { return old(LongestWindow, e.At) })
	s.Earlier = slices.DeleteFunc(s.Earlier, func(at int64) bool { return old(LongestWindow, at) })
	maps.DeleteFunc(s.Approved, func(_ string, e entry) bool { return old(approvalLife, e.At) })
	maps.DeleteFunc(s.Runs, func(_ string, r run) bool { return old(runLife, r.At) })
}
