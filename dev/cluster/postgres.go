package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bob-onelogin/dev/ports"
)

// databaseUser owns the databases, as it does in docker-compose.yml.
const databaseUser = "temporal"

// postgres is a PostgreSQL server of its own in a temporary folder.
type postgres struct {
	*child
	version      string
	port         int
	passwordFile string
}

// startPostgres makes a database cluster and serves it on a free port of
// loopback. PostgreSQL refuses to run as root; for root it runs as somebody
// who owns nothing.
func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	p := &postgres{passwordFile: filepath.Join(dir, "data", "password")}
	// It has to get to its folder through ours.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.passwordFile, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return nil, err
	}
	if owner != nil {
		for _, path := range []string{data, p.passwordFile} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return nil, err
			}
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		cmd.Dir, cmd.Env = data, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		return cmd
	}
	tables := filepath.Join(data, "tables")
	out, err := command("initdb", "--pgdata", tables, "--username", databaseUser, "--pwfile", p.passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	version, err := command("postgres", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("postgres --version: %w", err)
	}
	p.version = strings.TrimSpace(string(version))
	port, err := ports.Free(1)
	if err != nil {
		return nil, err
	}
	p.port = port[0]
	server := command("postgres", "-D", tables, "-k", data, "-h", "127.0.0.1", "-p", strconv.Itoa(p.port),
		// Nothing here is to outlive the machine.
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	server.Cancel = func() error { return nil } // stop does it, when the server has gone
	if p.child, err = startChild(server, filepath.Join(dir, "postgres.log"), syscall.SIGINT); err != nil {
		return nil, err
	}
	err = p.until(ctx, "PostgreSQL serves", 30*time.Second, func(ctx context.Context) error {
		return command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port)).Run()
	})
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// stop ends it without waiting for its clients.
func (p *postgres) stop() error { return p.child.stop(syscall.SIGINT) }

// postgresPrograms finds the folder of PostgreSQL's server: Debian keeps those
// of each version apart and off the PATH.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	slices.SortFunc(found, func(a, b string) int { return versionIn(b) - versionIn(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, path)
		}
	}
	for _, path := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", errors.New("PostgreSQL's server is not installed: on Debian or Ubuntu, apt-get install postgresql; elsewhere, have postgres and initdb, 12 or newer, on the PATH")
}

func versionIn(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// unprivileged is who runs PostgreSQL where this process is root's; nil for
// anybody else, who runs it.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
