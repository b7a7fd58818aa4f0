//go:build !race

package e2e

// The processes are built as those of the images are (see Dockerfile), but for
// what makes them smaller.
var (
	buildFlags = []string{"-ldflags=-X bob-onelogin/internal/version.number=" + released}
	buildEnv   = []string{"CGO_ENABLED=0"}
)

const static = true
