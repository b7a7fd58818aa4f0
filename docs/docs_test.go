package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	require.NoError(t, err)
	return string(content)
}

// documents are all that people read, by their path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			fromRoot, err := filepath.Rel("..", path)
			require.NoError(t, err)
			all[filepath.ToSlash(fromRoot)] = read(t, fromRoot)
		}
	}
	require.Contains(t, all, "README.md")
	require.Contains(t, all, "docs/operations.md")
	return all
}

// sources is the text of everything in a folder that ships.
func sources(t *testing.T, dirs ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range dirs {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			all.Write(content)
			return err
		}))
	}
	return all.String()
}

// section is what stands under a heading, up to the next of its level.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "\n## "+heading+"\n")
	require.True(t, found, "there is no section %q", heading)
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// firstCells are the code spans with which the rows of a section's tables begin.
func firstCells(text string) []string {
	var cells []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(text, -1) {
		cells = append(cells, m[1])
	}
	return cells
}

// TestRunbookKnowsEveryFailure holds the table of failures against the types
// under which workflows and activities fail.
func TestRunbookKnowsEveryFailure(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "activities", "errors.go"), nil, 0)
	require.NoError(t, err)
	var types []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Err") && len(spec.Values) == 1 {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				text, err := strconv.Unquote(value.Value)
				require.NoError(t, err)
				types = append(types, text)
			}
		}
		return true
	})
	require.NotEmpty(t, types)
	// Those that workflows fail with by themselves.
	for _, m := range regexp.MustCompile(`NewNonRetryableApplicationError\(err\.Error\(\), "(\w+)"`).FindAllStringSubmatch(sources(t, "workflows"), -1) {
		types = append(types, m[1])
	}
	require.ElementsMatch(t, types, firstCells(section(t, read(t, "docs", "operations.md"), "Failures by their type")))
}

func TestRunbookKnowsEveryAlert(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert string `yaml:"alert"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "alerts.yaml")), &file))
	var alerts []string
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			alerts = append(alerts, rule.Alert)
		}
	}
	require.NotEmpty(t, alerts)
	require.ElementsMatch(t, alerts, firstCells(section(t, read(t, "docs", "operations.md"), "Alerts")))
}

// TestRunbookQuotesTheLog: whoever looks for a line of the log finds it.
func TestRunbookQuotesTheLog(t *testing.T) {
	lines := firstCells(section(t, read(t, "docs", "operations.md"), "Log lines"))
	require.NotEmpty(t, lines)
	logged := sources(t, "worker", "starter", "workflows", "internal")
	for _, line := range lines {
		require.Contains(t, logged, `("`+line, "nothing logs this")
	}
}

// TestRunbookQuotesReasons: the runbook has the words of results and failures,
// so that it is found by them.
func TestRunbookQuotesReasons(t *testing.T) {
	said := sources(t, "activities", "workflows", "internal")
	operations := read(t, "docs", "operations.md")
	for _, reason := range []string{
		"Out of scope: ", "Bob's answer lacks ", "Bob does not show this person (404) and announced no deletion",
		"Bob says inactive, but its answer lacks ", "the person has no OneLogin user, and a leaver gets none",
		"so has employee ", "This person is the account owner", "a suspension is due, but this user is protected",
		"OneLogin does not let anybody change its account owner", " is Unlicensed",
		"Bob revoked this person's access with immediate effect", "Bob announced the deletion of this person",
		"which the settings count as inactive", "waiting for OneLogin's budget", "it needs the key ",
	} {
		require.Contains(t, said, reason, "nothing says this any more")
		require.Contains(t, operations, reason)
	}
}

var target = regexp.MustCompile("`make ([a-z-]+)")

// TestMakeTargets: what documents have people type is there, and CONTRIBUTING.md
// leaves none out.
func TestMakeTargets(t *testing.T) {
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	require.NotEmpty(t, targets)
	all := documents(t)
	for path, text := range all {
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			require.True(t, m[1] == "bin" || slices.Contains(targets, m[1]), "%s names `make %s`", path, m[1])
		}
	}
	for _, name := range targets {
		require.Contains(t, all["CONTRIBUTING.md"], "`make "+name, "CONTRIBUTING.md leaves it out")
	}
}

// TestChecks: what CONTRIBUTING.md calls a check is one that a change has to pass.
func TestChecks(t *testing.T) {
	run := strings.Split(read(t, ".ci", "run"), "\n")
	checks := firstCells(section(t, read(t, "CONTRIBUTING.md"), "Checks"))
	require.Contains(t, checks, "make test")
	for _, check := range checks {
		require.Contains(t, run, check)
	}
}

// TestCommands: the starter has every command that documents name.
func TestCommands(t *testing.T) {
	var commands []string
	for _, m := range regexp.MustCompile("(?m)^\t([A-Z][a-z]+) +[a-z]+Command +`cmd:").FindAllStringSubmatch(read(t, "starter", "main.go"), -1) {
		commands = append(commands, strings.ToLower(m[1]))
	}
	require.Contains(t, commands, "serve")
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile("(?m)(?:`|^)starter ([a-z]+)").FindAllStringSubmatch(text, -1) {
			require.Contains(t, commands, m[1], "%s names `starter %s`", path, m[1])
		}
	}
}

// TestVariables: the configuration has every variable that documents name.
func TestVariables(t *testing.T) {
	known := sources(t, filepath.Join("internal", "config"))
	ours := regexp.MustCompile("`((?:BOB|ONELOGIN|PAYLOAD|CODEC|NOTIFY|STARTER|METRICS|PROVISIONING|WORKER|LOG)_[A-Z_]+[A-Z])`")
	for path, text := range documents(t) {
		for _, m := range ours.FindAllStringSubmatch(text, -1) {
			require.Contains(t, known, `env:"`+m[1]+`"`, "%s names %s", path, m[1])
		}
	}
}

// TestMetricsOfTheRunbook: docs/metrics.md, which is held against the program,
// has every metric that another document names.
func TestMetricsOfTheRunbook(t *testing.T) {
	all := documents(t)
	for path, text := range all {
		for _, name := range regexp.MustCompile(`\bbob_onelogin_[a-z_]+\b`).FindAllString(text, -1) {
			require.Contains(t, all["docs/metrics.md"], name, path)
		}
	}
}

// TestPaths: files and packages that documents name are there, and the picture
// of the house has every package.
func TestPaths(t *testing.T) {
	all := documents(t)
	paths := regexp.MustCompile("`((?:worker|starter|workflows|activities|internal|dev|deploy|docs)/[a-z0-9_./]+)`")
	for name, text := range all {
		for _, m := range paths.FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(filepath.Join("..", m[1]))
			require.NoError(t, err, name)
		}
	}
	packages, err := os.ReadDir(filepath.Join("..", "internal"))
	require.NoError(t, err)
	for _, p := range packages {
		require.Contains(t, all["docs/architecture.md"], "`internal/"+p.Name()+"`")
		require.Regexp(t, `\b`+p.Name()+`\b`, section(t, all["CONTRIBUTING.md"], "The house"))
	}
}

// anchorOf is the anchor that a heading gets.
func anchorOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			return r
		default:
			return -1
		}
	}, strings.ToLower(strings.TrimSpace(heading)))
}

// TestLinks: links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	fenced := regexp.MustCompile("(?s)```.*?```")
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.+)$`)
	all := documents(t)
	checked := 0
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			checked++
			to, anchor, _ := strings.Cut(m[1], "#")
			file := path
			if to != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(path), to))
				_, err := os.Stat(filepath.Join("..", file))
				require.NoError(t, err, "%s links to %s", path, m[1])
			}
			if anchor == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(all[file], ""), -1) {
				anchors = append(anchors, anchorOf(h[1]))
			}
			require.Contains(t, anchors, anchor, "%s links to %s", path, m[1])
		}
	}
	require.Greater(t, checked, 20)
}

// TestGitHub: what GitHub runs is .ci/run, and no module is left to grow old.
func TestGitHub(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, ".github", "workflows", "ci.yml")), &workflow))
	require.Len(t, workflow.Jobs, 1)
	for _, job := range workflow.Jobs {
		require.NotEmpty(t, job.Steps)
		require.Equal(t, ".ci/run", job.Steps[len(job.Steps)-1].Run)
	}

	var updates struct {
		Updates []struct {
			Ecosystem string `yaml:"package-ecosystem"`
			Directory string `yaml:"directory"`
		} `yaml:"updates"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, ".github", "dependabot.yml")), &updates))
	var kept, modules []string
	for _, u := range updates.Updates {
		if u.Ecosystem == "gomod" {
			kept = append(kept, u.Directory)
		}
	}
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache"):
			return filepath.SkipDir
		case d.Name() == "go.mod":
			dir, err := filepath.Rel("..", filepath.Dir(path))
			modules = append(modules, strings.TrimSuffix("/"+filepath.ToSlash(dir), "."))
			return err
		}
		return nil
	}))
	require.ElementsMatch(t, modules, kept)
}
