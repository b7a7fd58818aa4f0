package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bob-onelogin/internal/lifecycle"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("load zone: %v", err)
	}
	return loc
}

func day(t testing.TB, s string) lifecycle.Date {
	t.Helper()
	d, err := lifecycle.ParseDate(s)
	if err != nil {
		t.Fatalf("date %q: %v", s, err)
	}
	return d
}

func TestInstant(t *testing.T) {
	tests := map[string]struct {
		date, at, zone string
		want           string // RFC 3339 with the offset that applies
	}{
		"an ordinary winter day in London": {"2026-01-05", "00:00", "Europe/London", "2026-01-05T00:00:00Z"},
		"an ordinary summer day in London": {"2026-07-06", "08:30", "Europe/London", "2026-07-06T08:30:00+01:00"},
		"New Year":                         {"2027-01-01", "00:00", "America/New_York", "2027-01-01T00:00:00-05:00"},
		"29 February":                      {"2028-02-29", "00:00", "Europe/London", "2028-02-29T00:00:00Z"},

		"London, in the gap":                  {"2026-03-29", "01:30", "Europe/London", "2026-03-29T02:00:00+01:00"},
		"London, the first minute of the gap": {"2026-03-29", "01:00", "Europe/London", "2026-03-29T02:00:00+01:00"},
		"London, the minute before the gap":   {"2026-03-29", "00:59", "Europe/London", "2026-03-29T00:59:00Z"},
		"London, the end of the gap":          {"2026-03-29", "02:00", "Europe/London", "2026-03-29T02:00:00+01:00"},
		"London, shown twice":                 {"2026-10-25", "01:30", "Europe/London", "2026-10-25T01:30:00+01:00"},
		"London, the first time shown twice":  {"2026-10-25", "01:00", "Europe/London", "2026-10-25T01:00:00+01:00"},
		"London, after the hour shown twice":  {"2026-10-25", "02:00", "Europe/London", "2026-10-25T02:00:00Z"},

		"New York, in the gap":                {"2026-03-08", "02:30", "America/New_York", "2026-03-08T03:00:00-04:00"},
		"New York, shown twice":               {"2026-11-01", "01:30", "America/New_York", "2026-11-01T01:30:00-04:00"},
		"New York, midnight of the long day":  {"2026-11-01", "00:00", "America/New_York", "2026-11-01T00:00:00-04:00"},
		"New York, midnight of the short day": {"2026-03-08", "00:00", "America/New_York", "2026-03-08T00:00:00-05:00"},

		"Lord Howe, in the gap of half an hour": {"2026-10-04", "02:15", "Australia/Lord_Howe", "2026-10-04T02:30:00+11:00"},
		"Lord Howe, half an hour shown twice":   {"2026-04-05", "01:45", "Australia/Lord_Howe", "2026-04-05T01:45:00+11:00"},
		"Lord Howe, after it":                   {"2026-04-05", "02:00", "Australia/Lord_Howe", "2026-04-05T02:00:00+10:30"},

		"São Paulo, midnight in the gap":     {"2018-11-04", "00:00", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00"},
		"São Paulo, 23:30 shown twice":       {"2018-02-17", "23:30", "America/Sao_Paulo", "2018-02-17T23:30:00-02:00"},
		"Cairo, midnight in the gap":         {"2026-04-24", "00:00", "Africa/Cairo", "2026-04-24T01:00:00+03:00"},
		"Cairo, 23:30 shown twice":           {"2026-10-29", "23:30", "Africa/Cairo", "2026-10-29T23:30:00+03:00"},
		"Beirut, midnight in the gap":        {"2026-03-29", "00:00", "Asia/Beirut", "2026-03-29T01:00:00+03:00"},
		"Beirut, 23:30 shown twice":          {"2026-10-24", "23:30", "Asia/Beirut", "2026-10-24T23:30:00+03:00"},
		"Apia, midnight of the day left out": {"2011-12-30", "00:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"},
		"Apia, noon of the day left out":     {"2011-12-30", "12:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"},
		"Apia, the day before it":            {"2011-12-29", "23:59", "Pacific/Apia", "2011-12-29T23:59:00-10:00"},
		"Apia, the day after it":             {"2011-12-31", "00:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"},

		"Apia, 13 hours ahead":                    {"2026-01-05", "00:00", "Pacific/Apia", "2026-01-05T00:00:00+13:00"},
		"Kiritimati, 14 hours ahead":              {"2026-01-01", "00:00", "Pacific/Kiritimati", "2026-01-01T00:00:00+14:00"},
		"Kathmandu, three quarters of an hour":    {"2026-06-01", "09:15", "Asia/Kathmandu", "2026-06-01T09:15:00+05:45"},
		"far behind":                              {"2026-01-01", "00:00", "Etc/GMT+12", "2026-01-01T00:00:00-12:00"},
		"UTC":                                     {"2026-01-01", "00:00", "UTC", "2026-01-01T00:00:00Z"},
		"summer beyond the table of changes":      {"2150-07-01", "00:00", "Europe/London", "2150-07-01T00:00:00+01:00"},
		"before the zone's first recorded change": {"1900-01-01", "00:00", "Etc/GMT+5", "1900-01-01T00:00:00-05:00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			at, err := lifecycle.ParseTimeOfDay(tt.at)
			if err != nil {
				t.Fatal(err)
			}
			got := lifecycle.Instant(day(t, tt.date), at, zone(t, tt.zone))
			if got.Format(time.RFC3339) != tt.want {
				t.Errorf("Instant = %s, want %s", got.Format(time.RFC3339), tt.want)
			}
		})
	}
}

func TestEndOf(t *testing.T) {
	tests := map[string]struct{ date, zone, want string }{
		"an ordinary day":                            {"2026-06-30", "Europe/London", "2026-07-01T00:00:00+01:00"},
		"New Year's Eve":                             {"2026-12-31", "Asia/Kathmandu", "2027-01-01T00:00:00+05:45"},
		"28 February of a leap year":                 {"2028-02-28", "Europe/London", "2028-02-29T00:00:00Z"},
		"29 February":                                {"2028-02-29", "Europe/London", "2028-03-01T00:00:00Z"},
		"28 February of a common year of a century":  {"2100-02-28", "UTC", "2100-03-01T00:00:00Z"},
		"the day of 25 hours":                        {"2026-10-25", "Europe/London", "2026-10-26T00:00:00Z"},
		"the day of 23 hours":                        {"2026-03-29", "Europe/London", "2026-03-30T00:00:00+01:00"},
		"the day before one that begins at 1:00":     {"2026-04-23", "Africa/Cairo", "2026-04-24T01:00:00+03:00"},
		"the day whose last hour is shown twice":     {"2026-10-29", "Africa/Cairo", "2026-10-30T00:00:00+02:00"},
		"the day before the one left out":            {"2011-12-29", "Pacific/Apia", "2011-12-31T00:00:00+14:00"},
		"the day left out ends when it should begin": {"2011-12-30", "Pacific/Apia", "2011-12-31T00:00:00+14:00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := lifecycle.EndOf(day(t, tt.date), zone(t, tt.zone))
			if got.Format(time.RFC3339) != tt.want {
				t.Errorf("EndOf = %s, want %s", got.Format(time.RFC3339), tt.want)
			}
		})
	}
}

// A moment that Bob's last possible year leads to must fit into a payload.
func TestEndOfHasAFormInJSON(t *testing.T) {
	for _, name := range []string{"Etc/GMT+12", "UTC", "Pacific/Kiritimati"} {
		if _, err := json.Marshal(lifecycle.EndOf(day(t, "9998-12-31"), zone(t, name)).UTC()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// changing are zones with all the kinds of change that there are.
var changing = []string{
	"Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
	"Africa/Cairo", "Asia/Beirut", "Pacific/Kiritimati", "Asia/Kathmandu", "Africa/Casablanca",
	"Pacific/Kwajalein", "Antarctica/Troll", "America/Caracas", "Asia/Pyongyang", "Europe/Dublin", "UTC",
}

// Property: Instant is the first minute whose clock, read off the wall minute
// by minute, shows the time asked for or a later one.
func TestInstantIsTheFirstMomentThatAClockShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(changing).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		some := time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 45*365).Draw(t, "day"))
		if rapid.Bool().Draw(t, "near a change of the clocks") {
			if _, end := some.In(loc).ZoneBounds(); !end.IsZero() {
				some = end.UTC().AddDate(0, 0, rapid.IntRange(-1, 1).Draw(t, "days from it"))
			}
		}
		d := lifecycle.Date{Year: some.Year(), Month: some.Month(), Day: some.Day()}
		at := lifecycle.TimeOfDay{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute")}

		got := lifecycle.Instant(d, at, loc)

		if got.Location() != loc {
			t.Fatalf("the moment is in %s", got.Location())
		}
		asked := fmt.Sprintf("%s %02d:%02d", d, at.Hour, at.Minute)
		shows := func(m time.Time) string { return m.In(loc).Format("2006-01-02 15:04") }
		if shows(got) < asked {
			t.Fatalf("%s: clocks show %s at %s", asked, shows(got), got)
		}
		// Nothing earlier shows it; a change sets a clock by a day at most.
		for m := got.Add(-time.Minute); m.After(got.Add(-27 * time.Hour)); m = m.Add(-time.Minute) {
			if shows(m) >= asked {
				t.Fatalf("%s: clocks show %s at %s already, before %s", asked, shows(m), m, got)
			}
		}
	})
}

func TestParseDate(t *testing.T) {
	valid := map[string]lifecycle.Date{
		"2026-01-05": {Year: 2026, Month: time.January, Day: 5},
		"2028-02-29": {Year: 2028, Month: time.February, Day: 29},
		"1900-01-01": {Year: 1900, Month: time.January, Day: 1},
		"9998-12-31": {Year: 9998, Month: time.December, Day: 31},
	}
	for s, want := range valid {
		got, err := lifecycle.ParseDate(s)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", s, err, diff)
		}
		if got.String() != s {
			t.Errorf("%s is written back as %s", s, got)
		}
	}
	invalid := []string{
		"", "2027-02-29", "2026-1-5", "2026-13-01", "2026-00-10", "2026-04-31", "05/01/2026", "2026-01-05T00:00:00Z",
		"today", "20260105", " 2026-01-05", "0000-00-00", "0001-01-01", "1899-12-31", "9999-12-31",
	}
	for _, s := range invalid {
		if d, err := lifecycle.ParseDate(s); err == nil {
			t.Errorf("%q is taken for %s", s, d)
		}
	}
}

func TestDateArithmetic(t *testing.T) {
	tests := map[string]struct {
		from string
		days int
		want string
	}{
		"over 29 February":            {"2028-02-28", 2, "2028-03-01"},
		"over the end of February":    {"2026-02-28", 1, "2026-03-01"},
		"back over New Year":          {"2026-01-05", -7, "2025-12-29"},
		"a year of lead":              {"2028-03-01", -365, "2027-03-02"},
		"nothing":                     {"2026-06-30", 0, "2026-06-30"},
		"over a change of the clocks": {"2026-03-28", 1, "2026-03-29"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			from, want := day(t, tt.from), day(t, tt.want)
			if got := from.AddDays(tt.days); got != want {
				t.Errorf("%s and %d days = %s, want %s", from, tt.days, got, want)
			}
			if from.Before(want) != (tt.days > 0) || want.Before(from) != (tt.days < 0) {
				t.Errorf("%s and %s are in the wrong order", from, want)
			}
		})
	}
}

func TestParseTimeOfDay(t *testing.T) {
	for s, want := range map[string]lifecycle.TimeOfDay{"00:00": {}, "08:30": {Hour: 8, Minute: 30}, "23:59": {Hour: 23, Minute: 59}} {
		if got, err := lifecycle.ParseTimeOfDay(s); err != nil || got != want {
			t.Errorf("%s = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "8:30", "24:00", "12:60", "08:30:00", "noon", "08.30", " 08:30", "-1:00"} {
		if got, err := lifecycle.ParseTimeOfDay(s); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}
