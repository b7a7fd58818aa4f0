package onelogin

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	insufficient  = `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Insufficient Permission"}}`
	logoutSuccess = `{"status":{"error":false,"code":200,"type":"success","message":"Success"}}`
)

// changing lets a test replace a handler while the server runs.
type changing struct {
	atomic.Pointer[http.HandlerFunc]
}

func (c *changing) set(h http.HandlerFunc) { c.Store(&h) }

func (c *changing) serve(w http.ResponseWriter, r *http.Request) { (*c.Load())(w, r) }

func read(t *testing.T, c *Client) error {
	_, err := c.User(t.Context(), 42)
	return err
}

func TestBreakerOpensAtRefusedAccessAlone(t *testing.T) {
	tests := map[string]struct {
		handler, token http.HandlerFunc
		opens          bool
	}{
		"401 with every token":    {handler: unauthorized, opens: true},
		"401 for want of a scope": {handler: reply(http.StatusUnauthorized, insufficient), opens: true},
		"403":                     {handler: reply(http.StatusForbidden, ""), opens: true},
		"403 in HTML":             {handler: page(http.StatusForbidden, "<html></html>"), opens: true},
		"the token refused, 401":  {token: reply(http.StatusUnauthorized, `{}`), opens: true},
		"the token refused, 400":  {token: reply(http.StatusBadRequest, `{}`), opens: true},
		"success":                 {handler: reply(http.StatusOK, userJSON)},
		"401 with the old token":  {handler: withToken("token-2", reply(http.StatusOK, userJSON))},
		"404":                     {handler: reply(http.StatusNotFound, "")},
		"422":                     {handler: reply(http.StatusUnprocessableEntity, `{"message":"x"}`)},
		"400":                     {handler: reply(http.StatusBadRequest, `{"message":"x"}`)},
		"429":                     {handler: reply(http.StatusTooManyRequests, "")},
		"500":                     {handler: reply(http.StatusInternalServerError, "")},
		"HTML":                    {handler: page(http.StatusOK, "<html></html>")},
		"cut off":                 {handler: cut(0, "")},
		"no token for now":        {token: reply(http.StatusBadGateway, "")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, routes{readRoute: tt.handler})
			if tt.token != nil {
				f.routes[tokenRoute] = tt.token
			}
			c := start(t, f)
			first := read(t, c)
			calls, tokens := f.count(readRoute), f.count(tokenRoute)
			for range 5 {
				err := read(t, c)
				if tt.opens {
					require.Equal(t, "auth", Class(first))
					require.Equal(t, "breaker_open", Class(err))
				} else {
					require.Equal(t, Class(first), Class(err))
				}
			}
			if tt.opens {
				require.Equal(t, calls, f.count(readRoute), "nothing is sent")
				require.Equal(t, tokens, f.count(tokenRoute), "nothing is sent")
			} else {
				require.Equal(t, 5, f.count(readRoute)+f.count(tokenRoute)-calls-tokens)
			}
		})
	}
}

func TestBreakerOpenErrorSaysUntilWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handler changing
		handler.set(reply(http.StatusForbidden, ""))
		f := newFake(t, routes{readRoute: handler.serve})
		c := startInBubble(t, f)
		refusedAt := time.Now()
		require.Equal(t, "auth", Class(read(t, c)))
		handler.set(reply(http.StatusOK, userJSON))

		time.Sleep(20 * time.Second)
		var open *BreakerOpenError
		require.ErrorAs(t, read(t, c), &open)
		require.Equal(t, opReadUser, open.Op)
		require.WithinDuration(t, refusedAt.Add(openFor), open.Until, time.Millisecond)

		time.Sleep(time.Until(open.Until) - 2*time.Nanosecond)
		require.Equal(t, "breaker_open", Class(read(t, c)))
		require.Equal(t, 1, f.count(readRoute))
		time.Sleep(2 * time.Nanosecond)
		require.NoError(t, read(t, c))
		require.NoError(t, read(t, c), "closed again")
	})
}

func TestAtMostOneCallAMinuteWhileAccessIsRefused(t *testing.T) {
	tests := map[string]struct {
		token   http.HandlerFunc
		handler http.HandlerFunc
		// first are the calls of the first minute, later those of each other.
		firstTokens, firstCalls, laterTokens, laterCalls int
	}{
		"every token refused":   {nil, unauthorized, 2, 2, 1, 1},
		"no permission":         {nil, reply(http.StatusForbidden, ""), 1, 1, 1, 1},
		"no permission by 401":  {nil, reply(http.StatusUnauthorized, insufficient), 1, 1, 1, 1},
		"no token":              {reply(http.StatusUnauthorized, `{}`), nil, 1, 0, 1, 0},
		"no token, bad request": {reply(http.StatusBadRequest, `{}`), nil, 1, 0, 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, routes{readRoute: tt.handler})
				if tt.token != nil {
					f.routes[tokenRoute] = tt.token
				}
				c := startInBubble(t, f)
				const minutes = 30
				began := time.Now()
				for time.Since(began) < minutes*time.Minute {
					for _, err := range readAll(t, c, 1+int(time.Since(began)/time.Second)%5) {
						require.Contains(t, []string{"auth", "breaker_open"}, Class(err))
					}
					time.Sleep(time.Second)
				}
				require.LessOrEqual(t, f.count(tokenRoute), tt.firstTokens+tt.laterTokens*(minutes-1))
				require.LessOrEqual(t, f.count(readRoute), tt.firstCalls+tt.laterCalls*(minutes-1))
				require.GreaterOrEqual(t, f.count(tokenRoute), minutes-2, "access is tried again")
			})
		})
	}
}

func TestOneCallTriesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handler changing
		handler.set(reply(http.StatusForbidden, ""))
		f := newFake(t, routes{readRoute: handler.serve})
		c := startInBubble(t, f)
		require.Equal(t, "auth", Class(read(t, c)))
		time.Sleep(openFor + time.Second)
		handler.set(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			reply(http.StatusOK, userJSON)(w, r)
		})
		let := 0
		for _, err := range readAll(t, c, 20) {
			if err == nil {
				let++
				continue
			}
			var open *BreakerOpenError
			require.ErrorAs(t, err, &open)
			require.True(t, open.Until.After(time.Now().Add(-probeWait)), "try again soon")
		}
		require.Equal(t, 1, let)
		require.Equal(t, 2, f.count(readRoute))
		for _, err := range readAll(t, c, 20) {
			require.NoError(t, err)
		}
	})
}

func TestTryThatProvesNothingLeavesTheBreakerAsItIs(t *testing.T) {
	tests := map[string]struct {
		outcome http.HandlerFunc
		proves  bool
	}{
		"success":     {reply(http.StatusOK, userJSON), true},
		"404":         {reply(http.StatusNotFound, ""), true},
		"422":         {reply(http.StatusUnprocessableEntity, `{"message":"x"}`), true},
		"429":         {reply(http.StatusTooManyRequests, ""), false},
		"502":         {page(http.StatusBadGateway, "<html></html>"), false},
		"cut off":     {cut(0, ""), false},
		"HTML, 200":   {page(http.StatusOK, "<html></html>"), false},
		"no answer":   {silent, false},
		"redirection": {page(http.StatusFound, ""), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var handler changing
				handler.set(reply(http.StatusForbidden, ""))
				c := startInBubble(t, newFake(t, routes{readRoute: handler.serve}))
				require.Equal(t, "auth", Class(read(t, c)))
				time.Sleep(openFor + time.Second)
				handler.set(tt.outcome)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.User(ctx, 42)
				require.NotContains(t, []string{"auth", "breaker_open"}, Class(err))
				require.Equal(t, tt.proves, !c.users.probing())
				require.NoError(t, c.users.check(opReadUser), "not open")
			})
		})
	}
}

func TestCanceledCallDoesNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handler changing
		handler.set(silent)
		c := startInBubble(t, newFake(t, routes{readRoute: handler.serve}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := c.User(ctx, 42)
		require.ErrorIs(t, err, context.Canceled)
		handler.set(reply(http.StatusOK, userJSON))
		require.NoError(t, read(t, c))
	})
}

func TestProbeBeginsWithANewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, routes{readRoute: withToken("token-3", reply(http.StatusOK, userJSON))})
		c := startInBubble(t, f)
		require.Equal(t, "auth", Class(read(t, c)))
		time.Sleep(openFor + time.Second)
		require.NoError(t, read(t, c))
		require.Equal(t, 3, f.count(tokenRoute))
		require.Equal(t, 3, f.count(readRoute))
	})
}

func TestMissingPermissionToEndSessionsDoesNotStopTheUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logout changing
		logout.set(reply(http.StatusUnauthorized, insufficient))
		f := newFake(t, routes{readRoute: reply(http.StatusOK, userJSON), logoutRoute: logout.serve})
		c := startInBubble(t, f)
		var auth *AuthError
		require.ErrorAs(t, c.EndSessions(t.Context(), 42), &auth)
		require.True(t, auth.Permission)
		require.Equal(t, "breaker_open", Class(c.EndSessions(t.Context(), 42)))
		require.Equal(t, 1, f.count(logoutRoute))
		require.NoError(t, read(t, c))

		logout.set(reply(http.StatusOK, logoutSuccess))
		time.Sleep(openFor + time.Second)
		require.NoError(t, c.EndSessions(t.Context(), 42))
		require.NoError(t, c.EndSessions(t.Context(), 42))
		require.Equal(t, 3, f.count(logoutRoute))
	})
}

func TestSessionsAreEndedWhileTheUsersAreRefused(t *testing.T) {
	f := newFake(t, routes{readRoute: reply(http.StatusForbidden, ""), logoutRoute: reply(http.StatusOK, logoutSuccess)})
	c := start(t, f)
	require.Equal(t, "auth", Class(read(t, c)))
	require.NoError(t, c.EndSessions(t.Context(), 42), "the token at hand will do")
	require.Equal(t, "breaker_open", Class(read(t, c)), "and proves nothing for the users")
}

func TestTokenForEndingSessionsPassesTheUsersBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var token changing
		token.set(reply(http.StatusUnauthorized, `{}`))
		f := newFake(t, routes{tokenRoute: token.serve, readRoute: reply(http.StatusOK, userJSON), logoutRoute: reply(http.StatusOK, logoutSuccess)})
		c := startInBubble(t, f)
		var auth *AuthError
		require.ErrorAs(t, c.EndSessions(t.Context(), 42), &auth)
		require.Equal(t, opToken, auth.Op)
		require.Equal(t, "breaker_open", Class(c.EndSessions(t.Context(), 42)))
		require.Equal(t, "breaker_open", Class(read(t, c)))
		require.Equal(t, 1, f.count(tokenRoute))

		token.set(f.grant)
		time.Sleep(openFor + time.Second)
		require.NoError(t, c.EndSessions(t.Context(), 42), "at once when the credentials are good again")
		require.True(t, c.users.probing(), "a token alone is no proof")
		require.NoError(t, read(t, c))
	})
}

func TestRefusedTokenIsRenewedForEndingSessionsToo(t *testing.T) {
	f := newFake(t, routes{logoutRoute: withToken("token-2", reply(http.StatusOK, logoutSuccess))})
	require.NoError(t, start(t, f).EndSessions(t.Context(), 42))
	require.Equal(t, 2, f.count(tokenRoute))
	require.Equal(t, 2, f.count(logoutRoute))
}
