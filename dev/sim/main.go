package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/dev/sim/people"
)

// stopWithin is how long calls under way may take to end.
const stopWithin = 5 * time.Second

const (
	mixed  = "mixed"
	synced = "synced"
)

// flags are the command's options; all have defaults.
type flags struct {
	Employees int  `default:"25" help:"Number of sample employees; the same ones for the same number and day."`
	AtRest    bool `help:"Leave out sample employees who start or leave later: nobody waits for a date."`

	BobAddr         string        `default:"127.0.0.1:8091" help:"Where Bob listens; port 0 picks a free one."`
	BobUser         string        `default:"SERVICE-sim" help:"Bob's service user."`
	BobToken        string        `default:"sim-bob-token" help:"Its token."`
	WebhookURL      string        `name:"webhook-url" default:"http://127.0.0.1:8080/webhooks/bob" help:"Where Bob sends webhooks; empty: nowhere."`
	WebhookSecret   string        `default:"sim-webhook-secret" help:"What Bob signs them with."`
	WebhookAttempts int           `default:"${attempts}" help:"Attempts before Bob gives a webhook up; the default lasts about ten minutes."`
	WebhookRetry    time.Duration `default:"${retry}" help:"Pause before the second attempt; it doubles with each, up to --webhook-retry-most. Moving the clock shortens it."`
	WebhookMost     time.Duration `name:"webhook-retry-most" default:"${retryMost}" help:"The longest pause between two attempts."`
	StaleFor        time.Duration `default:"0s" help:"How long Bob's reads show what was before a write, up to 20s."`
	PerMinute       int           `default:"${perMinute}" help:"Bob's limit of calls per endpoint and minute; negative: none."`
	AutoLifecycle   bool          `help:"Let Bob's clock make employees of hires on their start date, and leavers on their last day."`

	OneloginAddr         string        `name:"onelogin-addr" default:"127.0.0.1:8092" help:"Where OneLogin listens; port 0 picks a free one."`
	OneloginClientID     string        `name:"onelogin-client-id" default:"sim-client-id" help:"OneLogin's API client."`
	OneloginClientSecret string        `name:"onelogin-client-secret" default:"sim-client-secret" help:"Its secret."`
	OneloginUsers        string        `name:"onelogin-users" default:"mixed" enum:"mixed,synced,none" help:"Who is in OneLogin at first: some, in every state (mixed); everybody due, in line with Bob (synced); nobody (none)."`
	Account              string        `default:"acme" help:"OneLogin's account name."`
	OwnerEmail           string        `help:"E-mail of the account owner, whom OneLogin does not let anybody modify."`
	HourlyBudget         int           `default:"5000" help:"OneLogin's calls per hour; negative: no limit."`
	BudgetWindow         time.Duration `default:"1h" help:"How long OneLogin's hour lasts."`
	BurstPerSecond       int           `default:"100" help:"OneLogin's calls per second; negative: no limit."`
	Licences             int           `default:"0" help:"OneLogin's licences; 0: as many as needed."`
	WorkCell             bool          `default:"true" negatable:"" help:"Define OneLogin's custom attribute work_cell from the start."`
}

// Validate is called by kong.
func (f *flags) Validate() error {
	var errs []error
	if f.Employees < 0 {
		errs = append(errs, errors.New("--employees must not be negative"))
	}
	if f.WebhookAttempts < 1 {
		errs = append(errs, errors.New("--webhook-attempts must be positive"))
	}
	if f.WebhookRetry <= 0 || f.WebhookMost < f.WebhookRetry {
		errs = append(errs, errors.New("--webhook-retry must be positive, and --webhook-retry-most no shorter"))
	}
	if f.BudgetWindow < time.Second {
		errs = append(errs, errors.New("--budget-window must be a second or more"))
	}
	if f.Licences < 0 {
		errs = append(errs, errors.New("--licences must not be negative"))
	}
	return errors.Join(append(errs, f.bobSettings().Validate())...)
}

func (f *flags) bobSettings() bob.Settings {
	return bob.Settings{
		WebhookURL:    f.WebhookURL,
		WebhookSecret: f.WebhookSecret,
		StaleFor:      control.Duration(f.StaleFor),
		PerMinute:     f.PerMinute,
		AutoLifecycle: f.AutoLifecycle,
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		stop()
		os.Exit(1)
	}
}

// run serves both stand-ins until ctx ends, which is no error.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	f, helped, err := parse(args, out)
	if err != nil || helped {
		return err
	}
	var lc net.ListenConfig
	bobListener, err := lc.Listen(ctx, "tcp", f.BobAddr)
	if err != nil {
		return fmt.Errorf("listen as Bob: %w", err)
	}
	oneloginListener, err := lc.Listen(ctx, "tcp", f.OneloginAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("listen as OneLogin: %w", err), bobListener.Close())
	}

	// One clock, so that moving it on either address moves the world; calls and
	// faults are each stand-in's own.
	clock := control.NewClock()
	bobServer := bob.New(bob.Config{
		ServiceUserID: f.BobUser,
		Token:         f.BobToken,
		Attempts:      f.WebhookAttempts,
		RetryFirst:    f.WebhookRetry,
		RetryMost:     f.WebhookMost,
		Settings:      f.bobSettings(),
	}, control.New(clock))
	oneloginServer := onelogin.New(onelogin.Config{
		ClientID:       f.OneloginClientID,
		ClientSecret:   f.OneloginClientSecret,
		Account:        f.Account,
		HourlyBudget:   f.HourlyBudget,
		BudgetWindow:   f.BudgetWindow,
		BurstPerSecond: f.BurstPerSecond,
		Licences:       f.Licences,
		OwnerEmail:     f.OwnerEmail,
	}, control.New(clock))
	users, err := populate(bobServer, oneloginServer, f, clock.Now())
	if err != nil {
		bobServer.Close()
		return errors.Join(err, bobListener.Close(), oneloginListener.Close())
	}

	servers := []*http.Server{newServer(bobServer), newServer(oneloginServer)}
	group, ctx := errgroup.WithContext(ctx)
	for i, listener := range []net.Listener{bobListener, oneloginListener} {
		group.Go(func() error {
			if err := servers[i].Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", listener.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		// Webhooks first: calls to the controls may be waiting for them.
		bobServer.Close()
		return shutDown(servers)
	})
	announce(out, f, address(bobListener), address(oneloginListener), users)
	return group.Wait()
}

// parse reports helped when help was asked for and given.
func parse(args []string, out io.Writer) (f *flags, helped bool, err error) {
	f = &flags{}
	parser, err := kong.New(
		f,
		kong.Name("sim"),
		kong.Description("Stand-ins for Bob and OneLogin, with sample employees."),
		kong.Writers(out, out),
		kong.Exit(func(int) { helped = true }),
		kong.Vars{
			"attempts":  fmt.Sprint(bob.DefaultAttempts),
			"retry":     bob.DefaultRetryFirst.String(),
			"retryMost": bob.DefaultRetryMost.String(),
			"perMinute": fmt.Sprint(bob.DefaultPerMinute),
		},
	)
	if err != nil {
		return nil, false, fmt.Errorf("make flags: %w", err)
	}
	if _, err := parser.Parse(args); err != nil && !helped {
		return nil, false, fmt.Errorf("read flags: %w", err)
	}
	return f, helped, nil
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
}

// shutDown lets calls end, and cuts those that do not in time: they may be
// faults that delay for hours.
func shutDown(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	var errs []error
	for _, server := range servers {
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// populate makes the sample people and puts them into both stand-ins. It returns
// how many users OneLogin has.
func populate(b *bob.Server, o *onelogin.Server, f *flags, now time.Time) (int, error) {
	if f.WorkCell {
		o.DefineCustomAttribute("Work Cell", "work_cell")
	}
	ids := map[string]int64{} // OneLogin's by Bob's
	for _, p := range sample(f, now) {
		if user := oneloginUser(p, f.OneloginUsers); user != nil {
			if !f.WorkCell {
				delete(user, "custom_attributes")
			}
			// Managers come before the people they manage.
			if manager, ok := ids[p.ManagerID]; ok {
				user["manager_user_id"] = manager
			}
			ids[p.ID] = o.Seed(user)[0]
		}
		if err := b.Seed(p.Record); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

func sample(f *flags, now time.Time) []people.Person {
	if f.AtRest {
		return people.AtRest(f.Employees, now)
	}
	return people.Generate(f.Employees, now)
}

// oneloginUser is what OneLogin holds of a person at first, nil for nothing.
func oneloginUser(p people.Person, which string) map[string]any {
	switch which {
	case mixed:
		return p.User
	case synced:
		if p.Due() {
			return p.Synced()
		}
	}
	return nil
}

// address is the host and port to call a listener at.
func address(l net.Listener) string {
	addr, ok := l.Addr().(*net.TCPAddr)
	if ok && addr.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", addr.Port)
	}
	return l.Addr().String()
}

func announce(out io.Writer, f *flags, bobAddr, oneloginAddr string, users int) {
	webhooks := "webhooks to " + f.WebhookURL
	if f.WebhookURL == "" {
		webhooks = "no webhooks"
	}
	var text strings.Builder
	fmt.Fprintf(&text, `The stand-ins are up. Ctrl-C stops them.

  Bob       http://%s   %d employees, %s
  OneLogin  http://%s   %d users

  On both:  GET|DELETE /_sim/calls   GET|POST|DELETE /_sim/faults   GET|POST /_sim/clock   GET|PUT /_sim/settings
  Bob:      GET /_sim/people   PUT|DELETE /_sim/people/{id}?event=employee.updated   GET|POST /_sim/events   POST /_sim/ping
  OneLogin: GET|POST /_sim/users   PUT|DELETE /_sim/users/{id}   GET /_sim/sessions   GET /_sim/limits

Worker and starter reach them with

`, bobAddr, f.Employees, webhooks, oneloginAddr, users)
	for _, v := range [][2]string{
		{"BOB_BASE_URL", "http://" + bobAddr + "/v1"},
		{"BOB_SERVICE_USER_ID", f.BobUser},
		{"BOB_SERVICE_USER_TOKEN", f.BobToken},
		{"BOB_WEBHOOK_SECRETS", f.WebhookSecret},
		{"ONELOGIN_BASE_URL", "http://" + oneloginAddr},
		{"ONELOGIN_CLIENT_ID", f.OneloginClientID},
		{"ONELOGIN_CLIENT_SECRET", f.OneloginClientSecret},
	} {
		fmt.Fprintf(&text, "  export %s=%s\n", v[0], quote(v[1]))
	}
	_, _ = io.WriteString(out, text.String()+"\n")
}

// quote makes a value safe to paste into a shell.
func quote(value string) string {
	plain := strings.IndexFunc(value, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@,+", r)
	}) < 0
	if plain && value != "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
