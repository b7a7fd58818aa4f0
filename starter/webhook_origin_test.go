package main

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/metrics"
)

func networks(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestSender(t *testing.T) {
	proxies := networks("10.0.0.0/8", "2001:db8:1::/48", "fe80::/10")
	tests := []struct {
		name      string
		remote    string
		forwarded []string
		// sender is empty where it cannot be told.
		sender string
		how    forwarding
	}{
		{"no proxy", "203.0.113.7:40000", nil, "203.0.113.7", forwardingNone},
		{"no proxy, and somebody else's address claimed", "203.0.113.7:40000", []string{"198.51.100.1"}, "203.0.113.7", forwardingUnbelieved},
		{"no proxy, and a proxy's address claimed", "203.0.113.7:40000", []string{"10.0.0.1"}, "203.0.113.7", forwardingUnbelieved},
		{"no proxy, over IPv6", "[2001:db8:2::7]:40000", nil, "2001:db8:2::7", forwardingNone},
		{"IPv4 on a socket of IPv6", "[::ffff:203.0.113.7]:40000", nil, "203.0.113.7", forwardingNone},
		{"one proxy", "10.0.0.1:40000", []string{"203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"one proxy, on a socket of IPv6", "[::ffff:10.0.0.1]:40000", []string{"203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"one proxy, over IPv6", "[2001:db8:1::1]:40000", []string{"2001:db8:2::7"}, "2001:db8:2::7", forwardingBelieved},
		{"one proxy, on this link", "[fe80::1%eth0]:40000", []string{"203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"one proxy, and an address invented before it", "10.0.0.1:40000", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"one proxy, and a header invented before its own", "10.0.0.1:40000", []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"one proxy, and nonsense before it", "10.0.0.1:40000", []string{"<script>, ,203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"one proxy, and a proxy's address claimed", "10.0.0.1:40000", []string{"198.51.100.1,10.0.0.2,203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"two proxies", "10.0.0.1:40000", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7", forwardingBelieved},
		{"two proxies, of both kinds", "10.0.0.1:40000", []string{"198.51.100.1, 203.0.113.7", "2001:db8:1::2"}, "203.0.113.7", forwardingBelieved},
		{"two proxies, one mapped", "10.0.0.1:40000", []string{"203.0.113.7,::ffff:10.0.0.2"}, "203.0.113.7", forwardingBelieved},
		{"a mapped sender", "10.0.0.1:40000", []string{"::ffff:203.0.113.7"}, "203.0.113.7", forwardingBelieved},
		{"a sender with its port", "10.0.0.1:40000", []string{"203.0.113.7:40001"}, "203.0.113.7", forwardingBelieved},
		{"a sender in brackets", "10.0.0.1:40000", []string{"[2001:db8:2::7]"}, "2001:db8:2::7", forwardingBelieved},
		{"a sender in brackets, with its port", "10.0.0.1:40000", []string{"[2001:db8:2::7]:40001"}, "2001:db8:2::7", forwardingBelieved},
		{"the proxy itself", "10.0.0.1:40000", nil, "10.0.0.1", forwardingNone},
		{"proxies alone", "10.0.0.1:40000", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3", forwardingBelieved},
		{"an empty header", "10.0.0.1:40000", []string{""}, "", forwardingUnreadable},
		{"nothing at the end", "10.0.0.1:40000", []string{"203.0.113.7,"}, "", forwardingUnreadable},
		{"a proxy that does not say", "10.0.0.1:40000", []string{"203.0.113.7, unknown"}, "", forwardingUnreadable},
		{"behind a second proxy that does not say", "10.0.0.1:40000", []string{"203.0.113.7, _hidden, 10.0.0.2"}, "", forwardingUnreadable},
		{"IPv4 in brackets", "10.0.0.1:40000", []string{"[203.0.113.7]"}, "", forwardingUnreadable},
		{"half of a bracket", "10.0.0.1:40000", []string{"[2001:db8:2::7"}, "", forwardingUnreadable},
		{"an address in another spelling", "10.0.0.1:40000", []string{"203.0.113.007"}, "", forwardingUnreadable},
		{"no address", "@", []string{"203.0.113.7"}, "", forwardingNone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sender, how := origin{proxies: proxies}.sender(test.remote, test.forwarded)
			if test.sender == "" {
				require.False(t, sender.IsValid(), sender)
			} else {
				require.Equal(t, netip.MustParseAddr(test.sender), sender)
			}
			require.Equal(t, test.how, how)
		})
	}
}

func TestWebhookFromAllowedNetworksAlone(t *testing.T) {
	everywhere := networks("127.0.0.0/8", "::1/128")
	tests := []struct {
		name      string
		from      origin
		forwarded string
		status    int
		logged    forwarding
	}{
		{name: "no list: from everywhere", status: 200},
		{name: "no list, and a header", from: origin{proxies: everywhere}, forwarded: "unknown", status: 200},
		{name: "allowed", from: origin{allowed: everywhere}, status: 200},
		{name: "allowed, whatever the header says", from: origin{allowed: everywhere}, forwarded: "198.51.100.1", status: 200},
		{name: "allowed, through the proxy", from: origin{allowed: networks("203.0.113.0/24"), proxies: everywhere}, forwarded: "203.0.113.7", status: 200},
		{name: "not allowed", from: origin{allowed: networks("203.0.113.0/24")}, status: 403, logged: forwardingNone},
		{name: "not allowed, and an allowed address claimed", from: origin{allowed: networks("203.0.113.0/24")}, forwarded: "203.0.113.7", status: 403, logged: forwardingUnbelieved},
		{name: "not allowed, through the proxy", from: origin{allowed: networks("203.0.113.0/24"), proxies: everywhere}, forwarded: "203.0.113.7, 198.51.100.1", status: 403, logged: forwardingBelieved},
		{name: "the proxy does not say", from: origin{allowed: networks("203.0.113.0/24"), proxies: everywhere}, forwarded: "unknown", status: 403, logged: forwardingUnreadable},
		{name: "the proxy is not allowed for itself", from: origin{allowed: networks("203.0.113.0/24"), proxies: everywhere}, status: 403, logged: forwardingNone},
		{name: "all of IPv6 is nothing of IPv4", from: origin{allowed: networks("::/0")}, status: 403, logged: forwardingNone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEndpoint(t)
			e.hook.from = test.from
			var counted []metrics.WebhookResult
			e.hook.observe = func(_ employee.EventType, result metrics.WebhookResult, _ time.Duration) {
				counted = append(counted, result)
			}
			body := v2("employee.left", `"employeeId":"`+personID+`"`)
			header := http.Header{}
			if test.forwarded != "" {
				header.Set("X-Forwarded-For", test.forwarded)
			}

			res, answer := e.sendWith(http.MethodPost, "/webhooks/bob", body, sign(body, secret), header)

			require.Equal(t, test.status, res.StatusCode, answer)
			if test.status == http.StatusOK {
				require.Len(t, e.signals, 1)
				require.Equal(t, []metrics.WebhookResult{metrics.WebhookAccepted}, counted)
				return
			}
			require.Empty(t, e.signals)
			require.Equal(t, "Forbidden\n", answer, "why is not for whoever it was")
			require.Equal(t, []metrics.WebhookResult{metrics.WebhookForbidden}, counted)
			require.Len(t, e.logs.All(), 1)
			require.Equal(t, map[string]any{"status": int64(403), "forwardedFor": string(test.logged)}, e.logs.All()[0].ContextMap(), "and who it was is in no log")

			for _, path := range []string{"/healthz", "/readyz"} {
				res, _ := e.send(http.MethodGet, path, "", "")
				require.Equal(t, http.StatusOK, res.StatusCode, "the list is about deliveries alone")
			}
		})
	}
}

// A signature says nothing of where a connection test comes from, nor does its
// lack keep anybody from trying.
func TestWebhookTakesNoTestFromElsewhere(t *testing.T) {
	e := newEndpoint(t)
	e.hook.from.allowed = networks("203.0.113.0/24")
	for _, body := range []string{"Ping test", "{", strings.Repeat("x", 2*smallBody)} {
		res, answer := e.post(body, "")
		require.Equal(t, http.StatusForbidden, res.StatusCode)
		require.Equal(t, "Forbidden\n", answer)
	}
}

func FuzzSender(f *testing.F) {
	for _, forwarded := range []string{
		"", ",", "203.0.113.7", "198.51.100.1, 203.0.113.7", "203.0.113.7, 10.0.0.2", "::ffff:10.0.0.2", "[2001:db8::7]:80", "[::ffff:203.0.113.7]", "fe80::1%eth0", "unknown", "1.2.3.4:99999",
	} {
		f.Add(forwarded)
	}
	o := origin{proxies: networks("10.0.0.0/8", "2001:db8:1::/48")}
	stranger, sender := netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("203.0.113.7")
	f.Fuzz(func(t *testing.T, forwarded string) {
		if got, _ := o.sender("198.51.100.9:40000", []string{forwarded}); got != stranger {
			t.Fatalf("a stranger was believed to be %v", got)
		}
		// What a proxy adds is the last word, whatever was sent to it.
		for _, headers := range [][]string{{forwarded + ", 203.0.113.7"}, {forwarded, "203.0.113.7"}, {forwarded, "::ffff:203.0.113.7, 10.0.0.2"}} {
			if got, _ := o.sender("10.0.0.1:40000", headers); got != sender {
				t.Fatalf("the sender is %v, want the one that the proxy saw", got)
			}
		}
		got, how := o.sender("10.0.0.1:40000", []string{forwarded})
		if got.IsValid() == (how == forwardingUnreadable) {
			t.Fatalf("the sender is %v, and the header %s", got, how)
		}
		if got.Is4In6() || got.Zone() != "" {
			t.Fatalf("no network holds %v", got)
		}
	})
}
