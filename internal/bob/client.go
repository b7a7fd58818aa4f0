package bob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxInFlight bounds the calls under way, and so the refusals that can
	// still come in after the first: several processes together stay far
	// below the fifty that trip Bob's firewall.
	maxInFlight = 8
	// maxBytes bounds every answer but a search's.
	maxBytes = 16 << 20
	// maxErrorBytes bounds what is read of a refusal.
	maxErrorBytes = 64 << 10
)

// Client calls Bob's API.
type Client struct {
	cfg     Config
	base    string
	http    *http.Client
	breaker *breaker
	slots   chan struct{}

	person, search, fields, lists *gate
}

// New returns a client, or every mistake of the configuration at once. It
// sends nothing.
func New(cfg Config) (*Client, error) {
	invalid := cfg.validate()
	cfg = cfg.withDefaults()
	base, err := parseBaseURL(cfg.BaseURL)
	if err := errors.Join(invalid, err); err != nil {
		return nil, err
	}
	return &Client{
		cfg:     cfg,
		base:    base,
		http:    cfg.httpClient(),
		breaker: newBreaker(cfg.Now),
		slots:   make(chan struct{}, maxInFlight),
		person:  newGate(cfg.MaxPerMinute),
		search:  newGate(cfg.MaxPerMinute),
		fields:  newGate(cfg.MaxPerMinute),
		lists:   newGate(cfg.MaxPerMinute),
	}, nil
}

// gate is the burst guard of one endpoint. Bob counts each endpoint by itself.
type gate struct {
	// turn is held by the one caller that waits for the limiter and then for a
	// slot, so that calls which the limiter has let through do not pile up
	// behind slow ones and go out in a burst.
	turn    chan struct{}
	limiter *rate.Limiter
}

// newGate never lets more than perMinute calls through within any minute: what
// may go at once and what flows in within the minute add up to it.
func newGate(perMinute int) *gate {
	burst := max(perMinute/3, 1)
	every := time.Minute / time.Duration(perMinute-burst)
	return &gate{turn: make(chan struct{}, 1), limiter: rate.NewLimiter(rate.Every(every), burst)}
}

// request is one call to make.
type request struct {
	op     string
	method string
	path   string
	// body is sent as JSON. Without one no Content-Type is sent either, since
	// some of Bob's GETs refuse it.
	body    any
	gate    *gate
	timeout time.Duration
	limit   int64
	// atOnce: the call is made only where it need not wait for its turn.
	atOnce bool
	// mayMiss is set where a 404 says that the thing asked for does not exist,
	// not that the path is wrong.
	mayMiss bool
}

// call makes one call and hands the body of a good answer to decode, which
// must read it to its end.
func (c *Client) call(ctx context.Context, r request, decode func(io.Reader) error) error {
	release, err := c.admit(ctx, r)
	if err == nil {
		defer release()
		err = c.breaker.do(r.op, func() error { return c.exchange(ctx, r, decode) })
	}
	var open *BreakerOpenError
	if errors.As(err, &open) {
		c.observe(r.op, 0, 0, err)
	}
	return err
}

// admit waits until the call may be sent and returns what to do after it.
func (c *Client) admit(ctx context.Context, r request) (release func(), err error) {
	if err := c.breaker.check(r.op); err != nil {
		return nil, err
	}
	if r.atOnce {
		return c.admitAtOnce(r)
	}
	select {
	case r.gate.turn <- struct{}{}:
		defer func() { <-r.gate.turn }()
	case <-ctx.Done():
		return nil, broken(ctx, Failure{Op: r.op}, ctx.Err())
	}
	// Those who queued for their turn while somebody else was refused go home
	// at once, without using up the limit.
	if err := c.breaker.check(r.op); err != nil {
		return nil, err
	}
	if err := r.gate.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, broken(ctx, Failure{Op: r.op}, ctx.Err())
		}
		next := time.Duration(float64(time.Second) / float64(r.gate.limiter.Limit()))
		return nil, &RateLimitError{Failure: Failure{Op: r.op}, RetryAfter: next}
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, broken(ctx, Failure{Op: r.op}, ctx.Err())
	}
	return func() { <-c.slots }, nil
}

// ErrBusy: the call would have to wait for its turn, and was not made.
var ErrBusy = errors.New("bob: too many calls at once")

// admitAtOnce is admit for calls that do not wait.
func (c *Client) admitAtOnce(r request) (release func(), err error) {
	select {
	case r.gate.turn <- struct{}{}:
		defer func() { <-r.gate.turn }()
	default:
		return nil, ErrBusy
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	if !r.gate.limiter.Allow() {
		<-c.slots
		return nil, ErrBusy
	}
	return func() { <-c.slots }, nil
}

// exchange sends one request, reads the answer and tells the observer.
func (c *Client) exchange(ctx context.Context, r request, decode func(io.Reader) error) error {
	start := c.cfg.Now()
	status, err := c.send(ctx, r, decode)
	c.observe(r.op, status, c.cfg.Now().Sub(start), err)
	return err
}

func (c *Client) send(ctx context.Context, r request, decode func(io.Reader) error) (status int, err error) {
	id, token := c.cfg.Credentials()
	if !usable(id, token) {
		return 0, &AuthError{Failure: Failure{Op: r.op}}
	}
	timed, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := c.newRequest(timed, r)
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth(id, token)
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, broken(ctx, Failure{Op: r.op}, err)
	}
	defer func() { _ = resp.Body.Close() }()

	f := Failure{Op: r.op, StatusCode: resp.StatusCode}
	if resp.StatusCode != http.StatusOK {
		return f.StatusCode, refused(ctx, f, resp, r.mayMiss, c.cfg.Now())
	}
	if !isJSON(resp.Header) {
		return f.StatusCode, &ContentError{Failure: f, Reason: "not JSON; is the base URL right?"}
	}
	body := &bodyReader{r: resp.Body, left: r.limit}
	if err := decode(body); err != nil {
		return f.StatusCode, undecodable(ctx, f, body, err)
	}
	return f.StatusCode, nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("bob: %s: encode request: %w", r.op, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		// The error would quote the URL, which may hold an address.
		return nil, &RequestError{Failure: Failure{Op: r.op}, Reason: "the path cannot be written as a URL"}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func (c *Client) observe(op string, status int, took time.Duration, err error) {
	c.cfg.Observe(Call{Op: op, StatusCode: status, Duration: took, Class: Class(err)})
}
