package bob

import (
	"slices"
	"strings"

	"bob-onelogin/dev/sim/people"
)

// field is the description of one field, as Bob's field list gives it.
type field struct {
	id, category, name, kind string
	list                     string // the named list of a list field
	historical               bool
}

// jsonPath is where the value stands in the nested form: root fields on top,
// others under their categories.
func (f field) jsonPath() string { return strings.TrimPrefix(f.id, "root.") }

// fieldID is the inverse of jsonPath.
func fieldID(path string) string {
	if strings.Contains(path, ".") {
		return path
	}
	return "root." + path
}

// isList says whether values are ids of a list's items.
func (f field) isList() bool { return f.kind == "list" || f.kind == "list_id" }

// undescribed is a field that no description exists for: a custom field, made
// by being written.
func undescribed(id string) field {
	category, _, _ := strings.Cut(id, ".")
	return field{id: id, category: category, name: id[strings.LastIndex(id, ".")+1:], kind: "text"}
}

// standard finds the description of one of Bob's standard fields.
func standard(id string) (field, bool) {
	i, ok := slices.BinarySearchFunc(sorted, id, func(f field, id string) int { return strings.Compare(f.id, id) })
	if !ok {
		return field{}, false
	}
	return sorted[i], true
}

var sorted = slices.SortedFunc(slices.Values(standardFields), func(a, b field) int { return strings.Compare(a.id, b.id) })

// isCategory says whether a key of the nested form holds fields, not a value.
func isCategory(key string) bool {
	return slices.ContainsFunc(standardFields, func(f field) bool { return strings.HasPrefix(f.id, key+".") && key != "root" })
}

var categoryNames = map[string]string{
	"root":            "Basic info",
	"personal":        "Personal",
	"personalContact": "Personal contact details",
	"work":            "Work",
	"workContact":     "Work contact details",
	"address":         "Address",
	"employment":      "Employment",
	"lifecycle":       "Lifecycle",
	"userData":        "User data",
	"jobsCatalog":     "Jobs",
}

// standardFields are the fields every tenant has, in Bob's order, and behind
// them what the sample company has made for itself.
var standardFields = []field{
	{id: "root.id", category: "root", name: "ID", kind: "employee-reference"},
	{id: "root.companyId", category: "root", name: "Company id", kind: "number"},
	{id: "root.email", category: "root", name: "Email", kind: "text"},
	{id: "root.firstName", category: "root", name: "First name", kind: "text"},
	{id: "root.surname", category: "root", name: "Last name", kind: "text"},
	{id: "root.fullName", category: "root", name: "Full name", kind: "text"},
	{id: "root.displayName", category: "root", name: "Display name", kind: "text"},
	{id: "root.secondName", category: "root", name: "Middle name", kind: "text"},
	{id: "root.creationDateTime", category: "root", name: "Creation timestamp", kind: "time"},
	{id: "root.coverImageUrl", category: "root", name: "Cover image URL", kind: "text"},
	{id: "root.avatarUrl", category: "root", name: "Avatar URL", kind: "avatar"},
	{id: "personal.honorific", category: "personal", name: "Prefix", kind: "list", list: "honorific"},
	{id: "personal.pronouns", category: "personal", name: "Pronouns", kind: "list", list: "pronouns"},
	{id: "personal.birthDate", category: "personal", name: "Date of Birth", kind: "date"},
	{id: "personal.shortBirthDate", category: "personal", name: "Birthday", kind: "short-date"},
	{id: "personal.nationality", category: "personal", name: "Nationality", kind: "multi-list", list: "nationalities"},
	{id: "home.privateEmail", category: "personalContact", name: "Personal email", kind: "text"},
	{id: "home.privatePhone", category: "personalContact", name: "Personal phone", kind: "text"},
	{id: "home.mobilePhone", category: "personalContact", name: "Personal mobile", kind: "text"},
	{id: "work.activeEffectiveDate", category: "work", name: "Work effective date", kind: "date", historical: true},
	{id: "work.employeeIdInCompany", category: "work", name: "Employee ID", kind: "number"},
	{id: "work.title", category: "work", name: "Job title", kind: "list", list: "title", historical: true},
	{id: "work.startDate", category: "work", name: "Start date", kind: "date"},
	{id: "work.shortStartDate", category: "work", name: "Work anniversary", kind: "short-date"},
	{id: "work.originalStartDate", category: "work", name: "Original start date", kind: "date"},
	{id: "work.durationOfEmployment", category: "work", name: "Accumulated tenure (duration)", kind: "period"},
	{id: "work.yearsOfService", category: "work", name: "Accumulated tenure (years)", kind: "number"},
	{id: "work.tenureDuration", category: "work", name: "Tenure (duration)", kind: "period"},
	{id: "work.tenureDurationYears", category: "work", name: "Tenure (years)", kind: "number"},
	{id: "work.tenureYears", category: "work", name: "Work anniversary (years)", kind: "number"},
	{id: "work.site", category: "work", name: "Site", kind: "text"},
	{id: "work.siteId", category: "work", name: "Site", kind: "list_id", list: "site", historical: true},
	{id: "work.department", category: "work", name: "Department", kind: "list", list: "department", historical: true},
	{id: "work.workChangeType", category: "work", name: "Change type", kind: "list", list: "workChangeType", historical: true},
	{id: "work.reportsTo", category: "work", name: "Reports to", kind: "employee", historical: true},
	{id: "work.reportsTo.email", category: "work", name: "Manager's email", kind: "text"},
	{id: "work.reportsToIdInCompany", category: "work", name: "Manager's ID", kind: "number"},
	{id: "work.manager", category: "work", name: "Manager", kind: "employee-reference", historical: true},
	{id: "work.secondLevelManager", category: "work", name: "Second level manager", kind: "employee-reference"},
	{id: "work.isManager", category: "work", name: "Is a manager", kind: "boolean"},
	{id: "work.directReports", category: "work", name: "Number of direct reports", kind: "number"},
	{id: "work.indirectReports", category: "work", name: "Number of direct and indirect reports", kind: "number"},
	{id: "work.daysOfPreviousService", category: "work", name: "Tenure sum of previous lifecycle entries in days", kind: "number"},
	{id: "employee.buddy", category: "work", name: "Buddy", kind: "employee-reference"},
	{id: "employee.hrbp", category: "work", name: "HRBP", kind: "employee-reference"},
	{id: "employee.payrollManager", category: "work", name: "Payroll manager", kind: "employee-reference"},
	{id: "employee.itAdmin", category: "work", name: "IT admin", kind: "employee-reference"},
	{id: "employee.orgLevel", category: "work", name: "Org level", kind: "list", list: "orgLevels"},
	{id: "work.workMobile", category: "workContact", name: "Work mobile", kind: "text"},
	{id: "work.workPhone", category: "workContact", name: "Work phone", kind: "text"},
	{id: "personal.communication.slackUsername", category: "workContact", name: "Slack username", kind: "text"},
	{id: "personal.communication.skypeUsername", category: "workContact", name: "Skype username", kind: "text"},
	{id: "address.line1", category: "address", name: "Address line 1", kind: "text", historical: true},
	{id: "address.line2", category: "address", name: "Address line 2", kind: "text", historical: true},
	{id: "address.fullAddress", category: "address", name: "Full address", kind: "text"},
	{id: "address.city", category: "address", name: "City", kind: "text", historical: true},
	{id: "address.postCode", category: "address", name: "Zip/Post/Postal code", kind: "text", historical: true},
	{id: "address.country", category: "address", name: "Country", kind: "list", list: "countries", historical: true},
	{id: "address.usaState", category: "address", name: "State/Province/Region", kind: "text", historical: true},
	{id: "address.siteAddress1", category: "address", name: "Site address line 1", kind: "text"},
	{id: "address.siteAddress2", category: "address", name: "Site address line 2", kind: "text"},
	{id: "address.siteCountry", category: "address", name: "Site country", kind: "list", list: "countries"},
	{id: "address.sitePostalCode", category: "address", name: "Site Zip/Post/Postal code", kind: "text"},
	{id: "address.siteCity", category: "address", name: "Site city", kind: "text"},
	{id: "address.siteState", category: "address", name: "Site State/Province/Region", kind: "text"},
	{id: "address.activeEffectiveDate", category: "address", name: "Address effective date", kind: "date", historical: true},
	{id: "payroll.employment.contract", category: "employment", name: "Employment contract", kind: "list", list: "employmentstatus", historical: true},
	{id: "payroll.employment.type", category: "employment", name: "Employment type", kind: "list", list: "payrollEmploymentType", historical: true},
	{id: "employee.workLocationId", category: "employment", name: "Work location", kind: "list_id", list: "workLocation_entity_list"},
	{id: "employee.employerId", category: "employment", name: "Employer", kind: "list_id", list: "employer_entity_list"},
	{id: "internal.lifecycleStatus", category: "lifecycle", name: "Lifecycle status", kind: "list", list: "lifecycleStatus", historical: true},
	{id: "internal.status", category: "lifecycle", name: "Status", kind: "list", list: "status", historical: true},
	{id: "internal.terminationReason", category: "lifecycle", name: "Reason for termination", kind: "list", list: "terminationreason"},
	{id: "internal.terminationDate", category: "lifecycle", name: "Termination date", kind: "date"},
	{id: "internal.periodSinceTermination", category: "lifecycle", name: "Period since termination", kind: "period"},
	{id: "internal.yearsSinceTermination", category: "lifecycle", name: "Years since termination", kind: "number"},
	{id: "internal.notice", category: "lifecycle", name: "Notice period", kind: "duration_with_unit"},
	{id: "internal.probationEndDate", category: "lifecycle", name: "Probation end date", kind: "date"},
	{id: "internal.terminationType", category: "lifecycle", name: "Leave and termination type", kind: "list", list: "lifecycleReasonType"},
	{id: "internal.currentActiveStatusStartDate", category: "lifecycle", name: "current active lifecycle start date", kind: "date"},
	{id: "employee.recentLeaveStartDate", category: "lifecycle", name: "Recent leave start date", kind: "date"},
	{id: "employee.recentLeaveEndDate", category: "lifecycle", name: "Recent leave end date", kind: "date"},
	{id: "employee.firstDayOfWork", category: "lifecycle", name: "First day of work", kind: "date"},
	{id: "employee.lastDayOfWork", category: "lifecycle", name: "Last day of work", kind: "date"},
	{id: "employee.eligibleForRehire", category: "lifecycle", name: "Eligible for Rehire", kind: "boolean", historical: true},
	{id: "employee.regrettableTermination", category: "lifecycle", name: "Regrettable Termination", kind: "boolean", historical: true},
	{id: "root.state", category: "userData", name: "State", kind: "list", list: "state"},
	{id: "root.creationDate", category: "userData", name: "Creation date", kind: "date"},
	{id: "employee.enrolledInPayrollModuleStatus", category: "userData", name: "Enrolled in Payroll", kind: "text", historical: true},
	{id: "employee.jobProfileCode", category: "jobsCatalog", name: "Job code", kind: "text"},
	{id: "employee.jobProfileTitle", category: "jobsCatalog", name: "Job profile name", kind: "text"},
	{id: "employee.jobRoleId", category: "jobsCatalog", name: "Job role", kind: "list_id", list: "jobRole_entity_list"},
	{id: "employee.jobFamilyId", category: "jobsCatalog", name: "Job family", kind: "list_id", list: "jobFamily_entity_list"},
	{id: "work.custom." + people.CostCentreField, category: "work", name: "Cost centre", kind: "list", list: "costCentre"},
}
