package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// origin is where deliveries may come from.
type origin struct {
	// allowed are the networks of senders; none is all of them.
	allowed []netip.Prefix
	// proxies are those whose word on the sender is taken.
	proxies []netip.Prefix
}

// forwarding is what was made of X-Forwarded-For. It tells an allow-list that
// is too narrow from a proxy that nobody named, and nothing of who sent.
type forwarding string

const (
	forwardingNone       forwarding = "none"
	forwardingBelieved   forwarding = "believed"
	forwardingUnbelieved forwarding = "not believed: it comes from none of WEBHOOK_TRUSTED_PROXIES"
	forwardingUnreadable forwarding = "unreadable"
)

const forwardedFor = "X-Forwarded-For"

// admits tells whether a request's sender may deliver. One whose address
// cannot be told may not, where only some may.
func (o origin) admits(r *http.Request) (bool, forwarding) {
	if len(o.allowed) == 0 {
		return true, forwardingNone
	}
	sender, how := o.sender(r.RemoteAddr, r.Header.Values(forwardedFor))
	return within(o.allowed, sender), how
}

// sender is the address that a request comes from: the last one on its way that
// is no trusted proxy. Every proxy adds the address that it sees to the end, so
// that all before the first one which is not trusted may be invented. The
// address is not valid where it cannot be told.
func (o origin) sender(remote string, forwarded []string) (netip.Addr, forwarding) {
	sender, ok := addressOf(remote)
	switch {
	case !ok:
		return netip.Addr{}, forwardingNone
	case len(forwarded) == 0:
		return sender, forwardingNone
	case !within(o.proxies, sender):
		return sender, forwardingUnbelieved
	}
	// Several headers are one list, in their order.
	for _, hop := range slices.Backward(strings.Split(strings.Join(forwarded, ","), ",")) {
		if sender, ok = addressOf(hop); !ok {
			return netip.Addr{}, forwardingUnreadable
		}
		if !within(o.proxies, sender) {
			break
		}
	}
	return sender, forwardingBelieved
}

// addressOf reads an address with or without its port, IPv6 with or without
// brackets. An IPv4 address is one also where IPv6 carries it, and a zone
// belongs to this machine, not to the address.
func addressOf(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	bare := text
	if len(text) > 2 && text[0] == '[' && text[len(text)-1] == ']' && strings.Contains(text, ":") {
		bare = text[1 : len(text)-1]
	}
	addr, err := netip.ParseAddr(bare)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(addr) })
}
