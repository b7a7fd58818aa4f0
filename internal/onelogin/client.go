package onelogin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// The names of the calls, as errors and observers tell them.
const (
	opToken                 = "fetch token"
	opFindExternalID        = "find user by external_id"
	opFindEmail             = "find user by email"
	opFindUsername          = "find user by username"
	opFindIDs               = "find users by id"
	opReadUser              = "read user"
	opListUsers             = "list users"
	opCreateUser            = "create user"
	opUpdateUser            = "update user"
	opEndSessions           = "end sessions"
	opListCustomAttributes  = "list custom attributes"
	opCreateCustomAttribute = "create custom attribute"
	opRateLimit             = "read rate limit"
	opProveWrite            = "prove that users may be written"
	opProveEndSessions      = "prove that sessions may be ended"
)

// The most that is read of an answer, in bytes.
const (
	maxListBody = 32 << 20
	maxBody     = 1 << 20
)

const (
	reasonNotJSON  = "the answer is not JSON"
	reasonTooLarge = "the answer is too large"
)

// Client calls OneLogin. It is safe for concurrent use; New makes one.
type Client struct {
	cfg      Config
	base     string
	http     *http.Client
	limiter  *rate.Limiter
	tokens   *tokens
	budget   *ledger
	users    *breaker
	sessions *breaker
	now      func() time.Time
}

// New returns a client, or an error that lists what is wrong with the
// configuration. It makes no call.
func New(cfg Config) (*Client, error) {
	base, err := BaseURL(cfg.Region, cfg.Subdomain, cfg.BaseURL)
	if err := errors.Join(err, cfg.validate()); err != nil {
		return nil, err
	}
	if cfg.MaxRPS == 0 {
		cfg.MaxRPS = defaultMaxRPS
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = defaultUserAgent
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{
		cfg:     cfg,
		base:    base,
		http:    cfg.httpClient(),
		limiter: rate.NewLimiter(rate.Limit(cfg.MaxRPS), max(1, int(cfg.MaxRPS/2))),
		budget:  newLedger(),
		now:     cfg.Now,
	}
	c.users = newBreaker(c.now, func(*AuthError) bool { return true })
	// Refused credentials are the other breaker's concern: were they this
	// one's, sessions could not be ended for a minute after they are mended.
	c.sessions = newBreaker(c.now, func(e *AuthError) bool { return e.Op != opToken })
	c.tokens = &tokens{fetch: c.fetchToken, now: c.now}
	return c, nil
}

// request is one call to be made.
type request struct {
	op     string
	method string
	path   string
	query  url.Values
	// body is JSON, nil for none.
	body []byte
	// private are values sent that no error may repeat.
	private []string
	// list allows for an answer the size of a list, noBody for an empty one.
	list, noBody bool
	// sessions puts the call behind the breaker of its own.
	sessions bool
	// ticket counts the call against the hourly budget; nil for a token, which
	// takes nothing from it.
	ticket *ticket
}

// answer is a whole 2xx answer.
type answer struct {
	op     string
	status int
	header http.Header
	body   []byte
}

func (a answer) unexpected(reason string) error {
	return &ServerError{Failure: Failure{Op: a.op, StatusCode: a.status}, Reason: reason}
}

// call makes one call behind the burst guard and the call's breaker.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	guard := c.users
	if r.sessions {
		guard = c.sessions
	}
	a, err := c.guarded(ctx, r, guard)
	if open := (*BreakerOpenError)(nil); errors.As(err, &open) {
		c.observe(r.op, 0, 0, err)
	}
	return a, err
}

func (c *Client) guarded(ctx context.Context, r request, guard *breaker) (answer, error) {
	if err := guard.check(r.op); err != nil {
		return answer{}, err
	}
	if err := c.wait(ctx, r.op); err != nil {
		return answer{}, err
	}
	var err error
	if r.ticket, err = c.budget.take(ctx, r.op, c.now); err != nil {
		return answer{}, err
	}
	defer c.budget.settle(r.ticket, nil)
	var a answer
	err = guard.do(r.op, func() (err error) {
		a, err = c.authorized(ctx, r, guard)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return a, nil
}

// authorized makes the call with the shared token and, where that is refused,
// once more with a renewed one. A call that probes a breaker begins with a
// renewed token instead, and is made once: a minute's try must not be two.
func (c *Client) authorized(ctx context.Context, r request, guard *breaker) (answer, error) {
	probe := guard.probing()
	obtain := c.tokens.get
	if probe {
		obtain = c.tokens.fresh
	}
	tok, err := c.token(ctx, r, probe, obtain)
	if err != nil {
		return answer{}, err
	}
	a, err := c.exchange(ctx, r, bearer(tok))
	var auth *AuthError
	if !errors.As(err, &auth) || auth.StatusCode != http.StatusUnauthorized || auth.Permission {
		return a, err
	}
	if probe || tok.final(c.now()) {
		return a, err
	}
	tok, err = c.token(ctx, r, true, func(ctx context.Context) (token, error) {
		return c.tokens.newerThan(ctx, tok.generation)
	})
	if err != nil {
		return answer{}, err
	}
	if err := c.wait(ctx, r.op); err != nil {
		return answer{}, err
	}
	// Another call may have shown meanwhile that the renewed token is refused
	// as well.
	if err := guard.check(r.op); err != nil {
		return answer{}, err
	}
	return c.exchange(ctx, r, bearer(tok))
}

// token obtains a token for r. The breaker of the users guards the token too:
// a call behind it is past that already, the others must pass it where they
// cannot do with the token at hand. A token fetched is no proof for users.
func (c *Client) token(ctx context.Context, r request, renew bool, obtain func(context.Context) (token, error)) (token, error) {
	if !r.sessions {
		return obtain(ctx)
	}
	if !renew {
		if tok, ok := c.tokens.cached(); ok {
			return tok, nil
		}
	}
	var tok token
	err := c.users.do(r.op, func() (err error) {
		if tok, err = obtain(ctx); err != nil {
			return err
		}
		return errNoProof
	})
	if errors.Is(err, errNoProof) {
		return tok, nil
	}
	return token{}, err
}

func bearer(t token) func(*http.Request) {
	return func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+t.value) }
}

// wait holds the call back until the burst guard lets it go.
func (c *Client) wait(ctx context.Context, op string) error {
	err := c.limiter.Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return broken(ctx, Failure{Op: op}, false, err)
	default:
		return &TransportError{
			Failure: Failure{Op: op},
			Reason:  "the deadline comes before the call's turn",
			cause:   context.DeadlineExceeded,
		}
	}
}

// exchange sends one request and reads the whole answer. An error says that
// there is no whole 2xx answer in JSON.
func (c *Client) exchange(ctx context.Context, r request, authorize func(*http.Request)) (answer, error) {
	start := c.now()
	a, err := c.send(ctx, r, authorize)
	c.observe(r.op, a.status, c.now().Sub(start), err)
	return a, err
}

func (c *Client) send(ctx context.Context, r request, authorize func(*http.Request)) (answer, error) {
	// A request that was given a connection counts as sent: whether its bytes
	// got out is not known in time.
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := c.newRequest(traced, r)
	if err != nil {
		return answer{}, broken(ctx, Failure{Op: r.op}, false, err)
	}
	authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, broken(ctx, Failure{Op: r.op}, sent.Load(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.budget.settle(r.ticket, budgetIn(resp.Header, c.now()))

	a := answer{op: r.op, status: resp.StatusCode, header: resp.Header}
	limit := int64(maxBody)
	if r.list {
		limit = maxListBody
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	tooLarge := int64(len(a.body)) > limit
	ok := a.status >= 200 && a.status < 300
	switch {
	case err != nil && !clearWithoutBody(a.status):
		return a, broken(ctx, Failure{Op: r.op, StatusCode: a.status}, true, err)
	case !ok && tooLarge:
		return a, refused(r.op, a.status, a.header, a.body[:limit], r.private, c.now())
	case !ok:
		return a, refused(r.op, a.status, a.header, a.body, r.private, c.now())
	case tooLarge:
		return a, a.unexpected(reasonTooLarge)
	case len(a.body) == 0 && r.noBody:
		return a, nil
	case !isJSON(a.header.Get("Content-Type")):
		return a, a.unexpected(reasonNotJSON)
	}
	return a, nil
}

// clearWithoutBody tells the statuses that say enough when the body is cut off.
func clearWithoutBody(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return true
	default:
		return status >= http.StatusInternalServerError
	}
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		// Written as %20, a space cannot be taken for a plus sign.
		target += "?" + strings.ReplaceAll(r.query.Encode(), "+", "%20")
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func (c *Client) observe(op string, status int, took time.Duration, err error) {
	if c.cfg.Observe != nil {
		c.cfg.Observe(Call{Op: op, StatusCode: status, Duration: took, Class: Class(err)})
	}
}
