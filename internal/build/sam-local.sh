#!/bin/sh
# Runs sample events with `sam local invoke` and in the sandbox that
# .sandbox/env tells of, and the HTTP API with `sam local start-api`, and
# compares what became of them.
#
#   internal/build/sam-local.sh events/register-client.url.json ...
#
# SAM_FLAGS goes to every `sam local` command. Needs the SAM CLI, Docker, Go,
# curl and the AWS CLI.
set -eu

test -f .sandbox/env || { echo "no .sandbox/env: start the sandbox first, with make run in another terminal" >&2; exit 1; }

case $(uname -m) in
arm64 | aarch64) parameters=Architecture=arm64 ;;
*) parameters=Architecture=x86_64 ;;
esac

# A build of its own, since it gets the sandbox's certificate, which must never
# be deployed.
build=.aws-sam/local
sam build --build-dir $build --parameter-overrides $parameters
. ./.sandbox/env
for function in $build/*Function; do cp "$AUTH0_CA_FILE" "$function/sandbox-ca.pem"; done
go build -o .aws-sam/ ./internal/cmd/clientkeeper
go build -o .aws-sam/bridge internal/build/bridge.go
go build -o .aws-sam/samlocal internal/build/samlocal.go

aws_port=${AWS_ENDPOINT_URL##*:}
tenant_port=${AUTH0_DOMAIN##*:}
container_domain=host.docker.internal:$tenant_port

# What the samples of a rotation need: for each of the two runs a client with a
# managed secret, and in it a version that is labelled AWSPENDING.
prepared=$(mktemp -d)
pids=
trap 'for pid in $pids; do kill $pid 2>/dev/null || true; done; rm -rf "$prepared"' EXIT
trap 'exit 130' INT TERM
clientkeeper=$PWD/.aws-sam/clientkeeper
uuid() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | sed 's/\(........\)\(....\)\(....\)\(....\)/\1-\2-\3-\4-/'; }
uuid >"$prepared/token"
for run in sam own; do
	$clientkeeper token | sed 's/^/authorization: Bearer /' | curl -sSf -H @- -H 'content-type: application/json' \
		-H "idempotency-key: $(uuid)" "$API_URL/v1/clients" \
		-d "{\"name\":\"sam-local-$run\",\"token_endpoint_auth_method\":\"client_secret_post\"}" |
		sed 's/.*"secret_arn":"\([^"]*\)".*/\1/' >"$prepared/arn-$run"
	arn=$(cat "$prepared/arn-$run")
	until [ -z "$(aws secretsmanager list-secret-version-ids --secret-id "$arn" --query 'Versions[?contains(VersionStages, `AWSPENDING`)].VersionId' --output text)" ]; do sleep 1; done
	aws secretsmanager get-secret-value --secret-id "$arn" --query SecretString --output text |
		sed "s/\"client_secret\":\"[^\"]*\"/\"client_secret\":\"$(uuid)$(uuid)\"/" >"$prepared/value"
	aws secretsmanager put-secret-value --secret-id "$arn" --client-request-token "$(cat "$prepared/token")" \
		--version-stages AWSPENDING --secret-string "file://$prepared/value" >/dev/null
done
# In its container the function knows the tenant by another name.
aws secretsmanager tag-resource --secret-id "$(cat "$prepared/arn-sam")" --tags "Key=clientkeeper:tenant,Value=$container_domain"
# Signs with the addresses of this shell, not with the containers'.
cat >"$prepared/sign" <<SIGN
#!/bin/sh
AWS_ENDPOINT_URL='$AWS_ENDPOINT_URL' WEBHOOK_SECRET_ARN='${WEBHOOK_SECRET_ARN:-}' exec '$clientkeeper' sign-webhook -id "\$1"
SIGN
chmod +x "$prepared/sign"

# sam local hands in each variable that the template declares and the shell has.
# In a container, localhost is the container.
export AUTH0_CA_FILE=/var/task/sandbox-ca.pem
export AUTH0_DOMAIN="$container_domain"
export AWS_ENDPOINT_URL="http://host.docker.internal:$aws_port"
.aws-sam/bridge "$aws_port" "$tenant_port" &
pids="$pids $!"

# sam local start-api works out no Fn::GetAtt in an integration, and knows no
# authorizer but a Lambda.
awk '/^ *IntegrationUri:$/ { key = $0; getline; getline f; getline; sub(/^ *- /, "", f)
	print key " arn:aws:lambda:us-east-1:123456789012:function:" f; next } { print }' $build/template.yaml >$build/start-api.yaml
# shellcheck disable=SC2086 # SAM_FLAGS is a list of words
sam local start-api --disable-authorizer -t $build/start-api.yaml --parameter-overrides $parameters --port 3080 \
	--add-host host.docker.internal:host-gateway ${SAM_FLAGS:-} >.aws-sam/start-api.log 2>&1 &
pids="$pids $!"
for _ in $(seq 60); do curl -s -o /dev/null http://127.0.0.1:3080/v1/nothing && break; sleep 1; done

.aws-sam/samlocal -template $build/template.yaml -sam-flags "--parameter-overrides $parameters ${SAM_FLAGS:-}" \
	-lambda "$LAMBDA_ENDPOINT_URL" -api "$API_URL" -sam-api http://127.0.0.1:3080 -prepared "$prepared" "$@"
