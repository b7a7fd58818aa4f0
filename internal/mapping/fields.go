package mapping

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"bob-onelogin/internal/lifecycle"
)

// Bob fields that the program itself treats specially.
const (
	FieldID         = "root.id"
	FieldEmail      = "root.email"
	FieldReportsTo  = "work.reportsTo"
	FieldDepartment = "work.department"
	// FieldEmploymentType is what scope.employment_types holds people against
	// unless it names another field.
	FieldEmploymentType = "payroll.employment.type"
)

// Field is one field of people as Bob lists it.
type Field struct {
	// ID is what reads ask for, such as "work.title".
	ID string
	// Name is what Bob's pages show.
	Name string
	// Type is Bob's, such as "text" or "list".
	Type string
	// ListID names the list that values of a list type come from.
	ListID string
}

// list returns the name of the list that the field's values are items of.
func (f Field) list() (string, bool) {
	switch f.Type {
	case "list", "list_id", "hierarchy-list", "hierarchy_list":
	default:
		return "", false
	}
	// The lifecycle's own words, such as garden leave, are items of lists too.
	// They are used as Bob writes them, here as in lifecycle.
	if slices.Contains(lifecycle.Fields(), f.ID) {
		return "", false
	}
	if f.ListID == "" {
		return f.ID, true
	}
	return f.ListID, true
}

// ListFields names, for each Bob field whose value is the id of a list item,
// the list that holds its label. What belongs into OneLogin is the label. The
// name is empty where Bob's list of fields could not be read and it is not
// known whether the field is one.
type ListFields map[string]string

// DefaultListFields are the list fields among those that every tenant has; the
// list names are Bob's and case-sensitive.
func DefaultListFields() ListFields { return maps.Clone(standardLists()) }

var standardLists = sync.OnceValue(func() ListFields {
	lists := ListFields{}
	for id, list := range standardFields {
		if list != "" {
			lists[id] = list
		}
	}
	return lists
})

// listFields tells the list fields among those that the settings ask for: by
// Bob's own list of fields where it is known, else by the standard ones.
func listFields(asked []string, known map[string]Field) ListFields {
	lists := DefaultListFields()
	for _, id := range asked {
		f, listed := known[id]
		_, standard := standardFields[id]
		switch list, isList := f.list(); {
		case isList:
			lists[id] = list
		case listed:
			delete(lists, id)
		case !standard:
			lists[id] = ""
		}
	}
	return lists
}

// fieldIDs lists the ids that a word may be held against.
func fieldIDs(known map[string]Field) []string {
	var ids []string
	if known == nil {
		for id := range standardFields {
			ids = append(ids, id)
		}
	}
	for id := range known {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// suggestField ends a sentence about a field that is not known: by its id, by
// the last part of it alone, or by the name that Bob's pages show.
func suggestField(word string, known map[string]Field) string {
	ids := fieldIDs(known)
	last := simplified(word[strings.LastIndexByte(word, '.')+1:])
	for _, id := range ids {
		if simplified(id[strings.LastIndexByte(id, '.')+1:]) == last && last != "" {
			return "; did you mean " + id + "?"
		}
	}
	for _, id := range ids {
		if name := known[id].Name; simplified(name) == last && last != "" {
			return "; did you mean " + id + " (" + name + ")?"
		}
	}
	return didYouMean(word, ids)
}

// standardFields are the fields that every tenant has and that a mapping may
// want, with the list that a list field's values come from.
var standardFields = map[string]string{
	"root.id": "", "root.email": "", "root.firstName": "", "root.surname": "", "root.fullName": "",
	"root.displayName": "", "root.secondName": "", "root.creationDate": "", "root.companyId": "",
	"personal.honorific": "honorific", "personal.pronouns": "pronouns",
	"home.privateEmail": "", "home.privatePhone": "", "home.mobilePhone": "",
	"work.employeeIdInCompany": "", "work.title": "title", "work.department": "department",
	"work.startDate": "", "work.originalStartDate": "", "work.site": "", "work.siteId": "site",
	"work.workChangeType": "workChangeType", "work.isManager": "",
	"work.reportsTo": "", "work.reportsTo.email": "", "work.reportsToIdInCompany": "",
	"work.manager": "", "work.secondLevelManager": "",
	"work.workMobile": "", "work.workPhone": "",
	"personal.communication.slackUsername": "", "personal.communication.skypeUsername": "",
	"employee.buddy": "", "employee.hrbp": "", "employee.itAdmin": "", "employee.orgLevel": "orgLevels",
	"employee.firstDayOfWork": "", "employee.lastDayOfWork": "",
	"employee.employerId": "employer_entity_list", "employee.workLocationId": "workLocation_entity_list",
	"employee.jobProfileCode": "", "employee.jobProfileTitle": "",
	"employee.jobRoleId": "jobRole_entity_list", "employee.jobFamilyId": "jobFamily_entity_list",
	"address.city": "", "address.country": "countries", "address.siteCity": "", "address.siteCountry": "countries",
	"address.siteState": "", "address.usaState": "",
	"payroll.employment.type": "payrollEmploymentType", "payroll.employment.contract": "employmentstatus",
	"internal.status": "", "internal.lifecycleStatus": "", "internal.terminationDate": "",
	"internal.terminationType": "lifecycleReasonType", "internal.terminationReason": "terminationreason",
	"internal.probationEndDate": "",
}
