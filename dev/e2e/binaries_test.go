package e2e

import (
	"debug/elf"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// released is the version that the processes of the tests are built as.
const released = "v0.0.0-e2e"

func TestBinariesSayTheirVersion(t *testing.T) {
	s := stack{t: t}
	for _, name := range []string{"worker", "starter"} {
		out, err := s.command(filepath.Join(binaries, name), "--version")
		require.NoError(t, err, out)
		require.Contains(t, out, name+" "+released+" (")
		require.Contains(t, out, runtime.Version())
	}
}

// Images of nothing but the binary have no loader and no C library.
func TestBinariesAreStatic(t *testing.T) {
	if !static || runtime.GOOS != "linux" {
		t.Skip("the race detector and other systems need a C library")
	}
	for _, name := range []string{"worker", "starter", "sim"} {
		f, err := elf.Open(filepath.Join(binaries, name))
		require.NoError(t, err)
		defer f.Close()
		for _, p := range f.Progs {
			require.NotEqual(t, elf.PT_INTERP, p.Type, "%s needs a loader", name)
		}
	}
}
