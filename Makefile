# Everything a change has to pass, one target a concern. `make` lists them.

GO      ?= go
# The inputs of each fuzz target, the runs of every benchmark, the flags of the
# comparison with upstream (see internal/compat/cmd/ratio), and the systems,
# besides the one at hand, that every file must compile for. Inputs are counted,
# because a fuzz run that ends by time fails now and then with nothing but
# "context deadline exceeded".
FUZZTIME  ?= 60000x
BENCHTIME ?= 1x
RATIO     ?= -rounds 3
SYSTEMS   ?= windows/amd64 darwin/arm64 freebsd/amd64 linux/386

# The nested modules, those whose code is held to the same rules.
NESTED := $(patsubst %/go.mod,%,$(filter-out internal/tools/%,$(wildcard internal/*/go.mod examples/*/go.mod)))
MODULES := . $(NESTED)

say = @printf '\n== %s\n' "$(1)"

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-11s %s\n' "$$name" "$$what"; done

.PHONY: quickstart
quickstart: ## attach and detach one container, told step by step; no root
	$(GO) run ./examples/quickstart

.PHONY: test
test: ## the tests, as README gives them
	$(call say,go test)
	$(GO) test ./...

.PHONY: check
check: fmt vet lint test race cross compat e2e fuzz bench ## all that has to pass: fmt to bench, as CI runs it

.PHONY: fmt
fmt: ## every file as gofmt writes it
	$(call say,gofmt)
	@out=$$(gofmt -l .); test -z "$$out" || { echo "not gofmt'ed:"; echo "$$out"; exit 1; }

.PHONY: vet
vet: ## go vet, in every module
	$(call say,go vet)
	@set -e; for m in $(MODULES); do echo "$$m"; $(GO) -C $$m vet ./...; done

.PHONY: lint
lint: bin/staticcheck ## staticcheck (staticcheck.conf), in every module and for Windows too
	$(call say,staticcheck)
	@set -e; for m in $(MODULES); do echo "$$m"; (cd $$m && "$(CURDIR)/bin/staticcheck" ./...); done
	GOOS=windows bin/staticcheck ./...

.PHONY: race
race: ## the tests under the race detector
	$(call say,go test -race)
	$(GO) test -race ./...

.PHONY: cross
cross: ## code and tests compile for the other systems
	$(call say,cross builds: $(SYSTEMS))
	@set -e; for s in $(SYSTEMS); do echo "$$s"; \
		export GOOS=$${s%/*} GOARCH=$${s#*/} CGO_ENABLED=0; $(GO) build ./... && $(GO) vet ./...; done

.PHONY: compat
compat: ## upstream's and go-cni's own suites, and the differential tests, against this code
	$(call say,compatibility suites)
	@# -count 1: what these tests build and run, the cache of results does not know
	$(GO) -C internal/compat test -count 1 ./...
	$(GO) -C examples/migrate test ./...

.PHONY: e2e
e2e: ## real plugins in namespaces of their own (Linux; iproute2, iptables, nftables)
	$(call say,real plugins)
	$(GO) -C internal/e2e test -count 1 ./...

.PHONY: fuzz
fuzz: ## every fuzz target with FUZZTIME inputs, or for FUZZTIME=10m
	$(call say,fuzzing $(FUZZTIME) each)
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" .ci/fuzz

.PHONY: bench
bench: ## every benchmark for BENCHTIME (compare two runs with bin/benchstat), then the cost beside upstream's
	$(call say,benchmarks $(BENCHTIME))
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	$(call say,cost beside upstream)
	@test ! -f internal/compat/go.mod || $(GO) -C internal/compat run ./cmd/ratio $(RATIO)

.PHONY: apidiff
apidiff: bin/apidiff ## what the exported API has become since the last tag
	$(call say,exported API)
	@.ci/apidiff

.PHONY: vuln
vuln: bin/govulncheck ## known vulnerabilities in what is called (asks vuln.go.dev)
	$(call say,govulncheck)
	bin/govulncheck ./...

.PHONY: tools
tools: bin/apidiff bin/benchstat bin/govulncheck bin/staticcheck ## build the pinned tools into bin/

bin/%: internal/tools/go.mod internal/tools/go.sum
	$(GO) -C internal/tools build -o "$(CURDIR)/bin/" $$(sed -n 's|^	\(.*/$*\)$$|\1|p' internal/tools/go.mod)

.PHONY: clean
clean: ## remove what this file builds
	rm -rf bin
