package lifecycle

import (
	"fmt"
	"time"
)

// Date is a calendar day without a zone, as Bob writes start and leave dates.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads Bob's YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("not a date of the form YYYY-MM-DD")
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
		return TimeOfDay{}, fmt.Errorf("not a time of day of the form HH:MM")
	}
	return TimeOfDay{t.Hour(), t.Minute()}, nil
}

// Instant returns the moment at which a clock on the wall in loc shows the
// given time on the given day. Where clocks go forward over that time, it is
// the first moment after the gap; where they go back and show it twice, it is
// the first of the two. time.Date promises neither.
func Instant(d Date, at TimeOfDay, loc *time.Location) time.Time {
	naive := time.Date(d.Year, d.Month, d.Day, at.Hour, at.Minute, 0, 0, time.UTC)
	around := time.Date(d.Year, d.Month, d.Day, at.Hour, at.Minute, 0, 0, loc)
	_, before := around.Add(-36 * time.Hour).Zone()
	_, after := around.Add(36 * time.Hour).Zone()
	for _, offset := range []int{before, after} {
		t := naive.Add(-time.Duration(offset) * time.Second).In(loc)
		if _, actual := t.Zone(); actual == offset {
			return t
		}
	}
	// Neither side of the change shows this time: it lies in the gap, and the
	// gap ends where the earlier side's zone does.
	_, end := naive.Add(-time.Duration(after) * time.Second).In(loc).ZoneBounds()
	return end.In(loc)
}

// EndOf returns the moment at which a day is over in loc: the start of the
// next day.
func EndOf(d Date, loc *time.Location) time.Time {
	return Instant(d.AddDays(1), TimeOfDay{}, loc)
}
