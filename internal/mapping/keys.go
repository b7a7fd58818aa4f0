package mapping

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/lifecycle"
)

// kind is what a key's value looks like.
type kind int

const (
	kindSection kind = iota
	kindAttributes
	kindSource
	kindField
	kindFormula
	kindText
	kindExpression
	kindChoice
	kindBool
	kindInteger
	kindDuration
	kindClock
	kindZone
	kindZones
	kindList
	kindEmploymentTypes
)

// item is what the members of a list are.
type item int

const (
	itemName item = iota // a name as Bob's pages show it
	itemDomain
	itemAddress
	itemPerson // a Bob id or an address
	itemUserID // a OneLogin id
)

// key is one key of the provisioning file. The parser, the JSON Schema and
// docs/settings.md all go by the table of keys.
type key struct {
	// path is the key below its sections; <…> stands for a name of the file's.
	path string
	kind kind
	// choices are those of a kindChoice, least and most the bounds of a
	// kindInteger, shortest and longest those of a kindDuration.
	choices           []string
	least, most       int
	shortest, longest time.Duration
	item              item
	// standard is the default and example some other value, both as YAML.
	standard, example string
	meaning           string
	// set puts the value into the settings; nil where the parser does that.
	set func(*Settings, any)
}

// private tells the keys whose values name people.
func (k key) private() bool { return k.item == itemAddress || k.item == itemPerson }

// name is the last part of the path.
func (k key) name() string { return k.path[strings.LastIndexByte(k.path, '.')+1:] }

// noDefault stands where a key that is left out has no value.
const noDefault = "none"

const (
	keyMapping         = "mapping"
	keyAttribute       = "mapping.<attribute>"
	keyEmploymentTypes = "scope.employment_types"
	keySites           = "zones.sites"
)

func choices[T ~string](values ...T) []string {
	var names []string
	for _, v := range values {
		names = append(names, string(v))
	}
	return names
}

// keys is every key, sections before what is in them.
var keys = []key{
	{
		path: keyMapping, kind: kindAttributes, standard: "Bob's own default table", example: "{email: root.email, …}",
		meaning: "What fills each OneLogin attribute: a Bob field or a formula. A mapping replaces the default table as a whole; email, username, firstname and lastname cannot be left out.",
	},
	{
		path: keyAttribute, kind: kindSource, example: "work.workMobile ?? work.workPhone",
		meaning: "A OneLogin attribute, or custom_attributes.<shortname>: the id of a Bob field, a formula, or the long form with the keys below.",
	},
	{
		path: keyAttribute + ".field", kind: kindField, example: "work.custom.field_1689",
		meaning: "The id of a Bob field; of a list field the label is taken.",
	},
	{
		path: keyAttribute + ".formula", kind: kindFormula, example: `'root.firstName + " " + root.surname'`,
		meaning: "A formula over Bob fields, in the place of field.",
	},
	{
		path: keyAttribute + ".when_null", kind: kindChoice, choices: choices(ClearOnNull, KeepOnNull), standard: "clear", example: "keep",
		meaning: "What an empty value in Bob does: empty the attribute, or keep what OneLogin has. Mandatory attributes are always kept.",
	},
	{
		path: keyAttribute + ".default", kind: kindText, standard: noDefault, example: "Unassigned",
		meaning: "What is written where Bob's value is empty. It never takes the place of a field that Bob's answer lacks.",
	},
	{
		path: keyAttribute + ".on_create_only", kind: kindBool, standard: "false", example: "true",
		meaning: "Write the attribute when the user is created and never afterwards.",
	},
	{
		path: "status", kind: kindChoice, choices: choices(lifecycle.FollowBob, lifecycle.AlwaysActive, lifecycle.AlwaysSuspended),
		standard: "follow_bob", example: "always_suspended",
		meaning: "Which OneLogin status people get: as Bob says, both ways; created active, and only leaving changes it; created suspended, and never activated.",
		set:     func(s *Settings, v any) { s.Policy.Status = lifecycle.StatusPolicy(v.(string)) },
	},
	{
		path: "reactivate", kind: kindChoice, choices: choices(lifecycle.ReactivateAlways, lifecycle.ReactivateOnActivation, lifecycle.ReactivateNever),
		standard: "always", example: "on_activation",
		meaning: "When a suspension is lifted under follow_bob: whenever Bob says active; on an activation event, or where the suspension came from Bob; never.",
		set:     func(s *Settings, v any) { s.Policy.Reactivate = lifecycle.ReactivatePolicy(v.(string)) },
	},
	{path: "start", kind: kindSection, meaning: "When a new person is taken up."},
	{
		path: "start.when", kind: kindChoice, choices: choices(lifecycle.StartOnDate, lifecycle.StartOnCreation), standard: "start_date", example: "creation",
		meaning: "On the start date, or as soon as the person is in Bob.",
		set:     func(s *Settings, v any) { s.Policy.Start.When = lifecycle.StartWhen(v.(string)) },
	},
	{
		path: "start.lead_days", kind: kindInteger, least: 0, most: 365, standard: "0", example: "3",
		meaning: "How many days before the start date.",
		set:     func(s *Settings, v any) { s.Policy.Start.LeadDays = v.(int) },
	},
	{
		path: "start.at", kind: kindClock, standard: `"00:00"`, example: `"08:30"`,
		meaning: "At what time of that day, in the zone of the person's site.",
		set:     func(s *Settings, v any) { s.Policy.Start.At = v.(lifecycle.TimeOfDay) },
	},
	{path: "leave", kind: kindSection, meaning: "Which kinds of leave keep their access."},
	{
		path: "leave.garden_leave", kind: kindChoice, choices: choices(lifecycle.LeaveFollowsBob, lifecycle.LeaveIsActive, lifecycle.LeaveIsInactive),
		standard: "follow_bob", example: "inactive",
		meaning: "People on garden leave: as Bob's own status says; active; inactive.",
		set:     func(s *Settings, v any) { s.Policy.GardenLeave = lifecycle.LeaveRule(v.(string)) },
	},
	{
		path: "leave.temporary_leave", kind: kindChoice, choices: choices(lifecycle.LeaveFollowsBob, lifecycle.LeaveIsActive, lifecycle.LeaveIsInactive),
		standard: "follow_bob", example: "active",
		meaning: "People on any other leave, such as parental leave.",
		set:     func(s *Settings, v any) { s.Policy.TemporaryLeave = lifecycle.LeaveRule(v.(string)) },
	},
	{path: "zones", kind: kindSection, meaning: "Bob keeps no time zones: start and leave dates are read in these."},
	{
		path: "zones.default", kind: kindZone, standard: "UTC", example: "Europe/London",
		meaning: "The IANA time zone of people without a site, and of sites that are not listed.",
		set:     func(s *Settings, v any) { s.Policy.Zones.Default = v.(*time.Location) },
	},
	{
		path: keySites, kind: kindZones, standard: "{}", example: `{"New York": America/New_York}`,
		meaning: "The zone of each site, by the name that Bob shows.",
		set:     func(s *Settings, v any) { s.Policy.Zones.Sites = v.(map[string]*time.Location) },
	},
	{
		path: keySites + ".<site>", kind: kindZone, example: "America/New_York",
		meaning: "The zone of one site.",
	},
	{path: "scope", kind: kindSection, meaning: "Who is provisioned at all: whoever meets every rule. A rule that is empty does not restrict."},
	{
		path: "scope.email_domains", kind: kindList, item: itemDomain, standard: "[]", example: "[example.com]",
		meaning: "People whose e-mail address is in one of these domains, in whatever case. Domains below them do not count.",
		set:     func(s *Settings, v any) { s.Scope.EmailDomains = v.([]string) },
	},
	{
		path: "scope.sites", kind: kindList, standard: "[]", example: "[London, New York]",
		meaning: "People at one of these sites, by the name that Bob shows.",
		set:     func(s *Settings, v any) { s.Scope.Sites = v.([]string) },
	},
	{
		path: "scope.departments", kind: kindList, standard: "[]", example: "[Engineering, Sales]",
		meaning: "People in one of these departments, by the label that Bob shows.",
		set:     func(s *Settings, v any) { s.Scope.Departments = v.([]string) },
	},
	{
		path: keyEmploymentTypes, kind: kindEmploymentTypes, standard: "[]", example: "[Permanent]",
		meaning: "People of one of these employment types, by the label that Bob shows: a list, or the keys below where the type stands in another field.",
		set:     func(s *Settings, v any) { s.Scope.EmploymentTypes = v.([]string) },
	},
	{
		path: keyEmploymentTypes + ".field", kind: kindField, standard: FieldEmploymentType, example: "payroll.employment.contract",
		meaning: "The Bob field that holds the employment type.",
		set:     func(s *Settings, v any) { s.Scope.EmploymentField = v.(string) },
	},
	{
		path: keyEmploymentTypes + ".values", kind: kindList, standard: "[]", example: "[Full time, Part time]",
		meaning: "The employment types.",
		set:     func(s *Settings, v any) { s.Scope.EmploymentTypes = v.([]string) },
	},
	{
		path: "scope.expression", kind: kindExpression, standard: noDefault, example: `'work.title != "Contractor"'`,
		meaning: "A formula that says yes or no: people for whom it says yes.",
		set:     func(s *Settings, v any) { s.Scope.Expression = v.(*Formula) },
	},
	{
		path: "scope.exclude", kind: kindList, item: itemPerson, standard: "[]", example: `["3332883884017713238", someone@example.com]`,
		meaning: "Bob ids and e-mail addresses of people who are left alone, whatever the other rules say.",
		set:     func(s *Settings, v any) { s.Scope.Exclude = v.([]string) },
	},
	{
		path: "scope.out_of_scope", kind: kindChoice, choices: choices(KeepOutOfScope, SuspendOutOfScope), standard: "keep", example: "suspend",
		meaning: "What becomes of the existing user of a person whom a rule keeps out: nothing, or a suspension. Only values that Bob gave suspend; an empty field, one that is not shown, and scope.exclude never do.",
		set:     func(s *Settings, v any) { s.Scope.OutOfScope = OutOfScope(v.(string)) },
	},
	{path: "protected", kind: kindSection, meaning: "Users whom this program never suspends: a person has to decide."},
	{
		path: "protected.emails", kind: kindList, item: itemAddress, standard: "[]", example: "[someone@example.com]",
		meaning: "By e-mail address, in whatever case.",
		set:     func(s *Settings, v any) { s.Protected.Emails = v.([]string) },
	},
	{
		path: "protected.onelogin_ids", kind: kindList, item: itemUserID, standard: "[]", example: "[123456789]",
		meaning: "By OneLogin user id.",
		set: func(s *Settings, v any) {
			for _, id := range v.([]string) {
				n, _ := parseUserID(id)
				s.Protected.OneLoginIDs = append(s.Protected.OneLoginIDs, n)
			}
		},
	},
	{path: "limits", kind: kindSection, meaning: "What bounds a bulk run."},
	{
		path: "limits.least_shown_percent", kind: kindInteger, least: 0, most: 100, standard: "80", example: "95",
		meaning: "A bulk run stops before it writes if Bob shows less than this share of the people whom OneLogin's users are linked to.",
		set:     func(s *Settings, v any) { s.Limits.LeastShownPercent = v.(int) },
	},
	{
		path: "limits.budget_reserve_percent", kind: kindInteger, least: 0, most: 100, standard: "10", example: "25",
		meaning: "The share of OneLogin's hourly calls that a bulk run leaves to live events.",
		set:     func(s *Settings, v any) { s.Limits.BudgetReservePercent = v.(int) },
	},
	{
		path: "limits.fresh_for", kind: kindDuration, longest: time.Hour, standard: "10m", example: "5m",
		meaning: "How long a bulk run may act on what it has read without reading it again, 0s to 1h.",
		set:     func(s *Settings, v any) { s.Limits.FreshFor = v.(time.Duration) },
	},
	{path: "brake", kind: kindSection, meaning: "How many people may be suspended within a rolling window, over all paths together. Beyond it people are held until a person approves or rejects."},
	{
		path: "brake.enabled", kind: kindBool, standard: "true", example: "false",
		meaning: "Without the brake, a wrong import in Bob can lock everybody out.",
		set:     func(s *Settings, v any) { s.Brake.Enabled = v.(bool) },
	},
	{
		path: "brake.window", kind: kindDuration, shortest: time.Minute, longest: brake.LongestWindow, standard: "24h", example: "12h",
		meaning: "The time within which suspensions are counted, 1m to 72h.",
		set:     func(s *Settings, v any) { s.Brake.Window = v.(time.Duration) },
	},
	{
		path: "brake.at_least", kind: kindInteger, least: 0, most: 100_000, standard: "5", example: "10",
		meaning: "So many suspensions pass in any case.",
		set:     func(s *Settings, v any) { s.Brake.AtLeast = v.(int) },
	},
	{
		path: "brake.percent", kind: kindInteger, least: 0, most: 100, standard: "5", example: "2",
		meaning: "So many pass of a hundred OneLogin users that are linked to a person and not suspended, where that is more than at_least.",
		set:     func(s *Settings, v any) { s.Brake.Percent = v.(int) },
	},
	{
		path: "create_custom_attributes", kind: kindBool, standard: "false", example: "true",
		meaning: "Define custom attributes in OneLogin that the mapping names and OneLogin lacks. Otherwise they are left out, and the result says so.",
		set:     func(s *Settings, v any) { s.CreateCustomAttributes = v.(bool) },
	},
}

// findKey returns the key of an entry. A name with a dot in it is none: it
// would be taken for a key of a section.
func findKey(e entry) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.path == e.path && k.name() == e.name })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

// below lists the names of the keys directly below a path; "" is the top.
func below(path string) []string {
	var names []string
	for _, k := range keys {
		if strings.TrimSuffix(strings.TrimSuffix(k.path, k.name()), ".") == path && !strings.HasPrefix(k.name(), "<") {
			names = append(names, k.name())
		}
	}
	return names
}

//go:embed zones.txt
var zoneList string

// zoneNames are the IANA zones of places, for suggestions alone: which zones
// there are is for the zone database to say.
var zoneNames = sync.OnceValue(func() []string { return strings.Fields(zoneList) })
