//go:build race

package e2e

// raceFlags builds the processes with the race detector where the tests have it.
var raceFlags = []string{"-race"}
