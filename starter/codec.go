package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/logging"
	"bob-onelogin/internal/payload"
)

// maxPayloads bounds the body of a request: Temporal's server answers with
// 4 MB at most, and a history page is sent at once, in base64.
const maxPayloads = 16 << 20

// codecPatience goes by a person who looks at a page, over a slow line.
var codecPatience = patience{
	header: 5 * time.Second, request: 30 * time.Second, answer: 60 * time.Second,
	idle: 2 * time.Minute, stop: 15 * time.Second,
}

type codecCommand struct {
	NewKey          newKeyFlag `help:"Print a new key for PAYLOAD_KEYS, and end."`
	NoAuthorization bool       `help:"Ask nobody who they are. Only where CODEC_ADDR is this machine's own, such as 127.0.0.1:8081."`
}

// newKeyFlag prints a key before the configuration is read, which may be wrong
// for want of one.
type newKeyFlag bool

// BeforeReset is called by kong when the flag is given. The id is the day, by
// which keys are told apart when they are rotated.
func (newKeyFlag) BeforeReset(app *kong.Kong) error {
	fmt.Fprintln(app.Stdout, payload.NewKey(time.Now().UTC().Format(time.DateOnly)))
	app.Exit(0)
	return nil
}

// Run serves until ctx ends.
func (c codecCommand) Run(ctx context.Context, cfg config.Starter) error {
	access, err := cfg.ValidateCodec(c.NoAuthorization)
	if err != nil {
		return err
	}
	z, err := logging.New(cfg.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = z.Sync() }() // standard error cannot always be synced
	listener, err := net.Listen("tcp", cfg.Codec.Addr)
	if err != nil {
		return fmt.Errorf("listen on CODEC_ADDR: %w", err)
	}
	allowed := fromThisMachine
	if c.NoAuthorization {
		z.Warn("No authorization is asked for: whoever uses this machine can decrypt")
	} else {
		g := newGate(ctx, access, z)
		g.tokens = cfg.Codec.TokensNow(tokensReplaced(z))
		allowed = g.allowed
	}
	z.Info("Listening for Temporal's web UI and CLI", zap.String("address", listener.Addr().String()),
		zap.Strings("keyIds", cfg.Payloads.Keys.IDs()), zap.Strings("uiOrigins", access.Origins),
		zap.Int("tokens", len(access.Tokens)), zap.String("issuer", access.Issuer))
	err = serve(ctx, listener, newCodecServer(cfg.Payloads.Ring(connect.KeysReplaced(z)).Codec(), access.Origins, allowed, z), codecPatience, z)
	z.Info("Stopped")
	return err
}

// refusal is why a request is not answered; its text is for those who asked.
type refusal struct {
	status int
	reason string
}

// codecServer decrypts, and encrypts, for Temporal's web UI and CLI. Both ask
// for /encode too once they know a codec server: their forms fail without.
// What it is sent and what it answers is never logged.
type codecServer struct {
	origins []string
	// allowed answers nil where the request may be answered.
	allowed func(*http.Request) *refusal
	codec   http.Handler
	mux     *http.ServeMux
	log     *zap.Logger
}

func newCodecServer(codec converter.PayloadCodec, origins []string, allowed func(*http.Request) *refusal, log *zap.Logger) *codecServer {
	s := &codecServer{origins: origins, allowed: allowed, codec: converter.NewPayloadCodecHTTPHandler(codec), mux: http.NewServeMux(), log: log}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	// Endpoints may be given as http://…/{namespace}.
	for _, path := range []string{"/encode", "/decode", "/{namespace}/encode", "/{namespace}/decode"} {
		s.mux.HandleFunc("POST "+path, s.convert)
	}
	return s
}

func (s *codecServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Origin")
	// Browsers name the page that asks; everybody else names none, and is let
	// in or not by authorization.
	if origin := r.Header.Get("Origin"); origin != "" {
		if !slices.Contains(s.origins, origin) {
			s.refuse(w, r, refusal{http.StatusForbidden, "the page that asks is not among CODEC_UI_ORIGIN"})
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			// The web UI sends the access token in Authorization, and the ID
			// token in Authorization-Extras.
			h.Set("Access-Control-Allow-Headers", "Authorization, Authorization-Extras, Content-Type, X-Namespace")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

func (s *codecServer) convert(w http.ResponseWriter, r *http.Request) {
	if no := s.allowed(r); no != nil {
		s.refuse(w, r, *no)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayloads))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.refuse(w, r, refusal{http.StatusRequestEntityTooLarge, "the body is larger than an answer of Temporal's can be"})
		return
	case err != nil:
		s.refuse(w, r, refusal{http.StatusBadRequest, "the body could not be read"})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.codec.ServeHTTP(w, r)
}

func (s *codecServer) refuse(w http.ResponseWriter, r *http.Request, no refusal) {
	s.log.Warn("Request refused", zap.Int("status", no.status), zap.String("reason", no.reason), zap.String("method", r.Method))
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	http.Error(w, no.reason, no.status)
}

// fromThisMachine lets in what is addressed to this machine by a name of its
// own: a page elsewhere whose name was made to lead here is not.
func fromThisMachine(r *http.Request) *refusal {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if strings.EqualFold(host, "localhost") || (err == nil && addr.IsLoopback()) {
		return nil
	}
	return &refusal{http.StatusForbidden, "without authorization, only this machine's own address is answered"}
}
