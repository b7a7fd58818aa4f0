package e2e

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checked runs `starter check --json` and returns the lines that are not ok, as
// results by area and check, how many are, and the exit code.
func (s *stack) checked(args ...string) (rest map[string]string, ok, code int) {
	s.t.Helper()
	out, err := s.starterCommand(append([]string{"check", "--json"}, args...)...)
	if exit, failed := err.(*exec.ExitError); failed {
		code = exit.ExitCode()
	} else {
		require.NoError(s.t, err, out)
	}
	var lines []struct{ Area, Check, Result, Detail, Mend string }
	require.NoError(s.t, json.Unmarshal([]byte(out), &lines), out)
	rest = map[string]string{}
	for _, l := range lines {
		if l.Result == "ok" {
			ok++
			continue
		}
		rest[l.Area+": "+l.Check] = l.Result
		require.NotEmpty(s.t, l.Mend)
	}
	return rest, ok, code
}

func TestStarterCheck(t *testing.T) {
	if *record {
		t.Skip("without encryption, starter check says so")
	}
	s := newStack(t, withSim("--employees", "25"))
	retention := map[string]string{"Temporal: namespace": "warning"} // of a day, as the test has made it
	s.eventually("the server tells of worker and search attributes", 30*time.Second, func() bool {
		rest, _, _ := s.checked()
		return len(rest) == 1
	})
	rest, ok, code := s.checked()
	require.Equal(t, retention, rest)
	require.Equal(t, 15, ok)
	require.Zero(t, code)
	_, _, code = s.checked("--strict")
	require.Equal(t, 1, code)

	// What keeps every other command from starting is among the lines.
	s.env = append(s.env, "PAYLOAD_KEYS=old:no-key", "LOG_LEVEL=loud")
	_, err := s.starterCommand("status", "1")
	require.Error(t, err)
	rest, ok, code = s.checked()
	require.Equal(t, map[string]string{"Temporal: namespace": "warning", "Encryption: keys": "wrong", "Settings: configuration": "wrong"}, rest)
	require.Equal(t, 14, ok)
	require.Equal(t, 1, code)
}
