// Package check finds out whether an installation can work: whether Temporal,
// Bob and OneLogin are reached with what is configured and permit what is
// needed, and what to mend where they do not.
//
// It does so in two steps. Gather asks, in parallel, and keeps every answer and
// every error; Judge makes lines of that, and is pure. One thing that cannot be
// found out takes no other line away, save those that depend on it: people
// cannot be counted with credentials that are refused. Nothing is written
// anywhere.
//
// The package may import the clients, the settings and the configuration. No
// line holds a secret, a person's data, or a value of the configuration that
// may be one.
package check

import (
	"slices"
	"strings"
)

// Result is what a check came to.
type Result string

const (
	OK      Result = "ok"
	Warning Result = "warning"
	Wrong   Result = "wrong"
)

// The areas, in the order in which they are told.
const (
	AreaTemporal   = "Temporal"
	AreaBob        = "Bob"
	AreaOneLogin   = "OneLogin"
	AreaWebhook    = "Webhook"
	AreaSettings   = "Settings"
	AreaEncryption = "Encryption"
)

// Line is one thing that was checked.
type Line struct {
	Area   string `json:"area"`
	Check  string `json:"check"`
	Result Result `json:"result"`
	// Detail says what was found. Further lines of it, where there are any,
	// are an excerpt whose columns matter.
	Detail string `json:"detail"`
	// Mend says what to do; empty where all is well. Further lines of it, where
	// there are any, are commands.
	Mend string `json:"mend"`
}

// Count counts the lines with a result.
func Count(lines []Line, r Result) int {
	n := 0
	for _, l := range lines {
		if l.Result == r {
			n++
		}
	}
	return n
}

// Answer is what somebody answered, or why they did not.
type Answer[T any] struct {
	Value T
	Err   error
}

func answer[T any](value T, err error) Answer[T] { return Answer[T]{value, err} }

// Facts is everything that was found out.
type Facts struct {
	// Mistakes are those of the configuration, each beginning with the
	// variable that it is about.
	Mistakes       []string
	Temporal       Temporal
	Bob            Bob
	OneLogin       OneLogin
	WebhookSecrets int
	Settings       Settings
	// KeyIDs are those of the keys for payloads; the first encrypts.
	KeyIDs []string
}

// Judge makes lines of facts, area by area.
func Judge(f Facts) []Line {
	return slices.Concat(
		mistakes(f, AreaTemporal), f.Temporal.lines(),
		mistakes(f, AreaBob), f.Bob.lines(f.Settings),
		mistakes(f, AreaOneLogin), f.OneLogin.lines(f.Settings),
		mistakes(f, AreaWebhook), f.webhook(),
		mistakes(f, AreaSettings), f.Settings.lines(f.Mistakes),
		mistakes(f, AreaEncryption), f.encryption(),
	)
}

// area collects the lines of one.
type area struct {
	name  string
	lines []Line
}

func (a *area) ok(check, detail string) {
	a.lines = append(a.lines, Line{Area: a.name, Check: check, Result: OK, Detail: detail})
}

func (a *area) warn(check, detail, mend string) {
	a.lines = append(a.lines, Line{Area: a.name, Check: check, Result: Warning, Detail: detail, Mend: mend})
}

func (a *area) wrong(check, detail, mend string) {
	a.lines = append(a.lines, Line{Area: a.name, Check: check, Result: Wrong, Detail: detail, Mend: mend})
}

// places tells which check a variable belongs to, by how its name begins; the
// first that fits.
var places = []struct{ prefix, area, check string }{
	{"BOB_WEBHOOK_SECRETS", AreaWebhook, checkSecret},
	{"BOB_", AreaBob, checkConfiguration},
	{"ONELOGIN_", AreaOneLogin, checkConfiguration},
	{"STARTER_ADDR", AreaWebhook, "address"},
	{"WEBHOOK_", AreaWebhook, "networks"},
	{"PROVISIONING_FILE", AreaSettings, checkFile},
	{"PAYLOAD_KEYS", AreaEncryption, checkKeys},
	{"CODEC_", AreaEncryption, "codec server"},
	{"", AreaSettings, checkConfiguration},
}

const (
	checkConfiguration = "configuration"
	checkSecret        = "secret"
	checkFile          = "settings file"
	checkKeys          = "keys"
)

// mistakes are the lines about an area's configuration.
func mistakes(f Facts, name string) []Line {
	a := area{name: name}
	for _, mistake := range f.Mistakes {
		i := slices.IndexFunc(places, func(p struct{ prefix, area, check string }) bool { return strings.HasPrefix(mistake, p.prefix) })
		if places[i].area != name {
			continue
		}
		variable, message, _ := strings.Cut(mistake, ": ")
		what, mend, _ := strings.Cut(message, "; ")
		if what != "missing" {
			what, mend = message, "correct "+variable+" where it is set, for worker and starter alike"
		}
		a.wrong(places[i].check, variable+": "+what, mend)
	}
	return a.lines
}

// faulty tells whether a configuration's mistakes are about one of some
// variables, by how their names begin.
func faulty(mistakes []string, prefixes ...string) bool {
	return slices.ContainsFunc(mistakes, func(mistake string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(mistake, prefix) })
	})
}

func (f Facts) webhook() []Line {
	a := area{name: AreaWebhook}
	switch {
	case faulty(f.Mistakes, "BOB_WEBHOOK_SECRETS"):
	case f.WebhookSecrets > 1:
		a.ok(checkSecret, plural(f.WebhookSecrets, "secret is", "secrets are")+" set: a rotation is in progress; take the old one out once Bob signs with the new one")
	default:
		a.ok(checkSecret, "one is set; whether it is Bob's shows at the first webhook")
	}
	return a.lines
}

func (f Facts) encryption() []Line {
	a := area{name: AreaEncryption}
	switch {
	case faulty(f.Mistakes, "PAYLOAD_KEYS"):
	case len(f.KeyIDs) == 0:
		a.warn(checkKeys, "none: names, addresses and phone numbers are readable in Temporal",
			"`starter codec --new-key` makes one; set PAYLOAD_KEYS to it, for worker and starter alike")
	case len(f.KeyIDs) == 1:
		a.ok(checkKeys, "payloads are encrypted with the key "+f.KeyIDs[0])
	default:
		a.ok(checkKeys, "payloads are encrypted with the key "+f.KeyIDs[0]+"; "+strings.Join(f.KeyIDs[1:], ", ")+" only "+ifOne(len(f.KeyIDs)-1, "decrypts", "decrypt"))
	}
	return a.lines
}
