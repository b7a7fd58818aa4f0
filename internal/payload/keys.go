// Package payload encrypts what Temporal stores: the inputs, results, signals,
// summaries and failures of workflows, which carry names, addresses and phone
// numbers. Temporal's server has no key and sees none of it.
//
// It may import Temporal's SDK alone, and knows neither the environment nor
// what the payloads mean.
package payload

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// keySize is that of AES-256.
const keySize = 32

// Keys are what payloads are encrypted with: the first encrypts, all decrypt.
// Without keys, payloads stay plain.
type Keys struct {
	list []key
}

// Ring hands out the keys whenever they are asked for: they may be replaced
// while they are in use. Where there were keys once, there always are.
type Ring func() Keys

// Ring is one whose keys stay.
func (k Keys) Ring() Ring { return func() Keys { return k } }

type key struct {
	id   string
	aead cipher.AEAD
}

// keyID is short: what is as long as a key is never taken for its id, and so
// never quoted in an error.
var keyID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`)

// ParseKeys reads keys of the form id:base64, where 32 bytes are encoded,
// separated by commas or line ends. It reports every mistake, one a line, and
// never quotes a key.
func ParseKeys(text string) (Keys, error) {
	entries := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	var keys Keys
	var mistakes []error
	count := 0
	for _, entry := range entries {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		count++
		k, err := parseKey(entry)
		switch {
		case err != nil:
			mistakes = append(mistakes, fmt.Errorf("key %d %w", count, err))
		case keys.find(k.id) != nil:
			mistakes = append(mistakes, fmt.Errorf("key %d has the id %s, which an earlier key has; give each an id of its own", count, k.id))
		default:
			keys.list = append(keys.list, k)
		}
	}
	if count == 0 {
		mistakes = append(mistakes, errors.New("holds no key; make one with `starter codec --new-key`"))
	}
	if err := errors.Join(mistakes...); err != nil {
		return Keys{}, err
	}
	return keys, nil
}

func parseKey(entry string) (key, error) {
	id, encoded, ok := strings.Cut(entry, ":")
	switch {
	case !ok:
		return key{}, errors.New("must be an id, a colon, and 32 bytes in base64, as `starter codec --new-key` prints them")
	case !keyID.MatchString(id):
		return key{}, errors.New("must begin with an id of at most 20 characters of a-z, 0-9 and -, before the colon")
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(secret) != keySize {
		return key{}, fmt.Errorf("(id %s) must be 32 bytes in standard base64, which are 44 characters; make one with `starter codec --new-key`", id)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, fmt.Errorf("(id %s) cannot be used: %w", id, err)
	}
	// A fresh random nonce for each payload, written before it: safe for some
	// four thousand million payloads a key.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, fmt.Errorf("(id %s) cannot be used: %w", id, err)
	}
	return key{id: id, aead: aead}, nil
}

// NewKey makes a key in the form that ParseKeys reads, under such an id as
// ParseKeys takes.
func NewKey(id string) string {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails
	return id + ":" + base64.StdEncoding.EncodeToString(secret)
}

// Empty: there is no key, and payloads stay plain.
func (k Keys) Empty() bool { return len(k.list) == 0 }

// IDs are the ids of the keys; the first encrypts.
func (k Keys) IDs() []string {
	ids := make([]string, len(k.list))
	for i, one := range k.list {
		ids[i] = one.id
	}
	return ids
}

// String is the ids alone.
func (k Keys) String() string { return strings.Join(k.IDs(), ",") }

func (k Keys) find(id string) cipher.AEAD {
	for _, one := range k.list {
		if one.id == id {
			return one.aead
		}
	}
	return nil
}
