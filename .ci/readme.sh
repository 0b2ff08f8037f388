#!/usr/bin/env bash
# Runs the commands of README.md in a fresh clone. Usage: .ci/readme.sh <scratch
# folder>, where .ci/clients.sh may have put the AWS CLI, and .ci/sam.sh the SAM CLI.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
clone=$(mktemp -d "$work/readme.XXXXXX")
git clone --quiet . "$clone/clone"
[ -x "$work/cli/bin/aws" ] || .ci/venv "$work/cli"
. .ci/sam-cli.sh
export PATH="$work/cli/bin:$work/sam/bin:$PATH" SAM_CLI_TELEMETRY=0
cd "$clone/clone"
python3 .ci/readme.py "$clone"
