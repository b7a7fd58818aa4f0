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
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap/zapcore"

	"bob-onelogin/internal/payload"
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

// Format hides the secret from every verb of package fmt, those included that
// do not ask for a String.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = fmt.Fprintf(f, "%q", s.String())
		return
	}
	_, _ = io.WriteString(f, s.String())
}

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
	// MaxPerMinute is of each process: Bob counts all calls of a service user.
	MaxPerMinute int `env:"BOB_MAX_PER_MINUTE" envDefault:"45"`
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
	PageLimit        int     `env:"ONELOGIN_PAGE_LIMIT" envDefault:"100"`
}

// Payloads is how what Temporal stores is encrypted. Worker and starter must
// have the same keys.
type Payloads struct {
	KeyList     Secret `env:"PAYLOAD_KEYS"`
	KeyListFile string `env:"PAYLOAD_KEYS_FILE"`
	// Keys are those of the list, once it is validated.
	Keys payload.Keys
}

// Codec is the codec server, which decrypts for Temporal's web UI and CLI.
type Codec struct {
	Addr         string `env:"CODEC_ADDR" envDefault:":8081"`
	UIOrigin     string `env:"CODEC_UI_ORIGIN"`
	Tokens       Secret `env:"CODEC_TOKENS"`
	TokensFile   string `env:"CODEC_TOKENS_FILE"`
	OIDCIssuer   string `env:"CODEC_OIDC_ISSUER"`
	OIDCAudience string `env:"CODEC_OIDC_AUDIENCE"`
}

// Deployment opts in to Temporal's worker deployment versioning: workers of
// several builds run side by side, and the server knows which is which.
type Deployment struct {
	Name    string `env:"WORKER_DEPLOYMENT_NAME"`
	BuildID string `env:"WORKER_BUILD_ID"`
}

// Versioned tells whether the worker takes part in deployment versioning.
func (d Deployment) Versioned() bool { return d.Name != "" }

// Worker is the configuration of the worker.
type Worker struct {
	Bob              Bob
	OneLogin         OneLogin
	Payloads         Payloads
	Deployment       Deployment
	Notify           Notify
	SettleDelay      time.Duration `env:"BOB_SETTLE_DELAY" envDefault:"30s"`
	ProvisioningFile string        `env:"PROVISIONING_FILE"`
	// MetricsAddr is where metrics and readiness are served; see Metrics.
	MetricsAddr string `env:"METRICS_ADDR" envDefault:":9464"`
	LogLevel    string `env:"LOG_LEVEL" envDefault:"info"`
}

// metricsOff as METRICS_ADDR opens no port. An empty variable is none that was
// set, here as everywhere.
const metricsOff = "off"

// Metrics returns where metrics and readiness are served, and whether at all.
func (w *Worker) Metrics() (addr string, on bool) { return w.MetricsAddr, w.MetricsAddr != metricsOff }

// Starter is the configuration of the webhook endpoint and of the operator's
// commands.
type Starter struct {
	Bob                Bob
	OneLogin           OneLogin
	Payloads           Payloads
	Codec              Codec
	Webhooks           Webhooks
	Addr               string `env:"STARTER_ADDR" envDefault:":8080"`
	WebhookSecrets     Secret `env:"BOB_WEBHOOK_SECRETS"`
	WebhookSecretsFile string `env:"BOB_WEBHOOK_SECRETS_FILE"`
	ProvisioningFile   string `env:"PROVISIONING_FILE"`
	LogLevel           string `env:"LOG_LEVEL" envDefault:"info"`
}

// LoadWorker reads and checks the worker's configuration from environ, which
// has the form of os.Environ.
func LoadWorker(environ []string) (Worker, error) {
	var w Worker
	if err := load(&w, environ); err != nil {
		return Worker{}, err
	}
	return w, nil
}

// LoadStarter reads the starter's configuration. What a command needs of it,
// the command checks itself: `starter status` needs no secret.
func LoadStarter(environ []string) (Starter, error) {
	var s Starter
	if err := load(&s, environ); err != nil {
		return Starter{}, err
	}
	return s, nil
}

// Examine reads the configuration and lists everything that worker or starter
// would refuse, whichever the command, each beginning with the variable that it
// is about. What is not complained of can be used.
func Examine(environ []string) (Starter, []string, error) {
	var s Starter
	ofStarter, err := examine(&s, s.validateAll, environ)
	if err != nil {
		return Starter{}, nil, err
	}
	var w Worker
	ofWorker, err := examine(&w, w.Validate, environ)
	if err != nil {
		return Starter{}, nil, err
	}
	var all []string
	for _, mistake := range slices.Concat(ofStarter, ofWorker) {
		if !slices.Contains(all, mistake) {
			all = append(all, mistake)
		}
	}
	return s, all, nil
}

// load reads and checks.
func load(into interface{ Validate() error }, environ []string) error {
	mistakes, err := examine(into, into.Validate, environ)
	if err != nil {
		return err
	}
	return report(mistakes)
}

// examine reads and checks, and lists both kinds of mistakes together.
func examine(into any, validate func() error, environ []string) ([]string, error) {
	unreadable, err := parse(into, environ)
	if err != nil {
		return nil, err
	}
	var mistakes []string
	for _, name := range slices.Sorted(maps.Keys(unreadable)) {
		mistakes = append(mistakes, name+": "+unreadable[name])
	}
	for _, mistake := range linesOf(validate()) {
		// A variable that could not be read has no value to complain of.
		name, _, _ := strings.Cut(mistake, ":")
		if _, ok := unreadable[name]; !ok {
			mistakes = append(mistakes, mistake)
		}
	}
	return mistakes, nil
}

// parse fills a configuration and returns what is wrong with those variables
// that are not of their type, by name.
func parse(into any, environ []string) (unreadable map[string]string, err error) {
	err = env.ParseWithOptions(into, env.Options{Environment: env.ToMap(environ)})
	var all env.AggregateError
	if !errors.As(err, &all) {
		return nil, err
	}
	unreadable = map[string]string{}
	for _, e := range all.Errors {
		// The library names the field and quotes the value; people know
		// the variable, and the value is not for a log.
		var wrong env.ParseError
		if !errors.As(e, &wrong) {
			return nil, fmt.Errorf("configuration: %w", e)
		}
		for _, name := range variablesOf(reflect.TypeOf(into).Elem(), wrong.Name, wrong.Type) {
			unreadable[name] = "must be " + describe(wrong.Type)
		}
	}
	return unreadable, nil
}

// variablesOf returns the variables that fill the fields of a name and a type.
func variablesOf(t reflect.Type, field string, kind reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, tagged := f.Tag.Lookup("env")
		switch {
		case tagged && f.Name == field && f.Type == kind:
			names = append(names, name)
		case !tagged && f.Type.Kind() == reflect.Struct:
			names = append(names, variablesOf(f.Type, field, kind)...)
		}
	}
	return names
}

func describe(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 5m"
	case t.Kind() == reflect.Float64:
		return "a number such as 8 or 2.5"
	case t.Kind() == reflect.Int:
		return "a whole number such as 100"
	default:
		return "a " + t.String()
	}
}

// Validate reports everything that is wrong with the configuration.
func (w *Worker) Validate() error {
	mistakes := []error{
		w.Bob.Validate(), w.OneLogin.Validate(), w.Payloads.Validate(), w.Deployment.Validate(), w.Notify.Validate(), validLogLevel(w.LogLevel),
	}
	if addr, on := w.Metrics(); on {
		mistakes = append(mistakes, validAddr("METRICS_ADDR", addr, ":9464, or off"))
	}
	if w.SettleDelay < 0 || w.SettleDelay > 10*time.Minute {
		mistakes = append(mistakes, errors.New("BOB_SETTLE_DELAY: must lie between 0s and 10m; Bob's reads lag up to 20s"))
	}
	return errors.Join(append(mistakes, validProvisioningFile(w.ProvisioningFile))...)
}

// Validate reports everything that is wrong with how Bob is reached.
func (b *Bob) Validate() error {
	id := required("BOB_SERVICE_USER_ID", b.ServiceUserID, "the id of the service user, from Bob's Settings → Integrations → Service users")
	if strings.Contains(b.ServiceUserID, ":") {
		id = errors.New("BOB_SERVICE_USER_ID: must not have a colon; give the id alone, without the token")
	}
	return errors.Join(
		id,
		b.ServiceUserToken.fill("BOB_SERVICE_USER_TOKEN", b.TokenFile, "the token of the service user"),
		validBaseURL("BOB_BASE_URL", b.BaseURL),
		validPerMinute("BOB_MAX_PER_MINUTE", b.MaxPerMinute),
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
	if o.Subdomain != "" && !subdomain.MatchString(o.Subdomain) {
		mistakes = append(mistakes, errors.New("ONELOGIN_SUBDOMAIN: give the first part of the host name alone: acme for https://acme.onelogin.com"))
	}
	if o.BaseURL != "" {
		mistakes = append(mistakes, validBaseURL("ONELOGIN_BASE_URL", o.BaseURL))
	}
	if o.PageLimit < 1 || o.PageLimit > 1000 {
		mistakes = append(mistakes, errors.New("ONELOGIN_PAGE_LIMIT: must lie between 1 and 1000; 100 is what is proven on live accounts"))
	}
	// Written this way round, it refuses NaN as well.
	if !(o.MaxRPS > 0 && o.MaxRPS <= 1000) {
		mistakes = append(mistakes, errors.New("ONELOGIN_MAX_RPS: must be above 0 and at most 1000; 5 to 10 is safe, and OneLogin refuses about 100 a second"))
	}
	return errors.Join(mistakes...)
}

// longestDeployment is what Temporal's servers take of a name and of a build ID
// with room to spare; they bound the length of both together.
const longestDeployment = 100

// Validate reports what a Temporal server would refuse in every poll, long
// after the start.
func (d *Deployment) Validate() error {
	var mistakes []error
	if (d.Name == "") != (d.BuildID == "") {
		mistakes = append(mistakes, errors.New("WORKER_DEPLOYMENT_NAME and WORKER_BUILD_ID: set both, or neither"))
	}
	if strings.ContainsAny(d.Name, ".:") {
		mistakes = append(mistakes, errors.New("WORKER_DEPLOYMENT_NAME: must have neither a dot nor a colon; Temporal tells name and build ID apart by them"))
	}
	for _, v := range [][2]string{{"WORKER_DEPLOYMENT_NAME", d.Name}, {"WORKER_BUILD_ID", d.BuildID}} {
		if strings.HasPrefix(v[1], "__") || len(v[1]) > longestDeployment || strings.ContainsFunc(v[1], unprintable) {
			mistakes = append(mistakes, fmt.Errorf("%s: must be at most %d printable characters without spaces, and not begin with two underscores, which Temporal keeps for itself", v[0], longestDeployment))
		}
	}
	return errors.Join(mistakes...)
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// Validate reports what is wrong whatever the command is.
func (s *Starter) Validate() error {
	return errors.Join(
		validLogLevel(s.LogLevel), validBaseURL("BOB_BASE_URL", s.Bob.BaseURL), s.Payloads.Validate(),
		validAddr("STARTER_ADDR", s.Addr, ":8080"), validAddr("CODEC_ADDR", s.Codec.Addr, ":8081"),
	)
}

// validateAll reports what any command would find wrong.
func (s *Starter) validateAll() error {
	return errors.Join(
		s.Validate(), s.Bob.Validate(), s.OneLogin.Validate(), s.readWebhookSecrets(), s.Webhooks.Validate(), validProvisioningFile(s.ProvisioningFile),
	)
}

// ValidateServe reports what the webhook endpoint lacks, and reads its secrets
// and networks.
func (s *Starter) ValidateServe() ([]string, error) {
	if err := errors.Join(s.readWebhookSecrets(), s.Webhooks.Validate()); err != nil {
		return nil, report(linesOf(err))
	}
	return s.SecretsOfWebhooks(), nil
}

func (s *Starter) readWebhookSecrets() error {
	if err := s.WebhookSecrets.fill("BOB_WEBHOOK_SECRETS", s.WebhookSecretsFile, "the secret that Bob's webhook page shows; several, comma-separated, during a rotation"); err != nil {
		return err
	}
	if len(s.SecretsOfWebhooks()) == 0 {
		return errors.New("BOB_WEBHOOK_SECRETS: holds no secret")
	}
	return nil
}

// SecretsOfWebhooks are those that Bob may sign with, once they are read.
func (s *Starter) SecretsOfWebhooks() []string { return listOf(string(s.WebhookSecrets)) }

// ValidateBob reports what a command lacks that reads Bob.
func (s *Starter) ValidateBob() error { return report(linesOf(s.Bob.Validate())) }

// ValidateOneLogin reports what a command lacks that reads OneLogin.
func (s *Starter) ValidateOneLogin() error { return report(linesOf(s.OneLogin.Validate())) }

// ValidateProvisioningFile reports a provisioning file that is named and not
// there. Without one the defaults apply.
func (s *Starter) ValidateProvisioningFile() error {
	return report(linesOf(validProvisioningFile(s.ProvisioningFile)))
}

// Validate reads the keys and reports everything that is wrong with them.
// Without keys, payloads stay plain.
func (p *Payloads) Validate() error {
	name := "PAYLOAD_KEYS"
	if p.KeyListFile != "" {
		if err := p.KeyList.fill(name, p.KeyListFile, "keys such as `starter codec --new-key` prints"); err != nil {
			return err
		}
		name += "_FILE"
	}
	if p.KeyList == "" {
		return nil
	}
	keys, err := payload.ParseKeys(string(p.KeyList))
	if err != nil {
		var mistakes []error
		for _, mistake := range linesOf(err) {
			mistakes = append(mistakes, fmt.Errorf("%s: %s", name, mistake))
		}
		return errors.Join(mistakes...)
	}
	p.Keys = keys
	return nil
}

// CodecAccess is who may use the codec server.
type CodecAccess struct {
	// Origins are those of web UIs.
	Origins []string
	// Tokens are bearer tokens.
	Tokens []Secret
	// Issuer signs the tokens of those who are logged in to the web UI, and
	// makes them out to Audience; empty: they are not accepted.
	Issuer, Audience string
}

// shortestToken keeps guessable ones out.
const shortestToken = 20

// ValidateCodec reports everything that the codec server lacks. Open, it is to
// ask for no authorization, which is for this machine alone.
func (s *Starter) ValidateCodec(open bool) (CodecAccess, error) {
	c := &s.Codec
	access := CodecAccess{Origins: listOf(c.UIOrigin), Issuer: c.OIDCIssuer, Audience: c.OIDCAudience}
	var mistakes []error
	wrong := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	if s.Payloads.Keys.Empty() {
		wrong("PAYLOAD_KEYS: missing; set it to the keys that worker and starter have (or name a file that holds them in PAYLOAD_KEYS_FILE)")
	}
	for _, origin := range access.Origins {
		if !validOrigin(origin) {
			wrong("CODEC_UI_ORIGIN: must be what the browser shows of the web UI's address up to the path, such as https://temporal.example.com, without a slash at the end; several comma-separated")
			break
		}
	}
	if c.TokensFile != "" {
		mistakes = append(mistakes, c.Tokens.fill("CODEC_TOKENS", c.TokensFile, "bearer tokens, comma-separated"))
	}
	var err error
	access.Tokens, err = tokensOf(string(c.Tokens))
	mistakes = append(mistakes, err)
	switch {
	case (c.OIDCIssuer == "") != (c.OIDCAudience == ""):
		wrong("CODEC_OIDC_ISSUER and CODEC_OIDC_AUDIENCE: set both, or neither")
	case c.OIDCIssuer != "":
		mistakes = append(mistakes, validBaseURL("CODEC_OIDC_ISSUER", c.OIDCIssuer))
	}
	authorized := c.Tokens != "" || c.TokensFile != "" || c.OIDCIssuer != "" || c.OIDCAudience != ""
	host, _, _ := net.SplitHostPort(c.Addr)
	switch {
	case open && authorized:
		wrong("CODEC_TOKENS, CODEC_OIDC_ISSUER: leave them out, or --no-authorization")
	case open && !loopback(host):
		wrong("CODEC_ADDR: must be this machine's own, such as 127.0.0.1:8081, for --no-authorization")
	case !open && !authorized:
		wrong("CODEC_TOKENS: missing; without authorization everybody could decrypt. Set it to bearer tokens for the CLI (`openssl rand -hex 32` makes one; or name a file in CODEC_TOKENS_FILE), or set CODEC_OIDC_ISSUER and CODEC_OIDC_AUDIENCE for those who are logged in to the web UI")
	case !open && len(access.Tokens) == 0 && c.OIDCIssuer == "" && errors.Join(mistakes...) == nil:
		wrong("CODEC_TOKENS: holds no token")
	}
	if err := report(linesOf(errors.Join(mistakes...))); err != nil {
		return CodecAccess{}, err
	}
	return access, nil
}

// tokensOf reads bearer tokens, and reports every one that cannot be used.
func tokensOf(text string) ([]Secret, error) {
	var tokens []Secret
	var mistakes []error
	for i, token := range listOf(text) {
		if len(token) < shortestToken || strings.Trim(token, bearerCharacters) != "" {
			mistakes = append(mistakes, fmt.Errorf("CODEC_TOKENS: token %d must be at least %d letters, digits and -._~+/=, and not guessable; `openssl rand -hex 32` makes one", i+1, shortestToken))
		}
		tokens = append(tokens, Secret(token))
	}
	return tokens, errors.Join(mistakes...)
}

// bearerCharacters are those that a bearer token may have (RFC 6750).
const bearerCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

// listOf takes a comma-separated list apart.
func listOf(text string) []string {
	var list []string
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}

// fill reads the secret from its file where one is named, and reports what is
// missing.
func (s *Secret) fill(name, file, what string) error {
	if file != "" {
		if *s != "" {
			return fmt.Errorf("%s and %s_FILE: set one of them, not both", name, name)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			// The path is left out: it may be the secret, set in the wrong place.
			return fmt.Errorf("%s_FILE: the file that it names cannot be read: %w", name, reasonOf(err))
		}
		*s = Secret(strings.TrimSpace(string(content)))
		if *s == "" {
			return fmt.Errorf("%s_FILE: the file that it names is empty; it should hold %s", name, what)
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

// subdomain is one label of a host name.
var subdomain = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// validBaseURL never repeats the URL, which may have a password in it.
func validBaseURL(name, value string) error {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"),
		u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return fmt.Errorf("%s: must be a URL such as https://host/path, without user, password, query or fragment", name)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%s: must begin with https://, because credentials travel with every call; http:// is for this machine alone (localhost, 127.0.0.1)", name)
	default:
		return nil
	}
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || (err == nil && addr.IsLoopback())
}

// mostPerMinute is what nobody's Bob allows.
const mostPerMinute = 10_000

func validPerMinute(name string, n int) error {
	if n < 2 || n > mostPerMinute {
		return fmt.Errorf("%s: must lie between 2 and %d; Bob allows 50 calls a minute for most endpoints, to all processes together", name, mostPerMinute)
	}
	return nil
}

// validOrigin takes an origin as browsers send it: compared as text, it must be
// written as they write it.
func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || origin != strings.ToLower(u.Scheme+"://"+u.Host) {
		return false
	}
	switch u.Scheme {
	case "https":
		return !strings.HasSuffix(u.Host, ":") && u.Port() != "443"
	case "http":
		return !strings.HasSuffix(u.Host, ":") && u.Port() != "80"
	default:
		return false
	}
}

func validAddr(name, addr, example string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s: must be host:port or :port, such as %s", name, example)
	}
	return nil
}

func validProvisioningFile(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("PROVISIONING_FILE: %s cannot be read: %w", path, reasonOf(err))
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
func report(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("configuration: %d mistake(s):\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// linesOf takes joined mistakes apart.
func linesOf(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}
