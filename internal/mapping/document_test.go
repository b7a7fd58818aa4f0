package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const document = "../../docs/settings.md"

// TestDocumentIsUpToDate: the tables of docs/settings.md are those of the code,
// no key, target or function more or less.
func TestDocumentIsUpToDate(t *testing.T) {
	content := string(readFile(t, document))
	for name, table := range map[string]string{"keys": keyTable(), "targets": targetTable(), "functions": functionTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(content, begin)
		_, after, alsoOK := strings.Cut(rest, end)
		if !ok || !alsoOK {
			t.Fatalf("no place for the table of %s", name)
		}
		content = before + begin + table + end + after
	}
	golden(t, document, content)
}

func keyTable() string {
	var b strings.Builder
	b.WriteString("| key | default | meaning | example |\n|---|---|---|---|\n")
	for _, k := range keys {
		standard, example := "", ""
		if k.standard != "" {
			standard = code(k.standard)
		}
		if k.standard == noDefault || k.kind == kindAttributes {
			standard = k.standard
		}
		if k.example != "" {
			example = code(k.example)
		}
		meaning := k.meaning
		switch k.kind {
		case kindChoice:
			var values []string
			for _, choice := range k.choices {
				values = append(values, code(choice))
			}
			meaning += " " + strings.Join(values, ", ") + "."
		case kindInteger:
			meaning += fmt.Sprintf(" %d to %d.", k.least, k.most)
		default:
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(k.path), standard, strings.ReplaceAll(meaning, "<", "&lt;"), example)
	}
	return b.String()
}

func targetTable() string {
	var b strings.Builder
	b.WriteString("| attribute | |\n|---|---|\n")
	for _, name := range writableNames() {
		kind := "text"
		if IsInteger(name) {
			kind = "whole number"
		}
		if isMandatory(name) {
			kind += ", mandatory"
		}
		if name == AttrManagerUserID {
			kind = "a person, by their Bob id"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", code(name), kind)
	}
	b.WriteString("| " + code(CustomPrefix+"<shortname>") + " | text |\n")
	return b.String()
}

func functionTable() string {
	var b strings.Builder
	b.WriteString("| function | |\n|---|---|\n")
	for _, f := range functions {
		fmt.Fprintf(&b, "| %s | %s |\n", code(f.usage), f.meaning)
	}
	return b.String()
}

func code(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

// TestDocumentExamples: what the document shows as a formula compiles, and what
// it shows as a file is one.
func TestDocumentExamples(t *testing.T) {
	content := string(readFile(t, document))
	_, rest, _ := strings.Cut(content, "| wanted | formula |")
	table, _, _ := strings.Cut(rest, "\n\n")
	formulas := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1)
	if len(formulas) < 10 {
		t.Fatalf("%d formulas", len(formulas))
	}
	for _, formula := range formulas {
		if _, flaws := compile(formula[1], wantText, nil); len(flaws) > 0 {
			t.Errorf("%s: %v", formula[1], flaws)
		}
	}
	if report := readFile(t, "testdata/mistakes/with_fields/document.golden"); !strings.Contains(content, string(report)) {
		t.Errorf("the document does not show the report as it is:\n%s", report)
	}
	files := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(content, -1)
	if len(files) < 2 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range files {
		if _, err := Parse([]byte(file[1])); err != nil {
			t.Errorf("%v\n%s", err, file[1])
		}
	}
}

// TestKeysHaveExamples: the table of keys itself is whole, and its defaults and
// examples are values that the parser takes.
func TestKeysHaveExamples(t *testing.T) {
	const mandatoryRules = "mapping:\n  email: root.email\n  username: root.email\n  firstname: root.firstName\n  lastname: root.surname\n"
	for i, k := range keys {
		if slices.ContainsFunc(keys[:i], func(other key) bool { return other.path == k.path }) {
			t.Errorf("%s stands in the table twice", k.path)
		}
		if k.meaning == "" || (k.kind != kindSection && k.example == "") {
			t.Errorf("%s lacks a meaning or an example", k.path)
		}
		if k.kind == kindSection || k.kind == kindAttributes {
			continue
		}
		for _, value := range []string{k.standard, k.example} {
			if value == "" || value == noDefault {
				continue
			}
			name := k.name()
			var file string
			switch {
			case k.path == keyAttribute:
				file = mandatoryRules + "  phone: " + value
			case strings.HasPrefix(k.path, keyAttribute+"."):
				if name == "field" || name == "formula" {
					file = mandatoryRules + "  phone: {" + name + ": " + value + "}"
				} else {
					file = mandatoryRules + "  phone: {field: work.workPhone, " + name + ": " + value + "}"
				}
			case strings.HasPrefix(k.path, keySites+"."):
				file = "zones: {sites: {London: " + value + "}}"
			default:
				parts := strings.Split(k.path, ".")
				file = strings.Join(parts, ": {") + ": " + value + strings.Repeat("}", len(parts)-1)
			}
			if _, err := Parse([]byte(file)); err != nil {
				t.Errorf("%s: %v", k.path, err)
			}
		}
	}
}
