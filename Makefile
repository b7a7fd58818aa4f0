# What can be done here. Needs Go alone; everything else is built from the
# module proxy.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

TOOL := go tool -modfile=dev/tools/go.mod
# A Temporal CLI that is there already is used; else it is built once.
TEMPORAL_CLI ?= $(shell command -v temporal 2>/dev/null)
CLI := $(if $(TEMPORAL_CLI),,bin/temporal)
export TEMPORAL_CLI

.PHONY: help
help: ## List these targets
	@grep -hE '^[a-zA-Z_/-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: ## Show everything on this machine; ONCE=1 ends by itself and tells by its exit code
	go build -o bin/demo ./dev/demo
	exec bin/demo $(if $(ONCE),--once)

.PHONY: test
test: $(CLI) ## Vet, unit, workflow, replay and end-to-end tests, with the race detector
	go vet ./...
	go test -race -timeout 15m ./...

.PHONY: cluster-test
cluster-test: export CGO_ENABLED = 0
cluster-test: $(CLI) bin/temporal-server bin/temporal-sql-tool ## The end-to-end tests on PostgreSQL and a real Temporal server, two workers each
	dev/cluster/postgres.sh
	go build -o bin/cluster ./dev/cluster
	bin/cluster --workers 2 --cli "$(or $(TEMPORAL_CLI),bin/temporal)" go test -count=1 -timeout 15m ./dev/e2e

# What --version says: the tag, or what Go writes down of the source.
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null)
LDFLAGS := $(if $(VERSION),-ldflags="-X bob-onelogin/internal/version.number=$(VERSION)")

.PHONY: build
build: export CGO_ENABLED = 0
build: ## Build bin/worker, bin/starter and bin/sim, static, as the images have them
	go build -trimpath $(LDFLAGS) -o bin/ ./worker ./starter ./dev/sim

.PHONY: lint
lint: ## Format, static checks, determinism of workflows, known vulnerabilities
	@unformatted=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofumpt:"; echo "$$unformatted"; exit 1; fi
	$(TOOL) staticcheck ./...
	$(TOOL) workflowcheck ./workflows/...
	@# The vulnerability database needs the internet; exit code 3 is a finding.
	@code=0; out=$$($(TOOL) govulncheck ./... 2>&1) || code=$$?; \
	case $$code in \
	0) echo "govulncheck: nothing known" ;; \
	3) echo "$$out"; exit 3 ;; \
	*) echo "govulncheck: not run, its database cannot be reached from here" ;; \
	esac

# Debian's Chromium, unless another one is named.
CHROMIUM ?= $(or $(shell command -v chromium 2>/dev/null),/usr/bin/chromium)

.PHONY: ui-test
ui-test: $(CLI) $(CHROMIUM) ## Read Temporal's web UI in headless Chromium; ARGS=-update takes the pictures of docs/web-ui.md
	go test -count=1 -timeout 10m ./dev/uitest -chromium $(CHROMIUM) $(ARGS)

/usr/bin/chromium:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

.PHONY: rules
rules: ## Check and test the alert rules with promtool, from Debian's package prometheus
	@command -v promtool >/dev/null || { echo "promtool is missing: apt-get install prometheus"; exit 1; }
	promtool check rules deploy/alerts.yaml
	promtool test rules deploy/alerts_test.yaml
	go test -count=1 ./deploy

.PHONY: fuzz
fuzz: ## Fuzz every parser of what comes from outside, half a minute each
	@grep -rhoE --include='*_test.go' --with-filename '^func Fuzz[A-Za-z]+' . | while IFS=: read -r file name; do \
		go test -run '^$$' -fuzz "^$${name#func }$$" -fuzztime 30s "$$(dirname "$$file")"; \
	done

.PHONY: bench
bench: $(CLI) ## Measure calls, throughput, memory and lateness, then what cluster-bench does; ARGS="calls bulk" measures these alone, ARGS="--write docs/performance.md" keeps the tables
	go build -o bin/bench ./dev/bench
	bin/bench $(ARGS)
	$(if $(ARGS),,$(MAKE) cluster-bench)

.PHONY: cluster-bench
cluster-bench: export CGO_ENABLED = 0
cluster-bench: $(CLI) bin/temporal-server bin/temporal-sql-tool ## Measure bulk runs on PostgreSQL and a real Temporal server; ARGS as for bench
	dev/cluster/postgres.sh
	go build -o bin/cluster ./dev/cluster
	go build -o bin/bench ./dev/bench
	bin/cluster --cli "$(or $(TEMPORAL_CLI),bin/temporal)" bin/bench $(or $(ARGS),bulk parents scale)

SEEDS ?= 200
SEED ?= 1
PARALLEL ?= 6

.PHONY: chaos
chaos: $(CLI) ## Play SEEDS=200 schedules of faults from SEED=1 on, PARALLEL=6 at once, and hold each against what must never be
	go build -o bin/chaos ./dev/chaos
	exec bin/chaos --seeds $(SEEDS) --seed $(SEED) --parallel $(PARALLEL) $(ARGS)

.PHONY: histories
histories: $(CLI) ## Record anew the workflow histories that the replay tests use
	go test ./dev/e2e -count=1 -timeout 10m -record

# All three without C, so that what they share is compiled once.
bin/temporal bin/temporal-server bin/temporal-sql-tool: export CGO_ENABLED = 0

bin/temporal: dev/tools/go.mod dev/tools/go.sum
	@echo "Building the Temporal CLI from the module proxy: minutes the first time, once."
	go build -modfile=dev/tools/go.mod -o $@ github.com/temporalio/cli/cmd/temporal

bin/temporal-server bin/temporal-sql-tool: dev/tools/go.mod dev/tools/go.sum
	@echo "Building $(@F) from the module proxy: minutes the first time, once."
	go build -modfile=dev/tools/go.mod -o $@ go.temporal.io/server/cmd/$(if $(findstring sql,$@),tools/sql,server)
