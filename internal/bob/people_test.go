package bob_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
)

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPersonKeepsAbsentNullAndValueApart(t *testing.T) {
	type want struct {
		value    any
		presence employee.Presence
		label    any
		labelled employee.Presence
	}
	fields := map[string]want{
		"root.id":                  {personID, employee.Present, personID, employee.Present},
		"root.email":               {address, employee.Present, address, employee.Present},
		"root.firstName":           {"Ada", employee.Present, "Ada", employee.Present},
		"root.surname":             {nil, employee.Null, nil, employee.Absent},
		"root.secondName":          {nil, employee.Absent, nil, employee.Absent},
		"root.state":               {"active", employee.Present, nil, employee.Absent},
		"work.title":               {"209192163", employee.Present, "Surfer", employee.Present},
		"work.department":          {nil, employee.Null, nil, employee.Null},
		"work.workPhone":           {nil, employee.Absent, nil, employee.Absent},
		"work.employeeIdInCompany": {json.Number("12345678901234567890"), employee.Present, nil, employee.Absent},
		"work.isManager":           {false, employee.Present, nil, employee.Absent},
		"work.site":                {"", employee.Present, nil, employee.Absent},
		"work.reportsTo": {
			map[string]any{"id": "3980342332732990001", "email": "bo.birchall@example.com"},
			employee.Present,
			nil, employee.Absent,
		},
		"work.reportsTo.email":      {"bo.birchall@example.com", employee.Present, nil, employee.Absent},
		"work.custom.field_1689":    {"blue", employee.Present, "Blue", employee.Present},
		"work.custom.field_1690":    {nil, employee.Null, nil, employee.Absent},
		"work.custom.field_1691":    {nil, employee.Absent, nil, employee.Absent},
		"internal.status":           {"Active", employee.Present, "Active", employee.Present},
		"internal.terminationDate":  {nil, employee.Null, nil, employee.Absent},
		"home.mobilePhone":          {nil, employee.Absent, nil, employee.Absent}, // the category is missing
		"address.city":              {nil, employee.Absent, nil, employee.Absent}, // the category is null
		"payroll.employment.type":   {nil, employee.Absent, nil, employee.Absent}, // the category is no object
		"work.department.custom.id": {nil, employee.Absent, nil, employee.Absent}, // a null on the way
	}
	var asked []string
	for id := range fields {
		asked = append(asked, id)
	}
	client := serve(t, answer(200, "application/json;charset=utf-8", file(t, "person.json")))
	r, err := client.Person(t.Context(), personID, asked)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != personID {
		t.Errorf("id = %q", r.ID)
	}
	for id, w := range fields {
		var got want
		got.value, got.presence = r.Get(id)
		got.label, got.labelled = r.Label(id)
		if diff := cmp.Diff(w, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

func TestPersonRequest(t *testing.T) {
	body := func(fields ...string) any {
		return map[string]any{"fields": fields, "humanReadable": "APPEND"}
	}
	bare := `{"id":"` + personID + `","email":"` + address + `"}`
	tests := map[string]struct {
		who    string
		fields []string
		path   string
		body   any
		answer string
	}{
		"by id": {
			personID,
			[]string{"work.title"},
			"/v1/people/" + personID,
			body("work.title", "root.id", "root.email"), bare,
		},
		"order kept, repetitions left out": {
			personID,
			[]string{"root.email", "work.title", "root.email", "work.title"},
			"/v1/people/" + personID,
			body("root.email", "work.title", "root.id"), bare,
		},
		"no fields": {personID, nil, "/v1/people/" + personID, body("root.id", "root.email"), bare},
		"answer as a list of one": {
			personID, nil, "/v1/people/" + personID,
			body("root.id", "root.email"), `{"employees":[` + bare + `]}`,
		},
		"id as a number": {
			personID, nil, "/v1/people/" + personID,
			body("root.id", "root.email"), `{"id":` + personID + `,"email":"` + address + `"}`,
		},
		"by address": {address, nil, "/v1/people/" + address, body("root.id", "root.email"), bare},
		"by an address full of signs": {
			"a/b?c#d%e..+@example.com", nil, "/v1/people/a%2Fb%3Fc%23d%25e..+@example.com",
			body("root.id", "root.email"), bare,
		},
	}
	want := employee.Record{ID: personID, Fields: map[string]any{"root.id": personID, "root.email": address}, Labels: map[string]any{}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := serve(t, expect(t, exchange{"POST", tt.path, tt.body, answer(200, "application/json", tt.answer)}))
			got, err := client.Person(t.Context(), tt.who, tt.fields)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestArgumentsAreRefusedBeforeTheCall(t *testing.T) {
	many := make([]string, 399)
	for i := range many {
		many[i] = "work.custom.field_" + strconv.Itoa(i)
	}
	tests := map[string]func(context.Context, *bob.Client) error{
		"person without an id": func(ctx context.Context, c *bob.Client) error { return person(ctx, c, "", nil) },
		"person search":        func(ctx context.Context, c *bob.Client) error { return person(ctx, c, "search", nil) },
		"person above":         func(ctx context.Context, c *bob.Client) error { return person(ctx, c, "..", nil) },
		"address with a line":  func(ctx context.Context, c *bob.Client) error { return person(ctx, c, "a@b\r\nc", nil) },
		"id of 33 digits":      func(ctx context.Context, c *bob.Client) error { return person(ctx, c, strings.Repeat("1", 33), nil) },
		"401 fields":           func(ctx context.Context, c *bob.Client) error { return person(ctx, c, personID, many) },
		"empty field":          func(ctx context.Context, c *bob.Client) error { return person(ctx, c, personID, []string{""}) },
		"field that is a category": func(ctx context.Context, c *bob.Client) error {
			return person(ctx, c, personID, []string{"work."})
		},
		"search with 401 fields": func(ctx context.Context, c *bob.Client) error {
			_, err := c.SearchAll(ctx, many)
			return err
		},
		"search by what is no id": func(ctx context.Context, c *bob.Client) error {
			_, err := c.SearchByIDs(ctx, []string{personID, address}, nil)
			return err
		},
		"search by what is no address": func(ctx context.Context, c *bob.Client) error {
			_, err := c.SearchByEmail(ctx, "", nil)
			return err
		},
		"list without a name": func(ctx context.Context, c *bob.Client) error {
			_, err := c.NamedList(ctx, "")
			return err
		},
		"list above": func(ctx context.Context, c *bob.Client) error {
			_, err := c.NamedList(ctx, "..")
			return err
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			err := call(t.Context(), serve(t, expect(t)))
			var request *bob.RequestError
			if !errors.As(err, &request) || request.StatusCode != 0 || request.Reason == "" {
				t.Fatalf("error = %v, want a *RequestError with a reason and no status", err)
			}
			if strings.Contains(err.Error(), "@") {
				t.Errorf("error quotes its argument: %v", err)
			}
		})
	}

	t.Run("400 fields with id and address are sent", func(t *testing.T) {
		client := serve(t, answer(200, "application/json", `{"id":"1"}`))
		if err := person(t.Context(), client, "1", many[:398]); err != nil {
			t.Fatal(err)
		}
	})
}

func person(ctx context.Context, c *bob.Client, who string, fields []string) error {
	_, err := c.Person(ctx, who, fields)
	return err
}

func TestPersonRefusesOtherAnswers(t *testing.T) {
	tests := map[string]string{
		"another person":    `{"id":"3980342332732998350","email":"ada.ashgrove@example.com"}`,
		"no id":             `{"email":"ada.ashgrove@example.com"}`,
		"id of null":        `{"id":null}`,
		"id that is no id":  `{"id":"ada.ashgrove@example.com"}`,
		"empty object":      `{}`,
		"null":              `null`,
		"empty list":        `{"employees":[]}`,
		"no list":           `{"employees":null}`,
		"two people":        `{"employees":[{"id":"3980342332732998349"},{"id":"3980342332732998349"}]}`,
		"list of null":      `{"employees":[null]}`,
		"bare list":         `[{"id":"3980342332732998349"}]`,
		"something follows": `{"id":"3980342332732998349"} {}`,
		"cut off":           `{"id":"3980342332732998349","email":"ada.ashgrove@exam`,
		"nothing":           ``,
		"no JSON":           `ada.ashgrove@example.com`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			client := serve(t, answer(200, "application/json", body))
			r, err := client.Person(t.Context(), personID, nil)
			var content *bob.ContentError
			if !errors.As(err, &content) {
				t.Fatalf("record %v, error %v, want a *ContentError", r, err)
			}
			if diff := cmp.Diff(employee.Record{}, r); diff != "" {
				t.Errorf("a record beside the error:\n%s", diff)
			}
		})
	}
}

func TestSearchRequests(t *testing.T) {
	byField := func(path string, values ...string) map[string]any {
		return map[string]any{
			"fields":        []string{"work.title", "root.id", "root.email"},
			"filters":       []any{map[string]any{"fieldPath": path, "operator": "equals", "values": values}},
			"showInactive":  true,
			"humanReadable": "APPEND",
		}
	}
	everybody := byField("")
	delete(everybody, "filters")
	ids := []string{"3987598587553907167", "3980342572051595995", "3987598587553907167", "42"}
	tests := map[string]struct {
		body any
		call func(context.Context, *bob.Client) ([]employee.Record, error)
	}{
		"by ids, each once": {
			byField("root.id", "3987598587553907167", "3980342572051595995", "42"),
			func(ctx context.Context, c *bob.Client) ([]employee.Record, error) {
				return c.SearchByIDs(ctx, ids, []string{"work.title"})
			},
		},
		"by address": {
			byField("root.email", address),
			func(ctx context.Context, c *bob.Client) ([]employee.Record, error) {
				return c.SearchByEmail(ctx, address, []string{"work.title"})
			},
		},
		"everybody, without the key for filters": {
			everybody,
			func(ctx context.Context, c *bob.Client) ([]employee.Record, error) {
				return c.SearchAll(ctx, []string{"work.title"})
			},
		},
	}
	want := []employee.Record{
		{
			ID:     "3987598587553907167",
			Fields: map[string]any{"root.id": "3987598587553907167", "root.email": address, "work.title": "209192163"},
			Labels: map[string]any{"root.id": "3987598587553907167", "work.title": "Surfer"},
		},
		{
			ID:     "3980342572051595995",
			Fields: map[string]any{"root.id": "3980342572051595995", "root.email": nil, "work.title": nil},
			Labels: map[string]any{"root.id": "3980342572051595995", "work.title": nil},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := serve(t, expect(t, exchange{
				"POST", "/v1/people/search", tt.body, answer(200, "application/json", file(t, "search.json")),
			}))
			got, err := tt.call(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("no ids is no call", func(t *testing.T) {
		got, err := serve(t, expect(t)).SearchByIDs(t.Context(), nil, nil)
		if err != nil || len(got) != 0 {
			t.Errorf("people %v, error %v", got, err)
		}
	})
}

func TestSearchAnswers(t *testing.T) {
	one := `{"id":"1","email":"a@example.com"}`
	tests := map[string]struct {
		body string
		ids  []string // nil where the answer is unusable
	}{
		"nobody":                          {`{"employees":[]}`, []string{}},
		"other keys around":               {`{"total":2,"employees":[` + one + `,{"id":2}],"more":{"employees":[]}}`, []string{"1", "2"}},
		"the same person twice":           {`{"employees":[` + one + `,{"id":"2"},` + one + `]}`, []string{"1", "2"}},
		"one person, two addresses":       {`{"employees":[` + one + `,{"id":"1","email":"b@example.com"}]}`, nil},
		"one person, null beside absent":  {`{"employees":[{"id":"1","email":null},{"id":"1"}]}`, nil},
		"no list":                         {`{}`, nil},
		"list of another name":            {`{"people":[` + one + `]}`, nil},
		"list of null":                    {`{"employees":null}`, nil},
		"list that is an object":          {`{"employees":{"1":` + one + `}}`, nil},
		"two lists":                       {`{"employees":[],"employees":[` + one + `]}`, nil},
		"bare list":                       {`[` + one + `]`, nil},
		"bare person":                     {one, nil},
		"person of null":                  {`{"employees":[` + one + `,null]}`, nil},
		"person that is a text":           {`{"employees":["1"]}`, nil},
		"person without an id":            {`{"employees":[` + one + `,{"email":"b@example.com"}]}`, nil},
		"an error's body":                 {`{"key":"a.b","error":"no","args":{}}`, nil},
		"nothing":                         {``, nil},
		"null":                            {`null`, nil},
		"cut off in the first person":     {`{"employees":[{"id":"1"`, nil},
		"cut off between people":          {`{"employees":[` + one + `,`, nil},
		"cut off before the bracket":      {`{"employees":[` + one, nil},
		"cut off before the brace":        {`{"employees":[` + one + `]`, nil},
		"cut off in a key":                {`{"emplo`, nil},
		"cut off in another value":        {`{"total":[1,`, nil},
		"something follows":               {`{"employees":[` + one + `]}{"employees":[]}`, nil},
		"no JSON between people":          {`{"employees":[` + one + `;` + one + `]}`, nil},
		"person with a number as address": {`{"employees":[{"id":"1","email":7}]}`, []string{"1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := serve(t, answer(200, "application/json", tt.body))
			people, err := client.SearchAll(t.Context(), nil)
			if tt.ids == nil {
				var content *bob.ContentError
				if !errors.As(err, &content) || people != nil {
					t.Fatalf("people %v, error %v, want a *ContentError alone", people, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			ids := []string{}
			for _, p := range people {
				ids = append(ids, p.ID)
			}
			if diff := cmp.Diff(tt.ids, ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchByIDsRefusesStrangers(t *testing.T) {
	client := serve(t, answer(200, "application/json", `{"employees":[{"id":"1"},{"id":"3"}]}`))
	people, err := client.SearchByIDs(t.Context(), []string{"1", "2"}, nil)
	var content *bob.ContentError
	if !errors.As(err, &content) || people != nil {
		t.Fatalf("people %v, error %v, want a *ContentError alone", people, err)
	}
}

const crowd = 10_000

// writeCrowd sends an answer of n people with the flat keys that Bob sends
// along, in chunks, and without its end where whole is false.
func writeCrowd(w http.ResponseWriter, n int, whole bool) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"employees":[`)
	for i := range n {
		if i > 0 {
			_, _ = io.WriteString(w, ",")
		}
		_, _ = fmt.Fprintf(w, `{"\u002froot\u002fid":{"value":"%[1]d"},"id":"%[1]d","email":"p%[1]d@example.com",`+
			`"work":{"title":"%[2]d","startDate":"2026-01-05"},"humanReadable":{"work":{"title":"Title %[2]d"}}}`, i+1, i%50)
	}
	if whole {
		_, _ = io.WriteString(w, `]}`)
	}
}

func TestSearchAllStreamsACrowd(t *testing.T) {
	client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeCrowd(w, crowd, true) }))
	people, err := client.SearchAll(t.Context(), []string{"work.title"})
	if err != nil {
		t.Fatal(err)
	}
	if len(people) != crowd {
		t.Fatalf("%d people, want %d", len(people), crowd)
	}
	for i, p := range people {
		if label, _, err := p.LabelText("work.title"); p.ID != strconv.Itoa(i+1) || err != nil || label != fmt.Sprintf("Title %d", i%50) {
			t.Fatalf("person %d is %+v", i, p)
		}
	}
}

func TestSearchAllNeverReturnsPartOfACrowd(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		limit   int64
	}{
		"the list does not end": {
			handler: func(w http.ResponseWriter, _ *http.Request) { writeCrowd(w, crowd, false) },
		},
		"the connection is cut": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				writeCrowd(w, crowd, false)
				panic(http.ErrAbortHandler)
			},
		},
		"the connection is cut after the last bracket": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				writeCrowd(w, crowd, true)
				panic(http.ErrAbortHandler)
			},
		},
		"less than its announced length": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000000000")
				writeCrowd(w, 10, true)
			},
		},
		"larger than the bound": {
			handler: func(w http.ResponseWriter, _ *http.Request) { writeCrowd(w, crowd, true) },
			limit:   1 << 20,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := serve(t, tt.handler, func(c *bob.Config) { c.MaxSearchBytes = tt.limit })
			people, err := client.SearchAll(t.Context(), nil)
			var content *bob.ContentError
			if !errors.As(err, &content) || people != nil {
				t.Fatalf("%d people, error %v, want a *ContentError alone", len(people), err)
			}
		})
	}
}

func TestSearchBoundIsExact(t *testing.T) {
	body := file(t, "search.json")
	for bound, fits := range map[int]bool{len(body): true, len(body) - 1: false} {
		client := serve(t, answer(200, "application/json", body), func(c *bob.Config) { c.MaxSearchBytes = int64(bound) })
		if _, err := client.SearchAll(t.Context(), nil); (err == nil) != fits {
			t.Errorf("answer of %d bytes, bound %d: %v", len(body), bound, err)
		}
	}
}

func BenchmarkSearchAll(b *testing.B) {
	client := serve(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeCrowd(w, crowd, true) }))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.SearchAll(b.Context(), []string{"work.title", "work.startDate"}); err != nil {
			b.Fatal(err)
		}
	}
}
