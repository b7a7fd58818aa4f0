package payload_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"bob-onelogin/internal/payload"
)

const (
	oldKey = "old"
	newKey = "new"
)

// plain is what Temporal's own converter makes of a value.
func plain(t testing.TB, value any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	require.NoError(t, err)
	return p
}

func encode(t testing.TB, keys payload.Keys, p *commonpb.Payload) *commonpb.Payload {
	t.Helper()
	out, err := keys.Codec().Encode([]*commonpb.Payload{p})
	require.NoError(t, err)
	require.Len(t, out, 1)
	return out[0]
}

func decode(keys payload.Keys, p *commonpb.Payload) (*commonpb.Payload, error) {
	out, err := keys.Codec().Decode([]*commonpb.Payload{p})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func TestRoundTrip(t *testing.T) {
	keys := ring(t, "k1:"+secret('a'))
	tests := map[string]*commonpb.Payload{
		"JSON":         plain(t, map[string]string{"firstName": "Juniper"}),
		"nothing":      plain(t, nil),
		"bytes":        plain(t, []byte{0, 1, 2}),
		"empty":        {},
		"own metadata": {Metadata: map[string][]byte{"encoding": []byte("json/plain"), "messageType": []byte("Juniper")}, Data: []byte("Juniper")},
		"large":        {Data: bytes.Repeat([]byte("Juniper"), 300_000)},
	}
	for name, p := range tests {
		t.Run(name, func(t *testing.T) {
			before := proto.CloneOf(p)
			out := encode(t, keys, p)
			require.True(t, proto.Equal(before, p), "what is encrypted is not changed")
			require.Equal(t, map[string][]byte{"encoding": []byte("binary/encrypted"), "encryption-key-id": []byte("k1")}, out.GetMetadata())
			require.NotContains(t, out.String(), "Juniper")
			require.False(t, bytes.Contains(out.GetData(), []byte("Juniper")))

			sealed := proto.CloneOf(out)
			back, err := decode(keys, out)
			require.NoError(t, err)
			require.True(t, proto.Equal(sealed, out), "nor is what is decrypted")
			require.True(t, proto.Equal(p, back))
		})
	}
}

func TestEachPayloadHasANonceOfItsOwn(t *testing.T) {
	keys, p := ring(t, "k1:"+secret('a')), plain(t, "the same")
	seen := map[string]bool{}
	for range 1000 {
		nonce := string(encode(t, keys, p).GetData()[:12])
		require.False(t, seen[nonce])
		seen[nonce] = true
	}
}

func TestRotation(t *testing.T) {
	before := ring(t, oldKey+":"+secret('a'))
	prepared := ring(t, oldKey+":"+secret('a')+","+newKey+":"+secret('b'))
	rotated := ring(t, newKey+":"+secret('b')+","+oldKey+":"+secret('a'))
	after := ring(t, newKey+":"+secret('b'))
	p := plain(t, "Juniper")

	require.Equal(t, oldKey, string(encode(t, prepared, p).GetMetadata()["encryption-key-id"]), "the first encrypts")
	require.Equal(t, newKey, string(encode(t, rotated, p).GetMetadata()["encryption-key-id"]))
	for _, step := range []struct {
		name         string
		writer, read payload.Keys
	}{
		{"written before, read once prepared", before, prepared},
		{"written once prepared, read before", prepared, before},
		{"written once rotated, read once prepared", rotated, prepared},
		{"written before, read once rotated", before, rotated},
		{"written once rotated, read after", rotated, after},
	} {
		t.Run(step.name, func(t *testing.T) {
			back, err := decode(step.read, encode(t, step.writer, p))
			require.NoError(t, err)
			require.True(t, proto.Equal(p, back))
		})
	}
	_, err := decode(after, encode(t, before, p))
	require.EqualError(t, err, "encrypted payload: it needs the key old, and this process has new; add that key to PAYLOAD_KEYS, after the first")
}

func TestPlainPayloadsPassThrough(t *testing.T) {
	for name, keys := range map[string]payload.Keys{"with keys": ring(t, "k1:"+secret('a')), "without": {}} {
		t.Run(name, func(t *testing.T) {
			for _, p := range []*commonpb.Payload{
				plain(t, map[string]string{"type": "employee.updated"}), plain(t, nil),
				{},
				{Metadata: map[string][]byte{"encryption-key-id": []byte("k1")}, Data: []byte("{}")},
			} {
				back, err := decode(keys, p)
				require.NoError(t, err)
				require.True(t, proto.Equal(p, back))
			}
		})
	}
}

func TestWithoutKeysNothingIsEncryptedAndNothingEncryptedIsTaken(t *testing.T) {
	p := plain(t, "Juniper")
	require.True(t, proto.Equal(p, encode(t, payload.Keys{}, p)))
	_, err := decode(payload.Keys{}, encode(t, ring(t, "k1:"+secret('a')), p))
	require.EqualError(t, err, "encrypted payload: it needs the key k1, and this process has no keys; set PAYLOAD_KEYS as it is set elsewhere")
	require.ErrorAs(t, err, new(*payload.UnreadableError))
}

func TestTamperedPayloadsAreRefused(t *testing.T) {
	keys := ring(t, "k1:"+secret('a')+",twin:"+secret('a'))
	sealed := encode(t, keys, plain(t, "Juniper"))
	tests := map[string]struct {
		change func(p *commonpb.Payload)
		reason string
	}{
		"a bit of the nonce":      {func(p *commonpb.Payload) { p.Data[0] ^= 1 }, "the key k1 does not open it"},
		"a bit of the ciphertext": {func(p *commonpb.Payload) { p.Data[20] ^= 1 }, "the key k1 does not open it"},
		"a bit of the tag":        {func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 }, "the key k1 does not open it"},
		"cut short":               {func(p *commonpb.Payload) { p.Data = p.Data[:len(p.Data)-1] }, "the key k1 does not open it"},
		"shorter than a nonce":    {func(p *commonpb.Payload) { p.Data = p.Data[:3] }, "the key k1 does not open it"},
		"no data":                 {func(p *commonpb.Payload) { p.Data = nil }, "the key k1 does not open it"},
		"another key named":       {func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("twin") }, "the key twin does not open it"},
		"an unknown key named":    {func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("k9") }, "it needs the key k9, and this process has k1, twin"},
		"no key named":            {func(p *commonpb.Payload) { delete(p.Metadata, "encryption-key-id") }, "it names no key of ours"},
		"nonsense for a key's id": {func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("Juniper\n") }, "it names no key of ours"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := proto.CloneOf(sealed)
			test.change(p)
			_, err := decode(keys, p)
			require.ErrorContains(t, err, test.reason)
			require.ErrorAs(t, err, new(*payload.UnreadableError))
			require.NotContains(t, err.Error(), "Juniper")
		})
	}
	_, err := decode(ring(t, "k1:"+secret('b')), sealed)
	require.ErrorContains(t, err, "or the key has another value where it was written")
}

// Nothing that is made up is taken for ours, and nothing crashes.
func FuzzDecode(f *testing.F) {
	// Random, because what another process of the fuzzer has made must not open.
	keys := ring(f, payload.NewKey("k1"))
	sealed := encode(f, keys, plain(f, "Juniper"))
	f.Add("binary/encrypted", "k1", sealed.GetData())
	f.Add("binary/encrypted", "", []byte{})
	f.Add("json/plain", "k1", []byte("{}"))
	f.Fuzz(func(t *testing.T, encoding, id string, data []byte) {
		p := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte(encoding), "encryption-key-id": []byte(id)}, Data: data}
		out, err := decode(keys, p)
		switch {
		case encoding != payload.Encoding:
			require.NoError(t, err)
			require.True(t, proto.Equal(p, out))
		case !bytes.Equal(data, sealed.GetData()):
			require.ErrorAs(t, err, new(*payload.UnreadableError))
		}
	})
}
