package mapping

import (
	"sort"
	"strings"
)

// OneLogin attribute names that the program itself treats specially.
const (
	AttrEmail         = "email"
	AttrUsername      = "username"
	AttrFirstname     = "firstname"
	AttrLastname      = "lastname"
	AttrExternalID    = "external_id"
	AttrStatus        = "status"
	AttrManagerUserID = "manager_user_id"

	// CustomPrefix stands before the shortname of a custom attribute.
	CustomPrefix = "custom_attributes."
)

// Attributes are OneLogin attributes by name. Custom ones are written
// "custom_attributes.<shortname>". A nil value clears the attribute; an
// attribute that is not there is left alone.
type Attributes map[string]*string

// Set gives an attribute a value.
func (a Attributes) Set(name, value string) { a[name] = &value }

// Names lists the attributes in alphabetical order.
func (a Attributes) Names() []string {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// CustomShortname returns the shortname of a custom attribute.
func CustomShortname(attribute string) (string, bool) {
	return strings.CutPrefix(attribute, CustomPrefix)
}

// writable holds the attributes of OneLogin's users API that a mapping may
// target, with whether the API takes them as integers. status and external_id
// are missing on purpose: the lifecycle owns the one, the link to Bob the
// other.
var writable = map[string]bool{
	AttrEmail: false, AttrUsername: false, AttrFirstname: false, AttrLastname: false,
	"title": false, "department": false, "company": false, "comment": false, "phone": false,
	"samaccountname": false, "userprincipalname": false, "distinguished_name": false,
	"member_of": false, "preferred_locale_code": false, "openid_name": false,
	"group_id": true, "directory_id": true, "trusted_idp_id": true,
	"manager_ad_id": true, AttrManagerUserID: true,
}

// reserved says of the attributes that a mapping may not target why.
var reserved = map[string]string{
	AttrStatus:     "the lifecycle decides the status; see the keys status, reactivate and leave",
	AttrExternalID: "external_id holds the link to Bob",
	"state":        "the state is OneLogin's own: licence and approval",
	"id":           "the id is OneLogin's own",
	"role_ids":     "roles are given by OneLogin's own mappings",
	"password":     "this program sets no passwords",
	"mobile_phone": "OneLogin has one phone field; a mobile number goes into a custom attribute such as custom_attributes.work_cell",
}

// IsInteger reports whether OneLogin's API takes the attribute as an integer.
func IsInteger(attribute string) bool {
	return writable[attribute] || attribute == AttrStatus
}

// mandatory attributes are never cleared, and the first two never missing: a
// user without them cannot be created.
var mandatory = []string{AttrEmail, AttrUsername, AttrFirstname, AttrLastname}

func isMandatory(attribute string) bool {
	for _, m := range mandatory {
		if m == attribute {
			return true
		}
	}
	return false
}

// foldsCase reports whether two values of the attribute that differ only in
// case count as the same. OneLogin's own rules for addresses and login names
// are undocumented, so a difference in case alone is never written.
func foldsCase(attribute string) bool {
	return attribute == AttrEmail || attribute == AttrUsername || attribute == "userprincipalname"
}

func writableNames() []string {
	names := make([]string, 0, len(writable))
	for name := range writable {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
