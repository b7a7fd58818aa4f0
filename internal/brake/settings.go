package brake

import (
	"errors"
	"fmt"
	"time"
)

// WorkflowID is the ID of the one workflow that keeps the State.
const WorkflowID = "suspension-brake"

// Settings are the section "brake" of the provisioning file. They travel with
// every question, because a workflow cannot read a file.
type Settings struct {
	Enabled bool `json:"enabled"`
	// Window is the time within which suspensions are counted.
	Window time.Duration `json:"window"`
	// AtLeast suspensions fit into a window whatever the size of the company,
	// and Percent of the linked active users where that is more.
	AtLeast int `json:"atLeast"`
	Percent int `json:"percent"`
}

// LongestWindow is the longest that a window may be: entries of older settings
// are kept for so long, so that a longer window finds them.
const LongestWindow = 72 * time.Hour

// DefaultSettings are those of a file that says nothing about the brake.
func DefaultSettings() Settings {
	return Settings{Enabled: true, Window: 24 * time.Hour, AtLeast: 5, Percent: 5}
}

// Validate refuses what no provisioning file can say.
func (s Settings) Validate() error {
	switch {
	case s.Window <= 0 || s.Window > LongestWindow:
		return fmt.Errorf("the window of the brake must be longer than nothing and at most %s", LongestWindow)
	case s.AtLeast < 0 || s.Percent < 0 || s.Percent > 100:
		return errors.New("the brake's at_least must not be negative, and its percent lies between 0 and 100")
	default:
		return nil
	}
}

// Limit is how many suspensions fit into a window of a company with so many
// linked active users. A part of a person does not count.
func (s Settings) Limit(linked int) int {
	return max(s.AtLeast, linked*s.Percent/100)
}
