package bob

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	// DefaultBaseURL is Bob's production API. The sandbox, with service users
	// of its own, is https://api.sandbox.hibob.com/v1.
	DefaultBaseURL = "https://api.hibob.com/v1"

	defaultUserAgent     = "bob-onelogin"
	defaultMaxPerMinute  = 45
	defaultTimeout       = 30 * time.Second
	defaultSearchTimeout = 5 * time.Minute
	defaultSearchBytes   = 512 << 20
)

// Config says where Bob is and who is calling. The credentials are required;
// the rest has defaults.
type Config struct {
	// BaseURL is absolute, without user, query or fragment, and https; http is
	// accepted for loopback hosts alone, since the token travels in every
	// call. Empty means DefaultBaseURL.
	BaseURL string

	// ServiceUserID and Token are a Bob service user's.
	ServiceUserID string
	Token         string
	// Credentials, where set, is asked before every call and takes the place
	// of the two fields above, so that a rotated token is picked up without a
	// restart. It may be called from several goroutines.
	Credentials func() (id, token string)

	// MaxPerMinute bounds the calls to one endpoint within any minute; 0 means
	// 45, and the least is 2. Bob documents 50 for most endpoints. A third of
	// it may go at once, the rest is spread over the minute.
	MaxPerMinute int
	// Timeout bounds one call, from sending to the end of the answer; 0 means
	// 30 s. Waiting for the burst guard does not count.
	Timeout time.Duration
	// SearchTimeout is the same for SearchAll, whose answer is everybody; 0
	// means 5 minutes.
	SearchTimeout time.Duration
	// MaxSearchBytes bounds the answer to a search; 0 means 512 MiB.
	MaxSearchBytes int64

	// HTTPClient replaces the default one, which uses no proxy. Redirects are
	// never followed and cookies never kept.
	HTTPClient *http.Client
	UserAgent  string
	// Now replaces the clock that resets and the breaker are dated by.
	Now func() time.Time
	// Observe, where set, is told of every HTTP call after it has ended and of
	// every call that the breaker refused. It must be quick and is called from
	// several goroutines.
	Observe func(Call)
}

// Call is what an observer learns of one call.
type Call struct {
	// Op names the call as in Failure.Op.
	Op string
	// StatusCode is the HTTP status, 0 where there was no answer.
	StatusCode int
	// Duration is the time until the answer was read, 0 for a refused call.
	Duration time.Duration
	// Class is Class of the call's error.
	Class string
}

// withDefaults returns c with every optional setting filled in.
func (c Config) withDefaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Credentials == nil {
		id, token := c.ServiceUserID, c.Token
		c.Credentials = func() (string, string) { return id, token }
	}
	if c.MaxPerMinute == 0 {
		c.MaxPerMinute = defaultMaxPerMinute
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.SearchTimeout == 0 {
		c.SearchTimeout = defaultSearchTimeout
	}
	if c.MaxSearchBytes == 0 {
		c.MaxSearchBytes = defaultSearchBytes
	}
	if c.UserAgent == "" {
		c.UserAgent = defaultUserAgent
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(Call) {}
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Credentials == nil && !usable(c.ServiceUserID, c.Token) {
		errs = append(errs, errors.New("bob: service user id (without a colon) and token are required"))
	}
	if c.MaxPerMinute < 0 || c.MaxPerMinute == 1 {
		errs = append(errs, errors.New("bob: calls per minute must be at least 2"))
	}
	if c.Timeout < 0 || c.SearchTimeout < 0 {
		errs = append(errs, errors.New("bob: time-outs must not be negative"))
	}
	if c.MaxSearchBytes < 0 {
		errs = append(errs, errors.New("bob: the bound on a search's answer must not be negative"))
	}
	return errors.Join(errs...)
}

// usable tells whether Basic authentication can carry the credentials: a colon
// in the id would be read as its end.
func usable(id, token string) bool {
	return id != "" && token != "" && !strings.Contains(id, ":")
}

// parseBaseURL returns the URL that paths are appended to, without a trailing
// slash. No error repeats the URL, which may have a password in it.
func parseBaseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("bob: the base URL is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("bob: the base URL must start with https://")
	case u.Hostname() == "":
		return "", errors.New("bob: the base URL has no host")
	case u.User != nil:
		return "", errors.New("bob: the base URL must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("bob: the base URL must not have a query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", errors.New("bob: the base URL must be https, or on a loopback host")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// httpClient returns a client of our own, so that nobody else's settings for
// redirects and cookies change under us or through us.
func (c Config) httpClient() *http.Client {
	hc := http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second,
			IdleConnTimeout:     90 * time.Second,
			MaxIdleConnsPerHost: maxInFlight,
			ForceAttemptHTTP2:   true,
		},
	}
	if c.HTTPClient != nil {
		hc = *c.HTTPClient
	}
	hc.Jar = nil
	// A redirected search would become a read of the login page.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc
}
