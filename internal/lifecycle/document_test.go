package lifecycle_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// proofs are the tests that the document names: `package.Test/situation`.
var proofs = regexp.MustCompile("`((?:[a-z0-9]+/)*[a-z0-9]+)\\.(Test[A-Za-z0-9]+)(?:/([^`]+))?`")

// TestDocumentNamesTestsThatExist keeps docs/lifecycle.md true: every test
// that it names as a proof is there, under that name.
func TestDocumentNamesTestsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	content, err := os.ReadFile(filepath.Join(root, "docs", "lifecycle.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := proofs.FindAllStringSubmatch(string(content), -1)
	if len(named) < 100 {
		t.Fatalf("the document names %d tests", len(named))
	}
	packages := map[string]map[string][]string{}
	for _, proof := range named {
		dir, function, situation := proof[1], proof[2], proof[3]
		if packages[dir] == nil {
			packages[dir] = testsIn(t, filepath.Join(root, filepath.FromSlash(dir)))
		}
		texts, ok := packages[dir][function]
		if !ok {
			t.Errorf("%s has no test %s", dir, function)
			continue
		}
		if situation != "" && !slices.Contains(texts, situation) {
			t.Errorf("%s.%s has no situation %q", dir, function, situation)
		}
	}

	// A row that names no proof is a claim.
	for i, line := range strings.Split(string(content), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		isRow := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| word") && len(cells) > 1
		last := cells[len(cells)-1]
		if isRow && last != "proof" && !proofs.MatchString(last) && !definition(line) {
			t.Errorf("line %d names no test: %s", i+1, line)
		}
	}
}

// definition tells the rows of the table of words, which prove nothing.
func definition(line string) bool {
	for _, word := range []string{"absent", "null", "garbage", "suspended", "wait, provision, leave, none"} {
		if strings.HasPrefix(line, "| "+word+" | ") && strings.Count(line, " | ") == 1 {
			return true
		}
	}
	return false
}

// testsIn returns, by name, the tests of a package with every text literal in
// them: situations are keys and names of tables, and names of subtests.
func testsIn(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	tests := map[string][]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Test") {
				continue
			}
			texts := []string{}
			ast.Inspect(function, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						texts = append(texts, text)
					}
				}
				return true
			})
			tests[function.Name.Name] = texts
		}
	}
	return tests
}
