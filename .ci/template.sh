#!/usr/bin/env bash
# Checks template.yaml with cfn-lint, every rule of it. Usage: .ci/template.sh
# <scratch folder>
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
python3 -m venv "$work/template"
"$work/template/bin/pip" install --quiet --disable-pip-version-check cfn-lint
# Left out: I4010 wants a summary of the architecture in a form of its own;
# README.md has one.
"$work/template/bin/cfn-lint" --include-checks I --include-experimental --ignore-checks I4010 --regions eu-central-1 us-east-1 -- template.yaml
echo "cfn-lint has nothing to say"
