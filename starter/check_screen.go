package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"bob-onelogin/internal/check"
)

const (
	// plainColumns is the width of what is written to a file or a pipe.
	plainColumns = 100
	// leastColumns keeps words whole on a narrow terminal.
	leastColumns = 60
)

// checkScreen writes the lines of a check, wrapped and, on a terminal, in colour.
type checkScreen struct {
	out     io.Writer
	columns int
	colour  bool
}

// newCheckScreen takes the value of NO_COLOR.
func newCheckScreen(out io.Writer, noColour string) checkScreen {
	s := checkScreen{out: out, columns: plainColumns}
	if f, ok := out.(*os.File); ok && isTerminal(f) {
		s.columns = max(columns(f), leastColumns)
		s.colour = noColour == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

// paints are the colours of results, and bold for headings.
var paints = map[string]string{
	string(check.OK): "32", string(check.Warning): "33", string(check.Wrong): "31;1", "": "1",
}

// paint colours a text that is padded to a width already.
func (s checkScreen) paint(how, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + paints[how] + "m" + text + "\x1b[0m"
}

const (
	margin       = "  "
	resultColumn = len("warning") + 2
)

// indent is where the name of a check begins.
var indent = strings.Repeat(" ", len(margin)+resultColumn)

func (s checkScreen) print(lines []check.Line) error {
	var b strings.Builder
	name := 0
	for _, l := range lines {
		name = max(name, utf8.RuneCountInString(l.Check)+2)
	}
	left := len(margin) + resultColumn + name
	area := ""
	for _, l := range lines {
		if l.Area != area {
			area = l.Area
			b.WriteString(s.paint("", area) + "\n")
		}
		b.WriteString(margin + s.paint(string(l.Result), fmt.Sprintf("%-*s", resultColumn, l.Result)) + fmt.Sprintf("%-*s", name, l.Check))
		detail, excerpt, _ := strings.Cut(l.Detail, "\n")
		b.WriteString(wrapped(detail, left, s.columns))
		b.WriteString(whole(excerpt, indent))
		if mend, commands, _ := strings.Cut(l.Mend, "\n"); mend != "" {
			b.WriteString(indent + "→ " + wrapped(mend, len(indent)+2, s.columns))
			b.WriteString(whole(commands, indent+"    "))
		}
	}
	b.WriteString("\n" + s.summary(lines) + "\n")
	_, err := io.WriteString(s.out, b.String())
	return err
}

func (s checkScreen) summary(lines []check.Line) string {
	count := func(r check.Result, one, many string) string {
		n := check.Count(lines, r)
		text := fmt.Sprintf("%d %s", n, many)
		if n == 1 {
			text = "1 " + one
		}
		if n == 0 {
			return text
		}
		return s.paint(string(r), text)
	}
	return count(check.Wrong, "wrong", "wrong") + ", " + count(check.Warning, "warning", "warnings") + ", " + count(check.OK, "ok", "ok")
}

// whole indents lines without breaking them: those of an excerpt, and commands,
// which are copied from the screen.
func whole(text, indent string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			b.WriteString(indent + line + "\n")
		}
	}
	return b.String()
}

// wrapped breaks a text between words, to stand from a column on. It ends the
// line.
func wrapped(text string, from, columns int) string {
	var b strings.Builder
	at := from
	for i, word := range strings.Fields(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+width > columns:
			b.WriteString("\n" + strings.Repeat(" ", from))
			at = from
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += width
	}
	return b.String() + "\n"
}
