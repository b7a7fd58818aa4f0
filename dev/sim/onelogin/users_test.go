package onelogin_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/onelogin"
)

const (
	noSuchUser  = `{"message":"The resource with the given id could not be found","name":"NotFoundError","statusCode":404}`
	badJSONPage = "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n"
	ownerUser   = `{"message":"Validation failed: cannot modify Account owner","name":"UnprocessableEntityError","statusCode":422}`
)

func failed(clauses string) string {
	return `{"message":"Validation failed: ` + clauses + `","name":"UnprocessableEntityError","statusCode":422}`
}

func badRequest(message string) string {
	return `{"message":"` + message + `","name":"BadRequestError","statusCode":400}`
}

func TestCreateAnswersTheWholeUser(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	a.DefineCustomAttribute("Work Cell", "work_cell")
	got := a.call("POST /api/2/users?mappings=sync&validate_policy=false",
		`{"email":"Ada@example.com","username":"ada","status":2,"custom_attributes":{"work_cell":"1"}}`)
	user := got.object(t)
	if got.status != http.StatusCreated {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fileObject(t, "user.json"))), slices.Sorted(maps.Keys(user))); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	want := object{
		"email": "Ada@example.com", "username": "ada", "status": 2.0, "state": 1.0, "firstname": nil,
		"role_ids": []any{}, "custom_attributes": map[string]any{"work_cell": "1"}, "invalid_login_attempts": 0.0,
	}
	for name, value := range want {
		if diff := cmp.Diff(value, user[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	created, err := time.Parse("2006-01-02T15:04:05.000Z", user["created_at"].(string))
	if err != nil || a.ctl.Clock().Now().Sub(created) > time.Minute {
		t.Errorf("created_at %v: %v", user["created_at"], err)
	}
	id := strconv.FormatFloat(user["id"].(float64), 'f', -1, 64)
	if diff := cmp.Diff(user, a.user(id)); diff != "" {
		t.Errorf("read back (-created +read):\n%s", diff)
	}
}

func TestContentTypeIsNotLookedAt(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		a := newAccount(t, onelogin.Config{})
		got := a.send("POST", "/api/2/users", `{"username":"ada"}`, "bearer "+a.token,
			func(r *http.Request) { r.Header.Set("Content-Type", contentType) })
		if got.status != http.StatusCreated {
			t.Errorf("%q: %d %s", contentType, got.status, got.body)
		}
	}
}

func TestCreateDefaults(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	user := a.call("POST /api/2/users", `{"username":"ada"}`).object(t)
	if user["status"] != 1.0 || user["state"] != 1.0 {
		t.Errorf("status %v, state %v, want 1, 1", user["status"], user["state"])
	}
}

// TestWritesThatAreRefused holds for creates and for updates of another user.
func TestWritesThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		query, body string
		status      int
		want        string
	}{
		"unknown attribute":             {"", `{"username":"x","employee_number":1}`, 400, badRequest("unknown attribute: employee_number")},
		"mobile phone":                  {"", `{"username":"x","mobile_phone":"1"}`, 400, badRequest("unknown attribute: mobile_phone")},
		"unknown query parameter":       {"?dry=1&b=2", `{"username":"x"}`, 400, badRequest("query parameter(s) not allowed: b, dry")},
		"unknown mappings":              {"?mappings=later", `{"username":"x"}`, 400, badRequest("mappings must be async, sync or disabled")},
		"unknown validate_policy":       {"?validate_policy=1", `{"username":"x"}`, 400, badRequest("validate_policy must be true or false")},
		"malformed JSON":                {"", `{"username":`, 400, badJSONPage},
		"two JSON values":               {"", `{"username":"x"}{}`, 400, badJSONPage},
		"a list":                        {"", `[]`, 400, badRequest("request body must be an object")},
		"status as text":                {"", `{"username":"x","status":"2"}`, 422, failed("Status must be an integer")},
		"status as a fraction":          {"", `{"username":"x","status":1.5}`, 422, failed("Status must be an integer")},
		"status there is not":           {"", `{"username":"x","status":6}`, 422, failed("Status is not included in the list")},
		"status null":                   {"", `{"username":"x","status":null}`, 422, failed("Status must be an integer")},
		"text as a number":              {"", `{"username":"x","external_id":17}`, 422, failed("External id must be a string")},
		"manager as text":               {"", `{"username":"x","manager_user_id":"1"}`, 422, failed("Manager user id must be an integer")},
		"manager nobody is":             {"", `{"username":"x","manager_user_id":1}`, 422, failed("Manager user could not be found")},
		"undefined custom attribute":    {"", `{"username":"x","custom_attributes":{"shoe":"1"}}`, 422, failed("Custom attribute shoe is not defined")},
		"custom attribute as a number":  {"", `{"username":"x","custom_attributes":{"work_cell":1}}`, 422, failed("Custom attribute work_cell must be a string")},
		"custom attributes as a list":   {"", `{"username":"x","custom_attributes":[]}`, 422, failed("Custom attributes must be an object")},
		"no address at all":             {"", `{"email":"x"}`, 422, failed("Email is invalid")},
		"neither email nor username":    {"", `{"email":null,"username":"","phone":"1"}`, 422, failed("Either email or username must be present")},
		"duplicate email":               {"", `{"email":"TAKEN@example.com","username":"x"}`, 422, failed("Email must be unique within acme")},
		"duplicate username":            {"", `{"email":"x@example.com","username":"Taken"}`, 422, failed("Username must be unique within acme")},
		"duplicate email and username":  {"", `{"email":"taken@example.com","username":"taken"}`, 422, failed("Email must be unique within acme, Username must be unique within acme")},
		"an unknown attribute is first": {"", `{"email":"taken@example.com","x":1}`, 400, badRequest("unknown attribute: x")},
		"more than OneLogin would read": {"", `{"username":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "<html><body><h1>413 Payload Too Large</h1>\nThe request entity exceeds the maximum allowed.\n</body></html>\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			a.DefineCustomAttribute("Work Cell", "work_cell")
			ids := a.Seed(
				map[string]any{"email": "taken@example.com", "username": "taken"},
				map[string]any{"email": "other@example.com", "username": "other"},
			)
			before := a.Users()
			a.call("POST /api/2/users"+tt.query, tt.body).want(t, tt.status, tt.want)
			a.call(fmt.Sprintf("PUT /api/2/users/%d%s", ids[1], tt.query), tt.body).want(t, tt.status, tt.want)
			if diff := cmp.Diff(before, a.Users()); diff != "" {
				t.Errorf("a refused write changed something (-before +after):\n%s", diff)
			}
		})
	}
	t.Run("create of nobody", func(t *testing.T) {
		a := newAccount(t, onelogin.Config{Account: "globex"})
		a.call("POST /api/2/users", "").want(t, 422, failed("Either email or username must be present"))
		a.Seed(map[string]any{"username": "ada"})
		a.call("POST /api/2/users", `{"username":"ADA"}`).want(t, 422, failed("Username must be unique within globex"))
	})
}

func TestUpdateIsPartial(t *testing.T) {
	start := map[string]any{
		"email": "ada@example.com", "username": "ada", "title": "Pilot", "phone": "1", "external_id": "B1", "status": 1,
		"custom_attributes": map[string]any{"work_cell": "1", "shoe": "42"},
	}
	tests := map[string]struct {
		body string
		want object // what differs from start
	}{
		"nothing":                         {``, object{}},
		"an empty object":                 {`{}`, object{}},
		"one attribute":                   {`{"title":"Captain"}`, object{"title": "Captain"}},
		"null clears":                     {`{"title":null,"external_id":null}`, object{"title": nil, "external_id": nil}},
		"empty clears":                    {`{"phone":""}`, object{"phone": ""}},
		"custom attributes are merged":    {`{"custom_attributes":{"shoe":"43"}}`, object{"custom_attributes": map[string]any{"work_cell": "1", "shoe": "43", "hat": nil}}},
		"custom attributes are cleared":   {`{"custom_attributes":{"shoe":null,"work_cell":""}}`, object{"custom_attributes": map[string]any{"work_cell": "", "shoe": nil, "hat": nil}}},
		"custom attributes null":          {`{"custom_attributes":null}`, object{}},
		"suspended":                       {`{"status":2}`, object{"status": 2.0}},
		"its own addresses":               {`{"email":"ADA@example.com","username":"ada"}`, object{"email": "ADA@example.com"}},
		"renamed":                         {`{"email":"a@example.com","username":"a"}`, object{"email": "a@example.com", "username": "a"}},
		"read-only attributes":            {`{"id":1,"created_at":"x","role_ids":[1],"title":"Captain"}`, object{"title": "Captain"}},
		"attributes that are never shown": {`{"openid_name":"x","salt":"x"}`, object{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			for _, shortname := range []string{"work_cell", "shoe", "hat"} {
				a.DefineCustomAttribute(shortname, shortname)
			}
			id := strconv.FormatInt(a.Seed(start)[0], 10)
			want := a.user(id)
			maps.Copy(want, tt.want)
			a.ctl.Clock().Advance(time.Hour)

			got := a.call("PUT /api/2/users/"+id, tt.body)
			user := got.object(t)
			if got.status != http.StatusOK || user["updated_at"].(string) <= want["updated_at"].(string) {
				t.Errorf("status %d, updated_at %v, before %v", got.status, user["updated_at"], want["updated_at"])
			}
			if diff := cmp.Diff(user, a.user(id)); diff != "" {
				t.Errorf("read back (-answer +read):\n%s", diff)
			}
			delete(user, "updated_at")
			delete(want, "updated_at")
			if diff := cmp.Diff(want, user); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIndexesFollowWrites(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	id := strconv.FormatInt(a.Seed(map[string]any{"email": "old@example.com", "username": "old", "external_id": "B1"})[0], 10)
	found := func(query string) int { return len(a.call("GET /api/2/users?"+query, "").list(t)) }

	a.call("PUT /api/2/users/"+id, `{"email":"new@example.com","username":"new","external_id":"B2"}`)
	for query, want := range map[string]int{
		"email=old@example.com": 0, "email=NEW@example.com": 1, "username=old": 0, "username=new": 1, "external_id=B1": 0, "external_id=B2": 1,
	} {
		if got := found(query); got != want {
			t.Errorf("%s: %d users, want %d", query, got, want)
		}
	}
	if got := a.call("POST /api/2/users", `{"email":"old@example.com","username":"old"}`); got.status != http.StatusCreated {
		t.Errorf("an address that is free again: %d %s", got.status, got.body)
	}
	a.call("DELETE /api/2/users/"+id, "").want(t, 204, "")
	if got := found("external_id=B2"); got != 0 {
		t.Errorf("%d users after deletion", got)
	}
	if got := a.call("POST /api/2/users", `{"email":"new@example.com"}`); got.status != http.StatusCreated {
		t.Errorf("the address of a deleted user: %d %s", got.status, got.body)
	}
}

func TestExternalIDNeedNotBeUnique(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	for _, username := range []string{"ada", "bea"} {
		if got := a.call("POST /api/2/users", `{"username":"`+username+`","external_id":"B1"}`); got.status != http.StatusCreated {
			t.Errorf("%s: %d %s", username, got.status, got.body)
		}
	}
}

func TestDeleteIsFinal(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	ids := a.Seed(map[string]any{"username": "boss"})
	ids = append(ids, a.Seed(map[string]any{"username": "ada", "manager_user_id": ids[0]})...)
	boss, ada := strconv.FormatInt(ids[0], 10), strconv.FormatInt(ids[1], 10)

	a.call("DELETE /api/2/users/"+boss, "").want(t, 204, "")
	for _, call := range []string{"DELETE /api/2/users/" + boss, "GET /api/2/users/" + boss, "PUT /api/2/users/" + boss, "GET /api/2/users/ada"} {
		a.call(call, "").want(t, 404, noSuchUser)
	}
	if got := a.user(ada)["manager_user_id"]; got != nil {
		t.Errorf("manager_user_id %v of a user who is gone", got)
	}
}

func TestAccountOwnerIsNotModified(t *testing.T) {
	a := newAccount(t, onelogin.Config{OwnerEmail: "Owner@example.com"})
	id := strconv.FormatInt(a.Seed(map[string]any{"email": "owner@Example.com"})[0], 10)
	a.call("PUT /api/2/users/"+id, `{"status":2}`).want(t, 422, ownerUser)
	a.call("PUT /api/2/users/"+id, `{"title":"x"}`).want(t, 422, ownerUser)
	a.call("DELETE /api/2/users/"+id, "").want(t, 422, ownerUser)
	a.call("PUT /api/2/users/"+id, `{"x":1}`).want(t, 400, badRequest("unknown attribute: x"))
	if got := a.user(id)["status"]; got != 1.0 {
		t.Errorf("status %v", got)
	}
}

func TestStatusesThatEndByThemselves(t *testing.T) {
	tests := map[string]struct {
		status  int
		after   time.Duration
		between string // a body written half-way
		want    float64
	}{
		"unactivated, before its time":         {0, time.Minute - 10*time.Second, "", 0},
		"unactivated becomes password pending": {0, time.Minute, "", 7},
		"unactivated, activated meanwhile":     {0, time.Minute, `{"status":1}`, 1},
		"locked, before its time":              {3, 14 * time.Minute, "", 3},
		"a lock lifts":                         {3, 15 * time.Minute, "", 1},
		"locked, suspended meanwhile":          {3, 15 * time.Minute, `{"status":2}`, 2},
		"suspended stays":                      {2, 1000 * time.Hour, "", 2},
		"password expired stays":               {4, 1000 * time.Hour, "", 4},
		"password pending stays":               {7, 1000 * time.Hour, "", 7},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{TokenLife: 10_000 * time.Hour})
			created := a.call("POST /api/2/users", fmt.Sprintf(`{"username":"ada","status":%d}`, tt.status)).object(t)
			id := strconv.FormatFloat(created["id"].(float64), 'f', -1, 64)
			a.ctl.Clock().Advance(tt.after / 2)
			if tt.between != "" {
				a.call("PUT /api/2/users/"+id, tt.between)
			}
			a.ctl.Clock().Advance(tt.after / 2)
			if got := a.user(id)["status"]; got != tt.want {
				t.Errorf("status %v, want %v", got, tt.want)
			}
		})
	}
}

func TestLicencesRunOut(t *testing.T) {
	a := newAccount(t, onelogin.Config{Licences: 2})
	create := func(username string, status int) string {
		got := a.call("POST /api/2/users", fmt.Sprintf(`{"username":%q,"status":%d}`, username, status)).object(t)
		if got["state"] != 1.0 {
			t.Errorf("%s is created with state %v", username, got["state"])
		}
		return strconv.FormatFloat(got["id"].(float64), 'f', -1, 64)
	}
	states := func(want string) {
		t.Helper()
		var got []string
		for _, u := range a.Users() {
			got = append(got, fmt.Sprintf("%s %d", u["username"], u["state"]))
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	}
	ada := create("ada", 1)
	create("bea", 2) // holds no licence
	create("cyd", 1)
	create("dan", 1)
	create("eve", 1)
	states("ada 1, bea 1, cyd 1, dan 1, eve 1")
	a.ctl.Clock().Advance(time.Minute)
	states("ada 1, bea 1, cyd 1, dan 3, eve 3")

	a.call("PUT /api/2/users/"+ada, `{"status":2}`)
	a.ctl.Clock().Advance(14 * time.Minute)
	states("ada 1, bea 1, cyd 1, dan 3, eve 3")
	a.ctl.Clock().Advance(time.Minute)
	states("ada 1, bea 1, cyd 1, dan 1, eve 3")

	a.call("PUT /api/2/users/"+ada, `{"status":1}`)
	a.ctl.Clock().Advance(time.Minute)
	states("ada 3, bea 1, cyd 1, dan 1, eve 3")

	a.send("PUT", "/_sim/settings", `{"licences":10}`, "")
	a.ctl.Clock().Advance(15 * time.Minute)
	states("ada 1, bea 1, cyd 1, dan 1, eve 1")
}

func TestMappingsOverwriteWhatWasWritten(t *testing.T) {
	tests := map[string]struct {
		query            string
		answered, stored string
	}{
		"after the answer by default": {"", "Sales", "Everybody"},
		"after the answer":            {"?mappings=async", "Sales", "Everybody"},
		"before the answer":           {"?mappings=sync", "Everybody", "Everybody"},
		"not at all":                  {"?mappings=disabled", "Sales", "Sales"},
	}
	force := map[string]func(*account){
		"in Go": func(a *account) {
			a.SetMapping(func(user map[string]any) { user["department"] = "Everybody" })
		},
		"over HTTP": func(a *account) {
			a.send("PUT", "/_sim/settings", `{"force":{"department":"Everybody"}}`, "")
		},
	}
	for name, tt := range tests {
		for where, set := range force {
			t.Run(name+", set "+where, func(t *testing.T) {
				a := newAccount(t, onelogin.Config{})
				set(a)
				created := a.call("POST /api/2/users"+tt.query, `{"username":"ada","department":"Sales"}`).object(t)
				id := strconv.FormatFloat(created["id"].(float64), 'f', -1, 64)
				updated := a.call("PUT /api/2/users/"+id+tt.query, `{"department":"Sales"}`).object(t)
				if created["department"] != tt.answered || updated["department"] != tt.answered {
					t.Errorf("answered %v and %v, want %s", created["department"], updated["department"], tt.answered)
				}
				if got := a.user(id)["department"]; got != tt.stored {
					t.Errorf("stored %v, want %s", got, tt.stored)
				}
			})
		}
	}
	t.Run("a mapping that would break uniqueness does nothing", func(t *testing.T) {
		a := newAccount(t, onelogin.Config{})
		a.SetMapping(func(user map[string]any) { user["username"] = "one" })
		a.call("POST /api/2/users", `{"email":"a@example.com"}`)
		a.call("POST /api/2/users", `{"email":"b@example.com"}`)
		users := a.Users()
		if users[0]["username"] != "one" || users[1]["username"] != nil {
			t.Errorf("usernames %v and %v", users[0]["username"], users[1]["username"])
		}
	})
}

func TestValuesThatOneLoginNormalises(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	a.DefineCustomAttribute("Work Cell", "work_cell")
	a.SetNormalizer(func(attribute, value string) string {
		if attribute == "custom_attributes.work_cell" {
			return "+" + value
		}
		return value
	})
	a.send("PUT", "/_sim/settings", `{"strip_phone_spaces":true}`, "")
	got := a.call("POST /api/2/users", `{"username":"a da","phone":"0 1 2","custom_attributes":{"work_cell":"3 4"}}`).object(t)
	if got["phone"] != "012" || got["username"] != "a da" {
		t.Errorf("phone %v, username %v", got["phone"], got["username"])
	}
	if diff := cmp.Diff(map[string]any{"work_cell": "+3 4"}, got["custom_attributes"]); diff != "" {
		t.Errorf("custom attributes (-want +got):\n%s", diff)
	}
}

func TestLogoutEndsSessions(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	id := strconv.FormatInt(a.Seed(map[string]any{"username": "ada"})[0], 10)
	shown := func() (ended any) {
		return a.send("GET", "/_sim/users", "", "").list(t)[0]["_sessions_ended_at"]
	}
	if got := shown(); got != nil {
		t.Errorf("ended at %v before", got)
	}
	a.send("PUT", "/api/1/users/"+id+"/logout", "", "bearer:"+a.token).want(t, 200, statusSuccess)
	a.call("PUT /api/1/users/"+id+"/logout", "").want(t, 200, statusSuccess)
	a.call("PUT /api/1/users/1/logout", "").want(t, 404,
		`{"status":{"error":true,"code":404,"type":"not found","message":"The resource with the given id could not be found"}}`)

	sessions := a.send("GET", "/_sim/sessions", "", "").list(t)
	if len(sessions) != 2 || fmt.Sprintf("%.0f", sessions[0]["user_id"]) != id || sessions[1]["ended_at"] != shown() {
		t.Errorf("sessions %v, user shows %v", sessions, shown())
	}
	if got := a.Users()[0]["_sessions_ended_at"]; got != shown() {
		t.Errorf("Users shows %v, want %v", got, shown())
	}
}

func TestUnknownRoutes(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	for _, call := range []string{"GET /api/2/roles", "PATCH /api/2/users", "GET /api/1/users", "GET /", "GET /_sim/nothing"} {
		a.call(call, "").want(t, 404, `{"status":404,"error":"NotFoundError","description":"Resource not found"}`)
	}
}

func TestAnswerLostAfterTheEffect(t *testing.T) {
	tests := map[string]struct {
		drop  string
		users int
	}{
		"before": {control.DropBefore, 0},
		"after":  {control.DropAfter, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			fault := fmt.Sprintf(`{"method":"POST","route":"/api/2/users","drop":%q}`, tt.drop)
			if got := a.send("POST", "/_sim/faults", fault, ""); got.status != 200 {
				t.Fatalf("fault: %s", got.body)
			}
			if got, err := a.try("POST", "/api/2/users", `{"username":"ada"}`, "bearer "+a.token); err == nil {
				t.Fatalf("the client was answered %d", got.status)
			}
			if got := len(a.call("GET /api/2/users?username=ada", "").list(t)); got != tt.users {
				t.Errorf("%d users, want %d", got, tt.users)
			}
			want := map[string]int{"POST /auth/oauth2/v2/token": 1, "POST /api/2/users": 1, "GET /api/2/users": 1}
			if diff := cmp.Diff(want, a.ctl.Calls()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeedingOverHTTP(t *testing.T) {
	a := newAccount(t, onelogin.Config{OwnerEmail: "owner@example.com", Licences: 1})
	created := a.send("POST", "/_sim/users", `{"id":17,"email":"owner@example.com","status":5,"state":3,"role_ids":[4],"created_at":"2020-01-01T00:00:00Z"}`, "")
	if o := created.object(t); created.status != 201 || o["id"] != 17.0 || o["created_at"] != "2020-01-01T00:00:00.000Z" {
		t.Fatalf("seeded %d %s", created.status, created.body)
	}
	// What is read can be sent back.
	if got := a.send("PUT", "/_sim/users/17", created.body, ""); got.status != 200 {
		t.Errorf("sent back: %d %s", got.status, got.body)
	}
	merged := a.send("PUT", "/_sim/users/17", `{"title":"Boss","last_login":"2026-01-01T00:00:00Z"}`, "").object(t)
	if merged["title"] != "Boss" || merged["status"] != 5.0 || merged["last_login"] != "2026-01-01T00:00:00.000Z" {
		t.Errorf("merged %v", merged)
	}
	for body, names := range map[string]string{
		`{"id":17,"username":"x"}`:          "17",
		`{"email":"owner@example.com"}`:     "unique",
		`{"username":"x","colour":"red"}`:   "colour",
		`{"username":"x","status":"y"}`:     "Status",
		`{"username":"x","role_ids":null}`:  "Role ids",
		`{"username":"x","created_at":"y"}`: "Created at",
		`{`:                                 "body",
	} {
		got := a.send("POST", "/_sim/users", body, "")
		if got.status != 400 || !strings.Contains(got.body, names) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := a.send("PUT", "/_sim/users/18", `{}`, ""); got.status != 404 {
		t.Errorf("merge into nobody: %d", got.status)
	}
	if got := a.send("DELETE", "/_sim/users/17", "", ""); got.status != 204 || len(a.Users()) != 0 {
		t.Errorf("delete: %d, %d users left", got.status, len(a.Users()))
	}
	if got := a.send("DELETE", "/_sim/users/17", "", ""); got.status != 404 {
		t.Errorf("delete again: %d", got.status)
	}
}

func TestSeedRefusesWhatCannotBe(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	defer func() {
		if recover() == nil {
			t.Error("a user with an unknown attribute was seeded")
		}
	}()
	a.Seed(map[string]any{"username": "x", "colour": "red"})
}

func TestConcurrentWriters(t *testing.T) {
	a := newAccount(t, onelogin.Config{BurstPerSecond: -1})
	created := make(chan int, 40)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			got, err := a.try("POST", "/api/2/users", fmt.Sprintf(`{"username":"user %d"}`, i/2), "bearer "+a.token)
			if err != nil {
				t.Error(err)
			}
			created <- got.status
			if _, err := a.try("GET", "/api/2/users?username=*", "", "bearer "+a.token); err != nil {
				t.Error(err)
			}
			a.SetMapping(nil)
			a.Users()
		})
	}
	group.Wait()
	close(created)
	statuses := map[int]int{}
	for status := range created {
		statuses[status]++
	}
	if diff := cmp.Diff(map[int]int{201: 20, 422: 20}, statuses); diff != "" {
		t.Errorf("statuses of two creates for each username (-want +got):\n%s", diff)
	}
}
