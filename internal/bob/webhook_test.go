package bob_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/internal/bob"
)

// readJSON decodes a file of testdata.
func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

type signed struct {
	Secret, Body, Signature string
}

func signatureVectors(t testing.TB) []signed {
	t.Helper()
	var vectors []signed
	readJSON(t, "signature_vectors.json", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no signature vectors")
	}
	return vectors
}

func sign(body []byte, secret string) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestVerifySignature(t *testing.T) {
	for _, v := range signatureVectors(t) {
		body := []byte(v.Body)
		raw, err := base64.StdEncoding.DecodeString(v.Signature)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(raw)
		flipped[len(flipped)-1] ^= 1
		tests := map[string]struct {
			body    []byte
			header  string
			secrets []string
			want    bool
		}{
			"the secret":                      {body, v.Signature, []string{v.Secret}, true},
			"the old secret, after the new":   {body, v.Signature, []string{"new", v.Secret}, true},
			"the new secret, before the old":  {body, v.Signature, []string{v.Secret, "old"}, true},
			"the secret twice":                {body, v.Signature, []string{v.Secret, v.Secret}, true},
			"another secret":                  {body, v.Signature, []string{"another"}, false},
			"the secret with a space":         {body, v.Signature, []string{v.Secret + " "}, false},
			"no secrets":                      {body, v.Signature, nil, false},
			"an empty secret":                 {body, sign(body, ""), []string{""}, false},
			"an empty secret among others":    {body, sign(body, ""), []string{"", v.Secret}, false},
			"no header":                       {body, "", []string{v.Secret}, false},
			"body longer by a newline":        {append(bytes.Clone(body), '\n'), v.Signature, []string{v.Secret}, false},
			"body cut by a byte":              {body[:len(body)-1], v.Signature, []string{v.Secret}, false},
			"no body":                         {nil, v.Signature, []string{v.Secret}, false},
			"one bit of the signature turned": {body, base64.StdEncoding.EncodeToString(flipped), []string{v.Secret}, false},
			"signature without its padding":   {body, strings.TrimRight(v.Signature, "="), []string{v.Secret}, false},
			"signature in the URL alphabet":   {body, base64.URLEncoding.EncodeToString(raw), []string{v.Secret}, v.Signature == base64.URLEncoding.EncodeToString(raw)},
			"signature with a newline in it":  {body, v.Signature[:8] + "\n" + v.Signature[8:], []string{v.Secret}, false},
			"signature of SHA-256's length":   {body, base64.StdEncoding.EncodeToString(raw[:32]), []string{v.Secret}, false},
		}
		for name, tt := range tests {
			if got := bob.VerifySignature(tt.body, tt.header, tt.secrets); got != tt.want {
				t.Errorf("%s, body of %d bytes: verified = %v, want %v", name, len(v.Body), got, tt.want)
			}
		}
	}
}

func FuzzVerifySignature(f *testing.F) {
	for _, v := range signatureVectors(f) {
		f.Add([]byte(v.Body), v.Signature, v.Secret)
	}
	f.Add([]byte(nil), "", "")
	f.Fuzz(func(t *testing.T, body []byte, header, secret string) {
		want := secret != "" && header == sign(body, secret)
		if got := bob.VerifySignature(body, header, []string{secret}); got != want {
			t.Fatalf("verified = %v, want %v", got, want)
		}
		if secret == "" {
			return
		}
		good := sign(body, secret)
		for _, secrets := range [][]string{{"", "another", secret}, {secret, "another"}, {secret, secret}} {
			if !bob.VerifySignature(body, good, secrets) {
				t.Fatal("a good signature was refused")
			}
		}
		for name, bad := range map[string]string{
			"": "", "in lower case": strings.ToLower(good), "with a space": good + " ", "twice": good + good, "of another body": sign(append(bytes.Clone(body), 0), secret), "of another secret": sign(body, secret+"x"),
		} {
			if bad != good && bob.VerifySignature(body, bad, []string{secret, "another"}) {
				t.Fatalf("a signature %s was taken", name)
			}
		}
	})
}

func TestIsPing(t *testing.T) {
	for body, want := range map[string]bool{
		"Ping test":             true,
		`{"text":"Ping test"}`:  true,
		"":                      false,
		"ping test":             false,
		"Ping test\n":           false,
		`"Ping test"`:           false,
		`{"text": "Ping test"}`: false,
		`{"text":"Ping test","type":"employee.up"}`: false,
	} {
		if got := bob.IsPing([]byte(body)); got != want {
			t.Errorf("IsPing(%q) = %v, want %v", body, got, want)
		}
	}
}

type webhookSample struct {
	Name  string
	Body  json.RawMessage
	Want  bob.Event
	Known bool
}

func webhookSamples(t testing.TB) []webhookSample {
	t.Helper()
	var samples []webhookSample
	readJSON(t, "webhooks.json", &samples)
	if len(samples) == 0 {
		t.Fatal("no webhook samples")
	}
	return samples
}

func TestParseEvent(t *testing.T) {
	for _, tt := range webhookSamples(t) {
		t.Run(tt.Name, func(t *testing.T) {
			got, err := bob.ParseEvent(tt.Body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.Want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if got.Known() != tt.Known {
				t.Errorf("Known() = %v, want %v", got.Known(), tt.Known)
			}
		})
	}
}

func TestParseEventRefuses(t *testing.T) {
	tests := map[string]struct {
		body  string
		field string
	}{
		"nothing":                             {``, ""},
		"ping":                                {`Ping test`, ""},
		"null":                                {`null`, ""},
		"a list":                              {`[{"type":"employee.updated"}]`, ""},
		"cut off":                             {`{"type":"employee.updated","data":{"employeeId":"1"`, ""},
		"two values":                          {`{"type":"docs.signed"}{}`, ""},
		"no type":                             {`{"data":{"employeeId":"1"}}`, "type"},
		"type of null":                        {`{"type":null}`, "type"},
		"type that is no string":              {`{"type":7}`, "type"},
		"type that is empty":                  {`{"type":""}`, "type"},
		"type with a newline":                 {`{"type":"employee.updated\nforged line"}`, "type"},
		"type without end":                    {`{"type":"` + strings.Repeat("a", 101) + `"}`, "type"},
		"no employee":                         {`{"type":"employee.updated","version":"v2","data":{}}`, "data.employeeId"},
		"no data":                             {`{"type":"employee.updated","version":"v2"}`, "data.employeeId"},
		"employee of null":                    {`{"type":"employee.updated","data":{"employeeId":null}}`, "data.employeeId"},
		"empty employee":                      {`{"type":"employee.updated","data":{"employeeId":""}}`, "data.employeeId"},
		"row id in place of an employee's":    {`{"type":"table.entry.created","version":"v2","data":{"id":"12"}}`, "data.employeeId"},
		"employee that is no number":          {`{"type":"employee.left","data":{"employeeId":"ada@example.com"}}`, "data.employeeId"},
		"employee with a sign":                {`{"type":"employee.left","data":{"employeeId":-1}}`, "data.employeeId"},
		"employee with an exponent":           {`{"type":"employee.left","data":{"employeeId":3.3e18}}`, "data.employeeId"},
		"employee with a slash":               {`{"type":"employee.left","data":{"employeeId":"1/2"}}`, "data.employeeId"},
		"employee in other digits":            {`{"type":"employee.left","data":{"employeeId":"٣"}}`, "data.employeeId"},
		"employee of 33 digits":               {`{"type":"employee.left","data":{"employeeId":"` + strings.Repeat("1", 33) + `"}}`, "data.employeeId"},
		"employee that is an object":          {`{"type":"employee.left","data":{"employeeId":{"id":"1"}}}`, "data.employeeId"},
		"legacy form without an employee":     {`{"type":"employee.left"}`, "employee.id"},
		"legacy form, employee without an id": {`{"type":"employee.left","employee":{"email":"ada@example.com"},"data":{}}`, "employee.id"},
		"two people":                          {`{"type":"employee.left","data":{"employeeId":"1"},"employee":{"id":"2"}}`, "employee.id"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := bob.ParseEvent([]byte(tt.body))
			var event *bob.EventError
			if !errors.As(err, &event) {
				t.Fatalf("error = %v, want an *EventError", err)
			}
			if event.Field != tt.field {
				t.Errorf("field = %q, want %q", event.Field, tt.field)
			}
			if !strings.Contains(err.Error(), tt.field) || strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "forged") {
				t.Errorf("error text names no field, or quotes one: %v", err)
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, s := range webhookSamples(f) {
		f.Add([]byte(s.Body))
	}
	f.Add([]byte(`{"type":"employee.deleted","data":{"employeeId":1e400,"email":[]}}`))
	f.Add([]byte(`{"type":"employee.updated","data":[],"employee":"1"}`))
	f.Add([]byte(`{"type":"employee.left","type":"employee.updated","data":{"employeeId":"1","employeeId":"2"}}`))
	f.Add([]byte(`{"type":"employee.left","data":` + strings.Repeat(`{"data":`, 200) + `{}` + strings.Repeat(`}`, 200) + `}`))
	f.Add([]byte(`{"type":"employee.updated","employee":{"id":"00"},"data":{"fieldUpdates":{"id":"x"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := bob.ParseEvent(body)
		if err != nil {
			var event *bob.EventError
			if !errors.As(err, &event) || e.Type != "" || e.EmployeeID != "" || e.Email != "" {
				t.Fatalf("event %+v beside error %v", e, err)
			}
			return
		}
		if e.EmployeeID == "" && e.Known() {
			t.Fatal("a known event about nobody")
		}
		if e.EmployeeID != "" && !bob.IsEmployeeID(e.EmployeeID) {
			t.Fatal("an id that is no id")
		}
		if e.Email != "" && e.Type != "employee.deleted" {
			t.Fatal("an address outside a deletion")
		}
		if len(e.Type) > 100 || strings.ContainsAny(string(e.Type), " \t\r\n\"\\@/") {
			t.Fatal("a type that is not for a log")
		}
		if e.CompanyID != "" && !bob.IsEmployeeID(e.CompanyID) {
			t.Fatal("a tenant that is no id")
		}
		if again, err := bob.ParseEvent(body); err != nil || !cmp.Equal(e, again) {
			t.Fatalf("the second reading differs: %v", err)
		}
		// Nor does it hang on how the body is spaced.
		var spaced, compact bytes.Buffer
		if err := errors.Join(json.Indent(&spaced, body, " ", "\t"), json.Compact(&compact, body)); err != nil {
			t.Fatalf("an event that is no JSON: %v", err)
		}
		for _, other := range [][]byte{spaced.Bytes(), compact.Bytes()} {
			if again, err := bob.ParseEvent(other); err != nil || !cmp.Equal(e, again) {
				t.Fatalf("spaced in another way it differs: %v", err)
			}
		}
	})
}
