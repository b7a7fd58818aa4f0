package provisioning

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	active    = "status: always_active\n"
	suspended = "status: always_suspended\n"
	broken    = "statos: follow_bob\nscope: {exclude: [juniper.sample@example.com]}\n"
	custom    = "mapping: {email: root.email, username: root.email, firstname: root.firstName, lastname: root.surname, comment: work.custom.field_1}\n"
)

var standard = []mapping.Field{{ID: "root.email"}, {ID: "root.firstName"}, {ID: "root.surname"}}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// watched is a file that is followed until the test ends.
type watched struct {
	*File
	t    *testing.T
	path string
	logs *observer.ObservedLogs
}

func follow(t *testing.T, path string, change func(*File)) *watched {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	f, err := Open(t.Context(), path, Options{Log: zap.New(core)})
	require.NoError(t, err)
	f.settle, f.poll = 5*time.Millisecond, time.Hour
	if change != nil {
		change(f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return &watched{File: f, t: t, path: path, logs: logs}
}

func (w *watched) eventually(what string, ok func() bool) {
	w.t.Helper()
	require.Eventually(w.t, ok, 20*time.Second, time.Millisecond, what)
}

func (w *watched) status() lifecycle.StatusPolicy { return w.Settings().Policy.Status }

func (w *watched) becomes(status lifecycle.StatusPolicy) {
	w.t.Helper()
	w.eventually("the settings become "+string(status), func() bool { return w.status() == status && w.Broken() == nil })
}

func (w *watched) breaks(sentence string) {
	w.t.Helper()
	w.eventually("it is said to be broken", func() bool { return w.Broken() != nil && strings.Contains(w.Broken().Error(), sentence) })
}

// errorLogs are the reports that were logged at error level.
func (w *watched) errorLogs() []string {
	var reports []string
	for _, entry := range w.logs.FilterLevelExact(zapcore.ErrorLevel).All() {
		reports = append(reports, entry.ContextMap()["report"].(string))
	}
	return reports
}

func TestOpen(t *testing.T) {
	folder := t.TempDir()
	good, bad := filepath.Join(folder, "good.yaml"), filepath.Join(folder, "bad.yaml")
	write(t, good, active)
	write(t, bad, broken)
	open := func(path string) (*File, error) { return Open(t.Context(), path, Options{Log: zap.NewNop()}) }

	f, err := open("")
	require.NoError(t, err)
	require.Equal(t, mapping.Default(), f.Settings())
	f, err = open(good)
	require.NoError(t, err)
	require.Equal(t, lifecycle.AlwaysActive, f.Settings().Policy.Status)
	require.NoError(t, f.Broken())
	_, err = open(bad)
	require.ErrorContains(t, err, "PROVISIONING_FILE "+bad+": provisioning file: 1 mistake")
	require.ErrorContains(t, err, "did you mean status?")
	_, err = open(filepath.Join(folder, "none.yaml"))
	require.ErrorContains(t, err, "PROVISIONING_FILE: ")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestOpenHoldsTheFieldsAgainstBob(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, custom)
	open := func(fields []mapping.Field, err error) (*File, error) {
		return Open(t.Context(), path, Options{Log: zap.NewNop(), Fields: func(context.Context) ([]mapping.Field, error) { return fields, err }})
	}
	_, err := open(standard, nil)
	require.ErrorContains(t, err, "Bob has no field work.custom.field_1")
	_, err = open(append(standard, mapping.Field{ID: "work.custom.field_1"}), nil)
	require.NoError(t, err)
	_, err = open(nil, errors.New("no answer"))
	require.NoError(t, err, "Bob being away keeps nobody from starting")
}

// The ways in which files come to be changed.
func TestWatchTakesAChange(t *testing.T) {
	ways := map[string]func(t *testing.T, path string){
		"written in place": func(t *testing.T, path string) { write(t, path, suspended) },
		"another file renamed over it, as editors do": func(t *testing.T, path string) {
			write(t, path+"~", suspended)
			require.NoError(t, os.Rename(path+"~", path))
		},
		"removed and made anew": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			write(t, path, suspended)
		},
		"written piece by piece": func(t *testing.T, path string) {
			file, err := os.Create(path)
			require.NoError(t, err)
			for _, piece := range strings.SplitAfter(suspended, "_") {
				_, err := file.WriteString(piece)
				require.NoError(t, err)
			}
			require.NoError(t, file.Close())
		},
	}
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "policy.yaml")
			write(t, path, active)
			w := follow(t, path, nil)
			before := w.Settings().Version
			change(t, path)
			w.becomes(lifecycle.AlwaysSuspended)
			require.NotEqual(t, before, w.Settings().Version)
			change = func(t *testing.T, path string) { write(t, path, active) }
			change(t, path)
			w.becomes(lifecycle.AlwaysActive)
		})
	}
}

// Kubernetes mounts a configuration as links: the file leads through ..data to a
// folder, and a change swaps ..data.
func TestWatchFollowsSwappedLinks(t *testing.T) {
	folder := t.TempDir()
	version := func(name, content string) {
		require.NoError(t, os.Mkdir(filepath.Join(folder, name), 0o700))
		write(t, filepath.Join(folder, name, "policy.yaml"), content)
		require.NoError(t, os.Symlink(name, filepath.Join(folder, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
	}
	version("..1", active)
	path := filepath.Join(folder, "policy.yaml")
	require.NoError(t, os.Symlink(filepath.Join("..data", "policy.yaml"), path))
	w := follow(t, path, nil)
	require.Equal(t, lifecycle.AlwaysActive, w.status())
	version("..2", suspended)
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "..1")))
	w.becomes(lifecycle.AlwaysSuspended)
	version("..3", active)
	w.becomes(lifecycle.AlwaysActive)
	write(t, filepath.Join(folder, "..3", "policy.yaml"), suspended)
	w.becomes(lifecycle.AlwaysSuspended)
}

// A link into another folder: what happens there is seen.
func TestWatchFollowsALinkElsewhere(t *testing.T) {
	target, path := filepath.Join(t.TempDir(), "shared.yaml"), filepath.Join(t.TempDir(), "policy.yaml")
	write(t, target, active)
	require.NoError(t, os.Symlink(target, path))
	w := follow(t, path, nil)
	write(t, target, suspended)
	w.becomes(lifecycle.AlwaysSuspended)
}

// Where nothing notifies, looking now and then finds the change.
func TestWatchLooksByItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, active)
	core, _ := observer.New(zapcore.InfoLevel)
	f, err := Open(t.Context(), path, Options{Log: zap.New(core)})
	require.NoError(t, err)
	write(t, path, suspended)
	require.True(t, f.look(t.Context()), "once is not enough: it may be half written")
	require.Equal(t, lifecycle.AlwaysActive, f.Settings().Policy.Status)
	require.False(t, f.look(t.Context()))
	require.Equal(t, lifecycle.AlwaysSuspended, f.Settings().Policy.Status)

	// A folder that does not exist cannot notify: it is made anew behind the
	// watch's back.
	elsewhere := filepath.Join(t.TempDir(), "mount")
	require.NoError(t, os.Mkdir(elsewhere, 0o700))
	path = filepath.Join(elsewhere, "policy.yaml")
	write(t, path, active)
	w := follow(t, path, func(f *File) { f.poll = 10 * time.Millisecond })
	require.NoError(t, os.Rename(elsewhere, elsewhere+".old"))
	w.breaks("cannot be read")
	require.NoError(t, os.Mkdir(elsewhere, 0o700))
	write(t, path, suspended)
	w.becomes(lifecycle.AlwaysSuspended)
}

// A broken change is refused loudly, spoken of again, and forgotten when it is
// mended.
func TestWatchRefusesABrokenChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, active)
	w := follow(t, path, func(f *File) { f.poll, f.remind = 5*time.Millisecond, time.Millisecond })
	good := w.Settings().Version

	write(t, path, broken)
	w.breaks("did you mean status?")
	require.Equal(t, lifecycle.AlwaysActive, w.status())
	require.Equal(t, good, w.Settings().Version)
	w.eventually("it is said again and again", func() bool { return len(w.errorLogs()) >= 3 })
	for _, report := range w.errorLogs() {
		require.Contains(t, report, "statos: no such key; did you mean status?")
		require.NotContains(t, report, "juniper")
	}

	write(t, path, "start: {lead_days: many}\n")
	w.breaks("lead_days")
	write(t, path, active)
	w.becomes(lifecycle.AlwaysActive)
	require.Equal(t, good, w.Settings().Version)
	said := len(w.errorLogs())
	write(t, path, suspended)
	w.becomes(lifecycle.AlwaysSuspended)
	require.Len(t, w.errorLogs(), said)
}

// A file that is gone or empty is no wish for the defaults.
func TestWatchKeepsTheSettingsOfAFileThatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, active)
	w := follow(t, path, nil)
	require.NoError(t, os.Remove(path))
	w.breaks("cannot be read")
	require.Equal(t, lifecycle.AlwaysActive, w.status())
	write(t, path, active)
	w.becomes(lifecycle.AlwaysActive)
	write(t, path, " \n")
	w.breaks("the file is empty now")
	require.Equal(t, lifecycle.AlwaysActive, w.status())
	write(t, path, "{}\n")
	w.becomes(lifecycle.FollowBob)
}

// Bob's list of fields comes late: the file is held against it then, and a
// field that was made after the start is found.
func TestWatchHoldsTheFieldsAgainstBobLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, custom)
	var fields atomic.Pointer[[]mapping.Field]
	core, logs := observer.New(zapcore.InfoLevel)
	f, err := Open(t.Context(), path, Options{Log: zap.New(core), Fields: func(context.Context) ([]mapping.Field, error) {
		if list := fields.Load(); list != nil {
			return *list, nil
		}
		return nil, errors.New("no answer")
	}})
	require.NoError(t, err)
	for range 3 {
		f.completeFields(t.Context())
	}
	require.Len(t, logs.FilterLevelExact(zapcore.WarnLevel).All(), 1, "said once, not at every look")
	require.Empty(t, f.Settings().Lists["work.custom.field_1"])

	fields.Store(&standard)
	f.completeFields(t.Context())
	require.ErrorContains(t, f.Broken(), "Bob has no field work.custom.field_1")
	require.Contains(t, f.Settings().BobFields(), "work.custom.field_1", "the settings stay in force")

	more := append(standard, mapping.Field{ID: "work.custom.field_1", Type: "list", ListID: "costCentre"})
	fields.Store(&more)
	write(t, path, custom+"# mended in Bob\n")
	require.True(t, f.look(t.Context()))
	require.False(t, f.look(t.Context()))
	require.NoError(t, f.Broken())
	require.Equal(t, "costCentre", f.Settings().Lists["work.custom.field_1"])
}

func TestWatchWithoutAFileEnds(t *testing.T) {
	f, err := Open(t.Context(), "", Options{Log: zap.NewNop()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Watch(ctx)
}
