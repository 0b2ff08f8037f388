// Drives a tenant with Auth0's own SDK for Node (npm "auth0") and prints what
// it saw as one JSON object. AUTH0_NODE_SDK is a folder with node_modules.
const sdk = require.resolve("auth0", { paths: [process.env.AUTH0_NODE_SDK] });
const { ManagementClient } = require(sdk);

const url = process.env.DOCUMENT_URL;
const options = { domain: process.env.AUTH0_DOMAIN, clientId: process.env.AUTH0_CLIENT_ID };
if (process.env.AUTH0_PRIVATE_KEY) options.clientAssertionSigningKey = process.env.AUTH0_PRIVATE_KEY;
else options.clientSecret = process.env.AUTH0_CLIENT_SECRET;
const management = new ManagementClient(options);

async function main() {
  const seen = {};
  seen.preview = await management.clients.previewCimdMetadata({ external_client_id: url });
  const first = await management.clients.registerCimdClient({ external_client_id: url }).withRawResponse();
  seen.register = first.data;
  seen.registerStatus = first.rawResponse.status;
  const again = await management.clients.registerCimdClient({ external_client_id: url }).withRawResponse();
  seen.againStatus = again.rawResponse.status;
  const page = await management.clients.list({ external_client_id: url });
  seen.list = page.data;
  seen.get = await management.clients.get(seen.register.client_id);
  seen.all = 0;
  for await (const _ of await management.clients.list({ per_page: 1 })) seen.all++;
  try {
    await management.clients.get("nobody");
  } catch (e) {
    seen.error = { name: e.name, statusCode: e.statusCode, body: e.body };
  }
  seen.bad = await management.clients.previewCimdMetadata({ external_client_id: process.env.MISSING_URL });
  await management.clients.delete(seen.register.client_id);
  seen.left = (await management.clients.list({ external_client_id: url })).data.length;
  console.log(JSON.stringify(seen));
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
