package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	bobSecret     = "bob-s3cret"
	loginSecret   = "onelogin-s3cret"
	webhookSecret = "webhook-s3cret"
	codecToken    = "codec-s3cret-codec-s3cret"
)

// keyList are two keys, in base64 of 32 bytes that begin with "s3cret".
var keyList = "new:" + keyOf("new") + ",old:" + keyOf("old")

func keyOf(id string) string {
	return base64.StdEncoding.EncodeToString([]byte((id + strings.Repeat("-s3cret", 5))[:32]))
}

// environment is a process's, by name.
type environment map[string]string

func (e environment) with(changes environment) environment {
	merged := maps.Clone(e)
	maps.Copy(merged, changes)
	return merged
}

func (e environment) list() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// complete is all that the worker must be told.
var complete = environment{
	"BOB_SERVICE_USER_ID": "SERVICE-sample", "BOB_SERVICE_USER_TOKEN": bobSecret,
	"ONELOGIN_CLIENT_ID": "client-sample", "ONELOGIN_CLIENT_SECRET": loginSecret,
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestLoadWorkerDefaults(t *testing.T) {
	want := Worker{
		Bob:         Bob{ServiceUserID: "SERVICE-sample", ServiceUserToken: bobSecret, BaseURL: "https://api.hibob.com/v1", MaxPerMinute: 45},
		OneLogin:    OneLogin{ClientID: "client-sample", ClientSecret: loginSecret, Region: "us", MaxRPS: 8, PageLimit: 100},
		SettleDelay: 30 * time.Second,
		MetricsAddr: ":9464",
		LogLevel:    "info",
	}
	tests := map[string]environment{
		"not set": {},
		"set to nothing, as a compose file does": {
			"BOB_BASE_URL": "", "BOB_MAX_PER_MINUTE": "", "ONELOGIN_REGION": "", "ONELOGIN_SUBDOMAIN": "", "ONELOGIN_BASE_URL": "", "ONELOGIN_MAX_RPS": "", "ONELOGIN_PAGE_LIMIT": "",
			"BOB_SETTLE_DELAY": "", "PROVISIONING_FILE": "", "LOG_LEVEL": "", "BOB_SERVICE_USER_TOKEN_FILE": "", "ONELOGIN_CLIENT_SECRET_FILE": "",
			"PAYLOAD_KEYS": "", "PAYLOAD_KEYS_FILE": "", "METRICS_ADDR": "", "NOTIFY_URL": "", "NOTIFY_URL_FILE": "", "NOTIFY_UI_URL": "",
			"WORKER_DEPLOYMENT_NAME": "", "WORKER_BUILD_ID": "",
		},
		"other variables": {"HOME": "/nowhere", "TEMPORAL_ADDRESS": "localhost:7233"},
	}
	for name, changes := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := LoadWorker(complete.with(changes).list())
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.False(t, got.Deployment.Versioned())
		})
	}
}

func TestLoadWorkerReadsEveryVariable(t *testing.T) {
	policy := file(t, "status: follow_bob\n")
	token, secret := file(t, "\n "+bobSecret+" \n"), file(t, loginSecret)
	notify := file(t, "https://hooks.example.com/s3cret\n")
	got, err := LoadWorker(environment{
		"BOB_SERVICE_USER_ID": "SERVICE-sample", "BOB_SERVICE_USER_TOKEN_FILE": token, "BOB_BASE_URL": "https://api.sandbox.hibob.com/v1",
		"BOB_MAX_PER_MINUTE": "20", "BOB_SETTLE_DELAY": "1m", "ONELOGIN_CLIENT_ID": "client-sample", "ONELOGIN_CLIENT_SECRET_FILE": secret,
		"ONELOGIN_REGION": "eu", "ONELOGIN_SUBDOMAIN": "acme", "ONELOGIN_BASE_URL": "http://127.0.0.1:8092", "ONELOGIN_MAX_RPS": "2.5", "ONELOGIN_PAGE_LIMIT": "50",
		"PROVISIONING_FILE": policy, "METRICS_ADDR": "127.0.0.1:9100", "LOG_LEVEL": "debug",
		"NOTIFY_URL_FILE": notify, "NOTIFY_UI_URL": "https://temporal.example.com",
		"WORKER_DEPLOYMENT_NAME": "bob-onelogin", "WORKER_BUILD_ID": "v1.4.0-1f3a5c7e",
	}.list())
	require.NoError(t, err)
	require.True(t, got.Deployment.Versioned())
	require.Equal(t, Worker{
		Bob: Bob{ServiceUserID: "SERVICE-sample", ServiceUserToken: bobSecret, TokenFile: token, BaseURL: "https://api.sandbox.hibob.com/v1", MaxPerMinute: 20},
		OneLogin: OneLogin{
			ClientID: "client-sample", ClientSecret: loginSecret, ClientSecretFile: secret,
			Region: "eu", Subdomain: "acme", BaseURL: "http://127.0.0.1:8092", MaxRPS: 2.5, PageLimit: 50,
		},
		Deployment:  Deployment{Name: "bob-onelogin", BuildID: "v1.4.0-1f3a5c7e"},
		Notify:      Notify{URL: "https://hooks.example.com/s3cret", URLFile: notify, UIURL: "https://temporal.example.com"},
		SettleDelay: time.Minute, ProvisioningFile: policy, MetricsAddr: "127.0.0.1:9100", LogLevel: "debug",
	}, got)
}

func TestLoadWorkerListsEveryMistake(t *testing.T) {
	_, err := LoadWorker(environment{
		"BOB_SERVICE_USER_ID": "SERVICE:" + bobSecret, "BOB_SERVICE_USER_TOKEN": bobSecret, "BOB_SERVICE_USER_TOKEN_FILE": file(t, "x"),
		"BOB_BASE_URL": "ftp://user:" + bobSecret + "@host", "BOB_SETTLE_DELAY": "soon",
		"ONELOGIN_CLIENT_SECRET_FILE": loginSecret, "ONELOGIN_REGION": "moon", "ONELOGIN_SUBDOMAIN": "acme.onelogin.com",
		"ONELOGIN_BASE_URL": "onelogin.com", "ONELOGIN_MAX_RPS": "many", "PROVISIONING_FILE": "/nowhere/policy.yaml", "LOG_LEVEL": "loud",
	}.list())
	require.EqualError(t, err, strings.TrimSpace(`
configuration: 12 mistake(s):
  BOB_SETTLE_DELAY: must be a duration such as 30s or 5m
  ONELOGIN_MAX_RPS: must be a number such as 8 or 2.5
  BOB_SERVICE_USER_ID: must not have a colon; give the id alone, without the token
  BOB_SERVICE_USER_TOKEN and BOB_SERVICE_USER_TOKEN_FILE: set one of them, not both
  BOB_BASE_URL: must be a URL such as https://host/path, without user, password, query or fragment
  ONELOGIN_CLIENT_ID: missing; set it to the client id of an API credential with the scope "Manage users"
  ONELOGIN_CLIENT_SECRET_FILE: the file that it names cannot be read: no such file or directory
  ONELOGIN_REGION: "moon" is neither us nor eu
  ONELOGIN_SUBDOMAIN: give the first part of the host name alone: acme for https://acme.onelogin.com
  ONELOGIN_BASE_URL: must be a URL such as https://host/path, without user, password, query or fragment
  LOG_LEVEL: "loud" is not one of debug, info, warn, error
  PROVISIONING_FILE: /nowhere/policy.yaml cannot be read: no such file or directory`))
}

func TestLoadWorkerRefuses(t *testing.T) {
	empty := file(t, " \n")
	tests := []struct {
		name    string
		set     environment
		mistake string
	}{
		{"no service user", environment{"BOB_SERVICE_USER_ID": ""}, "BOB_SERVICE_USER_ID: missing"},
		{"a blank service user", environment{"BOB_SERVICE_USER_ID": " "}, "BOB_SERVICE_USER_ID: missing"},
		{"no token", environment{"BOB_SERVICE_USER_TOKEN": ""}, "BOB_SERVICE_USER_TOKEN: missing"},
		{"an empty token file", environment{"BOB_SERVICE_USER_TOKEN": "", "BOB_SERVICE_USER_TOKEN_FILE": empty}, "BOB_SERVICE_USER_TOKEN_FILE: the file that it names is empty"},
		{"token and token file", environment{"BOB_SERVICE_USER_TOKEN_FILE": empty}, "BOB_SERVICE_USER_TOKEN and BOB_SERVICE_USER_TOKEN_FILE: set one of them, not both"},
		{"a directory for a token file", environment{"BOB_SERVICE_USER_TOKEN": "", "BOB_SERVICE_USER_TOKEN_FILE": t.TempDir()}, "BOB_SERVICE_USER_TOKEN_FILE: the file that it names cannot be read: is a directory"},
		{"Bob over plain http", environment{"BOB_BASE_URL": "http://api.hibob.com/v1"}, "BOB_BASE_URL: must begin with https://"},
		{"Bob's URL with a query", environment{"BOB_BASE_URL": "https://api.hibob.com/v1?a=b"}, "BOB_BASE_URL: must be a URL"},
		{"Bob's URL with a fragment", environment{"BOB_BASE_URL": "https://api.hibob.com/v1#a"}, "BOB_BASE_URL: must be a URL"},
		{"Bob's URL is none", environment{"BOB_BASE_URL": "https://%zz"}, "BOB_BASE_URL: must be a URL"},
		{"one call a minute", environment{"BOB_MAX_PER_MINUTE": "1"}, "BOB_MAX_PER_MINUTE: must lie between 2 and"},
		{"more calls a minute than anybody allows", environment{"BOB_MAX_PER_MINUTE": "10001"}, "BOB_MAX_PER_MINUTE: must lie between 2 and"},
		{"no client id", environment{"ONELOGIN_CLIENT_ID": ""}, "ONELOGIN_CLIENT_ID: missing"},
		{"no client secret", environment{"ONELOGIN_CLIENT_SECRET": ""}, "ONELOGIN_CLIENT_SECRET: missing"},
		{"an empty client secret file", environment{"ONELOGIN_CLIENT_SECRET": "", "ONELOGIN_CLIENT_SECRET_FILE": empty}, "ONELOGIN_CLIENT_SECRET_FILE: the file that it names is empty"},
		{"client secret and its file", environment{"ONELOGIN_CLIENT_SECRET_FILE": empty}, "ONELOGIN_CLIENT_SECRET and ONELOGIN_CLIENT_SECRET_FILE: set one of them, not both"},
		{"a region that OneLogin has not", environment{"ONELOGIN_REGION": "ap"}, `ONELOGIN_REGION: "ap" is neither us nor eu`},
		{"a subdomain that is a host", environment{"ONELOGIN_SUBDOMAIN": "acme.onelogin.com"}, "ONELOGIN_SUBDOMAIN: give the first part"},
		{"a subdomain that no host can have", environment{"ONELOGIN_SUBDOMAIN": "acme-"}, "ONELOGIN_SUBDOMAIN: give the first part"},
		{"OneLogin over plain http", environment{"ONELOGIN_BASE_URL": "http://acme.onelogin.com"}, "ONELOGIN_BASE_URL: must begin with https://"},
		{"no calls a second", environment{"ONELOGIN_MAX_RPS": "0"}, "ONELOGIN_MAX_RPS: must be above 0"},
		{"fewer than no calls a second", environment{"ONELOGIN_MAX_RPS": "-1"}, "ONELOGIN_MAX_RPS: must be above 0"},
		{"more calls a second than anybody takes", environment{"ONELOGIN_MAX_RPS": "1001"}, "ONELOGIN_MAX_RPS: must be above 0"},
		{"calls a second that are no number", environment{"ONELOGIN_MAX_RPS": "NaN"}, "ONELOGIN_MAX_RPS: must be above 0"},
		{"users on no page", environment{"ONELOGIN_PAGE_LIMIT": "0"}, "ONELOGIN_PAGE_LIMIT: must lie between 1 and 1000"},
		{"more users a page than anybody takes", environment{"ONELOGIN_PAGE_LIMIT": "1001"}, "ONELOGIN_PAGE_LIMIT: must lie between 1 and 1000"},
		{"calls a second without end", environment{"ONELOGIN_MAX_RPS": "+Inf"}, "ONELOGIN_MAX_RPS: must be above 0"},
		{"a delay without a unit", environment{"BOB_SETTLE_DELAY": "30"}, "BOB_SETTLE_DELAY: must be a duration"},
		{"a delay into the past", environment{"BOB_SETTLE_DELAY": "-1s"}, "BOB_SETTLE_DELAY: must lie between"},
		{"a delay of an hour", environment{"BOB_SETTLE_DELAY": "1h"}, "BOB_SETTLE_DELAY: must lie between"},
		{"a policy that is not there", environment{"PROVISIONING_FILE": "/nowhere/policy.yaml"}, "PROVISIONING_FILE: /nowhere/policy.yaml cannot be read: no such file"},
		{"a deployment without a build", environment{"WORKER_DEPLOYMENT_NAME": "bob-onelogin"}, "WORKER_DEPLOYMENT_NAME and WORKER_BUILD_ID: set both"},
		{"a build without a deployment", environment{"WORKER_BUILD_ID": "v1.4.0"}, "WORKER_DEPLOYMENT_NAME and WORKER_BUILD_ID: set both"},
		{"a deployment with a dot", environment{"WORKER_DEPLOYMENT_NAME": "bob.onelogin", "WORKER_BUILD_ID": "v1.4.0"}, "WORKER_DEPLOYMENT_NAME: must have neither a dot"},
		{"a deployment with a colon", environment{"WORKER_DEPLOYMENT_NAME": "bob:onelogin", "WORKER_BUILD_ID": "v1.4.0"}, "WORKER_DEPLOYMENT_NAME: must have neither a dot"},
		{"a deployment of Temporal's own", environment{"WORKER_DEPLOYMENT_NAME": "__bob", "WORKER_BUILD_ID": "v1.4.0"}, "WORKER_DEPLOYMENT_NAME: must be at most 100"},
		{"a build of Temporal's own", environment{"WORKER_DEPLOYMENT_NAME": "bob", "WORKER_BUILD_ID": "__unversioned__"}, "WORKER_BUILD_ID: must be at most 100"},
		{"a build with a space", environment{"WORKER_DEPLOYMENT_NAME": "bob", "WORKER_BUILD_ID": "v1 of today"}, "WORKER_BUILD_ID: must be at most 100"},
		{"a build too long for the server", environment{"WORKER_DEPLOYMENT_NAME": "bob", "WORKER_BUILD_ID": strings.Repeat("v", 101)}, "WORKER_BUILD_ID: must be at most 100"},
		{"metrics nowhere", environment{"METRICS_ADDR": "9464"}, "METRICS_ADDR: must be host:port or :port, such as :9464, or off"},
		{"a notification over plain http", environment{"NOTIFY_URL": "http://hooks.example.com/" + loginSecret}, "NOTIFY_URL: must be the whole https:// URL"},
		{"a notification to a token", environment{"NOTIFY_URL": loginSecret}, "NOTIFY_URL: must be the whole https:// URL"},
		{"a notification from an empty file", environment{"NOTIFY_URL_FILE": empty}, "NOTIFY_URL_FILE: the file that it names is empty"},
		{"a notification from both", environment{"NOTIFY_URL": "https://hooks.example.com/" + loginSecret, "NOTIFY_URL_FILE": empty}, "NOTIFY_URL and NOTIFY_URL_FILE: set one of them, not both"},
		{"links that nobody can follow", environment{"NOTIFY_UI_URL": "temporal.example.com"}, "NOTIFY_UI_URL: must be the address"},
		{"links with a password", environment{"NOTIFY_UI_URL": "https://me:" + loginSecret + "@temporal.example.com"}, "NOTIFY_UI_URL: must be the address"},
		{"an unknown log level", environment{"LOG_LEVEL": "loud"}, `LOG_LEVEL: "loud" is not one of`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := LoadWorker(complete.with(test.set).list())
			require.ErrorContains(t, err, "configuration: 1 mistake(s):\n  "+test.mistake)
			require.Zero(t, got, "nothing to go on with by mistake")
			for _, secret := range []string{bobSecret, loginSecret} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// Every variable that is not plain text is named as the reader typed it, not
// by the field that it fills; of fields yet to come as well.
func TestUnreadableVariablesAreNamed(t *testing.T) {
	for _, c := range []struct {
		configuration any
		load          func([]string) error
	}{
		{Worker{}, func(environ []string) error { _, err := LoadWorker(environ); return err }},
		{Starter{}, func(environ []string) error { _, err := LoadStarter(environ); return err }},
	} {
		for _, name := range notText(reflect.TypeOf(c.configuration)) {
			t.Run(name, func(t *testing.T) {
				err := c.load(complete.with(environment{name: "nonsense-s3cret"}).list())
				require.ErrorContains(t, err, "configuration: 1 mistake(s):\n  "+name+": must be a ")
				require.NotContains(t, err.Error(), "nonsense-s3cret")
			})
		}
	}
	require.ElementsMatch(t, []string{"BOB_MAX_PER_MINUTE", "BOB_SETTLE_DELAY", "ONELOGIN_MAX_RPS", "ONELOGIN_PAGE_LIMIT"}, notText(reflect.TypeFor[Worker]()))
}

// notText lists the variables that are parsed into something else than text.
func notText(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, tagged := f.Tag.Lookup("env")
		switch {
		case tagged && f.Type.Kind() != reflect.String:
			names = append(names, name)
		case !tagged && f.Type.Kind() == reflect.Struct:
			names = append(names, notText(f.Type)...)
		}
	}
	return names
}

func TestVariablesOf(t *testing.T) {
	type inner struct {
		Wait  time.Duration `env:"INNER_WAIT"`
		Count int           `env:"INNER_COUNT"`
	}
	type outer struct {
		Inner inner
		Wait  time.Duration `env:"OUTER_WAIT"`
		Count string        `env:"OUTER_COUNT"`
	}
	of := func(field string, kind reflect.Type) []string {
		return variablesOf(reflect.TypeFor[outer](), field, kind)
	}
	require.Equal(t, []string{"INNER_COUNT"}, of("Count", reflect.TypeFor[int]()))
	require.Equal(t, []string{"INNER_WAIT", "OUTER_WAIT"}, of("Wait", reflect.TypeFor[time.Duration]()), "all that it may be")
	require.Empty(t, of("Other", reflect.TypeFor[int]()))
}

func TestLoadStarter(t *testing.T) {
	got, err := LoadStarter(nil)
	require.NoError(t, err, "a command that needs nothing is asked for nothing")
	require.Equal(t, Starter{
		Bob: Bob{BaseURL: "https://api.hibob.com/v1", MaxPerMinute: 45}, OneLogin: OneLogin{Region: "us", MaxRPS: 8, PageLimit: 100},
		Codec: Codec{Addr: ":8081"}, Addr: ":8080", LogLevel: "info",
	}, got)

	for _, addr := range []string{":0", "127.0.0.1:8080", "[::1]:8080", "localhost:65535"} {
		_, err = LoadStarter([]string{"STARTER_ADDR=" + addr})
		require.NoError(t, err, addr)
	}
	for _, addr := range []string{"8080", "localhost", ":", ":http", ":65536", ":-1", "::1:8080"} {
		_, err = LoadStarter([]string{"STARTER_ADDR=" + addr})
		require.ErrorContains(t, err, "STARTER_ADDR: must be host:port or :port", addr)
	}

	_, err = LoadStarter([]string{"STARTER_ADDR=here", "LOG_LEVEL=loud", "BOB_BASE_URL=there", "CODEC_ADDR=8081", "PAYLOAD_KEYS=" + bobSecret})
	require.ErrorContains(t, err, "configuration: 5 mistake(s):\n")
	for _, name := range []string{"STARTER_ADDR", "LOG_LEVEL", "BOB_BASE_URL", "CODEC_ADDR", "PAYLOAD_KEYS"} {
		require.ErrorContains(t, err, "\n  "+name+": ")
	}
}

func TestStarterWebhookSecrets(t *testing.T) {
	tests := []struct {
		name    string
		set     environment
		secrets []string
		mistake string
	}{
		{name: "one", set: environment{"BOB_WEBHOOK_SECRETS": webhookSecret}, secrets: []string{webhookSecret}},
		{name: "two, during a rotation", set: environment{"BOB_WEBHOOK_SECRETS": " " + webhookSecret + " ,old-s3cret,"}, secrets: []string{webhookSecret, "old-s3cret"}},
		{name: "from a file", set: environment{"BOB_WEBHOOK_SECRETS_FILE": file(t, webhookSecret+",old-s3cret\n")}, secrets: []string{webhookSecret, "old-s3cret"}},
		{name: "none", mistake: "BOB_WEBHOOK_SECRETS: missing"},
		{name: "nothing but commas", set: environment{"BOB_WEBHOOK_SECRETS": " , ,"}, mistake: "BOB_WEBHOOK_SECRETS: holds no secret"},
		{name: "an empty file", set: environment{"BOB_WEBHOOK_SECRETS_FILE": file(t, "\n")}, mistake: "BOB_WEBHOOK_SECRETS_FILE: the file that it names is empty"},
		{name: "the secret for a file's name", set: environment{"BOB_WEBHOOK_SECRETS_FILE": webhookSecret}, mistake: "BOB_WEBHOOK_SECRETS_FILE: the file that it names cannot be read"},
		{name: "both", set: environment{"BOB_WEBHOOK_SECRETS": webhookSecret, "BOB_WEBHOOK_SECRETS_FILE": file(t, "x")}, mistake: "set one of them, not both"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := LoadStarter(test.set.list())
			require.NoError(t, err)
			secrets, err := s.ValidateServe()
			require.Equal(t, test.secrets, secrets)
			if test.mistake == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.mistake)
			require.NotContains(t, err.Error(), webhookSecret)
		})
	}
}

func TestStarterAsksForBobWhereItIsNeeded(t *testing.T) {
	s, err := LoadStarter(nil)
	require.NoError(t, err)
	require.ErrorContains(t, s.ValidateBob(), "configuration: 2 mistake(s):\n  BOB_SERVICE_USER_ID: missing")

	s, err = LoadStarter(complete.list())
	require.NoError(t, err)
	require.NoError(t, s.ValidateBob())
}

func TestStarterAsksForOneLoginWhereItIsNeeded(t *testing.T) {
	s, err := LoadStarter([]string{"ONELOGIN_REGION=moon"})
	require.NoError(t, err, "other commands go without")
	require.ErrorContains(t, s.ValidateOneLogin(), "configuration: 3 mistake(s):\n  ONELOGIN_CLIENT_ID: missing")

	secret := file(t, loginSecret)
	s, err = LoadStarter(complete.with(environment{"ONELOGIN_CLIENT_SECRET": "", "ONELOGIN_CLIENT_SECRET_FILE": secret, "ONELOGIN_REGION": "eu"}).list())
	require.NoError(t, err)
	require.NoError(t, s.ValidateOneLogin())
	require.Equal(t, OneLogin{
		ClientID: "client-sample", ClientSecret: loginSecret, ClientSecretFile: secret, Region: "eu", MaxRPS: 8, PageLimit: 100,
	}, s.OneLogin)
}

func TestStarterAsksForTheProvisioningFileWhereItIsNeeded(t *testing.T) {
	for path, mistake := range map[string]string{
		"":                        "",
		file(t, "status: moon\n"): "",
		"/nowhere/policy.yaml":    "configuration: 1 mistake(s):\n  PROVISIONING_FILE: /nowhere/policy.yaml cannot be read: no such file",
	} {
		s, err := LoadStarter([]string{"PROVISIONING_FILE=" + path})
		require.NoError(t, err, "other commands go without")
		require.Equal(t, path, s.ProvisioningFile)
		if mistake == "" {
			require.NoError(t, s.ValidateProvisioningFile())
			continue
		}
		require.ErrorContains(t, s.ValidateProvisioningFile(), mistake)
	}
}

func TestExamine(t *testing.T) {
	good := complete.with(environment{"BOB_WEBHOOK_SECRETS": webhookSecret + ",old-s3cret", "PAYLOAD_KEYS": keyList})
	s, mistakes, err := Examine(good.list())
	require.NoError(t, err)
	require.Empty(t, mistakes)
	require.Equal(t, []string{webhookSecret, "old-s3cret"}, s.SecretsOfWebhooks())
	require.Equal(t, []string{"new", "old"}, s.Payloads.Keys.IDs())

	s, mistakes, err = Examine(good.with(environment{
		"BOB_SERVICE_USER_ID": "", "BOB_BASE_URL": "there", "BOB_SETTLE_DELAY": "soon", "BOB_WEBHOOK_SECRETS": ",", "PAYLOAD_KEYS": "old:s3cret",
		"ONELOGIN_MAX_RPS": "many", "ONELOGIN_REGION": "moon", "PROVISIONING_FILE": "/nowhere/policy.yaml", "STARTER_ADDR": "here", "LOG_LEVEL": "loud",
	}).list())
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(`
ONELOGIN_MAX_RPS: must be a number such as 8 or 2.5
LOG_LEVEL: "loud" is not one of debug, info, warn, error
BOB_BASE_URL: must be a URL such as https://host/path, without user, password, query or fragment
PAYLOAD_KEYS: key 1 (id old) must be 32 bytes in standard base64, which are 44 characters; make one with `+"`starter codec --new-key`"+`
STARTER_ADDR: must be host:port or :port, such as :8080
BOB_SERVICE_USER_ID: missing; set it to the id of the service user, from Bob's Settings → Integrations → Service users
ONELOGIN_REGION: "moon" is neither us nor eu
BOB_WEBHOOK_SECRETS: holds no secret
PROVISIONING_FILE: /nowhere/policy.yaml cannot be read: no such file or directory
BOB_SETTLE_DELAY: must be a duration such as 30s or 5m`), strings.Join(mistakes, "\n"), "those of the worker too, and each once")
	require.EqualValues(t, bobSecret, s.Bob.ServiceUserToken, "what is right can be used")
	require.Empty(t, s.Payloads.Keys.IDs())
}

func TestPayloadKeys(t *testing.T) {
	tests := []struct {
		name     string
		set      environment
		ids      []string
		mistakes []string
	}{
		{name: "none: payloads stay plain", ids: []string{}},
		{name: "two", set: environment{"PAYLOAD_KEYS": keyList}, ids: []string{"new", "old"}},
		{name: "from a file, one a line", set: environment{"PAYLOAD_KEYS_FILE": file(t, strings.ReplaceAll(keyList, ",", "\n")+"\n")}, ids: []string{"new", "old"}},
		{name: "blank", set: environment{"PAYLOAD_KEYS": " "}, mistakes: []string{"PAYLOAD_KEYS: holds no key; make one with `starter codec --new-key`"}},
		{name: "an empty file", set: environment{"PAYLOAD_KEYS_FILE": file(t, "\n")}, mistakes: []string{"PAYLOAD_KEYS_FILE: the file that it names is empty"}},
		{name: "the keys for a file's name", set: environment{"PAYLOAD_KEYS_FILE": keyList}, mistakes: []string{"PAYLOAD_KEYS_FILE: the file that it names cannot be read"}},
		{name: "both", set: environment{"PAYLOAD_KEYS": keyList, "PAYLOAD_KEYS_FILE": file(t, "x")}, mistakes: []string{"PAYLOAD_KEYS and PAYLOAD_KEYS_FILE: set one of them, not both"}},
		{
			name: "several mistakes", set: environment{"PAYLOAD_KEYS": keyOf("new") + ",old:s3cret"},
			mistakes: []string{"PAYLOAD_KEYS: key 1 must be an id, a colon", "PAYLOAD_KEYS: key 2 (id old) must be 32 bytes"},
		},
		{name: "a mistake in a file", set: environment{"PAYLOAD_KEYS_FILE": file(t, "old:s3cret")}, mistakes: []string{"PAYLOAD_KEYS_FILE: key 1 (id old) must be 32 bytes"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, workerErr := LoadWorker(complete.with(test.set).list())
			s, starterErr := LoadStarter(test.set.list())
			if test.mistakes == nil {
				require.NoError(t, workerErr)
				require.NoError(t, starterErr)
				require.Equal(t, test.ids, w.Payloads.Keys.IDs())
				require.Equal(t, test.ids, s.Payloads.Keys.IDs())
				return
			}
			for _, err := range []error{workerErr, starterErr} {
				require.ErrorContains(t, err, fmt.Sprintf("configuration: %d mistake(s):\n", len(test.mistakes)))
				for _, mistake := range test.mistakes {
					require.ErrorContains(t, err, "\n  "+mistake)
				}
				require.NotContains(t, err.Error(), "s3cret")
				require.NotContains(t, err.Error(), keyOf("new")[8:16])
			}
		})
	}
}

// codecTest is one environment of the codec server.
type codecTest struct {
	name     string
	set      environment
	noKeys   bool
	open     bool
	want     CodecAccess
	mistakes []string
}

func TestCodecAccess(t *testing.T) {
	login := environment{"CODEC_OIDC_ISSUER": "https://login.example.com/oidc/2", "CODEC_OIDC_AUDIENCE": "temporal-ui"}
	local := environment{"CODEC_ADDR": "127.0.0.1:8081"}
	tests := []codecTest{
		{name: "a token", set: environment{"CODEC_TOKENS": codecToken}, want: CodecAccess{Tokens: []Secret{codecToken}}},
		{
			name: "two tokens from a file", set: environment{"CODEC_TOKENS_FILE": file(t, codecToken+", "+codecToken+"2\n")},
			want: CodecAccess{Tokens: []Secret{codecToken, codecToken + "2"}},
		},
		{name: "the login", set: login, want: CodecAccess{Issuer: "https://login.example.com/oidc/2", Audience: "temporal-ui"}},
		{
			name: "two web UIs", set: login.with(environment{"CODEC_UI_ORIGIN": "https://temporal.example.com, http://localhost:8233,http://[::1]:8233"}),
			want: CodecAccess{
				Origins: []string{"https://temporal.example.com", "http://localhost:8233", "http://[::1]:8233"},
				Issuer:  "https://login.example.com/oidc/2", Audience: "temporal-ui",
			},
		},
		{name: "open, on this machine", set: local, open: true},
		{name: "no authorization", mistakes: []string{"CODEC_TOKENS: missing; without authorization everybody could decrypt"}},
		{name: "no authorization on this machine, unless told", set: local, mistakes: []string{"CODEC_TOKENS: missing; without authorization everybody could decrypt"}},
		{name: "open to everybody", open: true, mistakes: []string{"CODEC_ADDR: must be this machine's own"}},
		{name: "open on every address", set: environment{"CODEC_ADDR": "0.0.0.0:8081"}, open: true, mistakes: []string{"CODEC_ADDR: must be this machine's own"}},
		{name: "open under a name", set: environment{"CODEC_ADDR": "codec.example.com:8081"}, open: true, mistakes: []string{"CODEC_ADDR: must be this machine's own"}},
		{name: "open and closed", set: local.with(environment{"CODEC_TOKENS": codecToken}), open: true, mistakes: []string{"CODEC_TOKENS, CODEC_OIDC_ISSUER: leave them out, or --no-authorization"}},
		{name: "no keys", set: login, noKeys: true, mistakes: []string{"PAYLOAD_KEYS: missing"}},
		{name: "a short token", set: environment{"CODEC_TOKENS": codecToken + ",s3cret"}, mistakes: []string{"CODEC_TOKENS: token 2 must be at least 20 letters"}},
		{name: "a token that no header can have", set: environment{"CODEC_TOKENS": "s3cret s3cret s3cret s3cret"}, mistakes: []string{"CODEC_TOKENS: token 1 must be at least 20 letters"}},
		{name: "nothing but commas", set: environment{"CODEC_TOKENS": " , "}, mistakes: []string{"CODEC_TOKENS: holds no token"}},
		{name: "an empty token file", set: environment{"CODEC_TOKENS_FILE": file(t, "")}, mistakes: []string{"CODEC_TOKENS_FILE: the file that it names is empty"}},
		{name: "an issuer without an audience", set: login.with(environment{"CODEC_OIDC_AUDIENCE": ""}), mistakes: []string{"CODEC_OIDC_ISSUER and CODEC_OIDC_AUDIENCE: set both, or neither"}},
		{name: "an audience without an issuer", set: login.with(environment{"CODEC_OIDC_ISSUER": ""}), mistakes: []string{"CODEC_OIDC_ISSUER and CODEC_OIDC_AUDIENCE: set both, or neither"}},
		{name: "an issuer over plain http", set: login.with(environment{"CODEC_OIDC_ISSUER": "http://login.example.com"}), mistakes: []string{"CODEC_OIDC_ISSUER: must begin with https://"}},
		{
			name: "everything at once", noKeys: true,
			set: environment{"CODEC_TOKENS": "s3cret", "CODEC_OIDC_ISSUER": "there", "CODEC_OIDC_AUDIENCE": "temporal-ui", "CODEC_UI_ORIGIN": "*"},
			mistakes: []string{
				"PAYLOAD_KEYS: missing", "CODEC_UI_ORIGIN: must be what the browser shows", "CODEC_TOKENS: token 1 must be", "CODEC_OIDC_ISSUER: must be a URL",
			},
		},
	}
	for _, origin := range []string{
		"*", "null", "temporal.example.com", "https://temporal.example.com/", "https://temporal.example.com/namespaces", "HTTPS://temporal.example.com",
		"https://Temporal.example.com", "https://temporal.example.com:443", "http://temporal.example.com:80", "https://u:p@temporal.example.com", "https://*.example.com:", "ftp://example.com", "https://",
	} {
		tests = append(tests, codecTest{
			name: "the origin " + origin, set: login.with(environment{"CODEC_UI_ORIGIN": origin}),
			mistakes: []string{"CODEC_UI_ORIGIN: must be what the browser shows"},
		})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set := environment{"PAYLOAD_KEYS": keyList}.with(test.set)
			if test.noKeys {
				delete(set, "PAYLOAD_KEYS")
			}
			s, err := LoadStarter(set.list())
			require.NoError(t, err)
			access, err := s.ValidateCodec(test.open)
			require.Equal(t, test.want.Tokens, access.Tokens)
			if test.mistakes == nil {
				require.NoError(t, err)
				require.ElementsMatch(t, test.want.Origins, access.Origins)
				require.Equal(t, test.want.Issuer, access.Issuer)
				require.Equal(t, test.want.Audience, access.Audience)
				return
			}
			require.Zero(t, access, "nothing to go on with by mistake")
			require.ErrorContains(t, err, fmt.Sprintf("configuration: %d mistake(s):\n", len(test.mistakes)))
			for _, mistake := range test.mistakes {
				require.ErrorContains(t, err, "\n  "+mistake)
			}
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	w, err := LoadWorker(complete.list())
	require.NoError(t, err)
	s := Starter{WebhookSecrets: webhookSecret, OneLogin: w.OneLogin, Payloads: Payloads{KeyList: Secret(keyList)}, Codec: Codec{Tokens: codecToken}}
	require.NoError(t, s.Payloads.Validate())
	access := CodecAccess{Tokens: []Secret{codecToken}}
	values := []any{w, &w, s, &s, s.Payloads, s.Payloads.Keys, access, w.Bob, w.OneLogin.ClientSecret, []Secret{bobSecret}, map[string]Secret{"token": bobSecret}}

	printed := map[string]func(v any) string{
		"json": func(v any) string {
			b, err := json.Marshal(v)
			require.NoError(t, err)
			return string(b)
		},
		"slog as text": func(v any) string {
			return logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) })
		},
		"slog as JSON": func(v any) string {
			return logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) })
		},
		"zap.Any":     func(v any) string { return zapped(t, zap.Any("config", v)) },
		"zap.Reflect": func(v any) string { return zapped(t, zap.Reflect("config", v)) },
		"an error":    func(v any) string { return fmt.Errorf("with %v: %w", v, os.ErrInvalid).Error() },
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%40s", "%-40v"} {
		printed[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	for name, print := range printed {
		t.Run(name, func(t *testing.T) {
			for _, v := range values {
				text := print(v)
				require.NotContains(t, text, "s3cret")
				require.NotContains(t, text, keyOf("new")[8:16])
				require.NotContains(t, strings.ToLower(text), fmt.Sprintf("%x", "s3cret"))
			}
		})
	}
	require.NotContains(t, zapped(t, zap.Stringer("secret", w.Bob.ServiceUserToken)), "s3cret")
	require.NotContains(t, zapped(t, zap.Object("config", objectOf(w))), "s3cret")

	require.Equal(t, "(hidden)", fmt.Sprint(w.Bob.ServiceUserToken))
	require.Equal(t, `"(hidden)"`, fmt.Sprintf("%q", w.Bob.ServiceUserToken))
	require.Empty(t, fmt.Sprint(Secret("")), "that a secret is missing may be seen")
	require.Equal(t, bobSecret, string(w.Bob.ServiceUserToken), "and it is still there for those who use it")
}

func logged(v any, handler func(*bytes.Buffer) slog.Handler) string {
	var b bytes.Buffer
	slog.New(handler(&b)).Info("loaded", "config", v)
	return b.String()
}

func zapped(t *testing.T, f zap.Field) string {
	t.Helper()
	b, err := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(zapcore.Entry{}, []zap.Field{f})
	require.NoError(t, err)
	return b.String()
}

func objectOf(w Worker) zapcore.ObjectMarshaler {
	return zapcore.ObjectMarshalerFunc(func(e zapcore.ObjectEncoder) error { return e.AddReflected("worker", w) })
}
