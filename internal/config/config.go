// Package config turns the environment into typed, checked configuration. The
// connection to Temporal is not its business: that reads Temporal's own
// TEMPORAL_* variables.
//
// Every mistake is found at the start and all are reported at once, by the
// name of the variable and with the mend. Secrets are never printed.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap/zapcore"
)

// Secret is a value that prints as a placeholder.
type Secret string

// String hides the secret from fmt and logs.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Bob is how Bob's API is reached.
type Bob struct {
	ServiceUserID    string `env:"BOB_SERVICE_USER_ID"`
	ServiceUserToken Secret `env:"BOB_SERVICE_USER_TOKEN"`
	TokenFile        string `env:"BOB_SERVICE_USER_TOKEN_FILE"`
	BaseURL          string `env:"BOB_BASE_URL" envDefault:"https://api.hibob.com/v1"`
}

// OneLogin is how OneLogin's API is reached.
type OneLogin struct {
	ClientID         string  `env:"ONELOGIN_CLIENT_ID"`
	ClientSecret     Secret  `env:"ONELOGIN_CLIENT_SECRET"`
	ClientSecretFile string  `env:"ONELOGIN_CLIENT_SECRET_FILE"`
	Region           string  `env:"ONELOGIN_REGION" envDefault:"us"`
	Subdomain        string  `env:"ONELOGIN_SUBDOMAIN"`
	BaseURL          string  `env:"ONELOGIN_BASE_URL"`
	MaxRPS           float64 `env:"ONELOGIN_MAX_RPS" envDefault:"8"`
}

// Worker is the configuration of the worker.
type Worker struct {
	Bob              Bob
	OneLogin         OneLogin
	SettleDelay      time.Duration `env:"BOB_SETTLE_DELAY" envDefault:"30s"`
	ProvisioningFile string        `env:"PROVISIONING_FILE"`
	LogLevel         string        `env:"LOG_LEVEL" envDefault:"info"`
}

// Starter is the configuration of the webhook endpoint and of the operator's
// commands.
type Starter struct {
	Bob                Bob
	Addr               string `env:"STARTER_ADDR" envDefault:":8080"`
	WebhookSecrets     Secret `env:"BOB_WEBHOOK_SECRETS"`
	WebhookSecretsFile string `env:"BOB_WEBHOOK_SECRETS_FILE"`
	LogLevel           string `env:"LOG_LEVEL" envDefault:"info"`
}

// LoadWorker reads and checks the worker's configuration from environ, which
// has the form of os.Environ.
func LoadWorker(environ []string) (Worker, error) {
	var w Worker
	if err := parse(&w, environ); err != nil {
		return Worker{}, err
	}
	return w, report(w.Validate())
}

// LoadStarter reads the starter's configuration. What a command needs of it,
// the command checks itself: `starter status` needs no secret.
func LoadStarter(environ []string) (Starter, error) {
	var s Starter
	if err := parse(&s, environ); err != nil {
		return Starter{}, err
	}
	return s, report(s.Validate())
}

func parse(into any, environ []string) error {
	err := env.ParseWithOptions(into, env.Options{Environment: env.ToMap(environ)})
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	mistakes := make([]error, len(all.Errors))
	for i, e := range all.Errors {
		var wrong env.ParseError
		if errors.As(e, &wrong) {
			mistakes[i] = fmt.Errorf("%s: not a valid %s", envName(wrong.Name), wrong.Type)
			continue
		}
		mistakes[i] = errors.New("a variable cannot be read")
	}
	return report(errors.Join(mistakes...))
}

// envName names the variable behind a field, so that mistakes speak of what
// the reader typed.
func envName(field string) string {
	names := map[string]string{"MaxRPS": "ONELOGIN_MAX_RPS", "SettleDelay": "BOB_SETTLE_DELAY"}
	if name, ok := names[field]; ok {
		return name
	}
	return field
}

// Validate reports everything that is wrong with the configuration.
func (w *Worker) Validate() error {
	mistakes := []error{
		w.Bob.Validate(), w.OneLogin.Validate(), validLogLevel(w.LogLevel),
	}
	if w.SettleDelay < 0 || w.SettleDelay > 10*time.Minute {
		mistakes = append(mistakes, errors.New("BOB_SETTLE_DELAY: must lie between 0s and 10m; Bob's reads lag up to 20s"))
	}
	if w.ProvisioningFile != "" {
		if _, err := os.Stat(w.ProvisioningFile); err != nil {
			mistakes = append(mistakes, fmt.Errorf("PROVISIONING_FILE: %s cannot be read: %w", w.ProvisioningFile, reasonOf(err)))
		}
	}
	return errors.Join(mistakes...)
}

// Validate reports everything that is wrong with how Bob is reached.
func (b *Bob) Validate() error {
	return errors.Join(
		required("BOB_SERVICE_USER_ID", b.ServiceUserID, "the id of the service user, from Bob's Settings → Integrations → Service users"),
		b.ServiceUserToken.fill("BOB_SERVICE_USER_TOKEN", b.TokenFile, "the token of the service user"),
		validBaseURL("BOB_BASE_URL", b.BaseURL),
	)
}

// Validate reports everything that is wrong with how OneLogin is reached.
func (o *OneLogin) Validate() error {
	mistakes := []error{
		required("ONELOGIN_CLIENT_ID", o.ClientID, "the client id of an API credential with the scope \"Manage users\""),
		o.ClientSecret.fill("ONELOGIN_CLIENT_SECRET", o.ClientSecretFile, "the client secret of that credential"),
	}
	if o.Region != "us" && o.Region != "eu" {
		mistakes = append(mistakes, fmt.Errorf("ONELOGIN_REGION: %q is neither us nor eu", o.Region))
	}
	if strings.ContainsAny(o.Subdomain, "./:@ ") {
		mistakes = append(mistakes, errors.New("ONELOGIN_SUBDOMAIN: give the first part of the host name alone: acme for https://acme.onelogin.com"))
	}
	if o.BaseURL != "" {
		mistakes = append(mistakes, validBaseURL("ONELOGIN_BASE_URL", o.BaseURL))
	}
	if o.MaxRPS <= 0 || o.MaxRPS > 100 {
		mistakes = append(mistakes, errors.New("ONELOGIN_MAX_RPS: must be above 0 and at most 100; 5 to 10 is safe"))
	}
	return errors.Join(mistakes...)
}

// Validate reports what is wrong whatever the command is.
func (s *Starter) Validate() error {
	mistakes := []error{validLogLevel(s.LogLevel), validBaseURL("BOB_BASE_URL", s.Bob.BaseURL)}
	if _, _, err := net.SplitHostPort(s.Addr); err != nil {
		mistakes = append(mistakes, errors.New("STARTER_ADDR: must be host:port or :port, such as :8080"))
	}
	return errors.Join(mistakes...)
}

// ValidateServe reports what the webhook endpoint lacks, and reads its secrets.
func (s *Starter) ValidateServe() ([]string, error) {
	if err := s.WebhookSecrets.fill("BOB_WEBHOOK_SECRETS", s.WebhookSecretsFile, "the secret that Bob's webhook page shows; several, comma-separated, during a rotation"); err != nil {
		return nil, report(err)
	}
	var secrets []string
	for secret := range strings.SplitSeq(string(s.WebhookSecrets), ",") {
		if secret = strings.TrimSpace(secret); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	if len(secrets) == 0 {
		return nil, report(errors.New("BOB_WEBHOOK_SECRETS: holds no secret"))
	}
	return secrets, nil
}

// ValidateBob reports what a command lacks that reads Bob.
func (s *Starter) ValidateBob() error { return report(s.Bob.Validate()) }

// fill reads the secret from its file where one is named, and reports what is
// missing.
func (s *Secret) fill(name, file, what string) error {
	if file != "" {
		if *s != "" {
			return fmt.Errorf("%s and %s_FILE: set one of them, not both", name, name)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s_FILE: %s cannot be read: %w", name, file, reasonOf(err))
		}
		*s = Secret(strings.TrimSpace(string(content)))
		if *s == "" {
			return fmt.Errorf("%s_FILE: %s is empty; it should hold %s", name, file, what)
		}
		return nil
	}
	return required(name, string(*s), what+" (or name a file that holds it in "+name+"_FILE)")
}

func required(name, value, what string) error {
	if strings.TrimSpace(value) == "" {
		return fmt.Errorf("%s: missing; set it to %s", name, what)
	}
	return nil
}

func validBaseURL(name, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" {
		return fmt.Errorf("%s: must be a URL such as https://host/path, without user, password or query", name)
	}
	return nil
}

func validLogLevel(level string) error {
	if _, err := zapcore.ParseLevel(level); err != nil {
		return fmt.Errorf("LOG_LEVEL: %q is not one of debug, info, warn, error", level)
	}
	return nil
}

// reasonOf drops the path that the caller names already.
func reasonOf(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// report joins mistakes under one heading.
func report(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	return fmt.Errorf("configuration: %d mistake(s):\n  %s", len(lines), strings.Join(lines, "\n  "))
}
