package main

import (
	"fmt"
	"strings"
	"time"

	"bob-onelogin/dev/sim/people"
)

// What the suite holds the product against, worked out anew from what Bob says:
// sharing the product's code would let one mistake pass on both sides.

// policyFile is the provisioning file of every seed.
var policyFile = fmt.Sprintf(`zones:
  default: UTC
  sites:
%s
scope: {email_domains: [%s]}
protected: {emails: [%s]}
limits: {least_shown_percent: 60}
`, siteZones(), scopedDomain, protectedAddress)

// brakeLimit is how many suspensions the brake lets pass within its window,
// which no run outlasts: the least number of settings that say nothing about it,
// as long as a share of so few people is not more.
const brakeLimit = 5

// What OneLogin calls a user who can log in, and one who is suspended.
const activeStatus, suspendedStatus = int64(1), int64(2)

// protectedAddress is the one that protected people have.
const protectedAddress = "protected@" + scopedDomain

func siteZones() string {
	var lines []string
	for _, s := range people.Sites() {
		lines = append(lines, fmt.Sprintf("    %q: %s", s.Name, s.Zone))
	}
	return strings.Join(lines, "\n")
}

// wanted is what OneLogin should come to about a person.
type wanted struct {
	// Why says it in words, for reports.
	Why string
	// Untouched: nothing is written to the person's user, whatever differs.
	Untouched bool
	// User: the person should have one; NoUser: must have none. Neither where a
	// user that was there stays.
	User, NoUser bool
	// Status is what it should be, 0 where it is not ours to say.
	Status int64
	// Attributes are the texts that must agree, by OneLogin's names.
	Attributes map[string]string
	// ManagerID is the Bob id of the manager; NoManager: Bob says there is none.
	ManagerID string
	NoManager bool
}

// word is what Bob's webhooks have told of a person, as far as they got through.
type word struct {
	deleted, revoked bool
}

// heard folds the webhooks that were accepted. An activation lifts a revocation
// of before it, whichever comes first.
func heard(calls []call) map[string]word {
	all := map[string]word{}
	activated := map[string]time.Time{}
	revokedAt := map[string]time.Time{}
	for _, c := range calls {
		if c.Kind != hook || !c.Effect {
			continue
		}
		told := all[c.Person]
		switch c.Event {
		case "employee.deleted":
			told.deleted = true
		case "employee.access.revoked.immediately":
			if !c.TriggeredAt.Before(activated[c.Person]) {
				told.revoked, revokedAt[c.Person] = true, c.TriggeredAt
			}
		case "employee.activated", "employee.joined":
			activated[c.Person] = c.TriggeredAt
			if !c.TriggeredAt.Before(revokedAt[c.Person]) {
				told.revoked = false
			}
		}
		all[c.Person] = told
	}
	return all
}

// want says what should become of a person. r is Bob's record with labels, nil
// where Bob has none.
func want(p person, r map[string]any, told word, now time.Time) wanted {
	switch {
	case p.Situation == outOfScope:
		return wanted{Why: "out of scope", Untouched: true, NoUser: p.User == nil}
	case r == nil && told.deleted:
		return wanted{Why: "deleted", Status: suspendedStatus, NoUser: p.User == nil}
	case r == nil:
		return wanted{Why: "gone without a word", Untouched: true, NoUser: p.User == nil}
	}
	w := wanted{Attributes: attributesOf(r)}
	w.ManagerID = text(r, "work", "reportsTo", "id")
	w.NoManager = w.ManagerID == ""
	switch {
	case p.Situation == protected:
		// Whatever else is written, the status is a person's to decide.
		w.Why, w.Status = "protected", activeStatus
		w.ManagerID, w.NoManager = "", false
		return w
	case told.revoked || hasLeft(r, now):
		w.Why, w.Status, w.ManagerID, w.NoManager = "left", suspendedStatus, "", false
		w.NoUser = p.User == nil
		return w
	case !hasStarted(r, now):
		return wanted{Why: "not started", NoUser: p.User == nil}
	default:
		w.Why, w.User, w.Status = "at work", true, activeStatus
		return w
	}
}

func attributesOf(r map[string]any) map[string]string {
	return map[string]string{
		"email": text(r, "email"), "username": text(r, "email"),
		"firstname": text(r, "firstName"), "lastname": text(r, "surname"),
		"phone": text(r, "work", "workPhone"), "custom_attributes.work_cell": text(r, "work", "workMobile"),
		"title": text(r, "humanReadable", "work", "title"), "department": text(r, "humanReadable", "work", "department"),
		"external_id": text(r, "id"),
	}
}

// text is a nested value of a record, empty where it is null or missing.
func text(r map[string]any, path ...string) string {
	var v any = r
	for _, key := range path {
		nested, _ := v.(map[string]any)
		v = nested[key]
	}
	s, _ := v.(string)
	return s
}

func zoneOfRecord(r map[string]any) string {
	for _, s := range people.Sites() {
		if s.Name == text(r, "work", "site") {
			return s.Zone
		}
	}
	return "UTC"
}

// hasLeft reports whether a record of Bob's proves that somebody's access has
// ended: inactive after the start, or past one of the two last days.
func hasLeft(r map[string]any, now time.Time) bool {
	today := now.In(zoneOf(zoneOfRecord(r))).Format(time.DateOnly)
	for _, last := range []string{text(r, "internal", "terminationDate"), text(r, "employee", "lastDayOfWork")} {
		if last != "" && last < today && last >= text(r, "work", "startDate") {
			return true
		}
	}
	state := text(r, "internal", "lifecycleStatus")
	return text(r, "internal", "status") == "Inactive" && state != "" && state != "hired"
}

func hasStarted(r map[string]any, now time.Time) bool {
	return text(r, "work", "startDate") <= now.In(zoneOf(zoneOfRecord(r))).Format(time.DateOnly)
}
