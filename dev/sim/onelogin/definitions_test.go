package onelogin_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/onelogin"
)

const definitionsPath = "/api/2/users/custom_attributes"

func TestDefinitions(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	a.call("GET "+definitionsPath, "").want(t, 200, `[]`)
	a.call("POST "+definitionsPath, `{"user_field":{"name":"Work Cell","shortname":"work_cell"}}`).want(t, 201,
		`{"id":1,"name":"Work Cell","shortname":"work_cell","position":null}`)
	a.call("POST "+definitionsPath, `{"name":"Shoe","shortname":"shoe"}`).want(t, 201,
		`{"id":2,"name":"Shoe","shortname":"shoe","position":null}`)
	a.call("GET "+definitionsPath+"/2", "").want(t, 200,
		`{"id":2,"name":"Shoe","shortname":"shoe","position":null}`)

	a.Seed(map[string]any{"username": "ada", "custom_attributes": map[string]any{"work_cell": "1", "shoe": "42"}})
	customs := func(want map[string]any) {
		t.Helper()
		if diff := cmp.Diff(want, a.Users()[0]["custom_attributes"]); diff != "" {
			t.Errorf("custom attributes (-want +got):\n%s", diff)
		}
	}
	a.call("PUT "+definitionsPath+"/2", `{"user_field":{"shortname":"boot"}}`).want(t, 200,
		`{"id":2,"name":"Shoe","shortname":"boot","position":null}`)
	customs(map[string]any{"work_cell": "1", "boot": "42"})
	a.call("PUT "+definitionsPath+"/2", `{"user_field":{"name":"Boot","shortname":"boot"}}`).want(t, 200,
		`{"id":2,"name":"Boot","shortname":"boot","position":null}`)

	a.call("DELETE "+definitionsPath+"/2", "").want(t, 204, "")
	customs(map[string]any{"work_cell": "1"})
	a.call("GET "+definitionsPath, "").want(t, 200, `[{"id":1,"name":"Work Cell","shortname":"work_cell","position":null}]`)
	for _, call := range []string{"GET ", "PUT ", "DELETE "} {
		a.call(call+definitionsPath+"/2", "").want(t, 404, noSuchUser)
	}
	// A definition that comes back comes back empty.
	a.DefineCustomAttribute("Boot", "boot")
	a.DefineCustomAttribute("Boot again", "boot")
	customs(map[string]any{"work_cell": "1", "boot": nil})
}

func TestDefinitionsThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		body   string
		status int
		want   string
	}{
		"nothing":                {``, 422, failed("Name can't be blank, Shortname can't be blank")},
		"no shortname":           {`{"user_field":{"name":"x"}}`, 422, failed("Shortname can't be blank")},
		"shortname in use":       {`{"user_field":{"name":"x","shortname":"work_cell"}}`, 422, failed("Shortname must be unique within acme")},
		"unknown attribute":      {`{"user_field":{"name":"x","colour":"red"}}`, 400, badRequest("unknown attribute: colour")},
		"name of a wrong type":   {`{"user_field":{"name":1}}`, 422, failed("Name must be a string")},
		"position of wrong type": {`{"user_field":{"position":"1"}}`, 422, failed("Position must be an integer")},
		"malformed JSON":         {`{`, 400, badJSONPage},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			a.DefineCustomAttribute("Work Cell", "work_cell")
			a.call("POST "+definitionsPath, tt.body).want(t, tt.status, tt.want)
		})
	}
}
