package workflows

import (
	"strings"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

// EmployeeSummary is the line at the head of a workflow's page, which stays as
// it was when the workflow was started. Only a bulk run knows the name by then;
// everybody else leaves it empty.
func EmployeeSummary(employeeID, name string) string {
	summary := "Bob employee " + employeeID + " → OneLogin"
	if name != "" {
		summary = name + ", " + summary
	}
	return summary
}

// nameInBob is how Bob calls the person; empty where the read does not tell.
func nameInBob(r employee.Record) string {
	var parts []string
	for _, field := range []string{"root.firstName", "root.surname"} {
		if part, presence, err := r.Text(field); err == nil && presence == employee.Present {
			parts = append(parts, part)
		}
	}
	return oneLine(parts)
}

// nameInOneLogin is how OneLogin is to call the person, which is all that is
// known where a bulk run has read Bob, or where the mapping asks for no name.
func nameInOneLogin(d mapping.Desired) string {
	var parts []string
	for _, attribute := range []string{mapping.AttrFirstname, mapping.AttrLastname} {
		if part, ok := d.Value(attribute); ok {
			parts = append(parts, part)
		}
	}
	return oneLine(parts)
}

func oneLine(parts []string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// markdown keeps a name as somebody has typed it into Bob, whatever Markdown
// would make of it.
var markdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`,
	"#", `\#`, "|", `\|`, "~", `\~`, "!", `\!`, "&", `\&`,
)
