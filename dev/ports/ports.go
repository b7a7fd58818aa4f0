// Package ports picks ports for servers of tests that are told beforehand where
// to listen.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports lie below those that the system gives to whoever asks for any: one that
// is picked is not taken by somebody's outgoing connection before its server
// listens, or while that is down. Temporal's tables have no room for higher ones.
const lowest, highest = 20000, 32000

var (
	mu     sync.Mutex
	picked = map[int]bool{}
)

// Free returns ports of this machine's loopback that nobody had a moment ago,
// and none twice in the life of a process.
func Free(n int) ([]int, error) {
	mu.Lock()
	defer mu.Unlock()
	var ports []int
	for range 100 * n {
		if len(ports) == n {
			break
		}
		port := lowest + rand.IntN(highest-lowest)
		if picked[port] {
			continue
		}
		l, err := net.Listen("tcp", address(port))
		if err != nil {
			continue
		}
		_ = l.Close() // nothing was sent through it
		picked[port] = true
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("there are not %d free ports from %d to %d", n, lowest, highest)
	}
	return ports, nil
}

// FreeAddress is Free of one port, with the host.
func FreeAddress() (string, error) {
	ports, err := Free(1)
	if err != nil {
		return "", err
	}
	return address(ports[0]), nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
