package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bob-onelogin/activities"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

const (
	planFormat  = "bob-onelogin plan"
	planVersion = 1
	// planAge is how old a plan may be without a word about it.
	planAge = 24 * time.Hour
)

// planFile is a dry run's plan as a file. It holds people's data.
type planFile struct {
	Format     string `json:"format"`
	Version    int    `json:"version"`
	Namespace  string `json:"namespace"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// MadeAt is when the dry run began: what it planned from is no older.
	MadeAt time.Time `json:"madeAt"`
	// Settings is the version of the provisioning settings that planned.
	Settings string `json:"settings"`
	// Employees and Users are how many people Bob and OneLogin showed, Outcomes
	// what would come of them.
	Employees  int                      `json:"employees"`
	Users      int                      `json:"users"`
	Outcomes   map[employee.Outcome]int `json:"outcomes"`
	SkippedFor map[string]int           `json:"skippedFor,omitempty"`
	People     []planPerson             `json:"people"`
}

// planPerson is what would be done about one person. Whole people may be taken
// out of a file; anything else is refused by Check.
type planPerson struct {
	EmployeeID string              `json:"employeeId"`
	OneLoginID int64               `json:"oneloginId,omitempty"`
	Outcome    employee.Outcome    `json:"outcome"`
	Reason     string              `json:"reason"`
	Changes    []activities.Change `json:"changes,omitempty"`
	// Digest is what the worker compares with the person's state.
	Digest string `json:"digest"`
	// Check is a sum over the rest: what a file shows is what it applies.
	Check string `json:"check"`
}

func (p planPerson) sum() string {
	p.Check = ""
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of text and numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func newPlan(namespace string, v dispatch.BulkView, entries []workflows.PlanEntry) planFile {
	p := planFile{
		Format: planFormat, Version: planVersion, Namespace: namespace, WorkflowID: v.WorkflowID, RunID: v.RunID,
		MadeAt: v.StartedAt.UTC(), Settings: v.Progress.Settings, Employees: v.Progress.Employees, Users: v.Progress.Users,
		Outcomes: v.Progress.Outcomes, SkippedFor: v.Progress.SkippedFor, People: []planPerson{},
	}
	for _, e := range entries {
		person := planPerson{
			EmployeeID: e.EmployeeID, OneLoginID: e.OneLoginID, Outcome: e.Outcome, Reason: e.Reason,
			Changes: slices.SortedFunc(slices.Values(e.Changes), func(a, b activities.Change) int { return cmp.Compare(a.Attribute, b.Attribute) }),
			Digest:  e.Digest,
		}
		person.Check = person.sum()
		p.People = append(p.People, person)
	}
	slices.SortFunc(p.People, func(a, b planPerson) int { return byNumber(a.EmployeeID, b.EmployeeID) })
	return p
}

// Summary says in a few words what the plan is.
func (p planFile) Summary() string {
	counts := map[string]int{}
	for _, person := range p.People {
		switch o := person.Outcome; {
		case writes(o):
			counts["change"]++
		case o == employee.Scheduled:
			counts["wait for a date"]++
		case o == employee.Failed, o == employee.Held:
			counts["need"]++
		default:
			counts["be looked at"]++
		}
	}
	text := "Nobody would change"
	if n := counts["change"]; n > 0 {
		text = people(n) + " would change"
	}
	for _, what := range []string{"wait for a date", "be looked at"} {
		if n := counts[what]; n > 0 {
			text += fmt.Sprintf(", %d would %s", n, what)
		}
	}
	switch n := counts["need"]; n {
	case 0:
		return text
	case 1:
		return text + ", 1 needs somebody first"
	default:
		return fmt.Sprintf("%s, %d need somebody first", text, n)
	}
}

// byNumber orders Bob ids, which are decimal numbers.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// planWriter is how a plan is written to a file of that name.
func planWriter(path string) (func(io.Writer, planFile) error, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return writePlanJSON, nil
	case ".html", ".htm":
		return writePlanHTML, nil
	default:
		return nil, errors.New("--output: the name must end in .json (to apply the plan) or .html (to read it)")
	}
}

func writePlanJSON(w io.Writer, p planFile) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(p)
}

// savePlan writes a plan whole or not at all. Only its owner may read it.
func savePlan(path string, p planFile) error {
	write, err := planWriter(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".plan-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	err = errors.Join(write(f, p), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the plan: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// readPlan reads a plan that is to be applied, and refuses what it does not
// know for sure.
func readPlan(path string) (planFile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return planFile{}, fmt.Errorf("--apply: %w", err)
	}
	p, err := parsePlan(content)
	if err != nil {
		return planFile{}, fmt.Errorf("--apply %s: %w", filepath.Base(path), err)
	}
	return p, nil
}

func parsePlan(content []byte) (planFile, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(content, &head); err != nil || head.Format != planFormat {
		return planFile{}, errors.New("this is no plan: give a file that `starter bulk --dry-run --output plan.json` has written")
	}
	if head.Version != planVersion {
		return planFile{}, fmt.Errorf("the plan has version %d, and this starter knows version %d alone; make a new plan with this one", head.Version, planVersion)
	}
	var p planFile
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return planFile{}, fmt.Errorf("the plan is damaged: %w", err)
	}
	if d.More() {
		return planFile{}, errors.New("the plan is damaged: something follows its end")
	}
	if p.Namespace == "" || p.MadeAt.IsZero() {
		return planFile{}, errors.New("the plan is damaged: it does not say where or when it was made")
	}
	seen := map[string]bool{}
	for i, person := range p.People {
		switch {
		case person.EmployeeID == "" || person.Digest == "" || person.Check != person.sum():
			return planFile{}, fmt.Errorf("person %d of the plan (employee %q) was edited or is damaged; whole people may be taken out, and anything else takes a new plan", i+1, cut(person.EmployeeID, 20))
		case seen[person.EmployeeID]:
			return planFile{}, fmt.Errorf("employee %s is twice in the plan", person.EmployeeID)
		}
		seen[person.EmployeeID] = true
	}
	return p, nil
}

// applied sums up what came of a plan.
type applied struct {
	// done were dealt with, those who failed included; inLine were so already,
	// and missing are those of whom no run has said anything.
	done, inLine, missing int
	// unfit could not be planned, and so are not applied.
	unfit    int
	outcomes map[employee.Outcome]int
	// failures are those that were listed, omitted how many were not.
	failures []workflows.BulkFailure
	omitted  int
}

// apply makes the changes of a plan, a run after the other where one cannot
// hold them all.
func (b *bulk) apply(ctx context.Context, p planFile) error {
	if p.Namespace != b.namespace {
		return fmt.Errorf("the plan was made in namespace %q, and this is %q (TEMPORAL_NAMESPACE)", p.Namespace, b.namespace)
	}
	if age := time.Since(p.MadeAt); age > planAge {
		b.say("The plan is %s old. People whose state has moved since are refused.", span(age))
	}
	var todo []planPerson
	sum := applied{outcomes: map[employee.Outcome]int{}}
	for _, person := range p.People {
		if person.Outcome == employee.Failed {
			sum.unfit++
			continue
		}
		todo = append(todo, person)
	}
	parts := slices.Collect(slices.Chunk(todo, workflows.MaxApply))
	allow := b.command.AllowSuspensions
	for i, part := range parts {
		in := workflows.BulkSyncInput{Apply: map[string]string{}, Window: b.command.Window}
		suspended := 0
		for _, person := range part {
			in.Apply[person.EmployeeID] = person.Digest
			if person.Outcome == employee.Suspended {
				suspended++
			}
		}
		// The number is for the plan, however many runs it takes.
		in.AllowSuspensions = min(allow, suspended)
		allow -= in.AllowSuspensions
		rest := ""
		if len(parts) > 1 {
			b.say("Part %d of %d: %s.", i+1, len(parts), people(len(part)))
			rest = fmt.Sprintf("; parts %d to %d of the plan were not begun", i+2, len(parts))
			if i+1 == len(parts) {
				rest = ""
			}
		}
		run, err := b.begin(ctx, in)
		if err != nil {
			return fmt.Errorf("the plan is not applied from person %d on: %w", i*workflows.MaxApply+1, err)
		}
		b.say("Started %s, run %s.", run.WorkflowID, run.RunID)
		view, err := b.watch(ctx, run)
		var left *exitError
		switch {
		case errors.As(err, &left):
			return &exitError{left.code, fmt.Errorf("%w%s", left.error, rest)}
		case err != nil:
			return fmt.Errorf("%w%s", err, rest)
		case view.Failure != "" || view.Progress == nil:
			printEnd(b.out, view)
			return fmt.Errorf("%w%s", verdict(view), rest)
		}
		sum.add(*view.Progress, len(part))
	}
	sum.print(b.out, len(p.People))
	return sum.verdict()
}

// add takes in how one part ended.
func (a *applied) add(p workflows.BulkProgress, planned int) {
	told := 0
	for o, n := range p.Outcomes {
		a.outcomes[o] += n
		told += n
	}
	a.done += p.Done
	a.inLine += max(told-p.Done, 0)
	a.missing += max(planned-told, 0)
	a.failures = append(a.failures, p.Failures...)
	a.omitted += p.FailuresOmitted
}

func (a *applied) print(w io.Writer, planned int) {
	fmt.Fprintf(w, "The plan has %s.\n", people(planned))
	line := func(n int, text string) {
		if n > 0 {
			fmt.Fprintf(w, "  %d %s\n", n, text)
		}
	}
	failed, moved := a.outcomes[employee.Failed], a.outcomes[employee.Moved]
	line(a.done-failed-moved, "applied")
	line(moved, "refused, because the person's state has moved since")
	line(failed, "failed")
	line(a.inLine, "in line already, or out of scope by now")
	line(a.unfit, "left out: the plan itself says that somebody has to mend something first")
	line(a.missing, "not shown by Bob any more")
	printOutcomes(w, workflows.BulkProgress{Outcomes: a.outcomes})
	printFailures(w, workflows.BulkProgress{Failures: a.failures, FailuresOmitted: a.omitted})
}

func (a *applied) verdict() error {
	if left := a.outcomes[employee.Failed] + a.outcomes[employee.Moved]; left > 0 {
		return fmt.Errorf("the changes of %s were not applied", people(left))
	}
	return nil
}

// meaningOf tells what a value means that does not speak for itself.
func meaningOf(attribute, value string) string {
	if attribute != mapping.AttrStatus {
		return ""
	}
	return map[string]string{
		fmt.Sprint(int(onelogin.StatusUnactivated)): "unactivated",
		fmt.Sprint(int(onelogin.StatusActive)):      "active",
		fmt.Sprint(int(onelogin.StatusSuspended)):   "suspended",
	}[value]
}

// attributesOf are the attributes that a plan changes, by name.
func attributesOf(plan []planPerson) []string {
	names := map[string]bool{}
	for _, person := range plan {
		for _, c := range person.Changes {
			names[c.Attribute] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
