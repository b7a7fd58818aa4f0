package onelogin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBaseURL(t *testing.T) {
	tests := map[string]struct {
		region, subdomain, explicit string
		want, err                   string
	}{
		"nothing said":                  {want: "https://api.us.onelogin.com"},
		"us":                            {region: "us", want: "https://api.us.onelogin.com"},
		"eu, in capitals":               {region: "EU", want: "https://api.eu.onelogin.com"},
		"unknown region":                {region: "mars", err: "unknown region"},
		"subdomain over region":         {region: "eu", subdomain: "Acme-1", want: "https://acme-1.onelogin.com"},
		"subdomain with the domain":     {subdomain: "acme.onelogin.com", err: "alone"},
		"subdomain with a path":         {subdomain: "evil.example.com/", err: "alone"},
		"explicit over both":            {region: "eu", subdomain: "acme", explicit: "https://sso.example.com", want: "https://sso.example.com"},
		"explicit with path and slash":  {explicit: "https://gate.example.com/onelogin/", want: "https://gate.example.com/onelogin"},
		"explicit http on 127.0.0.1":    {explicit: "http://127.0.0.1:8092", want: "http://127.0.0.1:8092"},
		"explicit http on ::1":          {explicit: "http://[::1]:8092/", want: "http://[::1]:8092"},
		"explicit http on localhost":    {explicit: "http://localhost:8092", want: "http://localhost:8092"},
		"explicit http elsewhere":       {explicit: "http://sso.example.com", err: "https"},
		"explicit http, loopback-alike": {explicit: "http://127.0.0.1.example.com", err: "https"},
		"explicit with a password":      {explicit: "https://u:hidden@sso.example.com", err: "password"},
		"explicit with a query":         {explicit: "https://sso.example.com?a=hidden", err: "query"},
		"explicit with a fragment":      {explicit: "https://sso.example.com#hidden", err: "fragment"},
		"explicit without a scheme":     {explicit: "sso.example.com", err: "https://"},
		"explicit of another scheme":    {explicit: "ftp://sso.example.com", err: "https://"},
		"explicit without a host":       {explicit: "https://", err: "no host"},
		"explicit that is no URL":       {explicit: "https://hidden\x7f.example.com", err: "not a URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := BaseURL(tt.region, tt.subdomain, tt.explicit)
			require.Equal(t, tt.want, got)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}

func TestNewRefusesBadConfiguration(t *testing.T) {
	tests := map[string]struct {
		cfg  Config
		want []string
	}{
		"no credentials":    {Config{}, []string{"client id and client secret"}},
		"no secret":         {Config{ClientID: sampleID}, []string{"client id and client secret"}},
		"negative rate":     {Config{ClientID: sampleID, ClientSecret: sampleSecret, MaxRPS: -1}, []string{"calls per second"}},
		"all of it at once": {Config{Region: "mars", MaxRPS: -1}, []string{"unknown region", "client id", "calls per second"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(tt.cfg)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.Len(t, strings.Split(err.Error(), "\n"), len(tt.want))
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := New(Config{Secret: func() (string, string) { return sampleID, sampleSecret }})
	require.NoError(t, err)
	require.Equal(t, "https://api.us.onelogin.com", c.base)
	require.Equal(t, callTimeout, c.http.Timeout)
	require.EqualValues(t, defaultMaxRPS, c.limiter.Limit())
	require.Equal(t, 4, c.limiter.Burst())
	transport, ok := c.http.Transport.(*http.Transport)
	require.True(t, ok)
	require.NotZero(t, transport.TLSHandshakeTimeout)
	require.NotZero(t, transport.ResponseHeaderTimeout)
}

func TestHTTPClientOfTheCallerIsLeftAlone(t *testing.T) {
	own := &http.Client{}
	_, err := New(Config{ClientID: sampleID, ClientSecret: sampleSecret, HTTPClient: own})
	require.NoError(t, err)
	require.Nil(t, own.CheckRedirect)
}
