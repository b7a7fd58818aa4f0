// Package healthcheck asks a process on this machine whether it is ready. It
// is what an image without a shell and without curl checks its health with.
package healthcheck

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// patience is shorter than what orchestrators wait for a check, so that the
// reason is told.
const patience = 4 * time.Second

// Ask fails unless GET path at a listening address, such as ":8080", answers
// 200. An address that stands for every one of the machine is asked at
// loopback.
func Ask(ctx context.Context, addr, path string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || (err == nil && ip.IsUnspecified()) {
		// The machine may lack either family; the name leads to those it has.
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	// A proxy of the environment is for calls to the world outside.
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 500)) // the status says enough
		return fmt.Errorf("health check: %s%s answers %s: %s", addr, path, answer.Status, strings.TrimSpace(string(said)))
	}
	return nil
}
