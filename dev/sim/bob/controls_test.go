package bob_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/bob"
)

func TestPutPersonMerges(t *testing.T) {
	tests := map[string]struct {
		patch string
		check func(t *testing.T, person map[string]any)
	}{
		"one field, the rest stays": {`{"email":"moss@example.com"}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "moss@example.com", p["email"])
			require.Equal(t, "209192103", work(p)["title"])
		}},
		"null empties": {`{"work":{"title":null,"workMobile":null}}`, func(t *testing.T, p map[string]any) {
			require.Contains(t, work(p), "title")
			require.Nil(t, work(p)["title"])
			require.Nil(t, work(p)["workMobile"])
			require.Equal(t, "2020-01-05", work(p)["startDate"])
		}},
		"a list field by label": {`{"work":{"title":"tea taster","department":"Mosses"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "209192108", work(p)["title"])
			require.Equal(t, "255298305", work(p)["department"])
		}},
		"a list field by number": {`{"work":{"title":209192108}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "209192108", work(p)["title"])
		}},
		"a new list item": {`{"work":{"title":"Rain Maker"}}`, func(t *testing.T, p map[string]any) {
			require.Regexp(t, `^\d+$`, work(p)["title"])
		}},
		"a lifecycle status by label": {`{"internal":{"lifecycleStatus":"Garden leave"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "garden leave", p["internal"].(map[string]any)["lifecycleStatus"])
			require.Equal(t, "Active", p["internal"].(map[string]any)["status"])
		}},
		"a new kind of leave": {`{"internal":{"lifecycleStatus":"sabbatical"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "sabbatical", p["internal"].(map[string]any)["lifecycleStatus"])
		}},
		"a site by name": {`{"work":{"site":"Tokyo"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, json.Number("2471905"), work(p)["siteId"])
		}},
		"a site by id": {`{"work":{"siteId":2471903}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "Auckland", work(p)["site"])
		}},
		"a site of nowhere": {`{"work":{"site":"Atlantis"}}`, func(t *testing.T, p map[string]any) {
			require.Nil(t, work(p)["siteId"])
		}},
		"the manager by id": {`{"work":{"reportsTo":"` + hireID + `"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, hireID, work(p)["reportsTo"].(map[string]any)["id"])
			require.Equal(t, hireID, work(p)["manager"])
		}},
		"the manager as read": {`{"work":{"reportsTo":{"id":"` + hireID + `","email":"x@example.com"},"manager":"1"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, hireID, work(p)["manager"])
		}},
		"the manager's other field": {`{"work":{"manager":"` + hireID + `"}}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, hireID, work(p)["reportsTo"].(map[string]any)["id"])
		}},
		"no manager": {`{"work":{"reportsTo":null}}`, func(t *testing.T, p map[string]any) {
			require.Nil(t, work(p)["reportsTo"])
			require.Nil(t, work(p)["manager"])
		}},
		"a name moves the display name": {`{"surname":"Lichen"}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "Teal Lichen", p["displayName"])
		}},
		"a name and a display name": {`{"surname":"Lichen","displayName":"T."}`, func(t *testing.T, p map[string]any) {
			require.Equal(t, "T.", p["displayName"])
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, bob.Settings{})
			a := s.put(workerID, tt.patch)
			require.Equal(t, 200, a.status)
			require.JSONEq(t, `{"id":"`+workerID+`"}`, a.body)
			tt.check(t, s.do("GET", "/_sim/people/"+workerID, "").json(t).(map[string]any))
		})
	}
}

func work(p map[string]any) map[string]any { return p["work"].(map[string]any) }

func TestANewTitleIsKnownByItsLabel(t *testing.T) {
	s := newSim(t, bob.Settings{})
	s.put(workerID, `{"work":{"title":"Rain Maker"}}`)
	s.put(managerID, `{"work":{"title":"Rain Maker"}}`)
	require.Equal(t, s.title(), work(s.do("GET", "/_sim/people/"+managerID, "").json(t).(map[string]any))["title"])
	a := s.do("POST", "/v1/people/"+workerID, `{"fields":["work.title"],"humanReadable":"REPLACE"}`)
	require.JSONEq(t, `{"/work/title":{"value":"Rain Maker"},"work":{"title":"Rain Maker"}}`, a.body)
	require.Contains(t, s.do("GET", "/v1/company/named-lists/title", "").body, "Rain Maker")
}

func TestPutPersonCreates(t *testing.T) {
	tests := map[string]struct{ patch, status, lifecycle string }{
		"who is at work already":    {`{"firstName":"Olive","surname":"Sedge","work":{"startDate":"2026-03-02"}}`, "Active", "employed"},
		"who starts later":          {`{"firstName":"Olive","surname":"Sedge","work":{"startDate":"2026-03-03"}}`, "Inactive", "hired"},
		"who starts today far east": {`{"work":{"startDate":"2026-03-03","site":"Kiritimati"},"displayName":"Olive Sedge"}`, "Active", "employed"},
		"as the patch says":         {`{"displayName":"Olive Sedge","internal":{"status":"Inactive"}}`, "Inactive", "employed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, bob.Settings{})
			require.Equal(t, 201, s.put("9000000000000000001", tt.patch).status)
			all := s.do("GET", "/_sim/people", "").json(t).([]any)
			require.Len(t, all, 4)
			p := all[3].(map[string]any)
			require.Equal(t, "9000000000000000001", p["id"])
			require.Equal(t, "Olive Sedge", p["displayName"])
			require.Equal(t, map[string]any{"status": tt.status, "lifecycleStatus": tt.lifecycle}, p["internal"])
			require.Equal(t, 200, s.put("9000000000000000001", `{}`).status)
		})
	}
}

func TestWhatIsReadCanBePutBack(t *testing.T) {
	s := newSim(t, bob.Settings{})
	before := s.do("GET", "/_sim/people/"+workerID, "")
	change, err := s.bob.Put(workerID, before.json(t).(map[string]any))
	require.NoError(t, err)
	require.Empty(t, change.Fields)
	require.JSONEq(t, before.body, s.do("GET", "/_sim/people/"+workerID, "").body)
}

func TestPutPersonRefuses(t *testing.T) {
	tests := map[string]struct{ path, body, want string }{
		"no JSON":                   {workerID, `{`, "want one JSON object"},
		"a list":                    {workerID, `[]`, "want one JSON object"},
		"null":                      {workerID, `null`, "want one JSON object"},
		"two objects":               {workerID, `{}{}`, "want one JSON object"},
		"another id":                {workerID, `{"id":"1"}`, "id: not the one"},
		"a field by path":           {workerID, `{"work.title":"x"}`, "nested by category"},
		"a category that is null":   {workerID, `{"work":null}`, "work: want an object"},
		"a category on a new one":   {"5", `{"internal":"x"}`, "internal: want an object"},
		"a number for text":         {workerID, `{"email":5}`, "root.email: want text"},
		"text for a number":         {workerID, `{"work":{"employeeIdInCompany":"5"}}`, "work.employeeIdInCompany: want number"},
		"a manager without an id":   {workerID, `{"work":{"reportsTo":{}}}`, "work.reportsTo"},
		"a manager that is no text": {workerID, `{"work":{"reportsTo":5}}`, "work.reportsTo"},
		"an unknown parameter":      {workerID + "?events=x", `{}`, "unknown query parameter"},
		"an empty event":            {workerID + "?event=", `{}`, "event: empty"},
		"an event to nowhere":       {workerID + "?event=employee.updated", `{"email":"y@example.com"}`, "no webhook URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, bob.Settings{})
			before := s.do("GET", "/_sim/people", "").body
			a := s.do("PUT", "/_sim/people/"+tt.path, tt.body)
			require.Equal(t, 400, a.status)
			require.Contains(t, a.json(t).(map[string]any)["error"], tt.want)
			require.Equal(t, before, s.do("GET", "/_sim/people", "").body, "nothing was changed")
		})
	}
}

func TestDeletePerson(t *testing.T) {
	s := newSim(t, bob.Settings{})
	require.Equal(t, 200, s.do("DELETE", "/_sim/people/"+workerID, "").status)
	require.Equal(t, 404, s.do("DELETE", "/_sim/people/"+workerID, "").status)
	require.Equal(t, 404, s.do("GET", "/_sim/people/"+workerID, "").status)
	require.Equal(t, 404, s.do("POST", "/v1/people/"+workerID, `{}`).status)
	require.Len(t, s.employees(`{"showInactive":true}`), 2)

	require.Equal(t, 201, s.put(workerID, `{"email":"again@example.com"}`).status)
	p := s.do("GET", "/_sim/people/"+workerID, "").json(t).(map[string]any)
	require.NotContains(t, work(p), "title", "nothing of the old record is left")
}

func TestSettings(t *testing.T) {
	s := newSim(t, bob.Settings{PerMinute: 7})
	require.Equal(t, 200, s.do("PUT", "/_sim/settings", `{"stale_for":"5s","hidden_fields":["work.workMobile"]}`).status)
	require.JSONEq(t, `{"webhook_url":"","webhook_secret":"","stale_for":"5s","per_minute":7,"hidden_fields":["work.workMobile"],
		"hidden_people":null,"employed_only":false,"hide_labels":false,"list_key":"","auto_lifecycle":false}`,
		s.do("GET", "/_sim/settings", "").body)

	for name, tt := range map[string]struct{ body, want string }{
		"unknown":        {`{"stale":"5s"}`, "stale"},
		"too stale":      {`{"stale_for":"21s"}`, "stale_for"},
		"no duration":    {`{"stale_for":"soon"}`, "duration"},
		"no list key":    {`{"list_key":"things"}`, "list_key"},
		"no webhook URL": {`{"webhook_url":"127.0.0.1:80"}`, "webhook_url"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do("PUT", "/_sim/settings", tt.body)
			require.Equal(t, 400, a.status)
			require.Contains(t, a.body, tt.want)
			require.Equal(t, 7, s.bob.Settings().PerMinute)
		})
	}
}

func TestControlsNeedNoCredentialsAndAreNotCounted(t *testing.T) {
	s := newSim(t, bob.Settings{})
	s.token = "wrong"
	for _, path := range []string{"people", "events", "settings", "firewall", "calls", "faults", "clock"} {
		require.Equal(t, 200, s.do("GET", "/_sim/"+path, "").status, path)
	}
	require.Equal(t, 404, s.do("GET", "/_sim/nothing", "").status)
	require.Empty(t, s.ctl.Calls())
	require.Equal(t, bob.Firewall{}, s.bob.Firewall())
}

func TestSeedRefusesRecordsWithoutID(t *testing.T) {
	s := newSim(t, bob.Settings{})
	require.ErrorContains(t, s.bob.Seed(map[string]any{"email": "x@example.com"}), "no id")
}

func TestPutFromGoReportsTheFields(t *testing.T) {
	s := newSim(t, bob.Settings{})
	change, err := s.bob.Put(workerID, map[string]any{
		"surname": "Lichen",
		"work":    map[string]any{"title": "209192103", "employeeIdInCompany": 3, "site": "Tokyo"},
	})
	require.NoError(t, err)
	require.Equal(t, bob.Change{Fields: []string{
		"root.displayName", "root.surname", "work.employeeIdInCompany", "work.site", "work.siteId",
	}}, change)
	require.ErrorIs(t, s.bob.Remove("1"), bob.ErrNobody)
}

func TestRotatedTokenIsTheOnlyOne(t *testing.T) {
	s := newSim(t, bob.Settings{})
	require.Equal(t, 400, s.do("PUT", "/_sim/credentials", `{}`).status)
	require.Equal(t, 204, s.do("PUT", "/_sim/credentials", `{"token":"fresh-token"}`).status)
	require.Equal(t, 401, s.do("GET", "/v1/company/people/fields", "").status)
	r, err := http.NewRequest(http.MethodGet, s.url+"/v1/company/people/fields", nil)
	require.NoError(t, err)
	r.SetBasicAuth(userID, "fresh-token")
	require.Equal(t, 200, s.send(r).status)
}
