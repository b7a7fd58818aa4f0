package config

import (
	"errors"
	"net/url"
	"strings"
)

// Notify is who is told of what needs a person; nobody where there is no URL.
type Notify struct {
	// URL is a secret: whoever knows it can post.
	URL     Secret `env:"NOTIFY_URL"`
	URLFile string `env:"NOTIFY_URL_FILE"`
	// UIURL is the address of Temporal's web UI, for links.
	UIURL string `env:"NOTIFY_UI_URL"`
}

// On reports whether anybody is told.
func (n *Notify) On() bool { return n.URL != "" }

// Validate reads the URL and reports everything that is wrong.
func (n *Notify) Validate() error {
	var mistakes []error
	if n.URLFile != "" {
		if err := n.URL.fill("NOTIFY_URL", n.URLFile, "the URL of an incoming webhook"); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if n.URL != "" && !validNotifyURL(string(n.URL)) {
		mistakes = append(mistakes, errors.New("NOTIFY_URL: must be the whole https:// URL of an incoming webhook; http:// is for this machine alone (localhost, 127.0.0.1)"))
	}
	if n.UIURL != "" && !validUIURL(n.UIURL) {
		mistakes = append(mistakes, errors.New("NOTIFY_UI_URL: must be the address of Temporal's web UI, such as https://temporal.example.com, without user, password, query or fragment"))
	}
	return errors.Join(mistakes...)
}

// validNotifyURL lets a query be: some services carry their token in it.
func validNotifyURL(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && u.Fragment == "" && u.User == nil &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
}

// validUIURL takes http as well: the address is shown, nothing is sent there.
func validUIURL(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http") && !strings.ContainsAny(value, " |<>")
}
