package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// plural counts with the right noun.
func plural(n int, one, many string) string { return thousands(n) + " " + ifOne(n, one, many) }

func ifOne(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// thousands writes 12345 as 12,345.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// days writes a duration of days as people speak of it.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return plural(int(d/day), "day", "days")
	}
	return fmt.Sprintf("%g hours", d.Hours())
}

// listed joins names as a sentence does.
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
