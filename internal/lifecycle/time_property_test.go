package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// drawClockChange draws a policy and a record whose dates lie around a change of
// the clocks in the person's zone, and the day of that.
func drawClockChange(t *rapid.T) (lifecycle.Policy, fields, time.Time) {
	p := drawPolicy(t)
	zones := map[string]*time.Location{}
	names := []string{"Harbour", "Line Islands"}
	for _, site := range names {
		zones[site] = mustZone(rapid.SampledFrom(changing).Draw(t, "zone of "+site))
	}
	p.Zones = lifecycle.Zones{Default: mustZone(rapid.SampledFrom(changing).Draw(t, "default zone")), Sites: zones}
	p.Start.LeadDays = rapid.SampledFrom([]int{0, 1, 7, 90}).Draw(t, "lead days here")
	p.Start.At = lifecycle.TimeOfDay{Hour: rapid.IntRange(0, 23).Draw(t, "hour here"), Minute: rapid.SampledFrom([]int{0, 1, 30, 59}).Draw(t, "minute here")}

	f := drawRecord(t)
	loc := p.Zones.Default
	if site, ok := f[lifecycle.FieldSite].(string); ok && zones[site] != nil {
		loc = zones[site]
	}
	change := time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 18*365).Draw(t, "a day")).In(loc)
	if _, end := change.ZoneBounds(); !end.IsZero() {
		change = end
	}
	for _, field := range []string{lifecycle.FieldStartDate, lifecycle.FieldTerminationDate, lifecycle.FieldLastDayOfWork} {
		if _, isText := f[field].(string); isText && rapid.IntRange(0, 9).Draw(t, "moved "+field) > 0 {
			f[field] = change.AddDate(0, 0, rapid.IntRange(-3, 3).Draw(t, "days of "+field)).Format(time.DateOnly)
		}
	}
	return p, f, change.UTC()
}

// order is that of the phases in time: somebody waits, has a user, may become
// somebody of whom nothing can be told any more, and leaves.
var order = []lifecycle.Phase{lifecycle.PhaseWait, lifecycle.PhaseProvision, lifecycle.PhaseNone, lifecycle.PhaseLeave}

// As time goes by and Bob says the same, phases come in their order and never
// back, and the moments that were told for the start and the leave stay.
func TestTimeRunsOneWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f, around := drawClockChange(t)
		s := lifecycle.Situation{Found: true, Record: employee.Record{ID: "3332883854254932743", Fields: f}}
		s.Signs.Leaving = rapid.Bool().Draw(t, "leaving")
		minutes := rapid.SliceOfN(rapid.IntRange(-120*24*60, 6*24*60), 2, 30).Draw(t, "moments")
		slices.Sort(minutes)
		var before lifecycle.Decision
		for i, m := range minutes {
			s.Now = around.Add(time.Duration(m) * time.Minute)
			d := lifecycle.Decide(p, s)
			if i > 0 {
				if slices.Index(order, d.Phase) < slices.Index(order, before.Phase) {
					t.Fatalf("%s (%s), and at %s %s (%s)\n%v", before.Phase, before.Reason, s.Now, d.Phase, d.Reason, f)
				}
				if !d.StartAt.IsZero() && !before.StartAt.IsZero() && !d.StartAt.Equal(before.StartAt) {
					t.Fatalf("due %s, and at %s due %s\n%v", before.StartAt, s.Now, d.StartAt, f)
				}
				if !d.LeaveAt.Equal(before.LeaveAt) {
					t.Fatalf("leaves %s, and at %s leaves %s\n%v", before.LeaveAt, s.Now, d.LeaveAt, f)
				}
			}
			if d.Phase == lifecycle.PhaseWait && !s.Now.Before(d.StartAt) || d.Phase != lifecycle.PhaseLeave && !d.LeaveAt.IsZero() && !s.Now.Before(d.LeaveAt) {
				t.Fatalf("at %s still %s, due %s, leaves %s\n%v", s.Now, d.Phase, d.StartAt, d.LeaveAt, f)
			}
			before = d
		}
	})
}

// Whoever looks again at the moments that Decide names, and at no others, comes
// to where a look in the far future comes to, in a number of looks that the days
// bound, and comes to no leave too late.
func TestLooksComeToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f, around := drawClockChange(t)
		s := lifecycle.Situation{Found: true, Record: employee.Record{ID: "3332883854254932743", Fields: f}}
		began := around.Add(time.Duration(rapid.IntRange(-120*24*60, 6*24*60).Draw(t, "minute")) * time.Minute)
		s.Now = began
		d := lifecycle.Decide(p, s)
		for looks := 1; !d.WakeAt.IsZero(); looks++ {
			if !d.WakeAt.After(s.Now) {
				t.Fatalf("at %s: look again at %s\n%v", s.Now, d.WakeAt, f)
			}
			if !d.LeaveAt.IsZero() && d.Phase != lifecycle.PhaseLeave && d.WakeAt.After(d.LeaveAt) {
				t.Fatalf("at %s %s: look again at %s, leaves %s\n%v", s.Now, d.Phase, d.WakeAt, d.LeaveAt, f)
			}
			before := d
			s.Now = d.WakeAt
			d = lifecycle.Decide(p, s)
			if before.Phase == lifecycle.PhaseWait && d.Phase == lifecycle.PhaseWait {
				t.Fatalf("waited until %s for nothing: %s\n%v", s.Now, d.Reason, f)
			}
			// A day each while a leave lies ahead, an hour each for a day and three
			// hours after a start, and the two moments themselves.
			if most := int(s.Now.Sub(began)/lifecycle.Recheck) + 32; looks > most {
				t.Fatalf("%d looks until %s\n%v", looks, s.Now, f)
			}
		}
		s.Now = s.Now.AddDate(50, 0, 0)
		if late := lifecycle.Decide(p, s); late.Phase != d.Phase || late.Standing != d.Standing {
			t.Fatalf("the last look said %s, %s (%s); it comes to %s, %s (%s)\n%v", d.Phase, d.Standing, d.Reason, late.Phase, late.Standing, late.Reason, f)
		}
	})
}

// What a status decision asks for is what it wants: once it is done, it asks for
// nothing. So it is for new users.
func TestStatusDecisionsAreDoneOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		status := rapid.SampledFrom(statuses).Draw(t, "status")
		u := lifecycle.UserState{
			Status: max(status, 0), StatusKnown: status >= 0,
			Standing:      rapid.SampledFrom(standings).Draw(t, "standing"),
			Activated:     rapid.Bool().Draw(t, "activated"),
			SuspendedByUs: rapid.Bool().Draw(t, "suspended by us"),
			Protected:     rapid.Bool().Draw(t, "protected"),
		}
		switch d := lifecycle.DecideStatus(p, u); d.Action {
		case lifecycle.Suspend:
			if u.Standing != lifecycle.StandingLeft || u.Protected {
				t.Fatalf("suspended: %s, of %+v", d.Rule, u)
			}
			u.Status, u.StatusKnown, u.SuspendedByUs = 2, true, true
		case lifecycle.Activate:
			if !u.StatusKnown || u.Status != 2 || u.Standing != lifecycle.StandingActive || p.Status != lifecycle.FollowBob {
				t.Fatalf("activated: %s, of %+v", d.Rule, u)
			}
			u.Status, u.SuspendedByUs = 1, false
		case lifecycle.HoldStatus:
			if u.Standing != lifecycle.StandingLeft || !u.Protected {
				t.Fatalf("held: %s, of %+v", d.Rule, u)
			}
			return
		case lifecycle.KeepStatus:
		}
		if d := lifecycle.DecideStatus(p, u); d.Action != lifecycle.KeepStatus {
			t.Fatalf("and again %s: %s, of %+v", d.Action, d.Rule, u)
		}
		made, _ := lifecycle.StatusOnCreate(p, u.Standing)
		u.Status, u.StatusKnown = made, true
		u.SuspendedByUs, u.Activated = false, false
		if d := lifecycle.DecideStatus(p, u); d.Action != lifecycle.KeepStatus {
			t.Fatalf("of a user created as %d: %s, %s", made, d.Action, d.Rule)
		}
	})
}
