package bob

import (
	"fmt"
	"slices"
	"strings"

	"bob-onelogin/internal/employee"
)

// maxFields is what Bob documents for one request.
const maxFields = 400

// longestID leaves room beyond the 19 digits that ids have.
const longestID = 32

// IsEmployeeID tells whether s can be a Bob employee id: 1 to 32 decimal
// digits. Nothing else may become part of a URL's path or a workflow's ID.
func IsEmployeeID(s string) bool {
	if s == "" || len(s) > longestID {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// selection is a list of fields to ask for, and the way to each in the answer.
type selection struct {
	ids   []string
	paths [][]string
}

// newSelection keeps the order of fields, leaves out repetitions, and appends
// the id and the address, which every record needs.
func newSelection(op string, fields []string) (selection, error) {
	var s selection
	seen := make(map[string]bool, len(fields)+2)
	for _, id := range append(slices.Clone(fields), "root.id", "root.email") {
		if seen[id] {
			continue
		}
		seen[id] = true
		path := strings.Split(strings.TrimPrefix(id, "root."), ".")
		if slices.Contains(path, "") {
			return selection{}, &RequestError{Failure: Failure{Op: op}, Reason: "a field id is empty or malformed"}
		}
		s.ids = append(s.ids, id)
		s.paths = append(s.paths, path)
	}
	if len(s.ids) > maxFields {
		return selection{}, &RequestError{
			Failure: Failure{Op: op},
			Reason:  fmt.Sprintf("%d fields asked for, Bob answers at most %d", len(s.ids), maxFields),
		}
	}
	return s, nil
}

// record reads the selected fields out of one employee object, from its nested
// form alone: the flat keys beside it exist only where there is a value, and
// so cannot tell null from absent.
func (s selection) record(person map[string]any) (employee.Record, error) {
	id, _ := idText(person["id"])
	if !IsEmployeeID(id) {
		return employee.Record{}, shapeError("a person without a usable id")
	}
	labels, _ := person["humanReadable"].(map[string]any)
	r := employee.Record{ID: id, Fields: s.pick(person), Labels: s.pick(labels)}
	r.Fields["root.id"] = id
	return r, nil
}

func (s selection) pick(tree map[string]any) map[string]any {
	picked := make(map[string]any, len(s.ids))
	for i, path := range s.paths {
		if v, ok := lookup(tree, path); ok {
			picked[s.ids[i]] = v
		}
	}
	return picked
}

// lookup follows path. A category that is missing, null or no object says
// nothing about the fields below it, so they are absent and not null.
func lookup(tree map[string]any, path []string) (any, bool) {
	last := len(path) - 1
	for _, key := range path[:last] {
		tree, _ = tree[key].(map[string]any)
	}
	v, ok := tree[path[last]]
	return v, ok
}
