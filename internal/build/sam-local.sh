#!/bin/sh
# Runs sample events in containers, with `sam local`, and in the sandbox's own
# Lambda, and compares what became of them. Each runtime gets a sandbox of its
# own, on free ports, which this starts and stops.
#
#   internal/build/sam-local.sh events/register-client.url.json ...
#
# SAM_FLAGS goes to every `sam local` command. Needs the SAM CLI, Docker, Go,
# curl and the AWS CLI.
set -eu

case $(uname -m) in
arm64 | aarch64) parameters=Architecture=arm64 ;;
*) parameters=Architecture=x86_64 ;;
esac
SAM_FLAGS="--parameter-overrides $parameters ${SAM_FLAGS:-}"

# A build of its own, since it gets the sandbox's certificate, which must never
# be deployed.
build=.aws-sam/local
sam build --build-dir $build --parameter-overrides $parameters
clientkeeper=$PWD/.aws-sam/clientkeeper
go build -o .aws-sam/ ./internal/cmd/clientkeeper ./internal/cmd/samlocal
go build -o .aws-sam/bridge internal/build/bridge.go

prepared=$(mktemp -d)
pids=
stop() {
	for pid in $pids; do kill "$pid" 2>/dev/null || true; done
	for pid in $pids; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$prepared"
}
trap stop EXIT
trap 'exit 130' INT TERM

for run in sam own; do
	rm -rf ".aws-sam/sandbox-$run"
	mkdir -p ".aws-sam/sandbox-$run"
	$clientkeeper sandbox -json -play=false -port 0 -dir ".aws-sam/sandbox-$run" >".aws-sam/sandbox-$run/log" 2>&1 &
	pids="$pids $!"
done
for run in sam own; do
	for _ in $(seq 300); do [ -f ".aws-sam/sandbox-$run/env" ] && break; sleep 1; done
	[ -f ".aws-sam/sandbox-$run/env" ] || { echo "the sandbox did not start" >&2; cat ".aws-sam/sandbox-$run/log" >&2; exit 1; }
done

# What the samples of a rotation need: in each sandbox a client with a managed
# secret, and in it a version that is labelled AWSPENDING.
uuid() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | sed 's/\(........\)\(....\)\(....\)\(....\)/\1-\2-\3-\4-/'; }
uuid >"$prepared/token"
for run in sam own; do (
	. "./.aws-sam/sandbox-$run/env"
	$clientkeeper token | sed 's/^/authorization: Bearer /' | curl -sSf -H @- -H 'content-type: application/json' \
		-H "idempotency-key: $(uuid)" "$API_URL/v1/clients" \
		-d '{"name":"sam-local","token_endpoint_auth_method":"client_secret_post"}' |
		sed 's/.*"secret_arn":"\([^"]*\)".*/\1/' >"$prepared/arn-$run"
	arn=$(cat "$prepared/arn-$run")
	for _ in $(seq 120); do # the first trial login runs
		[ -n "$(aws secretsmanager list-secret-version-ids --secret-id "$arn" --query 'Versions[?contains(VersionStages, `AWSPENDING`)].VersionId' --output text)" ] || break
		sleep 1
	done
	aws secretsmanager get-secret-value --secret-id "$arn" --query SecretString --output text |
		sed "s/\"client_secret\":\"[^\"]*\"/\"client_secret\":\"$(uuid)$(uuid)\"/" >"$prepared/value"
	aws secretsmanager put-secret-value --secret-id "$arn" --client-request-token "$(cat "$prepared/token")" \
		--version-stages AWSPENDING --secret-string "file://$prepared/value" >/dev/null
); done

# What a container needs to reach the sandbox: its certificate, and a way in.
. ./.aws-sam/sandbox-sam/env
for function in $build/*Function; do cp "$AUTH0_CA_FILE" "$function/sandbox-ca.pem"; done
.aws-sam/bridge "${AWS_ENDPOINT_URL##*:}" "${AUTH0_DOMAIN##*:}" &
pids="$pids $!"

# sam local start-api works out no function's Arn in an integration, and knows
# no authorizer but a Lambda. It has one version of each function, and no alias.
awk '/^ *IntegrationUri:$/ { key = $0; getline f; gsub(/^.*\$\{|\.Arn\}.*$/, "", f)
	print key " arn:aws:lambda:us-east-1:123456789012:function:" f; next } { print }' $build/template.yaml >$build/start-api.yaml

.aws-sam/samlocal -template $build/template.yaml -api-template $build/start-api.yaml -sam-flags "$SAM_FLAGS" \
	-clientkeeper "$clientkeeper" -sam .aws-sam/sandbox-sam -own .aws-sam/sandbox-own -prepared "$prepared" "$@"
