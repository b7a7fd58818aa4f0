package onelogin

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func readAll(t *testing.T, c *Client, n int) []error {
	return together(n, func(int) error { _, err := c.User(t.Context(), 42); return err })
}

func TestTokenIsFetchedOnceForAll(t *testing.T) {
	f := newFake(t, routes{readRoute: withToken("token-1", reply(http.StatusOK, userJSON))})
	for _, err := range readAll(t, start(t, f), 50) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.count(tokenRoute))
	require.Equal(t, 50, f.count(readRoute))
}

func TestTokenIsRenewedInTime(t *testing.T) {
	tests := map[string]struct {
		age       time.Duration // of the token when it is first given
		life      time.Duration
		good, due time.Duration // from the first call
	}{
		"ten hours: five minutes before the end":   {0, 10 * time.Hour, 10*time.Hour - 301*time.Second, 10*time.Hour - 299*time.Second},
		"a hundred seconds: a tenth of it":         {0, 100 * time.Second, 89 * time.Second, 91 * time.Second},
		"given hours ago already":                  {9 * time.Hour, 10 * time.Hour, time.Hour - 301*time.Second, time.Hour - 299*time.Second},
		"a minute left: half of it is used":        {10*time.Hour - time.Minute, 10 * time.Hour, 29 * time.Second, 31 * time.Second},
		"over by our clock: used for five seconds": {11 * time.Hour, 10 * time.Hour, 4 * time.Second, 6 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				f := newFake(t, routes{
					tokenRoute: func(w http.ResponseWriter, _ *http.Request) {
						writeGrant(w, "token-1", began.Add(-tt.age), int(tt.life/time.Second))
					},
					readRoute: withToken("token-1", reply(http.StatusOK, userJSON)),
				})
				c := startInBubble(t, f)
				call := func(at time.Duration) int {
					time.Sleep(time.Until(began.Add(at)))
					_, err := c.User(t.Context(), 42)
					require.NoError(t, err)
					return f.count(tokenRoute)
				}
				require.Equal(t, 1, call(0))
				require.Equal(t, 1, call(tt.good))
				require.Equal(t, 2, call(tt.due))
			})
		})
	}
}

func TestSameTokenGivenUntilItsEndIsNotFetchedAtEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life = 10 * time.Hour
		began := time.Now()
		var issued time.Time
		serial := 0
		f := newFake(t, routes{
			tokenRoute: func(w http.ResponseWriter, _ *http.Request) {
				if issued.IsZero() || !time.Now().Before(issued.Add(life)) {
					issued = time.Now()
					serial++
				}
				writeGrant(w, fmt.Sprint("token-", serial), issued, int(life/time.Second))
			},
			readRoute: func(w http.ResponseWriter, r *http.Request) {
				if !time.Now().Before(issued.Add(life)) {
					unauthorized(w, r)
					return
				}
				reply(http.StatusOK, userJSON)(w, r)
			},
		})
		c := startInBubble(t, f)
		for _, at := range []time.Duration{0, life - 6*time.Minute} {
			time.Sleep(time.Until(began.Add(at)))
			_, err := c.User(t.Context(), 42)
			require.NoError(t, err)
		}
		require.Equal(t, 1, f.count(tokenRoute))
		for time.Since(began) < life+time.Minute {
			_, err := c.User(t.Context(), 42)
			require.NoError(t, err)
			time.Sleep(500 * time.Millisecond)
		}
		require.Equal(t, 2, serial)
		require.LessOrEqual(t, f.count(tokenRoute), 12)
	})
}

func TestTokenOfUnknownLifeIsUsedUntilRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, routes{
			tokenRoute: reply(http.StatusOK, `{"access_token":"token-1"}`),
			readRoute:  withToken("token-1", reply(http.StatusOK, userJSON)),
		})
		c := startInBubble(t, f)
		for range 3 {
			_, err := c.User(t.Context(), 42)
			require.NoError(t, err)
			time.Sleep(24 * time.Hour)
		}
		require.Equal(t, 1, f.count(tokenRoute))
	})
}

func TestTokenWithoutAReadableDateBeginsNow(t *testing.T) {
	now := time.Now()
	tok := grant{AccessToken: "x", CreatedAt: "yesterday", ExpiresIn: 100}.token(1, now)
	require.Equal(t, now.Add(100*time.Second), tok.expires)
}

func TestGoodTokenOutlivesAFailedRenewal(t *testing.T) {
	for name, failure := range map[string]http.HandlerFunc{
		"bad gateway":  page(http.StatusBadGateway, "<html></html>"),
		"rate limited": page(http.StatusTooManyRequests, "<html></html>"),
		"cut off":      cut(0, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, routes{readRoute: withToken("token-1", reply(http.StatusOK, userJSON))})
				f.routes[tokenRoute] = func(w http.ResponseWriter, r *http.Request) {
					if f.count(tokenRoute) > 1 {
						failure(w, r)
						return
					}
					f.grant(w, r)
				}
				c := startInBubble(t, f)
				_, err := c.User(t.Context(), 42)
				require.NoError(t, err)
				time.Sleep(10*time.Hour - 4*time.Minute)
				for range 10 {
					_, err := c.User(t.Context(), 42)
					require.NoError(t, err)
				}
				require.Equal(t, 2, f.count(tokenRoute), "the renewal is not tried at every call")
				time.Sleep(4 * time.Minute)
				_, err = c.User(t.Context(), 42)
				require.Error(t, err, "the token is over")
			})
		})
	}
}

func TestCallerWhoGivesUpLeavesTheTokenToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, routes{readRoute: withToken("token-1", reply(http.StatusOK, userJSON))})
		f.routes[tokenRoute] = func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			f.grant(w, r)
		}
		c := startInBubble(t, f)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		errs := together(2, func(i int) error {
			ctx := t.Context()
			if i == 0 {
				ctx = impatient
			} else {
				time.Sleep(500 * time.Millisecond)
			}
			_, err := c.User(ctx, 42)
			return err
		})
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		require.False(t, Uncertain(errs[0]))
		require.NoError(t, errs[1])
		require.Equal(t, 1, f.count(tokenRoute))
	})
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Run("and the call repeated with the new one", func(t *testing.T) {
		f := newFake(t, routes{createRoute: withToken("token-2", reply(http.StatusCreated, userJSON))})
		_, err := start(t, f).CreateUser(t.Context(), Attributes{"email": "sample@example.com"})
		require.NoError(t, err)
		require.Equal(t, 2, f.count(tokenRoute))
		require.Equal(t, 2, f.count(createRoute))
	})
	t.Run("and the call repeated once with the very same one", func(t *testing.T) {
		f := newFake(t, routes{
			tokenRoute: func(w http.ResponseWriter, _ *http.Request) { writeGrant(w, "token-1", time.Now(), 36000) },
			readRoute:  unauthorized,
		})
		_, err := start(t, f).User(t.Context(), 42)
		var auth *AuthError
		require.ErrorAs(t, err, &auth)
		require.Equal(t, AuthError{Failure: Failure{Op: opReadUser, StatusCode: 401}}, *auth)
		require.Equal(t, 2, f.count(tokenRoute))
		require.Equal(t, 2, f.count(readRoute))
	})
	t.Run("but not where the token is not the trouble", func(t *testing.T) {
		for _, status := range []int{401, 403} {
			f := newFake(t, routes{readRoute: reply(status, `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Insufficient Permission"}}`)})
			_, err := start(t, f).User(t.Context(), 42)
			var auth *AuthError
			require.ErrorAs(t, err, &auth)
			require.True(t, auth.Permission)
			require.Equal(t, 1, f.count(tokenRoute))
			require.Equal(t, 1, f.count(readRoute))
		}
	})
	t.Run("and a failure to do so is the call's", func(t *testing.T) {
		f := newFake(t, routes{readRoute: unauthorized})
		f.routes[tokenRoute] = func(w http.ResponseWriter, r *http.Request) {
			if f.count(tokenRoute) > 1 {
				page(http.StatusServiceUnavailable, "")(w, r)
				return
			}
			f.grant(w, r)
		}
		_, err := start(t, f).User(t.Context(), 42)
		require.EqualError(t, err, "onelogin: fetch token: server error (503)")
		require.Equal(t, 1, f.count(readRoute))
	})
}

func TestManyRefusedAtOnce(t *testing.T) {
	const callers = 50
	t.Run("the new token is good", func(t *testing.T) {
		var reading atomic.Int32
		all := make(chan struct{})
		f := newFake(t, routes{readRoute: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer token-1" {
				// Every caller holds the first token before any learns that it
				// is refused.
				if reading.Add(1) == callers {
					close(all)
				}
				<-all
			}
			withToken("token-2", reply(http.StatusOK, userJSON))(w, r)
		}})
		for _, err := range readAll(t, start(t, f), callers) {
			require.NoError(t, err)
		}
		require.Equal(t, 2, f.count(tokenRoute), "the first one and one renewal")
		require.Equal(t, 2*callers, f.count(readRoute))
	})
	t.Run("no token is good", func(t *testing.T) {
		for range 20 {
			f := newFake(t, routes{readRoute: unauthorized})
			for _, err := range readAll(t, start(t, f), callers) {
				require.Contains(t, []string{"auth", "breaker_open"}, Class(err))
			}
			require.LessOrEqual(t, f.count(tokenRoute), 2, "the first one and one renewal")
			require.LessOrEqual(t, f.count(readRoute), 2*callers)
		}
	})
	t.Run("no token is given", func(t *testing.T) {
		for range 20 {
			f := newFake(t, routes{tokenRoute: reply(http.StatusUnauthorized, `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Authentication Failure"}}`)})
			for _, err := range readAll(t, start(t, f), callers) {
				require.Contains(t, []string{"auth", "breaker_open"}, Class(err))
			}
			require.Equal(t, 1, f.count(tokenRoute))
		}
	})
}

func TestRotatedCredentialsAreAskedForAtEachFetch(t *testing.T) {
	var secrets []string
	f := newFake(t, routes{readRoute: withToken("token-2", reply(http.StatusOK, userJSON))})
	f.routes[tokenRoute] = func(w http.ResponseWriter, r *http.Request) {
		_, secret, _ := r.BasicAuth()
		secrets = append(secrets, secret)
		writeGrant(w, fmt.Sprint("token-", len(secrets)), time.Now(), 36000)
	}
	fetches := 0
	c := start(t, f, func(cfg *Config) {
		cfg.Secret = func() (string, string) {
			fetches++
			return sampleID, fmt.Sprint("secret-", fetches)
		}
	})
	_, err := c.User(t.Context(), 42)
	require.NoError(t, err)
	require.Equal(t, []string{"secret-1", "secret-2"}, secrets)
}

func TestRefusalIsKeptForThoseWhoHadPassedTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		refusal := &AuthError{Failure: Failure{Op: opToken, StatusCode: http.StatusUnauthorized}}
		s := &tokens{now: time.Now, fetch: func(context.Context) (grant, error) {
			fetches++
			return grant{}, refusal
		}}
		for range 3 {
			_, err := s.get(t.Context())
			require.Equal(t, refusal, err)
		}
		require.Equal(t, 1, fetches)
		time.Sleep(refusalKept)
		_, err := s.get(t.Context())
		require.Equal(t, refusal, err)
		require.Equal(t, 2, fetches)
	})
}

func TestTokenThatJustReplacedAnotherIsNotReplacedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, routes{
			readRoute:   withToken("token-2", reply(http.StatusOK, userJSON)),
			updateRoute: unauthorized,
		})
		c := startInBubble(t, f)
		_, err := c.User(t.Context(), 42)
		require.NoError(t, err)
		_, err = c.UpdateUser(t.Context(), 42, Attributes{"title": "x"})
		require.Equal(t, "auth", Class(err))
		require.Equal(t, 2, f.count(tokenRoute))
		require.Equal(t, 1, f.count(updateRoute))
	})
}
