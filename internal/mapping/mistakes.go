package mapping

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mistake is one thing that is wrong with a provisioning file.
type Mistake struct {
	// Line and Column count from 1, in characters.
	Line, Column int
	// Key is the path of the key, such as "start.lead_days"; empty where the
	// whole file is meant.
	Key string
	// Message says what is wrong and what would be right.
	Message string
	// Excerpt is the line of the file, and a line with a caret below the place.
	// Entries that name people are masked.
	Excerpt string
}

// FileError is everything that is wrong with a provisioning file, in the order
// of the file. It never quotes a person's address.
type FileError struct {
	Mistakes []Mistake
	// More: there were so many that the rest was not looked for.
	More bool
}

func (e *FileError) Error() string {
	var b strings.Builder
	noun := "mistakes"
	if len(e.Mistakes) == 1 {
		noun = "mistake"
	}
	fmt.Fprintf(&b, "provisioning file: %d %s", len(e.Mistakes), noun)
	if e.More {
		b.WriteString(" and more")
	}
	for _, m := range e.Mistakes {
		fmt.Fprintf(&b, "\n  %d:%d: ", m.Line, m.Column)
		if m.Key != "" {
			b.WriteString(m.Key + ": ")
		}
		b.WriteString(m.Message)
		if m.Excerpt != "" {
			b.WriteString("\n" + m.Excerpt)
		}
	}
	return b.String()
}

// place is a position in the file: line and column count from 1, in characters.
type place struct{ line, column int }

// report collects mistakes, and knows the file that they are in.
type report struct {
	lines    []string
	mistakes []Mistake
	// private marks the characters of a line that name people.
	private map[int][]span
	// split keeps lines that were split into characters: a file may be one
	// long line.
	split map[int][]rune
}

// span is a range of columns; a to of 0 reaches to the end of the line.
type span struct{ from, to int }

func newReport(content []byte) *report {
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	return &report{lines: strings.Split(text, "\n"), private: map[int][]span{}, split: map[int][]rune{}}
}

// characters splits a line. The result is shared and must not be changed.
func (r *report) characters(line int) []rune {
	split, ok := r.split[line]
	if !ok {
		split = []rune(r.lines[line-1])
		r.split[line] = split
	}
	return split
}

func (r *report) mistake(at place, key, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{Line: at.line, Column: at.column, Key: key, Message: fmt.Sprintf(format, args...)})
}

// mostMistakes is how many are looked for: beyond them the file is another one
// than was meant.
const mostMistakes = 200

// full reports that enough was found.
func (r *report) full() bool { return len(r.mistakes) >= mostMistakes }

// err returns what was collected. Excerpts are cut only now, when it is known
// what in the file names people.
func (r *report) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range r.mistakes {
		m := &r.mistakes[i]
		m.Key, m.Message = maskAddresses(m.Key), maskAddresses(m.Message)
		m.Excerpt = r.excerpt(place{m.Line, m.Column})
	}
	return &FileError{Mistakes: r.mistakes, More: r.full()}
}

// widest is how many characters of a line an excerpt shows.
const widest = 100

// excerpt shows a line of the file with a caret below the place.
func (r *report) excerpt(at place) string {
	if at.line < 1 || at.line > len(r.lines) {
		return ""
	}
	line := slices.Clone(r.characters(at.line))
	for _, s := range r.private[at.line] {
		to := s.to
		if to == 0 || to > len(line)+1 {
			to = len(line) + 1
		}
		for i := max(s.from-1, 0); i < to-1; i++ {
			if unicode.IsLetter(line[i]) || unicode.IsDigit(line[i]) {
				line[i] = '*'
			}
		}
	}
	for i, c := range line {
		if !unicode.IsPrint(c) {
			line[i] = ' ' // tabs too: the caret has to stand below its character
		}
	}
	line = []rune(maskAddresses(string(line)))
	if strings.TrimSpace(string(line)) == "" {
		return ""
	}
	column, from := at.column, 0
	if len(line) > widest && column > widest/2 {
		from = min(column-widest/2, len(line)-widest)
	}
	shown := line[from:min(len(line), from+widest)]
	gutter := fmt.Sprintf("%6d | ", at.line)
	return gutter + strings.TrimRight(string(shown), " ") + "\n" +
		strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", max(column-1-from, 0)) + "^"
}

// hide marks columns of a line as naming people.
func (r *report) hide(line, from, to int) {
	r.private[line] = append(r.private[line], span{from, to})
}

// hideSections marks whatever the sections that name people may hold, going by
// lines alone: for a file that is no YAML.
func (r *report) hideSections() {
	inside := false
	for i, line := range r.lines {
		if line == "" || line[0] == ' ' || line[0] == '\t' || line[0] == '-' || line[0] == '#' {
			if inside {
				r.hide(i+1, 1+len(line)-len(strings.TrimLeft(line, " \t")), 0)
			}
			continue
		}
		key, _, colon := strings.Cut(line, ":")
		// A line that is no key may belong to the list above.
		if colon {
			key, _ = nearest(strings.Trim(key, " \"'"), []string{"scope", "protected"})
			inside = key != ""
		}
		if inside {
			r.hide(i+1, utf8.RuneCountInString(line[:strings.IndexByte(line+":", ':')])+1, 0)
		}
	}
}

// address is whatever looks like somebody's. Quotes and brackets end it, so
// that a formula with a domain in it stays readable.
var address = regexp.MustCompile(`[^\s"'<>,;:()\[\]{}]+@[^\s"'<>,;:()\[\]{}]+`)

func maskAddresses(s string) string {
	return address.ReplaceAllStringFunc(s, func(found string) string {
		masked := []rune(found)
		for i, c := range masked {
			if c != '@' && c != '.' {
				masked[i] = '*'
			}
		}
		return string(masked)
	})
}

// didYouMean is the end of a sentence about a word that is not known: the
// nearest right one, where one is near.
func didYouMean(word string, candidates []string) string {
	if best, ok := nearest(word, candidates); ok {
		return "; did you mean " + best + "?"
	}
	return ""
}

// nearest returns the candidate that a word was most likely meant to be.
func nearest(word string, candidates []string) (string, bool) {
	w := simplified(word)
	if w == "" || len(w) > 80 {
		return "", false
	}
	best, least := "", 1+len(w)/3
	if least > 4 {
		least = 4
	}
	for _, candidate := range candidates {
		if d := distance(w, simplified(candidate), least); d < least || (d == least && best == "") {
			best, least = candidate, d
		}
	}
	return best, best != ""
}

// simplified leaves out what people get wrong most: case and separators.
func simplified(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '.' || r == '/' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// distance counts the letters to insert, drop, replace or swap with a
// neighbour, and gives up beyond a limit.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if len(s)-len(t) > limit || len(t)-len(s) > limit {
		return limit + 1
	}
	before, row, next := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		next[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(t)]
}
