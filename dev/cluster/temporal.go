package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"

	"bob-onelogin/dev/ports"
)

// namespace is the one that docker-compose.yml makes; the end-to-end tests make
// their own beside it.
const (
	namespace = "bob-onelogin"
	retention = "720h"
)

//go:embed server.yaml
var serverConfig string

// server is the Temporal server, its four services in one process.
type server struct {
	dir, address          string
	program, sqlTool, cli string
	database              *postgres

	mu      sync.Mutex
	running *child
}

func newServer(dir string, o options, database *postgres) (*server, error) {
	s := &server{dir: dir, database: database}
	for path, from := range map[*string]string{&s.program: o.server, &s.sqlTool: o.sqlTool, &s.cli: o.cli} {
		absolute, err := filepath.Abs(from)
		if err == nil {
			_, err = os.Stat(absolute)
		}
		if err != nil {
			return nil, fmt.Errorf("%w; `make %s` builds it", err, from)
		}
		*path = absolute
	}
	free, err := ports.Free(8)
	if err != nil {
		return nil, err
	}
	s.address = fmt.Sprintf("127.0.0.1:%d", free[0])
	password, err := os.ReadFile(database.passwordFile)
	if err != nil {
		return nil, err
	}
	var config bytes.Buffer
	err = template.Must(template.New("server.yaml").Parse(serverConfig)).Execute(&config, map[string]any{
		"Database": fmt.Sprintf("127.0.0.1:%d", database.port), "User": databaseUser, "Password": strings.TrimSpace(string(password)),
		"Ports": free, "DynamicConfig": filepath.Join(dir, "dynamicconfig.yaml"),
	})
	if err != nil {
		return nil, err
	}
	dynamic, err := dynamicConfig()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "dynamicconfig.yaml"), dynamic, 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "config"), 0o700); err != nil {
		return nil, err
	}
	return s, os.WriteFile(filepath.Join(dir, "config", "cluster.yaml"), config.Bytes(), 0o600)
}

// setUpSchema makes the databases, as docker-compose.yml does.
func (s *server) setUpSchema(ctx context.Context) error {
	return runScript(ctx, "schema.sh", filepath.Join(s.dir, "schema.log"), filepath.Dir(s.sqlTool),
		"SQL_PLUGIN=postgres12", "SQL_HOST=127.0.0.1", fmt.Sprintf("SQL_PORT=%d", s.database.port),
		"SQL_USER="+databaseUser, "SQL_PASSWORD_FILE="+s.database.passwordFile)
}

// setUpNamespace makes the namespace, as docker-compose.yml does.
func (s *server) setUpNamespace(ctx context.Context) error {
	return runScript(ctx, "namespace.sh", filepath.Join(s.dir, "namespace.log"), filepath.Dir(s.cli),
		"HOME="+s.dir, "TEMPORAL_ADDRESS="+s.address, "TEMPORAL_NAMESPACE="+namespace, "NAMESPACE_RETENTION="+retention)
}

// start returns when the server serves; it does nothing where it does.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return nil
	}
	cmd := exec.Command(s.program, "--root", s.dir, "--config", "config", "--env", "cluster", "--allow-no-auth", "start")
	cmd.Dir, cmd.Env = s.dir, []string{"HOME=" + s.dir, "TZ=UTC"}
	running, err := startChild(cmd, filepath.Join(s.dir, "temporal.log"), syscall.SIGKILL)
	if err != nil {
		return err
	}
	s.running = running
	return running.until(ctx, "the Temporal server serves", time.Minute, func(ctx context.Context) error {
		// Not only the front door: all services have found each other.
		out, err := s.temporal(ctx, "operator", "namespace", "list")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// kill ends the server without warning.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		_ = s.running.stop(syscall.SIGKILL)
		s.running = nil
	}
}

func (s *server) temporal(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.cli, append(args, "--address", s.address, "--command-timeout", "5s")...)
	cmd.Env = []string{"HOME=" + s.dir}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

//go:embed dynamicconfig.yaml
var testsDynamicConfig []byte

// dynamicConfig is the containers' own, and what tests need beside it.
func dynamicConfig() ([]byte, error) {
	shipped, err := os.ReadFile(filepath.Join("deploy", "temporal", "dynamicconfig.yaml"))
	return append(append(shipped, '\n'), testsDynamicConfig...), err
}
