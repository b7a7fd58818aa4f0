package config

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWebhookNetworks(t *testing.T) {
	prefixes := func(texts ...string) []netip.Prefix {
		var all []netip.Prefix
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	tests := []struct {
		name             string
		set              environment
		allowed, proxies []netip.Prefix
		mistakes         []string
	}{
		{name: "none: from everywhere, and no header is believed"},
		{name: "set to nothing, as a compose file does", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "", "WEBHOOK_TRUSTED_PROXIES": ""}},
		{
			name:    "networks of both kinds",
			set:     environment{"WEBHOOK_ALLOWED_NETWORKS": "203.0.113.0/24, 2001:db8::/32,", "WEBHOOK_TRUSTED_PROXIES": "10.0.0.0/8"},
			allowed: prefixes("203.0.113.0/24", "2001:db8::/32"), proxies: prefixes("10.0.0.0/8"),
		},
		{
			name:    "addresses",
			set:     environment{"WEBHOOK_ALLOWED_NETWORKS": "203.0.113.7,2001:db8::7", "WEBHOOK_TRUSTED_PROXIES": "::1"},
			allowed: prefixes("203.0.113.7/32", "2001:db8::7/128"), proxies: prefixes("::1/128"),
		},
		{
			name:    "IPv4 as a part of IPv6",
			set:     environment{"WEBHOOK_ALLOWED_NETWORKS": "::ffff:203.0.113.0/120,::ffff:203.0.113.7"},
			allowed: prefixes("203.0.113.0/24", "203.0.113.7/32"),
		},
		{name: "all of IPv4 may be allowed", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "0.0.0.0/0"}, allowed: prefixes("0.0.0.0/0")},

		{name: "nothing but commas", set: environment{"WEBHOOK_ALLOWED_NETWORKS": " , ,"}, mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: holds no network; leave it out to take deliveries from everywhere"}},
		{name: "no proxy", set: environment{"WEBHOOK_TRUSTED_PROXIES": ","}, mistakes: []string{"WEBHOOK_TRUSTED_PROXIES: holds no network; leave it out to believe no X-Forwarded-For"}},
		{name: "a name", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "203.0.113.7,s3cret.example.com"}, mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: network 2 must be such as"}},
		{name: "an address with a port", set: environment{"WEBHOOK_TRUSTED_PROXIES": "10.0.0.1:8080"}, mistakes: []string{"WEBHOOK_TRUSTED_PROXIES: network 1 must be such as"}},
		{name: "an address with a zone", set: environment{"WEBHOOK_TRUSTED_PROXIES": "fe80::1%eth0"}, mistakes: []string{"WEBHOOK_TRUSTED_PROXIES: network 1 must be such as"}},
		{name: "too long a prefix", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "203.0.113.0/33"}, mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: network 1 must be such as"}},
		{name: "an address and a prefix", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "203.0.113.7/8"}, mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: network 1 has an address within the network; write 203.0.0.0/8"}},
		{name: "a mapped address and a prefix", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "::ffff:203.0.113.7/120"}, mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: network 1 has an address within the network; write 203.0.113.0/24"}},
		{name: "more than all of IPv4", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "::ffff:0.0.0.0/90"}, mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: network 1 mixes IPv4 and IPv6"}},
		{
			name: "everybody is a proxy", set: environment{"WEBHOOK_TRUSTED_PROXIES": "10.0.0.0/8,0.0.0.0/0,::/0,::ffff:0.0.0.0/96"},
			mistakes: []string{"WEBHOOK_TRUSTED_PROXIES: network 2 is everybody", "WEBHOOK_TRUSTED_PROXIES: network 3 is everybody", "WEBHOOK_TRUSTED_PROXIES: network 4 is everybody"},
		},
		{
			name: "both wrong", set: environment{"WEBHOOK_ALLOWED_NETWORKS": "x,y", "WEBHOOK_TRUSTED_PROXIES": "z"},
			mistakes: []string{"WEBHOOK_ALLOWED_NETWORKS: network 1 must", "WEBHOOK_ALLOWED_NETWORKS: network 2 must", "WEBHOOK_TRUSTED_PROXIES: network 1 must"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := environment{"BOB_WEBHOOK_SECRETS": webhookSecret}.with(test.set)
			s, err := LoadStarter(all.list())
			require.NoError(t, err, "other commands go without")
			_, err = s.ValidateServe()
			_, examined, examineErr := Examine(complete.with(all).list())
			require.NoError(t, examineErr)
			require.Equal(t, test.allowed, s.Webhooks.Allowed)
			require.Equal(t, test.proxies, s.Webhooks.Proxies)
			require.Len(t, examined, len(test.mistakes))
			if test.mistakes == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, fmt.Sprintf("configuration: %d mistake(s):\n", len(test.mistakes)))
			for i, mistake := range test.mistakes {
				require.ErrorContains(t, err, "\n  "+mistake)
				require.Contains(t, examined[i], mistake)
			}
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}
