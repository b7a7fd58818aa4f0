package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// Settings is the provisioning file, checked and ready for use.
type Settings struct {
	Rules  []Rule
	Policy lifecycle.Policy
	Scope  Scope
	// Protected users are never suspended by this program.
	Protected Protected
	// Limits bound what a bulk run may do.
	Limits Limits
	// CreateCustomAttributes allows this program to define a custom attribute
	// in OneLogin that the mapping names and OneLogin lacks.
	CreateCustomAttributes bool
	// Version identifies the settings in results: "default" without a file,
	// else the first 12 hex digits of the file's SHA-256.
	Version string
}

// Default returns the settings that apply without a file: Bob's own default
// table and behaviour.
func Default() Settings {
	return Settings{Rules: DefaultRules(), Policy: lifecycle.DefaultPolicy(), Limits: DefaultLimits(), Version: "default"}
}

// Limits bound what a bulk run may do; the keys of the provisioning file's
// section "limits".
type Limits struct {
	// LeastShownPercent: a bulk run stops before writing if Bob shows less of
	// the people whom OneLogin's users are linked to.
	LeastShownPercent int
	// BudgetReservePercent of OneLogin's hourly calls are left to live events.
	BudgetReservePercent int
	// FreshFor is how long what a bulk run has read may be acted on without
	// another read.
	FreshFor time.Duration
}

// DefaultLimits are the limits of a file that says nothing about them.
func DefaultLimits() Limits {
	return Limits{LeastShownPercent: 80, BudgetReservePercent: 10, FreshFor: 10 * time.Minute}
}

// BobFields lists the Bob fields that a read must ask for: those of the
// mapping, and those that the lifecycle and the scope decide from.
func (s Settings) BobFields() []string {
	fields := []string{FieldID, FieldEmail}
	for _, f := range slices.Concat(lifecycle.Fields(), BobFields(s.Rules)) {
		if !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

// Scope says who is provisioned at all. An empty list does not restrict.
type Scope struct {
	EmailDomains []string
	Sites        []string
	// Exclude holds Bob ids and e-mail addresses.
	Exclude []string
}

// Admits reports whether a person is in scope, or the rule that keeps them
// out. A field that Bob did not answer keeps nobody out of a person's own
// access, but a person who cannot be seen to be in scope is not provisioned.
func (s Scope) Admits(r employee.Record) (rule string, ok bool) {
	email, _, _ := r.Text(FieldEmail)
	site, _, _ := r.Text(lifecycle.FieldSite)
	for _, excluded := range s.Exclude {
		if excluded == r.ID || (email != "" && strings.EqualFold(excluded, email)) {
			return "the person is listed under scope.exclude", false
		}
	}
	if len(s.EmailDomains) > 0 {
		_, domain, _ := strings.Cut(email, "@")
		if !containsFold(s.EmailDomains, domain) {
			return "the domain of the person's e-mail address is not under scope.email_domains", false
		}
	}
	if len(s.Sites) > 0 && !slices.Contains(s.Sites, site) {
		return "the person's site is not under scope.sites", false
	}
	return "", true
}

// Protected names users that are never suspended by this program.
type Protected struct {
	Emails      []string
	OneLoginIDs []int64
}

// Covers reports whether a user is protected. email may be empty.
func (p Protected) Covers(oneLoginID int64, emails ...string) bool {
	if slices.Contains(p.OneLoginIDs, oneLoginID) {
		return true
	}
	for _, email := range emails {
		if email != "" && containsFold(p.Emails, email) {
			return true
		}
	}
	return false
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(item string) bool { return strings.EqualFold(item, s) })
}

// file is the provisioning file as written.
type file struct {
	Mapping    map[string]fileRule `yaml:"mapping"`
	Status     string              `yaml:"status"`
	Reactivate string              `yaml:"reactivate"`
	Start      struct {
		When     string `yaml:"when"`
		LeadDays days   `yaml:"lead_days"`
		At       string `yaml:"at"`
	} `yaml:"start"`
	Leave struct {
		GardenLeave    string `yaml:"garden_leave"`
		TemporaryLeave string `yaml:"temporary_leave"`
	} `yaml:"leave"`
	Zones struct {
		Default string            `yaml:"default"`
		Sites   map[string]string `yaml:"sites"`
	} `yaml:"zones"`
	Scope struct {
		EmailDomains []string `yaml:"email_domains"`
		Sites        []string `yaml:"sites"`
		Exclude      []string `yaml:"exclude"`
	} `yaml:"scope"`
	Protected struct {
		Emails      []string `yaml:"emails"`
		OneLoginIDs []int64  `yaml:"onelogin_ids"`
	} `yaml:"protected"`
	Limits struct {
		LeastShownPercent    *int   `yaml:"least_shown_percent"`
		BudgetReservePercent *int   `yaml:"budget_reserve_percent"`
		FreshFor             string `yaml:"fresh_for"`
	} `yaml:"limits"`
	CreateCustomAttributes bool `yaml:"create_custom_attributes"`
}

// fileRule is "field" or {field: …, when_null: …}.
type fileRule struct {
	Field    string
	WhenNull string
}

// UnmarshalYAML accepts both forms.
func (r *fileRule) UnmarshalYAML(decode func(any) error) error {
	var field string
	if decode(&field) == nil {
		r.Field = field
		return nil
	}
	var long struct {
		Field    string `yaml:"field"`
		WhenNull string `yaml:"when_null"`
	}
	if err := decode(&long); err != nil {
		return err
	}
	r.Field, r.WhenNull = long.Field, long.WhenNull
	return nil
}

// days is a whole number of days; a fraction is refused instead of cut off.
type days int

// UnmarshalYAML refuses what is not a whole number.
func (d *days) UnmarshalYAML(decode func(any) error) error {
	var number any
	if err := decode(&number); err != nil {
		return err
	}
	switch number.(type) {
	case int64, uint64:
		return decode((*int)(d))
	default:
		return errors.New("start.lead_days: not a whole number of days")
	}
}

// Parse reads a provisioning file. Unknown or repeated keys and wrong types
// are errors with [line:column]; everything else that is wrong is listed, each
// mistake with its key and the mend. An empty file gives the defaults. No
// error quotes the file, which may hold addresses of people.
func Parse(content []byte) (Settings, error) {
	f, err := decode(content)
	if err != nil {
		return Settings{}, fmt.Errorf("provisioning file: %w", err)
	}
	sum := sha256.Sum256(content)
	s := Default()
	s.Version = hex.EncodeToString(sum[:6])
	c := checker{}
	c.rules(f, &s)
	c.policy(f, &s.Policy)
	c.people(f)
	c.limits(f, &s.Limits)
	s.Scope = Scope(f.Scope)
	s.Protected = Protected(f.Protected)
	s.CreateCustomAttributes = f.CreateCustomAttributes
	if len(c.mistakes) > 0 {
		sort.Strings(c.mistakes)
		noun := "mistakes"
		if len(c.mistakes) == 1 {
			noun = "mistake"
		}
		return Settings{}, fmt.Errorf("provisioning file: %d %s:\n  %s", len(c.mistakes), noun, strings.Join(c.mistakes, "\n  "))
	}
	return s, nil
}

// decode reads the one YAML document that the content is.
func decode(content []byte) (f file, err error) {
	// The YAML package panics on some malformed files.
	defer func() {
		if recover() != nil {
			f, err = file{}, errors.New("not YAML")
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict())
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return file{}, errors.New(yaml.FormatError(err, false, false))
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return file{}, errors.New("a second YAML document follows; keep one, without a line of --- in between")
	}
	return f, nil
}

// checker collects every mistake of a file instead of stopping at the first.
type checker struct{ mistakes []string }

func (c *checker) mistake(format string, args ...any) {
	c.mistakes = append(c.mistakes, fmt.Sprintf(format, args...))
}

func (c *checker) rules(f file, s *Settings) {
	if f.Mapping == nil {
		return
	}
	s.Rules = nil
	targets := make([]string, 0, len(f.Mapping))
	for target := range f.Mapping {
		targets = append(targets, target)
	}
	sort.Strings(targets)
	for _, target := range targets {
		written := f.Mapping[target]
		key := "mapping." + target
		if short, custom := CustomShortname(target); custom && short == "" {
			c.mistake("%s: the shortname of the custom attribute is missing", key)
		} else if _, ok := writable[target]; !ok && !custom {
			c.mistake("%s: not an attribute that can be written in OneLogin; use one of %s, or %s<shortname>", key, strings.Join(writableNames(), ", "), CustomPrefix)
		}
		if !validFieldID(written.Field) {
			c.mistake("%s: give the id of a Bob field, such as work.title", key)
		}
		rule := Rule{Target: target, Field: written.Field, WhenNull: ClearOnNull}
		choose(c, key+".when_null", written.WhenNull, &rule.WhenNull, ClearOnNull, KeepOnNull)
		s.Rules = append(s.Rules, rule)
	}
	for _, m := range mandatory {
		if _, ok := f.Mapping[m]; !ok {
			c.mistake("mapping: %s is missing; OneLogin users need %s", m, strings.Join(mandatory, ", "))
		}
	}
}

func (c *checker) policy(f file, p *lifecycle.Policy) {
	choose(c, "status", f.Status, &p.Status, lifecycle.FollowBob, lifecycle.AlwaysActive, lifecycle.AlwaysSuspended)
	choose(c, "reactivate", f.Reactivate, &p.Reactivate, lifecycle.ReactivateAlways, lifecycle.ReactivateOnActivation, lifecycle.ReactivateNever)
	choose(c, "start.when", f.Start.When, &p.Start.When, lifecycle.StartOnDate, lifecycle.StartOnCreation)
	choose(c, "leave.garden_leave", f.Leave.GardenLeave, &p.GardenLeave, lifecycle.LeaveFollowsBob, lifecycle.LeaveIsActive, lifecycle.LeaveIsInactive)
	choose(c, "leave.temporary_leave", f.Leave.TemporaryLeave, &p.TemporaryLeave, lifecycle.LeaveFollowsBob, lifecycle.LeaveIsActive, lifecycle.LeaveIsInactive)
	if f.Start.LeadDays < 0 || f.Start.LeadDays > 365 {
		c.mistake("start.lead_days: must lie between 0 and 365")
	}
	p.Start.LeadDays = int(f.Start.LeadDays)
	if f.Start.At != "" {
		at, err := lifecycle.ParseTimeOfDay(f.Start.At)
		if err != nil {
			c.mistake(`start.at: %v; write it as "08:30", with quotes`, err)
		}
		p.Start.At = at
	}
	if f.Zones.Default != "" {
		p.Zones.Default = c.zone("zones.default", f.Zones.Default)
	}
	p.Zones.Sites = make(map[string]*time.Location, len(f.Zones.Sites))
	for site, zone := range f.Zones.Sites {
		p.Zones.Sites[site] = c.zone("zones.sites."+site, zone)
	}
}

// people checks the entries that name people and sites. An entry that can
// match nobody is a mistake: whoever wrote it believes that it does. The
// entries themselves are not quoted, only their place.
func (c *checker) people(f file) {
	for i, domain := range f.Scope.EmailDomains {
		if strings.ContainsAny(domain, "@ \t") || !strings.Contains(domain, ".") {
			c.mistake("scope.email_domains[%d]: not a domain; write it as example.com, without the @", i)
		}
	}
	for i, site := range f.Scope.Sites {
		if site == "" || strings.TrimSpace(site) != site {
			c.mistake("scope.sites[%d]: not the plain name of a site in Bob", i)
		}
	}
	for i, entry := range f.Scope.Exclude {
		if !isAddress(entry) && (entry == "" || strings.Trim(entry, "0123456789") != "") {
			c.mistake("scope.exclude[%d]: neither a Bob id nor an e-mail address", i)
		}
	}
	for i, email := range f.Protected.Emails {
		if !isAddress(email) {
			c.mistake("protected.emails[%d]: not an e-mail address", i)
		}
	}
	for i, id := range f.Protected.OneLoginIDs {
		if id <= 0 {
			c.mistake("protected.onelogin_ids[%d]: not the id of a OneLogin user", i)
		}
	}
}

func (c *checker) limits(f file, l *Limits) {
	percent := func(key string, written, to *int) {
		switch {
		case written == nil:
		case *written < 0 || *written > 100:
			c.mistake("limits.%s: must lie between 0 and 100", key)
		default:
			*to = *written
		}
	}
	percent("least_shown_percent", f.Limits.LeastShownPercent, &l.LeastShownPercent)
	percent("budget_reserve_percent", f.Limits.BudgetReservePercent, &l.BudgetReservePercent)
	if f.Limits.FreshFor == "" {
		return
	}
	d, err := time.ParseDuration(f.Limits.FreshFor)
	if err != nil || d < 0 || d > time.Hour {
		c.mistake("limits.fresh_for: must lie between 0s and 1h; write it as 10m")
		return
	}
	l.FreshFor = d
}

func isAddress(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && name != "" && domain != "" && !strings.ContainsAny(s, " \t")
}

func (c *checker) zone(key, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		c.mistake("%s: %q is not an IANA time zone; write it as Europe/London or America/New_York", key, name)
		return time.UTC
	}
	return loc
}

// choose sets *to to the written value if it is one of the choices; nothing
// written leaves the default.
func choose[T ~string](c *checker, key, written string, to *T, choices ...T) {
	if written == "" {
		return
	}
	if slices.Contains(choices, T(written)) {
		*to = T(written)
		return
	}
	names := make([]string, len(choices))
	for i, choice := range choices {
		names[i] = string(choice)
	}
	c.mistake("%s: %q is not one of %s", key, written, strings.Join(names, ", "))
}

func validFieldID(id string) bool {
	category, rest, ok := strings.Cut(id, ".")
	return ok && category != "" && rest != "" && !strings.ContainsAny(id, " \t\n")
}

func writableNames() []string {
	names := make([]string, 0, len(writable))
	for name := range writable {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
