package people

import (
	"sync"
	"time"
	_ "time/tzdata" // the command has to know zones on machines without a zone database
)

// ListItem is one entry of a Bob named list. Departments have children, as Bob
// allows any list to.
type ListItem struct {
	ID       string
	Label    string
	Children []ListItem
}

// Site is a place of work. Bob gives a site no time zone; the stand-in needs one
// to decide when a start date begins there.
type Site struct {
	ID      int64
	Name    string
	Zone    string // IANA name
	Country string
	City    string
}

var titles = []ListItem{
	{ID: "209192101", Label: "Head Gardener"},
	{ID: "209192102", Label: "Senior Surfer"},
	{ID: "209192103", Label: "Surfer"},
	{ID: "209192104", Label: "Kite Engineer"},
	{ID: "209192105", Label: "Senior Kite Engineer"},
	{ID: "209192106", Label: "Lighthouse Keeper"},
	{ID: "209192107", Label: "Cloud Counter"},
	{ID: "209192108", Label: "Tea Taster"},
	{ID: "209192109", Label: "Map Folder"},
	{ID: "209192110", Label: "Bell Tuner"},
}

var departments = []ListItem{
	{ID: "255298301", Label: "Waves"},
	{ID: "255298302", Label: "Kites"},
	{ID: "255298303", Label: "Gardens", Children: []ListItem{
		{ID: "255298304", Label: "Ferns"},
		{ID: "255298305", Label: "Mosses"},
	}},
	{ID: "255298306", Label: "Lighthouses"},
	{ID: "255298307", Label: "Research & Development"},
}

var employmentTypes = []ListItem{
	{ID: "263410001", Label: "Permanent"},
	{ID: "263410002", Label: "Fixed term"},
	{ID: "263410003", Label: "Freelance"},
}

var costCentres = []ListItem{
	{ID: "271540101", Label: "CC-100 Harbour"},
	{ID: "271540102", Label: "CC-200 Gardens"},
	{ID: "271540103", Label: "CC-300 Skies"},
}

var sites = []Site{
	{ID: 2471901, Name: "London", Zone: "Europe/London", Country: "United Kingdom", City: "London"},
	{ID: 2471902, Name: "New York", Zone: "America/New_York", Country: "United States", City: "New York"},
	{ID: 2471903, Name: "Auckland", Zone: "Pacific/Auckland", Country: "New Zealand", City: "Auckland"},
	{ID: 2471904, Name: "Kiritimati", Zone: "Pacific/Kiritimati", Country: "Kiribati", City: "London Village"},
	{ID: 2471905, Name: "Tokyo", Zone: "Asia/Tokyo", Country: "Japan", City: "Tokyo"},
	{ID: 2471906, Name: "Kathmandu", Zone: "Asia/Kathmandu", Country: "Nepal", City: "Kathmandu"},
	{ID: 2471907, Name: "Honolulu", Zone: "Pacific/Honolulu", Country: "United States", City: "Honolulu"},
}

// Titles returns the items of Bob's list "title".
func Titles() []ListItem { return append([]ListItem(nil), titles...) }

// Departments returns the items of Bob's list "department", some of them nested.
func Departments() []ListItem { return append([]ListItem(nil), departments...) }

// EmploymentTypes returns the items of Bob's list "payrollEmploymentType".
func EmploymentTypes() []ListItem { return append([]ListItem(nil), employmentTypes...) }

// CostCentres returns the items of the company's own list "costCentre".
func CostCentres() []ListItem { return append([]ListItem(nil), costCentres...) }

// Sites returns the places of work.
func Sites() []Site { return append([]Site(nil), sites...) }

// Label finds the label of a list item's id, children included.
func Label(items []ListItem, id string) (string, bool) {
	for _, item := range items {
		if item.ID == id {
			return item.Label, true
		}
		if label, ok := Label(item.Children, id); ok {
			return label, true
		}
	}
	return "", false
}

var zones = sync.OnceValue(func() map[string]*time.Location {
	byName := make(map[string]*time.Location, len(sites))
	for _, site := range sites {
		loc, err := time.LoadLocation(site.Zone)
		if err != nil {
			panic("people: zone " + site.Zone + ": " + err.Error())
		}
		byName[site.Name] = loc
	}
	return byName
})

// Zone is the time zone of a site by its name; UTC for a site that is not ours.
func Zone(site string) *time.Location {
	if loc, ok := zones()[site]; ok {
		return loc
	}
	return time.UTC
}

// flat lists the ids of items and their children, for picking one by number.
func flat(items []ListItem) []string {
	var ids []string
	for _, item := range items {
		ids = append(ids, item.ID)
		ids = append(ids, flat(item.Children)...)
	}
	return ids
}

var (
	titleIDs      = flat(titles)
	departmentIDs = flat(departments)
	costCentreIDs = flat(costCentres)
)
