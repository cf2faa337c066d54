# What a contributor types. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO       ?= go
FUZZTIME ?= 20s
SOAKTIME ?= 15m
COVER    ?= 80
MODULE   := crontopus.dev/crontopus
# The race detector watches all but SQLite, which is C translated to Go: no goroutine of it is ours,
# and watched it is five times slower.
RACE     := -race -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc/...=-race=false'
LINTER   := bin/golangci-lint
GENERATED := api/openapi.yaml docs/cli.md docs/lint-rules.md docs/manifest-reference.md schema/manifest.draft-07.json

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Watch a commit become a scheduled job that runs and reports (Ctrl-C ends it)
	bin/crontopus demo

.PHONY: build
build: ## Build bin/crontopus and bin/crontopus-agent, which run on any Linux: they link no C
	CGO_ENABLED=0 $(GO) build -o bin/ ./cmd/...

.PHONY: test
test: install-deps ## Run every test, with the race detector
	$(GO) test $(RACE) -timeout 40m ./...

.PHONY: install-deps
install-deps: ## Install what the tests need and this machine lacks (cron, gcc, git, postgresql, pre-commit)
	@tools/install-deps.sh

.PHONY: lint
lint: $(LINTER) ## Check style and the import law with the pinned golangci-lint
	$(LINTER) run ./...

# Built from source and pinned by tools/go.mod, whose graph stays out of ours.
$(LINTER): tools/go.mod tools/go.sum
	$(GO) -C tools build -o ../$(LINTER) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $(LINTER)

.PHONY: generate
generate: ## Write again what is made from the code (API description, CLI reference, lint rules, schema twin, manifest reference)
	$(GO) test ./api -run TestCommittedDescriptionIsCurrent -update
	$(GO) test ./docs -run TestCommandReferenceIsWhatTheProgramsSay -update
	$(GO) test ./manifests/lint -run TestThePageSaysWhatTheRulesAre -update
	$(GO) test ./schema -run TestTheTwinIsWhatTheSchemaSays -update
	$(GO) test ./docs -run TestTheReferenceIsWhatTheSchemaSays -update

.PHONY: verify
verify: generate ## Fail when generated files, formatting or go.mod are not what the code says
	@git diff --exit-code -- $(GENERATED) || { echo "verify: commit the generated files that changed"; exit 1; }
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "verify: run gofmt -w on:"; echo "$$unformatted"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@GO="$(GO)" tools/fuzz.sh $(FUZZTIME)

.PHONY: soak
soak: install-deps ## Run the long form of every test that has one, with its figures (SOAKTIME at most, 15m)
	@GO="$(GO)" tools/soak.sh $(SOAKTIME)

.PHONY: bench
bench: install-deps ## Measure the product against floors, in turns; writes bench/RESULTS.md (about 10 minutes)
	$(GO) run ./bench

.PHONY: bench-validate
bench-validate: ## Measure crontopus validate beside kubeconform and its floors, in turns (about a minute)
	$(GO) run ./bench -only validate

.PHONY: cover
cover: install-deps ## Measure statements covered over all packages; fail below COVER (80) percent
	@GO="$(GO)" tools/cover.sh $(MODULE) $(COVER)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin cover
