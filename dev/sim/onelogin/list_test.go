package onelogin_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/onelogin"
)

// people are the users that the listing tests look for, by username.
var people = []map[string]any{
	{"username": "ada", "email": "Ada@Example.com", "external_id": "B1", "firstname": "Ada", "directory_id": 7, "updated_at": "2026-01-01T00:00:00.000Z", "created_at": "2025-01-01T00:00:00Z", "custom_attributes": map[string]any{"work_cell": "1"}},
	{"username": "bea", "email": "bea@example.com", "external_id": "B2", "firstname": "Bea", "updated_at": "2026-01-02T00:00:00.000Z", "created_at": "2025-02-01T00:00:00Z", "last_login": "2026-01-02T00:00:00Z"},
	{"username": "cyd", "email": "cyd@example.org", "external_id": "b2", "firstname": "Cyd", "updated_at": "2026-01-03T00:00:00.000Z", "created_at": "2025-03-01T00:00:00Z", "custom_attributes": map[string]any{"work_cell": "10"}},
	{"username": "dan", "external_id": "B2", "firstname": "Dan*", "updated_at": "2026-01-04T00:00:00.000Z", "created_at": "2025-04-01T00:00:00Z"},
}

func withPeople(t *testing.T) (*account, []int64) {
	t.Helper()
	a := newAccount(t, onelogin.Config{})
	a.DefineCustomAttribute("Work Cell", "work_cell")
	return a, a.Seed(people...)
}

func usernames(users []object) []string {
	names := []string{}
	for _, u := range users {
		names = append(names, u["username"].(string))
	}
	return names
}

func TestListingFilters(t *testing.T) {
	tests := map[string]struct {
		query url.Values
		want  string // usernames
	}{
		"none":                           {nil, "ada bea cyd dan"},
		"email in another case":          {url.Values{"email": {"ada@EXAMPLE.com"}}, "ada"},
		"email of nobody":                {url.Values{"email": {"eve@example.com"}}, ""},
		"email with a wildcard":          {url.Values{"email": {"*@EXAMPLE.com"}}, "ada bea"},
		"a wildcard within":              {url.Values{"email": {"b*@*.com"}}, "bea"},
		"wildcards do not overlap":       {url.Values{"username": {"ada*ada"}}, ""},
		"email of users without one":     {url.Values{"email": {""}}, "dan"},
		"username in another case":       {url.Values{"username": {"CYD"}}, "cyd"},
		"external id, exact case":        {url.Values{"external_id": {"B2"}}, "bea dan"},
		"external id of nobody":          {url.Values{"external_id": {"B"}}, ""},
		"external id with a wildcard":    {url.Values{"external_id": {"B*"}}, "ada bea dan"},
		"directory id":                   {url.Values{"directory_id": {"7"}}, "ada"},
		"first name, exact case":         {url.Values{"firstname": {"bea"}}, ""},
		"custom attribute":               {url.Values{"custom_attributes.work_cell": {"1"}}, "ada"},
		"custom attribute with wildcard": {url.Values{"custom_attributes.work_cell": {"1*"}}, "ada cyd"},
		"updated since, inclusive":       {url.Values{"updated_since": {"2026-01-03T00:00:00Z"}}, "cyd dan"},
		"updated since, with an offset":  {url.Values{"updated_since": {"2026-01-03T01:00:00.001+01:00"}}, "dan"},
		"updated since a day":            {url.Values{"updated_since": {"2026-01-04"}}, "dan"},
		"created between":                {url.Values{"created_since": {"2025-02-01"}, "created_until": {"2025-04-01"}}, "bea cyd"},
		"logged in since":                {url.Values{"last_login_since": {"2020-01-01"}}, "bea"},
		"all filters must hold":          {url.Values{"external_id": {"B2"}, "email": {"*@example.com"}}, "bea"},
		"indexed filters must both hold": {url.Values{"external_id": {"B1"}, "email": {"bea@example.com"}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, _ := withPeople(t)
			got := a.call("GET /api/2/users?"+tt.query.Encode(), "")
			if diff := cmp.Diff(strings.Fields(tt.want), usernames(got.list(t))); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			if count := strconv.Itoa(len(strings.Fields(tt.want))); got.header.Get("Total-Count") != count {
				t.Errorf("Total-Count %s, want %s", got.header.Get("Total-Count"), count)
			}
		})
	}
	t.Run("user ids", func(t *testing.T) {
		a, ids := withPeople(t)
		query := fmt.Sprintf("user_ids=%d,%d,%d,1", ids[2], ids[0], ids[0])
		if diff := cmp.Diff([]string{"ada", "cyd"}, usernames(a.call("GET /api/2/users?"+query, "").list(t))); diff != "" {
			t.Errorf("users (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{}, usernames(a.call("GET /api/2/users?username=bea&"+query, "").list(t))); diff != "" {
			t.Errorf("with another filter (-want +got):\n%s", diff)
		}
	})
}

func TestListingFields(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	a.DefineCustomAttribute("Work Cell", "work_cell")
	a.DefineCustomAttribute("Employee Number", "employeenumber")
	full := fileObject(t, "user.json")
	a.Seed(full)

	t.Run("items are thin by default", func(t *testing.T) {
		a.call("GET /api/2/users", "").want(t, 200, "["+readFile(t, "list_item.json")+"]")
	})
	t.Run("only the fields asked for, and the id", func(t *testing.T) {
		a.call("GET /api/2/users?fields=title,%20custom_attributes,title", "").want(t, 200,
			`[{"id":60000100,"title":"Surfer","custom_attributes":{"work_cell":null,"employeenumber":"17"}}]`)
	})
	t.Run("every attribute can be asked for", func(t *testing.T) {
		names := slices.Sorted(maps.Keys(full))
		a.call("GET /api/2/users?fields="+strings.Join(names, ","), "").want(t, 200, "["+readFile(t, "user.json")+"]")
	})
	t.Run("one user has them all", func(t *testing.T) {
		a.call("GET /api/2/users/60000100", "").want(t, 200, readFile(t, "user.json"))
	})
}

func TestListingsThatAreRefused(t *testing.T) {
	badRequest := func(message string) string {
		return `{"message":"` + message + `","name":"BadRequestError","statusCode":400}`
	}
	field := func(message, field string) string {
		return `{"message":"` + message + `","field":"` + field + `","name":"UnprocessableEntityFieldError","statusCode":422}`
	}
	paging := func(description string) string {
		return `{"status":400,"error":"BadRequestError","description":"` + description + `"}`
	}
	const xor = "Requests can only have cursor xor pagination arguments"
	tests := map[string]struct {
		query  string
		status int
		body   string
	}{
		"unknown parameter":          {"first_login=x", 400, badRequest("query parameter(s) not allowed: first_login")},
		"unknown parameters":         {"b=1&email=x&a=2", 400, badRequest("query parameter(s) not allowed: a, b")},
		"undefined custom attribute": {"custom_attributes.shoe=1", 400, badRequest("query parameter(s) not allowed: custom_attributes.shoe")},
		"unknown field":              {"fields=id,fisrtName", 422, field("Invalid display field(s) for User: fisrtName", "fields")},
		"field never shown":          {"fields=password", 422, field("Invalid display field(s) for User: password", "fields")},
		"sort by another field":      {"sort=-created_at", 422, field("Invalid sort field: created_at", "created_at")},
		"cursor with limit":          {"cursor=bGltaXQ9MTAmcGFnZT0y&limit=10", 400, paging(xor)},
		"cursor with page":           {"cursor=bGltaXQ9MTAmcGFnZT0y&page=1", 400, paging(xor)},
		"cursor of nonsense":         {"cursor=!", 400, paging("Invalid cursor")},
		"cursor without a page":      {"cursor=bGltaXQ9MTA=", 400, paging("Invalid cursor")},
		"limit of nothing":           {"limit=0", 400, paging("limit must be a positive integer")},
		"limit that is no number":    {"limit=all", 400, paging("limit must be a positive integer")},
		"page before the first":      {"page=0", 400, paging("page must be a positive integer")},
		"user id that is no number":  {"user_ids=1,x", 400, badRequest("user_ids must be a list of integers")},
		"time that is none":          {"updated_since=yesterday", 400, badRequest("updated_since must be an ISO 8601 time")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, _ := withPeople(t)
			a.call("GET /api/2/users?"+tt.query, "").want(t, tt.status, tt.body)
		})
	}
}

// crowd is an account of n users whose usernames are their places from 0.
func crowd(tb testing.TB, a *account, n int) []int64 {
	tb.Helper()
	users := make([]map[string]any, n)
	for i := range users {
		users[i] = map[string]any{"username": strconv.Itoa(i), "email": fmt.Sprintf("u%d@example.com", i)}
	}
	return a.Seed(users...)
}

func TestListingPages(t *testing.T) {
	span := func(from, to int) []string {
		names := []string{}
		for i := from; i != to; {
			names = append(names, strconv.Itoa(i))
			if from < to {
				i++
			} else {
				i--
			}
		}
		return names
	}
	cursor := func(query string) string { return base64.StdEncoding.EncodeToString([]byte(query)) }
	tests := map[string]struct {
		query                       string
		want                        []string
		page, items, pages, nextCur string
	}{
		"by default 50":             {"", span(0, 50), "1", "50", "5", "limit=50&page=2"},
		"limit":                     {"limit=100", span(0, 100), "1", "100", "3", "limit=100&page=2"},
		"limit over the cap":        {"limit=500", span(0, 100), "1", "100", "3", "limit=100&page=2"},
		"last page":                 {"limit=100&page=3", span(200, 230), "3", "30", "3", ""},
		"beyond the last page":      {"limit=100&page=4", span(0, 0), "4", "0", "3", ""},
		"far beyond the last page":  {"page=9223372036854775807", span(0, 0), "9223372036854775807", "0", "5", ""},
		"sorted, + not escaped":     {"sort=+id&limit=10", span(0, 10), "1", "10", "23", "limit=10&page=2&sort=%2Bid"},
		"sorted, + escaped":         {"sort=%2Bid&limit=10&page=2", span(10, 20), "2", "10", "23", "limit=10&page=3&sort=%2Bid"},
		"sorted without a sign":     {"sort=id&limit=10", span(0, 10), "1", "10", "23", "limit=10&page=2&sort=id"},
		"sorted downwards":          {"sort=-id&limit=100&page=3", span(29, -1), "3", "30", "3", ""},
		"by cursor":                 {"cursor=" + url.QueryEscape(cursor("limit=10&page=2")), span(10, 20), "2", "10", "23", "limit=10&page=3"},
		"by cursor, sorted":         {"cursor=" + url.QueryEscape(cursor("limit=10&page=2&sort=-id")), span(219, 209), "2", "10", "23", "limit=10&page=3&sort=-id"},
		"filtered":                  {"username=1*&limit=100&page=2", span(189, 200), "2", "11", "2", ""},
		"filtered, nothing matches": {"username=x*", span(0, 0), "1", "0", "0", ""},
	}
	a := newAccount(t, onelogin.Config{BurstPerSecond: -1})
	crowd(t, a, 230)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := a.call("GET /api/2/users?"+tt.query, "")
			if diff := cmp.Diff(tt.want, usernames(got.list(t))); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			next, err := base64.StdEncoding.DecodeString(got.header.Get("After-Cursor"))
			if err != nil {
				t.Errorf("After-Cursor: %v", err)
			}
			headers := []string{got.header.Get("Current-Page"), got.header.Get("Page-Items"), got.header.Get("Total-Pages"), string(next)}
			if diff := cmp.Diff([]string{tt.page, tt.items, tt.pages, tt.nextCur}, headers); diff != "" {
				t.Errorf("page, items, pages, cursor (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListingLinks(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	crowd(t, a, 3)
	link := func(page int, rel string) string {
		return fmt.Sprintf(`<%s/api/2/users?email=%%2A&limit=1&page=%d>; rel=%q`, a.url, page, rel)
	}
	want := strings.Join([]string{link(1, "first"), link(1, "prev"), link(3, "next"), link(3, "last")}, ", ")
	if got := a.call("GET /api/2/users?email=*&limit=1&page=2", "").header.Get("Link"); got != want {
		t.Errorf("Link\n%s, want\n%s", got, want)
	}
}

func TestListingFollowsDeletionsAndSeededIDs(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	ids := crowd(t, a, 3)
	a.Seed(map[string]any{"id": 5, "username": "early"})
	if got := a.call(fmt.Sprintf("DELETE /api/2/users/%d", ids[1]), ""); got.status != 204 {
		t.Fatalf("delete: %d", got.status)
	}
	if diff := cmp.Diff([]string{"early", "0", "2"}, usernames(a.call("GET /api/2/users", "").list(t))); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(ids) || ids[2]-ids[0] < 3 {
		t.Errorf("ids %v do not rise with gaps", ids)
	}
}

func BenchmarkListing(b *testing.B) {
	// A page costs the same whatever the size of the account.
	for _, n := range []int{1_000, 100_000} {
		a := newAccount(b, onelogin.Config{BurstPerSecond: -1, HourlyBudget: -1})
		crowd(b, a, n)
		for name, query := range map[string]string{
			"last page": fmt.Sprintf("sort=%%2Bid&limit=100&page=%d", n/100),
			"email":     "email=u1@example.com",
		} {
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				for b.Loop() {
					if got := a.call("GET /api/2/users?"+query, ""); got.status != 200 {
						b.Fatal(got.status)
					}
				}
			})
		}
	}
}
