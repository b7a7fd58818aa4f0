package check

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"bob-onelogin/internal/onelogin"
)

// OneLogin is what was found out about OneLogin.
type OneLogin struct {
	// Asked is false where the configuration does not allow to ask.
	Asked bool
	// Host is where OneLogin is, by the configuration.
	Host string
	// Region is what decides the host; empty where a subdomain or a URL does.
	Region string
	// Credentials is why no token was given.
	Credentials error
	// Other is the region that accepts the credentials which the configured
	// one refuses, and that everything below is about; empty where there is
	// none, or none was asked.
	Other string
	// Users is how many there are.
	Users Answer[int]
	// Write and Sessions say what a write that can come to nothing was
	// answered with.
	Write, Sessions error
	// Defined are the shortnames of the custom attributes.
	Defined Answer[[]string]
	Budget  Answer[onelogin.Budget]
	// Now is when the budget was asked for.
	Now time.Time
}

// lowBudget is the share of the hour's calls below which the budget is told to
// be low, in percent.
const lowBudget = 20

func (o OneLogin) lines(s Settings) []Line {
	a := area{name: AreaOneLogin}
	if !o.Asked {
		return nil
	}
	if !o.credentials(&a) {
		return a.lines
	}
	o.scope(&a)
	o.attributes(&a, s)
	o.budget(&a)
	return a.lines
}

// credentials reports whether a token was given, and by whom.
func (o OneLogin) credentials(a *area) bool {
	const scoped = `an API credential with the scope "Manage users" (OneLogin's Administration → Developers → API credentials)`
	var auth *onelogin.AuthError
	switch {
	case o.Credentials == nil && o.Region == "":
		a.ok("credentials", o.Host+" accepts them")
		a.ok("region", "not needed: the host is given")
		return true
	case o.Credentials == nil:
		a.ok("credentials", o.Host+" accepts them")
		a.ok("region", o.Region+" is right")
		return true
	case o.Other != "":
		a.ok("credentials", "the "+o.Other+" region accepts them")
		a.wrong("region", fmt.Sprintf("these credentials belong to the %s region, not to %s", o.Other, o.Region), "set ONELOGIN_REGION="+o.Other)
		return true
	case errors.As(o.Credentials, &auth) && o.Region != "":
		a.wrong("credentials", o.Host+" refuses them, and so does the other region, as far as it could be asked",
			"compare ONELOGIN_CLIENT_ID and ONELOGIN_CLIENT_SECRET with "+scoped)
	case errors.As(o.Credentials, &auth):
		a.wrong("credentials", o.Host+" refuses them",
			"compare ONELOGIN_CLIENT_ID and ONELOGIN_CLIENT_SECRET with "+scoped+", and see that the host is the account's")
	default:
		detail, mend := oneLoginTrouble(o.Credentials)
		a.wrong("credentials", "could not be tried: "+detail, mend)
	}
	return false
}

// oneLoginTrouble says what kept OneLogin from answering.
func oneLoginTrouble(err error) (detail, mend string) {
	switch onelogin.Class(err) {
	case "auth", "breaker_open":
		mend = `give the API credential the scope "Manage users"`
	case "rate_limited":
		mend = "wait, and check again: the account's calls are used up"
	case "transport", "canceled":
		mend = "see that this machine reaches OneLogin, and that ONELOGIN_REGION, ONELOGIN_SUBDOMAIN or ONELOGIN_BASE_URL is right"
	case "invalid", "not_found":
		mend = "see that ONELOGIN_SUBDOMAIN or ONELOGIN_BASE_URL is right"
	default:
		mend = "see that ONELOGIN_SUBDOMAIN or ONELOGIN_BASE_URL is right; if it is, the trouble is OneLogin's own: check again later"
	}
	return err.Error(), mend
}

func (o OneLogin) scope(a *area) {
	const mend = `give the API credential the scope "Manage users" (OneLogin's Administration → Developers → API credentials)`
	forbidden := func(err error) bool {
		var auth *onelogin.AuthError
		return errors.As(err, &auth)
	}
	switch {
	case forbidden(o.Users.Err):
		a.wrong("scope", "users may not be listed: "+o.Users.Err.Error(), mend)
		return
	case o.Users.Err != nil:
		detail, mend := oneLoginTrouble(o.Users.Err)
		a.warn("scope", "could not be told: "+detail, mend)
		return
	case forbidden(o.Write):
		a.wrong("scope", o.seen()+", but not be written: the scope is for reading alone", mend)
		return
	case forbidden(o.Sessions):
		a.wrong("scope", o.seen()+" and written, but the sessions of a leaver may not be ended", mend)
		return
	}
	if err := errors.Join(o.Write, o.Sessions); err != nil {
		detail, mend := oneLoginTrouble(firstOf(o.Write, o.Sessions))
		a.warn("scope", o.seen()+"; whether they may be written could not be told: "+detail, mend)
		return
	}
	a.ok("scope", o.seen()+", and a write that comes to nothing was let through; only a real one proves the rest")
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (o OneLogin) seen() string { return plural(o.Users.Value, "user", "users") + " can be listed" }

func (o OneLogin) attributes(a *area, s Settings) {
	const check = "custom attributes"
	wanted := s.custom()
	var missing []string
	for _, name := range wanted {
		if !slices.Contains(o.Defined.Value, name) {
			missing = append(missing, name)
		}
	}
	var closed *onelogin.BreakerOpenError
	switch {
	case len(wanted) == 0:
		a.ok(check, "none is mapped")
	case errors.As(o.Defined.Err, &closed): // the scope tells
	case o.Defined.Err != nil:
		detail, mend := oneLoginTrouble(o.Defined.Err)
		a.warn(check, "could not be listed: "+detail, mend)
	case len(missing) == 0:
		a.ok(check, listed(wanted)+ifOne(len(wanted), " is", " are")+" defined")
	case s.Used.CreateCustomAttributes:
		a.ok(check, listed(missing)+ifOne(len(missing), " is", " are")+" not defined yet; the worker defines what it needs (create_custom_attributes)")
	default:
		a.warn(check, listed(missing)+ifOne(len(missing), " is", " are")+" not defined: "+ifOne(len(missing), "it is", "they are")+" left out of every write",
			"define "+ifOne(len(missing), "it", "them")+" in OneLogin (Users → Custom user fields) by "+ifOne(len(missing), "this shortname", "these shortnames")+
				", or set create_custom_attributes: true in the settings file")
	}
}

func (o OneLogin) budget(a *area) {
	b := o.Budget.Value
	var closed *onelogin.BreakerOpenError
	switch {
	case errors.As(o.Budget.Err, &closed): // the scope tells
		return
	case o.Budget.Err != nil:
		detail, mend := oneLoginTrouble(o.Budget.Err)
		a.warn("budget", "could not be read: "+detail, mend)
		return
	}
	left := fmt.Sprintf("%s of %s calls of this hour are left", thousands(b.Remaining), thousands(b.Limit))
	if b.Remaining*100 >= b.Limit*lowBudget {
		a.ok("budget", left)
		return
	}
	wait := "wait for the next hour"
	if until := b.ResetAt.Sub(o.Now); until > 0 {
		wait += ", which begins in " + plural(int((until+time.Minute-1)/time.Minute), "minute", "minutes")
	}
	a.warn("budget", left, wait+"; if it happens again, find out who else calls OneLogin for this account")
}
