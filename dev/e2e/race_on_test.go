//go:build race

package e2e

// buildFlags build the processes with the race detector where the tests have
// it; that needs cgo.
var (
	buildFlags = []string{"-race", "-ldflags=-X bob-onelogin/internal/version.number=" + released}
	buildEnv   []string
)

const static = false
