package employee_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/internal/employee"
)

func TestRecordSurvivesAPayload(t *testing.T) {
	want := employee.Record{
		ID: "3980342332732998349",
		Fields: map[string]any{
			"root.email":               nil,
			"work.employeeIdInCompany": json.Number("12345678901234567890"),
			"work.isManager":           true,
			"work.reportsTo":           map[string]any{"id": json.Number("3980342332732990001")},
			"work.tags":                []any{"a", json.Number("1.50")},
		},
		Labels: map[string]any{"work.title": "Surfer"},
	}
	payload, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got employee.Record
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if _, p := got.Get("root.email"); p != employee.Null {
		t.Errorf("null came back as %s", p)
	}
	if _, p := got.Get("root.surname"); p != employee.Absent {
		t.Errorf("absent came back as %s", p)
	}
}

func TestText(t *testing.T) {
	const field = "work.site"
	tests := map[string]struct {
		fields   map[string]any
		want     string
		presence employee.Presence
		fails    bool
	}{
		"no fields":           {nil, "", employee.Absent, false},
		"absent":              {map[string]any{"work.siteId": "7"}, "", employee.Absent, false},
		"null":                {map[string]any{field: nil}, "", employee.Null, false},
		"blank":               {map[string]any{field: " \t"}, "", employee.Null, false},
		"text":                {map[string]any{field: " Harbour "}, "Harbour", employee.Present, false},
		"number as written":   {map[string]any{field: json.Number("1.50")}, "1.50", employee.Present, false},
		"number made by hand": {map[string]any{field: 7.0}, "7", employee.Present, false},
		"boolean":             {map[string]any{field: false}, "false", employee.Present, false},
		"list":                {map[string]any{field: []any{"Harbour"}}, "", employee.Absent, true},
		"object":              {map[string]any{field: map[string]any{"name": "Harbour"}}, "", employee.Absent, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			record := employee.Record{Fields: tt.fields, Labels: tt.fields}
			for form, read := range map[string]func(string) (string, employee.Presence, error){
				"value": record.Text, "label": record.LabelText,
			} {
				got, p, err := read(field)
				if got != tt.want || p != tt.presence || (err != nil) != tt.fails {
					t.Errorf("%s = %q, %s, %v; want %q, %s", form, got, p, err, tt.want, tt.presence)
				}
				if err != nil && (!strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "Harbour")) {
					t.Errorf("%s: error names no field, or quotes its value: %v", form, err)
				}
			}
		})
	}
}

func TestReference(t *testing.T) {
	tests := map[string]struct {
		fields   map[string]any
		want     string
		presence employee.Presence
	}{
		"absent":               {map[string]any{}, "", employee.Absent},
		"nobody":               {map[string]any{"work.reportsTo": nil}, "", employee.Null},
		"object":               {map[string]any{"work.reportsTo": map[string]any{"id": "42"}}, "42", employee.Present},
		"object, id in digits": {map[string]any{"work.reportsTo": map[string]any{"id": json.Number("42")}}, "42", employee.Present},
		"object without an id": {map[string]any{"work.reportsTo": map[string]any{"email": "a@example.com"}}, "", employee.Absent},
		"object, id of null":   {map[string]any{"work.reportsTo": map[string]any{"id": nil}}, "", employee.Absent},
		"bare id":              {map[string]any{"work.reportsTo": "42"}, "42", employee.Present},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, p, err := employee.Record{Fields: tt.fields}.Reference("work.reportsTo")
			if err != nil || got != tt.want || p != tt.presence {
				t.Errorf("reference = %q, %s, %v; want %q, %s", got, p, err, tt.want, tt.presence)
			}
		})
	}
}
