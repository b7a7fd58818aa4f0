package check

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/workflows"
)

// Temporal is what was found out about Temporal.
type Temporal struct {
	// Address and Namespace are those of the configuration.
	Address, Namespace string
	// Unreachable says why nothing else was asked.
	Unreachable error
	Version     Answer[string]
	Retention   Answer[time.Duration]
	// Missing are the search attributes that the namespace lacks.
	Missing Answer[[]string]
	Queues  Answer[[]dispatch.Queue]
	// Brake is where the suspension brake stands.
	Brake Answer[brake.View]
}

// enoughRetention is how long a workflow that has ended should be kept: its
// result holds what a later run goes by, and what an operator asks for.
const enoughRetention = 7 * 24 * time.Hour

func (t Temporal) lines() []Line {
	a := area{name: AreaTemporal}
	if t.Unreachable != nil {
		a.wrong("server", unreachable(t.Unreachable),
			"start the server, or set TEMPORAL_ADDRESS, and TEMPORAL_TLS and TEMPORAL_API_KEY where it wants them, as for Temporal's own CLI")
		return a.lines
	}
	detail := "reached at " + t.Address
	if t.Version.Err == nil && t.Version.Value != "" {
		detail += ", version " + t.Version.Value
	}
	a.ok("server", detail)

	var none *serviceerror.NamespaceNotFound
	switch retention := t.Retention.Value; {
	case errors.As(t.Retention.Err, &none):
		a.wrong("namespace", "there is no namespace "+t.Namespace,
			"set TEMPORAL_NAMESPACE, or create it:\ntemporal operator namespace create --retention 30d --namespace "+t.Namespace)
		return a.lines // nothing else can be asked of it
	case t.Retention.Err != nil:
		a.warn("namespace", t.Namespace+" could not be looked at: "+t.Retention.Err.Error(), "permit the connection's identity to read the namespace")
	case retention < enoughRetention:
		a.warn("namespace", fmt.Sprintf("%s keeps what has ended for %s: results, and what they remember, are forgotten with it", t.Namespace, days(retention)),
			"keep it for longer:\ntemporal operator namespace update --retention 30d --namespace "+t.Namespace)
	default:
		a.ok("namespace", fmt.Sprintf("%s keeps what has ended for %s", t.Namespace, days(retention)))
	}

	var mistyped *dispatch.AttributeTypeError
	switch missing := t.Missing.Value; {
	case errors.As(t.Missing.Err, &mistyped):
		a.wrong("search attributes", mistyped.Error(),
			"rename or remove that search attribute in the namespace; until then workflows go without theirs, and cannot be listed by state")
	case t.Missing.Err != nil:
		a.warn("search attributes", "could not be listed: "+t.Missing.Err.Error(), "permit the connection's identity to list search attributes")
	case len(missing) > 0:
		var arguments strings.Builder
		for _, name := range missing {
			fmt.Fprintf(&arguments, " --name %s --type %s", name, dispatch.SearchAttributes()[name])
		}
		a.warn("search attributes", listed(missing)+ifOne(len(missing), " is", " are")+" missing: workflows cannot be listed by state",
			"start a worker, which adds them where it may, or add them:\ntemporal operator search-attribute create --namespace "+t.Namespace+arguments.String())
	default:
		a.ok("search attributes", listed(attributeNames())+" are there")
	}

	t.worker(&a)
	t.brake(&a)
	return a.lines
}

// brake tells whom the suspension brake holds. That needs a worker, whose lack
// has a line of its own; of a brake that was never asked there is nothing to
// tell.
func (t Temporal) brake(a *area) {
	const name = "suspension brake"
	v := t.Brake.Value
	switch {
	case errors.Is(t.Brake.Err, dispatch.ErrNoAnswer), t.Brake.Err == nil && v.Settings.Window == 0:
	case t.Brake.Err != nil:
		a.warn(name, "could not be asked: "+t.Brake.Err.Error(), "permit the connection's identity to query workflows")
	case v.Held > 0:
		a.warn(name, fmt.Sprintf("holds %s who left and can still log in; %d of %d suspensions are used", plural(v.Held, "person", "people"), v.Used, v.Limit),
			"`starter brake show` lists them; then approve or reject")
	default:
		a.ok(name, fmt.Sprintf("holds nobody; %d of %d suspensions are used", v.Used, v.Limit))
	}
}

func (t Temporal) worker(a *area) {
	if t.Queues.Err != nil {
		a.warn("worker", "the task queues could not be looked at: "+t.Queues.Err.Error(), "permit the connection's identity to describe task queues")
		return
	}
	var idle, polled []string
	most := 0
	for _, q := range t.Queues.Value {
		if q.Polled() {
			polled = append(polled, q.Name)
		} else {
			idle = append(idle, q.Name)
		}
		most = max(most, q.Workflows, q.Activities)
	}
	switch {
	case len(polled) == 0:
		a.warn("worker", "none polls "+listed(idle)+": events wait", "start the worker with the same TEMPORAL_* variables")
	case len(idle) > 0:
		a.warn("worker", "none polls "+listed(idle)+", though one does "+listed(polled), "restart the worker, and look into its log")
	default:
		a.ok("worker", fmt.Sprintf("%s %s", plural(most, "process polls", "processes poll"), listed(polled)))
	}
}

func attributeNames() []string {
	return []string{workflows.SyncStateKey.GetName(), workflows.SyncDueAtKey.GetName()}
}

// unreachable takes the layers that gRPC puts around a failed connection off.
func unreachable(err error) string {
	where, _, _ := strings.Cut(err.Error(), ": ")
	if _, why, ok := strings.Cut(err.Error(), "Error while dialing: "); ok {
		return where + ": " + strings.Trim(why, `"`)
	}
	return err.Error()
}
