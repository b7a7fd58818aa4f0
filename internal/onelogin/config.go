package onelogin

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	defaultMaxRPS    = 8
	defaultUserAgent = "bob-onelogin"
	callTimeout      = 20 * time.Second
)

// Config says where OneLogin is and who is calling. The credentials and one
// way to tell the host are required; the rest has defaults.
type Config struct {
	// BaseURL, Region and Subdomain are as the function BaseURL takes them.
	BaseURL   string
	Region    string
	Subdomain string

	// ClientID and ClientSecret are OneLogin API credentials with the scope
	// "Manage users".
	ClientID     string
	ClientSecret string
	// Secret, where set, is asked for the credentials each time a token is
	// fetched and takes the place of the two fields above, so that rotated
	// credentials are picked up without a restart. It may be called from
	// several goroutines.
	Secret func() (id, secret string)

	// MaxRPS bounds the calls a second; 0 means 8. OneLogin's edge refuses
	// bursts of about a hundred a second, five to ten are safe.
	MaxRPS float64
	// HTTPClient replaces the default one, whose time-outs are 5 s to connect,
	// 5 s for TLS, 15 s until the answer begins and 20 s over all, and which
	// uses no proxy. Redirects are never followed and cookies never kept.
	HTTPClient *http.Client
	UserAgent  string
	// Observe, where set, is told of every HTTP call after it has ended and
	// of every call that a breaker refused. It must be quick and is called
	// from several goroutines.
	Observe func(Call)
	// Now replaces the clock by which tokens and budgets are dated.
	Now func() time.Time
}

// Call is what an observer learns of one call.
type Call struct {
	// Op names the call as in Failure.Op, "fetch token" included.
	Op string
	// StatusCode is the HTTP status, 0 where there was no answer.
	StatusCode int
	// Duration is the time until the answer was read, 0 for a refused call.
	Duration time.Duration
	// Class is Class of the call's error.
	Class string
}

var subdomainLabel = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// BaseURL returns the URL, without a trailing slash, that the paths of the API
// are appended to. An explicit URL wins over a subdomain, a subdomain over a
// region; with none of them it is the US region's host.
//
// An explicit URL is absolute, without user, query or fragment, and https;
// http is accepted for loopback hosts alone, since the token travels in every
// call. No error repeats the URL, which may have a password in it.
func BaseURL(region, subdomain, explicit string) (string, error) {
	switch {
	case explicit != "":
		return explicitBaseURL(explicit)
	case subdomain != "":
		if !subdomainLabel.MatchString(subdomain) {
			return "", errors.New("onelogin: the subdomain must be the part before .onelogin.com alone")
		}
		return "https://" + strings.ToLower(subdomain) + ".onelogin.com", nil
	}
	switch strings.ToLower(region) {
	case "", "us":
		return "https://api.us.onelogin.com", nil
	case "eu":
		return "https://api.eu.onelogin.com", nil
	default:
		return "", fmt.Errorf("onelogin: unknown region %q: us or eu expected", region)
	}
}

func explicitBaseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("onelogin: the base URL is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("onelogin: the base URL must start with https://")
	case u.Hostname() == "":
		return "", errors.New("onelogin: the base URL has no host")
	case u.User != nil:
		return "", errors.New("onelogin: the base URL must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("onelogin: the base URL must not have a query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", errors.New("onelogin: the base URL must be https, or on a loopback host")
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

// credentials returns the pair to fetch a token with.
func (c Config) credentials() (id, secret string) {
	if c.Secret != nil {
		return c.Secret()
	}
	return c.ClientID, c.ClientSecret
}

func (c Config) validate() error {
	var errs []error
	if c.Secret == nil && (c.ClientID == "" || c.ClientSecret == "") {
		errs = append(errs, errors.New("onelogin: client id and client secret are required"))
	}
	if c.MaxRPS < 0 || math.IsNaN(c.MaxRPS) || math.IsInf(c.MaxRPS, 0) {
		errs = append(errs, errors.New("onelogin: calls per second must be a positive number"))
	}
	return errors.Join(errs...)
}

// httpClient returns a client of our own, so that nobody else's settings for
// redirects and cookies change under us or through us.
func (c Config) httpClient() *http.Client {
	hc := http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 15 * time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   16,
			ForceAttemptHTTP2:     true,
		},
	}
	if c.HTTPClient != nil {
		hc = *c.HTTPClient
	}
	hc.Jar = nil
	// A redirected write would become a read of the login page.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc
}
