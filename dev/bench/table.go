package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// verdict says whether a figure keeps its bound.
type verdict string

const (
	told  verdict = "" // it has no bound
	holds verdict = "holds"
	fails verdict = "FAILS"
)

func judge(ok bool) verdict {
	if ok {
		return holds
	}
	return fails
}

// row is one line of a table: what was measured first.
type row struct {
	cells   []string
	verdict verdict
}

// table is what came of a part, or of a piece of it.
type table struct {
	title   string
	columns []string
	rows    []row
}

// figures is the usual table.
func figures(title string) *table {
	return &table{title: title, columns: []string{"", "measured", "bound"}}
}

func (t *table) add(v verdict, cells ...any) {
	r := row{verdict: v}
	for _, c := range cells {
		r.cells = append(r.cells, text(c))
	}
	t.rows = append(t.rows, r)
}

// tell adds a figure that has no bound.
func (t *table) tell(what string, value any) { t.add(told, what, value, "") }

// ratio adds a figure that is to be at most so many times another.
func (t *table) ratio(what string, value, most float64) {
	t.add(judge(value <= most), what, fmt.Sprintf("%.2f", value), fmt.Sprintf("at most %.1f", most))
}

// exact adds a number that is to be the least possible.
func (t *table) exact(what string, value, least int) {
	t.add(judge(value == least), what, value, fmt.Sprintf("%s, the least possible", text(least)))
}

func text(v any) string {
	switch v := v.(type) {
	case int:
		return thousands(v)
	case time.Duration:
		return short(v)
	case float64:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprint(v)
	}
}

// thousands writes a number for people.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// short writes a duration with three digits or so.
func short(d time.Duration) string {
	for _, step := range []time.Duration{time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		if d < 1000*step {
			return d.Round(step).String()
		}
	}
	return d.Round(time.Second).String()
}

func megabytes(bytes int64) string {
	if bytes == 0 {
		return "unknown on this system"
	}
	return fmt.Sprintf("%d MB", bytes>>20)
}

func kilobytes(bytes int) string { return fmt.Sprintf("%.1f KB", float64(bytes)/1024) }

func (t table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\n", t.title)
	fmt.Fprintln(w, strings.Join(t.columns, "\t"))
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\n", strings.Join(r.cells, "\t"), r.verdict)
	}
	_ = w.Flush()
}

func (t table) markdown(out *bytes.Buffer) {
	line := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	fmt.Fprintf(out, "\n**%s**\n\n", t.title)
	line(append(slices.Clone(t.columns), "verdict"))
	fmt.Fprintln(out, strings.Repeat("|---", len(t.columns)+1)+"|")
	for _, r := range t.rows {
		line(append(slices.Clone(r.cells), string(r.verdict)))
	}
}

// failures are the figures that do not keep their bounds.
func (t table) failures(part string) []string {
	var out []string
	for _, r := range t.rows {
		if r.verdict == fails {
			out = append(out, part+": "+t.title+": "+strings.Join(r.cells, ", "))
		}
	}
	return out
}

func markers(part string) (begin, end string) {
	return "<!-- bench " + part + " -->\n", "<!-- /bench " + part + " -->"
}

// rewrite puts the tables of a part into a document, between its markers.
func rewrite(path, part, heading string, tables []table) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := markers(part)
	before, rest, found := bytes.Cut(document, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return fmt.Errorf("%s has no place for %s: %s … %s", path, part, strings.TrimSpace(begin), end)
	}
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s%s\n", begin, heading)
	for _, t := range tables {
		t.markdown(&out)
	}
	out.WriteString(end)
	out.Write(after)
	return os.WriteFile(path, out.Bytes(), 0o644)
}
