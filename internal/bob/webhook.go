package bob

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"bob-onelogin/internal/employee"
)

// SignatureHeader is the header that VerifySignature checks.
const SignatureHeader = "Bob-Signature"

// VerifySignature tells whether header is Bob's signature of body under one of
// the secrets: the padded standard Base64 of the HMAC-SHA-512 over the raw
// body. Bob's page can refresh a secret, so several may be good at a time.
//
// The time it takes does not depend on which secret fits or how nearly a
// signature does. An empty secret never verifies, since anybody can sign with
// it.
func VerifySignature(body []byte, header string, secrets []string) bool {
	verified := 0
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		mac := hmac.New(sha512.New, []byte(secret))
		mac.Write(body)
		want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		verified |= subtle.ConstantTimeCompare([]byte(want), []byte(header))
	}
	return verified == 1
}

// IsPing tells whether body is one of the two, and only two, that Bob posts to
// test a connection. Whether it signs them is not known, so they may be
// answered unsigned, and nothing may follow from them.
func IsPing(body []byte) bool {
	switch string(body) {
	case "Ping test", `{"text":"Ping test"}`:
		return true
	default:
		return false
	}
}

// Event is one webhook of Bob's. It carries ids and no data: what happened is
// read from Bob.
type Event struct {
	// Type is Bob's, also where this program does not know it.
	Type employee.EventType
	// EmployeeID is 1 to 32 digits. It is empty only where Known is false.
	EmployeeID string
	// TriggeredAt is when it happened, zero where that could not be read. Bob
	// writes no zone and UTC is assumed, so it may be compared with other
	// events of Bob's, and with no other clock.
	TriggeredAt time.Time
	// CompanyID is the tenant, in digits, where Bob said it.
	CompanyID string
	// ChangedFields are the field ids that Bob named. They are neither
	// complete nor guaranteed.
	ChangedFields []string
	// TableID and EffectiveDate (YYYY-MM-DD) are of table.entry events, where
	// Bob said them.
	TableID       string
	EffectiveDate string
	// Email is the address of a deleted person, who can no longer be read; it
	// may be empty and is for other events. It must never be logged.
	Email string
	// Version is "v2", or empty for the legacy form.
	Version string
}

// Known tells whether the event is one that an employee's workflow acts on: a
// lifecycle event, or a change to a row of any table, which counts as an
// update. Others, such as time-off requests, which also name an employee, are
// to be counted and left alone.
func (e Event) Known() bool { return known(e.Type) }

func known(t employee.EventType) bool { return slices.Contains(employee.BobEvents(), t) }

// EventError says why a body is no event that can be acted on. It names
// fields and never quotes them.
type EventError struct {
	// Field is the path of the field at fault, empty where the body as a whole
	// is.
	Field string
	// Reason completes the sentence "<field> …".
	Reason string
}

func (e *EventError) Error() string {
	field := e.Field
	if field == "" {
		field = "the body"
	}
	return fmt.Sprintf("bob: parse webhook: %s %s", field, e.Reason)
}

// eventType is what a type may look like; unknown ones end up in logs.
var eventType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,99}$`)

// ParseEvent reads the body of a webhook in either form, the present v2 and
// the legacy one. Every variant that Bob's documents show is accepted; only
// the type, and for known types the employee, must be there. An error is an
// *EventError.
func ParseEvent(body []byte) (Event, error) {
	var root map[string]any
	// The decoder's error is left out: it quotes the body.
	if decodeWhole(bytes.NewReader(body), &root) != nil || root == nil {
		return Event{}, &EventError{Reason: "is not one JSON object"}
	}
	switch t := root["type"].(type) {
	case nil:
		return Event{}, &EventError{Field: "type", Reason: "is missing"}
	case string:
		if !eventType.MatchString(t) {
			return Event{}, &EventError{Field: "type", Reason: "is not the name of an event"}
		}
		return parse(employee.EventType(t), root)
	default:
		return Event{}, &EventError{Field: "type", Reason: "is not a string"}
	}
}

func parse(t employee.EventType, root map[string]any) (Event, error) {
	data, _ := root["data"].(map[string]any)
	e := Event{
		Type:          t,
		TriggeredAt:   instant(textOr(root["triggeredAt"], textOr(root["creationDate"], ""))),
		ChangedFields: changedFields(data["fieldUpdates"], data["fieldUpdatesIds"]),
		EffectiveDate: textOr(data["effectiveDate"], ""),
		Version:       textOr(root["version"], ""),
	}
	e.TableID, _ = idText(data["tableId"])
	if company, _ := idText(root["companyId"]); IsEmployeeID(company) {
		e.CompanyID = company
	}
	id, err := employeeID(root)
	switch {
	case err == nil:
		e.EmployeeID = id
	case known(t):
		return Event{}, err
	}
	if t == employee.EventDeleted {
		e.Email = deletedEmail(root)
	}
	return e, nil
}

// employeePaths are the places where the forms of a webhook name the person.
var employeePaths = []string{"data.employeeId", "data.employee.id", "employee.id"}

// employeeID returns the person that the event is about. Two places that name
// two people are an error: access may hang on it.
func employeeID(root map[string]any) (string, error) {
	var found string
	for _, path := range employeePaths {
		v, _ := lookup(root, strings.Split(path, "."))
		if v == nil {
			continue
		}
		id, _ := idText(v)
		if !IsEmployeeID(id) {
			return "", &EventError{Field: path, Reason: "is not a number of 1 to 32 digits"}
		}
		if found != "" && found != id {
			return "", &EventError{Field: path, Reason: "names another person than a field before it"}
		}
		found = id
	}
	if found != "" {
		return found, nil
	}
	_, data := root["data"].(map[string]any)
	if root["employee"] == nil && (data || root["version"] != nil) {
		return "", &EventError{Field: "data.employeeId", Reason: "is missing"}
	}
	return "", &EventError{Field: "employee.id", Reason: "is missing"}
}

func deletedEmail(root map[string]any) string {
	for _, path := range []string{"data.email", "data.employeeEmail", "data.employee.email", "employee.email"} {
		v, _ := lookup(root, strings.Split(path, "."))
		if s := strings.TrimSpace(textOr(v, "")); isAddress(s) {
			return s
		}
	}
	return ""
}

// changedFields collects field ids from lists of strings or of objects with an
// id, each once.
func changedFields(lists ...any) []string {
	var fields []string
	for _, list := range lists {
		updates, _ := list.([]any)
		for _, update := range updates {
			if object, ok := update.(map[string]any); ok {
				update = object["id"]
			}
			if id := textOr(update, ""); id != "" && !slices.Contains(fields, id) {
				fields = append(fields, id)
			}
		}
	}
	return fields
}

func instant(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
