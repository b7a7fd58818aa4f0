package bob_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/internal/bob"
)

func TestFields(t *testing.T) {
	client := serve(t, expect(t, exchange{
		"GET", "/v1/company/people/fields", nil, answer(200, "application/json", file(t, "fields.json")),
	}))
	got, err := client.Fields(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []bob.Field{
		{ID: "root.email", Name: "Email", Category: "root", JSONPath: "email", Type: "text"},
		{ID: "work.title", Name: "Job title", Category: "work", JSONPath: "work.title", Type: "list", Historical: true, ListID: "title"},
		{ID: "work.workPhone", Name: "Work phone", Category: "workContact", JSONPath: "work.workPhone", Type: "text"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestFieldsRefusesOtherAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"null":               `null`,
		"an object":          `{"fields":[]}`,
		"field without id":   `[{"name":"Email"}]`,
		"field of null":      `[null]`,
		"cut off":            `[{"id":"root.email"}`,
		"one beside the end": `[]]`,
	} {
		client := serve(t, answer(200, "application/json", body))
		fields, err := client.Fields(t.Context())
		var content *bob.ContentError
		if !errors.As(err, &content) || fields != nil {
			t.Errorf("%s: fields %v, error %v, want a *ContentError alone", name, fields, err)
		}
	}
}

func TestNamedList(t *testing.T) {
	tests := map[string]struct {
		body string
		want []bob.ListItem
	}{
		"under values, label under name or value": {
			`{"name":"title","values":[{"id":"1","value":"Old","name":"Surfer","archived":true,"children":[]},{"id":"2","value":"Diver"}]}`,
			[]bob.ListItem{{ID: "1", Name: "Surfer", Archived: true}, {ID: "2", Name: "Diver"}},
		},
		"under items, ids as integers": {
			`{"items":[{"id":2509192163000000001,"name":"Surfer"}]}`,
			[]bob.ListItem{{ID: "2509192163000000001", Name: "Surfer"}},
		},
		"values of null beside items": {
			`{"values":null,"items":[{"id":"1","name":"Surfer"}]}`,
			[]bob.ListItem{{ID: "1", Name: "Surfer"}},
		},
		"children, and theirs": {
			`{"values":[{"id":1,"name":"Sea","children":[{"id":2,"name":"North","children":[{"id":3,"name":"Deep","children":null}]}]},{"id":4,"name":"Land"}]}`,
			[]bob.ListItem{
				{ID: "1", Name: "Sea"},
				{ID: "2", ParentID: "1", Name: "North"},
				{ID: "3", ParentID: "2", Name: "Deep"},
				{ID: "4", Name: "Land"},
			},
		},
		"no entries": {`{"values":[]}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := serve(t, expect(t, exchange{
				"GET", "/v1/company/named-lists/a%2Fb", nil, answer(200, "application/json", tt.body),
			}))
			got, err := client.NamedList(t.Context(), "a/b")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamedListRefusesOtherAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no entries":            `{"name":"title"}`,
		"entries that are none": `{"values":{"1":"Surfer"}}`,
		"entry without an id":   `{"values":[{"name":"Surfer"}]}`,
		"entry of null":         `{"values":[null]}`,
		"child without an id":   `{"values":[{"id":1,"children":[{"name":"Surfer"}]}]}`,
		"children that are not": `{"values":[{"id":1,"children":7}]}`,
		"null":                  `null`,
	} {
		client := serve(t, answer(200, "application/json", body))
		items, err := client.NamedList(t.Context(), "title")
		var content *bob.ContentError
		if !errors.As(err, &content) || items != nil {
			t.Errorf("%s: items %v, error %v, want a *ContentError alone", name, items, err)
		}
	}
}
