package onelogin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bob-onelogin/internal/employee"
)

// Status is OneLogin's status of a user. Only StatusSuspended is what an
// administrator would call deactivated.
type Status int

// The statuses; OneLogin has no 6.
const (
	StatusUnactivated               Status = 0
	StatusActive                    Status = 1
	StatusSuspended                 Status = 2
	StatusLocked                    Status = 3
	StatusPasswordExpired           Status = 4
	StatusAwaitingPasswordReset     Status = 5
	StatusPasswordPending           Status = 7
	StatusSecurityQuestionsRequired Status = 8
)

// String is the name in OneLogin's administration, in lower case.
func (s Status) String() string {
	switch s {
	case StatusUnactivated:
		return "unactivated"
	case StatusActive:
		return "active"
	case StatusSuspended:
		return "suspended"
	case StatusLocked:
		return "locked"
	case StatusPasswordExpired:
		return "password expired"
	case StatusAwaitingPasswordReset:
		return "awaiting password reset"
	case StatusPasswordPending:
		return "password pending"
	case StatusSecurityQuestionsRequired:
		return "security questions required"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// State is whether OneLogin has approved and licensed a user.
type State int

// The states. A user created while no licence is free is Approved at first and
// turns Unlicensed soon after.
const (
	StateUnapproved State = 0
	StateApproved   State = 1
	StateRejected   State = 2
	StateUnlicensed State = 3
)

// String is the name in OneLogin's documentation, in lower case.
func (s State) String() string {
	switch s {
	case StateUnapproved:
		return "unapproved"
	case StateApproved:
		return "approved"
	case StateRejected:
		return "rejected"
	case StateUnlicensed:
		return "unlicensed"
	default:
		return "state " + strconv.Itoa(int(s))
	}
}

// User is a user as OneLogin answered it, with the attributes that were asked
// for, known to this package or not. It keeps all of them through JSON.
type User struct {
	// attributes are the decoded answer: string, json.Number, bool,
	// map[string]any, []any or nil.
	attributes map[string]any
}

// MarshalJSON gives back what was answered.
func (u User) MarshalJSON() ([]byte, error) { return json.Marshal(u.attributes) }

// UnmarshalJSON keeps every attribute, and numbers as they are written. No
// error repeats a value.
func (u *User) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var attributes map[string]any
	if dec.Decode(&attributes) != nil {
		return errors.New("onelogin: a user must be a JSON object")
	}
	u.attributes = attributes
	return nil
}

// Attributes are the decoded answer, to be kept and given to UserOf: string,
// json.Number, bool, map[string]any, []any or nil. They must not be changed.
func (u User) Attributes() map[string]any { return u.attributes }

// UserOf is the user with the given attributes, of the types of Attributes.
func UserOf(attributes map[string]any) User { return User{attributes: attributes} }

// ID is OneLogin's id of the user; every user that a Client returns has one.
func (u User) ID() int64 {
	id, _ := u.integer("id")
	return id
}

// Status is the user's status, and whether the answer had it.
func (u User) Status() (Status, bool) {
	n, ok := u.integer("status")
	return Status(n), ok
}

// State is the user's state, and whether the answer had it.
func (u User) State() (State, bool) {
	n, ok := u.integer("state")
	return State(n), ok
}

// Email is the e-mail address, "" where there is none or it was not asked for.
func (u User) Email() string { return u.textOrEmpty("email") }

// Username is the username, "" where there is none or it was not asked for.
func (u User) Username() string { return u.textOrEmpty("username") }

// ExternalID is the link to the employee, "" where there is none or it was not
// asked for.
func (u User) ExternalID() string { return u.textOrEmpty("external_id") }

// ManagerUserID is the OneLogin id of the user's manager, 0 where there is
// none or it was not asked for.
func (u User) ManagerUserID() int64 {
	id, _ := u.integer("manager_user_id")
	return id
}

// Text returns an attribute as text, untrimmed, numbers as they are written,
// and what the answer said of it. "custom_attributes.work_cell" reaches into
// the custom attributes, where Absent means that no such attribute is defined.
//
// An empty text counts as Null: OneLogin answers either for an attribute that
// was cleared. A list or an object has no text and counts as Absent.
func (u User) Text(attribute string) (string, employee.Presence) {
	attributes := u.attributes
	if shortname, ok := strings.CutPrefix(attribute, customPrefix); ok {
		attributes, _ = u.attributes["custom_attributes"].(map[string]any)
		attribute = shortname
	}
	v, ok := attributes[attribute]
	if !ok {
		return "", employee.Absent
	}
	switch v := v.(type) {
	case nil:
		return "", employee.Null
	case string:
		if v == "" {
			return "", employee.Null
		}
		return v, employee.Present
	case json.Number:
		return v.String(), employee.Present
	case bool:
		return strconv.FormatBool(v), employee.Present
	default:
		return "", employee.Absent
	}
}

func (u User) textOrEmpty(attribute string) string {
	s, _ := u.Text(attribute)
	return s
}

func (u User) integer(attribute string) (int64, bool) {
	number, ok := u.attributes[attribute].(json.Number)
	if !ok {
		return 0, false
	}
	n, err := number.Int64()
	return n, err == nil
}

// Format prints the id alone, whatever the verb: a user is a person, and must
// not get into a log by being printed.
func (u User) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "OneLogin user %d", u.ID()) }
