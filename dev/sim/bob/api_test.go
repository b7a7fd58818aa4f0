package bob_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/people"
)

func TestReadForms(t *testing.T) {
	s := newSim(t, bob.Settings{})
	tests := map[string]struct{ body, want string }{
		"machine values": {
			`{"fields":["root.id","work.title","work.department","work.workPhone"]}`,
			`{"/root/id":{"value":"` + workerID + `"},"/work/title":{"value":"209192103"},"/work/department":{"value":"255298304"},
			  "id":"` + workerID + `","work":{"title":"209192103","department":"255298304","workPhone":null}}`,
		},
		"empty text is machine values": {
			`{"fields":["root.id"],"humanReadable":""}`,
			`{"/root/id":{"value":"` + workerID + `"},"id":"` + workerID + `"}`,
		},
		"with a readable tree, empty fields left out of it": {
			`{"fields":["work.title","work.department","work.startDate","work.employeeIdInCompany","internal.terminationDate","internal.lifecycleStatus","home.mobilePhone"],"humanReadable":"APPEND"}`,
			`{"/work/title":{"value":"209192103"},"/work/department":{"value":"255298304"},"/work/startDate":{"value":"2020-01-05"},
			  "/work/employeeIdInCompany":{"value":2},"/internal/lifecycleStatus":{"value":"employed"},
			  "work":{"title":"209192103","department":"255298304","startDate":"2020-01-05","employeeIdInCompany":2},
			  "internal":{"terminationDate":null,"lifecycleStatus":"employed"},"home":{"mobilePhone":null},
			  "humanReadable":{"work":{"title":"Surfer","department":"Ferns","startDate":"05/01/2020","employeeIdInCompany":"2"},
			  "internal":{"lifecycleStatus":"Employed"}}}`,
		},
		"replaced": {
			`{"fields":["work.title","work.startDate","work.workPhone","work.siteId"],"humanReadable":"REPLACE"}`,
			`{"/work/title":{"value":"Surfer"},"/work/startDate":{"value":"05/01/2020"},"/work/siteId":{"value":"London"},
			  "work":{"title":"Surfer","startDate":"05/01/2020","workPhone":null,"siteId":"London"}}`,
		},
		"unknown fields and repeated ones": {
			`{"fields":["root.id","work.shoeSize","root.id","nothing"]}`,
			`{"/root/id":{"value":"` + workerID + `"},"id":"` + workerID + `"}`,
		},
		"the manager in all forms": {
			`{"fields":["work.reportsTo","work.manager","work.reportsToIdInCompany"],"humanReadable":"APPEND"}`,
			`{"/work/reportsTo":{"value":{"id":"` + managerID + `","firstName":"Amber","surname":"Fern","email":"amber.fern@example.com","displayName":"Amber Fern"}},
			  "/work/manager":{"value":"` + managerID + `"},"/work/reportsToIdInCompany":{"value":1},
			  "work":{"reportsTo":{"id":"` + managerID + `","firstName":"Amber","surname":"Fern","email":"amber.fern@example.com","displayName":"Amber Fern"},
			  "manager":"` + managerID + `","reportsToIdInCompany":1},
			  "humanReadable":{"work":{"reportsTo":"Amber Fern","manager":"Amber Fern","reportsToIdInCompany":"1"}}}`,
		},
		"no fields: the basic ones": {
			``,
			`{"/root/id":{"value":"` + workerID + `"},"/root/companyId":{"value":636192},"/root/email":{"value":"teal.moss@example.com"},
			  "/root/firstName":{"value":"Teal"},"/root/surname":{"value":"Moss"},"/root/fullName":{"value":"Teal Moss"},"/root/displayName":{"value":"Teal Moss"},
			  "id":"` + workerID + `","companyId":636192,"email":"teal.moss@example.com","firstName":"Teal","surname":"Moss","fullName":"Teal Moss",
			  "displayName":"Teal Moss","secondName":null,"creationDateTime":null,"coverImageUrl":null,"avatarUrl":null}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := s.do("POST", "/v1/people/"+workerID, tt.body)
			require.Equal(t, 200, a.status, a.body)
			require.Contains(t, a.header.Get("Content-Type"), "application/json")
			require.JSONEq(t, tt.want, a.body)
		})
	}
}

func TestSearchScope(t *testing.T) {
	byID := func(ids ...string) string {
		quoted, err := json.Marshal(ids)
		require.NoError(t, err)
		return `"filters":[{"fieldPath":"root.id","operator":"equals","values":` + string(quoted) + `}]`
	}
	tests := map[string]struct {
		settings bob.Settings
		query    string
		want     []string
	}{
		"hires are hidden":                {query: `"showInactive":false`, want: []string{managerID, workerID}},
		"unless asked for":                {query: `"showInactive":true`, want: []string{managerID, workerID, hireID}},
		"by ids, in their order and once": {query: `"showInactive":true,` + byID(hireID, managerID, hireID), want: []string{hireID, managerID}},
		"unknown ids are missing":         {query: byID("1", workerID), want: []string{workerID}},
		"an inactive id is hidden too":    {query: byID(hireID), want: nil},
		"by address in another case": {
			query: `"filters":[{"fieldPath":"root.email","operator":"equals","values":["Teal.Moss@example.com","nobody@example.com"]}]`,
			want:  []string{workerID},
		},
		"no filters: null":              {query: `"filters":null`, want: []string{managerID, workerID}},
		"people out of scope":           {settings: bob.Settings{HiddenPeople: []string{managerID}}, query: `"showInactive":true`, want: []string{workerID, hireID}},
		"employed people alone visible": {settings: bob.Settings{EmployedOnly: true}, query: `"showInactive":true`, want: []string{managerID, workerID}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, tt.settings)
			var got []string
			for _, e := range s.employees(`{"fields":["root.id"],` + tt.query + `}`) {
				got = append(got, e.(map[string]any)["id"].(string))
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestSearchRefuses(t *testing.T) {
	many := `"root.id"` + strings.Repeat(`,"root.id"`, 400)
	filter := func(path, operator, values string) string {
		return `{"filters":[{"fieldPath":"` + path + `","operator":"` + operator + `","values":` + values + `}]}`
	}
	one := `{"fieldPath":"root.id","operator":"equals","values":["1"]}`
	tests := map[string]struct{ body, key string }{
		"no JSON":                    {`{"fields":`, "timestamp"},
		"more than 400 fields":       {`{"fields":[` + many + `]}`, "key"},
		"empty filters":              {`{"filters":[]}`, "key"},
		"two filters":                {`{"filters":[` + one + `,` + one + `]}`, "key"},
		"filter on another field":    {filter("work.title", "equals", `["1"]`), "key"},
		"another operator":           {filter("root.id", "contains", `["1"]`), "key"},
		"no values":                  {filter("root.id", "equals", `[]`), "key"},
		"values that are no list":    {filter("root.id", "equals", `"1"`), "key"},
		"humanReadable as a boolean": {`{"humanReadable":true}`, "key"},
		"humanReadable in any text":  {`{"humanReadable":"append"}`, "key"},
		"fields as text":             {`{"fields":"root.id"}`, "key"},
	}
	s := newSim(t, bob.Settings{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := s.do("POST", "/v1/people/search", tt.body)
			require.Equal(t, 400, a.status, a.body)
			require.Contains(t, a.json(t), tt.key)
		})
	}
}

func TestReadPerson(t *testing.T) {
	tests := map[string]struct {
		settings   bob.Settings
		identifier string
		status     int
		body       string
	}{
		"an inactive one":       {identifier: hireID, status: 200, body: `{"/root/id":{"value":"` + hireID + `"},"id":"` + hireID + `"}`},
		"by address":            {identifier: "teal.moss%40example.com", status: 200, body: `{"/root/id":{"value":"` + workerID + `"},"id":"` + workerID + `"}`},
		"nobody":                {identifier: "42", status: 404},
		"nobody's address":      {identifier: "nobody@example.com", status: 404},
		"somebody out of scope": {settings: bob.Settings{HiddenPeople: []string{workerID}}, identifier: workerID, status: 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newSim(t, tt.settings).do("POST", "/v1/people/"+tt.identifier, `{"fields":["root.id"]}`)
			require.Equal(t, tt.status, a.status)
			if tt.body == "" {
				require.Empty(t, a.body)
				return
			}
			require.JSONEq(t, tt.body, a.body)
		})
	}
}

func TestAnAddressOfTwoMeansTheActiveOne(t *testing.T) {
	s := newSim(t, bob.Settings{})
	s.put(workerID, `{"internal":{"status":"Inactive","lifecycleStatus":"terminated"}}`)
	s.put("77", `{"email":"teal.moss@example.com"}`)
	a := s.do("POST", "/v1/people/teal.moss@example.com", `{"fields":["root.id"]}`)
	require.Equal(t, "77", a.json(t).(map[string]any)["id"])
}

func TestHiddenFieldsAreMissingNotNull(t *testing.T) {
	for name, hidden := range map[string]string{"by id": "work.workMobile", "by category": "workContact"} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, bob.Settings{HiddenFields: []string{hidden}})
			a := s.do("POST", "/v1/people/"+workerID, `{"fields":["root.id","work.workMobile"],"humanReadable":"APPEND"}`)
			require.JSONEq(t, `{"/root/id":{"value":"`+workerID+`"},"id":"`+workerID+`","humanReadable":{"id":"`+workerID+`"}}`, a.body)
		})
	}
}

func TestLabelsCanBeMissing(t *testing.T) {
	s := newSim(t, bob.Settings{HideLabels: true})
	a := s.do("POST", "/v1/people/"+workerID, `{"fields":["work.title","root.surname"],"humanReadable":"APPEND"}`)
	require.Equal(t, map[string]any{"surname": "Moss"}, a.json(t).(map[string]any)["humanReadable"])

	s = newSim(t, bob.Settings{})
	s.put(workerID, `{"work":{"title":"999999999"}}`) // an item that the list does not have any more
	a = s.do("POST", "/v1/people/"+workerID, `{"fields":["work.title"],"humanReadable":"APPEND"}`)
	require.JSONEq(t, `{"/work/title":{"value":"999999999"},"work":{"title":"999999999"},"humanReadable":{}}`, a.body)
}

func TestFields(t *testing.T) {
	s := newSim(t, bob.Settings{})
	s.put(workerID, `{"work":{"custom":{"field_1689000000001":"blue"}}}`)
	described := map[string]map[string]any{}
	for _, f := range s.do("GET", "/v1/company/people/fields", "").json(t).([]any) {
		f := f.(map[string]any)
		described[f["id"].(string)] = f
	}
	require.Equal(t, map[string]any{
		"id": "work.title", "name": "Job title", "category": "work", "categoryId": "work", "categoryDisplayName": "Work",
		"description": nil, "jsonPath": "work.title", "type": "list", "historical": true, "typeData": map[string]any{"listId": "title"},
	}, described["work.title"])
	require.Equal(t, "email", described["root.email"]["jsonPath"])
	require.Equal(t, "workContact", described["work.workMobile"]["category"])
	require.Contains(t, described, "work.custom.field_1689000000001")

	// Defined by one person's value, it is readable for all.
	a := s.do("POST", "/v1/people/"+managerID, `{"fields":["work.custom.field_1689000000001"]}`)
	require.JSONEq(t, `{"work":{"custom":{"field_1689000000001":null}}}`, a.body)
	a = s.do("POST", "/v1/people/"+workerID, `{"fields":["work.custom.field_1689000000001"]}`)
	require.JSONEq(t, `{"/work/custom/field_1689000000001":{"value":"blue"},"work":{"custom":{"field_1689000000001":"blue"}}}`, a.body)
}

func TestNamedLists(t *testing.T) {
	s := newSim(t, bob.Settings{})
	ferns := map[string]any{"id": "255298304", "value": "Ferns", "name": "Ferns", "archived": false, "children": []any{}}

	list := s.do("GET", "/v1/company/named-lists/department", "").json(t).(map[string]any)
	require.Equal(t, "department", list["name"])
	require.Contains(t, list["values"].([]any)[2].(map[string]any)["children"], ferns)

	all := s.do("GET", "/v1/company/named-lists", "").json(t).(map[string]any)
	require.Equal(t, list, all["department"])
	require.Contains(t, all, "title")
	site := all["site"].(map[string]any)["values"].([]any)[0].(map[string]any)
	require.Equal(t, json.Number("2471901"), site["id"], "ids of sites are integers")

	require.Equal(t, 404, s.do("GET", "/v1/company/named-lists/Department", "").status, "names are case-sensitive")

	require.Equal(t, 200, s.do("PUT", "/_sim/settings", `{"list_key":"items"}`).status)
	require.Contains(t, s.do("GET", "/v1/company/named-lists/title", "").json(t), "items")
}

func TestPathsWithoutVersionAreCountedWithIt(t *testing.T) {
	s := newSim(t, bob.Settings{})
	for _, prefix := range []string{"/v1", ""} {
		require.Equal(t, 200, s.do("POST", prefix+"/people/search", `{}`).status)
		require.Equal(t, 200, s.do("POST", prefix+"/people/teal.moss%40example.com", `{}`).status)
		require.Equal(t, 200, s.do("GET", prefix+"/company/people/fields", "").status)
		require.Equal(t, 200, s.do("GET", prefix+"/company/named-lists", "").status)
		require.Equal(t, 200, s.do("GET", prefix+"/company/named-lists/title", "").status)
	}
	require.JSONEq(t, `{"POST /v1/people/search":2,"POST /v1/people/{identifier}":2,"GET /v1/company/people/fields":2,
		"GET /v1/company/named-lists":2,"GET /v1/company/named-lists/{list}":2}`, s.do("GET", "/_sim/calls", "").body)
}

func TestWrongPathsAnswerAPage(t *testing.T) {
	s := newSim(t, bob.Settings{})
	for _, call := range [][2]string{{"GET", "/v1/people/search"}, {"GET", "/"}, {"POST", "/v2/people/search"}, {"POST", "/v1/v1/people/search"}, {"GET", "/v1/company/named-list"}} {
		a := s.do(call[0], call[1], "")
		require.Equal(t, 200, a.status, call)
		require.Contains(t, a.header.Get("Content-Type"), "text/html", call)
	}
}

func TestGETWithAContentTypeIsRefused(t *testing.T) {
	s := newSim(t, bob.Settings{})
	req, err := http.NewRequest("GET", s.url+"/v1/company/people/fields", nil)
	require.NoError(t, err)
	req.SetBasicAuth(userID, token)
	req.Header.Set("Content-Type", "application/json")
	require.Equal(t, 400, s.send(req).status)
}

func TestCredentials(t *testing.T) {
	s := newSim(t, bob.Settings{})
	tests := map[string]struct {
		authorize func(*http.Request)
		json      bool
	}{
		"none":        {func(*http.Request) {}, true},
		"bearer":      {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, true},
		"wrong user":  {func(r *http.Request) { r.SetBasicAuth("SERVICE-other", token) }, false},
		"wrong token": {func(r *http.Request) { r.SetBasicAuth(userID, "other") }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest("POST", s.url+"/v1/people/search", strings.NewReader(`{}`))
			require.NoError(t, err)
			tt.authorize(req)
			a := s.send(req)
			require.Equal(t, 401, a.status)
			require.Empty(t, a.header.Get("X-RateLimit-Limit"))
			if tt.json {
				require.Contains(t, a.json(t), "statusCode")
			} else {
				require.Empty(t, a.body)
			}
		})
	}
}

func TestRateLimit(t *testing.T) {
	s := newSim(t, bob.Settings{PerMinute: 3})
	reset := fmt.Sprint(now.Truncate(time.Minute).Add(time.Minute).Unix())
	for _, remaining := range []string{"2", "1", "0"} {
		a := s.do("POST", "/v1/people/search", `{}`)
		require.Equal(t, 200, a.status)
		require.Equal(t, "3", a.header.Get("X-RateLimit-Limit"))
		require.Equal(t, remaining, a.header.Get("X-RateLimit-Remaining"))
		require.Equal(t, reset, a.header.Get("X-RateLimit-Reset"))
	}
	retryAfter := 0
	for range 4 {
		a := s.do("POST", "/people/search", `{}`)
		require.Equal(t, 429, a.status)
		require.Empty(t, a.body)
		require.Equal(t, reset, a.header.Get("X-RateLimit-Reset"))
		if a.header.Get("Retry-After") != "" {
			retryAfter++
		}
	}
	require.Equal(t, 2, retryAfter, "Retry-After is there sometimes")
	require.Equal(t, 200, s.do("POST", "/v1/people/"+workerID, `{}`).status, "each endpoint has its own minute")

	s.ctl.Clock().Advance(time.Minute)
	require.Equal(t, 200, s.do("POST", "/v1/people/search", `{}`).status)
}

func TestRateLimitDefaultAndNone(t *testing.T) {
	for name, tt := range map[string]struct{ perMinute, served int }{"default": {0, 50}, "none": {-1, 60}} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, bob.Settings{PerMinute: tt.perMinute})
			served := 0
			for range 60 {
				if s.do("POST", "/v1/people/"+workerID, `{"fields":["root.id"]}`).status == 200 {
					served++
				}
			}
			require.Equal(t, tt.served, served)
		})
	}
}

func TestFirewall(t *testing.T) {
	t.Run("50 refusals within 10 seconds block right credentials for 5 minutes", func(t *testing.T) {
		s := newSim(t, bob.Settings{})
		s.token = "wrong"
		for range 50 {
			require.Equal(t, 401, s.do("POST", "/v1/people/search", `{}`).status)
		}
		s.token = token
		require.Equal(t, 403, s.do("POST", "/v1/people/search", `{}`).status)
		require.Contains(t, s.do("GET", "/_sim/firewall", "").body, `"blocks":1,"blocked_until":"2026-03-02T12:05:3`)

		s.ctl.Clock().Advance(4 * time.Minute)
		require.Equal(t, 403, s.do("POST", "/v1/people/search", `{}`).status)
		s.ctl.Clock().Advance(time.Minute)
		require.Equal(t, 200, s.do("POST", "/v1/people/search", `{}`).status)
		require.Equal(t, bob.Firewall{Blocks: 1}, s.bob.Firewall())
	})
	t.Run("planned refusals count", func(t *testing.T) {
		s := newSim(t, bob.Settings{})
		require.Equal(t, 200, s.do("POST", "/_sim/faults", `{"count":50,"status":403}`).status)
		for range 50 {
			require.Equal(t, 403, s.do("POST", "/v1/people/search", `{}`).status)
		}
		require.NotNil(t, s.bob.Firewall().BlockedUntil)
	})
	t.Run("spread over time they block nothing", func(t *testing.T) {
		s := newSim(t, bob.Settings{})
		s.token = "wrong"
		for range 60 {
			require.Equal(t, 401, s.do("POST", "/v1/people/search", `{}`).status)
			s.ctl.Clock().Advance(time.Second)
		}
		require.Equal(t, bob.Firewall{}, s.bob.Firewall())
	})
}

func TestStaleReads(t *testing.T) {
	s := newSim(t, bob.Settings{})
	require.Equal(t, 200, s.do("PUT", "/_sim/settings", `{"stale_for":"20s"}`).status)
	clock := s.ctl.Clock()

	s.put(workerID, `{"work":{"title":"Tea Taster"}}`)
	clock.Advance(15 * time.Second)
	s.put(workerID, `{"work":{"title":"Map Folder"}}`)
	require.Equal(t, "209192103", s.title(), "before both writes")
	person, err := s.bob.Person(workerID)
	require.NoError(t, err)
	require.Equal(t, "209192109", person["work"].(map[string]any)["title"], "controls show what is")

	clock.Advance(6 * time.Second)
	require.Equal(t, "209192108", s.title(), "between the writes")
	clock.Advance(15 * time.Second)
	require.Equal(t, "209192109", s.title(), "after both")
	require.Equal(t, 2, s.bob.StaleReads())

	s.put("55", `{"email":"new@example.com"}`)
	require.Equal(t, 404, s.do("POST", "/v1/people/55", `{}`).status, "a new record is not there yet")
	require.NoError(t, s.bob.Remove(managerID))
	require.Equal(t, 200, s.do("POST", "/v1/people/"+managerID, `{}`).status, "a removed one still is")
	clock.Advance(21 * time.Second)
	require.Equal(t, 200, s.do("POST", "/v1/people/55", `{}`).status)
	require.Equal(t, 404, s.do("POST", "/v1/people/"+managerID, `{}`).status)
	a := s.do("POST", "/v1/people/"+workerID, `{"fields":["work.reportsTo"]}`)
	require.JSONEq(t, `{"work":{"reportsTo":null}}`, a.body, "a removed manager is none")
}

func TestAutoLifecycle(t *testing.T) {
	hire := `{"fields":["internal.status","internal.lifecycleStatus"]}`
	read := func(s *sim) string { return s.do("POST", "/v1/people/"+hireID, hire).body }
	start := time.Date(2026, 3, 3, 11, 0, 0, 0, time.UTC) // midnight of 4 March in Auckland

	s := newSim(t, bob.Settings{AutoLifecycle: true})
	s.ctl.Clock().Set(start.Add(-time.Minute))
	require.Contains(t, read(s), `"lifecycleStatus":"hired"`)
	s.ctl.Clock().Set(start)
	require.Contains(t, read(s), `"internal":{"status":"Active","lifecycleStatus":"employed"}`)
	require.Len(t, s.employees(`{}`), 3)

	s.put(workerID, `{"internal":{"terminationDate":"2026-03-03"}}`)
	require.Len(t, s.employees(`{}`), 3, "the last day is not over")
	s.ctl.Clock().Set(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC))
	require.Len(t, s.employees(`{}`), 2)

	s = newSim(t, bob.Settings{})
	s.ctl.Clock().Set(start)
	require.Contains(t, read(s), `"lifecycleStatus":"hired"`, "off, it takes a PUT")
}

func TestEverybodyInOneAnswer(t *testing.T) {
	const n = 3000
	s := newSim(t, bob.Settings{})
	for _, p := range people.Generate(n, now) {
		require.NoError(t, s.bob.Seed(p.Record))
	}
	found := s.employees(`{"fields":["root.id","root.displayName","work.title","work.reportsTo"],"showInactive":true,"humanReadable":"APPEND"}`)
	require.Len(t, found, n+3)
	require.Equal(t, people.ID(n-1), found[n+2].(map[string]any)["id"])
}
