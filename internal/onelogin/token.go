package onelogin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// longestMargin and marginShare bound how long before its end a token is
	// renewed: five minutes, or a tenth of a short life.
	longestMargin = 5 * time.Minute
	marginShare   = 10
	// shortestUse is the least time between two renewals in the course of
	// time, whatever the server says of the life of its tokens.
	shortestUse = 5 * time.Second
	// refusalKept is how long refused credentials are remembered here. The
	// breaker takes over within that time; it is for the callers that had
	// passed the breaker when the refusal came.
	refusalKept = time.Second
)

// token is an access token and when to replace it.
type token struct {
	value string
	// generation counts the tokens fetched. The server gives the same token
	// until it expires, so that the value does not tell old from new.
	generation uint64
	// expires is zero where the server did not say.
	expires time.Time
	renew   time.Time
	// replaced is when the token came in place of one that may have been
	// refused, zero where it came in the course of time.
	replaced time.Time
}

// final tells whether a refusal of this token is to be believed, because it
// has only just replaced another. Otherwise, of many callers refused at once,
// the late ones would replace it again and again.
func (t token) final(now time.Time) bool {
	return !t.replaced.IsZero() && now.Before(t.replaced.Add(openFor))
}

func (t token) expired(now time.Time) bool {
	return t.value == "" || !t.expires.IsZero() && !now.Before(t.expires)
}

func (t token) due(now time.Time) bool {
	return t.value == "" || !t.renew.IsZero() && !now.Before(t.renew)
}

// grant is the token endpoint's answer.
type grant struct {
	AccessToken string `json:"access_token"`
	CreatedAt   string `json:"created_at"`
	ExpiresIn   int64  `json:"expires_in"`
}

// token dates a grant that arrived at now. Near the end of its life the server
// hands out the same token again; half of what is left is then used before the
// next try, so that callers do not fetch at every call. A token that is over
// by our clock is used as well: the clock may be wrong, and a 401 renews it.
func (g grant) token(generation uint64, now time.Time) token {
	t := token{value: g.AccessToken, generation: generation}
	if g.ExpiresIn <= 0 {
		return t
	}
	created, err := time.Parse(time.RFC3339, g.CreatedAt)
	if err != nil {
		created = now
	}
	life := time.Duration(g.ExpiresIn) * time.Second
	t.expires = created.Add(life)
	t.renew = t.expires.Add(-min(longestMargin, life/marginShare))
	if soonest := soonestRenewal(t.expires, now); t.renew.Before(soonest) {
		t.renew = soonest
	}
	return t
}

func soonestRenewal(expires, now time.Time) time.Time {
	return now.Add(max(expires.Sub(now)/2, shortestUse))
}

// tokens hands out the one token that all callers share, and fetches it for
// all of them at once.
type tokens struct {
	fetch func(context.Context) (grant, error)
	now   func() time.Time

	mu      sync.Mutex
	current token
	flight  *flight
	refusal error
	refused time.Time
}

// flight is a fetch under way. tok and err may be read once done is closed.
type flight struct {
	done chan struct{}
	// replaces is set where a caller wants another token than the one at hand.
	replaces bool
	tok      token
	err      error
}

// cached returns the present token if it need not be renewed.
func (s *tokens) cached() (token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, !s.current.due(s.now())
}

// get returns a token to call with, the present one while it lasts.
func (s *tokens) get(ctx context.Context) (token, error) {
	s.mu.Lock()
	if !s.current.due(s.now()) {
		defer s.mu.Unlock()
		return s.current, nil
	}
	return s.join(ctx, false)
}

// newerThan returns a token fetched after the one of the given generation,
// which was refused. Of many callers with the same refused token, one fetches.
func (s *tokens) newerThan(ctx context.Context, generation uint64) (token, error) {
	s.mu.Lock()
	if s.current.generation > generation {
		defer s.mu.Unlock()
		return s.current, nil
	}
	return s.join(ctx, true)
}

// fresh fetches a token, or takes part in the fetch under way.
func (s *tokens) fresh(ctx context.Context) (token, error) {
	s.mu.Lock()
	return s.join(ctx, true)
}

// join waits for the fetch under way, which it starts if there is none, for as
// long as the caller's context allows. It is called with mu held and gives it
// up. The fetch itself belongs to no caller: it goes on when the one who
// started it gives up, because the others are waiting for it.
func (s *tokens) join(ctx context.Context, replaces bool) (token, error) {
	if s.refusal != nil && s.now().Before(s.refused.Add(refusalKept)) {
		defer s.mu.Unlock()
		return token{}, s.refusal
	}
	f := s.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.flight = f
		go s.run(context.WithoutCancel(ctx), f)
	}
	f.replaces = f.replaces || replaces
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.tok, f.err
	case <-ctx.Done():
		return token{}, broken(ctx, Failure{Op: opToken}, false, ctx.Err())
	}
}

func (s *tokens) run(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	g, err := s.fetch(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.flight, s.refusal = nil, nil
	var auth *AuthError
	switch {
	case err == nil:
		s.current = g.token(s.current.generation+1, now)
		if f.replaces {
			s.current.replaced = now
		}
		f.tok = s.current
	case errors.As(err, &auth):
		s.refusal, s.refused = err, now
		f.err = err
	case !f.replaces && !s.current.expired(now):
		// The token at hand was to be renewed in time, and is good for a while.
		s.current.renew = soonestRenewal(s.current.expires, now)
		f.tok = s.current
	default:
		f.err = err
	}
	close(f.done)
}

// fetchToken asks for a token with the client credentials:
// POST /auth/oauth2/v2/token. It passes no burst guard, because it is rare and
// everybody in the queue of that guard is waiting for it.
func (c *Client) fetchToken(ctx context.Context) (grant, error) {
	id, secret := c.cfg.credentials()
	r := request{
		op:     opToken,
		method: http.MethodPost,
		path:   "/auth/oauth2/v2/token",
		body:   []byte(`{"grant_type":"client_credentials"}`),
	}
	a, err := c.exchange(ctx, r, func(req *http.Request) { req.SetBasicAuth(id, secret) })
	if err != nil {
		var transport *TransportError
		if errors.As(err, &transport) {
			// Sent is about the call that wants the token.
			transport.Sent = false
		}
		return grant{}, err
	}
	var g grant
	if json.Unmarshal(a.body, &g) != nil || g.AccessToken == "" {
		return grant{}, a.unexpected("an access token was expected")
	}
	return g, nil
}
