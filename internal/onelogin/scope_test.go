package onelogin

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	nobodyRoute       = "PUT /api/2/users/0"
	nobodyLogoutRoute = "PUT /api/1/users/0/logout"
)

func TestAuthenticateAsksForATokenAlone(t *testing.T) {
	f := newFake(t, routes{readRoute: reply(http.StatusOK, userJSON)})
	c := start(t, f)
	require.NoError(t, c.Authenticate(t.Context()))
	require.NoError(t, c.Authenticate(t.Context()))
	require.NoError(t, read(t, c))
	require.Equal(t, 1, f.count(tokenRoute), "the calls after it use the token")

	f = newFake(t, routes{tokenRoute: reply(http.StatusUnauthorized, `{}`)})
	c = start(t, f)
	var auth *AuthError
	require.ErrorAs(t, c.Authenticate(t.Context()), &auth)
	require.Equal(t, opToken, auth.Op)
	require.Equal(t, "breaker_open", Class(read(t, c)))
	require.Equal(t, 1, f.count(tokenRoute), "refused credentials are not tried again")
}

func TestProvingTheScope(t *testing.T) {
	proofs := map[string]struct {
		prove func(*Client, context.Context) error
		route string
		body  string
	}{
		"to write users":  {(*Client).ProveWrite, nobodyRoute, `{}`},
		"to end sessions": {(*Client).ProveEndSessions, nobodyLogoutRoute, ""},
	}
	tests := map[string]struct {
		handler    http.HandlerFunc
		class      string
		permission bool
	}{
		"no such user":          {handler: reply(http.StatusNotFound, `{"message":"The resource with the given id could not be found","name":"NotFoundError","statusCode":404}`), class: "ok"},
		"no such user, as v1":   {handler: reply(http.StatusNotFound, `{"status":{"error":true,"code":404,"type":"not found","message":"User not found"}}`), class: "ok"},
		"not a user's id":       {handler: reply(http.StatusBadRequest, `{"message":"invalid id","name":"BadRequestError","statusCode":400}`), class: "ok"},
		"a scope for reading":   {handler: reply(http.StatusUnauthorized, insufficient), class: "auth", permission: true},
		"forbidden":             {handler: reply(http.StatusForbidden, ""), class: "auth", permission: true},
		"a page: another host":  {handler: page(http.StatusNotFound, "<html></html>"), class: "server"},
		"over the budget":       {handler: reply(http.StatusTooManyRequests, ""), class: "rate_limited"},
		"a user who is nobody":  {handler: reply(http.StatusOK, userJSON), class: "server"},
		"an answer without any": {handler: cut(0, ""), class: "transport"},
	}
	for what, proof := range proofs {
		for name, tt := range tests {
			t.Run(what+"/"+name, func(t *testing.T) {
				f := newFake(t, routes{proof.route: func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					require.Equal(t, proof.body, string(body), "nothing that could be written")
					tt.handler(w, r)
				}})
				err := proof.prove(start(t, f), t.Context())
				require.Equal(t, tt.class, Class(err))
				if tt.permission {
					var auth *AuthError
					require.ErrorAs(t, err, &auth)
					require.True(t, auth.Permission)
				}
				require.Equal(t, 1, f.count(proof.route))
			})
		}
	}
}
