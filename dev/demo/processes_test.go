package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childMode makes the test binary a child of its own tests.
const childMode = "DEMO_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childMode) {
	case "":
		goleak.VerifyTestMain(m)
	case "dies":
		for i := range 30 {
			fmt.Printf("line %d\n", i)
		}
		os.Exit(3)
	case "obeys":
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("up")
		<-asked
		fmt.Println("ended as asked")
	case "stays":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("up")
		time.Sleep(time.Hour)
	}
}

func child(mode string) []string {
	return []string{childMode + "=" + mode}
}

func logSays(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, until(t.Context(), 20*time.Second, path+" says "+text, func(context.Context) error {
		content, err := os.ReadFile(path)
		if err == nil && !strings.Contains(string(content), text) {
			err = fmt.Errorf("it says %q", content)
		}
		return err
	}))
}

func TestChildrenEndWhenAsked(t *testing.T) {
	dir := t.TempDir()
	ps := newProcesses(dir, func(err error) { t.Errorf("taken for dead: %v", err) })
	require.NoError(t, ps.start("first", os.Args[0], child("obeys")))
	require.NoError(t, ps.start("second", os.Args[0], child("obeys")))
	for _, name := range []string{"first", "second"} {
		logSays(t, filepath.Join(dir, name+".log"), "up")
	}
	require.NoError(t, ps.stop())
	for _, p := range ps.list {
		require.True(t, p.cmd.ProcessState.Success(), p.name)
		logSays(t, p.log, "ended as asked")
	}
	require.NoError(t, ps.stop(), "stopped ones may be stopped again")
}

func TestAChildThatDoesNotEndIsKilled(t *testing.T) {
	dir := t.TempDir()
	ps := newProcesses(dir, func(err error) { t.Errorf("taken for dead: %v", err) })
	ps.grace = time.Millisecond
	require.NoError(t, ps.start("stubborn", os.Args[0], child("stays")))
	logSays(t, filepath.Join(dir, "stubborn.log"), "up")
	require.NoError(t, ps.stop())
	require.Equal(t, "signal: killed", ps.list[0].cmd.ProcessState.String())
}

func TestADeadChildIsToldWithItsLastWords(t *testing.T) {
	died := make(chan error, 1)
	ps := newProcesses(t.TempDir(), func(err error) { died <- err })
	require.NoError(t, ps.start("mortal", os.Args[0], child("dies")))
	err := <-died
	require.EqualError(t, err, "mortal ended by itself (exit status 3)")
	var told strings.Builder
	ps.lastWords(&told, fmt.Errorf("while waiting: %w", err))
	require.Contains(t, told.String(), "mortal.log:\n  line 15\n")
	require.Contains(t, told.String(), "  line 29\n")
	require.Contains(t, told.String(), "All logs are in "+ps.dir)
	require.NoError(t, ps.stop())
}

func TestAProgramThatCannotStart(t *testing.T) {
	ps := newProcesses(t.TempDir(), func(error) {})
	require.ErrorContains(t, ps.start("nothing", filepath.Join(t.TempDir(), "missing"), nil), "start nothing")
	require.NoError(t, ps.stop())
}

func TestPickPorts(t *testing.T) {
	busy, err := net.Listen("tcp", loopback(0))
	require.NoError(t, err)
	defer busy.Close()
	taken := busy.Addr().(*net.TCPAddr).Port
	free, err := pickPorts(0)
	require.NoError(t, err)

	tests := map[string]struct {
		preferred []int
		kept      []bool
	}{
		"free":               {[]int{free[0]}, []bool{true}},
		"taken":              {[]int{taken}, []bool{false}},
		"one of each":        {[]int{taken, free[0]}, []bool{false, true}},
		"wanted twice":       {[]int{free[0], free[0]}, []bool{true, false}},
		"no preference ever": {[]int{0, 0, 0}, []bool{false, false, false}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := pickPorts(tt.preferred...)
			require.NoError(t, err)
			require.Len(t, got, len(tt.preferred))
			seen := map[int]bool{}
			for i, port := range got {
				require.Equal(t, tt.kept[i], port == tt.preferred[i])
				require.False(t, seen[port], "picked twice")
				seen[port] = true
				l, err := net.Listen("tcp", loopback(port))
				if port == taken {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.NoError(t, l.Close())
			}
		})
	}
}

func TestUntil(t *testing.T) {
	t.Run("tells what was seen last", func(t *testing.T) {
		err := until(t.Context(), time.Millisecond, "it rains", func(context.Context) error { return errors.New("dry") })
		require.EqualError(t, err, "it rains: not within 1ms: dry")
	})
	t.Run("ends with the reason of its context", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		death := &deathError{name: "worker", state: "exit status 1"}
		err := until(ctx, time.Minute, "it rains", func(context.Context) error {
			cancel(death)
			return errors.New("dry")
		})
		require.ErrorIs(t, err, death)
	})
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	never := func() { t.Error("waited without need") }
	unlock, err := lock(t.Context(), path, never)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = lock(ctx, path, cancel)
	require.ErrorIs(t, err, context.Canceled, "a second one has to wait")

	unlock()
	again, err := lock(t.Context(), path, never)
	require.NoError(t, err)
	again()
	unlock()
}

func TestFindTemporal(t *testing.T) {
	script := func(name, body string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
		return path
	}
	good := script("temporal", `echo "temporal version 1.5.1 (Server 1.29.1)"`)
	other := script("temporal", `echo "temporal version 1.5.0"`)
	stranger := script("temporal", `echo "something else"`)
	broken := script("temporal", "exit 1")
	missing := filepath.Join(t.TempDir(), "temporal")

	tests := map[string]struct {
		named, built, onPath string
		want, wrong          string
	}{
		"the user names one":        {named: good, built: other, want: good},
		"the named one fails":       {named: broken, built: good, wrong: "TEMPORAL_CLI"},
		"the named one is another":  {named: stranger, built: good, wrong: "not the answer"},
		"the named one is missing":  {named: missing, built: good, wrong: "TEMPORAL_CLI"},
		"one was built":             {built: good, onPath: other, want: good},
		"the built one fails":       {built: broken, onPath: other, want: other},
		"one is on PATH":            {built: missing, onPath: good, want: good},
		"something else is on PATH": {built: missing, onPath: stranger},
		"there is none":             {built: missing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", filepath.Dir(tt.onPath))
			got, err := findTemporal(t.Context(), tt.named, tt.built)
			if tt.wrong != "" {
				require.ErrorContains(t, err, tt.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestModuleRoot(t *testing.T) {
	root, err := moduleRoot(".")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "dev", "demo", "main.go"))
	_, err = moduleRoot(t.TempDir())
	require.ErrorContains(t, err, "source tree")
}

func TestExportsReplaceTheUsersEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	user := []string{"TEMPORAL_API_KEY=real", "BOB_SERVICE_USER_TOKEN_FILE=/real", "ONELOGIN_REGION=eu", "PAYLOAD_KEYS_FILE=/real", "CODEC_TOKENS=real", "TEMPORAL_X;rm=1", "KEPT=yes"}
	ours := []string{"TEMPORAL_ADDRESS=127.0.0.1:7233", "PROVISIONING_FILE=/it's here/$HOME/p.yaml"}
	require.NoError(t, os.WriteFile(file, []byte(exports(ours, user)), 0o600))

	shell := exec.Command("sh", "-c", `. "$0"; env`, file)
	shell.Env = append([]string{"PATH=" + os.Getenv("PATH")}, user...)
	out, err := shell.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "TEMPORAL_ADDRESS=127.0.0.1:7233\n")
	require.Contains(t, string(out), "PROVISIONING_FILE=/it's here/$HOME/p.yaml\n")
	require.Contains(t, string(out), "KEPT=yes\n")
	for _, gone := range []string{"TEMPORAL_API_KEY", "BOB_SERVICE_USER_TOKEN_FILE", "ONELOGIN_REGION", "PAYLOAD_KEYS_FILE", "CODEC_TOKENS"} {
		require.NotContains(t, string(out), gone)
	}
}

func TestChildrenGetNothingThatPointsElsewhere(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "real.example.com:7233")
	t.Setenv("TEMPORAL_PROFILE", "production")
	t.Setenv("ONELOGIN_SUBDOMAIN", "real")
	s := newStack("/root", "/dir", binaries{}, options{provisioningFile: "/p.yaml"}, nil)
	s.temporalAddr, s.bob, s.oneLogin, s.starterURL = "127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4"
	s.webURL, s.codecURL = "http://127.0.0.1:5", "http://127.0.0.1:6"
	env := strings.Join(append(s.plainEnv(), s.env()...), "\n")
	require.NotContains(t, env, "real")
	require.NotContains(t, env, "production")
	for _, entry := range []string{
		"HOME=/dir", "TEMPORAL_ADDRESS=127.0.0.1:1", "TEMPORAL_NAMESPACE=default",
		"BOB_BASE_URL=http://127.0.0.1:2/v1", "ONELOGIN_BASE_URL=http://127.0.0.1:3", "STARTER_ADDR=127.0.0.1:4", "PROVISIONING_FILE=/p.yaml",
		"CODEC_ADDR=127.0.0.1:6", "CODEC_UI_ORIGIN=http://127.0.0.1:5,http://localhost:5", "TEMPORAL_CODEC_ENDPOINT=http://127.0.0.1:6",
	} {
		require.Contains(t, "\n"+env+"\n", "\n"+entry+"\n")
	}
	another := newStack("/root", "/dir", binaries{}, options{}, nil)
	require.NotEqual(t, s.credentials.bobToken, another.credentials.bobToken)
	require.NotEqual(t, s.credentials.webhookSecret, another.credentials.webhookSecret)
	require.NotEqual(t, s.credentials.clientSecret, another.credentials.clientSecret)
	require.NotEqual(t, s.credentials.payloadKeys, another.credentials.payloadKeys)
}
