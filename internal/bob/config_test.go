package bob_test

import (
	"strings"
	"testing"
	"time"

	"bob-onelogin/internal/bob"
)

func TestNewChecksTheConfiguration(t *testing.T) {
	good := bob.Config{ServiceUserID: serviceUser, Token: token}
	tests := map[string]struct {
		change func(*bob.Config)
		want   []string
	}{
		"defaults":             {func(*bob.Config) {}, nil},
		"sandbox":              {func(c *bob.Config) { c.BaseURL = "https://api.sandbox.hibob.com/v1/" }, nil},
		"loopback by name":     {func(c *bob.Config) { c.BaseURL = "http://localhost:8091" }, nil},
		"loopback by number":   {func(c *bob.Config) { c.BaseURL = "http://127.0.0.2:8091/v1" }, nil},
		"loopback of IPv6":     {func(c *bob.Config) { c.BaseURL = "http://[::1]:8091/v1" }, nil},
		"rotating credentials": {func(c *bob.Config) { *c = bob.Config{Credentials: func() (string, string) { return "", "" }} }, nil},

		"no scheme":            {func(c *bob.Config) { c.BaseURL = "api.hibob.com/v1" }, []string{"https://"}},
		"another scheme":       {func(c *bob.Config) { c.BaseURL = "ftp://api.hibob.com/v1" }, []string{"https://"}},
		"no host":              {func(c *bob.Config) { c.BaseURL = "https:///v1" }, []string{"no host"}},
		"not a URL":            {func(c *bob.Config) { c.BaseURL = "https://secret-%zz" }, []string{"not a URL"}},
		"password in the URL":  {func(c *bob.Config) { c.BaseURL = "https://u:secret@api.hibob.com" }, []string{"user or password"}},
		"query in the URL":     {func(c *bob.Config) { c.BaseURL = "https://api.hibob.com/v1?secret" }, []string{"query"}},
		"fragment in the URL":  {func(c *bob.Config) { c.BaseURL = "https://api.hibob.com/v1#secret" }, []string{"query or fragment"}},
		"http to another host": {func(c *bob.Config) { c.BaseURL = "http://api.hibob.com/v1" }, []string{"loopback"}},
		"http to a host that begins like loopback": {
			func(c *bob.Config) { c.BaseURL = "http://127.0.0.1.example.com" }, []string{"loopback"},
		},

		"no token":              {func(c *bob.Config) { c.Token = "" }, []string{"token"}},
		"no id":                 {func(c *bob.Config) { c.ServiceUserID = "" }, []string{"service user id"}},
		"colon in the id":       {func(c *bob.Config) { c.ServiceUserID = "a:secret" }, []string{"colon"}},
		"one call a minute":     {func(c *bob.Config) { c.MaxPerMinute = 1 }, []string{"per minute"}},
		"negative rate":         {func(c *bob.Config) { c.MaxPerMinute = -1 }, []string{"per minute"}},
		"negative time-out":     {func(c *bob.Config) { c.Timeout = -time.Second }, []string{"time-outs"}},
		"negative bound":        {func(c *bob.Config) { c.MaxSearchBytes = -1 }, []string{"bound"}},
		"every mistake at once": {func(c *bob.Config) { *c = bob.Config{BaseURL: "secret", MaxPerMinute: -1} }, []string{"token", "per minute", "https://"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			_, err := bob.New(cfg)
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("error = %v, want one about %q", err, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not speak of %q", err, want)
				}
				if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), token) {
					t.Errorf("error repeats a secret: %q", err)
				}
			}
		})
	}
}
