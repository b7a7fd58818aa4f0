package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const id = "3332883854254932743"

func TestMessage(t *testing.T) {
	tests := map[string]struct {
		ui      UI
		notices []Notice
		want    string
	}{
		"a conflict, with a link": {
			ui:      UI{URL: "https://temporal.example.com/", Namespace: "prod"},
			notices: []Notice{{Kind: Conflict, EmployeeID: id, WorkflowID: "employee/" + id}},
			want: "bob-onelogin (prod) needs a person\n" +
				"*Conflict: two records claim the same; nothing is written for these employees until it is solved*\n" +
				"• employee " + id + ": https://temporal.example.com/namespaces/prod/workflows/employee%2F" + id,
		},
		"people whom the brake holds": {
			ui:      UI{Namespace: "prod"},
			notices: []Notice{{Kind: Braked, WorkflowID: "suspension-brake", People: 195}},
			want: "bob-onelogin (prod) needs a person\n*The suspension brake holds people who have left and can still log in: " +
				"approve or reject, with `starter brake show` or there*\n• suspension-brake (195 held)",
		},
		"without a web UI": {
			ui:      UI{Namespace: "prod"},
			notices: []Notice{{Kind: Held, EmployeeID: id, WorkflowID: "employee/" + id}},
			want:    "bob-onelogin (prod) needs a person\n*Held: a decision is due on these employees*\n• employee " + id,
		},
		"several kinds, the most urgent first": {
			ui: UI{URL: "https://temporal.example.com", Namespace: "prod"},
			notices: []Notice{
				{Kind: BulkStopped, WorkflowID: "bulk-sync", RunID: "r-1", Status: "timed_out"},
				{Kind: CredentialsRefused, API: "OneLogin, ending sessions"},
			},
			want: "bob-onelogin (prod) needs a person\n" +
				"*Access is refused: nothing is lost, but nothing is provisioned and nobody suspended until it is mended*\n" +
				"• OneLogin, ending sessions\n" +
				"*A bulk run stopped before everybody was dealt with*\n" +
				"• bulk-sync (timed out): https://temporal.example.com/namespaces/prod/workflows/bulk-sync/r-1/history",
		},
		"what would call everybody": {
			ui:      UI{Namespace: "<!channel>"},
			notices: []Notice{{Kind: BulkStopped, WorkflowID: "<!here> & co", Status: "failed"}},
			want: "bob-onelogin (&lt;!channel&gt;) needs a person\n*A bulk run stopped before everybody was dealt with*\n" +
				"• &lt;!here&gt; &amp; co (failed)",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.ui.Message(test.notices)) })
	}
}

func TestMessageStaysShort(t *testing.T) {
	var notices []Notice
	for i := range 2000 {
		notices = append(notices, Notice{Kind: Held, EmployeeID: fmt.Sprint(i)})
	}
	message := UI{Namespace: "prod"}.Message(notices)
	require.Equal(t, 2+mostLines+1, len(strings.Split(message, "\n")))
	require.Contains(t, message, "• and 1985 more")
}

// A kind without a sentence would be left out in silence.
func TestEveryKindIsTold(t *testing.T) {
	for _, kind := range []Kind{Held, Conflict, Failed, CredentialsRefused, BulkStopped} {
		require.Contains(t, UI{}.Message([]Notice{{Kind: kind, EmployeeID: id}}), id, kind)
	}
}

func TestKeys(t *testing.T) {
	keys := map[string]bool{}
	for _, n := range []Notice{
		{Kind: Held, EmployeeID: id, WorkflowID: "employee/" + id},
		{Kind: Conflict, EmployeeID: id, WorkflowID: "employee/" + id},
		{Kind: Conflict, EmployeeID: "2", WorkflowID: "bulk-sync"},
		{Kind: CredentialsRefused, API: "Bob"},
		{Kind: CredentialsRefused, API: "OneLogin"},
		{Kind: BulkStopped, WorkflowID: "bulk-sync", RunID: "r-1"},
		{Kind: BulkStopped, WorkflowID: "bulk-sync", RunID: "r-2"},
	} {
		require.False(t, keys[n.Key()], "%s is another thing", n.Key())
		keys[n.Key()] = true
	}
	require.True(t, keys[Notice{Kind: Conflict, EmployeeID: id, WorkflowID: "bulk-sync"}.Key()], "whoever comes upon it")
}
