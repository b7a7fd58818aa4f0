package check

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// Bob is what was found out about Bob.
type Bob struct {
	// Asked is false where the configuration does not allow to ask.
	Asked bool
	// Host is where Bob is.
	Host string
	// Fields are those that the tenant has. Listing them needs a service user,
	// and no permission.
	Fields Answer[[]bob.Field]
	// People are those whom the service user may see.
	People Answer[People]
	// Answered are the fields that at least one of the people looked at was
	// answered with, if only as empty.
	Answered Answer[map[string]bool]
}

// People counts people.
type People struct {
	Total int
	// Hired have not started, Left have left. StatusShown is set where it can
	// be told of anybody.
	Hired, Left int
	// Inactive are all whom Bob calls so, the hired and those who left too.
	Inactive    int
	StatusShown bool
}

func (b Bob) lines(s Settings) []Line {
	a := area{name: AreaBob}
	if !b.Asked {
		return nil
	}
	if !b.credentials(&a) {
		return a.lines
	}
	switch p := b.People.Value; {
	case b.People.Err != nil:
		detail, mend := bobTrouble(b.People.Err)
		a.wrong("people", "cannot be read: "+detail, mend)
		return a.lines
	case p.Total == 0:
		a.wrong("people", "Bob shows nobody", "put the service user into a permission group (Bob's Settings → Account → Permission groups) that may see everybody's data")
		return a.lines
	default:
		a.ok("people", plural(p.Total, "person is", "people are")+" visible")
	}
	b.inactive(&a)
	b.fields(&a, s)
	return a.lines
}

// credentials reports whether the service user is let in.
func (b Bob) credentials(a *area) bool {
	var auth *bob.AuthError
	err := b.Fields.Err
	switch {
	case b.People.Err == nil:
		err = nil
	case errors.As(b.People.Err, &auth) && auth.StatusCode == http.StatusUnauthorized:
		// The list of fields is nobody's secret; people are.
		err = b.People.Err
	}
	switch {
	case err == nil:
		a.ok("credentials", b.Host+" accepts the service user")
	case errors.As(err, &auth) && auth.StatusCode == http.StatusUnauthorized:
		a.wrong("credentials", b.Host+" refuses the service user",
			"compare BOB_SERVICE_USER_ID and BOB_SERVICE_USER_TOKEN with Bob's Settings → Integrations → Service users; the sandbox has its own service users, and its own BOB_BASE_URL")
	default:
		detail, mend := bobTrouble(err)
		a.wrong("credentials", "could not be tried: "+detail, mend)
	}
	return err == nil
}

// bobTrouble says what kept Bob from answering.
func bobTrouble(err error) (detail, mend string) {
	switch bob.Class(err) {
	case "auth", "breaker_open":
		mend = "give the service user a permission group in Bob that may see people"
	case "rate_limited":
		mend = "wait a minute, and check again: Bob's calls of this minute are used up"
	case "transport", "canceled":
		mend = "see that this machine reaches Bob, and that BOB_BASE_URL is right"
	case "content", "invalid", "not_found":
		mend = "correct BOB_BASE_URL: https://api.hibob.com/v1, or https://api.sandbox.hibob.com/v1"
	default:
		mend = "check again later: the trouble is Bob's own"
	}
	return err.Error(), mend
}

func (b Bob) inactive(a *area) {
	p := b.People.Value
	switch {
	case !p.StatusShown:
		a.warn("inactive people", "cannot be told apart: Bob shows neither "+lifecycle.FieldStatus+" nor "+lifecycle.FieldLifecycleStatus,
			"see the fields below")
	case p.Inactive == 0:
		a.warn("inactive people", "nobody inactive is visible: neither a future hire nor anybody who left",
			`remove the condition "Lifecycle status equals Employed" from the service user's permission group; if there really is nobody, all is well`)
	default:
		a.ok("inactive people", fmt.Sprintf("%s visible, %s hired and %s left among them", thousands(p.Inactive), thousands(p.Hired), thousands(p.Left)))
	}
}

// fields tells which of the fields that the settings ask for came back, and
// what to permit for the others: Bob leaves those out without a word.
func (b Bob) fields(a *area, s Settings) {
	const check = "fields"
	if b.Answered.Err != nil {
		detail, mend := bobTrouble(b.Answered.Err)
		a.wrong(check, "cannot be read: "+detail, mend)
		return
	}
	uses := s.Used.FieldUses()
	var came []string
	var groups []group
	for _, use := range uses {
		if b.Answered.Value[use.Field] {
			came = append(came, use.Field)
			continue
		}
		of := b.permission(use.Field)
		i := slices.IndexFunc(groups, func(g group) bool { return g.permission == of })
		if i < 0 {
			i, groups = len(groups), append(groups, group{permission: of})
		}
		groups[i].add(use, s.Used)
	}
	whose := ""
	if s.Instead {
		whose = " by the default settings, as the file cannot be used,"
	}
	share := fmt.Sprintf("all %d", len(uses))
	if len(groups) > 0 {
		share = fmt.Sprintf("%d of %d", len(came), len(uses))
	}
	a.ok(check, share+" that are asked for"+whose+" came back: "+strings.Join(came, ", "))
	for _, g := range groups {
		// Where the file was held against Bob's list, its own line tells.
		if g.permission != "" || !s.Held {
			g.line(a)
		}
	}
}

// permission is the category that the service user has to be permitted for a
// field, as Bob's pages name it; empty where Bob has no such field.
func (b Bob) permission(field string) string {
	prefix, _, _ := strings.Cut(field, ".")
	category := standardCategory(prefix, field)
	if b.Fields.Err == nil {
		i := slices.IndexFunc(b.Fields.Value, func(f bob.Field) bool { return f.ID == field })
		switch {
		case i < 0:
			return ""
		case b.Fields.Value[i].Category != "":
			category = b.Fields.Value[i].Category
		}
	}
	if name := categoryNames[category]; name != "" {
		return name
	}
	return category
}

// standardCategory is the category of a field that every tenant has; the
// fields of a tenant's own are in the category that their id begins with.
func standardCategory(prefix, field string) string {
	switch {
	case field == "work.workPhone" || field == "work.workMobile":
		return "workContact"
	case prefix == "internal", field == lifecycle.FieldLastDayOfWork, field == "employee.firstDayOfWork":
		return "lifecycle"
	case strings.HasPrefix(field, "payroll.employment."):
		return "employment"
	case prefix == "home":
		return "personalContact"
	default:
		return prefix
	}
}

// categoryNames are what Bob's pages call the categories of its list of fields.
var categoryNames = map[string]string{
	"root": "Basic info", "personal": "Personal", "personalContact": "Personal contact details",
	"work": "Work", "workContact": "Work contact details", "address": "Address",
	"employment": "Employment", "payroll": "Payroll", "lifecycle": "Lifecycle", "employee": "Work",
}

// group is the fields that are missing for want of one permission.
type group struct {
	permission string
	fields     []string
	neededBy   []string
	// without are sentences on what does not work.
	without []string
	// grave: people are not provisioned, or keep their access.
	grave bool
}

func (g *group) add(use mapping.FieldUse, s mapping.Settings) {
	g.fields = append(g.fields, use.Field)
	for _, by := range use.NeededBy {
		switch {
		case by == "lifecycle":
			without, grave := withoutField(use.Field, s.Policy)
			if !slices.Contains(g.without, without) {
				g.without = append(g.without, without)
			}
			g.grave = g.grave || grave
			continue
		case by == "link", by == "address", strings.HasPrefix(by, "scope"), slices.Contains(indispensable, by):
			g.grave = true
		}
		if !slices.Contains(g.neededBy, by) {
			g.neededBy = append(g.neededBy, by)
		}
	}
}

// indispensable are the rules without which no user can be made.
var indispensable = []string{
	"mapping." + mapping.AttrEmail, "mapping." + mapping.AttrUsername, "mapping." + mapping.AttrFirstname, "mapping." + mapping.AttrLastname,
}

// withoutField says what the lifecycle cannot do without a field, and whether
// people go without a user, or keep their access, for that.
func withoutField(field string, p lifecycle.Policy) (sentence string, grave bool) {
	switch field {
	case lifecycle.FieldStatus:
		return "nobody is seen to be active or inactive", true
	case lifecycle.FieldLifecycleStatus:
		return "leavers cannot be told from future hires", true
	case lifecycle.FieldStartDate:
		return "future hires are not taken up in time", p.Start.When != lifecycle.StartOnCreation
	case lifecycle.FieldTerminationDate, lifecycle.FieldLastDayOfWork:
		return "access ends only once Bob says inactive, not with the last day", false
	case lifecycle.FieldSite:
		return "every date is read in the default time zone", false
	default:
		return "the lifecycle goes without " + field, false
	}
}

func (g group) line(a *area) {
	detail := listed(g.fields) + ifOne(len(g.fields), " is", " are") + " missing from every answer"
	if g.permission == "" {
		detail = "Bob has no field " + listed(g.fields)
	}
	if len(g.neededBy) > 0 {
		detail += "; needed by " + listed(g.neededBy)
	}
	for _, sentence := range g.without {
		detail += "; " + sentence
	}
	mend := fmt.Sprintf("let the service user's permission group view the category %q", g.permission)
	if g.permission == "" {
		mend = "correct the id in the settings file, or make the field in Bob"
	}
	if g.grave || g.permission == "" {
		a.wrong("fields", detail, mend)
		return
	}
	a.warn("fields", detail, mend)
}
