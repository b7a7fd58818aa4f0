package main

import (
	"fmt"
	"slices"
	"strings"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// nobodysID is the Bob id of the person whom nobody has.
const nobodysID = "3332883800000000000"

// sampleValues are what Bob would say of a made-up person, by field id.
var sampleValues = map[string]any{
	mapping.FieldID:                nobodysID,
	mapping.FieldEmail:             "juniper.sample@example.com",
	"root.firstName":               "Juniper",
	"root.surname":                 "Sample",
	"root.displayName":             "Juniper Sample",
	"work.title":                   "Gardener",
	mapping.FieldDepartment:        "Parks",
	"work.workPhone":               "+44 20 7946 0001",
	"work.workMobile":              "+44 7700 900001",
	"work.employeeIdInCompany":     "1042",
	mapping.FieldReportsTo:         map[string]any{"id": "3332883800000000001"},
	lifecycle.FieldStartDate:       "2020-01-06",
	lifecycle.FieldSite:            "London",
	lifecycle.FieldStatus:          "Active",
	lifecycle.FieldLifecycleStatus: "employed",
	lifecycle.FieldTerminationDate: nil,
	lifecycle.FieldLastDayOfWork:   nil,
	mapping.FieldEmploymentType:    "Permanent",
	"address.siteCountry":          "United Kingdom",
	"address.siteCity":             "London",
}

// sampleRecord makes a person who has a value in every field that the settings
// ask for, but for those that are set otherwise or absent.
func sampleRecord(settings mapping.Settings, set, absent []string) (employee.Record, error) {
	asked := settings.BobFields()
	values := map[string]any{}
	for _, field := range asked {
		value, known := sampleValues[field]
		if !known {
			value = "<" + field + ">"
		}
		values[field] = value
	}
	for _, s := range set {
		field, value, ok := strings.Cut(s, "=")
		if !ok || field == "" {
			return employee.Record{}, fmt.Errorf("--set %q: write it as work.title=Gardener", s)
		}
		if !slices.Contains(asked, field) {
			return employee.Record{}, notAsked("--set", field, asked)
		}
		values[field] = value
		if value == "" {
			values[field] = nil
		}
	}
	for _, field := range absent {
		if !slices.Contains(asked, field) {
			return employee.Record{}, notAsked("--absent", field, asked)
		}
		delete(values, field)
	}
	r := employee.Record{ID: nobodysID, Fields: values, Labels: map[string]any{}}
	for field := range settings.ListFields() {
		if v := values[field]; v != nil {
			r.Labels[field] = v
		}
	}
	return r, nil
}

func notAsked(flag, field string, asked []string) error {
	return fmt.Errorf("%s: the settings ask Bob for no field %s; they ask for %s", flag, field, strings.Join(asked, ", "))
}
