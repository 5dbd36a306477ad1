# muster. `make help` lists what can be made; only Go is needed for build, test
# and demo.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO      ?= go
LDFLAGS  = -s -w -X main.version=$(VERSION)
# Static, and the same bytes wherever it is built. What `make demo` runs is
# built alike and at once, so that nothing is compiled twice.
# Inlining is off: it costs 0.8 MB, and muster waits more than it computes.
FLAGS    = -trimpath -buildvcs=false -gcflags=all=-l
BUILD    = CGO_ENABLED=0 $(GO) build $(FLAGS) -ldflags '$(LDFLAGS)'

GOLANGCI_VERSION = v2.13.2
GOLANGCI         = .cache/bin/golangci-lint-$(GOLANGCI_VERSION)

.PHONY: help build cross test race lint demo integration bench fuzz package clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## bin/muster, static, for this machine
	$(BUILD) -o bin/muster ./cmd/muster

cross: ## dist/muster-linux-amd64 and -arm64
	GOOS=linux GOARCH=amd64 $(BUILD) -o dist/muster-linux-amd64 ./cmd/muster
	GOOS=linux GOARCH=arm64 $(BUILD) -o dist/muster-linux-arm64 ./cmd/muster

test: ## vet and all tests that need Go alone
	$(GO) vet ./...
	$(GO) test ./...

race: ## the same tests under the race detector
	$(GO) test -race ./...

lint: $(GOLANGCI) ## the rules of .golangci.yml, for the code and the integration tests
	$(GOLANGCI) run ./...
	$(GOLANGCI) run --build-tags integration ./...

$(GOLANGCI):
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .cache/bin/golangci-lint $@

demo: ## four boots, told on a sandboxed instance
	$(BUILD) -o bin/ ./cmd/muster ./scripts/demo
	@bin/demo -muster bin/muster

integration: ## against moto, AWS's metadata mock, a real Docker Engine and systemd
	scripts/integration

bench: build cross ## speed and size, as ratios
	scripts/bench

fuzz: ## each fuzz target for FUZZTIME (10s)
	scripts/fuzz $(or $(FUZZTIME),10s)

package: cross ## dist/*.tar.gz: binary, units, licence, checksums
	scripts/package $(VERSION)

clean: ## what was built
	rm -rf bin dist
