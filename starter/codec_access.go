package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"

	"bob-onelogin/internal/config"
)

const (
	// loginTimeout bounds each call to the identity provider.
	loginTimeout = 10 * time.Second
	// loginRetry is how often a provider is tried that does not answer.
	loginRetry = 10 * time.Second
)

// gate tells who may decrypt: who has one of the bearer tokens, or is logged
// in to the web UI, which passes on the tokens of the login.
type gate struct {
	tokens func() []config.Secret
	login  *login
	log    *zap.Logger
}

func newGate(ctx context.Context, access config.CodecAccess, log *zap.Logger) *gate {
	g := &gate{tokens: func() []config.Secret { return access.Tokens }, log: log}
	if access.Issuer != "" {
		g.login = newLogin(ctx, access.Issuer, access.Audience, log)
	}
	return g
}

// allowed answers nil where the request may be answered.
func (g *gate) allowed(r *http.Request) *refusal {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		bearer = ""
	}
	extras := r.Header.Get("Authorization-Extras")
	switch {
	case g.knows(bearer):
		return nil
	case bearer == "" && extras == "":
		return &refusal{http.StatusUnauthorized, "no bearer token was sent"}
	case g.login == nil:
		return &refusal{http.StatusUnauthorized, "the bearer token is not among CODEC_TOKENS"}
	}
	return g.login.allowed(r.Context(), extras, bearer)
}

// knows compares with every token, in a time that tells nothing about them.
func (g *gate) knows(bearer string) bool {
	given, found := sha256.Sum256([]byte(bearer)), 0
	for _, token := range g.tokens() {
		known := sha256.Sum256([]byte(token))
		found |= subtle.ConstantTimeCompare(given[:], known[:])
	}
	return found == 1
}

// tokensReplaced logs what becomes of a file of tokens that has changed.
func tokensReplaced(z *zap.Logger) func(int, error) {
	return func(tokens int, err error) {
		if err != nil {
			z.Error("The changed file of tokens is not taken up; those before it stay good (CODEC_TOKENS_FILE)", zap.Int("tokens", tokens), zap.Error(err))
			return
		}
		z.Info("Tokens were replaced", zap.Int("tokens", tokens))
	}
}

// login verifies the tokens of an identity provider: signed by it, made out to
// the audience, and not expired.
type login struct {
	verifier atomic.Pointer[oidc.IDTokenVerifier]
	log      *zap.Logger
}

// newLogin looks the provider up in the background, until it is found: the
// tokens in CODEC_TOKENS must not wait for it.
func newLogin(ctx context.Context, issuer, audience string, log *zap.Logger) *login {
	l := &login{log: log}
	client := oidc.ClientContext(ctx, &http.Client{Timeout: loginTimeout})
	go func() {
		for {
			provider, err := oidc.NewProvider(client, issuer)
			if err == nil {
				l.verifier.Store(provider.VerifierContext(client, &oidc.Config{ClientID: audience}))
				log.Info("Identity provider found", zap.String("issuer", issuer))
				return
			}
			log.Warn("Identity provider not found yet (CODEC_OIDC_ISSUER)", zap.String("issuer", issuer), zap.Error(brief(err)))
			select {
			case <-ctx.Done():
				return
			case <-time.After(loginRetry):
			}
		}
	}()
	return l
}

// allowed answers nil where one of the tokens is good. The web UI sends an ID
// token, made out to itself, beside an access token, which with some providers
// is no token that anybody can verify.
func (l *login) allowed(ctx context.Context, tokens ...string) *refusal {
	verifier := l.verifier.Load()
	if verifier == nil {
		return &refusal{http.StatusServiceUnavailable, "the identity provider has not answered yet; try again"}
	}
	var refused []error
	for _, token := range tokens {
		if token == "" {
			continue
		}
		_, err := verifier.Verify(ctx, token)
		if err == nil {
			return nil
		}
		refused = append(refused, brief(err))
	}
	l.log.Info("Login refused", zap.Errors("reasons", refused))
	for _, err := range refused {
		var expired *oidc.TokenExpiredError
		if errors.As(err, &expired) {
			return &refusal{http.StatusUnauthorized, "the login has expired; log in to the web UI again"}
		}
	}
	return &refusal{http.StatusUnauthorized, "the token is not one of CODEC_OIDC_ISSUER for CODEC_OIDC_AUDIENCE; the log says why"}
}

// longestReason bounds what is logged of somebody else's answer.
const longestReason = 300

// brief shortens an error that may quote what was sent.
func brief(err error) error {
	text := err.Error()
	if len(text) <= longestReason {
		return err
	}
	return fmt.Errorf("%.*s…", longestReason, text)
}
