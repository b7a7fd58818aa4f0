package lifecycle_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// fields is a record of Bob by field id; a nil is Bob's null.
type fields map[string]any

// person is somebody who works here; each situation says what is different.
func person(different ...fields) fields {
	f := fields{
		lifecycle.FieldStatus:          "Active",
		lifecycle.FieldLifecycleStatus: "employed",
		lifecycle.FieldTerminationDate: nil,
		lifecycle.FieldLastDayOfWork:   nil,
		lifecycle.FieldStartDate:       "2020-01-06",
		lifecycle.FieldSite:            nil,
	}
	for _, d := range different {
		for k, v := range d {
			f[k] = v
		}
	}
	return f
}

// hire is somebody who starts on 6 July 2026.
func hire(different ...fields) fields {
	return person(append([]fields{{
		lifecycle.FieldStatus:          "Inactive",
		lifecycle.FieldLifecycleStatus: "hired",
		lifecycle.FieldStartDate:       "2026-07-06",
	}}, different...)...)
}

// without takes fields out of a record, as Bob does with those that the
// service user may not see.
func without(f fields, hidden ...string) fields {
	for _, field := range hidden {
		delete(f, field)
	}
	return f
}

var (
	inactive = fields{lifecycle.FieldStatus: "Inactive"}
	garbage  = fields{"a": "list"}
)

func state(s any) fields           { return fields{lifecycle.FieldLifecycleStatus: s} }
func startsOn(date any) fields     { return fields{lifecycle.FieldStartDate: date} }
func lastDay(date any) fields      { return fields{lifecycle.FieldLastDayOfWork: date} }
func terminatedOn(date any) fields { return fields{lifecycle.FieldTerminationDate: date} }
func atSite(site any) fields       { return fields{lifecycle.FieldSite: site} }

// now is the moment of every situation that names none.
const now = "2026-06-15T09:00:00Z"

// situation is a row of a table: what is there, and what is to be decided.
type situation struct {
	policy  func(*lifecycle.Policy)
	now     string
	record  fields // nil: Bob answers 404
	signs   lifecycle.Signs
	revoked bool

	phase    lifecycle.Phase
	standing lifecycle.Standing
	// start, leave and wake are moments in RFC 3339, empty for none.
	start, leave, wake string
	reason             string // part of the reason
	note               string // part of a note; empty: there is none
	released           bool   // Bob has said inactive
}

func run(t *testing.T, situations map[string]situation) {
	t.Helper()
	for name, s := range situations {
		t.Run(name, func(t *testing.T) {
			p := lifecycle.DefaultPolicy()
			if s.policy != nil {
				s.policy(&p)
			}
			if s.now == "" {
				s.now = now
			}
			d := lifecycle.Decide(p, lifecycle.Situation{
				Now: moment(t, s.now), Found: s.record != nil, Record: employee.Record{ID: "3332883854254932743", Fields: s.record},
				Signs: s.signs, Revoked: s.revoked,
			})
			if d.Phase != s.phase || d.Standing != s.standing {
				t.Errorf("decided %s, %s; want %s, %s (%s)", d.Phase, d.Standing, s.phase, s.standing, d.Reason)
			}
			for what, at := range map[string]struct {
				got  time.Time
				want string
			}{"StartAt": {d.StartAt, s.start}, "LeaveAt": {d.LeaveAt, s.leave}, "WakeAt": {d.WakeAt, s.wake}} {
				if at.want == "" && !at.got.IsZero() {
					t.Errorf("%s = %s, want none", what, at.got)
				}
				if at.want != "" && !at.got.Equal(moment(t, at.want)) {
					t.Errorf("%s = %s, want %s", what, at.got.Format(time.RFC3339), at.want)
				}
			}
			if d.Reason == "" || !strings.Contains(d.Reason, s.reason) {
				t.Errorf("reason %q does not say %q", d.Reason, s.reason)
			}
			notes := strings.Join(d.Notes, "\n")
			if !strings.Contains(notes, s.note) || (s.note == "" && notes != "") {
				t.Errorf("notes %q, want %q", notes, s.note)
			}
			if d.BobSaidInactive != s.released {
				t.Errorf("BobSaidInactive = %v, want %v", d.BobSaidInactive, s.released)
			}
			if _, err := json.Marshal(d); err != nil {
				t.Errorf("the decision has no form in JSON: %v", err)
			}
		})
	}
}

func moment(t testing.TB, s string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	wait, provision, leave, none = lifecycle.PhaseWait, lifecycle.PhaseProvision, lifecycle.PhaseLeave, lifecycle.PhaseNone

	active, notStarted = lifecycle.StandingActive, lifecycle.StandingNotStarted
	left, unknown      = lifecycle.StandingLeft, lifecycle.StandingUnknown
)

func leadDays(n int) func(*lifecycle.Policy) {
	return func(p *lifecycle.Policy) { p.Start.LeadDays = n }
}

func onCreation(p *lifecycle.Policy) { p.Start.When = lifecycle.StartOnCreation }

func TestDecideHired(t *testing.T) {
	const july6 = "2026-07-06T00:00:00Z"
	run(t, map[string]situation{
		"starts later": {record: hire(), phase: wait, standing: notStarted, start: july6, wake: july6, reason: "Starts on 2026-07-06 (UTC)"},
		"a nanosecond before the start": {
			now: "2026-07-05T23:59:59.999999999Z", record: hire(),
			phase: wait, standing: notStarted, start: july6, wake: july6,
		},
		"the start has come, and Bob still says inactive": {
			now: july6, record: hire(),
			phase: provision, standing: notStarted, start: july6, wake: "2026-07-06T01:00:00Z", reason: "hired and not active yet",
		},
		"the start has come, and Bob says active": {
			now: july6, record: hire(fields{lifecycle.FieldStatus: "Active"}, state("employed")),
			phase: provision, standing: active, start: july6, reason: "Bob says active",
		},
		"a day late, and Bob still says inactive": {
			now: "2026-07-07T02:59:59Z", record: hire(),
			phase: provision, standing: notStarted, start: july6, wake: "2026-07-07T03:00:00Z",
		},
		"later than two zones can explain": {now: "2026-07-07T03:00:00Z", record: hire(), phase: provision, standing: notStarted, start: july6},
		"the status does not follow Bob, but only the date tells a hire": {
			policy: func(p *lifecycle.Policy) { p.Status = lifecycle.AlwaysActive },
			now:    july6, record: hire(state(nil)), phase: provision, standing: notStarted, start: july6, wake: "2026-07-06T01:00:00Z",
		},
		"the status does not follow Bob, so nobody looks again": {
			policy: func(p *lifecycle.Policy) { p.Status = lifecycle.AlwaysActive },
			now:    july6, record: hire(), phase: provision, standing: notStarted, start: july6,
		},
		"starts in the past": {
			record: hire(startsOn("2026-06-01")),
			phase:  provision, standing: notStarted, start: "2026-06-01T00:00:00Z",
		},
		"no start date":               {record: hire(startsOn(nil)), phase: none, standing: unknown, reason: "no start date for this person yet"},
		"the start date is not shown": {record: without(hire(), lifecycle.FieldStartDate), phase: none, standing: unknown, reason: "lacks work.startDate"},
		"the start date is garbage":   {record: hire(startsOn("soon")), phase: none, standing: unknown, reason: "lacks work.startDate", note: "field work.startDate is not a date"},
		"the start date is an object": {record: hire(startsOn(garbage)), phase: none, standing: unknown, reason: "lacks work.startDate", note: "field work.startDate holds a list or an object"},
		"the start date is a placeholder for never": {
			record: hire(startsOn("9999-12-31")),
			phase:  none, standing: unknown, reason: "lacks work.startDate", note: "not a date in the years",
		},
		"starts in a thousand years": {
			record: hire(startsOn("2999-01-04")),
			phase:  wait, standing: notStarted, start: "2999-01-04T00:00:00Z", wake: "2126-05-22T09:00:00Z",
		},
		"starts in a thousand years, and is created at once": {
			policy: onCreation, record: hire(startsOn("2999-01-04")),
			phase: provision, standing: notStarted, wake: "2126-05-22T09:00:00Z",
		},
		"a leave date of the contract lies behind the start": {
			record: hire(terminatedOn("2026-12-31")),
			phase:  wait, standing: notStarted, start: july6, wake: july6, leave: "2027-01-01T00:00:00Z",
		},
		"a leave date before the start is an earlier employment's": {
			record: hire(terminatedOn("2024-03-31"), lastDay("2024-03-15")),
			phase:  wait, standing: notStarted, start: july6, wake: july6,
		},
		"rescinded: leaves on the day of the start": {
			record: hire(terminatedOn("2026-07-06")),
			phase:  wait, standing: notStarted, start: july6, wake: july6, leave: "2026-07-07T00:00:00Z",
		},
		"rescinded: terminated before the start": {
			record: hire(state("terminated"), terminatedOn("2026-06-10")),
			phase:  leave, standing: left, leave: "2026-06-11T00:00:00Z", reason: "internal.terminationDate", released: true,
		},
		"no start date, and a leave date that lies ahead": {
			record: hire(startsOn(nil), terminatedOn("2026-06-15")),
			phase:  none, standing: unknown, leave: "2026-06-16T00:00:00Z", wake: "2026-06-16T00:00:00Z", reason: "no start date",
		},
		"Bob says active before the start date": {
			record: hire(fields{lifecycle.FieldStatus: "Active"}),
			phase:  wait, standing: notStarted, start: july6, wake: july6,
		},
		"HIRED in capitals": {record: hire(state("Hired")), phase: wait, standing: notStarted, start: july6, wake: july6},
		"the lifecycle status is not shown: the start date tells": {
			record: without(hire(), lifecycle.FieldLifecycleStatus),
			phase:  wait, standing: notStarted, start: july6, wake: july6,
		},
		"the lifecycle status is not shown on the day of the start": {
			now: july6, record: without(hire(), lifecycle.FieldLifecycleStatus),
			phase: provision, standing: notStarted, start: july6, wake: "2026-07-06T01:00:00Z",
		},
	})
}

func TestDecideStartRule(t *testing.T) {
	run(t, map[string]situation{
		"lead days: not yet": {
			policy: leadDays(7), record: hire(),
			phase: wait, standing: notStarted, start: "2026-06-29T00:00:00Z", wake: "2026-06-29T00:00:00Z",
		},
		"lead days: due, and looked at again on the day of the start": {
			policy: leadDays(7), now: "2026-06-29T00:00:00Z", record: hire(),
			phase: provision, standing: notStarted, start: "2026-06-29T00:00:00Z", wake: "2026-07-06T00:00:00Z",
		},
		"lead days: an end of contract is not looked at before the start": {
			policy: leadDays(30), record: hire(terminatedOn("2026-12-31")),
			phase: provision, standing: notStarted, start: "2026-06-06T00:00:00Z", leave: "2027-01-01T00:00:00Z", wake: "2026-07-06T00:00:00Z",
		},
		"lead days over New Year and 29 February": {
			policy: leadDays(366), now: "2026-12-01T00:00:00Z", record: hire(startsOn("2028-03-01")),
			phase: wait, standing: notStarted, start: "2027-03-01T00:00:00Z", wake: "2027-03-01T00:00:00Z",
		},
		"at half past eight in the morning": {
			policy: func(p *lifecycle.Policy) { p.Start.At = lifecycle.TimeOfDay{Hour: 8, Minute: 30} },
			record: hire(),
			phase:  wait, standing: notStarted, start: "2026-07-06T08:30:00Z", wake: "2026-07-06T08:30:00Z", reason: "due Mon 6 Jul 2026 08:30:00 UTC",
		},
		"at half past eight, on the day, before that": {
			policy: func(p *lifecycle.Policy) { p.Start.At = lifecycle.TimeOfDay{Hour: 8, Minute: 30} },
			now:    "2026-07-06T08:29:59Z", record: hire(fields{lifecycle.FieldStatus: "Active"}, state("employed")),
			phase: wait, standing: notStarted, start: "2026-07-06T08:30:00Z", wake: "2026-07-06T08:30:00Z",
		},
		"on creation: a future hire is due at once": {
			policy: onCreation, record: hire(),
			phase: provision, standing: notStarted, wake: "2026-07-06T00:00:00Z",
		},
		"on creation: no start date": {policy: onCreation, record: hire(startsOn(nil)), phase: provision, standing: notStarted},
		"on creation: the record is empty but for the status": {
			policy: onCreation, record: fields{lifecycle.FieldStatus: "Active"},
			phase: provision, standing: active,
		},
		"on creation: neither start date nor lifecycle status in Bob": {
			policy: onCreation, record: hire(startsOn(nil), state(nil)),
			phase: provision, standing: unknown, reason: "gives neither",
		},
		"on creation: a leaver is still a leaver": {
			policy: onCreation, record: person(inactive, state("terminated")),
			phase: leave, standing: left, released: true,
		},
	})
}

func TestDecideZone(t *testing.T) {
	zones := func(p *lifecycle.Policy) {
		p.Zones = lifecycle.Zones{Default: zone(t, "Europe/London"), Sites: map[string]*time.Location{
			"Line Islands": zone(t, "Pacific/Kiritimati"), "Harbour": zone(t, "America/New_York"), "Delta": zone(t, "Africa/Cairo"),
		}}
	}
	tests := map[string]struct {
		situation
		zone        string
		unknownSite bool
	}{
		"a site in the table": {
			situation: situation{record: hire(atSite("Harbour")), phase: wait, standing: notStarted, start: "2026-07-06T00:00:00-04:00", wake: "2026-07-06T04:00:00Z"},
			zone:      "America/New_York",
		},
		"14 hours ahead": {
			situation: situation{record: hire(atSite("Line Islands")), phase: wait, standing: notStarted, start: "2026-07-06T00:00:00+14:00", wake: "2026-07-05T10:00:00Z"},
			zone:      "Pacific/Kiritimati",
		},
		"the day begins at one o'clock": {
			situation: situation{now: "2026-04-01T00:00:00Z", record: hire(startsOn("2026-04-24"), atSite("Delta")), phase: wait, standing: notStarted, start: "2026-04-24T01:00:00+03:00", wake: "2026-04-23T22:00:00Z"},
			zone:      "Africa/Cairo",
		},
		"a site that is not in the table": {
			situation: situation{record: hire(atSite("Moon Base")), phase: wait, standing: notStarted, start: "2026-07-06T00:00:00+01:00", wake: "2026-07-05T23:00:00Z"},
			zone:      "Europe/London", unknownSite: true,
		},
		"no site": {
			situation: situation{record: hire(), phase: wait, standing: notStarted, start: "2026-07-06T00:00:00+01:00", wake: "2026-07-05T23:00:00Z"},
			zone:      "Europe/London",
		},
		"the last day ends in the person's own zone": {
			situation: situation{now: "2026-06-16T03:59:59Z", record: person(lastDay("2026-06-15"), atSite("Harbour")), phase: provision, standing: active, start: "2020-01-06T05:00:00Z", leave: "2026-06-16T00:00:00-04:00", wake: "2026-06-16T04:00:00Z"},
			zone:      "America/New_York",
		},
		"the site is not shown: the last day is over when it is over everywhere": {
			situation: situation{now: "2026-06-16T03:59:59Z", record: without(person(lastDay("2026-06-15")), lifecycle.FieldSite), phase: provision, standing: active, start: "2020-01-06T00:00:00Z", leave: "2026-06-16T00:00:00-04:00", wake: "2026-06-16T04:00:00Z"},
			zone:      "Europe/London",
		},
		"the site is garbage: as if it were not shown": {
			situation: situation{now: "2026-06-16T04:00:00Z", record: person(lastDay("2026-06-15"), atSite(garbage)), phase: leave, standing: left, leave: "2026-06-16T00:00:00-04:00", note: "field work.site holds a list or an object"},
			zone:      "Europe/London",
		},
	}
	for name, tt := range tests {
		tt.policy = zones
		run(t, map[string]situation{name: tt.situation})
		p := lifecycle.DefaultPolicy()
		zones(&p)
		d := lifecycle.Decide(p, lifecycle.Situation{Now: moment(t, now), Found: true, Record: employee.Record{Fields: tt.record}})
		if d.Zone != tt.zone || d.UnknownSite != tt.unknownSite {
			t.Errorf("%s: zone %s, unknown site %v; want %s, %v", name, d.Zone, d.UnknownSite, tt.zone, tt.unknownSite)
		}
	}

	p := lifecycle.DefaultPolicy()
	d := lifecycle.Decide(p, lifecycle.Situation{Now: moment(t, now), Found: true, Record: employee.Record{Fields: hire(atSite("Moon Base"))}})
	if d.UnknownSite {
		t.Error("without a table of zones no site is unknown")
	}
}

func TestDecideEmployed(t *testing.T) {
	const started = "2020-01-06T00:00:00Z"
	run(t, map[string]situation{
		"active":                               {record: person(), phase: provision, standing: active, start: started, reason: "Bob says active"},
		"active, written differently":          {record: person(fields{lifecycle.FieldStatus: " ACTIVE "}), phase: provision, standing: active, start: started},
		"active, without a start date":         {record: person(startsOn(nil)), phase: provision, standing: active},
		"active, the start date is not shown":  {record: without(person(), lifecycle.FieldStartDate), phase: provision, standing: active},
		"active, the start date is garbage":    {record: person(startsOn("01/05/2020")), phase: provision, standing: active, note: "field work.startDate is not a date"},
		"active, lifecycle status not shown":   {record: without(person(), lifecycle.FieldLifecycleStatus), phase: provision, standing: active, start: started},
		"active, lifecycle status null":        {record: person(state(nil)), phase: provision, standing: active, start: started},
		"active, lifecycle status terminated":  {record: person(state("terminated")), phase: provision, standing: active, start: started},
		"active, and a leave was announced":    {record: person(), signs: lifecycle.Signs{Leaving: true}, phase: provision, standing: active, start: started, reason: "announced a leave but still says active"},
		"active, and a deletion was announced": {record: person(), signs: lifecycle.Signs{Deleted: true}, phase: provision, standing: active, start: started},
		"active, and an activation came":       {record: person(), signs: lifecycle.Signs{Activated: true}, phase: provision, standing: active, start: started},
		"inactive":                             {record: person(inactive), phase: leave, standing: left, reason: "Bob says inactive (employed)", released: true},
		"inactive, written differently":        {record: person(fields{lifecycle.FieldStatus: "inactive"}), phase: leave, standing: left, released: true},
		"inactive, and starts later":           {record: person(inactive, startsOn("2026-07-06")), phase: leave, standing: left, released: true},
		"inactive, lifecycle status null":      {record: person(inactive, state(nil)), phase: leave, standing: left, reason: "the start date has passed", released: true},
		"inactive, lifecycle status and start null": {
			record: person(inactive, state(nil), startsOn(nil)),
			phase:  none, standing: unknown, reason: "no start date",
		},
		"inactive, lifecycle status not shown": {
			record: without(person(inactive), lifecycle.FieldLifecycleStatus),
			phase:  none, standing: unknown, reason: "lacks internal.lifecycleStatus",
		},
		"inactive, lifecycle status not shown, a leave lies ahead": {
			record: without(person(inactive, lastDay("2026-06-20")), lifecycle.FieldLifecycleStatus),
			phase:  none, standing: unknown, leave: "2026-06-21T00:00:00Z", wake: "2026-06-16T09:00:00Z", reason: "lacks internal.lifecycleStatus",
		},
		"inactive, lifecycle status is a number": {
			record: person(inactive, state(json.Number("4"))),
			phase:  none, standing: unknown, reason: "lacks internal.lifecycleStatus", note: "with no word",
		},
		"inactive, lifecycle status is a boolean": {
			record: person(inactive, state(true)),
			phase:  none, standing: unknown, reason: "lacks internal.lifecycleStatus", note: "with no word",
		},
		"inactive, lifecycle status is an object": {
			record: person(inactive, state(garbage)),
			phase:  none, standing: unknown, reason: "lacks internal.lifecycleStatus", note: "holds a list or an object",
		},
		"inactive and nothing else is shown": {
			record: fields{lifecycle.FieldStatus: "Inactive"},
			phase:  none, standing: unknown, reason: "lacks internal.lifecycleStatus",
		},
		"the status is not shown": {
			record: without(person(), lifecycle.FieldStatus),
			phase:  provision, standing: unknown, start: started, reason: "lacks internal.status",
		},
		"the status is null":      {record: person(fields{lifecycle.FieldStatus: nil}), phase: provision, standing: unknown, start: started, reason: "no usable internal.status"},
		"the status is blank":     {record: person(fields{lifecycle.FieldStatus: "  "}), phase: provision, standing: unknown, start: started, reason: "no usable internal.status"},
		"the status is no status": {record: person(fields{lifecycle.FieldStatus: "Suspended"}), phase: provision, standing: unknown, start: started, reason: "no usable internal.status", note: "not understood and decides nothing"},
		"the status is a list":    {record: person(fields{lifecycle.FieldStatus: []any{"Inactive"}}), phase: provision, standing: unknown, start: started, reason: "no usable internal.status", note: "holds a list or an object"},
		"the record is empty":     {record: fields{}, phase: none, standing: unknown, reason: "lacks work.startDate"},
	})
}

func TestDecideLeaving(t *testing.T) {
	const started = "2020-01-06T00:00:00Z"
	run(t, map[string]situation{
		"the last day lies ahead": {
			record: person(lastDay("2026-06-15")),
			phase:  provision, standing: active, start: started, leave: "2026-06-16T00:00:00Z", wake: "2026-06-16T00:00:00Z",
		},
		"the last day lies far ahead: looked at daily": {
			record: person(lastDay("2026-09-30")),
			phase:  provision, standing: active, start: started, leave: "2026-10-01T00:00:00Z", wake: "2026-06-16T09:00:00Z",
		},
		"a nanosecond before the end of the last day": {
			now: "2026-06-30T23:59:59.999999999Z", record: person(lastDay("2026-06-30")),
			phase: provision, standing: active, start: started, leave: "2026-07-01T00:00:00Z", wake: "2026-07-01T00:00:00Z",
		},
		"the end of the last day": {
			now: "2026-07-01T00:00:00Z", record: person(lastDay("2026-06-30")),
			phase: leave, standing: left, leave: "2026-07-01T00:00:00Z", reason: "the end of employee.lastDayOfWork",
		},
		"the end of the termination date": {
			now: "2026-07-01T00:00:00Z", record: person(terminatedOn("2026-06-30")),
			phase: leave, standing: left, leave: "2026-07-01T00:00:00Z", reason: "the end of internal.terminationDate",
		},
		"the earlier of the two days: last day of work": {
			now: "2026-06-13T00:00:00Z", record: person(lastDay("2026-06-12"), terminatedOn("2026-06-30")),
			phase: leave, standing: left, leave: "2026-06-13T00:00:00Z", reason: "employee.lastDayOfWork",
		},
		"the earlier of the two days: termination date": {
			now: "2026-06-13T00:00:00Z", record: person(lastDay("2026-06-30"), terminatedOn("2026-06-12")),
			phase: leave, standing: left, leave: "2026-06-13T00:00:00Z", reason: "internal.terminationDate",
		},
		"the status is not shown, and the last day is over": {
			record: without(person(lastDay("2026-06-12")), lifecycle.FieldStatus),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z",
		},
		"leaves and starts on the same day": {
			record: person(startsOn("2026-06-12"), lastDay("2026-06-12")),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z",
		},
		"rehired: an earlier employment's dates end nothing": {
			record: person(startsOn("2026-02-02"), lastDay("2024-03-15"), terminatedOn("2024-03-31")),
			phase:  provision, standing: active, start: "2026-02-02T00:00:00Z",
		},
		"rehired: an earlier employment's dates, the start date not shown": {
			record: without(person(lastDay("2024-03-15"), terminatedOn("2024-03-31")), lifecycle.FieldStartDate),
			phase:  provision, standing: active, note: "may be an earlier employment's",
		},
		"rehired: an earlier employment's dates, the start date garbage": {
			record: person(startsOn("2 February"), terminatedOn("2024-03-31")),
			phase:  provision, standing: active, note: "may be an earlier employment's",
		},
		"a leave date, and Bob has no start date": {
			record: person(startsOn(nil), terminatedOn("2026-06-12")),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z",
		},
		"a leave date lies ahead, the start date not shown": {
			record: without(person(terminatedOn("2026-06-30")), lifecycle.FieldStartDate),
			phase:  provision, standing: active, note: "may be an earlier employment's",
		},
		"terminated, the start date not shown": {
			record: without(person(state("terminated"), terminatedOn("2026-06-12")), lifecycle.FieldStartDate),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z",
		},
		"terminated, and inactive": {
			record: person(inactive, state("terminated"), terminatedOn("2026-06-12")),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z", released: true,
		},
		"terminated, and inactive before the date": {
			record: person(inactive, state("terminated"), terminatedOn("2026-06-30")),
			phase:  leave, standing: left, leave: "2026-07-01T00:00:00Z", reason: "Bob says inactive (terminated)", released: true,
		},
		"terminated, and starts again later": {
			record: person(inactive, state("terminated"), startsOn("2026-07-06"), terminatedOn("2026-06-12")),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z", released: true,
		},
		"terminated by a date ahead of the start: looked at on the earlier": {
			record: hire(state("terminated"), fields{lifecycle.FieldStatus: "Active"}, terminatedOn("2026-06-20")),
			phase:  wait, standing: notStarted, start: "2026-07-06T00:00:00Z", leave: "2026-06-21T00:00:00Z", wake: "2026-06-21T00:00:00Z",
		},
		"neither leave date is shown": {
			record: without(person(), lifecycle.FieldTerminationDate, lifecycle.FieldLastDayOfWork),
			phase:  provision, standing: active, start: started,
		},
		"a termination date that is garbage decides nothing": {
			record: person(terminatedOn("yesterday")),
			phase:  provision, standing: active, start: started, note: "field internal.terminationDate is not a date",
		},
		"a termination date that is garbage beside a last day that is over": {
			record: person(terminatedOn(garbage), lastDay("2026-06-12")),
			phase:  leave, standing: left, leave: "2026-06-13T00:00:00Z", note: "field internal.terminationDate holds",
		},
		"a placeholder for never ends nothing": {
			record: person(startsOn(nil), terminatedOn("9999-12-31")),
			phase:  provision, standing: active, note: "not a date in the years",
		},
		"a placeholder for no date ends nothing": {
			record: person(startsOn(nil), terminatedOn("0001-01-01")),
			phase:  provision, standing: active, note: "not a date in the years",
		},
		"a leave was announced, and lies ahead": {
			record: person(lastDay("2026-06-15")), signs: lifecycle.Signs{Leaving: true},
			phase: provision, standing: active, start: started, leave: "2026-06-16T00:00:00Z", wake: "2026-06-16T00:00:00Z", reason: "Bob says active",
		},
	})
}

func TestDecideOnLeave(t *testing.T) {
	const started = "2020-01-06T00:00:00Z"
	garden := func(r lifecycle.LeaveRule) func(*lifecycle.Policy) {
		return func(p *lifecycle.Policy) { p.GardenLeave = r }
	}
	temporary := func(r lifecycle.LeaveRule) func(*lifecycle.Policy) {
		return func(p *lifecycle.Policy) { p.TemporaryLeave = r }
	}
	onGarden, onParental := state("garden leave"), state("Parental Leave")
	run(t, map[string]situation{
		"garden leave, follow Bob, active":   {record: person(onGarden), phase: provision, standing: active, start: started, reason: "Bob says active"},
		"garden leave, follow Bob, inactive": {record: person(onGarden, inactive), phase: leave, standing: left, reason: "(garden leave)", released: true},
		"garden leave, follow Bob, status not shown": {
			record: without(person(onGarden), lifecycle.FieldStatus),
			phase:  provision, standing: unknown, start: started, reason: "lacks internal.status",
		},
		"garden leave counts as active, inactive": {policy: garden(lifecycle.LeaveIsActive), record: person(onGarden, inactive), phase: provision, standing: active, start: started, reason: "count as active"},
		"garden leave counts as active, status not shown": {
			policy: garden(lifecycle.LeaveIsActive), record: without(person(onGarden), lifecycle.FieldStatus),
			phase: provision, standing: active, start: started, reason: "count as active",
		},
		"garden leave counts as active, and the last day is over": {
			policy: garden(lifecycle.LeaveIsActive), record: person(onGarden, lastDay("2026-06-12"), terminatedOn("2026-06-30")),
			phase: leave, standing: left, leave: "2026-06-13T00:00:00Z", reason: "employee.lastDayOfWork",
		},
		"garden leave counts as active, and the termination date lies ahead": {
			policy: garden(lifecycle.LeaveIsActive), record: person(onGarden, inactive, terminatedOn("2026-06-15")),
			phase: provision, standing: active, start: started, leave: "2026-06-16T00:00:00Z", wake: "2026-06-16T00:00:00Z", reason: "count as active",
		},
		"garden leave counts as active, and the lifecycle status is not shown": {
			policy: garden(lifecycle.LeaveIsActive), record: without(person(inactive), lifecycle.FieldLifecycleStatus),
			phase: none, standing: unknown, reason: "lacks internal.lifecycleStatus",
		},
		"garden leave counts as inactive, active": {policy: garden(lifecycle.LeaveIsInactive), record: person(onGarden), phase: leave, standing: left, reason: "garden leave, which the settings count as inactive"},
		"garden leave counts as inactive, status not shown": {
			policy: garden(lifecycle.LeaveIsInactive), record: without(person(onGarden), lifecycle.FieldStatus),
			phase: leave, standing: left, reason: "garden leave, which the settings count as inactive",
		},
		"garden leave counts as inactive, on another leave": {policy: garden(lifecycle.LeaveIsInactive), record: person(onParental), phase: provision, standing: active, start: started},

		"temporary leave that remains active":            {record: person(onParental), phase: provision, standing: active, start: started, reason: "Bob says active"},
		"temporary leave, inactive":                      {record: person(onParental, inactive), phase: leave, standing: left, reason: "(temporary leave)", released: true},
		"temporary leave counts as active, inactive":     {policy: temporary(lifecycle.LeaveIsActive), record: person(onParental, inactive), phase: provision, standing: active, start: started, reason: "temporary leave, which the settings count as active"},
		"temporary leave counts as inactive, active":     {policy: temporary(lifecycle.LeaveIsInactive), record: person(onParental), phase: leave, standing: left, reason: "temporary leave, which the settings count as inactive"},
		"temporary leave counts as inactive, inactive":   {policy: temporary(lifecycle.LeaveIsInactive), record: person(onParental, inactive), phase: leave, standing: left, released: true},
		"temporary leave counts as inactive, employed":   {policy: temporary(lifecycle.LeaveIsInactive), record: person(), phase: provision, standing: active, start: started},
		"temporary leave counts as inactive, hired":      {policy: temporary(lifecycle.LeaveIsInactive), record: hire(), phase: wait, standing: notStarted, start: "2026-07-06T00:00:00Z", wake: "2026-07-06T00:00:00Z"},
		"temporary leave counts as inactive, not shown":  {policy: temporary(lifecycle.LeaveIsInactive), record: without(person(), lifecycle.FieldLifecycleStatus), phase: provision, standing: active, start: started},
		"temporary leave counts as inactive, null":       {policy: temporary(lifecycle.LeaveIsInactive), record: person(state(nil)), phase: provision, standing: active, start: started},
		"temporary leave counts as inactive, and garden": {policy: temporary(lifecycle.LeaveIsInactive), record: person(onGarden), phase: provision, standing: active, start: started},
	})
}

func TestDecideRevoked(t *testing.T) {
	const tomorrow = "2026-06-16T09:00:00Z"
	const why = "revoked this person's access with immediate effect"
	run(t, map[string]situation{
		"Bob still says active":                     {revoked: true, record: person(), phase: leave, standing: left, wake: tomorrow, reason: why},
		"Bob still says active, and a leave is due": {revoked: true, record: person(terminatedOn("2026-06-30")), phase: leave, standing: left, leave: "2026-07-01T00:00:00Z", wake: tomorrow, reason: why},
		"Bob still says active after the last day":  {revoked: true, record: person(lastDay("2026-06-12")), phase: leave, standing: left, leave: "2026-06-13T00:00:00Z", wake: tomorrow, reason: why},
		"Bob says inactive":                         {revoked: true, record: person(inactive), phase: leave, standing: left, reason: why, released: true},
		"a hire who has not started is inactive anyway": {
			revoked: true, record: hire(), phase: leave, standing: left, wake: tomorrow, reason: why,
		},
		"inactive on a leave that the settings count as active": {
			policy:  func(p *lifecycle.Policy) { p.GardenLeave = lifecycle.LeaveIsActive },
			revoked: true, record: person(inactive, state("garden leave")), phase: leave, standing: left, wake: tomorrow, reason: why,
		},
		"inactive, and the lifecycle status is not shown": {
			revoked: true, record: without(person(inactive), lifecycle.FieldLifecycleStatus), phase: leave, standing: left, wake: tomorrow, reason: why,
		},
		"the status is not shown":       {revoked: true, record: without(person(), lifecycle.FieldStatus), phase: leave, standing: left, wake: tomorrow, reason: why},
		"the record is empty":           {revoked: true, record: fields{}, phase: leave, standing: left, wake: tomorrow, reason: why},
		"Bob does not show them (404)":  {revoked: true, phase: leave, standing: left, wake: tomorrow, reason: "no longer shows them"},
		"deleted, and Bob answers 404":  {revoked: true, signs: lifecycle.Signs{Deleted: true}, phase: leave, standing: left, reason: "announced the deletion", released: true},
		"deleted, and Bob still has it": {revoked: true, record: person(), signs: lifecycle.Signs{Deleted: true}, phase: leave, standing: left, wake: tomorrow, reason: why},
	})
}

func TestDecideNotFound(t *testing.T) {
	run(t, map[string]situation{
		"404 without a word":                 {phase: none, standing: unknown, reason: "announced no deletion"},
		"404 after a leave was announced":    {signs: lifecycle.Signs{Leaving: true}, phase: none, standing: unknown, reason: "announced no deletion"},
		"404 after an activation":            {signs: lifecycle.Signs{Activated: true}, phase: none, standing: unknown, reason: "announced no deletion"},
		"404 after a deletion was announced": {signs: lifecycle.Signs{Deleted: true}, phase: leave, standing: left, reason: "announced the deletion", released: true},
	})
}

func TestFieldsAreThoseThatDecide(t *testing.T) {
	want := person()
	got := lifecycle.Fields()
	if len(got) != len(want) {
		t.Errorf("Fields() = %v", got)
	}
	for _, f := range got {
		if _, ok := want[f]; !ok {
			t.Errorf("Fields() has %s", f)
		}
	}
}

// No text that people read may hold what Bob answered.
func TestDecisionsTellNoValues(t *testing.T) {
	const secret = "juniper.sample@example.com"
	for field := range person() {
		for _, value := range []any{secret, []any{secret}, fields{"x": secret}} {
			for _, base := range []fields{person(), hire(), person(inactive), person(lastDay("2026-06-01"))} {
				base[field] = value
				d := lifecycle.Decide(lifecycle.DefaultPolicy(), lifecycle.Situation{
					Now: moment(t, now), Found: true, Record: employee.Record{ID: "1", Fields: base},
				})
				out, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(out), secret) {
					t.Errorf("%s = %v is told: %s", field, value, out)
				}
			}
		}
	}
}
