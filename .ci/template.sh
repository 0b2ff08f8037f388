#!/usr/bin/env bash
# Checks template.yaml with cfn-lint, every rule of it, and what it becomes after
# SAM's transform. Usage: .ci/template.sh
# <scratch folder>
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
.ci/venv "$work/template"
# Left out: I4010 wants a summary of the architecture in a form of its own;
# README.md has one.
"$work/template/bin/cfn-lint" --include-checks I --include-experimental --ignore-checks I4010 --regions eu-central-1 us-east-1 -- template.yaml
echo "cfn-lint has nothing to say"
"$work/template/bin/python" .ci/template.py 2>&1 | grep -v "not available in Feature Toggle"
