package check

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// told writes lines so that they can be compared at a glance.
func told(lines []Line) []string {
	texts := []string{}
	for _, l := range lines {
		text := string(l.Result) + " " + l.Check + ": " + l.Detail
		if l.Mend != "" {
			text += " → " + l.Mend
		}
		texts = append(texts, text)
	}
	return texts
}

// requireTold compares lines with what they are to say, or to begin with where
// that ends in "…".
func requireTold(t *testing.T, want []string, lines []Line) {
	t.Helper()
	got := told(lines)
	require.Len(t, got, len(want), "%s", strings.Join(got, "\n"))
	for i := range want {
		if beginning, open := strings.CutSuffix(want[i], " …"); open {
			require.True(t, strings.HasPrefix(got[i], beginning), "%s\nis not\n%s", got[i], want[i])
			continue
		}
		require.Equal(t, want[i], got[i])
	}
	for _, l := range lines {
		require.Equal(t, l.Result == OK, l.Mend == "", "what is not ok has a mend: %s", l.Detail)
	}
}

func TestMistakesOfTheConfiguration(t *testing.T) {
	f := Facts{WebhookSecrets: 1, KeyIDs: []string{"new"}, Mistakes: []string{
		"BOB_SERVICE_USER_ID: missing; set it to the id of the service user",
		"BOB_SERVICE_USER_TOKEN and BOB_SERVICE_USER_TOKEN_FILE: set one of them, not both",
		"ONELOGIN_REGION: \"moon\" is neither us nor eu",
		"BOB_WEBHOOK_SECRETS: holds no secret",
		"STARTER_ADDR: must be host:port or :port, such as :8080",
		"WEBHOOK_TRUSTED_PROXIES: network 1 must be such as 203.0.113.0/24, 2001:db8::/32, or one address",
		"PROVISIONING_FILE: /nowhere/policy.yaml cannot be read: no such file or directory",
		"LOG_LEVEL: \"loud\" is not one of debug, info, warn, error",
		"PAYLOAD_KEYS: key 1 (id old) must be 32 bytes",
		"CODEC_ADDR: must be host:port or :port, such as :8081",
	}}
	lines := Judge(f)
	requireTold(t, []string{
		"ok server: …",
		"warning namespace: …",
		"ok search attributes: …",
		"warning worker: …",
		"wrong configuration: BOB_SERVICE_USER_ID: missing → set it to the id of the service user",
		"wrong configuration: BOB_SERVICE_USER_TOKEN and BOB_SERVICE_USER_TOKEN_FILE: set one of them, not both → correct BOB_SERVICE_USER_TOKEN and BOB_SERVICE_USER_TOKEN_FILE where it is set, for worker and starter alike",
		"wrong configuration: ONELOGIN_REGION: \"moon\" is neither us nor eu → correct ONELOGIN_REGION where it is set, for worker and starter alike",
		"wrong secret: BOB_WEBHOOK_SECRETS: holds no secret → correct BOB_WEBHOOK_SECRETS where it is set, for worker and starter alike",
		"wrong address: STARTER_ADDR: must be host:port or :port, such as :8080 → correct STARTER_ADDR where it is set, for worker and starter alike",
		"wrong networks: WEBHOOK_TRUSTED_PROXIES: network 1 must be such as 203.0.113.0/24, 2001:db8::/32, or one address → correct WEBHOOK_TRUSTED_PROXIES where it is set, for worker and starter alike",
		"wrong settings file: PROVISIONING_FILE: /nowhere/policy.yaml cannot be read: no such file or directory → correct PROVISIONING_FILE where it is set, for worker and starter alike",
		"wrong configuration: LOG_LEVEL: …",
		"wrong keys: PAYLOAD_KEYS: …",
		"wrong codec server: CODEC_ADDR: …",
	}, lines)
	var areas []string
	for _, l := range lines[4:] {
		areas = append(areas, l.Area)
	}
	require.Equal(t, []string{"Bob", "Bob", "OneLogin", "Webhook", "Webhook", "Webhook", "Settings", "Settings", "Encryption", "Encryption"}, areas)
}

func TestTemporal(t *testing.T) {
	reached := Temporal{
		Address: "temporal.example.com:7233", Namespace: "staff",
		Version:   Answer[string]{Value: "1.29.1"},
		Retention: Answer[time.Duration]{Value: 30 * 24 * time.Hour},
		Queues: Answer[[]dispatch.Queue]{Value: []dispatch.Queue{
			{Name: "bob-onelogin", Workflows: 2, Activities: 2}, {Name: "bob-onelogin-api", Activities: 2},
		}},
	}
	const (
		server     = "ok server: reached at temporal.example.com:7233, version 1.29.1"
		namespace  = "ok namespace: staff keeps what has ended for 30 days"
		attributes = "ok search attributes: SyncState and SyncDueAt are there"
		worker     = "ok worker: 2 processes poll bob-onelogin and bob-onelogin-api"
	)
	denied := serviceerror.NewPermissionDenied("Request unauthorized.", "")
	tests := []struct {
		name   string
		change func(*Temporal)
		want   []string
	}{
		{"all is well", func(*Temporal) {}, []string{server, namespace, attributes, worker}},
		{"the version is not told", func(f *Temporal) { f.Version = Answer[string]{Err: denied} }, []string{"ok server: reached at temporal.example.com:7233", namespace, attributes, worker}},
		{"nobody listens", func(f *Temporal) {
			f.Unreachable = errors.New(`connect to Temporal at temporal.example.com:7233 (TEMPORAL_ADDRESS): failed reaching server: connection error: desc = "transport: Error while dialing: dial tcp 192.0.2.1:7233: connect: connection refused"`)
		}, []string{"wrong server: connect to Temporal at temporal.example.com:7233 (TEMPORAL_ADDRESS): dial tcp 192.0.2.1:7233: connect: connection refused → start the server, or set TEMPORAL_ADDRESS, …"}},
		{"not answered in time", func(f *Temporal) {
			f.Unreachable = errors.New("connect to Temporal at temporal.example.com:7233 (TEMPORAL_ADDRESS): context deadline exceeded")
		}, []string{"wrong server: connect to Temporal at temporal.example.com:7233 (TEMPORAL_ADDRESS): context deadline exceeded → …"}},
		{"no such namespace", func(f *Temporal) {
			f.Retention = Answer[time.Duration]{Err: serviceerror.NewNamespaceNotFound("staff")}
		}, []string{
			server,
			"wrong namespace: there is no namespace staff → set TEMPORAL_NAMESPACE, or create it:\ntemporal operator namespace create --retention 30d --namespace staff",
		}},
		{"forgotten within a day", func(f *Temporal) { f.Retention.Value = 24 * time.Hour }, []string{
			server,
			"warning namespace: staff keeps what has ended for 1 day: results, and what they remember, are forgotten with it → keep it for longer:\ntemporal operator namespace update --retention 30d --namespace staff",
			attributes, worker,
		}},
		{"forgotten after a week", func(f *Temporal) { f.Retention.Value = 7 * 24 * time.Hour }, []string{server, "ok namespace: staff keeps what has ended for 7 days", attributes, worker}},
		{"nothing is permitted", func(f *Temporal) {
			f.Retention, f.Missing, f.Queues = Answer[time.Duration]{Err: denied}, Answer[[]string]{Err: denied}, Answer[[]dispatch.Queue]{Err: denied}
		}, []string{
			server, "warning namespace: staff could not be looked at: Request unauthorized. → …",
			"warning search attributes: could not be listed: Request unauthorized. → …", "warning worker: the task queues could not be looked at: Request unauthorized. → …",
		}},
		{"search attributes are missing", func(f *Temporal) { f.Missing.Value = []string{"SyncDueAt", "SyncState"} }, []string{
			server, namespace,
			"warning search attributes: SyncDueAt and SyncState are missing: workflows cannot be listed by state → start a worker, which adds them where it may, or add them:\ntemporal operator search-attribute create --namespace staff --name SyncDueAt --type Datetime --name SyncState --type Keyword",
			worker,
		}},
		{"a search attribute of another type", func(f *Temporal) {
			f.Missing.Err = &dispatch.AttributeTypeError{Namespace: "staff", Name: "SyncState", Type: enumspb.INDEXED_VALUE_TYPE_TEXT, Wanted: enumspb.INDEXED_VALUE_TYPE_KEYWORD}
		}, []string{server, namespace, "wrong search attributes: search attribute SyncState has the type Text in namespace staff and must have Keyword → …", worker}},
		{"no worker", func(f *Temporal) {
			f.Queues.Value = []dispatch.Queue{{Name: "bob-onelogin"}, {Name: "bob-onelogin-api"}}
		}, []string{server, namespace, attributes, "warning worker: none polls bob-onelogin and bob-onelogin-api: events wait → start the worker with the same TEMPORAL_* variables"}},
		{"half a worker", func(f *Temporal) {
			f.Queues.Value = []dispatch.Queue{{Name: "bob-onelogin", Workflows: 1, Activities: 1}, {Name: "bob-onelogin-api"}}
		}, []string{server, namespace, attributes, "warning worker: none polls bob-onelogin-api, though one does bob-onelogin → …"}},
		{"one worker", func(f *Temporal) {
			f.Queues.Value = []dispatch.Queue{{Name: "bob-onelogin", Workflows: 1, Activities: 1}, {Name: "bob-onelogin-api", Activities: 1}}
		}, []string{server, namespace, attributes, "ok worker: 1 process polls bob-onelogin and bob-onelogin-api"}},
		{"the brake holds nobody", func(f *Temporal) {
			f.Brake.Value = brake.View{Settings: brake.DefaultSettings(), Used: 2, Limit: 5}
		}, []string{server, namespace, attributes, worker, "ok suspension brake: holds nobody; 2 of 5 suspensions are used"}},
		{"the brake holds people", func(f *Temporal) {
			f.Brake.Value = brake.View{Settings: brake.DefaultSettings(), Used: 5, Limit: 5, Held: 7}
		}, []string{
			server, namespace, attributes, worker,
			"warning suspension brake: holds 7 people who left and can still log in; 5 of 5 suspensions are used → `starter brake show` lists them; then approve or reject",
		}},
		{"the brake may not be asked", func(f *Temporal) { f.Brake.Err = denied }, []string{
			server, namespace, attributes, worker, "warning suspension brake: could not be asked: Request unauthorized. → …",
		}},
		{"nobody answers for the brake", func(f *Temporal) { f.Brake.Err = dispatch.ErrNoAnswer }, []string{server, namespace, attributes, worker}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := reached
			tt.change(&f)
			requireTold(t, tt.want, f.lines())
		})
	}
}

// fieldList is what Bob lists, with the categories that differ from the ids.
func fieldList() []bob.Field {
	list := []bob.Field{{ID: "work.custom.field_1", Category: "custom_category_7"}, {ID: "work.workPhone", Category: "workContact"}, {ID: "work.workMobile", Category: "workContact"}}
	for _, field := range []string{"internal.status", "internal.lifecycleStatus", "internal.terminationDate", "employee.lastDayOfWork"} {
		list = append(list, bob.Field{ID: field, Category: "lifecycle"})
	}
	for _, field := range []string{"root.id", "root.email", "root.firstName", "root.surname", "work.title", "work.department", "work.site", "work.startDate", "work.reportsTo"} {
		category, _, _ := strings.Cut(field, ".")
		list = append(list, bob.Field{ID: field, Category: category})
	}
	return list
}

func TestBob(t *testing.T) {
	answered := map[string]bool{}
	for _, f := range fieldList() {
		answered[f.ID] = true
	}
	without := func(fields ...string) func(*Bob, *Settings) {
		return func(b *Bob, _ *Settings) {
			for _, f := range fields {
				delete(b.Answered.Value, f)
			}
		}
	}
	const (
		credentials = "ok credentials: api.hibob.com accepts the service user"
		people      = "ok people: 1,204 people are visible"
		inactive    = "ok inactive people: 40 visible, 12 hired and 25 left among them"
	)
	refused := &bob.AuthError{Failure: bob.Failure{Op: "list fields", StatusCode: 401}}
	tests := []struct {
		name   string
		change func(*Bob, *Settings)
		want   []string
	}{
		{"all is well", func(*Bob, *Settings) {}, []string{
			credentials, people, inactive,
			"ok fields: all 15 that are asked for came back: root.id, root.email, internal.status, internal.lifecycleStatus, internal.terminationDate, employee.lastDayOfWork, work.startDate, work.site, root.firstName, root.surname, work.workPhone, work.workMobile, work.title, work.department, work.reportsTo",
		}},
		{"not configured", func(b *Bob, _ *Settings) { b.Asked = false }, []string{}},
		{"credentials are refused", func(b *Bob, _ *Settings) { b.Fields.Err, b.People.Err = refused, refused }, []string{
			"wrong credentials: api.hibob.com refuses the service user → compare BOB_SERVICE_USER_ID and BOB_SERVICE_USER_TOKEN with …",
		}},
		{"credentials are refused for people alone", func(b *Bob, _ *Settings) { b.People.Err = refused }, []string{
			"wrong credentials: api.hibob.com refuses the service user → …",
		}},
		{"another server", func(b *Bob, _ *Settings) {
			b.Fields.Err = &bob.ContentError{Failure: bob.Failure{Op: "list fields", StatusCode: 200}, Reason: "not JSON; is the base URL right?"}
			b.People.Err = b.Fields.Err
		}, []string{"wrong credentials: could not be tried: bob: list fields: unusable answer (200): not JSON; is the base URL right? → correct BOB_BASE_URL: …"}},
		{"no way to Bob", func(b *Bob, _ *Settings) {
			b.Fields.Err = &bob.TransportError{Failure: bob.Failure{Op: "list fields"}, Reason: "timed out"}
			b.People.Err = b.Fields.Err
		}, []string{"wrong credentials: could not be tried: bob: list fields: timed out → see that this machine reaches Bob, and that BOB_BASE_URL is right"}},
		{"no permission for people", func(b *Bob, _ *Settings) {
			b.People.Err = &bob.AuthError{Failure: bob.Failure{Op: "search people", StatusCode: 403}}
		}, []string{credentials, "wrong people: cannot be read: bob: search people: service user refused (403) → give the service user a permission group in Bob that may see people"}},
		{"over the limit", func(b *Bob, _ *Settings) {
			b.People.Err = &bob.RateLimitError{Failure: bob.Failure{Op: "search people", StatusCode: 429}}
		}, []string{credentials, "wrong people: cannot be read: bob: search people: rate limited → wait a minute, and check again: Bob's calls of this minute are used up"}},
		{"the list of fields alone is broken", func(b *Bob, _ *Settings) {
			b.Fields = Answer[[]bob.Field]{Err: &bob.ServerError{Failure: bob.Failure{Op: "list fields", StatusCode: 500}}}
			delete(b.Answered.Value, "work.workPhone")
		}, []string{
			credentials, people, inactive, "ok fields: 14 of 15 …",
			`warning fields: work.workPhone is missing from every answer; needed by mapping.phone → let the service user's permission group view the category "Work contact details"`,
		}},
		{"nobody is shown", func(b *Bob, _ *Settings) { b.People.Value = People{} }, []string{credentials, "wrong people: Bob shows nobody → put the service user into a permission group …"}},
		{"nobody inactive is shown", func(b *Bob, _ *Settings) {
			b.People.Value = People{Total: 1, StatusShown: true}
		}, []string{
			credentials, "ok people: 1 person is visible",
			`warning inactive people: nobody inactive is visible: neither a future hire nor anybody who left → remove the condition "Lifecycle status equals Employed" …`,
			"ok fields: …",
		}},
		{"leavers cannot be told from hires", without("internal.lifecycleStatus"), []string{
			credentials, people, inactive, "ok fields: 14 of 15 that are asked for came back: root.id, root.email, internal.status, internal.terminationDate, …",
			`wrong fields: internal.lifecycleStatus is missing from every answer; leavers cannot be told from future hires → let the service user's permission group view the category "Lifecycle"`,
		}},
		{"all of a category", func(b *Bob, s *Settings) {
			without("internal.status", "internal.lifecycleStatus", "internal.terminationDate", "employee.lastDayOfWork")(b, s)
			b.People.Value.StatusShown = false
		}, []string{
			credentials, people,
			"warning inactive people: cannot be told apart: Bob shows neither internal.status nor internal.lifecycleStatus → see the fields below",
			"ok fields: 11 of 15 …",
			`wrong fields: internal.status, internal.lifecycleStatus, internal.terminationDate and employee.lastDayOfWork are missing from every answer; nobody is seen to be active or inactive; leavers cannot be told from future hires; access ends only once Bob says inactive, not with the last day → let the service user's permission group view the category "Lifecycle"`,
		}},
		{"the last day alone", without("internal.terminationDate"), []string{
			credentials, people, inactive, "ok fields: 14 of 15 …",
			"warning fields: internal.terminationDate is missing from every answer; access ends only once Bob says inactive, not with the last day → …",
		}},
		{"the site alone", without("work.site"), []string{credentials, people, inactive, "ok fields: …", "warning fields: work.site is missing from every answer; every date is read in the default time zone → …"}},
		{"the start date, which hires wait for", without("work.startDate"), []string{credentials, people, inactive, "ok fields: …", "wrong fields: work.startDate is missing from every answer; future hires are not taken up in time → …"}},
		{"the start date, which nobody waits for", func(b *Bob, s *Settings) {
			s.Used.Policy.Start.When = lifecycle.StartOnCreation
			delete(b.Answered.Value, "work.startDate")
		}, []string{credentials, people, inactive, "ok fields: …", "warning fields: work.startDate is missing from every answer; …"}},
		{"two categories, one of them for names", without("root.surname", "work.workPhone", "work.workMobile"), []string{
			credentials, people, inactive, "ok fields: 12 of 15 …",
			`wrong fields: root.surname is missing from every answer; needed by mapping.lastname → let the service user's permission group view the category "Basic info"`,
			`warning fields: work.workPhone and work.workMobile are missing from every answer; needed by mapping.phone and mapping.custom_attributes.work_cell → let the service user's permission group view the category "Work contact details"`,
		}},
		{"a field that the scope needs", func(b *Bob, s *Settings) {
			s.Used.Scope.Departments = []string{"Surf"}
			delete(b.Answered.Value, "work.department")
		}, []string{credentials, people, inactive, "ok fields: …", `wrong fields: work.department is missing from every answer; needed by mapping.department and scope.departments → let the service user's permission group view the category "Work"`}},
		{"a field of the tenant's own", func(b *Bob, s *Settings) {
			s.Used.Rules = append(s.Used.Rules, mapping.Rule{Target: "comment", Field: "work.custom.field_1"})
			delete(b.Answered.Value, "work.custom.field_1")
		}, []string{credentials, people, inactive, "ok fields: 15 of 16 …", `warning fields: work.custom.field_1 is missing from every answer; needed by mapping.comment → let the service user's permission group view the category "custom_category_7"`}},
		{"a field that Bob has not", func(b *Bob, s *Settings) {
			s.Used.Rules = append(s.Used.Rules, mapping.Rule{Target: "comment", Field: "work.custom.field_2"})
		}, []string{credentials, people, inactive, "ok fields: 15 of 16 …", "wrong fields: Bob has no field work.custom.field_2; needed by mapping.comment → correct the id in the settings file, or make the field in Bob"}},
		{"a field that Bob has not, as the file's line tells", func(b *Bob, s *Settings) {
			s.Used.Rules, s.Held = append(s.Used.Rules, mapping.Rule{Target: "comment", Field: "work.custom.field_2"}), true
		}, []string{credentials, people, inactive, "ok fields: 15 of 16 …"}},
		{"a file that cannot be used", func(b *Bob, s *Settings) { s.Err, s.Instead = errors.New("not YAML"), true }, []string{
			credentials, people, inactive, "ok fields: all 15 that are asked for by the default settings, as the file cannot be used, came back: …",
		}},
		{"the sample cannot be read", func(b *Bob, _ *Settings) {
			b.Answered = Answer[map[string]bool]{Err: &bob.ServerError{Failure: bob.Failure{Op: "search people", StatusCode: 502}}}
		}, []string{credentials, people, inactive, "wrong fields: cannot be read: bob: search people: server error (502) → check again later: the trouble is Bob's own"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Bob{
				Asked: true, Host: "api.hibob.com", Fields: Answer[[]bob.Field]{Value: fieldList()},
				People:   Answer[People]{Value: People{Total: 1204, Hired: 12, Left: 25, Inactive: 40, StatusShown: true}},
				Answered: Answer[map[string]bool]{Value: maps.Clone(answered)},
			}
			s := Settings{Used: mapping.Default()}
			tt.change(&f, &s)
			requireTold(t, tt.want, f.lines(s))
		})
	}
}

// Where Bob's list of fields cannot be read, the id tells the category.
func TestPermissionByID(t *testing.T) {
	b := Bob{Fields: Answer[[]bob.Field]{Err: errors.New("not read")}}
	for field, want := range map[string]string{
		"root.email": "Basic info", "work.title": "Work", "work.workMobile": "Work contact details", "internal.status": "Lifecycle",
		"employee.lastDayOfWork": "Lifecycle", "employee.orgLevel": "Work", "payroll.employment.type": "Employment", "payroll.salary": "Payroll",
		"address.city": "Address", "home.privateEmail": "Personal contact details", "personal.pronouns": "Personal", "surf.custom.field_9": "surf",
	} {
		require.Equal(t, want, b.permission(field), field)
	}
}

func TestOneLogin(t *testing.T) {
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	const (
		credentials = "ok credentials: api.us.onelogin.com accepts them"
		region      = "ok region: us is right"
		scope       = "ok scope: 1,300 users can be listed, and a write that comes to nothing was let through; only a real one proves the rest"
		attributes  = "ok custom attributes: work_cell is defined"
		budget      = "ok budget: 4,800 of 5,000 calls of this hour are left"
		manage      = `give the API credential the scope "Manage users" (OneLogin's Administration → Developers → API credentials)`
	)
	fail := func(op string, status int) onelogin.Failure { return onelogin.Failure{Op: op, StatusCode: status} }
	refused := &onelogin.AuthError{Failure: fail("fetch token", 401)}
	forbidden := func(op string) error { return &onelogin.AuthError{Failure: fail(op, 401), Permission: true} }
	closed := func(op string) error { return &onelogin.BreakerOpenError{Failure: fail(op, 0), Until: now} }
	tests := []struct {
		name   string
		change func(*OneLogin, *Settings)
		want   []string
	}{
		{"all is well", func(*OneLogin, *Settings) {}, []string{credentials, region, scope, attributes, budget}},
		{"not configured", func(o *OneLogin, _ *Settings) { o.Asked = false }, []string{}},
		{"the host is given", func(o *OneLogin, _ *Settings) { o.Host, o.Region = "acme.onelogin.com", "" }, []string{
			"ok credentials: acme.onelogin.com accepts them", "ok region: not needed: the host is given", scope, attributes, budget,
		}},
		{"both regions refuse", func(o *OneLogin, _ *Settings) { o.Credentials = refused }, []string{
			"wrong credentials: api.us.onelogin.com refuses them, and so does the other region, as far as it could be asked → compare ONELOGIN_CLIENT_ID and ONELOGIN_CLIENT_SECRET with …",
		}},
		{"the account's host refuses", func(o *OneLogin, _ *Settings) { o.Credentials, o.Host, o.Region = refused, "acme.onelogin.com", "" }, []string{
			"wrong credentials: acme.onelogin.com refuses them → compare ONELOGIN_CLIENT_ID …",
		}},
		{"the other region accepts", func(o *OneLogin, _ *Settings) { o.Credentials, o.Other = refused, "eu" }, []string{
			"ok credentials: the eu region accepts them",
			"wrong region: these credentials belong to the eu region, not to us → set ONELOGIN_REGION=eu",
			scope, attributes, budget,
		}},
		{"no way to OneLogin", func(o *OneLogin, _ *Settings) {
			o.Credentials = &onelogin.TransportError{Failure: fail("fetch token", 0), Reason: "host name not resolved"}
		}, []string{"wrong credentials: could not be tried: onelogin: fetch token: host name not resolved → see that this machine reaches OneLogin, …"}},
		{"another server", func(o *OneLogin, _ *Settings) {
			o.Credentials = &onelogin.ServerError{Failure: fail("fetch token", 200), Reason: "the answer is not JSON"}
		}, []string{"wrong credentials: could not be tried: onelogin: fetch token: server error (200): the answer is not JSON → see that ONELOGIN_SUBDOMAIN or ONELOGIN_BASE_URL is right; …"}},
		{"no scope at all", func(o *OneLogin, _ *Settings) {
			o.Users.Err, o.Defined, o.Write = forbidden("list users"), Answer[[]string]{Err: closed("list custom attributes")}, closed("prove that users may be written")
			o.Sessions = forbidden("prove that sessions may be ended")
		}, []string{credentials, region, "wrong scope: users may not be listed: onelogin: list users: permission refused (401) → " + manage, budget}},
		{"nothing but the token", func(o *OneLogin, _ *Settings) {
			o.Budget = Answer[onelogin.Budget]{Err: forbidden("read rate limit")}
			o.Users.Err, o.Defined, o.Write = closed("list users"), Answer[[]string]{Err: closed("list custom attributes")}, closed("prove that users may be written")
		}, []string{
			credentials, region, "warning scope: could not be told: onelogin: list users: not sent: access was refused, next call at 2027-03-01T09:00:00Z → " + strings.TrimSuffix(manage, " (OneLogin's Administration → Developers → API credentials)"),
			`warning budget: could not be read: onelogin: read rate limit: permission refused (401) → give the API credential the scope "Manage users"`,
		}},
		{"a scope for reading", func(o *OneLogin, _ *Settings) {
			o.Write, o.Sessions = forbidden("prove that users may be written"), forbidden("prove that sessions may be ended")
		}, []string{credentials, region, "wrong scope: 1,300 users can be listed, but not be written: the scope is for reading alone → " + manage, attributes, budget}},
		{"no ending of sessions", func(o *OneLogin, _ *Settings) { o.Sessions = forbidden("prove that sessions may be ended") }, []string{
			credentials, region, "wrong scope: 1,300 users can be listed and written, but the sessions of a leaver may not be ended → " + manage, attributes, budget,
		}},
		{"no proof of writing", func(o *OneLogin, _ *Settings) {
			o.Write = &onelogin.ServerError{Failure: fail("prove that users may be written", 502)}
		}, []string{credentials, region, "warning scope: 1,300 users can be listed; whether they may be written could not be told: onelogin: prove that users may be written: server error (502) → …", attributes, budget}},
		{"used up", func(o *OneLogin, _ *Settings) {
			limit := &onelogin.RateLimitError{Failure: fail("list users", 429), RetryAfter: 14 * time.Minute}
			o.Users.Err, o.Write, o.Sessions, o.Defined = limit, limit, limit, Answer[[]string]{Err: limit}
			o.Budget.Value.Remaining = 0
		}, []string{
			credentials, region, "warning scope: could not be told: onelogin: list users: rate limited for 14m0s → wait, and check again: the account's calls are used up",
			"warning custom attributes: could not be listed: onelogin: list users: rate limited for 14m0s → wait, …",
			"warning budget: 0 of 5,000 calls of this hour are left → wait for the next hour, which begins in 14 minutes; …",
		}},
		{"a custom attribute is missing", func(o *OneLogin, _ *Settings) { o.Defined.Value = nil }, []string{
			credentials, region, scope,
			"warning custom attributes: work_cell is not defined: it is left out of every write → define it in OneLogin (Users → Custom user fields) by this shortname, or set create_custom_attributes: true in the settings file",
			budget,
		}},
		{"custom attributes are missing", func(_ *OneLogin, s *Settings) {
			s.Used.Rules = append(s.Used.Rules, mapping.Rule{Target: "custom_attributes.shirt"}, mapping.Rule{Target: "custom_attributes.board"})
		}, []string{credentials, region, scope, "warning custom attributes: shirt and board are not defined: they are left out of every write → define them in OneLogin …", budget}},
		{"a custom attribute that we may define", func(o *OneLogin, s *Settings) { o.Defined.Value, s.Used.CreateCustomAttributes = nil, true }, []string{
			credentials, region, scope, "ok custom attributes: work_cell is not defined yet; the worker defines what it needs (create_custom_attributes)", budget,
		}},
		{"no custom attributes", func(o *OneLogin, s *Settings) { o.Defined.Value, s.Used.Rules = nil, s.Used.Rules[:2] }, []string{credentials, region, scope, "ok custom attributes: none is mapped", budget}},
		{"a fifth is left", func(o *OneLogin, _ *Settings) { o.Budget.Value.Remaining = 1000 }, []string{credentials, region, scope, attributes, "ok budget: 1,000 of 5,000 calls of this hour are left"}},
		{"less than a fifth is left", func(o *OneLogin, _ *Settings) { o.Budget.Value.Remaining = 999 }, []string{
			credentials, region, scope, attributes,
			"warning budget: 999 of 5,000 calls of this hour are left → wait for the next hour, which begins in 14 minutes; if it happens again, find out who else calls OneLogin for this account",
		}},
		{"little is left, and nobody knows how long", func(o *OneLogin, _ *Settings) { o.Budget.Value.Remaining, o.Budget.Value.ResetAt = 1, time.Time{} }, []string{
			credentials, region, scope, attributes,
			"warning budget: 1 of 5,000 calls of this hour are left → wait for the next hour; if it happens again, find out who else calls OneLogin for this account",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := OneLogin{
				Asked: true, Host: "api.us.onelogin.com", Region: "us", Users: Answer[int]{Value: 1300}, Defined: Answer[[]string]{Value: []string{"work_cell", "other"}},
				Budget: Answer[onelogin.Budget]{Value: onelogin.Budget{Limit: 5000, Remaining: 4800, ResetAt: now.Add(13*time.Minute + time.Second)}}, Now: now,
			}
			s := Settings{Used: mapping.Default()}
			tt.change(&o, &s)
			requireTold(t, tt.want, o.lines(s))
		})
	}
}

func TestWebhookSettingsAndEncryption(t *testing.T) {
	used := mapping.Default()
	used.Version = "1a2b3c4d5e6f"
	_, broken := mapping.Parse([]byte("statu: follow_bob\n"))
	require.Error(t, broken)
	missing := readSettings("/nowhere/policy.yaml")
	tests := []struct {
		name string
		f    Facts
		want []string
	}{
		{"the least", Facts{WebhookSecrets: 1, Settings: Settings{Used: mapping.Default()}}, []string{
			"ok secret: one is set; whether it is Bob's shows at the first webhook",
			"ok settings file: none: Bob's own default table applies, 9 attributes are mapped",
			"warning keys: none: names, addresses and phone numbers are readable in Temporal → `starter codec --new-key` makes one; set PAYLOAD_KEYS to it, for worker and starter alike",
		}},
		{"everything", Facts{WebhookSecrets: 1, KeyIDs: []string{"2026"}, Settings: Settings{Path: "policy.yaml", Used: used, Held: true}}, []string{
			"ok secret: …", "ok settings file: policy.yaml: 9 attributes are mapped, version 1a2b3c4d5e6f", "ok keys: payloads are encrypted with the key 2026",
		}},
		{"rotations, and no list of fields", Facts{WebhookSecrets: 2, KeyIDs: []string{"2027", "2026", "2025"}, Settings: Settings{Path: "policy.yaml", Used: used}}, []string{
			"ok secret: 2 secrets are set: a rotation is in progress; take the old one out once Bob signs with the new one",
			"ok settings file: policy.yaml: 9 attributes are mapped, version 1a2b3c4d5e6f; not held against Bob's list of fields, which could not be read",
			"ok keys: payloads are encrypted with the key 2027; 2026, 2025 only decrypt",
		}},
		{"two keys, and a broken file", Facts{WebhookSecrets: 1, KeyIDs: []string{"2027", "2026"}, Settings: Settings{Path: "policy.yaml", Used: used, Err: broken}}, []string{
			"ok secret: …",
			"wrong settings file: policy.yaml cannot be used: provisioning file: 1 mistake\n  1:1: statu: no such key; did you mean status?\n     1 | statu: follow_bob\n       | ^ → correct the file; docs/settings.md lists its keys",
			"ok keys: payloads are encrypted with the key 2027; 2026 only decrypts",
		}},
		{"a file that is gone", Facts{WebhookSecrets: 1, KeyIDs: []string{"2027"}, Settings: missing}, []string{
			"ok secret: …", "wrong settings file: /nowhere/policy.yaml cannot be used: no such file or directory → …", "ok keys: …",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines []Line
			for _, l := range Judge(tt.f) {
				if l.Area != AreaTemporal {
					lines = append(lines, l)
				}
			}
			requireTold(t, tt.want, lines)
		})
	}
}

func TestCount(t *testing.T) {
	lines := []Line{{Result: OK}, {Result: Wrong}, {Result: OK}}
	require.Equal(t, []int{2, 0, 1}, []int{Count(lines, OK), Count(lines, Warning), Count(lines, Wrong)})
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, thousands(n))
	}
	require.Equal(t, "36 hours", days(36*time.Hour))
	require.Equal(t, "0 hours", days(0))
	require.Empty(t, listed(nil))
}
