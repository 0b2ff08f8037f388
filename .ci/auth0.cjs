// Looks at a running sandbox's tenant with Auth0's own SDK for Node. The
// environment is .sandbox/env; AUTH0_NODE_SDK is a folder with node_modules.
const assert = require("node:assert");
const { ManagementClient } = require(require.resolve("auth0", { paths: [process.env.AUTH0_NODE_SDK] }));

const url = process.argv[2];
const management = new ManagementClient({
  domain: process.env.AUTH0_DOMAIN,
  clientId: process.env.AUTH0_CLIENT_ID,
  clientSecret: process.env.AUTH0_CLIENT_SECRET,
});

async function main() {
  const page = await management.clients.list({ external_client_id: url });
  assert.strictEqual(page.data.length, 1);
  const client = page.data[0];
  assert.match(client.client_id, /^tpc_/);
  assert.strictEqual(client.external_client_id, url);

  const preview = await management.clients.previewCimdMetadata({ external_client_id: url });
  assert.strictEqual(preview.client_id, client.client_id);
  assert.strictEqual(preview.validation.valid, true);
  assert.ok(preview.validation.warnings.length > 0);

  const again = await management.clients.registerCimdClient({ external_client_id: url }).withRawResponse();
  assert.strictEqual(again.rawResponse.status, 200);
  assert.strictEqual(again.data.client_id, client.client_id);
  console.log(`Auth0's SDK sees ${client.name} as ${client.client_id}, previews it and registers it again`);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
