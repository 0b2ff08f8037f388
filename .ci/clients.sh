#!/usr/bin/env bash
# Drives the sandbox with clients that others wrote (the AWS CLI, boto3, Auth0's
# SDK for Node and deploy CLI, curl), and the contract suites against another imitation of AWS.
# Usage: .ci/clients.sh <scratch folder>
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
pids=()
# Not by INT, which what a script starts in the background ignores until it asks for it.
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; }
trap stop EXIT

# Runs tests against what others wrote. Says which of them were left out, and
# why; all that was printed if one failed.
against() {
  go test -v -count=1 "$@" >"$work/tests.log" 2>&1 || { cat "$work/tests.log"; return 1; }
  grep -E '^ok|--- SKIP|_test\.go:' "$work/tests.log"
}
# The same where nothing may be left out, since what it takes was installed.
all_against() {
  against "$@"
  if grep -q -e '--- SKIP' -e 'no tests to run' "$work/tests.log"; then echo "a test was to run that did not"; return 1; fi
}

echo "-- installing boto3, the AWS CLI, moto, Auth0's SDK and deploy CLI"
.ci/venv "$work/moto"
.ci/venv "$work/cli"
mkdir -p "$work/node"
.ci/retry npm install --prefix "$work/node" --silent --no-audit --no-fund auth0@7.1.0 auth0-deploy-cli@8.44.0
export PATH="$work/cli/bin:$PATH"

echo "-- the contract suites against moto"
touch "$work/moto.log"
"$work/moto/bin/moto_server" -H 127.0.0.1 -p 0 >"$work/moto.log" 2>&1 &
pids+=($!)
for _ in $(seq 900); do
  moto=$(sed -n 's/.* Running on \(http:[0-9.:/]*\).*/\1/p' "$work/moto.log")
  [ -n "$moto" ] && curl -sf "$moto/moto-api/" >/dev/null && break
  sleep 0.2
done
curl -sf "$moto/moto-api/" >/dev/null || { cat "$work/moto.log"; exit 1; }
CLIENTKEEPER_SQS_ENDPOINT=$moto against -run Contract ./internal/sandbox/sqs
CLIENTKEEPER_SECRETSMANAGER_ENDPOINT=$moto against -run Contract ./internal/sandbox/secretsmanager

echo "-- Lambda and the scheduler against the AWS CLI"
AWS_CLI="$work/cli/bin/aws" all_against -run '^TestAWSCLI$' ./internal/sandbox/lambda ./internal/sandbox/scheduler

echo "-- the tenant against Auth0's SDK"
AUTH0_NODE_SDK="$work/node" all_against -run NodeSDK ./internal/sandbox/tenant

echo "-- a running sandbox"
go build -o "$work/clientkeeper" ./internal/cmd/clientkeeper
"$work/clientkeeper" sandbox -port 0 -plan unlimited -play=false -set ApiRate=1000 -set ApiBurst=1000 -dir "$work/sandbox" >"$work/sandbox.log" 2>&1 &
sandbox=$!
pids+=("$sandbox")
for _ in $(seq 1500); do [ -f "$work/sandbox/env" ] && break; sleep 0.2; done
[ -f "$work/sandbox/env" ] || { cat "$work/sandbox.log"; exit 1; }
. "$work/sandbox/env"

url=https://vscode.dev/oauth/client-metadata.json
aws sqs send-message --queue-url "$REGISTRATIONS_QUEUE_URL" --message-body "$url"
token() {
  curl -sS --fail --cacert "$AUTH0_CA_FILE" "https://$AUTH0_DOMAIN/oauth/token" -H 'content-type: application/json' -d @- <<JSON |
{"grant_type":"client_credentials","client_id":"$AUTH0_CLIENT_ID","client_secret":"$AUTH0_CLIENT_SECRET","audience":"https://$AUTH0_DOMAIN/api/v2/"}
JSON
    python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'
}
bearer=$(token)
for _ in $(seq 900); do
  found=$(curl -sS --fail --cacert "$AUTH0_CA_FILE" -H "authorization: Bearer $bearer" -G "https://$AUTH0_DOMAIN/api/v2/clients" \
    --data-urlencode "external_client_id=$url" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')
  [ "$found" = 1 ] && break
  sleep 0.1
done
[ "$found" = 1 ] || { echo "curl sees $found clients for $url"; cat "$work/sandbox.log"; exit 1; }
echo "curl sees the client that aws sqs send-message led to"

AUTH0_NODE_SDK="$work/node" node .ci/auth0.cjs "$url"
.ci/deploy-cli.sh "$work/node" "$work"
"$work/moto/bin/python" .ci/aws.py
SANDBOX_LOG=$work/sandbox.log "$work/moto/bin/python" .ci/aws_cases.py
"$work/clientkeeper" register -by ci https://client.dev/oauth/metadata.json
"$work/clientkeeper" preflight
"$work/clientkeeper" invoke -event events/register-client.url.json register-client
aws lambda invoke --endpoint-url "$LAMBDA_ENDPOINT_URL" --function-name RegisterClientFunction \
  --payload file://events/register-client.message.json $(aws --version 2>&1 | grep -q 'aws-cli/2' && echo --cli-binary-format raw-in-base64-out) "$work/answer.json"
grep -q batchItemFailures "$work/answer.json" || { cat "$work/answer.json"; exit 1; }

.ci/api.sh "$work" "$work/clientkeeper"

kill -INT "$sandbox"
wait "$sandbox" || { echo "the sandbox did not stop cleanly: $?"; tail -20 "$work/sandbox.log"; exit 1; }
if pgrep -f "$work/sandbox/bin" >/dev/null; then echo "a function is still running"; exit 1; fi
echo "stopped, nothing left running"
