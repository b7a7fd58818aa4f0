package brake

import (
	"cmp"
	"slices"
	"time"
)

// View is what people are shown of the State.
type View struct {
	// At is the moment that the rest is about.
	At       time.Time `json:"at,omitzero"`
	Settings Settings  `json:"settings"`
	// Used of Limit suspensions fall into the window.
	Used  int `json:"used"`
	Limit int `json:"limit"`
	// Linked is how many linked active users the limit is a share of, CountedAt
	// since when that is known; zero where it is not, and the floor holds.
	Linked    int       `json:"linked,omitempty"`
	CountedAt time.Time `json:"countedAt,omitzero"`
	// FreeAt is when the next suspension falls out of the window; zero where
	// there is none in it.
	FreeAt time.Time `json:"freeAt,omitzero"`
	// Held is how many people are held, Since when the first of them is, and
	// People the first of them, the oldest first.
	Held   int       `json:"held"`
	Since  time.Time `json:"since,omitzero"`
	People []Person  `json:"people,omitempty"`
	// Newest is when the last of them was held: a decision about everybody who
	// is shown names it.
	Newest time.Time `json:"newest,omitzero"`
	// FullAt is when somebody was held last whom the list had no room for; zero
	// where that is some hours ago.
	FullAt time.Time `json:"fullAt,omitzero"`
	// Approved people have not been suspended yet; Rejected ones are remembered.
	// The first of them are listed, the oldest first.
	Approved       int      `json:"approved,omitempty"`
	Rejected       int      `json:"rejected,omitempty"`
	ApprovedPeople []Person `json:"approvedPeople,omitempty"`
	RejectedPeople []Person `json:"rejectedPeople,omitempty"`
}

// Person is somebody who is held, or has been decided about, and since when.
type Person struct {
	EmployeeID string    `json:"employeeId"`
	UserID     int64     `json:"userId,omitempty"`
	Since      time.Time `json:"since"`
}

// Free is how many suspensions would pass now.
func (v View) Free() int { return max(v.Limit-v.Used, 0) }

// Under is the view under other settings and, where it is known, another count
// of linked active users. A view of nothing is that of a brake that was never
// asked.
func (v View) Under(by Settings, linked int) View {
	v.Settings = by
	if linked > 0 {
		v.Linked = linked
	}
	v.Limit = by.Limit(v.Linked)
	return v
}

// View shows the State as it is now, with so many of the held people at most.
func (s *State) View(now time.Time, most int) View {
	v := View{
		At: now, Settings: s.Settings, Used: s.used(now), Limit: s.limit(now), FreeAt: s.freeAt(now),
		Held: len(s.Waiting), Approved: len(s.Approved), Rejected: len(s.Rejected),
	}
	if now.Sub(s.FullAt) < fullLife {
		v.FullAt = s.FullAt
	}
	if s.counts(now) {
		v.Linked, v.CountedAt = s.Count.Linked, s.Count.At
	}
	v.People, v.Since, v.Newest = oldestOf(s.Waiting, most)
	v.ApprovedPeople, _, _ = oldestOf(s.Approved, most)
	v.RejectedPeople, _, _ = oldestOf(s.Rejected, most)
	return v
}

// oldestOf is the people of a list, so many at most, and since when the first
// and the last of all are on it.
func oldestOf(list map[string]entry, most int) (people []Person, first, last time.Time) {
	ids := idsOf(list)
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(list[a].At, list[b].At) })
	since := func(id string) time.Time { return time.UnixMilli(list[id].At).UTC() }
	for _, id := range ids[:min(len(ids), most)] {
		people = append(people, Person{EmployeeID: id, UserID: list[id].User, Since: since(id)})
	}
	if len(ids) > 0 {
		first, last = since(ids[0]), since(ids[len(ids)-1])
	}
	return people, first, last
}

// freeAt is when the oldest suspension falls out of the window. The order of the
// map makes no difference.
//
//workflowcheck:ignore
func (s *State) freeAt(now time.Time) time.Time {
	from, oldest := s.from(now), int64(0)
	look := func(at int64) {
		if at > from && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	for _, e := range s.Counted {
		look(e.At)
	}
	for _, at := range s.Earlier {
		look(at)
	}
	if oldest == 0 {
		return time.Time{}
	}
	return time.UnixMilli(oldest).UTC().Add(s.Settings.Window)
}
