package onelogin

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"bob-onelogin/dev/sim/control"
)

// accountID is the number that comes with every token.
const accountID = 555555

// tokens hands out the one token there is at a time.
type tokens struct {
	life time.Duration

	mu                     sync.Mutex
	clientID, clientSecret string
	access, refresh        string
	createdAt              time.Time
}

// grant is the answer of the token endpoint.
type grant struct {
	AccessToken  string `json:"access_token"`
	CreatedAt    string `json:"created_at"`
	ExpiresIn    int    `json:"expires_in"` // seconds from CreatedAt, not from now
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	AccountID    int    `json:"account_id"`
}

// issue returns the same token until it expires or is revoked.
func (t *tokens) issue(now time.Time) grant {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.liveLocked(now) {
		t.access, t.refresh, t.createdAt = rand.Text()+rand.Text(), rand.Text()+rand.Text(), now
	}
	return grant{
		AccessToken:  t.access,
		CreatedAt:    formatTime(t.createdAt),
		ExpiresIn:    int(t.life / time.Second),
		RefreshToken: t.refresh,
		TokenType:    "bearer",
		AccountID:    accountID,
	}
}

func (t *tokens) liveLocked(now time.Time) bool {
	return t.access != "" && now.Before(t.createdAt.Add(t.life))
}

func (t *tokens) valid(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.liveLocked(now) && same(token, t.access)
}

func (t *tokens) revoke(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.liveLocked(now) || !same(token, t.access) {
		return false
	}
	t.access = ""
	return true
}

// Rotate replaces the client secret, as an administrator does in OneLogin: the
// one before it, and the token that was granted for it, are no longer accepted.
func (s *Server) Rotate(clientSecret string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.clientSecret, s.tokens.access = clientSecret, ""
}

func (s *Server) simRotate(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ClientSecret string `json:"client_secret"`
	}
	err := control.ReadJSON(r, &body)
	if err == nil && body.ClientSecret == "" {
		err = errors.New("client_secret: empty")
	}
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	s.Rotate(body.ClientSecret)
	w.WriteHeader(http.StatusNoContent)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// known reports whether the call carries the account's credentials: Basic,
// "client_id:…, client_secret:…", or in the body.
func (t *tokens) known(r *http.Request, body map[string]string) bool {
	id, secret, ok := r.BasicAuth()
	if header := r.Header.Get("Authorization"); !ok && header != "" {
		id, secret = parseClientHeader(header)
	} else if !ok {
		id, secret = body["client_id"], body["client_secret"]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return id != "" && secret != "" && same(id, t.clientID) && same(secret, t.clientSecret)
}

func parseClientHeader(header string) (id, secret string) {
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), ":"); strings.TrimSpace(name) {
		case "client_id":
			id = strings.TrimSpace(value)
		case "client_secret":
			secret = strings.TrimSpace(value)
		}
	}
	return id, secret
}

// tokenBody reads the texts of a JSON or form body, whatever its content type
// says. A body that is neither has no texts.
func tokenBody(w http.ResponseWriter, r *http.Request) map[string]string {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil
	}
	texts := map[string]string{}
	var object map[string]any
	if json.Unmarshal(raw, &object) == nil {
		for name, value := range object {
			if s, ok := value.(string); ok {
				texts[name] = s
			}
		}
		return texts
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil
	}
	for name := range form {
		texts[name] = form.Get(name)
	}
	return texts
}

func (s *Server) handleToken(w http.ResponseWriter, r *http.Request) {
	body := tokenBody(w, r)
	switch {
	case !s.tokens.known(r, body):
		refuseV1(w, http.StatusUnauthorized, msgUnauthorized)
	case body["grant_type"] != "client_credentials":
		refuseV1(w, http.StatusBadRequest, "grant_type is incorrect/absent")
	default:
		writeJSON(w, http.StatusOK, s.tokens.issue(s.now()))
	}
}

func (s *Server) handleRevoke(w http.ResponseWriter, r *http.Request) {
	body := tokenBody(w, r)
	switch {
	case !s.tokens.known(r, body):
		refuseV1(w, http.StatusUnauthorized, msgUnauthorized)
	case !s.tokens.revoke(body["access_token"], s.now()):
		// What OneLogin says about a token it does not know is not documented.
		refuseV1(w, http.StatusBadRequest, "access_token is incorrect/absent")
	default:
		writeJSON(w, http.StatusOK, map[string]v1Status{"status": v1Success})
	}
}

// bearer is the token of an API call: "bearer <token>" in any case, or
// "bearer:<token>", which older documentation shows.
func bearer(r *http.Request) string {
	header := r.Header.Get("Authorization")
	const scheme = "bearer"
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return ""
	}
	if rest := header[len(scheme):]; rest[0] == ' ' || rest[0] == ':' {
		return strings.TrimSpace(rest[1:])
	}
	return ""
}
