package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"bob-onelogin/internal/employee"
)

// Actual is a user as OneLogin describes it: the text of an attribute, null,
// or nothing where the answer lacks it.
type Actual interface {
	Text(attribute string) (string, employee.Presence)
}

// Diff returns the desired attributes whose value differs from the actual one.
// Null and the empty text are the same. An attribute that OneLogin's answer
// lacks counts as different, because a value that cannot be seen cannot be
// known to be right, except where it should be empty.
func Diff(desired Attributes, actual Actual) Attributes {
	changed := Attributes{}
	for name, want := range desired {
		have, _ := actual.Text(name)
		if !same(name, want, have) {
			changed[name] = want
		}
	}
	return changed
}

func same(attribute string, want *string, have string) bool {
	wanted := ""
	if want != nil {
		wanted = strings.TrimSpace(*want)
	}
	have = strings.TrimSpace(have)
	if foldsCase(attribute) {
		return strings.EqualFold(wanted, have)
	}
	return wanted == have
}

// Written is what is remembered of an attribute after it was written, so that
// the next difference can be told from OneLogin's own doing. It holds digests,
// never values.
type Written struct {
	// Want is the digest of the value that was written, Stored that of the
	// value that OneLogin answered with.
	Want   string `json:"want"`
	Stored string `json:"stored"`
	// Times counts the writes of the same value.
	Times int `json:"times"`
}

// Memory holds Written by attribute name.
type Memory map[string]Written

// maxRewrites bounds how often the same value is written over something that
// keeps coming back.
const maxRewrites = 2

// Contested splits a difference by what is remembered. Normalised attributes
// still hold what OneLogin made of the last write and need no other.
// Overwritten ones were written maxRewrites times already and hold something
// else again: one of OneLogin's own mappings sets them.
func Contested(changed Attributes, actual Actual, m Memory, salt string) (write Attributes, normalised, overwritten []string) {
	write = Attributes{}
	for _, name := range changed.Names() {
		want := changed[name]
		mark, ok := m[name]
		if !ok || mark.Want != digest(salt, name, want) {
			write[name] = want
			continue
		}
		have, _ := actual.Text(name)
		switch {
		case mark.Stored != mark.Want && mark.Stored == digest(salt, name, &have):
			normalised = append(normalised, name)
		case mark.Times >= maxRewrites:
			overwritten = append(overwritten, name)
		default:
			write[name] = want
		}
	}
	return write, normalised, overwritten
}

// Remember returns the memory after a write: stored is OneLogin's answer to
// it. Attributes whose desired value has changed are forgotten; those that are
// not desired this time are kept, because a read of Bob that lacks a field says
// nothing about it.
func Remember(m Memory, desired, written Attributes, stored Actual, salt string) Memory {
	next := Memory{}
	for name, mark := range m {
		if want, ok := desired[name]; !ok || mark.Want == digest(salt, name, want) {
			next[name] = mark
		}
	}
	for name, want := range written {
		d := digest(salt, name, want)
		have, _ := stored.Text(name)
		mark := Written{Want: d, Stored: digest(salt, name, &have), Times: 1}
		if same(name, want, have) {
			mark.Stored = d
		}
		if before, ok := next[name]; ok {
			mark.Times = before.Times + 1
		}
		next[name] = mark
	}
	return next
}

// digest identifies a value without showing it. The salt (the employee id)
// keeps equal values of two people apart.
func digest(salt, attribute string, value *string) string {
	v := ""
	if value != nil {
		v = strings.TrimSpace(*value)
	}
	sum := sha256.Sum256([]byte(salt + "\x00" + attribute + "\x00" + v))
	return hex.EncodeToString(sum[:8])
}
