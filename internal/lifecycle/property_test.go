package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// noon is the middle of the days that drawn dates lie around, so that starts,
// leaves and the moment of the decision fall together often.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func drawDate(t *rapid.T, label string) string {
	return noon.AddDate(0, 0, rapid.IntRange(-5, 5).Draw(t, label)).Format(time.DateOnly)
}

// drawGarbage is what an API under repair might answer.
func drawGarbage(t *rapid.T) any {
	return rapid.SampledFrom([]any{
		nil, "", "   ", "null", "0", "-", "9999-12-31", "0001-01-01", "31/12/2025", "2025-12-31T00:00:00Z", "2026-02-30",
		json.Number("0"), json.Number("1"), json.Number("20251231"), true, false,
		[]any{},
		[]any{"Inactive"},
		[]any{"terminated"},
		map[string]any{},
		map[string]any{"value": "Inactive"},
		"<html>", "undefined", "In active", "Not Inactive",
	}).Draw(t, "garbage")
}

// drawField draws a value of a field, or nothing for one that was not answered.
func drawField(t *rapid.T, f fields, field string, value func() any) {
	switch rapid.IntRange(0, 9).Draw(t, field) {
	case 0: // absent
	case 1:
		f[field] = nil
	case 2:
		f[field] = drawGarbage(t)
	default:
		f[field] = value()
	}
}

func drawRecord(t *rapid.T) fields {
	f := fields{}
	words := func(field string, choices ...any) {
		drawField(t, f, field, func() any { return rapid.SampledFrom(choices).Draw(t, field+" value") })
	}
	words(lifecycle.FieldStatus, "Active", "Inactive", "inactive")
	words(lifecycle.FieldLifecycleStatus, "hired", "employed", "garden leave", "terminated", "Parental leave")
	words(lifecycle.FieldSite, "Harbour", "Line Islands", "Moon Base")
	for _, date := range []string{lifecycle.FieldStartDate, lifecycle.FieldTerminationDate, lifecycle.FieldLastDayOfWork} {
		drawField(t, f, date, func() any { return drawDate(t, date+" value") })
	}
	return f
}

func drawPolicy(t *rapid.T) lifecycle.Policy {
	rules := []lifecycle.LeaveRule{lifecycle.LeaveFollowsBob, lifecycle.LeaveIsActive, lifecycle.LeaveIsInactive}
	p := lifecycle.Policy{
		Status:     rapid.SampledFrom(policies).Draw(t, "policy"),
		Reactivate: rapid.SampledFrom(reactivations).Draw(t, "reactivate"),
		Start: lifecycle.StartRule{
			When:     rapid.SampledFrom([]lifecycle.StartWhen{lifecycle.StartOnDate, lifecycle.StartOnCreation}).Draw(t, "when"),
			LeadDays: rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "lead days"),
			At:       lifecycle.TimeOfDay{Hour: rapid.SampledFrom([]int{0, 0, 8, 23}).Draw(t, "hour")},
		},
		GardenLeave:    rapid.SampledFrom(rules).Draw(t, "garden leave"),
		TemporaryLeave: rapid.SampledFrom(rules).Draw(t, "temporary leave"),
		Zones:          lifecycle.Zones{Default: mustZone("Europe/London")},
	}
	if rapid.Bool().Draw(t, "a table of zones") {
		p.Zones.Sites = map[string]*time.Location{"Harbour": mustZone("America/New_York"), "Line Islands": mustZone("Pacific/Kiritimati")}
	}
	return p
}

func mustZone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func drawSituation(t *rapid.T) lifecycle.Situation {
	return lifecycle.Situation{
		Now:    noon.Add(time.Duration(rapid.Int64Range(-6*24*int64(time.Hour), 6*24*int64(time.Hour)).Draw(t, "now"))),
		Found:  true,
		Record: employee.Record{ID: "3332883854254932743", Fields: drawRecord(t)},
		Signs: lifecycle.Signs{
			Deleted:   rapid.Bool().Draw(t, "deleted"),
			Activated: rapid.Bool().Draw(t, "activated"),
			Leaving:   rapid.Bool().Draw(t, "leaving"),
		},
	}
}

// proof says by which of the rules in words a situation proves that somebody's
// access has ended, from nothing but the raw record; "" for none.
func proof(p lifecycle.Policy, s lifecycle.Situation) string {
	if s.Revoked {
		return "an immediate revocation"
	}
	if !s.Found {
		if s.Signs.Deleted {
			return "a deletion and the 404"
		}
		return ""
	}
	word := func(field string) string {
		text, _ := s.Record.Fields[field].(string)
		return strings.ToLower(strings.TrimSpace(text))
	}
	date := func(field string) (time.Time, bool) {
		d, err := time.Parse(time.DateOnly, word(field))
		return d, err == nil && d.Year() >= 1900 && d.Year() < 9999
	}
	blank := func(field string) bool {
		v, answered := s.Record.Fields[field]
		text, isText := v.(string)
		return answered && (v == nil || isText && strings.TrimSpace(text) == "")
	}
	status, lifecycleStatus := word(lifecycle.FieldStatus), word(lifecycle.FieldLifecycleStatus)
	start, starts := date(lifecycle.FieldStartDate)

	for _, field := range []string{lifecycle.FieldLastDayOfWork, lifecycle.FieldTerminationDate} {
		last, ok := date(field)
		ofThisEmployment := lifecycleStatus == "terminated" || blank(lifecycle.FieldStartDate) || starts && !last.Before(start)
		if ok && ofThisEmployment && over(p, s, last) {
			return "the day " + field + " is over"
		}
	}
	onLeave := lifecycle.LeaveRule("")
	switch {
	case lifecycleStatus == "garden leave":
		onLeave = p.GardenLeave
	case strings.ContainsAny(lifecycleStatus, "abcdefghijklmnopqrstuvwxyz") && !slices.Contains([]string{"hired", "employed", "terminated"}, lifecycleStatus):
		onLeave = p.TemporaryLeave
	}
	switch {
	case onLeave == lifecycle.LeaveIsInactive:
		return "on a leave that counts as inactive"
	case onLeave == lifecycle.LeaveIsActive || status != "inactive":
		return ""
	case onLeave != "" || lifecycleStatus == "employed" || lifecycleStatus == "terminated":
		return "Bob says inactive, and not because of a future start"
	case blank(lifecycle.FieldLifecycleStatus) && starts && over(p, s, start):
		return "Bob says inactive, and the start is long past"
	}
	return ""
}

// over reports whether a day is over for the person, and where Bob did not
// say where they are, everywhere.
func over(p lifecycle.Policy, s lifecycle.Situation, d time.Time) bool {
	zones := []*time.Location{p.Zones.Default}
	site, answered := s.Record.Fields[lifecycle.FieldSite].(string)
	_, isNull := s.Record.Fields[lifecycle.FieldSite]
	isNull = isNull && s.Record.Fields[lifecycle.FieldSite] == nil
	switch {
	case isNull || answered && p.Zones.Sites[site] == nil:
	case answered:
		zones = []*time.Location{p.Zones.Sites[site]}
	default:
		for _, loc := range p.Zones.Sites {
			zones = append(zones, loc)
		}
	}
	for _, loc := range zones {
		if s.Now.Before(time.Date(d.Year(), d.Month(), d.Day()+1, 0, 0, 0, 0, loc)) {
			return false
		}
	}
	return true
}

func TestLeavingNeedsPositiveProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		s.Revoked = rapid.IntRange(0, 9).Draw(t, "revoked") == 0
		if s.Found = rapid.IntRange(0, 9).Draw(t, "found") > 0; !s.Found {
			s.Record = employee.Record{}
		}
		d := lifecycle.Decide(p, s)
		if why := proof(p, s); why == "" && (d.Phase == lifecycle.PhaseLeave || d.Standing == lifecycle.StandingLeft) {
			t.Fatalf("a leaver without proof: %s\n%v", d.Reason, s.Record.Fields)
		}
		if (d.Phase == lifecycle.PhaseLeave) != (d.Standing == lifecycle.StandingLeft) {
			t.Fatalf("phase %s, standing %s", d.Phase, d.Standing)
		}
		if d.Reason == "" {
			t.Fatal("a decision without a reason")
		}
	})
}

// Proof is also enough: nobody whose access has ended keeps it, but in the
// hours in which a start may still be late by the zones.
func TestProofOfLeavingIsActedOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		s.Revoked = rapid.IntRange(0, 9).Draw(t, "revoked") == 0
		why := proof(p, s)
		if why == "" || why == "Bob says inactive, and the start is long past" {
			t.Skip("no proof, or one that waits out the zones")
		}
		if d := lifecycle.Decide(p, s); d.Phase != lifecycle.PhaseLeave {
			t.Fatalf("%s, and decided %s: %s\n%v", why, d.Phase, d.Reason, s.Record.Fields)
		}
	})
}

func TestGarbageProvesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		// "Words" that Bob does not use are leave types that the tenant has
		// named: only the settings can make them count as inactive.
		p.TemporaryLeave = lifecycle.LeaveFollowsBob
		for _, field := range lifecycle.Fields() {
			s.Record.Fields[field] = drawGarbage(t)
		}
		if d := lifecycle.Decide(p, s); d.Phase == lifecycle.PhaseLeave {
			t.Fatalf("%s\n%v", d.Reason, s.Record.Fields)
		}
	})
}

// What Bob leaves out of an answer makes a leaver of nobody.
func TestAbsenceNeverMakesALeaver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		whole := lifecycle.Decide(p, s)
		hidden := s
		hidden.Record.Fields = maps.Clone(s.Record.Fields)
		for _, field := range slices.Sorted(maps.Keys(s.Record.Fields)) {
			if rapid.Bool().Draw(t, "without "+field) {
				delete(hidden.Record.Fields, field)
			}
		}
		partial := lifecycle.Decide(p, hidden)
		if partial.Phase == lifecycle.PhaseLeave && whole.Phase != lifecycle.PhaseLeave {
			t.Fatalf("whole: %s (%s)\n%v\npartial: %s (%s)\n%v",
				whole.Phase, whole.Reason, s.Record.Fields, partial.Phase, partial.Reason, hidden.Record.Fields)
		}
	})
}

// What Bob leaves out does not give way to the hold of a revocation either,
// and neither does a decision of the settings that Bob's inactive means
// nothing: what follows the release is a leaver by the ordinary rules.
func TestRevocationIsReleasedOnlyToAnotherProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		s.Revoked = true
		held := lifecycle.Decide(p, s)
		if held.Phase != lifecycle.PhaseLeave {
			t.Fatalf("a revocation that does not hold: %s", held.Phase)
		}
		if held.BobSaidInactive == !held.WakeAt.IsZero() {
			t.Fatalf("released %v, looked at again %s", held.BobSaidInactive, held.WakeAt)
		}
		if s.Revoked = false; held.BobSaidInactive && lifecycle.Decide(p, s).Phase != lifecycle.PhaseLeave {
			t.Fatalf("released into %s\n%v", lifecycle.Decide(p, s).Phase, s.Record.Fields)
		}
		status, _ := s.Record.Fields[lifecycle.FieldStatus].(string)
		if held.BobSaidInactive && !strings.EqualFold(status, "inactive") {
			t.Fatalf("released by status %q", status)
		}
	})
}

// Whoever has left has left for good, as long as the record stays as it is.
func TestLeavingIsMonotoneInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		before := lifecycle.Decide(p, s)
		if before.Phase != lifecycle.PhaseLeave {
			t.Skip("not a leaver")
		}
		s.Now = s.Now.Add(time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "later")))
		if after := lifecycle.Decide(p, s); after.Phase != lifecycle.PhaseLeave {
			t.Fatalf("left (%s), and later %s (%s)\n%v", before.Reason, after.Phase, after.Reason, s.Record.Fields)
		}
	})
}

// A moment to look again lies ahead, and nothing changes by the mere passing
// of time before it but what no timer could serve.
func TestWakeAtIsWhenSomethingChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		s.Revoked = rapid.IntRange(0, 9).Draw(t, "revoked") == 0
		d := lifecycle.Decide(p, s)
		if !d.WakeAt.IsZero() && !d.WakeAt.After(s.Now) {
			t.Fatalf("at %s: wake at %s", s.Now, d.WakeAt)
		}
		at := func(m time.Time) lifecycle.Decision {
			then := s
			then.Now = m
			return lifecycle.Decide(p, then)
		}
		switch {
		case d.Phase == lifecycle.PhaseWait:
			if d.WakeAt.After(d.StartAt) {
				t.Fatalf("wake at %s, after the start %s", d.WakeAt, d.StartAt)
			}
			if before := at(d.StartAt.Add(-1)); before.Phase == lifecycle.PhaseProvision {
				t.Fatalf("due before the start: %s", before.Reason)
			}
			if due := at(d.StartAt); due.Phase == lifecycle.PhaseWait {
				t.Fatalf("at the start: %s", due.Reason)
			}
			if d.WakeAt.Before(d.StartAt) && at(d.WakeAt).Phase != lifecycle.PhaseLeave {
				t.Fatalf("woken early for nothing: %s", at(d.WakeAt).Reason)
			}
		case !d.LeaveAt.IsZero() && d.Phase != lifecycle.PhaseLeave:
			if d.WakeAt.IsZero() || d.WakeAt.After(d.LeaveAt) {
				t.Fatalf("wake at %s, leave at %s", d.WakeAt, d.LeaveAt)
			}
			if before := at(d.LeaveAt.Add(-1)); strings.HasPrefix(before.Reason, "Access ended") {
				t.Fatalf("left a nanosecond early: %s", before.Reason)
			}
			if after := at(d.LeaveAt); after.Phase != lifecycle.PhaseLeave {
				t.Fatalf("at the leave: %s (%s)", after.Phase, after.Reason)
			}
		}
		// Between two looks, a person who is due stays due.
		if d.Phase == lifecycle.PhaseProvision && !d.WakeAt.IsZero() {
			if before := at(d.WakeAt.Add(-1)); before.Phase != lifecycle.PhaseProvision {
				t.Fatalf("before the next look at %s: %s (%s)\n%v", d.WakeAt, before.Phase, before.Reason, s.Record.Fields)
			}
		}
	})
}

// A decision depends on nothing but its arguments, map order included.
func TestDecideIsAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := drawPolicy(t), drawSituation(t)
		first, err := json.Marshal(lifecycle.Decide(p, s))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if again, _ := json.Marshal(lifecycle.Decide(p, s)); string(again) != string(first) {
				t.Fatal(fmt.Sprintf("%s\n%s", first, again))
			}
		}
	})
}
