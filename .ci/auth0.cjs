// Drives a running sandbox's tenant with Auth0's own SDK for Node: every
// operation of clients, their credentials and their grants, and what each of
// them refuses. The environment is .sandbox/env; AUTH0_NODE_SDK is a folder with
// node_modules. Usage: auth0.cjs <URL of a registered metadata document>
const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const { generateKeyPairSync } = require("node:crypto");
const { ManagementClient } = require(require.resolve("auth0", { paths: [process.env.AUTH0_NODE_SDK] }));

const { AUTH0_DOMAIN: domain, AUTH0_CLIENT_ID: clientId, AUTH0_CLIENT_SECRET: clientSecret } = process.env;
const document = process.argv[2];
const orders = "https://orders.example.com/"; // an API that the sandbox has
const api = new ManagementClient({ domain, clientId, clientSecret });
const seen = {}; // how often each operation was answered as expected

// answered wants a status, and is the answer's body.
async function answered(status, operation, promise) {
  const { data, rawResponse } = await promise.withRawResponse();
  assert.strictEqual(rawResponse.status, status, operation);
  assert.match(rawResponse.headers.get("x-ratelimit-remaining"), /^\d+$/, operation);
  seen[operation] = (seen[operation] ?? 0) + 1;
  return data;
}

// refused wants an error in the envelope of the Management API.
async function refused(status, code, text, promise) {
  const error = await promise.then(() => assert.fail(`not refused: ${text}`), (e) => e);
  assert.strictEqual(error.statusCode, status, error.message);
  assert.strictEqual(error.body.statusCode, status);
  assert.strictEqual(error.body.errorCode, code, error.body.message);
  assert.ok(error.body.message.includes(text), error.body.message);
}

async function all(pages) {
  const found = [];
  for await (const item of await pages) found.push(item);
  return found;
}

const rsa = (bits = 2048) => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  return {
    pem: publicKey.export({ type: "spki", format: "pem" }),
    pkcs1: publicKey.export({ type: "pkcs1", format: "pem" }),
    private: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
};
const certificate = (days) =>
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/C=CH/O=Example/CN=orders", "-days", days], {
    stdio: ["ignore", "pipe", "ignore"],
  }).toString();

async function cimd() {
  const [client] = await all(api.clients.list({ external_client_id: document }));
  assert.match(client.client_id, /^tpc_/);
  const preview = await answered(200, "previewCimdMetadata", api.clients.previewCimdMetadata({ external_client_id: document }));
  assert.strictEqual(preview.client_id, client.client_id);
  assert.strictEqual(preview.validation.valid, true);
  assert.ok(preview.validation.warnings.length > 0);
  const again = await answered(200, "registerCimdClient", api.clients.registerCimdClient({ external_client_id: document }));
  assert.strictEqual(again.client_id, client.client_id);
  const patched = await answered(200, "update", api.clients.update(client.client_id, { description: "by the SDK" }));
  assert.strictEqual(patched.external_client_id, undefined);
  const shown = await answered(200, "get", api.clients.get(client.client_id));
  assert.strictEqual(shown.external_client_id, document);
  assert.strictEqual(shown.description, "by the SDK");
  await refused(400, undefined, "cannot be changed: name", api.clients.update(client.client_id, { name: "x" }));
  await refused(400, undefined, "cannot be rotated", api.clients.rotateSecret(client.client_id));
  const nowhere = "https://nowhere.example.com/client.json";
  await refused(400, undefined, "could not be retrieved", api.clients.registerCimdClient({ external_client_id: nowhere }));
  assert.ok((await api.clients.previewCimdMetadata({ external_client_id: nowhere })).errors.length > 0);
  await refused(400, "invalid_body", "Missing required property", api.clients.registerCimdClient({}));
}

async function clients() {
  const made = await answered(201, "create", api.clients.create({
    name: "by the SDK", app_type: "non_interactive", grant_types: ["client_credentials"], token_endpoint_auth_method: "client_secret_post",
    client_metadata: { team: "a", stage: "b" }, token_quota: { client_credentials: { enforce: true, per_day: 100 } },
  }));
  assert.match(made.client_id, /^[A-Za-z0-9]{32}$/);
  assert.match(made.client_secret, /^[A-Za-z0-9_-]{64}$/);
  const id = made.client_id;
  const fields = await answered(200, "get", api.clients.get(id, { fields: "name,client_id", include_fields: true }));
  assert.deepStrictEqual(Object.keys(fields).sort(), ["client_id", "name"]);

  const everyone = (await all(api.clients.list({ fields: "client_id" }))).map((c) => c.client_id);
  assert.ok(everyone.includes(id));
  assert.deepStrictEqual((await all(api.clients.list({ per_page: 2, fields: "client_id" }))).map((c) => c.client_id), everyone);
  assert.deepStrictEqual(await checkpoints("clients", 2), everyone);
  seen.list = (seen.list ?? 0) + 3;

  const patched = await answered(200, "update", api.clients.update(id, { description: "d", client_metadata: { stage: null, tier: "c" } }));
  assert.deepStrictEqual(patched.client_metadata, { team: "a", tier: "c" });
  const chosen = await answered(200, "update", api.clients.update(id, { client_secret: "chosen-by-the-SDK", token_quota: null }));
  assert.strictEqual(chosen.client_secret, "chosen-by-the-SDK");
  assert.strictEqual(chosen.token_quota, undefined);
  const rotated = await answered(200, "rotateSecret", api.clients.rotateSecret(id));
  assert.match(rotated.client_secret, /^[A-Za-z0-9_-]{64}$/);

  await refused(400, "invalid_body", "Additional properties not allowed: colour", api.clients.create({ name: "x", colour: "red" }));
  await refused(400, "invalid_body", "Missing required property: name", api.clients.create({}));
  await refused(400, "invalid_body", "Too few properties", api.clients.update(id, {}));
  await refused(404, "inexistent_client", "The client does not exist", api.clients.get("nobody"));
  await refused(404, "inexistent_client", "The client does not exist", api.clients.update("nobody", { name: "x" }));
  await refused(404, "inexistent_client", "The client does not exist", api.clients.rotateSecret("nobody"));
  await refused(400, "invalid_query_string", "greater than maximum", api.clients.list({ per_page: 101 }));
  for (let i = 0; i < 2; i++) await answered(204, "delete", api.clients.delete(id));
  await refused(404, "inexistent_client", "The client does not exist", api.clients.get(id));
}

// checkpoints are the ids of a list by its other paging, which the SDK has for
// client grants and leaves to fetch for clients.
async function checkpoints(list, take) {
  const found = [];
  let query = `take=${take}`;
  do {
    const response = await api.fetch(`https://${domain}/api/v2/${list}?fields=client_id&${query}`);
    assert.strictEqual(response.status, 200);
    const page = await response.json();
    found.push(...page[list].map((c) => c.client_id));
    query = page.next && `take=${take}&from=${encodeURIComponent(page.next)}`;
  } while (query);
  return found;
}

async function credentials() {
  const keys = [rsa(), rsa(), rsa(), rsa()];
  const { client_id: id } = await api.clients.create({ name: "keys of the SDK", app_type: "non_interactive", grant_types: ["client_credentials"] });
  const at = api.clients.credentials;
  const one = await answered(201, "credentials.create", at.create(id, { credential_type: "public_key", pem: keys[0].pem, name: "one", alg: "RS256" }));
  assert.match(one.id, /^cred_[A-Za-z0-9]{22}$/);
  assert.match(one.kid, /^[A-Za-z0-9_-]{43}$/);
  const two = await answered(201, "credentials.create", at.create(id, { credential_type: "public_key", pem: keys[1].pkcs1, alg: "PS256", kid: "chosen-here", expires_at: "2099-01-01T01:00:00.123456+01:00" }));
  assert.deepStrictEqual([two.kid, two.alg, two.expires_at], ["chosen-here", "PS256", "2099-01-01T00:00:00.123Z"]);
  const cert = certificate("30");
  const x509 = await answered(201, "credentials.create", at.create(id, { credential_type: "x509_cert", pem: cert }));
  assert.match(x509.thumbprint_sha256, /^[A-Za-z0-9_-]{43}$/);
  assert.ok(x509.expires_at && !x509.kid);
  const name = await answered(201, "credentials.create", at.create(id, { credential_type: "cert_subject_dn", pem: cert }));
  assert.strictEqual(name.subject_dn, "C=CH\nO=Example\nCN=orders");
  await refused(400, undefined, "maximum of 4 credentials", at.create(id, { credential_type: "public_key", pem: keys[2].pem }));

  const pool = await answered(200, "credentials.list", at.list(id));
  assert.deepStrictEqual(pool.map((c) => c.id).sort(), [one.id, two.id, x509.id, name.id].sort());
  assert.ok(pool.every((c) => !("pem" in c)));
  assert.deepStrictEqual(await answered(200, "credentials.get", at.get(id, one.id)), one);
  const never = await answered(200, "credentials.update", at.update(id, two.id, { expires_at: null }));
  assert.strictEqual(never.expires_at, undefined);

  await switchMethods(id, one, two, x509, name);
  for (let i = 0; i < 2; i++) await answered(204, "credentials.delete", at.delete(id, name.id));
  await answered(204, "credentials.delete", at.delete(id, x509.id));
  const parsed = await answered(201, "credentials.create", at.create(id, { credential_type: "public_key", pem: cert, parse_expiry_from_cert: true }));
  assert.strictEqual(parsed.expires_at, x509.expires_at);
  await answered(204, "credentials.delete", at.delete(id, parsed.id));
  await refusedCredentials(id, keys, cert);
  await withKey(id, one, keys);
  await api.clients.delete(id);
}

// switchMethods moves a client to keys, certificates and back.
async function switchMethods(id, one, two, x509, name) {
  const refs = (...credentials) => ({ credentials: credentials.map(({ id }) => ({ id })) });
  const patch = (client_authentication_methods, more) => api.clients.update(id, { client_authentication_methods, token_endpoint_auth_method: null, ...more });
  for (const [method, ...attached] of [["tls_client_auth", name], ["self_signed_tls_client_auth", x509], ["private_key_jwt", one, two]]) {
    const shown = await answered(200, "update", patch({ [method]: refs(...attached) }, { jwt_configuration: { alg: "RS256" } }));
    assert.deepStrictEqual(shown.client_authentication_methods, { [method]: refs(...attached) });
    assert.strictEqual(shown.client_secret, undefined);
    assert.strictEqual(shown.token_endpoint_auth_method, undefined);
  }
  await refused(400, "invalid_body", "Array is too long (3), maximum 2", patch({ private_key_jwt: refs(one, two, one) }));
  await refused(400, undefined, "do not exist", patch({ private_key_jwt: refs({ id: "cred_nobody" }) }));
  await refused(400, "invalid_body", "cannot be used for", patch({ private_key_jwt: refs(x509) }));
  await refused(400, "invalid_body", "Additional properties not allowed", patch({ private_key_jwt: { credentials: [one] } }));
  await refused(400, "invalid_body", "", patch(null));
  await refused(400, "invalid_body", "", api.clients.update(id, { token_endpoint_auth_method: "client_secret_post" }));
  await refused(400, undefined, "cannot be rotated", api.clients.rotateSecret(id));
  await refused(400, undefined, "still associated with a client", api.clients.credentials.delete(id, one.id));
  const back = await answered(200, "update", api.clients.update(id, { client_authentication_methods: null, token_endpoint_auth_method: "client_secret_basic" }));
  assert.ok(back.client_secret && !back.client_authentication_methods);
}

async function refusedCredentials(id, keys, cert) {
  const create = (body) => api.clients.credentials.create(id, body);
  await refused(400, undefined, "already exist in client", create({ credential_type: "public_key", pem: keys[0].pem }));
  await refused(400, "invalid_body", "2048 to 4096 bits", create({ credential_type: "public_key", pem: rsa(1024).pem }));
  await refused(400, "invalid_body", "", create({ credential_type: "public_key", pem: keys[2].private }));
  await refused(400, "invalid_body", "", create({ credential_type: "x509_cert", pem: keys[2].pem }));
  await refused(400, "invalid_body", "mutually exclusive", create({ credential_type: "public_key", pem: cert, parse_expiry_from_cert: true, expires_at: "2099-01-01T00:00:00Z" }));
  await refused(404, "inexistent_client", "The client does not exist", api.clients.credentials.list("nobody"));
  await refused(404, undefined, "Credential does not exist", api.clients.credentials.get(id, "cred_nobody"));
  await refused(404, undefined, "Credential does not exist", api.clients.credentials.update(id, "cred_nobody", { expires_at: null }));
}

// withKey has a client log in with its key, through the SDK, once it is
// attached and the Management API is granted, and not before.
async function withKey(id, one, keys) {
  const self = () => new ManagementClient({ domain, clientId: id, clientAssertionSigningKey: keys[0].private, clientAssertionSigningAlg: "RS256" });
  const list = () => self().clients.list({ fields: "client_id" });
  await assert.rejects(list(), { statusCode: 401 });
  await api.clients.update(id, { client_authentication_methods: { private_key_jwt: { credentials: [{ id: one.id }] } }, token_endpoint_auth_method: null });
  await assert.rejects(list(), { statusCode: 403 });
  const grant = await answered(201, "clientGrants.create", api.clientGrants.create({ client_id: id, audience: `https://${domain}/api/v2/`, scope: ["read:client_summary"] }));
  assert.ok((await all(list())).some((c) => c.client_id === id));
  await refused(403, "insufficient_scope", "delete:clients", self().clients.delete(id));
  await refused(403, "insufficient_scope", "You cannot read the following fields: callbacks", self().clients.get(id, { fields: "callbacks", include_fields: true }));
  await answered(204, "clientGrants.delete", api.clientGrants.delete(grant.id));
  await assert.rejects(list(), { statusCode: 403 });
}

async function grants() {
  const at = api.clientGrants;
  const { client_id: id, client_secret } = await api.clients.create({ name: "grants of the SDK", app_type: "non_interactive", grant_types: ["client_credentials"], token_endpoint_auth_method: "client_secret_post" });
  const ask = async () => {
    const body = new URLSearchParams({ grant_type: "client_credentials", client_id: id, client_secret, audience: orders });
    const response = await fetch(`https://${domain}/oauth/token`, { method: "POST", body });
    return [response.status, await response.json()];
  };
  assert.strictEqual((await ask())[0], 403);
  const made = await answered(201, "clientGrants.create", at.create({ client_id: id, audience: orders, scope: ["read:orders"] }));
  assert.match(made.id, /^cgr_[A-Za-z0-9]{16}$/);
  const [status, token] = await ask();
  assert.deepStrictEqual([status, token.scope, token.token_type], [200, "read:orders", "Bearer"]);
  const claims = JSON.parse(Buffer.from(token.access_token.split(".")[1], "base64url"));
  assert.deepStrictEqual([claims.iss, claims.aud, claims.azp, claims.gty], [`https://${domain}/`, orders, id, "client-credentials"]);
  assert.deepStrictEqual(await answered(200, "clientGrants.get", at.get(made.id)), made);
  const widened = await answered(200, "clientGrants.update", at.update(made.id, { scope: ["read:orders", "write:orders"] }));
  assert.deepStrictEqual(widened.scope, ["read:orders", "write:orders"]);
  assert.deepStrictEqual((await all(at.list({ client_id: id }))).map((g) => g.id), [made.id]);
  const everything = await all(at.list());
  assert.deepStrictEqual(await all(at.list({ take: 1 })), everything);
  seen["clientGrants.list"] = 3;

  await refused(409, undefined, "already exists", at.create({ client_id: id, audience: orders, scope: [] }));
  await refused(404, undefined, "Resource server not found", at.create({ client_id: id, audience: "https://nobody.example/", scope: [] }));
  await refused(404, undefined, "Client not found", at.create({ client_id: "nobody", audience: orders, scope: [] }));
  await refused(404, undefined, "does not exist", at.get("cgr_nobody"));
  for (let i = 0; i < 2; i++) await answered(204, "clientGrants.delete", at.delete(made.id));
  assert.strictEqual((await ask())[0], 403);
  await api.clients.delete(id);
}

// every operation of what was driven must have been answered.
function complete() {
  const operations = { "": api.clients, "credentials.": api.clients.credentials, "clientGrants.": api.clientGrants };
  for (const [prefix, resource] of Object.entries(operations)) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(resource))) {
      const operation = name !== "constructor" && !name.startsWith("__") && !["credentials", "connections", "organizations"].includes(name);
      assert.ok(!operation || seen[prefix + name] > 0, `${prefix}${name} was never answered`);
    }
  }
}

(async () => {
  for (const part of [cimd, clients, credentials, grants]) await part();
  complete();
  const answers = Object.values(seen).reduce((a, b) => a + b);
  console.log(`Auth0's SDK drives ${Object.keys(seen).length} operations on clients, credentials and grants, ${answers} times, and is refused as it should be`);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
