#!/usr/bin/env bash
# Exports a running sandbox's clients with Auth0's deploy CLI, deploys the export
# with a change to one of them, and looks that nothing else changed. The
# environment is .sandbox/env. Usage: .ci/deploy-cli.sh <folder with node_modules> <scratch folder>
set -euo pipefail
node=$1 work=$2/deploy-cli
mkdir -p "$work"
cat >"$work/config.json" <<JSON
{"AUTH0_DOMAIN":"$AUTH0_DOMAIN","AUTH0_CLIENT_ID":"$AUTH0_CLIENT_ID","AUTH0_CLIENT_SECRET":"$AUTH0_CLIENT_SECRET","AUTH0_INCLUDED_ONLY":["clients"]}
JSON
api() { # method, path, body
  curl -sS --fail-with-body --cacert "$AUTH0_CA_FILE" -X "$1" "https://$AUTH0_DOMAIN$2" ${bearer:+-H "authorization: Bearer $bearer"} -H 'content-type: application/json' -d "${3:-}"
}
a0deploy() {
  "$node/node_modules/.bin/a0deploy" "$@" --config_file "$work/config.json" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

bearer=$(api POST /oauth/token "{\"grant_type\":\"client_credentials\",\"client_id\":\"$AUTH0_CLIENT_ID\",\"client_secret\":\"$AUTH0_CLIENT_SECRET\",\"audience\":\"https://$AUTH0_DOMAIN/api/v2/\"}" |
  python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
storefront=$(api POST /api/v2/clients '{"name":"storefront","app_type":"regular_web","callbacks":["https://storefront.example.com/cb"],"description":"before"}' |
  python3 -c 'import json,sys; print(json.load(sys.stdin)["client_id"])')
trap 'api DELETE "/api/v2/clients/$storefront"' EXIT # it tells clients by their names

a0deploy export --format yaml --output_folder "$work/export"
grep -q 'name: storefront' "$work/export/tenant.yaml" && grep -q 'external_client_id: https://' "$work/export/tenant.yaml" ||
  { echo "the export lacks clients"; cat "$work/export/tenant.yaml"; exit 1; }
api GET '/api/v2/clients?per_page=100' >"$work/before.json"
sed -i.bak 's/description: before/description: after/' "$work/export/tenant.yaml"
a0deploy import --input_file "$work/export/tenant.yaml"
api GET '/api/v2/clients?per_page=100' >"$work/after.json"
python3 - "$storefront" "$work" <<'PY'
import json, sys

storefront, work = sys.argv[1:]
# Secrets are left out: a rotation may go on meanwhile.
before, after = (
    {c["client_id"]: {**c, "client_secret": None} for c in json.load(open(f"{work}/{name}.json"))} for name in ("before", "after")
)
assert before.pop(storefront)["description"] == "before"
assert after.pop(storefront)["description"] == "after"
assert before == after, [(c, before.get(c), after.get(c)) for c in {**before, **after} if before.get(c) != after.get(c)]
print(f"auth0-deploy-cli exports {len(before) + 1} clients and changes one of them")
PY
