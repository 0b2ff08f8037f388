# `make` lists what there is. Only Go and make are needed, except by the
# targets that say otherwise.
.DEFAULT_GOAL := help

GO       ?= go
FUZZTIME ?= 10s
# With a fixed length: git's own choice grows with the number of objects.
VERSION  ?= $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo dev)
# What goes in is the sources, the Go version and VERSION: no paths, no times,
# and nothing of git, which a checkout without history lacks.
GOBUILD   = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -X clientkeeper/internal/app.Version=$(VERSION)'

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

##@ Run

.PHONY: run
run: ## Run everything on this machine, play the sample events, stay up until Ctrl-C
	@$(GO) build -o bin/clientkeeper ./internal/cmd/clientkeeper && exec bin/clientkeeper sandbox $(RUN_FLAGS)

.PHONY: demo
demo: ## Play the sample events, print what became of each, fail if one was not as expected
	$(GO) run ./internal/cmd/clientkeeper sandbox -once $(DEMO_FLAGS)

.PHONY: soak
soak: ## Send 10,000 messages through mischief and crashes, count what became of them
	$(GO) run ./internal/cmd/clientkeeper soak $(SOAK_FLAGS)

.PHONY: crash
crash: ## Kill and break rotations and requests at every remote call, count what was lost
	$(GO) run ./internal/cmd/clientkeeper crash $(CRASH_FLAGS)

.PHONY: surge
surge: ## Make 1,000 secrets due at once against a small rate limit (takes 35 minutes)
	$(GO) run ./internal/cmd/clientkeeper surge $(SURGE_FLAGS)

.PHONY: consumer
consumer: ## Log in ten times a second with secrets and keys that are rotated 100 times (takes 25 minutes)
	$(GO) run ./internal/cmd/clientkeeper consumer $(CONSUMER_FLAGS)

##@ Check

.PHONY: check
check: lint test ## Everything that needs only Go: lint, then test

.PHONY: test
test: ## Run the tests
	$(GO) test -timeout 10m ./...

# Without internal/release, which starts no goroutine and packs for minutes there.
.PHONY: race
race: ## Run the tests, the longest ones shortened, under the race detector (needs a C compiler)
	$(GO) test -race -short -timeout 20m $$($(GO) list ./... | grep -v '/internal/release$$')

# Every fuzz target of every package in turn; one more needs no change here.
.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME (10s)
	@list=$$($(GO) test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '/^Fuzz/ { names[n++] = $$1 } \
		/^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package target; do \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

.PHONY: fmt
fmt: ## Format the source
	gofmt -w $(wildcard functions internal)

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./...

.PHONY: lint
lint: vet ## Check formatting, go vet, staticcheck
	@unformatted=$$(gofmt -l $(wildcard functions internal)); \
	test -z "$$unformatted" || { echo "not formatted (run make fmt):"; echo "$$unformatted"; exit 1; }
	$(GO) tool staticcheck ./...

.PHONY: docs
docs: ## Write the tables of README.md anew that come from code
	$(GO) test -count=1 -run '^TestTable$$' ./internal/config -update

##@ Build

.PHONY: build
build: ## Build the command line and every function for this machine, into bin/
	$(GOBUILD) -o bin/ ./functions/... ./internal/cmd/clientkeeper

ARCHITECTURES ?= arm64 x86_64

.PHONY: release
release: ## Build, pack and list what a release publishes, into dist/: archives, bills of materials, checksums
	@rm -rf dist
	@set -e; $(foreach a,$(ARCHITECTURES),mkdir -p dist/build/$(a); \
		GOOS=linux GOARCH=$(GOARCH_$(a)) $(GOBUILD) -o dist/build/$(a)/ ./functions/...;)
	@$(GO) run ./internal/cmd/release -version '$(VERSION)' -build dist/build -out dist

.PHONY: reproducible
reproducible: ## Make the release of the last commit twice, in two clones, and compare every byte
	@ARCHITECTURES="$(ARCHITECTURES)" internal/build/reproducible.sh

# `sam build` calls these, through internal/build/<architecture>/Makefile. The
# folder of a function is its logical id without "Function", in kebab case.
ARCHITECTURE ?= arm64
GOARCH_arm64  := arm64
GOARCH_x86_64 := amd64

build-%Function:
	$(if $(ARTIFACTS_DIR),,$(error ARTIFACTS_DIR is not set; sam build sets it))
	$(if $(GOARCH_$(ARCHITECTURE)),,$(error ARCHITECTURE is neither arm64 nor x86_64))
	GOOS=linux GOARCH=$(GOARCH_$(ARCHITECTURE)) $(GOBUILD) -o "$(ARTIFACTS_DIR)/bootstrap" \
		./functions/$$(echo $* | sed 's/\([a-z0-9]\)\([A-Z]\)/\1-\2/g' | tr '[:upper:]' '[:lower:]')

##@ SAM

EVENTS = $(sort $(wildcard events/*.json))

.PHONY: sam-validate
sam-validate: ## Check template.yaml (needs the SAM CLI)
	sam validate --lint

.PHONY: sam-build
sam-build: ## Build for deployment, SAM_FLAGS as you like (needs the SAM CLI)
	sam build $(SAM_FLAGS)

.PHONY: sam-local
sam-local: ## Run each of EVENTS in a container and in the sandbox, compare (needs the SAM CLI, Docker, the AWS CLI)
	SAM_FLAGS='$(SAM_FLAGS)' internal/build/sam-local.sh $(EVENTS)
