# muster. `make help` lists the targets. build, test and demo need only Go.

VERSION ?= $(shell scripts/version)
GO      ?= go
LDFLAGS  = -s -w -X main.version=$(VERSION)
BUILD    = $(GO) build -ldflags '$(LDFLAGS)'
# Static, and the same bytes wherever it is built. Tests and tools have the same
# flags, so that each package is compiled only once.
export CGO_ENABLED = 0
export GOFLAGS     = -trimpath -buildvcs=false

GOLANGCI_VERSION = v2.13.2
NFPM_VERSION     = v2.45.0
NFPM             = .cache/bin/nfpm-$(NFPM_VERSION)
GOLANGCI         = .cache/bin/golangci-lint-$(GOLANGCI_VERSION)
VALE_VERSION     = v3.7.1
VALE             = .cache/bin/vale-$(VALE_VERSION)

.PHONY: always help build cross darwin man test race cover lint prose prose-go demo pictures field faults integration bench fuzz soak herd package lintpackages reproducible e2e clean
.DEFAULT_GOAL := help

help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## build bin/muster, static, for this machine
	$(BUILD) -o bin/muster ./cmd/muster

cross: dist/muster-linux-amd64 dist/muster-linux-arm64 ## build dist/muster-linux-amd64 and -arm64

dist/muster-linux-amd64 dist/muster-linux-arm64: dist/muster-linux-%: always # Go knows what is up to date
	GOOS=linux GOARCH=$* $(BUILD) -o $@ ./cmd/muster

darwin: ## vet and build for macOS: dist/muster-darwin-arm64 and -amd64
	GOOS=darwin GOARCH=arm64 $(GO) vet ./cmd/muster
	GOOS=darwin GOARCH=arm64 $(BUILD) -o dist/muster-darwin-arm64 ./cmd/muster
	GOOS=darwin GOARCH=amd64 $(BUILD) -o dist/muster-darwin-amd64 ./cmd/muster

# Reproducible: the date in a page is the commit's.
man: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
man: ## build dist/man/*.1, one page for each command
	$(GO) run ./scripts/man $(VERSION) dist/man

test: ## run go vet and all tests that need only Go
	$(GO) vet ./...
	$(GO) test -vet=off ./...

# These only calculate: nothing in them runs concurrently, and they are slow with the detector.
CALCULATIONS = muster/reach muster/internal/fleet/fit muster/internal/fleet/query muster/internal/redact

race: export CGO_ENABLED = 1 # the race detector needs it
race: ## run the same tests with the race detector, but for calculations
	$(GO) test -vet=off -race -short $(filter-out $(CALCULATIONS),$(shell $(GO) list ./...))

cover: ## run the tests with coverage: a line for each package, and cover.out for go tool cover
	GOCOVERDIR=$$(mktemp -d) $(GO) test -coverprofile=cover.out ./... | grep -v 'no test files'

lint: $(GOLANGCI) prose prose-go ## check code (.golangci.yml) and documentation (.vale)
	$(GOLANGCI) run ./...

$(GOLANGCI):
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .cache/bin/golangci-lint $@

prose: $(VALE) ## check the English of the documentation (.vale)
	$(VALE) --output line README.md HACKING.md docs .vale

prose-go: $(VALE) ## check the English of comments in Go code
	$(VALE) --output line --glob '*.go' agent bootstrap check cmd internal reach scripts test

$(VALE): export CGO_ENABLED = 1 # and a C compiler
$(VALE):
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/errata-ai/vale/v3/cmd/vale@$(VALE_VERSION)
	mv .cache/bin/vale $@

demo: ## play seven stories in a sandbox: boots, a closed port, an unhealthy container, a task without room
	@scripts/compile $(GO) build -v -ldflags '$(LDFLAGS)' -o bin/ ./cmd/muster ./scripts/demo
	@bin/demo -muster bin/muster

pictures: ## play the screens of docs/ again, and draw docs/pictures
	$(GO) build -ldflags '-s -w -X main.version=1.0.0' -o bin/muster ./cmd/muster
	$(GO) build -o bin/ ./scripts/demo
	bin/demo -muster bin/muster -docs docs

field: CASES ?= test/field/cases
field: build ## play public situations (CASES=DIR_OR_FILES, JOBS=n) and check the answers
	$(GO) build -o bin/field ./test/field
	bin/field -invariants $(if $(JOBS),-j $(JOBS)) -muster bin/muster $(CASES)

faults: build ## inject faults (ROWS=pattern, JOBS=n) and check what must hold
	$(GO) build -o bin/faults ./test/faults
	bin/faults $(if $(JOBS),-j $(JOBS)) $(if $(ROWS),-run '$(ROWS)') -muster bin/muster

integration: ## test against moto, AWS's metadata mock, a real Docker Engine and systemd
	scripts/integration

bench: build cross ## measure size, time, memory and AWS calls
	scripts/bench

fuzz: ## run every fuzz target for FUZZTIME (10s)
	scripts/fuzz $(or $(FUZZTIME),10s)

soak: build ## run the agent for an hour (SOAK=1h) of churn and faults, and compare every minute
	$(GO) build -o bin/soak ./test/soak
	bin/soak -for $(or $(SOAK),1h) -muster bin/muster

herd: PICTURE ?= $(CURDIR)/docs/pictures/herd.svg
herd: ## boot fleets of 1,000 and 10,000 simulated instances, count their calls, and draw docs/pictures/herd.svg
	cd test/herd && $(GO) test -count=1 -timeout 10m -full $(if $(PICTURE),-svg $(PICTURE))

package: cross man $(NFPM) ## build dist/: deb, rpm and tarball for amd64 and arm64, bills of materials, checksums
	NFPM=$(NFPM) scripts/package $(VERSION)

reproducible: $(NFPM) ## build the packages twice and compare the bytes
	NFPM=$(CURDIR)/$(NFPM) scripts/reproducible

lintpackages: ## lintian and rpmlint over the packages in dist/
	scripts/lint-packages

$(NFPM):
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv .cache/bin/nfpm $@

e2e: man $(NFPM) ## boot the packages with a real systemd and cloud-init
	NFPM=$(NFPM) scripts/e2e

clean: ## remove bin and dist
	rm -rf bin dist
