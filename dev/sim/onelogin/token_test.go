package onelogin_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/onelogin"
)

const (
	tokenRefused  = `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Authentication Failure"}}`
	grantRefused  = `{"status":{"error":true,"code":400,"type":"bad request","message":"grant_type is incorrect/absent"}}`
	usersRefused  = `{"message":"Unauthorized","name":"UnauthorizedError","statusCode":401}`
	statusSuccess = `{"status":{"error":false,"code":200,"type":"success","message":"Success"}}`
)

func TestTokenIsGrantedToEveryDocumentedForm(t *testing.T) {
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	tests := map[string]struct {
		body, authorization string
		change              []func(*http.Request)
		refusal             string
	}{
		"Basic, JSON":                       {body: `{"grant_type":"client_credentials"}`, change: []func(*http.Request){basic}},
		"Basic, form":                       {body: "grant_type=client_credentials", change: []func(*http.Request){basic, form}},
		"fields of a form":                  {body: "grant_type=client_credentials&client_id=sample-client&client_secret=sample-secret", change: []func(*http.Request){form}},
		"fields of JSON":                    {body: `{"grant_type":"client_credentials","client_id":"sample-client","client_secret":"sample-secret"}`},
		"client_id header":                  {body: `{"grant_type":"client_credentials"}`, authorization: "client_id:sample-client, client_secret:sample-secret"},
		"client_id header without a space":  {body: `{"grant_type":"client_credentials"}`, authorization: "client_id: sample-client,client_secret: sample-secret"},
		"no credentials":                    {body: `{"grant_type":"client_credentials"}`, refusal: tokenRefused},
		"empty credentials":                 {body: `{"grant_type":"client_credentials"}`, authorization: "client_id:, client_secret:", refusal: tokenRefused},
		"wrong secret":                      {body: `{"grant_type":"client_credentials"}`, authorization: "client_id:sample-client, client_secret:x", refusal: tokenRefused},
		"wrong credentials, wrong grant":    {body: `{}`, refusal: tokenRefused},
		"no grant type":                     {body: `{}`, change: []func(*http.Request){basic}, refusal: grantRefused},
		"no body":                           {change: []func(*http.Request){basic}, refusal: grantRefused},
		"another grant type":                {body: `{"grant_type":"password"}`, change: []func(*http.Request){basic}, refusal: grantRefused},
		"grant type of a wrong type":        {body: `{"grant_type":1}`, change: []func(*http.Request){basic}, refusal: grantRefused},
		"a body that is neither JSON nor %": {body: `%zz`, change: []func(*http.Request){basic}, refusal: grantRefused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			got := a.send("POST", "/auth/oauth2/v2/token", tt.body, tt.authorization, tt.change...)
			if got.header.Get("X-RateLimit-Limit") != "" {
				t.Error("rate limit headers on a token call")
			}
			switch tt.refusal {
			case "":
				if o := got.object(t); got.status != 200 || o["access_token"] != a.token {
					t.Errorf("got %d %s, want the account's token", got.status, got.body)
				}
			case tokenRefused:
				got.want(t, 401, tokenRefused)
			default:
				got.want(t, 400, tt.refusal)
			}
		})
	}
}

func TestTokenIsTheSameUntilItExpires(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	a.ctl.Clock().Advance(11 * time.Hour)
	issue := func() object {
		return a.send("POST", "/auth/oauth2/v2/token", `{"grant_type":"client_credentials"}`, "", basic).object(t)
	}
	first := issue()
	want := object{"expires_in": 36000.0, "token_type": "bearer", "account_id": 555555.0}
	for key, value := range want {
		if diff := cmp.Diff(value, first[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	created, err := time.Parse("2006-01-02T15:04:05.000Z", first["created_at"].(string))
	if err != nil || a.ctl.Clock().Now().Sub(created) > time.Minute {
		t.Errorf("created_at %v: %v", first["created_at"], err)
	}
	if first["access_token"] == a.token {
		t.Error("an expired token was issued again")
	}

	a.ctl.Clock().Advance(10*time.Hour - time.Minute)
	if diff := cmp.Diff(first, issue()); diff != "" {
		t.Errorf("the grant changed before it expired:\n%s", diff)
	}
	a.token = first["access_token"].(string)
	if got := a.call("GET /api/2/users", ""); got.status != 200 {
		t.Errorf("status %d with a token still good", got.status)
	}
	a.ctl.Clock().Advance(time.Minute)
	a.call("GET /api/2/users", "").want(t, 401, usersRefused)
	if second := issue(); second["access_token"] == first["access_token"] {
		t.Error("an expired token was issued again")
	}
}

func TestTokenThatIsRevokedEndsAtOnce(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	revoke := func(token string) response {
		return a.send("POST", "/auth/oauth2/revoke", `{"access_token":"`+token+`"}`, "", basic)
	}
	a.send("POST", "/auth/oauth2/revoke", `{"access_token":"`+a.token+`"}`, "").want(t, 401, tokenRefused)
	if got := revoke("another"); got.status != 400 {
		t.Errorf("another token: status %d", got.status)
	}
	revoke(a.token).want(t, 200, statusSuccess)
	a.call("GET /api/2/users", "").want(t, 401, usersRefused)
	if next := a.issue(); next == a.token {
		t.Error("the revoked token was issued again")
	}
}

func TestBearerForms(t *testing.T) {
	tests := map[string]struct {
		authorization func(token string) string
		status        int
	}{
		"bearer":           {func(tok string) string { return "bearer " + tok }, 200},
		"Bearer":           {func(tok string) string { return "Bearer " + tok }, 200},
		"bearer:":          {func(tok string) string { return "bearer:" + tok }, 200},
		"BEARER: ":         {func(tok string) string { return "BEARER: " + tok }, 200},
		"nothing":          {func(string) string { return "" }, 401},
		"scheme alone":     {func(string) string { return "bearer" }, 401},
		"token alone":      {func(tok string) string { return tok }, 401},
		"another scheme":   {func(tok string) string { return "Basic " + tok }, 401},
		"another token":    {func(string) string { return "bearer x" }, 401},
		"no space between": {func(tok string) string { return "bearer" + tok }, 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, onelogin.Config{})
			got := a.send("GET", "/api/2/users", "", tt.authorization(a.token))
			if got.status != tt.status {
				t.Fatalf("status %d, want %d", got.status, tt.status)
			}
			if limited := got.header.Get("X-RateLimit-Limit") != ""; limited != (tt.status == 200) {
				t.Errorf("rate limit headers: %v", limited)
			}
		})
	}
	t.Run("v1 and the rate limit refuse in their own shape", func(t *testing.T) {
		a := newAccount(t, onelogin.Config{})
		a.send("PUT", "/api/1/users/1/logout", "", "bearer x").want(t, 401, tokenRefused)
		a.send("GET", "/auth/rate_limit", "", "bearer x").want(t, 401, tokenRefused)
	})
}

func TestRotatedSecretTakesTheTokenWithIt(t *testing.T) {
	a := newAccount(t, onelogin.Config{})
	a.send("PUT", "/_sim/credentials", `{}`, "").want(t, 400, `{"error":"client_secret: empty"}`)
	if got := a.send("PUT", "/_sim/credentials", `{"client_secret":"fresh-secret"}`, ""); got.status != 204 {
		t.Fatalf("rotate: %d %s", got.status, got.body)
	}
	a.send("GET", "/api/2/users", "", "bearer "+a.token).want(t, 401, usersRefused)
	a.send("POST", "/auth/oauth2/v2/token", `{"grant_type":"client_credentials"}`, "", basic).want(t, 401, tokenRefused)
	got := a.send("POST", "/auth/oauth2/v2/token", `{"grant_type":"client_credentials"}`, "", func(r *http.Request) {
		r.SetBasicAuth(clientID, "fresh-secret")
	})
	if o := got.object(t); got.status != 200 || o["access_token"] == a.token {
		t.Errorf("got %d %s, want another token", got.status, got.body)
	}
}
