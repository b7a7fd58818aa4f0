package version

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	built := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	of := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "1f3a5c7e9b0d2468ace01357"}
	for name, test := range map[string]struct {
		linked string
		info   *debug.BuildInfo
		want   string
	}{
		"a release":                          {"v1.4.0", of("(devel)", revision), "v1.4.0 (revision 1f3a5c7e9b0d, " + built},
		"a release from an archive":          {"v1.4.0", of("(devel)"), "v1.4.0 (" + built},
		"by go install":                      {"", of("v1.4.0"), "v1.4.0 (" + built},
		"from a working tree":                {"", of("v0.0.0-20261124225353-1f3a5c7e9b0d", revision), "v0.0.0-20261124225353-1f3a5c7e9b0d (revision 1f3a5c7e9b0d, " + built},
		"from a working tree with changes":   {"", of("(devel)", revision, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "unreleased (revision 1f3a5c7e9b0d with changes, " + built},
		"from source that is in no git":      {"", of("(devel)"), "unreleased (" + built},
		"without anything that Go has noted": {"", nil, "unreleased (" + built},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, describe(test.linked, test.info)) })
	}
}

// The linker sets what releases are built with: a package or a variable of
// another name would be ignored without a word.
func TestNumberIsSetByTheLinker(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "version")
	build := exec.Command("go", "build", "-ldflags=-X bob-onelogin/internal/version.number=v9.8.7", "-o", binary, "./testdata/print")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(binary).Output()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(out), "v9.8.7 ("), string(out))
}
