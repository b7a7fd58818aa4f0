package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"bob-onelogin/dev/sim/people"
)

// situation says what is special about a person of a schedule.
type situation string

const (
	atWork      situation = "at work"
	manager     situation = "manager"
	drifted     situation = "drifted"         // linked, and OneLogin says something else
	unlinked    situation = "unlinked"        // a user under the address, without a link
	absent      situation = "not in OneLogin" // at work, and without a user
	suspended   situation = "suspended"       // at work, and suspended by mistake
	starter     situation = "starter"         // starts in some days
	leaver      situation = "leaver"          // leaves in the course of the schedule
	spareLeaver situation = "spare leaver"    // leaves if a fault waits for a suspension
	missed      situation = "missed leaver"   // left without OneLogin being told
	deleted     situation = "deleted"         // is deleted in the course of the schedule
	erased      situation = "erased"          // the same, and Bob never says so
	revoked     situation = "revoked"         // loses access with immediate effect
	restored    situation = "restored"        // leaves, and comes back
	outdated    situation = "outdated"        // activated; an older revocation comes late
	protected   situation = "protected"       // leaves, and must not be suspended
	outOfScope  situation = "out of scope"
	newcomer    situation = "newcomer" // hired in the course of the schedule
	rushed      situation = "rushed"   // leaves with too many others at once
)

// maxSuspensions is how many people of one schedule may have to be suspended,
// those of a rush aside: few, as on most days.
const maxSuspensions = 4

const (
	scopedDomain = "example.com"
	otherDomain  = "example.net"
)

// person is one member of a schedule's population.
type person struct {
	ID        string
	Situation situation
	// Record is what Bob has at first; nil for a newcomer.
	Record map[string]any
	// User is what OneLogin has at first, without the manager; nil for nobody.
	User map[string]any
}

func (p person) email() string { return emailOf(p.ID, p.Situation) }

func emailOf(id string, s situation) string {
	domain := scopedDomain
	switch s {
	case outOfScope:
		domain = otherDomain
	case protected:
		return protectedAddress
	}
	return "person." + id[len(id)-9:] + "@" + domain
}

// record is what Bob has of somebody of a situation. Days count from now, in
// the zone of the person's site.
func record(rng *rand.Rand, id string, s situation, managerID string, now time.Time) map[string]any {
	site := people.Sites()[rng.IntN(len(people.Sites()))]
	n := id[len(id)-5:]
	r := map[string]any{
		"email": emailOf(id, s), "firstName": "Sample", "surname": "Person " + n,
		"work": map[string]any{
			"title":      pickOne(rng, people.Titles()).Label,
			"department": pickOne(rng, people.Departments()).Label,
			"workPhone":  "+44 20 7946 0" + n[2:], "workMobile": "+44 7700 900" + n[2:],
			"startDate": day(now, site.Zone, -100-rng.IntN(900)),
			"site":      site.Name, "reportsTo": nil,
		},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed", "terminationDate": nil},
		"employee": map[string]any{"lastDayOfWork": nil},
	}
	work := r["work"].(map[string]any)
	if managerID != "" {
		work["reportsTo"] = managerID
	}
	switch s {
	case starter:
		work["startDate"] = day(now, site.Zone, 2+rng.IntN(30))
		r["internal"] = map[string]any{"status": "Inactive", "lifecycleStatus": "hired", "terminationDate": nil}
	case newcomer:
		work["startDate"] = day(now, site.Zone, -rng.IntN(2))
	case missed:
		r["internal"] = gone(now, site.Zone)
	}
	return r
}

// gone is what Bob's record says of somebody who has left.
func gone(now time.Time, zone string) map[string]any {
	return map[string]any{"status": "Inactive", "lifecycleStatus": "terminated", "terminationDate": day(now, zone, -1)}
}

// user is what OneLogin has at first of somebody of a situation.
func user(id string, s situation, r map[string]any) map[string]any {
	work := r["work"].(map[string]any)
	u := map[string]any{
		"email": r["email"], "username": r["email"], "firstname": r["firstName"], "lastname": r["surname"],
		"phone": work["workPhone"], "title": work["title"], "department": work["department"],
		"custom_attributes": map[string]any{"work_cell": work["workMobile"]},
		"external_id":       id, "status": int64(1), "state": int64(1),
	}
	switch s {
	case absent, starter, newcomer:
		return nil
	case unlinked:
		u["external_id"] = nil
	case drifted, outOfScope:
		u["title"] = "Title of last year"
	case suspended:
		u["status"] = int64(2)
	}
	return u
}

func day(now time.Time, zone string, days int) string {
	return now.In(zoneOf(zone)).AddDate(0, 0, days).Format(time.DateOnly)
}

func zoneOf(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(fmt.Sprintf("zone %s: %v", name, err)) // tzdata is built in
	}
	return loc
}

func pickOne[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// clone copies a nested record, so that stand-in and schedule share nothing.
func clone(r map[string]any) map[string]any {
	c := maps.Clone(r)
	for key, value := range c {
		if nested, ok := value.(map[string]any); ok {
			c[key] = clone(nested)
		}
	}
	return c
}
