package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/payload"
)

// nothing takes every variable of Temporal's away, and the profile file that a
// developer may have.
func nothing(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TEMPORAL_") {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestOptions(t *testing.T) {
	profile := `
[profile.default]
address = "temporal.example.com:7233"
namespace = "people"
`
	tests := []struct {
		name      string
		set       map[string]string
		profile   string
		address   string
		namespace string
	}{
		{name: "nothing set", address: "localhost:7233", namespace: "default"},
		{name: "by variables", set: map[string]string{"TEMPORAL_ADDRESS": "10.0.0.1:7233", "TEMPORAL_NAMESPACE": "staff"}, address: "10.0.0.1:7233", namespace: "staff"},
		{name: "by a profile file", profile: profile, address: "temporal.example.com:7233", namespace: "people"},
		{name: "by both", profile: profile, set: map[string]string{"TEMPORAL_NAMESPACE": "staff"}, address: "temporal.example.com:7233", namespace: "staff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			nothing(t)
			if test.profile != "" {
				path := filepath.Join(t.TempDir(), "temporal.toml")
				require.NoError(t, os.WriteFile(path, []byte(test.profile), 0o600))
				t.Setenv("TEMPORAL_CONFIG_FILE", path)
			}
			for name, value := range test.set {
				t.Setenv(name, value)
			}
			o, err := options(payload.Keys{}.Ring(), zap.NewNop())
			require.NoError(t, err)
			require.Equal(t, test.address, o.HostPort)
			require.Equal(t, test.namespace, o.Namespace)
			require.NotNil(t, o.Logger)

			address, namespace, err := Where()
			require.NoError(t, err)
			require.Equal(t, []string{test.address, test.namespace}, []string{address, namespace})
		})
	}
}

func TestOptionsThatCannotBeRead(t *testing.T) {
	nothing(t)
	path := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(path, []byte("[profile"), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", path)

	_, _, err := Temporal(t.Context(), payload.Keys{}.Ring(), zap.NewNop())
	require.ErrorContains(t, err, "read Temporal's configuration (TEMPORAL_* variables or profile file)")
	_, _, err = TemporalLazily(payload.Keys{}.Ring(), zap.NewNop())
	require.ErrorContains(t, err, "read Temporal's configuration")
	_, _, err = Where()
	require.ErrorContains(t, err, "read Temporal's configuration")
}

func TestTemporalThatIsNotThere(t *testing.T) {
	nothing(t)
	address := closedPort(t)
	t.Setenv("TEMPORAL_ADDRESS", address)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := Temporal(ctx, payload.Keys{}.Ring(), zap.NewNop())
	require.ErrorContains(t, err, "connect to Temporal at "+address+" (TEMPORAL_ADDRESS): ")
	require.NoError(t, ctx.Err(), "it fails at once")
}

func TestTemporalLazilyWaitsForNobody(t *testing.T) {
	nothing(t)
	t.Setenv("TEMPORAL_ADDRESS", closedPort(t))
	t.Setenv("TEMPORAL_NAMESPACE", "staff")
	c, namespace, err := TemporalLazily(payload.Keys{}.Ring(), zap.NewNop())
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, "staff", namespace)

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
	require.Error(t, err)
}

func TestPayloadsAreEncryptedWhereThereAreKeys(t *testing.T) {
	nothing(t)
	keys, err := payload.ParseKeys(payload.NewKey("second-2026") + "," + payload.NewKey("first-2026"))
	require.NoError(t, err)

	core, logs := observer.New(zapcore.InfoLevel)
	o, err := options(keys.Ring(), zap.New(core))
	require.NoError(t, err)
	encrypted, err := o.DataConverter.ToPayload("Juniper")
	require.NoError(t, err)
	require.Equal(t, payload.Encoding, string(encrypted.GetMetadata()["encoding"]))
	require.Equal(t, "Encoded failure", o.FailureConverter.ErrorToFailure(errors.New("of Juniper")).GetMessage())
	require.Equal(t, 1, logs.FilterLevelExact(zapcore.InfoLevel).Len())
	require.Equal(t, map[string]any{"keyId": "second-2026", "decryptOnly": []any{"first-2026"}}, logs.All()[0].ContextMap())
}

func TestWithoutKeysItIsSaid(t *testing.T) {
	nothing(t)
	for range 2 {
		core, logs := observer.New(zapcore.WarnLevel)
		c, _, err := TemporalLazily(payload.Keys{}.Ring(), zap.New(core))
		require.NoError(t, err)
		c.Close()
		require.Len(t, logs.All(), 1, "at each start")
		require.Contains(t, logs.All()[0].Message, "readable in Temporal. Set PAYLOAD_KEYS")
	}
}

// What a connection writes and reads goes by the keys as they are now.
func TestReplacedKeysAreFollowed(t *testing.T) {
	nothing(t)
	path := filepath.Join(t.TempDir(), "keys")
	first, second := payload.NewKey("first-2026"), payload.NewKey("second-2026")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	write(first)
	p := config.Payloads{KeyListFile: path}
	require.NoError(t, p.Validate())

	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		o, err := options(p.Ring(KeysReplaced(zap.New(core))), zap.NewNop())
		require.NoError(t, err)
		old, err := o.DataConverter.ToPayload("Juniper")
		require.NoError(t, err)
		usedAfter := func(content string) string {
			write(content)
			time.Sleep(2 * time.Second) // of a clock that nobody waits for
			var back string
			require.NoError(t, o.DataConverter.FromPayload(old, &back), "what was written before is still read")
			require.Equal(t, "Juniper", back)
			sealed, err := o.DataConverter.ToPayload("Rowan")
			require.NoError(t, err)
			require.NoError(t, o.DataConverter.FromPayload(sealed, &back))
			require.Equal(t, "Encoded failure", o.FailureConverter.ErrorToFailure(errors.New("of Juniper")).GetMessage())
			return string(sealed.GetMetadata()["encryption-key-id"])
		}
		require.Equal(t, "first-2026", usedAfter(first+"\n"+second))
		require.Equal(t, "second-2026", usedAfter(second+"\n"+first))
		require.Equal(t, 2, logs.FilterMessage("Payload keys were replaced").Len())

		// Nothing that is no keys makes payloads plain, or is quoted.
		require.Equal(t, "second-2026", usedAfter(""))
		require.Equal(t, "second-2026", usedAfter("third-2026:bm90IGEga2V5IGF0IGFsbA=="))
		require.Equal(t, "second-2026", usedAfter("third-2026:bm90IGEga2V5IGF0IGFsbA=="))
		refused := logs.FilterLevelExact(zapcore.ErrorLevel).All()
		require.Len(t, refused, 1, "said once")
		require.Equal(t, []any{"second-2026", "first-2026"}, refused[0].ContextMap()["keyIds"])
		require.NotContains(t, fmt.Sprint(refused[0].ContextMap()), "bm90")
	})
}
