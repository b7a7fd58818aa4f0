package mapping

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/provisioning.schema.json"

// schema is the part of JSON Schema that the provisioning file needs.
type schema struct {
	Version     string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Default     any                `json:"default,omitempty"`
	Type        []string           `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	OneOf       []*schema          `json:"oneOf,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Patterns    map[string]*schema `json:"patternProperties,omitempty"`
	// Others is false, or what other properties are like.
	Others  any                `json:"additionalProperties,omitempty"`
	Items   *schema            `json:"items,omitempty"`
	Minimum *int               `json:"minimum,omitempty"`
	Maximum *int               `json:"maximum,omitempty"`
	MinLen  int                `json:"minLength,omitempty"`
	Pattern string             `json:"pattern,omitempty"`
	Defs    map[string]*schema `json:"$defs,omitempty"`
}

// schemaOf makes the schema out of the table of keys. It is for editors: what it
// refuses the parser refuses as well, and not the other way round.
func schemaOf() *schema {
	root := &schema{
		Version: "https://json-schema.org/draft/2020-12/schema", Title: "Provisioning file of bob-onelogin",
		Type: []string{"object", "null"}, Properties: map[string]*schema{}, Others: false,
		Defs: map[string]*schema{},
	}
	sections := map[string]*schema{"": root}
	var rule, long *schema
	for _, k := range keys {
		s := k.schema()
		s.Description = k.meaning
		if k.standard != "" && k.standard != noDefault && k.kind != kindAttributes {
			if err := yaml.Unmarshal([]byte(k.standard), &s.Default); err != nil {
				panic(k.path + ": " + err.Error())
			}
		}
		switch {
		case k.path == keyAttribute:
			rule, long = s, s.AnyOf[1]
			root.Defs["rule"] = s
		case strings.HasPrefix(k.path, keyAttribute+"."):
			long.Properties[k.name()] = s
		case k.path == keySites+".<site>":
			sections[keySites].Others = s
		default:
			parent := strings.TrimSuffix(strings.TrimSuffix(k.path, k.name()), ".")
			into := sections[parent]
			if parent == keyEmploymentTypes {
				into = into.AnyOf[1]
			}
			into.Properties[k.name()] = s
			sections[k.path] = s
		}
	}
	mapping := sections[keyMapping]
	mapping.Required = mandatory
	ref := &schema{Ref: "#/$defs/rule"}
	for _, attribute := range writableNames() {
		mapping.Properties[attribute] = ref
	}
	mapping.Patterns = map[string]*schema{"^custom_attributes[.][A-Za-z0-9_-]+$": ref}
	if rule == nil {
		panic("the table of keys has no rule")
	}
	return root
}

func (k key) schema() *schema {
	number := func(n int) *int { return &n }
	section := func(null ...string) *schema {
		return &schema{Type: append([]string{"object"}, null...), Properties: map[string]*schema{}, Others: false}
	}
	list := func(null ...string) *schema {
		return &schema{Type: append([]string{"array"}, null...), Items: k.item.schema()}
	}
	switch k.kind {
	case kindSection, kindAttributes, kindZones:
		return section("null")
	case kindSource:
		long := section()
		long.OneOf = []*schema{{Required: []string{"field"}}, {Required: []string{"formula"}}}
		return &schema{AnyOf: []*schema{{Type: []string{"string"}, MinLen: 1}, long}}
	case kindEmploymentTypes:
		return &schema{AnyOf: []*schema{list("null"), section()}}
	case kindList:
		return list("null")
	case kindBool:
		return &schema{Type: []string{"boolean", "null"}}
	case kindInteger:
		return &schema{Type: []string{"integer", "null"}, Minimum: number(k.least), Maximum: number(k.most)}
	case kindChoice:
		s := &schema{Enum: []any{nil}}
		for _, choice := range k.choices {
			s.Enum = append(s.Enum, choice)
		}
		return s
	case kindDuration:
		return &schema{Type: []string{"string", "null"}, Pattern: "^[+]?[0-9.]+(ns|us|µs|ms|s|m|h)"}
	case kindClock:
		return &schema{Type: []string{"string", "null"}, Pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
	case kindZone, kindField:
		return &schema{Type: []string{"string", "null"}, MinLen: 1}
	default: // formulas and texts, which may look like something else
		return &schema{Type: []string{"string", "number", "boolean", "null"}, MinLen: 1}
	}
}

func (i item) schema() *schema {
	switch i {
	case itemDomain:
		return &schema{Type: []string{"string", "number"}, Pattern: "^[^@ \t]*[^@ \t.][.][^@ \t]*$"}
	case itemAddress:
		return &schema{Type: []string{"string"}, Pattern: "^[^@ \t]+@[^ \t]+$"}
	case itemPerson:
		return &schema{Type: []string{"string", "integer"}, Pattern: "^([0-9]+|[^@ \t]+@[^ \t]+)$"}
	case itemUserID:
		return &schema{Type: []string{"integer", "string"}, Minimum: new(1), Pattern: "^[+]?0*[1-9][0-9]*$"}
	default:
		return &schema{Type: []string{"string", "number", "boolean"}, MinLen: 1}
	}
}

// TestSchemaIsUpToDate: the schema in docs is the one of the table of keys.
func TestSchemaIsUpToDate(t *testing.T) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schemaOf()); err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, b.String())
}

// golden holds a text against a file, or rewrites the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *Update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date; run go test ./internal/mapping -update (-is +should be):\n%s", file, diff)
	}
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// accepts reports whether the schema accepts a file; ok is false for a file that
// is no YAML.
func accepts(t testing.TB, s *jsonschema.Schema, content []byte) (accepted, ok bool) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(content)
	if err != nil {
		return false, false
	}
	if len(bytes.TrimSpace(asJSON)) == 0 {
		asJSON = []byte("null")
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return false, false
	}
	return s.Validate(instance) == nil, true
}

// TestSchemaAcceptsWhatTheParserAccepts: the sample with and without its
// comments, and the example.
func TestSchemaAcceptsWhatTheParserAccepts(t *testing.T) {
	s := compiledSchema(t)
	sample := readFile(t, "../../provisioning.yaml")
	for name, content := range map[string][]byte{
		"the sample": sample, "the sample with everything in it": uncommented(sample), "nothing": nil,
		"the example": readFile(t, "../../docs/examples/company.yaml"), "testdata": readFile(t, "testdata/sample.yaml"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(content); err != nil {
				t.Fatal(err)
			}
			if accepted, ok := accepts(t, s, content); !accepted || !ok {
				t.Error("the schema refuses it")
			}
		})
	}
}

// TestSampleShowsEveryKeyAtItsDefault: taking the # off everything in the sample
// changes nothing, and leaves no key out.
func TestSampleShowsEveryKeyAtItsDefault(t *testing.T) {
	content := uncommented(readFile(t, "../../provisioning.yaml"))
	got, err := Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	slices.SortFunc(want.Rules, func(a, b Rule) int { return strings.Compare(a.Target, b.Target) })
	if diff := cmp.Diff(want.Rules, got.Rules); diff != "" {
		t.Errorf("mapping (-default +sample):\n%s", diff)
	}
	if got.Policy.Status != want.Policy.Status || got.Policy.Reactivate != want.Policy.Reactivate || got.Policy.Start != want.Policy.Start ||
		got.Policy.GardenLeave != want.Policy.GardenLeave || got.Policy.TemporaryLeave != want.Policy.TemporaryLeave ||
		got.Policy.Zones.Default.String() != want.Policy.Zones.Default.String() || len(got.Policy.Zones.Sites) != 0 {
		t.Errorf("policy %+v, want %+v", got.Policy, want.Policy)
	}
	if got.Limits != want.Limits || got.CreateCustomAttributes != want.CreateCustomAttributes {
		t.Errorf("settings %+v, want %+v", got, want)
	}
	scope := got.Scope
	if len(scope.rules()) != 0 || len(scope.Exclude) != 0 || scope.OutOfScope != want.Scope.OutOfScope || scope.employmentField() != want.Scope.employmentField() ||
		len(got.Protected.Emails)+len(got.Protected.OneLoginIDs) != 0 {
		t.Errorf("scope %+v, protected %+v", scope, got.Protected)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(content, &tree); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		// Names of the file's own, and what stands in the place of another key,
		// are no keys to show.
		if strings.HasSuffix(k.path, ">") || k.path == keyAttribute+".formula" || k.path == keyAttribute+".default" {
			continue
		}
		var value any = tree
		for _, name := range strings.Split(strings.ReplaceAll(k.path, "<attribute>", "title"), ".") {
			section, _ := value.(map[string]any)
			var there bool
			if value, there = section[name]; !there {
				t.Errorf("the sample does not show %s", k.path)
				break
			}
		}
	}
}

// TestSchemaRefusesMistakes: what the schema can see it refuses. What it cannot
// see are names that only Bob, OneLogin and the zone database know, formulas,
// and rules between two keys.
func TestSchemaRefusesMistakes(t *testing.T) {
	beyond := []string{
		"fields", "formula_in_quotes", "formula_over_lines", "repeated_attribute", "repeated_key", "second_document",
	}
	s := compiledSchema(t)
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	further, err := filepath.Glob("testdata/mistakes/*/*.yaml")
	if err != nil || len(further) == 0 {
		t.Fatal(err)
	}
	for _, file := range append(files, further...) {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		accepted, ok := accepts(t, s, readFile(t, file))
		if !ok {
			continue
		}
		if accepted != slices.Contains(beyond, name) {
			t.Errorf("%s: accepted %t", name, accepted)
		}
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// uncommented takes the # off the keys of the sample. Prose has one space
// behind it.
func uncommented(sample []byte) []byte {
	var lines []string
	for line := range strings.Lines(string(sample)) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && (strings.HasPrefix(rest, "  ") || !strings.HasPrefix(rest, " ")) {
			line = rest
		}
		lines = append(lines, line)
	}
	return []byte(strings.Join(lines, ""))
}

// FuzzSchema: an editor that goes by the schema complains of nothing that the
// parser takes.
func FuzzSchema(f *testing.F) {
	s := compiledSchema(f)
	sample := readFile(f, "../../provisioning.yaml")
	f.Add(uncommented(sample))
	f.Add(readFile(f, "../../docs/examples/company.yaml"))
	for _, k := range keys {
		f.Add([]byte(strings.ReplaceAll(k.path, ".", ": {") + ": " + k.example + strings.Repeat("}", strings.Count(k.path, "."))))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := Parse(content); err != nil {
			return
		}
		if accepted, ok := accepts(t, s, content); ok && !accepted {
			t.Errorf("the parser takes what the schema refuses:\n%s", content)
		}
	})
}
