package main

import (
	"encoding/json"
	"time"

	"bob-onelogin/activities"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

// order is what a child of a bulk run is given, of the usual size.
func order() workflows.EmployeeSyncInput {
	now := time.Now()
	value := func(s string) *string { return &s }
	var user onelogin.User
	if err := json.Unmarshal([]byte(`{"id":60000042,"status":1,"state":1,"external_id":"3332883800004194332","email":"indigo.bamboo.5@example.com",
		"username":"indigo.bamboo.5@example.com","firstname":"Indigo","lastname":"Bamboo 5","phone":"+44 20 7946 0999","title":"Title of last year",
		"department":null,"manager_user_id":60000005,"custom_attributes":{"work_cell":"+44 7700 900004"}}`), &user); err != nil {
		panic(err) // the text above is a user
	}
	return workflows.EmployeeSyncInput{Bulk: &workflows.FromBulk{
		ReportTo: workflows.BulkWorkflowID, ManagerID: "3332883800000000000", ManagerUserID: 60000005,
		Order: &activities.BulkOrder{
			ReadAt: now, FreshUntil: now.Add(10 * time.Minute), Digest: "0123456789abcdef", SettingsVersion: "default",
			Decision: lifecycle.Decision{Phase: lifecycle.PhaseProvision, Standing: lifecycle.StandingActive, Reason: "Bob says active", Zone: "UTC", StartAt: now},
			Desired: mapping.Desired{
				Attributes: mapping.Attributes{
					"email": value("indigo.bamboo.5@example.com"), "username": value("indigo.bamboo.5@example.com"), "firstname": value("Indigo"),
					"lastname": value("Bamboo 5"), "phone": value("+44 20 7946 0004"), "title": value("Senior Kite Engineer"),
					"department": value("Kites"), "custom_attributes.work_cell": value("+44 7700 900004"),
				},
				Manager: mapping.Manager{EmployeeID: "3332883800000000000", Known: true},
			},
			Listed: activities.Listed{At: now, CheckedAt: now, User: &user},
			Last:   activities.LastSync{MemoryKnown: true}.WithSuspension(false),
		},
	}}
}
