package config

import (
	"bytes"
	"os"
	"sync"
	"time"

	"bob-onelogin/internal/payload"
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

// Ring returns the keys whenever they are asked for: where a file holds them, as
// the file has them then. tell hears of those that are taken up, and why those
// of a changed file are not.
func (p Payloads) Ring(tell func(payload.Keys, error)) payload.Ring {
	return followed(p.KeyListFile, p.KeyList, p.Keys, payload.ParseKeys, tell)
}

// TokensNow returns the bearer tokens whenever it is asked for: where a file
// holds them, as the file has them then. tell hears how many are taken up, and
// why those of a changed file are not.
func (c Codec) TokensNow(tell func(int, error)) func() []Secret {
	first, _ := tokensOf(string(c.Tokens)) // none, where they are wrong
	return followed(c.TokensFile, c.Tokens, first, tokensOf, func(tokens []Secret, err error) { tell(len(tokens), err) })
}

// glance is how often a file is looked at that is asked for more often than the
// call that the secret is for: keys are, with each payload.
const glance = time.Second

// followed is following for secrets that have to be understood. What is not
// understood leaves what was before it in force.
func followed[T any](path string, first Secret, value T, understand func(string) (T, error), tell func(T, error)) func() T {
	if path == "" {
		return func() T { return value }
	}
	now := following(path, first)
	var mu sync.Mutex
	var next time.Time
	seen := first
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		t := time.Now()
		if t.Before(next) {
			return value
		}
		next = t.Add(glance)
		content := now()
		if content == seen {
			return value
		}
		seen = content
		understood, err := understand(string(content))
		if err == nil {
			value = understood
		}
		tell(value, err)
		return value
	}
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
