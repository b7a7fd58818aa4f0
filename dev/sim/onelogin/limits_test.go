package onelogin_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/onelogin"
)

func TestHourlyBudget(t *testing.T) {
	a := newAccount(t, onelogin.Config{HourlyBudget: 3})
	budget := func(call string) (status int, limit, remaining string, reset int) {
		got := a.call(call, "")
		reset, _ = strconv.Atoi(got.header.Get("X-RateLimit-Reset"))
		return got.status, got.header.Get("X-RateLimit-Limit"), got.header.Get("X-RateLimit-Remaining"), reset
	}
	a.send("GET", "/api/2/users", "", "bearer x") // a refused token costs nothing
	for i, call := range []string{"GET /api/2/users", "GET /api/2/users/1", "PUT /api/1/users/1/logout"} {
		_, limit, remaining, reset := budget(call)
		if limit != "3" || remaining != strconv.Itoa(2-i) || reset < 3590 || reset > 3600 {
			t.Errorf("call %d: limit %s, remaining %s, reset %d", i, limit, remaining, reset)
		}
	}
	a.ctl.Clock().Advance(20 * time.Minute)
	if status, limit, remaining, reset := budget("GET /api/2/users"); status != 429 || limit != "3" || remaining != "0" || reset < 2390 || reset > 2400 {
		t.Errorf("exhausted: %d, limit %s, remaining %s, reset %d", status, limit, remaining, reset)
	}
	a.call("GET /api/2/users", "").want(t, 429, `{"message":"Too Many Requests","name":"TooManyRequestsError","statusCode":429}`)
	a.call("PUT /api/1/users/1/logout", "").want(t, 429,
		`{"status":{"error":true,"code":429,"type":"too many requests","message":"Too Many Requests"}}`)

	data, _ := a.call("GET /auth/rate_limit", "").object(t)["data"].(map[string]any)
	if data["X-RateLimit-Limit"] != 3.0 || data["X-RateLimit-Remaining"] != 0.0 || data["X-RateLimit-Reset"].(float64) > 2400 {
		t.Errorf("rate limit: %v", data)
	}
	a.ctl.Clock().Advance(40 * time.Minute)
	if status, _, remaining, reset := budget("GET /api/2/users"); status != 200 || remaining != "2" || reset < 3590 {
		t.Errorf("next hour: %d, remaining %s, reset %d", status, remaining, reset)
	}
}

func TestPagesOfEverybodyAreCountedApart(t *testing.T) {
	tests := map[string]struct {
		query string
		page  bool
	}{
		"nothing asked":            {"", true},
		"a page as clients ask it": {"?fields=id,email&limit=100&page=2&sort=%2Bid", true},
		"a cursor":                 {"?cursor=bGltaXQ9NTAmcGFnZT0x", true},
		"by link":                  {"?external_id=1", false},
		"by address":               {"?email=a@example.com&fields=id", false},
		"by ids":                   {"?user_ids=1,2", false},
		"changed since":            {"?updated_since=2026-01-01", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			a.ctl.ResetCalls()
			if got := a.call("GET /api/2/users"+tt.query, ""); got.status != 200 {
				t.Fatalf("status %d", got.status)
			}
			want := map[string]int{"GET /api/2/users": 1}
			if tt.page {
				want["GET /api/2/users?page"] = 1
			}
			if diff := cmp.Diff(want, a.ctl.Calls()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
	a := newAccount(t, onelogin.Config{})
	a.ctl.ResetCalls()
	a.call("GET /api/2/users/1", "")
	if diff := cmp.Diff(map[string]int{"GET /api/2/users/{id}": 1}, a.ctl.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestLimitsTellWhatWasRefusedAndGranted(t *testing.T) {
	a := newAccount(t, onelogin.Config{HourlyBudget: 2, BudgetWindow: 10 * time.Second})
	for range 3 {
		a.call("GET /api/2/users/1", "")
	}
	if got := a.call("GET /api/2/users/1", ""); got.header.Get("X-RateLimit-Reset") > "10" || got.status != 429 {
		t.Errorf("exhausted: status %d, reset %s", got.status, got.header.Get("X-RateLimit-Reset"))
	}
	a.ctl.Clock().Advance(10 * time.Second)
	if got := a.call("GET /api/2/users/1", ""); got.status != 404 {
		t.Errorf("in the next window: status %d", got.status)
	}
	limits := a.send("GET", "/_sim/limits", "", "").object(t)
	budgets, _ := limits["budgets"].([]any)
	if limits["refused_by_budget"] != 2.0 || limits["refused_by_burst"] != 0.0 || len(budgets) != 2 {
		t.Fatalf("limits: %v", limits)
	}
	for i, want := range []float64{2, 1} {
		if got := budgets[i].(map[string]any)["calls"]; got != want {
			t.Errorf("budget %d granted %v calls, want %v", i, got, want)
		}
	}
	a.send("PUT", "/_sim/settings", `{"budget_window":"1h"}`, "")
	if got := a.call("GET /api/2/users/1", ""); got.header.Get("X-RateLimit-Reset") < "3500" {
		t.Errorf("reset after the window has grown: %s", got.header.Get("X-RateLimit-Reset"))
	}
}

func TestBurstIsRefusedAtTheEdge(t *testing.T) {
	const page = "<html><body><h1>429 Too Many Requests</h1>\nYou have sent too many requests in a given amount of time.\n</body></html>\n"
	a := newAccount(t, onelogin.Config{BurstPerSecond: 1})
	a.ctl.Clock().Advance(time.Hour) // past the second in which the token was issued

	// However slow this machine is, one of the calls finds its second taken.
	var refused response
	for refused.status != 429 {
		refused = a.call("GET /api/2/users", "")
		if refused.status != 200 && refused.status != 429 {
			t.Fatalf("status %d", refused.status)
		}
	}
	refused.want(t, 429, page)
	if got := refused.header.Get("Content-Type"); got != "text/html" || len(refused.body) != 117 {
		t.Errorf("%s of %d bytes, want text/html of 117", got, len(refused.body))
	}
	if got := refused.header.Get("X-RateLimit-Limit"); got != "" {
		t.Errorf("rate limit headers at the edge: %s", got)
	}
	a.ctl.Clock().Advance(time.Second)
	if got := a.call("GET /api/2/users", ""); got.status != 200 {
		t.Errorf("a second later: %d", got.status)
	}
}

func TestLimitsChangeAtRunTime(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	got := a.send("PUT", "/_sim/settings", `{"hourly_budget":1,"burst_per_second":-1,"licences":7}`, "")
	settings := got.object(t)
	if got.status != 200 || settings["hourly_budget"] != 1.0 || settings["licences"] != 7.0 || settings["max_limit"] != 100.0 {
		t.Errorf("settings: %d %s", got.status, got.body)
	}
	for i := range 200 {
		if got := a.call("GET /api/2/users", ""); got.status != 200 && i == 0 || got.status != 429 && i > 0 {
			t.Fatalf("call %d: status %d", i, got.status)
		}
	}
	a.send("PUT", "/_sim/settings", `{"hourly_budget":-1}`, "")
	if got := a.call("GET /api/2/users", ""); got.status != 200 || got.header.Get("X-RateLimit-Limit") != "" {
		t.Errorf("without a budget: %d, limit %q", got.status, got.header.Get("X-RateLimit-Limit"))
	}
	tests := map[string]string{
		"unknown key":       `{"licenses":5}`,
		"bad duration":      `{"unlicensed_after":"soon"}`,
		"no page":           `{"max_limit":0}`,
		"negative licences": `{"licences":-1}`,
		"no window":         `{"budget_window":"0s"}`,
		"unknown attribute": `{"force":{"dept":"x"}}`,
		"wrong kind":        `{"force":{"status":"x"}}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			before := a.Settings()
			if got := a.send("PUT", "/_sim/settings", body, ""); got.status != 400 {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			if after := a.Settings(); after.Licences != before.Licences || after.MaxLimit != before.MaxLimit || len(after.Force) != 0 {
				t.Errorf("refused settings took effect: %+v", after)
			}
		})
	}
}

func TestBusiestSecond(t *testing.T) {
	a := newAccount(t, onelogin.Config{BurstPerSecond: 3})
	busiest := func() float64 {
		n, _ := a.send("GET", "/_sim/limits", "", "").object(t)["busiest_second"].(float64)
		return n
	}
	a.ctl.Clock().Advance(time.Hour) // past the second in which the token was issued
	for range 2 {
		a.call("GET /api/2/users", "")
		a.ctl.Clock().Advance(600 * time.Millisecond)
	}
	if got := busiest(); got != 2 {
		t.Errorf("two calls 0.6 s apart: %v", got)
	}
	for range 4 { // the fourth and the fifth of their second are refused, and came
		a.call("GET /api/2/users", "")
	}
	if got := busiest(); got != 5 {
		t.Errorf("after four more: %v", got)
	}
	a.ctl.Clock().Advance(time.Second)
	a.call("GET /api/2/users", "")
	if got := busiest(); got != 5 {
		t.Errorf("in a quieter second: %v", got)
	}
}
