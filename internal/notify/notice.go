// Package notify tells people, through an incoming webhook such as Slack's, of
// what only a person can solve. It knows neither Temporal nor the APIs.
//
// A message leaves the house: of a person it carries the Bob id and a link, and
// nothing else. Reasons stay behind the link.
package notify

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Kind is what a person has to look at. Kinds are stored in histories and must
// not change.
type Kind string

const (
	// Held: something is due for somebody that a person has to decide on.
	Held Kind = "held"
	// Braked: the suspension brake holds people who have left.
	Braked Kind = "braked"
	// BrakeSilent: the suspension brake does not answer, so that nobody is
	// suspended.
	BrakeSilent Kind = "brake_silent"
	// Conflict: two records claim the same thing.
	Conflict Kind = "conflict"
	// Failed: something was refused for good.
	Failed Kind = "failed"
	// CredentialsRefused: an API refuses the credentials, or a permission.
	CredentialsRefused Kind = "credentials_refused"
	// BulkStopped: a bulk run ended before everybody was dealt with.
	BulkStopped Kind = "bulk_stopped"
)

// Notice is one thing that needs a person.
type Notice struct {
	Kind Kind `json:"kind"`
	// EmployeeID is the Bob id of the person concerned.
	EmployeeID string `json:"employeeId,omitempty"`
	// WorkflowID, and RunID where it has to be one run, are what the link leads
	// to.
	WorkflowID string `json:"workflowId,omitempty"`
	RunID      string `json:"runId,omitempty"`
	// API is "bob" or "onelogin", and what the access is for.
	API string `json:"api,omitempty"`
	// Status is how a bulk run ended.
	Status string `json:"status,omitempty"`
	// People is how many people it is about, where it is about several.
	People int `json:"people,omitempty"`
}

// Key is the same for what need not be told twice.
func (n Notice) Key() string {
	subject := cmp.Or(n.EmployeeID, n.API, n.RunID, n.WorkflowID)
	return string(n.Kind) + "/" + subject
}

// mostLines bounds the lines of one kind in one message.
const mostLines = 15

// UI is where links lead to.
type UI struct {
	// URL is the address of Temporal's web UI; empty: there are no links.
	URL       string
	Namespace string
}

// Message is the text for some notices, those of a kind together.
func (u UI) Message(notices []Notice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "bob-onelogin (%s) needs a person", escape(u.Namespace))
	for _, k := range kinds {
		of := slices.DeleteFunc(slices.Clone(notices), func(n Notice) bool { return n.Kind != k.kind })
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n*%s*", k.says)
		for _, n := range of[:min(len(of), mostLines)] {
			fmt.Fprintf(&b, "\n• %s", u.line(n))
		}
		if more := len(of) - mostLines; more > 0 {
			fmt.Fprintf(&b, "\n• and %d more", more)
		}
	}
	return b.String()
}

// kinds are in the order of their urgency.
var kinds = []struct {
	kind Kind
	says string
}{
	{CredentialsRefused, "Access is refused: nothing is lost, but nothing is provisioned and nobody suspended until it is mended"},
	{Braked, "The suspension brake holds people who have left and can still log in: approve or reject, with `starter brake show` or there"},
	{BrakeSilent, "The suspension brake does not answer, and without it nobody is suspended: look whether its workflow runs, and a worker"},
	{BulkStopped, "A bulk run stopped before everybody was dealt with"},
	{Conflict, "Conflict: two records claim the same; nothing is written for these employees until it is solved"},
	{Failed, "Refused for good: mend what the workflow says, then synchronise these employees again"},
	{Held, "Held: a decision is due on these employees"},
}

func (u UI) line(n Notice) string {
	what := "employee " + n.EmployeeID
	switch {
	case n.API != "":
		what = n.API
	case n.EmployeeID == "":
		what = n.WorkflowID
		if n.Status != "" {
			what += " (" + strings.ReplaceAll(n.Status, "_", " ") + ")"
		}
		if n.People > 0 {
			what += fmt.Sprintf(" (%d held)", n.People)
		}
	}
	what = escape(what)
	if u.URL == "" || n.WorkflowID == "" {
		return what
	}
	return what + ": " + escape(u.link(n))
}

// link leads to a run, or to the newest run of a workflow.
func (u UI) link(n Notice) string {
	link := strings.TrimRight(u.URL, "/") + "/namespaces/" + url.PathEscape(u.Namespace) + "/workflows/" + url.PathEscape(n.WorkflowID)
	if n.RunID != "" {
		link += "/" + url.PathEscape(n.RunID) + "/history"
	}
	return link
}

// escape writes text as Slack wants it: nothing in it is taken for a command,
// such as one that calls everybody.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
