package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/encoding/protojson"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/payload"
)

const (
	webUI      = "https://temporal.example.com"
	codecToken = "s3cret-codec-token-one"
	otherToken = "s3cret-codec-token-two"
	audience   = "temporal-ui"
)

func newKeys(t *testing.T) payload.Keys {
	t.Helper()
	keys, err := payload.ParseKeys(payload.NewKey("k1"))
	require.NoError(t, err)
	return keys
}

// codecStand is the codec server behind a real server.
type codecStand struct {
	t    *testing.T
	url  string
	keys payload.Keys
	logs *observer.ObservedLogs
}

func newCodecStand(t *testing.T, access config.CodecAccess) *codecStand {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	s := &codecStand{t: t, keys: newKeys(t), logs: logs}
	log := zap.New(core)
	server := httptest.NewServer(newCodecServer(s.keys.Codec(), []string{webUI, "http://localhost:8233"}, newGate(t.Context(), access, log).allowed, log))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// sealed is the body of a request to decrypt a sample person.
func (s *codecStand) sealed() []byte {
	s.t.Helper()
	payloads, err := s.keys.DataConverter().ToPayloads(map[string]string{"email": email})
	require.NoError(s.t, err)
	return body(s.t, payloads)
}

func body(t *testing.T, payloads *commonpb.Payloads) []byte {
	t.Helper()
	b, err := protojson.Marshal(payloads)
	require.NoError(t, err)
	return b
}

// headers are a request's, by name.
type headers map[string]string

func (s *codecStand) ask(method, path string, h headers, content []byte) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(content))
	require.NoError(s.t, err)
	for name, value := range h {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer, string(text)
}

// saidNothing looks for personal data and secrets in the log.
func (s *codecStand) saidNothing() {
	s.t.Helper()
	for _, entry := range s.logs.All() {
		text, err := json.Marshal(entry.ContextMap())
		require.NoError(s.t, err)
		for _, word := range private {
			require.NotContains(s.t, strings.ToLower(entry.Message+string(text)), word)
		}
	}
}

func TestCodecServerConverts(t *testing.T) {
	s := newCodecStand(t, config.CodecAccess{Tokens: []config.Secret{codecToken}})
	authorized := headers{"Authorization": "Bearer " + codecToken, "X-Namespace": "default"}
	plain, err := converter.GetDefaultDataConverter().ToPayloads(map[string]string{"email": email})
	require.NoError(t, err)

	for _, prefix := range []string{"", "/default"} {
		answer, text := s.ask(http.MethodPost, prefix+"/decode", authorized, s.sealed())
		require.Equal(t, http.StatusOK, answer.StatusCode, text)
		require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
		require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
		require.JSONEq(t, string(body(t, plain)), text)

		answer, text = s.ask(http.MethodPost, prefix+"/encode", authorized, body(t, plain))
		require.Equal(t, http.StatusOK, answer.StatusCode, text)
		var sealed commonpb.Payloads
		require.NoError(t, protojson.Unmarshal([]byte(text), &sealed))
		require.Equal(t, payload.Encoding, string(sealed.GetPayloads()[0].GetMetadata()["encoding"]))
		var back map[string]string
		require.NoError(t, s.keys.DataConverter().FromPayloads(&sealed, &back))
		require.Equal(t, email, back["email"])
	}
	_, text := s.ask(http.MethodPost, "/decode", authorized, body(t, plain))
	require.JSONEq(t, string(body(t, plain)), text, "what is plain stays so")
	s.saidNothing()
}

func TestCodecServerAsTheCLIUsesIt(t *testing.T) {
	s := newCodecStand(t, config.CodecAccess{Tokens: []config.Secret{codecToken}})
	remote := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint: s.url + "/default",
		ModifyRequest: func(r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+codecToken)
			return nil
		},
	}))
	sealed, err := remote.ToPayload(email)
	require.NoError(t, err)
	var back string
	require.NoError(t, s.keys.DataConverter().FromPayload(sealed, &back))
	require.Equal(t, email, back)
	back = ""
	require.NoError(t, remote.FromPayload(sealed, &back))
	require.Equal(t, email, back)
}

func TestCodecServerRefuses(t *testing.T) {
	s := newCodecStand(t, config.CodecAccess{Tokens: []config.Secret{codecToken, otherToken}})
	authorized := headers{"Authorization": "Bearer " + codecToken}
	others, err := newKeys(t).DataConverter().ToPayloads("x")
	require.NoError(t, err)
	tests := []struct {
		name         string
		method, path string
		headers      headers
		content      []byte
		status       int
		says         string
	}{
		{name: "no token", status: 401, says: "no bearer token was sent"},
		{name: "another token", headers: headers{"Authorization": "Bearer " + codecToken + "x"}, status: 401, says: "not among CODEC_TOKENS"},
		{name: "the beginning of a token", headers: headers{"Authorization": "Bearer " + codecToken[:8]}, status: 401},
		{name: "both tokens in one", headers: headers{"Authorization": "Bearer " + codecToken + "," + otherToken}, status: 401},
		{name: "a token without its scheme", headers: headers{"Authorization": codecToken}, status: 401},
		{name: "another scheme", headers: headers{"Authorization": "Basic " + codecToken}, status: 401},
		{name: "an empty token", headers: headers{"Authorization": "Bearer "}, status: 401},
		{name: "a token elsewhere", headers: headers{"Authorization-Extras": codecToken}, status: 401},
		{name: "a token in the address", path: "/decode?access_token=" + codecToken, status: 401},
		{name: "to encrypt without a token", path: "/encode", status: 401},
		{name: "another page", headers: headers{"Origin": "https://evil.example.com", "Authorization": "Bearer " + codecToken}, status: 403, says: "CODEC_UI_ORIGIN"},
		{name: "a page that begins as the web UI", headers: headers{"Origin": webUI + ".evil.example.com", "Authorization": "Bearer " + codecToken}, status: 403},
		{name: "a page of no origin", headers: headers{"Origin": "null", "Authorization": "Bearer " + codecToken}, status: 403},
		{name: "the preflight of another page", method: http.MethodOptions, headers: headers{"Origin": "https://evil.example.com"}, status: 403},
		{name: "a preflight of no page", method: http.MethodOptions, status: 405},
		{name: "the web UI without a token", headers: headers{"Origin": webUI}, status: 401},
		{name: "another method", method: http.MethodGet, headers: authorized, status: 405},
		{name: "another path", path: "/decode/x", headers: authorized, status: 404},
		{name: "no JSON", headers: authorized, content: []byte("juniper"), status: 400},
		{name: "a payload that was changed", headers: authorized, content: []byte(strings.Replace(string(s.sealed()), `"data":"`, `"data":"AAAA`, 1)), status: 400, says: "the key k1 does not open it"},
		{name: "a payload of another key", headers: authorized, content: body(t, others), status: 400, says: "the key k1 does not open it"},
		{name: "too large", headers: authorized, content: bytes.Repeat([]byte("x"), maxPayloads+1), status: 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			method, path, content := test.method, test.path, test.content
			if method == "" {
				method = http.MethodPost
			}
			if path == "" {
				path = "/decode"
			}
			if content == nil {
				content = s.sealed()
			}
			answer, text := s.ask(method, path, test.headers, content)
			require.Equal(t, test.status, answer.StatusCode, text)
			require.Contains(t, text, test.says)
			require.NotContains(t, text, email)
			require.NotContains(t, text, codecToken)
			if test.status == http.StatusUnauthorized {
				require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
			}
			if test.headers["Origin"] != webUI {
				require.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
			} else {
				require.Equal(t, webUI, answer.Header.Get("Access-Control-Allow-Origin"), "the page may read why")
			}
		})
	}
	s.saidNothing()
	for _, authorized := range []string{"Bearer " + otherToken, "bearer " + codecToken} {
		answer, _ := s.ask(http.MethodPost, "/decode", headers{"Authorization": authorized}, s.sealed())
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
	answer, text := s.ask(http.MethodGet, "/healthz", nil, nil)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "ok\n", text)
}

// A token that has leaked is worth nothing a second after its file is replaced.
func TestCodecServerFollowsItsTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	write(codecToken)
	cfg := config.Starter{Codec: config.Codec{Addr: ":8081", TokensFile: path}, Payloads: config.Payloads{Keys: newKeys(t)}}
	access, err := cfg.ValidateCodec(false)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		log := zap.New(core)
		g := newGate(t.Context(), access, log)
		g.tokens = cfg.Codec.TokensNow(tokensReplaced(log))
		good := func(token string) bool {
			r := httptest.NewRequest(http.MethodPost, "/decode", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			return g.allowed(r) == nil
		}
		replaced := func(content string) {
			write(content)
			time.Sleep(2 * time.Second) // of a clock that nobody waits for
		}
		require.True(t, good(codecToken))
		require.False(t, good(otherToken))
		replaced(codecToken + "," + otherToken)
		require.True(t, good(codecToken))
		require.True(t, good(otherToken))
		replaced(otherToken)
		require.False(t, good(codecToken))
		require.True(t, good(otherToken))
		replaced("short")
		require.True(t, good(otherToken), "those before a broken file stay good")
		require.False(t, good("short"))
		require.Equal(t, 2, logs.FilterMessage("Tokens were replaced").Len())
		require.Equal(t, 1, logs.FilterLevelExact(zapcore.ErrorLevel).Len())
		require.NotContains(t, fmt.Sprint(logs.All()), otherToken)
	})
}

func TestCodecServerAnswersTheWebUI(t *testing.T) {
	s := newCodecStand(t, config.CodecAccess{Tokens: []config.Secret{codecToken}})
	answer, _ := s.ask(http.MethodOptions, "/default/decode", headers{
		"Origin": webUI, "Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "authorization,authorization-extras,content-type,x-namespace",
	}, nil)
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
	require.Equal(t, webUI, answer.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "POST, OPTIONS", answer.Header.Get("Access-Control-Allow-Methods"))
	require.Equal(t, "Authorization, Authorization-Extras, Content-Type, X-Namespace", answer.Header.Get("Access-Control-Allow-Headers"))
	require.Equal(t, "Origin", answer.Header.Get("Vary"))
	require.Empty(t, answer.Header.Get("Access-Control-Allow-Credentials"), "no cookie is asked for")

	for _, origin := range []string{webUI, "http://localhost:8233"} {
		answer, text := s.ask(http.MethodPost, "/decode", headers{"Origin": origin, "Authorization": "Bearer " + codecToken}, s.sealed())
		require.Equal(t, http.StatusOK, answer.StatusCode, text)
		require.Equal(t, origin, answer.Header.Get("Access-Control-Allow-Origin"))
	}
}

func TestWithoutAuthorizationOnlyThisMachineIsAnswered(t *testing.T) {
	keys := newKeys(t)
	server := newCodecServer(keys.Codec(), []string{"http://localhost:8233"}, fromThisMachine, zap.NewNop())
	sealed, err := keys.DataConverter().ToPayloads(email)
	require.NoError(t, err)
	ask := func(host, origin string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/decode", bytes.NewReader(body(t, sealed)))
		r.Host = host
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, r)
		return rec.Code
	}
	for _, host := range []string{"127.0.0.1:8081", "localhost:8081", "localhost", "[::1]:8081", "[::1]", "127.0.0.1"} {
		require.Equal(t, http.StatusOK, ask(host, ""), host)
		require.Equal(t, http.StatusOK, ask(host, "http://localhost:8233"), host)
	}
	require.Equal(t, http.StatusForbidden, ask("127.0.0.1:8081", "http://evil.example.com"))
	// A name that was made to lead here: the browser takes it for the page's own.
	require.Equal(t, http.StatusForbidden, ask("evil.example.com:8081", ""))
	require.Equal(t, http.StatusForbidden, ask("evil.example.com:8081", "http://evil.example.com:8081"))
	require.Equal(t, http.StatusForbidden, ask("", ""))
}

// provider is an identity provider.
type provider struct {
	*httptest.Server
	key *rsa.PrivateKey
	// down answers everything with 503.
	down    atomic.Bool
	lookups atomic.Int32
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p := &provider{key: key}
	mux := http.NewServeMux()
	answer := func(path string, content func() map[string]any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			p.lookups.Add(1)
			if p.down.Load() {
				http.Error(w, "down", http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(content())
		})
	}
	answer("/.well-known/openid-configuration", func() map[string]any {
		return map[string]any{
			"issuer": p.URL, "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
	})
	answer("/keys", func() map[string]any {
		return map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}}
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// token is one of the provider's, with changed claims.
func (p *provider) token(t *testing.T, changes map[string]any) string {
	t.Helper()
	return p.signed(t, p.key, map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}, changes)
}

func (p *provider) signed(t *testing.T, key *rsa.PrivateKey, header, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": p.URL, "aud": audience, "sub": "juniper", "email": email,
		"iat": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		claims[name] = value
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(header) + "." + part(claims)
	if key == nil {
		return text + "."
	}
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestCodecServerTakesTheLoginOfTheWebUI(t *testing.T) {
	p := newProvider(t)
	s := newCodecStand(t, config.CodecAccess{Tokens: []config.Secret{codecToken}, Issuer: p.URL, Audience: audience})
	require.Eventually(t, func() bool { return s.logs.FilterMessage("Identity provider found").Len() == 1 }, 10*time.Second, time.Millisecond)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rs256 := map[string]any{"alg": "RS256", "kid": "1"}
	good := p.token(t, nil)
	tests := []struct {
		name           string
		bearer, extras string
		status         int
		says           string
	}{
		{name: "an access token that is a JWT", bearer: good, status: 200},
		{name: "an ID token beside an access token that is none", bearer: "opaque", extras: good, status: 200},
		{name: "an ID token alone", extras: good, status: 200},
		{name: "for several audiences", bearer: p.token(t, map[string]any{"aud": []string{"other", audience}}), status: 200},
		{name: "a bearer token of CODEC_TOKENS", bearer: codecToken, status: 200},
		{name: "nothing but an opaque token", bearer: "opaque", status: 401, says: "the token is not one of CODEC_OIDC_ISSUER"},
		{name: "expired", bearer: p.token(t, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), status: 401, says: "the login has expired"},
		{name: "without an end", bearer: p.token(t, map[string]any{"exp": nil}), status: 401},
		{name: "not valid yet", bearer: p.token(t, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), status: 401},
		{name: "for another audience", bearer: p.token(t, map[string]any{"aud": "another-app"}), status: 401, says: "CODEC_OIDC_AUDIENCE"},
		{name: "for no audience", bearer: p.token(t, map[string]any{"aud": nil}), status: 401},
		{name: "of another issuer", bearer: p.token(t, map[string]any{"iss": "https://login.invalid"}), status: 401},
		{name: "signed by somebody else", bearer: p.signed(t, stranger, rs256, nil), status: 401},
		{name: "signed by somebody else under a key of their own", bearer: p.signed(t, stranger, map[string]any{"alg": "RS256", "kid": "2"}, nil), status: 401},
		{name: "not signed", bearer: p.signed(t, nil, map[string]any{"alg": "none"}, nil), status: 401},
		{name: "another algorithm named", bearer: p.signed(t, p.key, map[string]any{"alg": "HS256", "kid": "1"}, nil), status: 401},
		{name: "its claims changed", bearer: changed(t, good), status: 401},
		{name: "neither good", bearer: "opaque", extras: "opaque", status: 401},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := headers{"Origin": webUI}
			if test.bearer != "" {
				h["Authorization"] = "Bearer " + test.bearer
			}
			if test.extras != "" {
				h["Authorization-Extras"] = test.extras
			}
			answer, text := s.ask(http.MethodPost, "/decode", h, s.sealed())
			require.Equal(t, test.status, answer.StatusCode, text)
			require.Contains(t, text, test.says)
		})
	}
	s.saidNothing()
}

// changed swaps the claims of a token for others, under the same signature.
func changed(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	parts[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(claims, []byte("juniper"), []byte("rowan"), 1))
	return strings.Join(parts, ".")
}

func TestCodecServerStartsWithoutTheIdentityProvider(t *testing.T) {
	p := newProvider(t)
	p.down.Store(true)
	s := newCodecStand(t, config.CodecAccess{Tokens: []config.Secret{codecToken}, Issuer: p.URL, Audience: audience})
	require.Eventually(t, func() bool { return p.lookups.Load() > 0 }, 10*time.Second, time.Millisecond)
	answer, text := s.ask(http.MethodPost, "/decode", headers{"Authorization": "Bearer " + p.token(t, nil)}, s.sealed())
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode, text)
	answer, text = s.ask(http.MethodPost, "/decode", headers{"Authorization": "Bearer " + codecToken}, s.sealed())
	require.Equal(t, http.StatusOK, answer.StatusCode, text)
}

func TestCodecCommand(t *testing.T) {
	keys := newKeys(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	cfg := config.Starter{LogLevel: "fatal", Payloads: config.Payloads{Keys: keys}, Codec: config.Codec{Addr: free.Addr().String(), Tokens: codecToken}}
	require.ErrorContains(t, codecCommand{}.Run(t.Context(), config.Starter{LogLevel: "fatal", Codec: config.Codec{Addr: ":0"}}), "configuration: 2 mistake(s)")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- codecCommand{}.Run(ctx, cfg) }()
	s := &codecStand{t: t, keys: keys, url: "http://" + cfg.Codec.Addr}
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", cfg.Codec.Addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	answer, _ := s.ask(http.MethodPost, "/decode", nil, s.sealed())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	answer, _ = s.ask(http.MethodPost, "/decode", headers{"Authorization": "Bearer " + codecToken}, s.sealed())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	cancel()
	require.NoError(t, <-ended)
}

// A key can be made while the configuration is wrong for want of one.
func TestNewKeyFlag(t *testing.T) {
	var out bytes.Buffer
	exited := -1
	parser, err := kong.New(&cli{}, kong.Writers(&out, io.Discard), kong.Exit(func(code int) { exited = code }))
	require.NoError(t, err)
	_, err = parser.Parse([]string{"codec", "--new-key"})
	require.NoError(t, err)
	require.Equal(t, 0, exited)
	keys, err := payload.ParseKeys(out.String())
	require.NoError(t, err)
	require.Len(t, keys.IDs(), 1)
	_, err = time.Parse(time.DateOnly, keys.IDs()[0])
	require.NoError(t, err)
}
