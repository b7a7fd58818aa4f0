package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// ReadEmployeeInput asks for one person and what to do about them.
type ReadEmployeeInput struct {
	EmployeeID string `json:"employeeId"`
	// Now is the workflow's time: the same clock that fires its timers.
	Now     time.Time       `json:"now"`
	Signs   lifecycle.Signs `json:"signs,omitzero"`
	Revoked bool            `json:"revoked,omitempty"`
	// RevokedAt is the moment of the revocation by Bob's clock, where told.
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	// DeletedEmail is the address that a deletion event named.
	DeletedEmail string `json:"deletedEmail,omitempty"`
	// Together: the read may wait a moment to be made together with others, in
	// one call to Bob.
	Together bool `json:"together,omitempty"`
}

// ReadEmployeeResult is what Bob said and what it calls for.
type ReadEmployeeResult struct {
	Found    bool               `json:"found"`
	Record   employee.Record    `json:"record,omitzero"`
	Decision lifecycle.Decision `json:"decision"`
	// Address finds a leaver's OneLogin user that carries no link; only set
	// where Bob knows the person no more.
	Address string `json:"address,omitempty"`
	// Digest is the same for two reads that call for the same.
	Digest string `json:"digest"`
	// RevocationOutdated: the person was activated after the revocation, whose
	// event is a late repetition.
	RevocationOutdated bool `json:"revocationOutdated,omitempty"`
	// SettingsVersion identifies the provisioning settings that decided.
	SettingsVersion string `json:"settingsVersion"`
	// SearchAttributes says that workflows may set search attributes.
	SearchAttributes bool `json:"searchAttributes,omitempty"`
}

// ReadEmployee reads one person from Bob and decides what the read calls for.
// A person whom Bob does not know is a result, not an error; every other
// failure is an error, so that it can never be mistaken for a leaver.
func (a *Activities) ReadEmployee(ctx context.Context, in ReadEmployeeInput) (ReadEmployeeResult, error) {
	var out ReadEmployeeResult
	err := attempt(ctx, "read the employee from Bob", func(ctx context.Context, _ *try) error {
		var err error
		out, err = a.readEmployee(ctx, in)
		return err
	})
	return out, err
}

func (a *Activities) readEmployee(ctx context.Context, in ReadEmployeeInput) (ReadEmployeeResult, error) {
	settings := a.Settings()
	out := ReadEmployeeResult{SettingsVersion: settings.Version, SearchAttributes: a.SearchAttributes()}

	record, err := a.person(ctx, in, settings)
	var notFound *bob.NotFoundError
	switch {
	case errors.As(err, &notFound):
		out.Address, err = a.addressOfDeleted(ctx, in)
		if err != nil {
			return ReadEmployeeResult{}, err
		}
	case err != nil:
		return ReadEmployeeResult{}, err
	default:
		out.Found, out.Record = true, record
	}
	return out, a.judge(ctx, in, settings, &out)
}

// person reads one person: on behalf of a bulk run together with others, and
// so too where more events come than Bob answers reads of one, fifty a minute.
// A deletion is proven by the answer to a read of one alone.
func (a *Activities) person(ctx context.Context, in ReadEmployeeInput, settings mapping.Settings) (employee.Record, error) {
	fields := settings.BobFields()
	if in.Signs.Deleted {
		return a.Bob.Person(ctx, in.EmployeeID, fields)
	}
	if !in.Together {
		r, err := a.Bob.PersonAtOnce(ctx, in.EmployeeID, fields)
		if !errors.Is(err, bob.ErrBusy) {
			return r, err
		}
	}
	return a.batch.person(ctx, a.Bob, in.EmployeeID, fields)
}

// judge decides what a read calls for.
func (a *Activities) judge(ctx context.Context, in ReadEmployeeInput, settings mapping.Settings, out *ReadEmployeeResult) error {
	if in.Revoked && !in.RevokedAt.IsZero() {
		last, err := a.Recall(ctx, in.EmployeeID)
		if err != nil {
			return fmt.Errorf("recall the last activation: %w", err)
		}
		out.RevocationOutdated = last.ActivatedAt.After(in.RevokedAt)
	}
	out.Decision = lifecycle.Decide(settings.Policy, lifecycle.Situation{
		Now: in.Now, Found: out.Found, Record: out.Record, Signs: in.Signs,
		Revoked: in.Revoked && !out.RevocationOutdated,
	})
	// A leaver's access does not hang on the label of a title.
	if err := a.addLabels(ctx, settings.ListFields(), &out.Record); err != nil && out.Decision.Phase != lifecycle.PhaseLeave {
		return err
	}
	if scope := scopeOf(settings.Scope, in.EmployeeID, *out); !scope.Admitted {
		out.Decision = outOfScope(scope)
	}
	var err error
	out.Digest, err = digestOf(*out)
	return err
}

// outOfScope is the decision about somebody whom the scope keeps out. Nothing
// is done to their user, unless the settings want it suspended and it is
// certain that the person is out.
func outOfScope(scope mapping.ScopeDecision) lifecycle.Decision {
	d := lifecycle.Decision{Phase: lifecycle.PhaseNone, Standing: lifecycle.StandingUnknown, Reason: "Out of scope: " + scope.Rule, Excluded: scope.Certain && !scope.Suspend}
	if scope.Suspend {
		d.Phase, d.Standing, d.OutOfScope = lifecycle.PhaseLeave, lifecycle.StandingLeft, true
		d.Reason += ", and scope.out_of_scope says suspend"
	}
	return d
}

// scopeOf asks the scope about a person. Of somebody whom Bob knows no more
// only the id can be asked; and a field that Bob does not show, or that is
// empty, is no reason to leave a leaver inside.
func scopeOf(scope mapping.Scope, id string, read ReadEmployeeResult) mapping.ScopeDecision {
	if !read.Found {
		return mapping.Scope{Exclude: scope.Exclude}.Decide(employee.Record{ID: id})
	}
	d := scope.Decide(read.Record)
	if read.Decision.Phase == lifecycle.PhaseLeave && !d.Certain {
		return mapping.ScopeDecision{Admitted: true}
	}
	return d
}

// addressOfDeleted returns the address of a deleted person if nobody else in
// Bob has it by now: HR deletes duplicate records, and the address then
// belongs to the record that stays.
func (a *Activities) addressOfDeleted(ctx context.Context, in ReadEmployeeInput) (string, error) {
	if !in.Signs.Deleted || in.DeletedEmail == "" {
		return "", nil
	}
	other, err := liveRoster{api: a.Bob}.otherHolder(ctx, in.EmployeeID, in.DeletedEmail, func(employee.Record) bool { return true })
	if err != nil || other != "" {
		return "", err
	}
	return in.DeletedEmail, nil
}

// addLabels gives list fields their label where Bob's answer left it out. A
// list that Bob does not have gives none; the mapping says what that leaves out.
func (a *Activities) addLabels(ctx context.Context, lists mapping.ListFields, r *employee.Record) error {
	for field, list := range lists {
		id, presence, err := r.Text(field)
		if err != nil || presence != employee.Present || list == "" {
			continue
		}
		if _, p := r.Label(field); p == employee.Present {
			continue
		}
		label, ok, err := a.labels.get(ctx, a.Bob, list, id)
		if err != nil {
			return fmt.Errorf("read Bob's list %q: %w", list, err)
		}
		if ok {
			if r.Labels == nil {
				r.Labels = map[string]any{}
			}
			r.Labels[field] = label
		}
	}
	return nil
}

// digestOf identifies what a read calls for. The moments at which to look
// again move with every read and are left out.
func digestOf(r ReadEmployeeResult) (string, error) {
	r.Decision.WakeAt = time.Time{}
	r.Decision.Reason = ""
	r.Digest = ""
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("digest the read: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
