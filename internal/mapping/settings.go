package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"bob-onelogin/internal/brake"
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
	// Brake bounds how many people may be suspended within a window.
	Brake brake.Settings
	// CreateCustomAttributes allows this program to define a custom attribute
	// in OneLogin that the mapping names and OneLogin lacks.
	CreateCustomAttributes bool
	// Lists tells the list fields among those that the settings ask for; nil
	// for the standard ones.
	Lists ListFields
	// Version identifies the settings in results: "default" without a file,
	// else the first 12 hex digits of the file's SHA-256.
	Version string
}

// Default returns the settings that apply without a file: Bob's own default
// table and behaviour.
func Default() Settings {
	return Settings{
		Rules:   DefaultRules(),
		Policy:  lifecycle.DefaultPolicy(),
		Scope:   Scope{OutOfScope: KeepOutOfScope},
		Limits:  DefaultLimits(),
		Brake:   brake.DefaultSettings(),
		Version: "default",
	}
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

// FieldUse is a Bob field that is asked for, and what needs it: keys of the
// provisioning file, or "lifecycle", "link" and "address" for what is needed
// in any case.
type FieldUse struct {
	Field    string
	NeededBy []string
}

// FieldUses lists the Bob fields that a read must ask for, each with what needs
// it: those of the mapping and the scope, the ones inside formulas included,
// and those that the lifecycle decides from. No other field is asked for.
func (s Settings) FieldUses() []FieldUse {
	uses := []FieldUse{{FieldID, []string{"link"}}, {FieldEmail, []string{"address"}}}
	add := func(field, by string) {
		i := slices.IndexFunc(uses, func(u FieldUse) bool { return u.Field == field })
		switch {
		case i < 0:
			uses = append(uses, FieldUse{field, []string{by}})
		case !slices.Contains(uses[i].NeededBy, by):
			uses[i].NeededBy = append(uses[i].NeededBy, by)
		}
	}
	for _, field := range lifecycle.Fields() {
		add(field, "lifecycle")
	}
	for _, rule := range s.Rules {
		for _, field := range rule.Fields() {
			add(field, "mapping."+rule.Target)
		}
	}
	for _, use := range s.Scope.fields() {
		add(use.Field, use.NeededBy[0])
	}
	return uses
}

// BobFields lists the Bob fields that a read must ask for.
func (s Settings) BobFields() []string {
	var fields []string
	for _, use := range s.FieldUses() {
		fields = append(fields, use.Field)
	}
	return fields
}

// ListFields tells the list fields among those that the settings ask for. The
// map is shared and must not be changed.
func (s Settings) ListFields() ListFields {
	if s.Lists == nil {
		return standardLists()
	}
	return s.Lists
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
	return slices.ContainsFunc(emails, func(email string) bool {
		return email != "" && slices.ContainsFunc(p.Emails, func(listed string) bool { return strings.EqualFold(listed, email) })
	})
}

// Parse reads a provisioning file, strictly. An empty file gives the defaults.
// The error is a *FileError with everything that is wrong.
func Parse(content []byte) (Settings, error) { return ParseKnowing(content, nil) }

// ParseKnowing is Parse that also holds the fields which the file names against
// those that Bob has. No fields at all means that Bob's list could not be read.
func ParseKnowing(content []byte, fields []Field) (Settings, error) {
	var known map[string]Field
	if len(fields) > 0 {
		known = make(map[string]Field, len(fields))
		for _, f := range fields {
			known[f.ID] = f
		}
	}
	s, err := read(content, known)
	if err != nil {
		return Settings{}, err
	}
	sum := sha256.Sum256(content)
	s.Version = hex.EncodeToString(sum[:6])
	s.Lists = listFields(s.BobFields(), known)
	s.Scope.lists = s.Lists
	return s, nil
}
