#!/usr/bin/env bash
# Makes the release twice, and has CycloneDX's own library judge the bills of
# materials. Usage: .ci/release.sh <scratch folder>
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
# One architecture: the second build begins with an empty cache.
make --no-print-directory reproducible ARCHITECTURES=arm64
make --no-print-directory release >/dev/null

.ci/venv "$work/cyclonedx"
"$work/cyclonedx/bin/python" - dist/*.cdx.json <<'PYTHON'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

bills = sys.argv[1:]
for path in bills:
    mistake = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    if mistake:
        sys.exit(f"{path}: {mistake}")
print(f"{len(bills)} bills of materials are valid CycloneDX 1.6")
PYTHON
