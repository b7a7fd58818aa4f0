package bob

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bob-onelogin/dev/sim/people"
)

// item is one entry of a named list. Ids are text, but integers in lists of
// entities such as sites.
type item struct {
	id       any
	label    string
	children []item
}

// lists are the company's named lists by name.
type lists map[string][]item

func newLists() lists {
	all := lists{
		"title":                 items(people.Titles()),
		"department":            items(people.Departments()),
		"payrollEmploymentType": items(people.EmploymentTypes()),
		"costCentre":            items(people.CostCentres()),
		"status":                {{id: "Active", label: "Active"}, {id: "Inactive", label: "Inactive"}},
		"lifecycleStatus": {
			{id: "hired", label: "Hired"},
			{id: "employed", label: "Employed"},
			{id: "parental leave", label: "Parental leave"},
			{id: "garden leave", label: "Garden leave"},
			{id: "terminated", label: "Terminated"},
		},
	}
	for _, site := range people.Sites() {
		all["site"] = append(all["site"], item{id: site.ID, label: site.Name})
	}
	return all
}

func items(from []people.ListItem) []item {
	var to []item
	for _, i := range from {
		to = append(to, item{id: i.ID, label: i.Label, children: items(i.Children)})
	}
	return to
}

// labels maps the ids of a list, children included, to labels; nil for a list
// that the company does not have.
func (l lists) labels(list string) map[string]string {
	all, ok := l[list]
	if !ok {
		return nil
	}
	found := make(map[string]string, len(all))
	var walk func([]item)
	walk = func(level []item) {
		for _, i := range level {
			found[fmt.Sprint(i.id)] = i.label
			walk(i.children)
		}
	}
	walk(all)
	return found
}

// id finds the id for what somebody wrote into a list field: an id stays, a
// label becomes its id, anything else becomes a new item. A number that is no
// id stays as it is: an item that was deleted from the list.
func (l lists) id(list, text string) string {
	labels := l.labels(list)
	if _, known := labels[text]; known || labels == nil {
		return text
	}
	// Sorted, because two items may carry one label.
	for _, id := range slices.Sorted(maps.Keys(labels)) {
		if strings.EqualFold(labels[id], text) {
			return id
		}
	}
	if strings.Trim(text, "0123456789") == "" {
		return text
	}
	id := text
	if list == "title" || list == "department" {
		id = strconv.Itoa(300000001 + len(labels))
	}
	l[list] = append(l[list], item{id: id, label: text})
	return id
}

// render gives a list the shape of the API, items under key.
func render(name string, all []item, key string) map[string]any {
	return map[string]any{"name": name, key: renderItems(all)}
}

func renderItems(all []item) []any {
	rendered := []any{}
	for _, i := range all {
		rendered = append(rendered, map[string]any{
			"id": i.id, "value": i.label, "name": i.label, "archived": false, "children": renderItems(i.children),
		})
	}
	return rendered
}
