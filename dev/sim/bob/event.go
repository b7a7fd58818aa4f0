package bob

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bob-onelogin/dev/sim/control"
)

// triggeredAt is Bob's form of a time: microseconds, and no zone.
const triggeredAt = "2006-01-02T15:04:05.000000"

// maxDeliveries bounds what one event can ask for.
const maxDeliveries = 10_000

// Event is a webhook to send: what it says, and how it goes out.
type Event struct {
	Type       string `json:"type"` // any: "employee.updated", "table.entry.created", …
	EmployeeID string `json:"employeeId"`

	FieldUpdates  []string       `json:"fieldUpdates"`  // field ids that changed, for employee.updated
	TableID       string         `json:"tableId"`       // for table.entry.*
	EffectiveDate string         `json:"effectiveDate"` // for table.entry.* of tables with history
	TriggeredBy   string         `json:"triggeredBy"`   // "system" when empty
	Data          map[string]any `json:"data"`          // merged into the data of the body; null removes a key
	Version       string         `json:"version"`       // "v2", also when empty, or the legacy "v1"
	// TriggeredAt is when it happened, where that is not now: Bob delivers for
	// days what it could not deliver at once.
	TriggeredAt time.Time `json:"triggeredAt,omitzero"`

	Count      int              `json:"count"`      // so many events, 1 when 0
	Duplicates int              `json:"duplicates"` // each goes out so many times more
	Delay      control.Duration `json:"delay"`      // before the first attempt
	// Shuffle lets deliveries leave in another order than they came in, past
	// those already queued for the employee.
	Shuffle bool `json:"shuffle"`
}

func (e Event) validate() error {
	var errs []error
	if e.Type == "" {
		errs = append(errs, errors.New("type: missing"))
	}
	if e.EmployeeID == "" {
		errs = append(errs, errors.New("employeeId: missing"))
	}
	if e.Version != "" && e.Version != "v1" && e.Version != "v2" {
		errs = append(errs, fmt.Errorf("version: %q is neither \"v1\" nor \"v2\"", e.Version))
	}
	if e.Count < 0 || e.Duplicates < 0 || e.Delay < 0 {
		errs = append(errs, errors.New("count, duplicates, delay: must not be negative"))
	}
	// Each alone first: their product could overflow.
	if e.Count > maxDeliveries || e.Duplicates > maxDeliveries || max(1, e.Count)*(1+e.Duplicates) > maxDeliveries {
		errs = append(errs, fmt.Errorf("count, duplicates: more than %d deliveries", maxDeliveries))
	}
	return errors.Join(errs...)
}

// envelope is the body of version 2, in the order of Bob's samples.
type envelope struct {
	CompanyID   int            `json:"companyId"`
	Type        string         `json:"type"`
	TriggeredBy string         `json:"triggeredBy"`
	TriggeredAt string         `json:"triggeredAt"`
	Version     string         `json:"version"`
	Data        map[string]any `json:"data"`
}

// legacy is the body of version 1, which carried some of the person.
type legacy struct {
	Type         string         `json:"type"`
	CreationDate string         `json:"creationDate"`
	CompanyID    int            `json:"companyId"`
	Employee     map[string]any `json:"employee"`
	ChangedBy    map[string]any `json:"changedBy"`
	Data         map[string]any `json:"data"`
}

// body writes the event about a person, whose record may be nil.
func (e Event) body(person record, at time.Time) ([]byte, error) {
	var v any
	if e.Version == "v1" {
		v = legacy{
			Type: e.Type, CreationDate: at.Format(triggeredAt), CompanyID: companyID,
			Employee: map[string]any{
				"id": e.EmployeeID, "firstName": person["firstName"], "surname": person["surname"],
				"displayName": person["displayName"], "email": person["email"],
				"site": section(person, "work")["site"],
			},
			ChangedBy: map[string]any{"displayName": "System"},
			Data:      e.merged(e.updates(map[string]any{})),
		}
	} else {
		by := e.TriggeredBy
		if by == "" {
			by = "system"
		}
		v = envelope{
			CompanyID: companyID, Type: e.Type, TriggeredBy: by, TriggeredAt: at.Format(triggeredAt),
			Version: "v2", Data: e.merged(e.data(person, at)),
		}
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("data: not JSON: %w", err)
	}
	return encoded, nil
}

// data is what version 2 says: ids. What the lifecycle events carry beyond the
// employee's id is not documented, so they carry nothing.
func (e Event) data(person record, at time.Time) map[string]any {
	data := e.updates(map[string]any{"employeeId": e.EmployeeID})
	switch {
	case e.Type == "employee.deleted":
		data["email"] = person["email"]
	case strings.HasPrefix(e.Type, "table.entry."):
		data["tableId"], data["effectiveDate"] = e.TableID, e.EffectiveDate
		if e.TableID == "" {
			data["tableId"] = "work"
		}
		if e.EffectiveDate == "" {
			data["effectiveDate"] = at.Format(time.DateOnly)
		}
	}
	return data
}

func (e Event) updates(data map[string]any) map[string]any {
	if e.Type == "employee.updated" {
		updates := []map[string]any{}
		for _, id := range e.FieldUpdates {
			updates = append(updates, map[string]any{"id": id})
		}
		data["fieldUpdates"] = updates
	}
	return data
}

func (e Event) merged(data map[string]any) map[string]any {
	maps.Copy(data, e.Data)
	for key, value := range e.Data {
		if value == nil {
			delete(data, key)
		}
	}
	return data
}

// bodies writes what is to go out, duplicates next to each other.
func (e Event) bodies(person record, at time.Time) ([][]byte, error) {
	var all [][]byte
	for i := range max(1, e.Count) {
		// Events of one moment still differ, as they do in life.
		body, err := e.body(person, at.Add(time.Duration(i)*time.Microsecond))
		if err != nil {
			return nil, err
		}
		all = append(all, slices.Repeat([][]byte{body}, 1+e.Duplicates)...)
	}
	return all, nil
}
