package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

// sampleRows are the story's, ended well but for the last.
func sampleRows() []row {
	s := stack{webURL: "http://127.0.0.1:8233"}
	told := time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC)
	var rows []row
	for _, p := range story(told) {
		if p.events == nil {
			continue
		}
		r := row{part: p, link: s.workflowURL(p.id), told: told, took: 2300 * time.Millisecond}
		r.seen.view = workflows.StatusView{
			EmployeeID: p.id, State: p.end.state, Reason: "One sentence that says why, and is not short.",
			LastOutcome: &workflows.Result{Outcome: p.end.outcome},
		}
		if u := p.end.user; u != nil {
			r.seen.users, r.seen.manager = []user{{ID: 60000100, Status: u.status, Title: u.title, ExternalID: p.id}}, "Boss One"
			if u.sessionsEnded {
				r.seen.users[0].SessionsEndedAt = "2026-02-27T12:00:00.200Z"
			}
		}
		rows = append(rows, r)
	}
	rows[len(rows)-1].missed = []string{"the status is active instead of suspended"}
	return rows
}

func TestTable(t *testing.T) {
	for _, width := range []int{40, 72, 80, 120, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			rows := sampleRows()
			text := table(rows, width, false)
			for line := range strings.SplitSeq(text, "\n") {
				if !strings.Contains(line, "http://") {
					require.LessOrEqual(t, utf8.RuneCountInString(line), min(max(width, narrowest), widest), line)
				}
				require.Equal(t, strings.TrimRight(line, " "), line)
			}
			for _, r := range rows {
				require.Contains(t, text, "\n"+r.part.name())
				require.Contains(t, text, "\n  "+r.link+"\n", "a link is never broken")
			}
			require.Equal(t, len(rows)-1, strings.Count(text, "✓"))
			require.Equal(t, 1, strings.Count(text, "✗"))
			require.Contains(t, text, "\n  but the status is active instead of suspended\n")
			require.NotContains(t, text, "\x1b")
		})
	}
	require.Contains(t, table(sampleRows(), 120, true), "\x1b[32m✓\x1b[0m expected")
}

func TestDescriptions(t *testing.T) {
	rows := map[string]row{}
	for _, r := range sampleRows() {
		rows[r.part.name()] = r
	}
	require.Equal(t, "left: terminated as of today (employee.left)", describeEvents(rows["Last Day"].part))
	require.Equal(t, "Waiting, scheduled after 2.3s: One sentence that says why, and is not short.", describeDecision(rows["Hire Later"]))
	require.Equal(t, "no user", describeUsers(rows["Hire Later"]))
	require.Equal(t, "60000100 suspended, Bell Tuner, manager Boss One, sessions ended within 0.2s", describeUsers(rows["Last Day"]))

	nothing := row{}
	require.Equal(t, "nothing is known", describeDecision(nothing))
	two := row{seen: seen{users: []user{{ID: 1, Status: onelogin.StatusActive, ExternalID: "4"}, {ID: 2, Status: onelogin.StatusLocked}}}}
	require.Equal(t, "1 active; and 2 locked, not linked", describeUsers(two))
}

func TestVerdict(t *testing.T) {
	rows := sampleRows()
	require.False(t, allWell(rows))
	require.Equal(t, "✗ 6 of 7 people ended as the story says, 4.0s after the build.", verdict(rows, 4*time.Second, false))
	require.True(t, allWell(rows[:6]))
	require.Equal(t, "✓ 6 of 6 people ended as the story says, 4.0s after the build.", verdict(rows[:6], 4*time.Second, false))
}

func TestWorkflowURLEscapesTheID(t *testing.T) {
	s := stack{webURL: "http://127.0.0.1:8233"}
	require.Equal(t, "http://127.0.0.1:8233/namespaces/default/workflows/employee%2F42", s.workflowURL("42"))
}

func TestNextNamesRealPeople(t *testing.T) {
	s := stack{dir: t.TempDir(), root: "/src", bob: "http://127.0.0.1:1", oneLogin: "http://127.0.0.1:2", webURL: "http://127.0.0.1:3"}
	text, err := s.next(story(today), "2026-02-27", nil)
	require.NoError(t, err)
	require.FileExists(t, s.dir+"/env")
	for _, p := range story(today) {
		switch {
		case p.end.state == workflows.Waiting:
			require.Contains(t, text, "bin/starter status "+p.id)
			require.Contains(t, text, "http://127.0.0.1:1/_sim/people/"+p.id+"?event=employee.joined")
		case p.account == linkedAccount && p.end.outcome == employee.Updated:
			require.Contains(t, text, "bin/starter sync "+p.email())
		}
	}
	require.Contains(t, text, `"startDate":"2026-02-27"`)
	require.Contains(t, text, "http://127.0.0.1:2/_sim/faults")
	require.NotContains(t, text, "%!")
}

func TestWrap(t *testing.T) {
	tests := map[string]struct {
		text    string
		columns int
		want    []string
	}{
		"nothing":                   {"", 10, nil},
		"fits":                      {"one two", 7, []string{"one two"}},
		"breaks at spaces":          {"one two three", 7, []string{"one two", "three"}},
		"long word after a dot":     {"an (employee.access.revoked)", 18, []string{"an", "(employee.access.", "revoked)"}},
		"long word without a dot":   {"abcdefgh", 3, []string{"abc", "def", "gh"}},
		"counts characters":         {"ÄÖÜ ß", 5, []string{"ÄÖÜ ß"}},
		"a dot after wider letters": {"ÄÖÜ.ßßßß", 6, []string{"ÄÖÜ.", "ßßßß"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, wrap(tt.text, tt.columns)) })
	}
	require.Equal(t, "abc", cut("abc", 3))
	require.Equal(t, "ab…", cut("abcd", 3))
}
