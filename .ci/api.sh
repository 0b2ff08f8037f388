#!/usr/bin/env bash
# Holds the HTTP API of a running sandbox against its own description, with a
# tool that others wrote: no answer that is not described, and none of 5xx.
# Usage: .ci/api.sh <scratch folder> <the clientkeeper binary>, in a shell that
# has sourced the sandbox's env.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
clientkeeper=$2
.ci/venv "$work/schemathesis"

echo "-- the description is OpenAPI 3.1"
"$work/schemathesis/bin/openapi-spec-validator" internal/handler/openapi.json

echo "-- schemathesis"
token=$("$clientkeeper" token)
run() { # what else to say to it
  (cd "$work" && schemathesis/bin/schemathesis run "$API_URL/v1/openapi.json" --no-color --generation-deterministic --warnings off --max-examples 15 \
    --request-timeout 60 --suppress-health-check all \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method "$@")
}
run --header "Authorization: Bearer $token"
echo "-- schemathesis, as nobody"
run --phases coverage
