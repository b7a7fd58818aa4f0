package payload

import (
	"errors"
	"fmt"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	// Encoding marks an encrypted payload, in the metadata that Temporal's
	// payloads have for that. Stored in histories: it must not change.
	Encoding = "binary/encrypted"
	// metadataKeyID names the key, beside it.
	metadataKeyID = "encryption-key-id"
)

// UnreadableError says that an encrypted payload cannot be decrypted with the
// keys that there are. It is a matter of configuration, or of somebody who
// changed what is stored; never of the payload's meaning.
type UnreadableError struct {
	reason string
}

func (e *UnreadableError) Error() string { return "encrypted payload: " + e.reason }

type codec struct {
	ring Ring
}

// Codec encrypts with the first key and decrypts with all. What is not
// encrypted passes through Decode as it is: operators start and signal
// workflows with plain JSON. Without keys, everything passes through Encode
// too, and what is encrypted is refused by Decode.
func (r Ring) Codec() converter.PayloadCodec { return codec{ring: r} }

// Codec is that of keys that stay.
func (k Keys) Codec() converter.PayloadCodec { return k.Ring().Codec() }

// Encode encrypts each payload as a whole, so that its own metadata, which
// names its type, is hidden and comes back as it was.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	keys := c.ring()
	if keys.Empty() {
		return payloads, nil
	}
	first := keys.list[0]
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, errors.New("encrypt a payload: it cannot be marshalled") // err may quote it
		}
		encoded[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(Encoding),
				metadataKeyID:              []byte(first.id),
			},
			Data: first.aead.Seal(nil, nil, plain, bound(first.id)),
		}
	}
	return encoded, nil
}

// Decode is Encode's inverse.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	keys := c.ring()
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != Encoding {
			decoded[i] = p
			continue
		}
		plain, err := keys.decrypt(p)
		if err != nil {
			return nil, err
		}
		decoded[i] = plain
	}
	return decoded, nil
}

func (k Keys) decrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	id := string(p.GetMetadata()[metadataKeyID])
	if !keyID.MatchString(id) {
		return nil, &UnreadableError{"it names no key of ours; another program's codec has written it"}
	}
	aead := k.find(id)
	switch {
	case aead == nil && k.Empty():
		return nil, &UnreadableError{fmt.Sprintf("it needs the key %s, and this process has no keys; set PAYLOAD_KEYS as it is set elsewhere", id)}
	case aead == nil:
		return nil, &UnreadableError{fmt.Sprintf("it needs the key %s, and this process has %s; add that key to PAYLOAD_KEYS, after the first",
			id, strings.Join(k.IDs(), ", "))}
	}
	plain, err := aead.Open(nil, nil, p.GetData(), bound(id))
	if err != nil {
		return nil, &UnreadableError{fmt.Sprintf("the key %s does not open it: it was changed, or the key has another value where it was written", id)}
	}
	var out commonpb.Payload
	if err := proto.Unmarshal(plain, &out); err != nil {
		return nil, &UnreadableError{fmt.Sprintf("what the key %s opens is no payload", id)}
	}
	return &out, nil
}

// bound is what the encryption vouches for beside the payload: what it is, and
// the key that it names.
func bound(id string) []byte { return []byte(Encoding + "\x00" + id) }
