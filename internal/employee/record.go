// Package employee is the domain's picture of a person in Bob: what a read of
// Bob said about the fields that were asked for.
//
// It sits in the middle of the program: the Bob client produces it, lifecycle
// and mapping decide from it, and it travels through Temporal as a payload. It
// knows neither HTTP nor Temporal and imports nothing of this project.
package employee

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Presence tells apart the three things that a read of Bob can say of a field.
// The difference is load-bearing: Absent must never clear a value or suspend a
// person, because Bob silently leaves out fields that the service user may not
// see.
type Presence int

const (
	// Absent: the answer does not have the field at all.
	Absent Presence = iota
	// Null: Bob says that the field is empty.
	Null
	// Present: Bob gave a value.
	Present
)

// String names the presence for messages and tests.
func (p Presence) String() string {
	switch p {
	case Null:
		return "null"
	case Present:
		return "present"
	default:
		return "absent"
	}
}

// Record is one person as Bob described it in one read. Keys are Bob's field
// ids ("root.email", "work.title"); only fields that were asked for and
// answered appear.
type Record struct {
	// ID is Bob's employee id: decimal, about 19 digits, always text because
	// it does not fit in a float64.
	ID string `json:"id"`
	// Fields holds machine values: string, json.Number, bool, map[string]any,
	// []any, or nil where Bob said null.
	Fields map[string]any `json:"fields,omitempty"`
	// Labels holds the human-readable form of those fields that have one,
	// such as the label of a list item.
	Labels map[string]any `json:"labels,omitempty"`
}

// UnmarshalJSON keeps numbers as written, so that an employee number of many
// digits survives the trip through a payload.
func (r *Record) UnmarshalJSON(b []byte) error {
	type plain Record
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec.Decode((*plain)(r))
}

// Get returns the machine value of a field and whether Bob answered it.
func (r Record) Get(fieldID string) (any, Presence) {
	return lookup(r.Fields, fieldID)
}

// Label returns the human-readable form of a field and whether Bob gave one.
func (r Record) Label(fieldID string) (any, Presence) {
	return lookup(r.Labels, fieldID)
}

// Text returns a field as text, trimmed of surrounding space. Numbers and
// booleans are written as Bob wrote them. A blank text counts as Null, because
// Bob's forms leave "" where a value was removed. A list or an object has no
// text and is reported as an error naming the field, never the value.
func (r Record) Text(fieldID string) (string, Presence, error) {
	v, p := r.Get(fieldID)
	return text(fieldID, v, p)
}

// LabelText is Text for the human-readable form.
func (r Record) LabelText(fieldID string) (string, Presence, error) {
	v, p := r.Label(fieldID)
	return text(fieldID, v, p)
}

// Reference returns the id inside a reference such as work.reportsTo, which
// Bob writes as an object with an "id", or as the bare id.
func (r Record) Reference(fieldID string) (string, Presence, error) {
	v, p := r.Get(fieldID)
	if p != Present {
		return "", p, nil
	}
	if obj, ok := v.(map[string]any); ok {
		id, known := lookup(obj, "id")
		if known != Present {
			return "", Absent, nil
		}
		// An object that names nobody is not the same as no object.
		name, presence, err := text(fieldID, id, Present)
		if presence == Null {
			presence = Absent
		}
		return name, presence, err
	}
	return text(fieldID, v, p)
}

func lookup(m map[string]any, key string) (any, Presence) {
	v, ok := m[key]
	switch {
	case !ok:
		return nil, Absent
	case v == nil:
		return nil, Null
	default:
		return v, Present
	}
}

func text(fieldID string, v any, p Presence) (string, Presence, error) {
	if p != Present {
		return "", p, nil
	}
	var s string
	switch v := v.(type) {
	case string:
		s = strings.TrimSpace(v)
	case json.Number:
		s = v.String()
	case bool:
		s = fmt.Sprint(v)
	case float64:
		// Only values built by hand in Go are float64; decoded ones are
		// json.Number.
		b, err := json.Marshal(v)
		if err != nil {
			return "", Absent, fmt.Errorf("field %s: %w", fieldID, err)
		}
		s = string(b)
	default:
		return "", Absent, fmt.Errorf("field %s holds a list or an object, not a single value", fieldID)
	}
	if s == "" {
		return "", Null, nil
	}
	return s, Present, nil
}
