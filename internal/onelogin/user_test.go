package onelogin

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
)

func TestUserSurvivesJSON(t *testing.T) {
	b, err := os.ReadFile("testdata/user.json")
	require.NoError(t, err)
	var first, second User
	require.NoError(t, json.Unmarshal(b, &first))
	again, err := json.Marshal(first)
	require.NoError(t, err)
	require.JSONEq(t, string(b), string(again))
	require.Contains(t, string(again), "9007199254740993", "an integer beyond a float64")
	require.Contains(t, string(again), "0.10", "a number as it was written")
	require.NoError(t, json.Unmarshal(again, &second))
	require.Equal(t, first, second)
}

func TestUserAccessors(t *testing.T) {
	var u User
	readJSON(t, "testdata/user.json", &u)
	require.EqualValues(t, 36216766, u.ID())
	require.Equal(t, "sample+surf@example.com", u.Email())
	require.Equal(t, "sample+surf@example.com", u.Username())
	require.Equal(t, "3332883884017713238", u.ExternalID())
	require.EqualValues(t, 9007199254740993, u.ManagerUserID())
	status, ok := u.Status()
	require.True(t, ok)
	require.Equal(t, StatusLocked, status)
	state, ok := u.State()
	require.True(t, ok)
	require.Equal(t, StateApproved, state)
}

func TestUserWithoutAttributes(t *testing.T) {
	for _, body := range []string{`{}`, `{"id":null,"status":null,"state":null,"manager_user_id":null}`, `{"id":"x","status":"1","state":1.5,"manager_user_id":true}`} {
		t.Run(body, func(t *testing.T) {
			var u User
			require.NoError(t, json.Unmarshal([]byte(body), &u))
			require.Zero(t, u.ID())
			require.Zero(t, u.ManagerUserID())
			_, ok := u.Status()
			require.False(t, ok)
			_, ok = u.State()
			require.False(t, ok)
			require.Empty(t, u.Email())
		})
	}
}

func TestUserText(t *testing.T) {
	var u User
	readJSON(t, "testdata/user.json", &u)
	tests := map[string]struct {
		attribute string
		want      string
		presence  employee.Presence
	}{
		"text":                         {"title", "Surfer", employee.Present},
		"empty text":                   {"department", "", employee.Null},
		"null":                         {"company", "", employee.Null},
		"not there":                    {"comment", "", employee.Absent},
		"integer":                      {"manager_user_id", "9007199254740993", employee.Present},
		"list":                         {"role_ids", "", employee.Absent},
		"object":                       {"custom_attributes", "", employee.Absent},
		"custom text":                  {"custom_attributes.food", "chicken", employee.Present},
		"custom integer":               {"custom_attributes.locker", "17", employee.Present},
		"custom null":                  {"custom_attributes.employeenumber", "", employee.Null},
		"custom attribute not defined": {"custom_attributes.work_cell", "", employee.Absent},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, presence := u.Text(tt.attribute)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.presence, presence)
		})
	}
	t.Run("boolean", func(t *testing.T) {
		var u User
		require.NoError(t, json.Unmarshal([]byte(`{"on":true}`), &u))
		got, presence := u.Text("on")
		require.Equal(t, "true", got)
		require.Equal(t, employee.Present, presence)
	})
	t.Run("custom attributes not asked for, or null", func(t *testing.T) {
		for _, body := range []string{`{}`, `{"custom_attributes":null}`} {
			var u User
			require.NoError(t, json.Unmarshal([]byte(body), &u))
			_, presence := u.Text("custom_attributes.work_cell")
			require.Equal(t, employee.Absent, presence)
		}
	})
}

func TestUserPrintsItsIDAlone(t *testing.T) {
	var u User
	readJSON(t, "testdata/user.json", &u)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.Equal(t, "OneLogin user 36216766", fmt.Sprintf(verb, u))
	}
}

func TestUserThatIsNoObject(t *testing.T) {
	var u User
	err := json.Unmarshal([]byte(`["sample@example.com"]`), &u)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "sample")
}

func TestStatusAndStateNames(t *testing.T) {
	statuses := map[Status]string{
		0: "unactivated", 1: "active", 2: "suspended", 3: "locked", 4: "password expired",
		5: "awaiting password reset", 6: "status 6", 7: "password pending", 8: "security questions required",
	}
	for s, want := range statuses {
		require.Equal(t, want, s.String())
	}
	states := map[State]string{0: "unapproved", 1: "approved", 2: "rejected", 3: "unlicensed", 4: "state 4"}
	for s, want := range states {
		require.Equal(t, want, s.String())
	}
}

func TestAttributesSurviveJSON(t *testing.T) {
	want := Attributes{"email": "sample@example.com", "title": nil, "status": int64(2), "manager_user_id": int64(9007199254740993), "custom_attributes.work_cell": "+15550100"}
	b, err := json.Marshal(want)
	require.NoError(t, err)
	var got Attributes
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, want, got)
}

func TestAttributesThatCannotBeRead(t *testing.T) {
	for _, body := range []string{`{"title":{"a":"hidden"}}`, `{"title":["hidden"]}`, `{"title":1.5}`, `{"title":true}`, `["hidden"]`, `{"title":1e400}`} {
		var a Attributes
		err := json.Unmarshal([]byte(body), &a)
		require.Error(t, err, body)
		require.NotContains(t, err.Error(), "hidden")
		require.Nil(t, a)
	}
}

func TestAttributesOnTheWire(t *testing.T) {
	tests := map[string]struct {
		attributes Attributes
		want, err  string
	}{
		"null clears, absent stays out": {Attributes{"title": nil, "company": ""}, `{"company":"","title":null}`, ""},
		"integers of every kind":        {Attributes{"status": StatusSuspended, "state": StateApproved, "manager_user_id": int64(7), "group_id": 8}, `{"group_id":8,"manager_user_id":7,"state":1,"status":2}`, ""},
		"custom attributes are nested":  {Attributes{"title": "Surfer", "custom_attributes.work_cell": "+15550100", "custom_attributes.food": nil}, `{"custom_attributes":{"food":null,"work_cell":"+15550100"},"title":"Surfer"}`, ""},
		"nothing":                       {Attributes{}, "", "nothing to write"},
		"none at all":                   {nil, "", "nothing to write"},
		"a kind that is not written":    {Attributes{"title": []string{"hidden"}}, "", "attribute title"},
		"a float":                       {Attributes{"title": 1.5}, "", "attribute title"},
		"custom attributes in one":      {Attributes{"custom_attributes": nil}, "", "one by one"},
		"custom attribute without name": {Attributes{"custom_attributes.": "x"}, "", "one by one"},
		"attribute without name":        {Attributes{"": "x"}, "", "one by one"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body, _, err := tt.attributes.wire()
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.NotContains(t, err.Error(), "hidden")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, string(body))
		})
	}
}
