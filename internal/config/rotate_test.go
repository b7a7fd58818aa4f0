package config

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretsInFilesAreFollowed(t *testing.T) {
	path := file(t, "old-s3cret\n")
	starter, err := LoadStarter([]string{"BOB_WEBHOOK_SECRETS_FILE=" + path})
	require.NoError(t, err)
	_, err = starter.ValidateServe()
	require.NoError(t, err)
	token := Bob{TokenFile: path, ServiceUserToken: "old-s3cret"}.Token()
	secret := OneLogin{ClientSecretFile: path, ClientSecret: "old-s3cret"}.Secret()
	target := Notify{URLFile: path, URL: "old-s3cret"}.Target()
	signed := starter.WebhookSecretsNow()

	holds := func(want Secret) {
		t.Helper()
		require.Equal(t, []Secret{want, want, want}, []Secret{token(), secret(), target()})
		require.Equal(t, []string{string(want)}, signed())
	}
	holds("old-s3cret")
	require.NoError(t, os.WriteFile(path, []byte(" new-s3cret \n"), 0o600))
	holds("new-s3cret")
	require.NoError(t, os.Truncate(path, 0))
	holds("new-s3cret")
	require.NoError(t, os.Remove(path))
	holds("new-s3cret")
	require.NoError(t, os.WriteFile(path, []byte("newest-s3cret"), 0o600))
	holds("newest-s3cret")
}

// A mounted secret is replaced by swapping a link, and read by many at once.
func TestALinkedSecretIsFollowed(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "token")
	require.NoError(t, os.Symlink(file(t, "old-s3cret"), link))
	token := Bob{TokenFile: link, ServiceUserToken: "old-s3cret"}.Token()

	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				if now := token(); now != "old-s3cret" && now != "new-s3cret" {
					t.Errorf("half a secret, %d bytes long", len(now))
				}
			}
		})
	}
	next := filepath.Join(dir, "next")
	require.NoError(t, os.Symlink(file(t, "new-s3cret"), next))
	require.NoError(t, os.Rename(next, link))
	readers.Wait()
	require.Equal(t, Secret("new-s3cret"), token())
}

func TestSecretsInTheEnvironmentStay(t *testing.T) {
	require.Equal(t, Secret("s3cret"), Bob{ServiceUserToken: "s3cret"}.Token()())
	require.Equal(t, Secret("s3cret"), OneLogin{ClientSecret: "s3cret"}.Secret()())
	require.Equal(t, Secret("s3cret"), Notify{URL: "s3cret"}.Target()())
}

func TestMetricsCanBeOff(t *testing.T) {
	for value, want := range map[string]bool{"": true, ":9464": true, "off": false} {
		w, err := LoadWorker(complete.with(environment{"METRICS_ADDR": value}).list())
		require.NoError(t, err)
		_, on := w.Metrics()
		require.Equal(t, want, on, value)
	}
}

func TestNobodyIsToldWithoutAURL(t *testing.T) {
	for url, want := range map[string]bool{"": false, "https://hooks.example.com/services/T0/B0/s3cret?x=1": true, "http://127.0.0.1:8099/hook": true} {
		w, err := LoadWorker(complete.with(environment{"NOTIFY_URL": url}).list())
		require.NoError(t, err)
		require.Equal(t, want, w.Notify.On(), url)
	}
}
