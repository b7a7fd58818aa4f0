package bob

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"bob-onelogin/internal/employee"
)

const (
	opPerson = "read person"
	opSearch = "search people"
)

// humanReadable asks for machine values and labels side by side. Under REPLACE
// dates would come in the reader's locale.
const humanReadable = "APPEND"

type personQuery struct {
	Fields        []string `json:"fields"`
	HumanReadable string   `json:"humanReadable"`
}

type searchQuery struct {
	Fields []string `json:"fields"`
	// Filters holds at most one filter. Bob refuses an empty list.
	Filters []filter `json:"filters,omitempty"`
	// ShowInactive is always true: people who have not started yet count as
	// inactive.
	ShowInactive  bool   `json:"showInactive"`
	HumanReadable string `json:"humanReadable"`
}

type filter struct {
	FieldPath string   `json:"fieldPath"`
	Operator  string   `json:"operator"`
	Values    []string `json:"values"`
}

// Person reads one person, inactive ones too, by Bob id or by e-mail address.
//
// Fields are Bob's field ids, 400 at most; root.id and root.email are added.
// What the service user may not see is absent from the record. Bob's reads lag
// behind a write by up to 20 s. An unknown id or address is a *NotFoundError;
// an answer about another id than was asked for is a *ContentError.
func (c *Client) Person(ctx context.Context, idOrEmail string, fields []string) (employee.Record, error) {
	return c.readPerson(ctx, idOrEmail, fields, false)
}

// PersonAtOnce is Person where that need not wait for its turn; else it makes
// no call and returns ErrBusy. One search reads as many as have to wait.
func (c *Client) PersonAtOnce(ctx context.Context, idOrEmail string, fields []string) (employee.Record, error) {
	return c.readPerson(ctx, idOrEmail, fields, true)
}

func (c *Client) readPerson(ctx context.Context, idOrEmail string, fields []string, atOnce bool) (employee.Record, error) {
	byID := IsEmployeeID(idOrEmail)
	if !byID && !isAddress(idOrEmail) {
		return employee.Record{}, &RequestError{
			Failure: Failure{Op: opPerson},
			Reason:  "neither a Bob id nor an e-mail address was given",
		}
	}
	sel, err := newSelection(opPerson, fields)
	if err != nil {
		return employee.Record{}, err
	}
	var r employee.Record
	err = c.call(ctx, request{
		op:      opPerson,
		method:  http.MethodPost,
		path:    "/people/" + url.PathEscape(idOrEmail),
		body:    personQuery{Fields: sel.ids, HumanReadable: humanReadable},
		gate:    c.person,
		atOnce:  atOnce,
		timeout: c.cfg.Timeout,
		limit:   maxBytes,
		mayMiss: true,
	}, func(body io.Reader) error {
		person, err := decodePerson(body)
		if err != nil {
			return err
		}
		if r, err = sel.record(person); err != nil {
			return err
		}
		if byID && r.ID != idOrEmail {
			return shapeError("about another person than was asked for")
		}
		return nil
	})
	if err != nil {
		return employee.Record{}, err
	}
	return r, nil
}

// isAddress is a mere safeguard for the URL's path; whether an address exists
// is for Bob to say.
func isAddress(s string) bool {
	return len(s) <= 320 && strings.Contains(s, "@") &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// decodePerson accepts the bare employee and, as older specifications have it,
// a list of one.
func decodePerson(body io.Reader) (map[string]any, error) {
	var answer map[string]any
	if err := decodeWhole(body, &answer); err != nil {
		return nil, err
	}
	list, wrapped := answer["employees"]
	if !wrapped {
		return answer, nil
	}
	people, _ := list.([]any)
	if len(people) != 1 {
		return nil, shapeError("not exactly one person")
	}
	person, ok := people[0].(map[string]any)
	if !ok {
		return nil, shapeError("a person that is no object")
	}
	return person, nil
}

// SearchByIDs reads the people with the given ids, inactive ones too, in one
// call. Bob advises 50 to 200 ids at a time. People who are missing from the
// answer may be out of the service user's scope: it does not mean that they
// left. No ids is no call. Fields and errors are as for Person, save that
// nobody found is no error.
func (c *Client) SearchByIDs(ctx context.Context, ids, fields []string) ([]employee.Record, error) {
	asked := make(map[string]bool, len(ids))
	var values []string
	for _, id := range ids {
		if !IsEmployeeID(id) {
			return nil, &RequestError{Failure: Failure{Op: opSearch}, Reason: "not a Bob id among those to search for"}
		}
		if !asked[id] {
			asked[id] = true
			values = append(values, id)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	req := c.searchRequest(&filter{FieldPath: "root.id", Operator: "equals", Values: values})
	return c.searchPeople(ctx, req, fields, func(r employee.Record) error {
		if !asked[r.ID] {
			return shapeError("about another person than was asked for")
		}
		return nil
	})
}

// SearchByEmail reads the people with the given e-mail address, inactive ones
// too; there may be none or several. Fields and errors are as for SearchByIDs.
func (c *Client) SearchByEmail(ctx context.Context, email string, fields []string) ([]employee.Record, error) {
	if !isAddress(email) {
		return nil, &RequestError{Failure: Failure{Op: opSearch}, Reason: "no e-mail address was given"}
	}
	req := c.searchRequest(&filter{FieldPath: "root.email", Operator: "equals", Values: []string{email}})
	return c.searchPeople(ctx, req, fields, anybody)
}

// SearchAll reads everybody whom the service user may see, inactive people
// too, in one call: Bob has no paging. The answer is decoded as it comes in
// and bounded by Config.MaxSearchBytes. Fields and errors are as for
// SearchByIDs; a list that is missing or cut off is a *ContentError.
func (c *Client) SearchAll(ctx context.Context, fields []string) ([]employee.Record, error) {
	req := c.searchRequest(nil)
	req.timeout = c.cfg.SearchTimeout
	return c.searchPeople(ctx, req, fields, anybody)
}

// EachPerson is SearchAll without holding everybody in memory: each is called
// with one person after the other while the answer comes in. What each was
// told counts only if EachPerson returns nil: an answer that is cut off is
// noticed at its end. An error of each ends the search and is returned.
func (c *Client) EachPerson(ctx context.Context, fields []string, each func(employee.Record) error) error {
	req := c.searchRequest(nil)
	req.timeout = c.cfg.SearchTimeout
	var failed error
	err := c.searchEach(ctx, req, fields, func(r employee.Record) error {
		failed = each(r)
		return failed
	})
	if failed != nil {
		return failed
	}
	return err
}

func anybody(employee.Record) error { return nil }

// searchRequest leaves the fields to be filled in by searchPeople.
func (c *Client) searchRequest(f *filter) request {
	query := searchQuery{ShowInactive: true, HumanReadable: humanReadable}
	if f != nil {
		query.Filters = []filter{*f}
	}
	return request{
		op:      opSearch,
		method:  http.MethodPost,
		path:    "/people/search",
		body:    query,
		gate:    c.search,
		timeout: c.cfg.Timeout,
		limit:   c.cfg.MaxSearchBytes,
	}
}

func (c *Client) searchPeople(
	ctx context.Context, req request, fields []string, accept func(employee.Record) error,
) ([]employee.Record, error) {
	var people []employee.Record
	err := c.searchEach(ctx, req, fields, func(r employee.Record) error {
		if err := accept(r); err != nil {
			return err
		}
		people = append(people, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return people, nil
}

// searchEach hands each person of the answer to each, once.
func (c *Client) searchEach(ctx context.Context, req request, fields []string, each func(employee.Record) error) error {
	sel, err := newSelection(opSearch, fields)
	if err != nil {
		return err
	}
	query := req.body.(searchQuery)
	query.Fields = sel.ids
	req.body = query
	return c.call(ctx, req, func(body io.Reader) error {
		seen := map[string][sha256.Size]byte{}
		return decodeEmployees(body, func(person map[string]any) error {
			r, err := sel.record(person)
			if err != nil {
				return err
			}
			content, err := json.Marshal(r)
			if err != nil {
				return err
			}
			digest := sha256.Sum256(content)
			if before, repeated := seen[r.ID]; repeated {
				// Two rows that agree are one person. Where they do not,
				// nobody can say which is true, and to choose is to guess.
				if before != digest {
					return shapeError("one person twice, with different values")
				}
				return nil
			}
			seen[r.ID] = digest
			return each(r)
		})
	})
}

// decodeEmployees hands the members of {"employees":[…]} to each as they are
// read, so that neither the body nor the whole tree is ever held in memory.
func decodeEmployees(body io.Reader, each func(map[string]any) error) error {
	dec := newDecoder(body)
	if err := expect(dec, json.Delim('{')); err != nil {
		return err
	}
	found := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if key != "employees" {
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if found {
			return shapeError("two lists of employees")
		}
		found = true
		if err := decodeList(dec, each); err != nil {
			return err
		}
	}
	if err := expect(dec, json.Delim('}')); err != nil {
		return err
	}
	if !found {
		return shapeError("no list of employees")
	}
	return atEnd(dec)
}

func decodeList(dec *json.Decoder, each func(map[string]any) error) error {
	if err := expect(dec, json.Delim('[')); err != nil {
		return err
	}
	for dec.More() {
		var person map[string]any
		if err := dec.Decode(&person); err != nil {
			return err
		}
		if err := each(person); err != nil {
			return err
		}
	}
	return expect(dec, json.Delim(']'))
}

func expect(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err != nil {
		return err
	}
	if got != want {
		return shapeError("no list of employees")
	}
	return nil
}
