#!/usr/bin/env bash
# Checks template.yaml with the real SAM CLI, and runs every sample event in its
# containers and in the sandbox. Usage: .ci/sam.sh <scratch folder>
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
. .ci/sam-cli.sh
if ! command -v sam >/dev/null; then
  .ci/venv "$work/sam"
  export PATH="$work/sam/bin:$PATH"
fi
[ -x "$work/cli/bin/aws" ] && PATH="$work/cli/bin:$PATH" # of the step before
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-2
make sam-validate
make sam-build
if ! docker info >/dev/null 2>&1; then
  echo "no container engine answers: sam local is left out"
  exit 0
fi
make sam-local SAM_FLAGS="$([ -x "$setup" ] && echo --skip-pull-image)"
