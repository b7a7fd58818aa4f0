// Package version says which build a program is, for people and for logs.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// number is set by the linker where a release is built:
// -ldflags "-X bob-onelogin/internal/version.number=v1.4.0".
var number string

// unknown is said of a build that nobody has given a number.
const unknown = "unreleased"

// Number is the release, such as "v1.4.0". A build without one is known by
// what Go has written down of the source, or not at all.
func Number() string {
	info, _ := debug.ReadBuildInfo()
	return numberOf(number, info)
}

// String is Number with what it was built from and for:
// "v1.4.0 (revision 1f3a5c7e9b0d, go1.26.8, linux/amd64)".
func String() string {
	info, _ := debug.ReadBuildInfo()
	return describe(number, info)
}

func numberOf(linked string, info *debug.BuildInfo) string {
	switch {
	case linked != "":
		return linked
	case info != nil && info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	default:
		return unknown
	}
}

func describe(linked string, info *debug.BuildInfo) string {
	text := numberOf(linked, info) + " ("
	if info != nil {
		if revision := revisionOf(info.Settings); revision != "" {
			text += "revision " + revision + ", "
		}
	}
	return text + fmt.Sprintf("%s, %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revisionOf is the commit, as short as people use it, and whether the source
// was another one.
func revisionOf(settings []debug.BuildSetting) string {
	var revision, changed string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}
