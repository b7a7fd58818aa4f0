package ports

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortsAreFreeAndPickedOnce(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		ports, err := Free(10)
		require.NoError(t, err)
		require.Len(t, ports, 10)
		for _, port := range ports {
			require.False(t, seen[port], "picked twice")
			seen[port] = true
			l, err := net.Listen("tcp", address(port))
			require.NoError(t, err)
			require.NoError(t, l.Close())
		}
	}
}
