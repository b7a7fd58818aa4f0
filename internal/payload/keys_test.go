package payload_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/payload"
)

// secret is a key of 32 equal bytes, in base64.
func secret(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

// ring parses keys that have no mistake.
func ring(t testing.TB, text string) payload.Keys {
	t.Helper()
	keys, err := payload.ParseKeys(text)
	require.NoError(t, err)
	return keys
}

func TestParseKeys(t *testing.T) {
	a, b := secret('a'), secret('b')
	tests := []struct {
		name, text string
		ids        []string
	}{
		{"one", "2026-11-24:" + a, []string{"2026-11-24"}},
		{"two, the first encrypts", "new:" + b + ",old:" + a, []string{"new", "old"}},
		{"with spaces and a comma at the end", " new:" + b + " , old: " + a + " ,", []string{"new", "old"}},
		{"one a line, as in a file", "new:" + b + "\r\nold:" + a + "\n", []string{"new", "old"}},
		{"the longest id", strings.Repeat("k", 20) + ":" + a, []string{strings.Repeat("k", 20)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys, err := payload.ParseKeys(test.text)
			require.NoError(t, err)
			require.Equal(t, test.ids, keys.IDs())
			require.False(t, keys.Empty())
		})
	}
}

func TestParseKeysNamesEveryMistakeAndNoKey(t *testing.T) {
	// Recognisable even where only part of it is quoted.
	raw := "s3crets3crets3crets3crets3crets3"
	good := base64.StdEncoding.EncodeToString([]byte(raw))
	tests := []struct {
		name, text string
		mistakes   []string
	}{
		{"nothing", "", []string{"holds no key"}},
		{"nothing but commas", " , ,\n", []string{"holds no key"}},
		{"no id", good, []string{"key 1 must be an id, a colon, and 32 bytes in base64"}},
		{"an empty id", ":" + good, []string{"key 1 must begin with an id"}},
		{"id and key the wrong way round", good + ":k1", []string{"key 1 must begin with an id"}},
		{"a key in hex for an id", fmt.Sprintf("%x", raw) + ":k1", []string{"key 1 must begin with an id"}},
		{"an id in capitals", "K1:" + good, []string{"key 1 must begin with an id"}},
		{"too long an id", strings.Repeat("k", 21) + ":" + good, []string{"key 1 must begin with an id"}},
		{"too short a key", "k1:" + base64.StdEncoding.EncodeToString([]byte(raw[:16])), []string{"key 1 (id k1) must be 32 bytes in standard base64"}},
		{"too long a key", "k1:" + base64.StdEncoding.EncodeToString([]byte(raw+"x")), []string{"key 1 (id k1) must be 32 bytes in standard base64"}},
		{"a key that is not base64", "k1:" + raw, []string{"key 1 (id k1) must be 32 bytes in standard base64"}},
		{"a key without its padding", "k1:" + strings.TrimRight(good, "="), []string{"key 1 (id k1) must be 32 bytes in standard base64"}},
		{"two keys of one id", "k1:" + good + ",k1:" + secret('b'), []string{"key 2 has the id k1, which an earlier key has"}},
		{
			"several mistakes", good + ",k2:" + raw + ",k3:" + good + ",k3:" + good,
			[]string{"key 1 must be an id", "key 2 (id k2) must be", "key 4 has the id k3"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys, err := payload.ParseKeys(test.text)
			require.Error(t, err)
			require.True(t, keys.Empty(), "nothing to go on with by mistake")
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(test.mistakes))
			for i, mistake := range test.mistakes {
				require.True(t, strings.HasPrefix(lines[i], mistake), lines[i])
			}
			for _, private := range []string{"s3cret", good[:8], fmt.Sprintf("%x", raw[:4]), secret('b')[:8]} {
				require.NotContains(t, err.Error(), private)
			}
		})
	}
}

func TestNewKey(t *testing.T) {
	first, second := payload.NewKey("2026-11-24"), payload.NewKey("2026-11-24")
	require.NotEqual(t, first, second)
	require.Equal(t, []string{"2026-11-24"}, ring(t, first).IDs())
}

func TestKeysAreNotPrinted(t *testing.T) {
	keys := ring(t, "k1:"+secret('s')+",k2:"+secret('t'))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{keys, &keys, struct{ Keys payload.Keys }{keys}, []payload.Keys{keys}} {
			text := fmt.Sprintf(verb, value)
			for _, private := range []string{secret('s')[:8], "ssss", strings.Repeat("73", 4), "115 115", "0x73, 0x73"} {
				require.NotContains(t, text, private, verb)
			}
		}
	}
	require.Equal(t, "k1,k2", fmt.Sprint(keys))
}
