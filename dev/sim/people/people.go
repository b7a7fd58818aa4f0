package people

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Link says what OneLogin knows of a person before anything has been synced.
type Link string

const (
	Absent    Link = "absent"     // no OneLogin user
	Linked    Link = "linked"     // linked by external_id, and equal but for a leaver's status
	Unlinked  Link = "unlinked"   // same address, no external_id
	Drifted   Link = "drifted"    // linked, attributes differ
	OtherCase Link = "other_case" // same address in another case, no external_id
	Suspended Link = "suspended"  // linked and equal, status 2
)

// Person is one sample employee.
type Person struct {
	// ID is Bob's id: 19 digits, the same for the same index whatever the size.
	ID string
	// Situation names what is special about this person, for tables and logs.
	Situation string
	// Record is what Bob stores: root fields on top, categories as maps, list
	// fields as ids, dates as YYYY-MM-DD text, work.reportsTo as the manager's
	// id, and nil for a field without a value.
	Record map[string]any
	// Link says whether and how OneLogin knows the person.
	Link Link
	// User holds OneLogin's attributes, nil for Absent. It has no
	// manager_user_id: those ids are OneLogin's to give.
	User map[string]any
	// ManagerID is the manager's Bob id, empty for the first person.
	ManagerID string
}

// situation is one way of being an employee. Days count from today.
type situation struct {
	name      string
	start     int    // first day
	lifecycle string // Bob's internal.lifecycleStatus
	inactive  bool   // Bob's internal.status
	ends      int    // internal.terminationDate, 0 for none
	lastDay   int    // employee.lastDayOfWork, 0 for none
	site      string // empty: the next in turn
	abroad    bool   // names outside Latin script
	noEmail   bool
	noPhones  bool
	noTitle   bool
	noSite    bool
	link      Link
}

// situations repeat every len(situations) people, so that 25 people already
// show every one of them.
var situations = []situation{
	{name: "settled", start: -1900, lifecycle: "employed", link: Linked},
	{name: "settled", start: -1200, lifecycle: "employed", link: Linked},
	{name: "settled", start: -900, lifecycle: "employed", link: Linked},
	{name: "not linked yet", start: -800, lifecycle: "employed", link: Unlinked},
	{name: "drifted", start: -700, lifecycle: "employed", link: Drifted},
	{name: "not in OneLogin", start: -650, lifecycle: "employed", link: Absent},
	{name: "address in other case", start: -600, lifecycle: "employed", link: OtherCase},
	{name: "no title, no phones", start: -550, lifecycle: "employed", noTitle: true, noPhones: true, link: Linked},
	{name: "future hire", start: 14, lifecycle: "hired", inactive: true, site: "Auckland", link: Absent},
	{name: "starts today", start: 0, lifecycle: "employed", link: Absent},
	{name: "left, suspended", start: -500, lifecycle: "terminated", inactive: true, ends: -30, lastDay: -30, link: Suspended},
	{name: "left, still has access", start: -450, lifecycle: "terminated", inactive: true, ends: -2, lastDay: -2, link: Linked},
	{name: "leaves soon", start: -430, lifecycle: "employed", ends: 21, lastDay: 14, link: Linked},
	{name: "non-Latin name", start: -420, lifecycle: "employed", abroad: true, link: Linked},
	{name: "garden leave", start: -410, lifecycle: "garden leave", ends: 30, lastDay: 30, link: Linked},
	{name: "suspended though employed", start: -400, lifecycle: "employed", link: Suspended},
	{name: "left, never in OneLogin", start: -390, lifecycle: "terminated", inactive: true, ends: -60, lastDay: -75, link: Absent},
	{name: "future hire far east", start: 2, lifecycle: "hired", inactive: true, site: "Kiritimati", link: Absent},
	{name: "non-Latin name, not in OneLogin", start: -370, lifecycle: "employed", abroad: true, link: Absent},
	{name: "drifted, no phones", start: -360, lifecycle: "employed", noPhones: true, link: Drifted},
	{name: "future hire without address", start: 60, lifecycle: "hired", inactive: true, noEmail: true, noTitle: true, link: Absent},
	{name: "on leave", start: -340, lifecycle: "parental leave", link: Linked},
	{name: "no site", start: -330, lifecycle: "employed", noSite: true, link: Linked},
	{name: "not linked yet", start: -320, lifecycle: "employed", link: Unlinked},
	{name: "not in OneLogin", start: -310, lifecycle: "employed", link: Absent},
}

// settled says whether the people of a situation can be managers: they are at
// work, and go on being there.
func (s situation) settled() bool {
	return s.lifecycle == "employed" && s.ends == 0 && s.start < 0
}

// ahead says whether a date lies ahead of the people of a situation.
func (s situation) ahead() bool { return s.start > 0 || s.ends > 0 }

var (
	colours = []string{"Amber", "Azure", "Coral", "Crimson", "Indigo", "Ivory", "Jade", "Magenta", "Olive", "Scarlet", "Teal", "Violet"}
	plants  = []string{"Fern", "Bracken", "Clover", "Thistle", "Bamboo", "Juniper", "Sorrel", "Yarrow", "Tansy", "Sedge", "Larch", "Mallow", "Teasel"}
	abroad  = [][2]string{
		{"青", "見本"},
		{"Синий", "Образец"},
		{"أزرق", "عينة"},
		{"Γαλάζιο", "Δείγμα"},
		{"푸른", "견본"},
		{"Grün", "Müsterchen-Ærø"},
	}
)

// CostCentreField is the company's own field below work.custom; its values are
// ids of the list "costCentre".
const CostCentreField = "field_1700000000001"

// reports is how many people the first levels of the tree report to each manager.
const reports = 6

// ID is the Bob id of the person at index i, counted from 0.
func ID(i int) string {
	return strconv.FormatInt(3332883800000000000+int64(i)*1048583, 10)
}

// Generate returns n people. They depend on their index and on today's date (in
// today's location) alone: a larger n appends people and changes none. The first
// has no manager; everybody else's manager comes before them.
func Generate(n int, today time.Time) []Person {
	staff := make([]Person, 0, max(n, 0))
	for i := range n {
		staff = append(staff, person(i, today))
	}
	return staff
}

// AtRest returns the first n people of Generate who wait for no date: those
// without a start or a leave ahead.
func AtRest(n int, today time.Time) []Person {
	staff := make([]Person, 0, max(n, 0))
	for i := 0; len(staff) < n; i++ {
		if !situations[i%len(situations)].ahead() {
			staff = append(staff, person(i, today))
		}
	}
	return staff
}

func person(i int, today time.Time) Person {
	s := situations[i%len(situations)]
	first, last := name(i, s)
	p := Person{ID: ID(i), Situation: s.name, Link: s.link}
	if m := manager(i); m >= 0 {
		p.ManagerID = ID(m)
	}

	p.Record = map[string]any{
		"id":          p.ID,
		"email":       unless(s.noEmail, address(i, s)),
		"firstName":   first,
		"surname":     last,
		"displayName": first + " " + last,
		"work": map[string]any{
			"title":               unless(s.noTitle, titleIDs[i%len(titleIDs)]),
			"department":          departmentIDs[i/3%len(departmentIDs)],
			"workPhone":           unless(s.noPhones, fmt.Sprintf("+44 20 7946 0%03d", i%1000)),
			"workMobile":          unless(s.noPhones, fmt.Sprintf("+44 7700 900%03d", i%1000)),
			"startDate":           date(today, s.start),
			"originalStartDate":   date(today, s.start),
			"site":                nil,
			"siteId":              nil,
			"reportsTo":           unless(p.ManagerID == "", p.ManagerID),
			"employeeIdInCompany": int64(i + 1),
			"custom":              map[string]any{CostCentreField: unless(s.noTitle, costCentreIDs[i%len(costCentreIDs)])},
		},
		"payroll": map[string]any{"employment": map[string]any{"type": employmentTypes[i%7/6].ID}}, // one in seven is not permanent
		"internal": map[string]any{
			"status":          pick(s.inactive, "Inactive", "Active"),
			"lifecycleStatus": s.lifecycle,
			"terminationDate": unless(s.ends == 0, date(today, s.ends)),
		},
		"employee": map[string]any{
			"lastDayOfWork": unless(s.lastDay == 0, date(today, s.lastDay)),
		},
		"address": map[string]any{"siteCountry": nil, "siteCity": nil},
	}
	if !s.noSite {
		p.setSite(place(i, s))
	}
	p.User = p.account(s)
	return p
}

func (p Person) setSite(site Site) {
	work, addr := p.Record["work"].(map[string]any), p.Record["address"].(map[string]any)
	work["site"], work["siteId"] = site.Name, site.ID
	addr["siteCountry"], addr["siteCity"] = site.Country, site.City
}

// Synced is the OneLogin user that Bob's default mapping asks for: names,
// e-mail as username, phone, Work Cell, title and department by label,
// external_id. Without manager_user_id, which needs OneLogin's own ids. The
// status is 1, or 2 for somebody whom Bob calls inactive.
func (p Person) Synced() map[string]any {
	work := p.Record["work"].(map[string]any)
	status := int64(1)
	if p.Record["internal"].(map[string]any)["status"] == "Inactive" {
		status = 2
	}
	return map[string]any{
		"email":             p.Record["email"],
		"username":          p.Record["email"],
		"firstname":         p.Record["firstName"],
		"lastname":          p.Record["surname"],
		"phone":             work["workPhone"],
		"title":             labelled(titles, work["title"]),
		"department":        labelled(departments, work["department"]),
		"external_id":       p.ID,
		"status":            status,
		"state":             int64(1),
		"custom_attributes": map[string]any{"work_cell": work["workMobile"]},
	}
}

// Due says whether OneLogin should have the person: somebody with an address who
// has started, and who, having left, was there before.
func (p Person) Due() bool {
	lifecycle := p.Record["internal"].(map[string]any)["lifecycleStatus"]
	switch {
	case p.Record["email"] == nil, lifecycle == "hired":
		return false
	case lifecycle == "terminated":
		return p.Link != Absent
	default:
		return true
	}
}

// account is what OneLogin holds for the person at first.
func (p Person) account(s situation) map[string]any {
	if s.link == Absent {
		return nil
	}
	user := maps.Clone(p.Synced())
	user["status"] = int64(1)
	switch s.link {
	case Unlinked:
		user["external_id"] = nil
		user["title"] = nil
		user["custom_attributes"] = map[string]any{"work_cell": nil}
	case OtherCase:
		email := user["email"].(string)
		user["external_id"] = nil
		user["email"] = strings.ToUpper(email[:1]) + email[1:]
		user["username"] = strings.ToUpper(email)
	case Drifted:
		user["title"] = "Title of last year"
		user["phone"] = "+44 20 7946 0999"
		user["department"] = nil
	case Suspended:
		user["status"] = int64(2)
	}
	return user
}

// manager is the index of i's manager, -1 for the first person: the parent in a
// tree, or the nearest one above who is settled at work.
func manager(i int) int {
	if i == 0 {
		return -1
	}
	m := (i - 1) / reports
	for m > 0 && !situations[m%len(situations)].settled() {
		m = (m - 1) / reports
	}
	return m
}

func name(i int, s situation) (first, last string) {
	if s.abroad {
		pair := abroad[(i/len(situations)*2+i%2)%len(abroad)]
		return pair[0], fmt.Sprintf("%s %d", pair[1], i+1)
	}
	return colours[i%len(colours)], fmt.Sprintf("%s %d", plants[i%len(plants)], i+1)
}

func address(i int, s situation) string {
	if s.abroad {
		return fmt.Sprintf("sample.%d@example.com", i+1)
	}
	return fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(colours[i%len(colours)]), strings.ToLower(plants[i%len(plants)]), i+1)
}

func place(i int, s situation) Site {
	for _, site := range sites {
		if site.Name == s.site {
			return site
		}
	}
	return sites[i%len(sites)]
}

func labelled(items []ListItem, id any) any {
	text, ok := id.(string)
	if !ok {
		return nil
	}
	label, _ := Label(items, text)
	return label
}

func date(today time.Time, days int) string {
	return today.AddDate(0, 0, days).Format(time.DateOnly)
}

func unless(missing bool, value string) any {
	if missing {
		return nil
	}
	return value
}

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
