package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of the table's width, in characters.
const (
	narrowest = 72
	widest    = 140
)

// column is a part of the table; whatever is wider is wrapped.
type column struct {
	title string
	share int // of the width that the names leave
}

var columns = []column{
	{"In Bob", 26},
	{"What the workflow decided", 42},
	{"OneLogin now", 32},
}

const gap = "  "

// table shows who ended how: the cells of a row side by side, and below them
// what was expected, what is missed of it, and the link.
func table(rows []row, width int, colour bool) string {
	width = min(max(width, narrowest), widest)
	widths := columnWidths(rows, width)
	var b strings.Builder
	titles := []string{"Who"}
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	writeCells(&b, titles, widths, func(s string) string { return paint(s, "1", colour) })
	for _, r := range rows {
		b.WriteString(paint(strings.Repeat("─", width), "2", colour) + "\n")
		writeCells(&b, []string{
			r.part.name(), describeEvents(r.part), describeDecision(r), describeUsers(r),
		}, widths, nil)
		well := len(r.missed) == 0
		writeNote(&b, mark(well, colour)+" ", "expected: "+r.part.expected, width)
		for _, m := range r.missed {
			writeNote(&b, "  ", "but "+m, width)
		}
		b.WriteString("  " + paint(r.link, "36", colour) + "\n")
	}
	b.WriteString(paint(strings.Repeat("─", width), "2", colour))
	return b.String()
}

func columnWidths(rows []row, width int) []int {
	first := len("Who")
	for _, r := range rows {
		first = max(first, utf8.RuneCountInString(r.part.name()))
	}
	widths := []int{first}
	left := width - first - len(gap)*len(columns)
	rest := left
	for i, c := range columns {
		w := left * c.share / 100
		if i == len(columns)-1 {
			w = rest
		}
		widths = append(widths, w)
		rest -= w
	}
	return widths
}

func writeCells(b *strings.Builder, cells []string, widths []int, style func(string) string) {
	wrapped := make([][]string, len(cells))
	height := 0
	for i, cell := range cells {
		wrapped[i] = wrap(cell, widths[i])
		height = max(height, len(wrapped[i]))
	}
	for n := range height {
		line := ""
		for i, lines := range wrapped {
			text := ""
			if n < len(lines) {
				text = lines[n]
			}
			line += text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)) + gap
		}
		line = strings.TrimRight(line, " ")
		if style != nil {
			line = style(line)
		}
		b.WriteString(line + "\n")
	}
}

// writeNote writes text over the whole width, behind a sign of two characters.
func writeNote(b *strings.Builder, sign, text string, width int) {
	for _, line := range wrap(text, width-2) {
		b.WriteString(sign + line + "\n")
		sign = "  "
	}
}

func describeEvents(p part) string {
	text := p.happens
	for _, e := range p.events {
		text += " (" + string(e) + ")"
	}
	return text
}

func describeDecision(r row) string {
	v := r.seen.view
	if v.State == "" {
		return "nothing is known"
	}
	text := string(v.State)
	if v.LastOutcome != nil {
		text += ", " + string(v.LastOutcome.Outcome)
	}
	return text + " after " + seconds(r.took) + ": " + strings.TrimSuffix(v.Reason, ".") + "."
}

func describeUsers(r row) string {
	if len(r.seen.users) == 0 {
		return "no user"
	}
	all := make([]string, len(r.seen.users))
	for i, u := range r.seen.users {
		facts := []string{fmt.Sprintf("%d %s", u.ID, u.Status)}
		if u.Title != "" {
			facts = append(facts, u.Title)
		}
		if i == 0 && r.seen.manager != "" {
			facts = append(facts, "manager "+r.seen.manager)
		}
		if u.ExternalID == "" {
			facts = append(facts, "not linked")
		}
		if at, err := time.Parse(time.RFC3339, u.SessionsEndedAt); err == nil {
			facts = append(facts, "sessions ended within "+seconds(at.Sub(r.told)))
		}
		all[i] = strings.Join(facts, ", ")
	}
	return strings.Join(all, "; and ")
}

func allWell(rows []row) bool {
	for _, r := range rows {
		if len(r.missed) > 0 {
			return false
		}
	}
	return true
}

// verdict is the sentence below the table.
func verdict(rows []row, took time.Duration, colour bool) string {
	well := 0
	for _, r := range rows {
		if len(r.missed) == 0 {
			well++
		}
	}
	text := fmt.Sprintf("%d of %d people ended as the story says, %s after the build.", well, len(rows), seconds(took))
	return mark(well == len(rows), colour) + " " + text
}
