package employee_test

import (
	"testing"

	"bob-onelogin/internal/employee"
)

func TestUrgentEvents(t *testing.T) {
	urgent := map[employee.EventType]bool{
		employee.EventCreated:           false,
		employee.EventUpdated:           false,
		employee.EventJoined:            false,
		employee.EventActivated:         false,
		employee.EventTemporaryLeave:    false,
		employee.EventTableEntryUpdated: false,
		employee.EventInactivated:       true,
		employee.EventLeft:              true,
		employee.EventDeleted:           true,
		employee.EventAccessRevoked:     true,
	}
	for event, want := range urgent {
		if got := event.Urgent(); got != want {
			t.Errorf("%s: Urgent() = %v, want %v", event, got, want)
		}
		if event.Urgent() && event.Activates() {
			t.Errorf("%s is both urgent and activating", event)
		}
	}
}
