package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// plainColumns is the width of what is written to a file or a pipe.
const plainColumns = 118

// progress writes what happens: with a spinner on a terminal, as plain lines
// elsewhere.
type progress struct {
	out              *os.File
	terminal, colour bool

	mu    sync.Mutex
	doing string // what the spinner stands before; empty: there is none
	frame int
}

// newProgress takes the values of TERM and NO_COLOR.
func newProgress(out *os.File, term, noColour string) *progress {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && term != "dumb"
	return &progress{out: out, terminal: terminal, colour: terminal && noColour == ""}
}

// columns is the width to write for.
func (p *progress) columns() int {
	if size, err := unix.IoctlGetWinsize(int(p.out.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		return int(size.Col)
	}
	return plainColumns
}

// step does something that takes time, and says so.
func (p *progress) step(doing, done string, do func() error) error {
	began := time.Now()
	stop := p.spin(doing)
	err := do()
	stop()
	if err != nil {
		p.say("%s %s", p.mark(false), doing)
		return err
	}
	p.say("%s %s (%s)", p.mark(true), done, seconds(time.Since(began)))
	return nil
}

func (p *progress) spin(doing string) (stop func()) {
	if !p.terminal {
		p.say("  %s …", doing)
		return func() {}
	}
	p.now(doing)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				p.now("")
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
		p.mu.Lock()
		defer p.mu.Unlock()
		p.doing = ""
		fmt.Fprint(p.out, clearLine)
	}
}

// clearLine returns to the start of the line and empties it.
const clearLine = "\r\x1b[2K"

// now turns the spinner on, with another text where one is given.
func (p *progress) now(doing string) {
	if !p.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if doing != "" {
		p.doing = doing
	}
	p.draw()
}

func (p *progress) draw() {
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	p.frame = (p.frame + 1) % len(frames)
	fmt.Fprintf(p.out, "%s%c %s", clearLine, frames[p.frame], cut(p.doing, p.columns()-3))
}

// say writes a line, above the spinner if there is one.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doing != "" {
		fmt.Fprint(p.out, clearLine)
	}
	fmt.Fprintf(p.out, format+"\n", args...)
	if p.doing != "" {
		p.draw()
	}
}

func (p *progress) mark(well bool) string { return mark(well, p.colour) }

func (p *progress) bold(text string) string { return paint(text, "1", p.colour) }

// mark is ✓ or ✗.
func mark(well, colour bool) string {
	if well {
		return paint("✓", "32", colour)
	}
	return paint("✗", "31", colour)
}

// paint puts text between terminal codes.
func paint(text, code string, colour bool) string {
	if !colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// cut shortens a line to so many characters.
func cut(text string, columns int) string {
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:max(columns-1, 0)]) + "…"
}

// wrap breaks text at spaces into lines of so many characters; a longer word
// is broken after a dot where it has one, else where it must be.
func wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			joined := strings.TrimPrefix(line+" "+word, " ")
			if utf8.RuneCountInString(joined) <= columns {
				line = joined
				break
			}
			if line != "" {
				lines, line = append(lines, line), ""
				continue
			}
			letters := []rune(word)
			at := columns
			if dot := strings.LastIndex(string(letters[:columns]), "."); dot >= 0 {
				at = utf8.RuneCountInString(string(letters[:columns])[:dot+1])
			}
			lines, word = append(lines, string(letters[:at])), string(letters[at:])
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
