#!/bin/sh
# Invokes RegisterClientFunction with `sam local invoke`, once for each of the
# given events, against the sandbox that .sandbox/env tells of.
#
#   internal/build/sam-local.sh events/register-client.url.json ...
#
# SAM_FLAGS goes to every `sam local invoke`. Needs the SAM CLI, Docker and Go.
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
cp "$AUTH0_CA_FILE" $build/RegisterClientFunction/sandbox-ca.pem

# sam local hands in each variable that the template declares and the shell has.
# In a container, localhost is the container.
aws_port=${AWS_ENDPOINT_URL##*:}
tenant_port=${AUTH0_DOMAIN##*:}
export AUTH0_CA_FILE=/var/task/sandbox-ca.pem
export AUTH0_DOMAIN="host.docker.internal:$tenant_port"
export AWS_ENDPOINT_URL="http://host.docker.internal:$aws_port"

go build -o .aws-sam/bridge internal/build/bridge.go
.aws-sam/bridge "$aws_port" "$tenant_port" &
bridge=$!
trap 'kill $bridge 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

handled=0
for event in "$@"; do
	echo "== $event"
	# shellcheck disable=SC2086 # SAM_FLAGS is a list of words
	answer=$(sam local invoke RegisterClientFunction -t $build/template.yaml --parameter-overrides $parameters \
		--add-host host.docker.internal:host-gateway --event "$event" ${SAM_FLAGS:-})
	echo "$answer"
	case $answer in
	'' | *'"errorType"'*)
		echo "$event: the function failed" >&2
		exit 1
		;;
	*itemIdentifier*) ;; # handed back, to be tried later: some samples are meant to be
	*) handled=$((handled + 1)) ;;
	esac
done
echo "$# events, $handled of them without a message handed back"
test $handled -gt 0 || { echo "nothing was handled: can a container reach the sandbox?" >&2; exit 1; }
