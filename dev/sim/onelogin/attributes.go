package onelogin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// OneLogin's numbers for a user's status and state.
const (
	statusUnactivated     = 0
	statusActive          = 1
	statusSuspended       = 2
	statusLocked          = 3
	statusPasswordPending = 7

	stateApproved   = 1
	stateUnlicensed = 3
)

// timeLayout is OneLogin's: ISO 8601, milliseconds, always UTC. Texts of this
// layout sort by time.
const timeLayout = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

type kind int

const (
	text    kind = iota // string or null
	integer             // int64 or null
	instant             // timeLayout or null
	idList              // []int64, never null
	custom              // stored apart from the rest, see user.custom
)

type attribute struct {
	name string
	kind kind
	// readOnly attributes belong to the user model, so they are not "unknown"
	// in a body. That they are refused is nowhere documented: they are ignored.
	readOnly bool
	// thin attributes are in list items when no fields are asked for.
	thin bool
	// one of these, and never null; nil: any value of the kind.
	values []int64
}

// Places in attributes and in user.values.
const (
	attrID = iota
	attrEmail
	attrUsername
	attrFirstname
	attrLastname
	attrPhone
	attrTitle
	attrDepartment
	attrCompany
	attrComment
	attrExternalID
	attrDirectoryID
	attrGroupID
	attrTrustedIDPID
	attrManagerUserID
	attrManagerADID
	attrMemberOf
	attrSamaccountname
	attrUserprincipalname
	attrDistinguishedName
	attrPreferredLocaleCode
	attrStatus
	attrState
	attrInvalidLoginAttempts
	attrRoleIDs
	attrCustom
	attrCreatedAt
	attrUpdatedAt
	attrActivatedAt
	attrLastLogin
	attrLockedUntil
	attrPasswordChangedAt
	attrInvitationSentAt
	shownAttributes // how many are shown
)

// Write-only attributes are accepted and never shown; nothing here needs their
// values, so they are not kept either.
const (
	attrPassword = shownAttributes + iota
	attrPasswordConfirmation
	attrPasswordAlgorithm
	attrSalt
	attrOpenIDName
	allAttributes
)

var attributes = [allAttributes]attribute{
	attrID:                   {name: "id", kind: integer, readOnly: true, thin: true},
	attrEmail:                {name: "email", thin: true},
	attrUsername:             {name: "username", thin: true},
	attrFirstname:            {name: "firstname", thin: true},
	attrLastname:             {name: "lastname", thin: true},
	attrPhone:                {name: "phone", thin: true},
	attrTitle:                {name: "title"},
	attrDepartment:           {name: "department"},
	attrCompany:              {name: "company"},
	attrComment:              {name: "comment"},
	attrExternalID:           {name: "external_id", thin: true},
	attrDirectoryID:          {name: "directory_id", kind: integer, thin: true},
	attrGroupID:              {name: "group_id", kind: integer, thin: true},
	attrTrustedIDPID:         {name: "trusted_idp_id", kind: integer},
	attrManagerUserID:        {name: "manager_user_id", kind: integer},
	attrManagerADID:          {name: "manager_ad_id", kind: integer},
	attrMemberOf:             {name: "member_of", thin: true},
	attrSamaccountname:       {name: "samaccountname", thin: true},
	attrUserprincipalname:    {name: "userprincipalname"},
	attrDistinguishedName:    {name: "distinguished_name", thin: true},
	attrPreferredLocaleCode:  {name: "preferred_locale_code"},
	attrStatus:               {name: "status", kind: integer, thin: true, values: []int64{0, 1, 2, 3, 4, 5, 7, 8}},
	attrState:                {name: "state", kind: integer, thin: true, values: []int64{0, 1, 2, 3}},
	attrInvalidLoginAttempts: {name: "invalid_login_attempts", kind: integer, thin: true},
	attrRoleIDs:              {name: "role_ids", kind: idList, readOnly: true},
	attrCustom:               {name: "custom_attributes", kind: custom},
	attrCreatedAt:            {name: "created_at", kind: instant, readOnly: true, thin: true},
	attrUpdatedAt:            {name: "updated_at", kind: instant, readOnly: true, thin: true},
	attrActivatedAt:          {name: "activated_at", kind: instant, readOnly: true, thin: true},
	attrLastLogin:            {name: "last_login", kind: instant, readOnly: true, thin: true},
	attrLockedUntil:          {name: "locked_until", kind: instant, readOnly: true, thin: true},
	attrPasswordChangedAt:    {name: "password_changed_at", kind: instant, readOnly: true, thin: true},
	attrInvitationSentAt:     {name: "invitation_sent_at", kind: instant, readOnly: true, thin: true},
	attrPassword:             {name: "password"},
	attrPasswordConfirmation: {name: "password_confirmation"},
	attrPasswordAlgorithm:    {name: "password_algorithm"},
	attrSalt:                 {name: "salt"},
	attrOpenIDName:           {name: "openid_name"},
}

var attributeByName = func() map[string]int {
	byName := make(map[string]int, len(attributes))
	for i, a := range attributes {
		byName[a.name] = i
	}
	return byName
}()

// parse checks a decoded JSON value against the attribute. The problem is a
// clause for "Validation failed: …"; OneLogin's own wording is not known.
func (a attribute) parse(v any) (value any, problem string) {
	if v == nil && a.values == nil && a.kind != idList {
		return nil, ""
	}
	switch a.kind {
	case text:
		if s, ok := v.(string); ok {
			return s, ""
		}
		return nil, a.label() + " must be a string"
	case instant:
		if s, ok := v.(string); ok {
			if t, err := time.Parse(time.RFC3339, s); err == nil {
				return formatTime(t), ""
			}
		}
		return nil, a.label() + " must be an ISO 8601 time"
	case integer:
		n, ok := parseInteger(v)
		if !ok {
			return nil, a.label() + " must be an integer"
		}
		if a.values != nil {
			for _, allowed := range a.values {
				if n == allowed {
					return n, ""
				}
			}
			return nil, a.label() + " is not included in the list"
		}
		return n, ""
	case idList:
		list, ok := v.([]any)
		ids := make([]int64, 0, len(list))
		for _, item := range list {
			id, isID := parseInteger(item)
			ok = ok && isID
			ids = append(ids, id)
		}
		if !ok {
			return nil, a.label() + " must be a list of integers"
		}
		return ids, ""
	}
	panic("onelogin stand-in: no parser for " + a.name)
}

func parseInteger(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

// label is the name as Rails writes it in messages.
func (a attribute) label() string {
	words := strings.ReplaceAll(a.name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// textOf is a value as filters see it: null and "" alike.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	panic(fmt.Sprintf("onelogin stand-in: no text for %T", value))
}
