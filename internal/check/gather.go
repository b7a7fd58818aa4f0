package check

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// Setup is what an installation is configured with.
type Setup struct {
	Config config.Starter
	// Mistakes are what config.Examine found wrong with it.
	Mistakes []string
	// HTTPClient takes the place of the clients' own; nil for those.
	HTTPClient *http.Client
}

// Gather asks Temporal, Bob and OneLogin, each at the same time as the others,
// for as long as ctx lets it. Whatever is not answered by then is an error
// among the facts.
func Gather(ctx context.Context, s Setup) Facts {
	f := Facts{
		Mistakes: s.Mistakes, WebhookSecrets: len(s.Config.SecretsOfWebhooks()), KeyIDs: s.Config.Payloads.Keys.IDs(),
		Settings: readSettings(s.Config.ProvisioningFile),
	}
	var all sync.WaitGroup
	all.Go(func() { f.Temporal = gatherTemporal(ctx, s) })
	all.Go(func() { f.Bob = gatherBob(ctx, s, f.Settings.Used.BobFields()) })
	all.Go(func() { f.OneLogin = gatherOneLogin(ctx, s) })
	all.Wait()
	f.Settings.hold(f.Bob.Fields)
	return f
}

// readSettings reads a settings file without Bob's list of fields.
func readSettings(path string) Settings {
	s := Settings{Path: path, Used: mapping.Default()}
	if path == "" {
		return s
	}
	if s.content, s.Err = os.ReadFile(path); s.Err == nil {
		var used mapping.Settings
		if used, s.Err = mapping.Parse(s.content); s.Err == nil {
			s.Used = used
		}
	}
	var unread *os.PathError
	if errors.As(s.Err, &unread) {
		s.Err = unread.Err // the line names the path
	}
	s.Instead = s.Err != nil
	return s
}

// hold holds the file against the fields that Bob has. Where it was wrong
// already, the report is that of both.
func (s *Settings) hold(known Answer[[]bob.Field]) {
	if s.content == nil || known.Err != nil || len(known.Value) == 0 {
		return
	}
	s.Held = true
	fields := make([]mapping.Field, len(known.Value))
	for i, f := range known.Value {
		fields[i] = mapping.Field{ID: f.ID, Name: f.Name, Type: f.Type, ListID: f.ListID}
	}
	if _, err := mapping.ParseKnowing(s.content, fields); err != nil {
		s.Err = err
	}
}

func gatherTemporal(ctx context.Context, s Setup) Temporal {
	var t Temporal
	if t.Address, t.Namespace, t.Unreachable = connect.Where(); t.Unreachable != nil {
		return t
	}
	c, namespace, err := connect.Temporal(ctx, s.Config.Payloads.Keys.Ring(), zap.NewNop())
	if err != nil {
		t.Unreachable = err
		return t
	}
	defer c.Close()
	d := dispatch.New(c, namespace)
	var all sync.WaitGroup
	all.Go(func() { t.Version = answer(d.ServerVersion(ctx)) })
	all.Go(func() { t.Retention = answer(d.Retention(ctx)) })
	all.Go(func() { t.Missing = answer(d.MissingSearchAttributes(ctx)) })
	all.Go(func() { t.Queues = answer(d.Queues(ctx)) })
	all.Go(func() { t.Brake = answer(d.Brake(ctx, 1)) })
	all.Wait()
	return t
}

// sampleSize is how many people are read with all fields. A field that the
// service user may see is there for everybody, if only as empty.
const sampleSize = 50

func gatherBob(ctx context.Context, s Setup, fields []string) Bob {
	b := Bob{Host: hostOf(s.Config.Bob.BaseURL)}
	if faulty(s.Mistakes, "BOB_SERVICE_USER", "BOB_BASE_URL") {
		return b
	}
	c, err := bob.New(bob.Config{
		BaseURL: s.Config.Bob.BaseURL, ServiceUserID: s.Config.Bob.ServiceUserID, Token: string(s.Config.Bob.ServiceUserToken),
		HTTPClient: s.HTTPClient,
	})
	b.Asked = true
	if err != nil {
		b.Fields.Err, b.People.Err = err, err
		return b
	}
	b.Fields = answer(c.Fields(ctx))
	var auth *bob.AuthError
	if errors.As(b.Fields.Err, &auth) {
		// Bob's firewall counts refusals: one is enough to know.
		b.People.Err = b.Fields.Err
		return b
	}
	var sample []string
	b.People, sample = countPeople(ctx, c)
	if b.People.Err == nil && len(sample) > 0 {
		b.Answered = answer(answeredFields(ctx, c, sample, fields))
	}
	return b
}

// countPeople reads no more of everybody than their status, and picks a sample
// that has inactive people in it.
func countPeople(ctx context.Context, c *bob.Client) (Answer[People], []string) {
	var p People
	var active, inactive []string
	err := c.EachPerson(ctx, []string{lifecycle.FieldStatus, lifecycle.FieldLifecycleStatus}, func(r employee.Record) error {
		status, shown := word(r, lifecycle.FieldStatus)
		state, stateShown := word(r, lifecycle.FieldLifecycleStatus)
		p.Total++
		p.StatusShown = p.StatusShown || shown || stateShown
		hired, left := state == "hired", state == "terminated"
		if hired {
			p.Hired++
		}
		if left {
			p.Left++
		}
		switch {
		case hired || left || status == "inactive":
			p.Inactive++
			if len(inactive) < sampleSize/2 {
				inactive = append(inactive, r.ID)
			}
		case len(active) < sampleSize:
			active = append(active, r.ID)
		}
		return nil
	})
	sample := append(inactive, active...)
	return Answer[People]{p, err}, sample[:min(len(sample), sampleSize)]
}

// word reads a field that holds one word, in lower case, and whether it was
// answered at all.
func word(r employee.Record, field string) (string, bool) {
	text, presence, err := r.Text(field)
	return strings.ToLower(text), err != nil || presence != employee.Absent
}

// answeredFields tells the fields that at least one person was answered with.
func answeredFields(ctx context.Context, c *bob.Client, ids, fields []string) (map[string]bool, error) {
	people, err := c.SearchByIDs(ctx, ids, fields)
	if err != nil {
		return nil, err
	}
	answered := map[string]bool{}
	for _, person := range people {
		for _, field := range fields {
			if _, presence := person.Get(field); presence != employee.Absent {
				answered[field] = true
			}
		}
	}
	return answered, nil
}

func gatherOneLogin(ctx context.Context, s Setup) OneLogin {
	cfg := s.Config.OneLogin
	var o OneLogin
	base, err := onelogin.BaseURL(cfg.Region, cfg.Subdomain, cfg.BaseURL)
	if err != nil || faulty(s.Mistakes, "ONELOGIN_CLIENT", "ONELOGIN_REGION", "ONELOGIN_SUBDOMAIN", "ONELOGIN_BASE_URL") {
		return o
	}
	o.Asked, o.Host = true, hostOf(base)
	if cfg.Subdomain == "" && cfg.BaseURL == "" {
		o.Region = cfg.Region
	}
	ask := func(region string) (*onelogin.Client, error) {
		c, err := onelogin.New(onelogin.Config{
			BaseURL: cfg.BaseURL, Region: region, Subdomain: cfg.Subdomain,
			ClientID: cfg.ClientID, ClientSecret: string(cfg.ClientSecret), HTTPClient: s.HTTPClient,
		})
		if err != nil {
			return nil, err
		}
		return c, c.Authenticate(ctx)
	}
	c, err := ask(cfg.Region)
	var refused *onelogin.AuthError
	if errors.As(err, &refused) && o.Region != "" {
		// The other region is OneLogin too, so that the secret stays with it.
		i := slices.Index(regions, o.Region)
		if other, otherErr := ask(regions[1-i]); otherErr == nil {
			o.Other, c = regions[1-i], other
		}
	}
	o.Credentials = err
	if err != nil && o.Other == "" {
		return o
	}
	// In this order, because a refusal keeps the client from asking on.
	o.Budget, o.Now = answer(c.RateLimit(ctx)), time.Now()
	page, err := c.Users(ctx, onelogin.PageRequest{Limit: 1})
	o.Users = answer(page.TotalCount, err)
	defined, err := c.CustomAttributes(ctx)
	o.Defined.Err = err
	for _, d := range defined {
		o.Defined.Value = append(o.Defined.Value, d.Shortname)
	}
	o.Write = c.ProveWrite(ctx)
	o.Sessions = c.ProveEndSessions(ctx)
	return o
}

// regions are OneLogin's.
var regions = []string{"us", "eu"}

// hostOf is the host of a URL, without what else may be in it.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
