# muster. `make help` lists what can be made; only Go is needed for build, test
# and demo.

VERSION ?= $(shell scripts/version)
GO      ?= go
LDFLAGS  = -s -w -X main.version=$(VERSION)
# Static, and the same bytes wherever it is built.
FLAGS    = -trimpath -buildvcs=false
BUILD    = CGO_ENABLED=0 $(GO) build $(FLAGS) -ldflags '$(LDFLAGS)'

GOLANGCI_VERSION = v2.13.2
NFPM_VERSION     = v2.45.0
NFPM             = .cache/bin/nfpm-$(NFPM_VERSION)
GOLANGCI         = .cache/bin/golangci-lint-$(GOLANGCI_VERSION)

.PHONY: always help build cross darwin man test race cover lint demo field faults integration bench fuzz soak package reproducible e2e clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## bin/muster, static, for this machine
	$(BUILD) -o bin/muster ./cmd/muster

cross: dist/muster-linux-amd64 dist/muster-linux-arm64 ## dist/muster-linux-amd64 and -arm64

dist/muster-linux-amd64 dist/muster-linux-arm64: dist/muster-linux-%: always # Go knows what is up to date
	GOOS=linux GOARCH=$* $(BUILD) -o $@ ./cmd/muster

darwin: ## vet and build for macOS: dist/muster-darwin-arm64 and -amd64, to ask about a fleet from a laptop
	GOOS=darwin GOARCH=arm64 $(GO) vet ./cmd/muster
	GOOS=darwin GOARCH=arm64 $(BUILD) -o dist/muster-darwin-arm64 ./cmd/muster
	GOOS=darwin GOARCH=amd64 $(BUILD) -o dist/muster-darwin-amd64 ./cmd/muster

# Reproducible: the date in a page is the commit's.
man: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
man: ## dist/man/*.1, one page a command
	$(GO) run ./scripts/man $(VERSION) dist/man

test: ## vet and all tests that need Go alone
	$(GO) vet ./...
	$(GO) test ./...

race: ## the same tests under the race detector
	$(GO) test -race ./...

cover: ## the tests with coverage: a line a package, and cover.out for go tool cover
	GOCOVERDIR=$$(mktemp -d) $(GO) test -coverprofile=cover.out ./... | grep -v 'no test files'

lint: $(GOLANGCI) ## the rules of .golangci.yml, for the code and the integration tests
	$(GOLANGCI) run ./...
	$(GOLANGCI) run --build-tags integration ./...

$(GOLANGCI):
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .cache/bin/golangci-lint $@

demo: ## four boots and a sick container, told on a sandboxed instance
	$(BUILD) -o bin/ ./cmd/muster ./scripts/demo
	@bin/demo -muster bin/muster

field: CASES ?= test/field/cases
field: build ## public situations (or CASES=DIR_OR_FILES), JOBS=n at a time: is the answer right?
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/field ./test/field
	bin/field -invariants $(if $(JOBS),-j $(JOBS)) -muster bin/muster $(CASES)

faults: build ## injected faults, ROWS=pattern alone, JOBS=n at a time: what must hold, held?
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/faults ./test/faults
	bin/faults $(if $(JOBS),-j $(JOBS)) $(if $(ROWS),-run '$(ROWS)') -muster bin/muster

integration: ## against moto, AWS's metadata mock, a real Docker Engine and systemd
	scripts/integration

bench: build cross ## speed and size, as ratios
	scripts/bench

fuzz: ## every fuzz target for FUZZTIME (10s), whether or not another one fails
	scripts/fuzz $(or $(FUZZTIME),10s)

soak: build ## an hour (SOAK=1h) of churn and faults around the real agent: nothing grows, every minute is right
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/soak ./test/soak
	bin/soak -for $(or $(SOAK),1h) -muster bin/muster

package: cross man $(NFPM) ## dist/: deb, rpm and tarball for amd64 and arm64, bills of materials, checksums
	NFPM=$(NFPM) scripts/package $(VERSION)

reproducible: $(NFPM) ## two builds of the packages give the same bytes
	NFPM=$(CURDIR)/$(NFPM) scripts/reproducible

$(NFPM):
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv .cache/bin/nfpm $@

e2e: man $(NFPM) ## real boots of the packages, in systemd and cloud-init
	NFPM=$(NFPM) scripts/e2e

clean: ## what was built
	rm -rf bin dist
