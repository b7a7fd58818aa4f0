package bob

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const companyID = 636192

// mode is the value of humanReadable.
type mode string

const (
	machine mode = ""
	both    mode = "APPEND"
	human   mode = "REPLACE"
)

// plan is a read's fields worked out once, to be applied to each person: what
// makes a read of everybody quick. It holds no lock and shares nothing that
// changes.
type plan struct {
	mode    mode
	columns []column
	nested  []*node
	find    func(id string) record
}

// column is one field asked for.
type column struct {
	field
	path   []string
	flat   []byte            // `"/work/title":{"value":`
	labels map[string]string // of a list field, nil when the list is not known
	hide   bool              // no label, by setting
}

// node is one key of the nested form: a field, or a category of them.
type node struct {
	name   string
	key    []byte // `"work":`
	column int    // -1 for a category
	kids   []*node
}

// plan drops fields that do not exist or may not be seen, as Bob does: without
// a word. No fields at all means the basic ones.
func (s *Server) plan(fields []string, m mode) *plan {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(fields) == 0 {
		for _, f := range standardFields {
			if f.category == "root" {
				fields = append(fields, f.id)
			}
		}
	}
	p := &plan{mode: m, find: s.find}
	seen := map[string]bool{}
	for _, id := range fields {
		f, ok := standard(id)
		if !ok && s.staff.defined[id] {
			f, ok = undescribed(id), true
		}
		if !ok || seen[id] || slices.Contains(s.settings.HiddenFields, id) || slices.Contains(s.settings.HiddenFields, f.category) {
			continue
		}
		seen[id] = true
		c := column{
			field: f,
			path:  strings.Split(f.jsonPath(), "."),
			flat:  append(appendText(nil, "/"+strings.ReplaceAll(id, ".", "/")), `:{"value":`...),
			hide:  s.settings.HideLabels && f.isList(),
		}
		if f.isList() {
			c.labels = s.lists.labels(f.list)
		}
		p.columns = append(p.columns, c)
		p.nested = grow(p.nested, c.path, len(p.columns)-1)
	}
	return p
}

// grow adds a path to the tree of keys.
func grow(level []*node, path []string, column int) []*node {
	i := slices.IndexFunc(level, func(n *node) bool { return n.name == path[0] })
	if i < 0 {
		i = len(level)
		level = append(level, &node{name: path[0], key: append(appendText(nil, path[0]), ':'), column: -1})
	}
	if len(path) == 1 {
		level[i].column = column
	} else {
		level[i].kids = grow(level[i].kids, path[1:], column)
	}
	return level
}

// render appends one person as Bob answers it.
func (p *plan) render(buf []byte, r record) []byte {
	values := make([]any, len(p.columns))
	readable := make([]any, len(p.columns))
	for i, c := range p.columns {
		values[i] = p.value(c, r)
		if p.mode == machine || values[i] == nil {
			continue
		}
		readable[i] = p.readable(c, values[i])
		if p.mode == human && readable[i] != nil {
			values[i] = readable[i]
		}
	}

	buf = append(buf, '{')
	for i, c := range p.columns {
		if values[i] != nil {
			buf = append(buf, c.flat...)
			buf = appendValue(buf, values[i])
			buf = append(buf, '}', ',')
		}
	}
	buf = appendTree(buf, p.nested, values, false)
	if p.mode == both {
		buf = append(buf, `"humanReadable":{`...)
		buf = endObject(appendTree(buf, p.nested, readable, true))
		buf = append(buf, ',')
	}
	return endObject(buf)
}

// appendTree appends the keys of a level, each with a comma behind it. Empty
// fields are null in the nested form; the human-readable one leaves them out.
func appendTree(buf []byte, level []*node, values []any, skipEmpty bool) []byte {
	for _, n := range level {
		switch {
		case skipEmpty && !n.filled(values):
		case n.column >= 0:
			buf = append(buf, n.key...)
			buf = append(appendValue(buf, values[n.column]), ',')
		default:
			buf = append(append(buf, n.key...), '{')
			buf = append(endObject(appendTree(buf, n.kids, values, skipEmpty)), ',')
		}
	}
	return buf
}

func (n *node) filled(values []any) bool {
	if n.column >= 0 {
		return values[n.column] != nil
	}
	return slices.ContainsFunc(n.kids, func(kid *node) bool { return kid.filled(values) })
}

// endObject ends an object, in the place of the last comma if there is one.
func endObject(buf []byte) []byte {
	if buf[len(buf)-1] == ',' {
		buf[len(buf)-1] = '}'
		return buf
	}
	return append(buf, '}')
}

// value is the machine form of a field, nil when empty.
func (p *plan) value(c column, r record) any {
	switch c.id {
	case "root.companyId":
		return int64(companyID)
	case "root.fullName":
		return r["displayName"]
	case "work.reportsTo", "work.reportsTo.email", "work.reportsToIdInCompany", "work.manager":
		return p.manager(c.id, r)
	}
	var v any = r
	for _, key := range c.path {
		level, ok := v.(record)
		if !ok {
			return nil
		}
		v = level[key]
	}
	return v
}

// manager shows the stored id of the manager in the form of the field. A manager
// who is not in Bob any more is no manager.
func (p *plan) manager(fieldID string, r record) any {
	id, _ := section(r, "work")["reportsTo"].(string)
	if id == "" {
		return nil
	}
	m := p.find(id)
	if m == nil {
		return nil
	}
	switch fieldID {
	case "work.reportsTo":
		return reference(m)
	case "work.reportsTo.email":
		return m["email"]
	case "work.reportsToIdInCompany":
		return section(m, "work")["employeeIdInCompany"]
	default:
		return id
	}
}

// readable is the human form of a value that is not empty, nil when there is
// none. That numbers become text and people their names is a guess: the
// documentation does not say.
func (p *plan) readable(c column, value any) any {
	switch {
	case c.hide:
		return nil
	case c.labels != nil:
		if label, ok := c.labels[fmt.Sprint(value)]; ok {
			return label
		}
		return nil
	}
	switch c.kind {
	case "date":
		if day, err := time.Parse(time.DateOnly, fmt.Sprint(value)); err == nil {
			return day.Format("02/01/2006")
		}
		return value
	case "number":
		return fmt.Sprint(value)
	case "employee":
		return value.(record)["displayName"]
	case "employee-reference":
		if id, ok := value.(string); ok && c.id != "root.id" {
			if m := p.find(id); m != nil {
				return m["displayName"]
			}
		}
	}
	return value
}

// appendValue is json.Marshal for what records are made of, without a copy for
// each value.
func appendValue(buf []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(buf, "null"...)
	case string:
		return appendText(buf, v)
	case int64:
		return strconv.AppendInt(buf, v, 10)
	case bool:
		return strconv.AppendBool(buf, v)
	default:
		encoded, err := json.Marshal(v)
		if err != nil {
			panic("bob: a stored value is not JSON: " + err.Error())
		}
		return append(buf, encoded...)
	}
}

func appendText(buf []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			encoded, err := json.Marshal(text)
			if err != nil {
				panic("bob: text is not JSON: " + err.Error())
			}
			return append(buf, encoded...)
		}
	}
	buf = append(buf, '"')
	buf = append(buf, text...)
	return append(buf, '"')
}
