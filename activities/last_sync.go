package activities

import (
	"time"

	"bob-onelogin/internal/mapping"
)

// LastSync is what one synchronisation of a person leaves for the next. It
// travels in the result of the workflow, so that it outlives the run without
// a store of its own. What a run did not need it does not know, and says so.
type LastSync struct {
	// Memory tells differences that OneLogin makes itself from Bob's. It is
	// meaningful only where MemoryKnown is set.
	Memory      mapping.Memory `json:"memory,omitempty"`
	MemoryKnown bool           `json:"memoryKnown,omitempty"`
	// SuspendedByUs says whether this program's last word on the status was a
	// suspension because of Bob; nil where the run had no word on it.
	SuspendedByUs *bool `json:"suspendedByUs,omitempty"`
	// ActivatedAt is when Bob last said that the person is active, by an event
	// and by Bob's clock: a revocation of before is out of date.
	ActivatedAt time.Time `json:"activatedAt,omitzero"`
}

// Or fills what l does not know from an earlier synchronisation.
func (l LastSync) Or(earlier LastSync) LastSync {
	if !l.MemoryKnown {
		l.Memory, l.MemoryKnown = earlier.Memory, earlier.MemoryKnown
	}
	if l.SuspendedByUs == nil {
		l.SuspendedByUs = earlier.SuspendedByUs
	}
	if earlier.ActivatedAt.After(l.ActivatedAt) {
		l.ActivatedAt = earlier.ActivatedAt
	}
	return l
}

// WithSuspension records this program's word on the status.
func (l LastSync) WithSuspension(suspended bool) LastSync {
	l.SuspendedByUs = &suspended
	return l
}

// known is l after everything older has been looked at: what is still not
// known has not happened.
func (l LastSync) known() LastSync {
	l.MemoryKnown = true
	if l.SuspendedByUs == nil {
		l = l.WithSuspension(false)
	}
	return l
}

// Complete reports whether nothing older can add to l.
func (l LastSync) Complete() bool { return l.MemoryKnown && l.SuspendedByUs != nil }

func (l LastSync) suspendedByUs() bool { return l.SuspendedByUs != nil && *l.SuspendedByUs }

// after returns what to remember after a write. Nothing written and nothing
// recalled leaves the memory unknown.
func (l LastSync) after(m mapping.Memory) LastSync {
	if l.MemoryKnown || len(m) > 0 {
		l.Memory, l.MemoryKnown = m, true
	}
	return l
}
