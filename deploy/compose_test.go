package deploy

import (
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/config"
	"bob-onelogin/workflows"
)

// ours are the services of our own programs; steps are those that end, and that
// others wait for.
var (
	ours  = []string{"codec", "starter", "worker"}
	steps = []string{"namespace", "schema"}
	demo  = []string{"codec-for-browser", "sim", "sim-for-starter", "sim-for-worker"}
)

// load reads docker-compose.yml as `docker compose` does, strictly, with a file
// of variables and nothing of this machine's environment.
func load(t *testing.T, envFile string, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "docker-compose.yml")},
		cli.WithWorkingDirectory(".."), cli.WithEnvFiles(filepath.Join("..", envFile)), cli.WithDotEnv, cli.WithProfiles(profiles))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// everything is all services, those of the demo included.
func everything(t *testing.T) types.Services { return load(t, ".env.demo", "demo").Services }

func TestComposeLoads(t *testing.T) {
	usual := []string{"codec", "namespace", "postgres", "schema", "starter", "temporal", "ui", "worker"}
	require.ElementsMatch(t, usual, load(t, ".env.example").ServiceNames())
	require.ElementsMatch(t, slices.Concat(usual, demo), load(t, ".env.demo", "demo").ServiceNames())
}

func TestServicesAreHardened(t *testing.T) {
	for name, s := range everything(t) {
		t.Run(name, func(t *testing.T) {
			require.True(t, s.ReadOnly, "read_only")
			require.Equal(t, []string{"ALL"}, s.CapDrop)
			require.Empty(t, s.CapAdd)
			require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt)
			require.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, s.User, "a user that is a number and not root")
			require.False(t, s.Privileged)
			require.Positive(t, s.PidsLimit)
			require.NotEmpty(t, s.Logging.Options["max-size"], "logs that end")
			require.Regexp(t, `^[^:]+:[^:]+$`, s.Image, "an image of a version")
			require.NotContains(t, s.Image, ":latest")
			for _, v := range s.Volumes {
				require.True(t, v.ReadOnly || v.Type == types.VolumeTypeVolume, "%s can be written to", v.Target)
			}
			for _, c := range s.Configs {
				require.NotEmpty(t, c.Source)
			}
		})
	}
}

func TestServicesTellTheirHealth(t *testing.T) {
	for name, s := range everything(t) {
		if slices.Contains(steps, name) {
			require.True(t, strings.HasPrefix(s.Restart, "on-failure"), "%s ends", name)
			continue
		}
		require.Equal(t, types.RestartPolicyUnlessStopped, s.Restart, name)
		require.NotNil(t, s.HealthCheck, name)
		require.Equal(t, "CMD", s.HealthCheck.Test[0], "%s: without a shell", name)
		require.NotNil(t, s.HealthCheck.Interval, name)
		require.NotNil(t, s.HealthCheck.Timeout, name)
	}
}

// Whatever is waited for is waited for in the right way.
func TestServicesStartInOrder(t *testing.T) {
	services := everything(t)
	for name, want := range map[string]map[string]string{
		"postgres":          {},
		"codec":             {},
		"sim":               {},
		"schema":            {"postgres": types.ServiceConditionHealthy},
		"temporal":          {"postgres": types.ServiceConditionHealthy, "schema": types.ServiceConditionCompletedSuccessfully},
		"namespace":         {"temporal": types.ServiceConditionHealthy},
		"ui":                {"temporal": types.ServiceConditionHealthy},
		"worker":            {"namespace": types.ServiceConditionCompletedSuccessfully, "sim": types.ServiceConditionHealthy},
		"starter":           {"namespace": types.ServiceConditionCompletedSuccessfully, "sim": types.ServiceConditionHealthy},
		"sim-for-worker":    {"worker": types.ServiceConditionStarted},
		"sim-for-starter":   {"starter": types.ServiceConditionStarted},
		"codec-for-browser": {"codec": types.ServiceConditionStarted},
	} {
		got := map[string]string{}
		for on, how := range services[name].DependsOn {
			got[on] = how.Condition
			require.Equal(t, on != "sim", how.Required, "%s needs %s", name, on)
		}
		require.Equal(t, want, got, name)
	}
	require.Len(t, services, 12)
}

func TestOnlyThreeServicesCanBeReached(t *testing.T) {
	project := load(t, ".env.demo", "demo")
	published := map[string]string{}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			require.Equal(t, "127.0.0.1", p.HostIP, name)
			published[name] = p.Published
		}
	}
	require.Equal(t, map[string]string{"ui": "8233", "starter": "8080", "codec": "8081"}, published)
	for name, n := range project.Networks {
		require.Equal(t, name != "outside", n.Internal, name)
	}
	networks := func(service string) []string { return slices.Sorted(maps.Keys(project.Services[service].Networks)) }
	require.Equal(t, []string{"database"}, networks("postgres"))
	require.Equal(t, []string{"database", "temporal"}, networks("temporal"))
	for _, name := range ours {
		require.NotContains(t, networks(name), "database", name)
	}
	// The stand-ins share what they serve, and nothing else.
	for name, of := range map[string]string{"sim-for-worker": "worker", "sim-for-starter": "starter", "codec-for-browser": "codec"} {
		require.Equal(t, "service:"+of, project.Services[name].NetworkMode)
	}
}

// No secret stands in the file or in the variables: what looks like one names a
// file, and the file is a secret of the project.
func TestSecretsAreFiles(t *testing.T) {
	project := load(t, ".env.example")
	looks := regexp.MustCompile(`PASSWORD|_PWD|TOKEN|SECRET|_KEY`)
	for name, s := range load(t, ".env.demo", "demo").Services {
		mounted := map[string]bool{}
		for _, secret := range s.Secrets {
			mounted["/run/secrets/"+secret.Source] = true
		}
		for variable, value := range s.Environment {
			switch {
			case value == nil || *value == "" || !looks.MatchString(variable):
			case variable == "TEMPORAL_CODEC_PASS_ACCESS_TOKEN": // whether, not which
				require.Contains(t, []string{"true", "false"}, *value)
			default:
				require.True(t, strings.HasSuffix(variable, "_FILE"), "%s: %s is not a file", name, variable)
				require.True(t, mounted[*value], "%s: %s names %s, which is not among its secrets", name, variable, *value)
			}
		}
	}
	for name, secret := range project.Secrets {
		require.Equal(t, "secrets", filepath.Base(filepath.Dir(secret.File)), name)
		require.Empty(t, secret.Content, name)
	}
	require.Empty(t, project.Services["codec"].Environment["BOB_SERVICE_USER_TOKEN_FILE"])
	ignored, err := exec.Command("git", "check-ignore", "../secrets/postgres_password", "../.env").Output()
	require.NoError(t, err)
	require.Len(t, strings.Fields(string(ignored)), 2, "neither can be committed")
}

// variablesOf lists the environment variables of a configuration.
func variablesOf(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, tagged := f.Tag.Lookup("env"); tagged {
			names = append(names, name)
		} else if f.Type.Kind() == reflect.Struct {
			names = append(names, variablesOf(f.Type)...)
		}
	}
	return names
}

// Whatever worker, starter and codec server are told, they know; and whatever
// they know can be told.
func TestVariablesAreThoseOfTheConfiguration(t *testing.T) {
	services := load(t, ".env.example").Services
	known := map[string][]string{
		"worker":  variablesOf(reflect.TypeFor[config.Worker]()),
		"starter": variablesOf(reflect.TypeFor[config.Starter]()),
		"codec":   variablesOf(reflect.TypeFor[config.Starter]()),
	}
	told := map[string]bool{}
	for service, variables := range known {
		for variable := range services[service].Environment {
			told[variable] = true
			if !strings.HasPrefix(variable, "TEMPORAL_") {
				require.Contains(t, variables, variable, service)
			}
		}
	}
	for _, variable := range slices.Concat(known["worker"], known["starter"]) {
		require.True(t, told[variable] || told[variable+"_FILE"], "%s can be told to nobody", variable)
	}
}

// .env.example has every variable of the file, with its default where it has
// one, and no other.
func TestEnvExampleIsComplete(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "docker-compose.yml"))
	require.NoError(t, err)
	used := map[string]bool{}
	for _, match := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(string(content), -1) {
		used[match[1]] = true
	}
	example, err := dotenv.Read(filepath.Join("..", ".env.example"))
	require.NoError(t, err)
	demo, err := dotenv.Read(filepath.Join("..", ".env.demo"))
	require.NoError(t, err)
	// What only the demo says otherwise.
	for _, name := range []string{"SECRETS_DIR", "CODEC_OPTIONS", "CODEC_ADDR", "CODEC_TOKENS_FILE"} {
		require.Contains(t, demo, name)
		require.Contains(t, used, name)
		delete(used, name)
		delete(demo, name)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(used)), slices.Collect(maps.Keys(example)))
	require.Subset(t, slices.Collect(maps.Keys(used)), slices.Collect(maps.Keys(demo)))
	defaults := map[string]string{}
	for _, match := range regexp.MustCompile(`\$\{([A-Z_]+):?-([^}]+)\}`).FindAllStringSubmatch(string(content), -1) {
		defaults[match[1]] = match[2]
	}
	for name, value := range example {
		if given, ok := defaults[name]; ok && value != "" {
			require.Equal(t, given, value, "the default of %s", name)
		}
	}
}

// With the files that deploy/secrets.sh makes, and what only Bob and OneLogin can
// give filled in, our own programs take what the file tells them.
func TestConfigurationsAreAccepted(t *testing.T) {
	for _, test := range []struct {
		name, envFile string
		flag          []string
		dir           string
		open          bool
	}{
		{name: "a real installation", envFile: ".env.example", dir: "secrets"},
		{name: "the demo", envFile: ".env.demo", flag: []string{"--demo"}, dir: "secrets/demo", open: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			secrets := filepath.Join(makeSecrets(t, test.flag...), test.dir)
			if !test.open {
				for _, name := range []string{"bob_service_user_token", "bob_webhook_secrets", "onelogin_client_secret"} {
					require.NoError(t, os.WriteFile(filepath.Join(secrets, name), []byte("given-by-the-other-side\n"), 0o600))
				}
			}
			project := load(t, test.envFile, "demo")
			environ := func(service string) []string {
				var list []string
				for name, value := range project.Services[service].Environment {
					path := strings.Replace(*value, "/run/secrets", secrets, 1)
					path = strings.Replace(path, "/etc/bob-onelogin", "..", 1)
					list = append(list, name+"="+path)
				}
				return list
			}
			worker, err := config.LoadWorker(environ("worker"))
			require.NoError(t, err)
			require.False(t, worker.Payloads.Keys.Empty())
			starter, err := config.LoadStarter(environ("starter"))
			require.NoError(t, err)
			_, err = starter.ValidateServe()
			require.NoError(t, err)
			require.NoError(t, starter.ValidateBob())
			require.NoError(t, starter.ValidateOneLogin())
			require.NoError(t, starter.ValidateProvisioningFile())
			codec, err := config.LoadStarter(environ("codec"))
			require.NoError(t, err)
			access, err := codec.ValidateCodec(test.open)
			require.NoError(t, err)
			require.Equal(t, []string{"http://localhost:8233"}, access.Origins)
			require.Equal(t, "http://localhost:8081", *project.Services["ui"].Environment["TEMPORAL_CODEC_ENDPOINT"])
			want := types.ShellCommand{"codec"}
			if test.open {
				want = append(want, "--no-authorization")
			}
			require.Equal(t, want, project.Services["codec"].Command)
		})
	}
}

// makeSecrets runs deploy/secrets.sh in a folder of its own, which it returns.
func makeSecrets(t *testing.T, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed, which makes the secrets")
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deploy"), 0o755))
	script, err := os.ReadFile("secrets.sh")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy", "secrets.sh"), script, 0o755))
	out, err := exec.Command(filepath.Join(dir, "deploy", "secrets.sh"), flags...).CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

func TestSecretsScript(t *testing.T) {
	dir := makeSecrets(t)
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(dir, "secrets", name))
		require.NoError(t, err)
		return string(content)
	}
	var wanted []string
	for name := range load(t, ".env.example").Secrets {
		wanted = append(wanted, name)
		info, err := os.Stat(filepath.Join(dir, "secrets", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "%s is read by a user of the container", name)
	}
	made, err := os.ReadDir(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Len(t, made, len(wanted), "%v and no other", wanted)
	info, err := os.Stat(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "nobody else gets to the files")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", "bob_service_user_token"), []byte("mine"), 0o600))
	before := read("payload_keys")
	out, err := exec.Command(filepath.Join(dir, "deploy", "secrets.sh")).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, before, read("payload_keys"), "what is there stays")
	require.Equal(t, "mine", read("bob_service_user_token"))
	require.NotContains(t, string(out), "bob_service_user_token")
	require.Contains(t, string(out), "To be filled in: secrets/onelogin_client_secret")
	require.NotContains(t, string(out), strings.TrimSpace(before), "no secret is printed")
}

// What is built, and what runs in it, is what the Dockerfile has.
func TestDockerfileHasWhatIsBuilt(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "Dockerfile"))
	require.NoError(t, err)
	stages := map[string]string{}
	for _, stage := range regexp.MustCompile(`(?m)^FROM `).Split(string(content), -1)[1:] {
		head, body, _ := strings.Cut(stage, "\n")
		_, name, ok := strings.Cut(head, " AS ")
		require.True(t, ok, head)
		stages[name] = body
	}
	require.Contains(t, stages["build"], "CGO_ENABLED=0", "static")
	require.Contains(t, stages["build"], "bob-onelogin/internal/version.number=$VERSION")
	require.Contains(t, stages["base"], "USER 65532:65532")
	require.Contains(t, string(content), "FROM scratch AS base")
	for name, s := range everything(t) {
		if s.Build == nil {
			continue
		}
		stage, ok := stages[s.Build.Target]
		require.True(t, ok, "%s is built from %q", name, s.Build.Target)
		require.Equal(t, "65532:65532", s.User, name)
		// The programs that the service starts are there.
		for _, program := range append(s.Entrypoint, s.HealthCheck.Test[1]) {
			require.Contains(t, stage+"\n", strings.TrimPrefix(program, "/"), "%s runs %s", name, program)
		}
	}
	for _, name := range []string{"worker", "starter"} {
		require.Contains(t, stages[name], `HEALTHCHECK`, name)
		require.Contains(t, stages[name], `ENTRYPOINT ["/`+name+`"]`)
	}
}

// The context of the build holds no secret.
func TestBuildContextIsNarrow(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", ".dockerignore"))
	require.NoError(t, err)
	lines := strings.Fields(strings.ReplaceAll(string(content), "# Only what the binaries are built of. Secrets are never sent to the builder.", ""))
	require.Equal(t, "*", lines[0])
	for _, line := range lines {
		require.NotContains(t, line, "secrets")
		require.NotContains(t, line, ".env")
	}
}

// The one partition is that of the queue that calls OneLogin.
func TestDynamicConfigurationIsForOurQueue(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("temporal", "dynamicconfig.yaml"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(content), "taskQueueName: "+workflows.OneLoginTaskQueue+"\n"))
}

func TestScriptsAreWellFormed(t *testing.T) {
	scripts, err := filepath.Glob("*.sh")
	require.NoError(t, err)
	more, err := filepath.Glob("temporal/*.sh")
	require.NoError(t, err)
	scripts = append(scripts, more...)
	require.Len(t, scripts, 5)
	for _, script := range scripts {
		out, err := exec.Command("/bin/sh", "-n", script).CombinedOutput()
		require.NoError(t, err, string(out))
		info, err := os.Stat(script)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&0o111, "%s can be run", script)
	}
}

// In the demo, worker and starter find the stand-ins on their own loopback, and
// the browser finds the codec server, where the services of the demo lead.
func TestDemoFindsItsStandIns(t *testing.T) {
	project := load(t, ".env.demo", "demo")
	routes := func(service string) map[string]string {
		all := map[string]string{}
		for _, route := range project.Services[service].Command {
			from, to, ok := strings.Cut(route, "=")
			require.True(t, ok, route)
			all[from] = to
		}
		return all
	}
	sim := strings.Join(project.Services["sim"].Command, " ")
	for _, name := range []string{"worker", "starter"} {
		environment := project.Services[name].Environment
		for variable, flag := range map[string]string{"BOB_BASE_URL": "--bob-addr=", "ONELOGIN_BASE_URL": "--onelogin-addr="} {
			base, err := url.Parse(*environment[variable])
			require.NoError(t, err)
			to, ok := routes("sim-for-" + name)[base.Host]
			require.True(t, ok, "nobody listens on %s", base.Host)
			host, port, ok := strings.Cut(to, ":")
			require.True(t, ok)
			require.Equal(t, "sim", host)
			require.Contains(t, sim+" ", flag+":"+port+" ")
		}
	}
	codec := project.Services["codec"]
	require.Equal(t, map[string]string{"0.0.0.0:8081": *codec.Environment["CODEC_ADDR"]}, routes("codec-for-browser"))
	require.EqualValues(t, 8081, codec.Ports[0].Target)

	// What deploy/secrets.sh gives them is what the stand-ins take by default.
	dir := filepath.Join(makeSecrets(t, "--demo"), "secrets", "demo")
	source, err := os.ReadFile(filepath.Join("..", "dev", "sim", "main.go"))
	require.NoError(t, err)
	for _, name := range []string{"bob_service_user_token", "bob_webhook_secrets", "onelogin_client_secret"} {
		secret, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(source), `default:"`+strings.TrimSpace(string(secret))+`"`, name)
	}
	for _, variable := range []string{"BOB_SERVICE_USER_ID", "ONELOGIN_CLIENT_ID"} {
		require.Contains(t, string(source), `default:"`+*project.Services["worker"].Environment[variable]+`"`, variable)
	}
}
