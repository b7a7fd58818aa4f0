// Package connect opens the connection to Temporal, configured as Temporal's
// own CLI is: by the TEMPORAL_* variables and the profile file that they name.
// Whatever goes through it is encrypted where there are keys.
package connect

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.uber.org/zap"

	"bob-onelogin/internal/logging"
	"bob-onelogin/internal/payload"
)

// Temporal connects, and returns the client with the namespace that it uses.
// It fails at once where the server cannot be reached. Changes are made to the
// options last.
func Temporal(ctx context.Context, keys payload.Ring, z *zap.Logger, changes ...func(*client.Options)) (client.Client, string, error) {
	o, err := options(keys, z, changes...)
	if err != nil {
		return nil, "", err
	}
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, "", fmt.Errorf("connect to Temporal at %s (TEMPORAL_ADDRESS): %w", o.HostPort, err)
	}
	return c, o.Namespace, nil
}

// TemporalLazily does not wait for the server: calls fail until it is there.
// The webhook endpoint starts without Temporal and says 503 meanwhile.
func TemporalLazily(keys payload.Ring, z *zap.Logger, changes ...func(*client.Options)) (client.Client, string, error) {
	o, err := options(keys, z, changes...)
	if err != nil {
		return nil, "", err
	}
	c, err := client.NewLazyClient(o)
	return c, o.Namespace, err
}

// Where tells the address and the namespace that are configured, without
// connecting.
func Where() (address, namespace string, err error) {
	o, err := options(payload.Keys{}.Ring(), zap.NewNop())
	return o.HostPort, o.Namespace, err
}

func options(ring payload.Ring, z *zap.Logger, changes ...func(*client.Options)) (client.Options, error) {
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("read Temporal's configuration (TEMPORAL_* variables or profile file): %w", err)
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	o.Logger = logging.ForTemporal(z)
	o.DataConverter, o.FailureConverter = ring.DataConverter(), ring.FailureConverter()
	if keys := ring(); keys.Empty() {
		z.Warn("Payloads are not encrypted: names, addresses and phone numbers are readable in Temporal. Set PAYLOAD_KEYS for worker and starter; `starter codec --new-key` makes a key")
	} else {
		z.Info("Payloads are encrypted", zap.String("keyId", keys.IDs()[0]), zap.Strings("decryptOnly", keys.IDs()[1:]))
	}
	for _, change := range changes {
		change(&o)
	}
	return o, nil
}

// KeysReplaced logs what becomes of a file of keys that has changed.
func KeysReplaced(z *zap.Logger) func(payload.Keys, error) {
	return func(keys payload.Keys, err error) {
		if err != nil {
			z.Error("The changed file of payload keys is not taken up; those before it stay in force (PAYLOAD_KEYS_FILE)",
				zap.Strings("keyIds", keys.IDs()), zap.Error(err))
			return
		}
		z.Info("Payload keys were replaced", zap.String("keyId", keys.IDs()[0]), zap.Strings("decryptOnly", keys.IDs()[1:]))
	}
}
