package activities

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// rows keeps many objects with the same few sets of fields in little memory:
// the names of the fields once, and of each object the values alone, encoded.
// A hundred thousand people are read, and all are kept while they are compared.
type rows struct {
	// shapes are the sets of names, sorted; shape is each object's.
	shapes  [][]string
	byNames map[string]int
	shape   []int32
	values  []json.RawMessage
}

func (r *rows) len() int { return len(r.values) }

// add keeps an object, as it is in JSON.
func (r *rows) add(object map[string]any) error {
	shape := r.shapeOf(object)
	values := make([]any, len(r.shapes[shape]))
	for i, name := range r.shapes[shape] {
		values[i] = object[name]
	}
	encoded, err := json.Marshal(values)
	if err != nil {
		return err
	}
	r.shape, r.values = append(r.shape, int32(shape)), append(r.values, encoded)
	return nil
}

// shapeOf finds the place of an object's names among the shapes.
func (r *rows) shapeOf(object map[string]any) int {
	names := slices.Sorted(maps.Keys(object))
	key := strings.Join(names, "\x00")
	shape, known := r.byNames[key]
	if !known {
		if r.byNames == nil {
			r.byNames = map[string]int{}
		}
		shape = len(r.shapes)
		r.byNames[key], r.shapes = shape, append(r.shapes, names)
	}
	return shape
}

// at returns the object that was added as the nth, counted from 0, with numbers
// as they were written.
func (r *rows) at(n int) (map[string]any, error) {
	names := r.shapes[r.shape[n]]
	values := make([]any, 0, len(names))
	dec := json.NewDecoder(bytes.NewReader(r.values[n]))
	dec.UseNumber()
	if err := dec.Decode(&values); err != nil {
		return nil, err
	}
	object := make(map[string]any, len(names))
	for i, name := range names {
		object[name] = values[i]
	}
	return object, nil
}
