package config

import (
	"bytes"
	"os"
	"sync"
)

// Token returns the service user's token whenever it is asked for: where a file
// holds it, as the file has it then.
func (b Bob) Token() func() Secret { return following(b.TokenFile, b.ServiceUserToken) }

// Secret returns the client secret whenever it is asked for: where a file holds
// it, as the file has it then.
func (o OneLogin) Secret() func() Secret { return following(o.ClientSecretFile, o.ClientSecret) }

// Target returns the URL whenever it is asked for: where a file holds it, as
// the file has it then.
func (n Notify) Target() func() Secret { return following(n.URLFile, n.URL) }

// WebhookSecretsNow returns those that Bob may sign with whenever it is asked
// for: where a file holds them, as the file has them then.
func (s *Starter) WebhookSecretsNow() func() []string {
	now := following(s.WebhookSecretsFile, s.WebhookSecrets)
	return func() []string { return listOf(string(now())) }
}

// following returns what a file holds each time it is asked, which costs less
// than the call that the secret is for. A file that is gone or empty, as it is
// for a moment while it is being replaced, leaves what it held before.
func following(path string, first Secret) func() Secret {
	if path == "" {
		return func() Secret { return first }
	}
	var mu sync.Mutex
	last := first
	return func() Secret {
		mu.Lock()
		defer mu.Unlock()
		content, err := os.ReadFile(path)
		if s := Secret(bytes.TrimSpace(content)); err == nil && s != "" {
			last = s
		}
		return last
	}
}
