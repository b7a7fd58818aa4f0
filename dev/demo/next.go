package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// next writes a file of exports for the user's shell, and says what to try.
// Today is the date on which the story was told.
func (s *stack) next(parts []part, today string, environ []string) (string, error) {
	file := filepath.Join(s.dir, "env")
	if err := os.WriteFile(file, []byte(exports(s.env(), environ)), 0o600); err != nil {
		return "", fmt.Errorf("write the environment for other terminals: %w", err)
	}
	var later, settled part
	for _, p := range parts {
		switch {
		case p.end.state == workflows.Waiting:
			later = p
		case p.account == linkedAccount && p.end.outcome == employee.Updated:
			settled = p
		}
	}
	return fmt.Sprintf(`
What to try next

  The web UI: every person's workflow, and those that wait
    %[1]s/namespaces/%[2]s/workflows
    %[1]s/namespaces/%[2]s/workflows?query=SyncState%%3D%%22Waiting%%22

  In another terminal, from %[3]s:
    . %[4]s
    bin/starter status %[5]s      # where %[6]s stands
    bin/starter sync %[7]s   # one person, now

  Let %[6]s start today:
    curl -s -X PUT '%[8]s/_sim/people/%[5]s?event=employee.joined' \
      -d '{"work":{"startDate":"%[10]s"},
           "internal":{"status":"Active","lifecycleStatus":"employed"}}'

  Change a title while OneLogin's next two writes fail:
    curl -s '%[9]s/_sim/faults' \
      -d '{"method":"PUT","route":"/api/2/users/{id}","count":2,"status":502}'
    curl -s -X PUT '%[8]s/_sim/people/%[11]s?event=employee.updated' \
      -d '{"work":{"title":"Head Surfer"}}'

  What is in Bob and in OneLogin, and how often OneLogin was called:
    curl -s '%[8]s/_sim/people'
    curl -s '%[9]s/_sim/users'
    curl -s '%[9]s/_sim/calls'

Everything stays up until Ctrl-C.`,
		s.webURL, namespace, s.root, file, later.id, later.name(), settled.email(), s.bob, s.oneLogin, today, settled.id), nil
}

// exports is a shell script that takes away what a user's environment says
// about Temporal, Bob, OneLogin and keys, and sets what the demo says.
func exports(env, environ []string) string {
	var b strings.Builder
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"TEMPORAL_", "BOB_", "ONELOGIN_", "PAYLOAD_", "CODEC_"} {
			if strings.HasPrefix(name, prefix) && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" {
				fmt.Fprintf(&b, "unset %s\n", name)
			}
		}
	}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}
