package onelogin

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingPrintsTheSecret(t *testing.T) {
	const token = "s3cret-token"
	cfg := Config{Region: "eu", ClientID: "client-sample", ClientSecret: token}
	c, err := New(cfg)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{cfg, &cfg, c, []Config{cfg}, map[string]*Client{"c": c}} {
			printed := fmt.Sprintf(verb, v)
			require.NotContains(t, printed, token, "%T as %s", v, verb)
			require.NotContains(t, printed, fmt.Sprintf("%x", token), "%T as %s", v, verb)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("configured", "config", cfg, "client", c)
	require.NotContains(t, log.String(), token)
	users, sessions := c.BreakerStates()
	require.Equal(t, []string{"closed", "closed"}, []string{users, sessions})
}
