package config

import (
	"errors"
	"fmt"
	"net/netip"
)

// Webhooks is where deliveries may come from. Bob does not publish its
// addresses, so that none is the default.
type Webhooks struct {
	AllowedNetworks string `env:"WEBHOOK_ALLOWED_NETWORKS"`
	TrustedProxies  string `env:"WEBHOOK_TRUSTED_PROXIES"`
	// Allowed and Proxies are those of the lists, once they are validated.
	// Without an allowed network, deliveries are taken from everywhere.
	Allowed, Proxies []netip.Prefix
}

// Validate reads the networks and reports everything that is wrong with them.
func (w *Webhooks) Validate() error {
	allowed, allowedErr := networksOf("WEBHOOK_ALLOWED_NETWORKS", w.AllowedNetworks, "leave it out to take deliveries from everywhere")
	proxies, proxiesErr := networksOf("WEBHOOK_TRUSTED_PROXIES", w.TrustedProxies, "leave it out to believe no X-Forwarded-For")
	mistakes := []error{allowedErr, proxiesErr}
	for i, proxy := range proxies {
		if proxy.Bits() == 0 {
			mistakes = append(mistakes, fmt.Errorf("WEBHOOK_TRUSTED_PROXIES: network %d is everybody, and everybody could then name any address; give the proxies' own addresses", i+1))
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return err
	}
	w.Allowed, w.Proxies = allowed, proxies
	return nil
}

// networksOf reads a comma-separated list of networks. A list that is there and
// names none is a mistake: taken for no list, it would open what it was to close.
func networksOf(name, text, without string) ([]netip.Prefix, error) {
	if text == "" {
		return nil, nil
	}
	var networks []netip.Prefix
	var mistakes []error
	for i, one := range listOf(text) {
		network, err := networkOf(one)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: network %d %w", name, i+1, err))
			continue
		}
		networks = append(networks, network)
	}
	if len(networks)+len(mistakes) == 0 {
		mistakes = append(mistakes, fmt.Errorf("%s: holds no network; %s", name, without))
	}
	return networks, errors.Join(mistakes...)
}

// networkOf reads a network, or one address. An IPv4 network that is written as
// a part of IPv6 is IPv4: so are addresses, wherever they are compared.
func networkOf(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errors.New("must be such as 203.0.113.0/24, 2001:db8::/32, or one address")
	}
	if network.Addr().Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, errors.New("mixes IPv4 and IPv6; give the IPv4 network alone, such as 203.0.113.0/24")
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	// A network that is wider than it looks is not what somebody meant.
	if whole := network.Masked(); whole != network {
		return netip.Prefix{}, fmt.Errorf("has an address within the network; write %s for the whole of it, or the address alone", whole)
	}
	return network, nil
}
