package lifecycle

import (
	"errors"
	"fmt"
	"time"
)

// Date is a calendar day without a zone, as Bob writes start and leave dates.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Years outside of these are placeholders ("never", "unknown"), no dates that
// anything may be decided from; and a day after them has no form in JSON.
const (
	firstYear = 1900
	lastYear  = 9998
)

// ParseDate reads Bob's YYYY-MM-DD, in the years 1900 to 9998.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, errors.New("not a date of the form YYYY-MM-DD")
	}
	if t.Year() < firstYear || t.Year() > lastYear {
		return Date{}, fmt.Errorf("not a date in the years %d to %d", firstYear, lastYear)
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// String writes the date as Bob does.
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// AddDays returns the date n days later, or earlier for a negative n.
func (d Date) AddDays(n int) Date {
	t := time.Date(d.Year, d.Month, d.Day+n, 12, 0, 0, 0, time.UTC)
	return Date{t.Year(), t.Month(), t.Day()}
}

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool {
	return d.String() < e.String()
}

// TimeOfDay is a local wall-clock time, to the minute.
type TimeOfDay struct {
	Hour, Minute int
}

// ParseTimeOfDay reads HH:MM, 00:00 to 23:59.
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return TimeOfDay{}, errors.New("not a time of day of the form HH:MM")
	}
	return TimeOfDay{t.Hour(), t.Minute()}, nil
}

// Instant returns the first moment at which a clock on the wall in loc shows
// the given time on the given day, or a later one. Where clocks go back and
// show the time twice, that is the first of the two; where they go forward
// over it, the end of the gap, even if the whole day is left out. time.Date
// promises neither.
func Instant(d Date, at TimeOfDay, loc *time.Location) time.Time {
	wall := time.Date(d.Year, d.Month, d.Day, at.Hour, at.Minute, 0, 0, time.UTC)
	// No zone is a day and a half from UTC, so no clock shows the time yet.
	t := wall.Add(-36 * time.Hour).In(loc)
	for {
		_, offset := t.Zone()
		shown := wall.Add(-time.Duration(offset) * time.Second)
		begin, end := t.ZoneBounds()
		switch {
		case !begin.IsZero() && shown.Before(begin):
			return begin.In(loc)
		case end.IsZero() || shown.Before(end):
			return shown.In(loc)
		}
		t = end
	}
}

// EndOf returns the moment at which a day is over in loc: the start of the
// next day.
func EndOf(d Date, loc *time.Location) time.Time {
	return Instant(d.AddDays(1), TimeOfDay{}, loc)
}
