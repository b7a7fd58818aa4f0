package onelogin

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	longestMessage = 300
	// longestScan bounds the text that redaction looks at.
	longestScan = 4096
)

var (
	// From the first opening quote to the last closing one, however many lie
	// between: a value may have quotes in it. An opening quote without a
	// closing one takes the rest with it.
	quotedText = regexp.MustCompile("(^|[^\\pL\\pN])[\"'`“‘«](?:.*[\"'`”’»]|.*$)")
	mailText   = regexp.MustCompile(`[^\s@,;:<>()]+@[^\s@,;:<>()]+`)
	numberText = regexp.MustCompile(`\+?\d[\d ().\-/]{3,}\d|\+?\b\d+\b|\d{3,}`)
)

// redact takes out of a message of OneLogin's what may belong to a person: the
// values that were sent, addresses, quoted texts and numbers.
func redact(message string, private []string) string {
	if len(message) > longestScan {
		message = message[:longestScan]
	}
	message = strings.Join(strings.Fields(strings.ToValidUTF8(message, " ")), " ")
	private = slices.Clone(private)
	// The longest first, so that no tail of one remains where another is its
	// beginning.
	slices.SortFunc(private, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, v := range private {
		v = strings.Join(strings.Fields(v), " ")
		// One letter is in every word, and says nothing of anybody.
		if utf8.RuneCountInString(v) < 2 {
			continue
		}
		message = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(v)).ReplaceAllLiteralString(message, "[…]")
	}
	message = mailText.ReplaceAllString(message, "[…]")
	message = quotedText.ReplaceAllString(message, "${1}[…]")
	message = numberText.ReplaceAllString(message, "[…]")
	if runes := []rune(message); len(runes) > longestMessage {
		message = string(runes[:longestMessage]) + "…"
	}
	return message
}
