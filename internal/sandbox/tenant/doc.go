// Package tenant is an Auth0 tenant on the wire: a real HTTPS server with a
// certificate authority of its own, with state, rate limits and a bad temper.
//
// It serves POST /oauth/token for the client credentials grant with each way
// of client authentication, the discovery documents, and the part of the
// Management API that clientkeeper, the official SDKs and a curious person
// with curl use: registration and preview of Client ID Metadata Documents,
// clients, their credentials, secrets and grants, APIs, the tenant settings and
// Rules. An access token is really signed, for the APIs and scopes that a client
// grant allows, and can be verified with the discovery document's keys; scopes
// decide what may be done and which fields are shown; request bodies are held
// against closed schemas; every answer carries the rate limit headers of the
// tenant's plan.
//
// Tests and the sandbox steer it through Go methods alone: there is no control
// endpoint that a function could reach by mistake. [ParseMischief] makes it
// fail in every way that matters, before or after the change it was asked for.
// [Tenant.Violations] tells what a caller did that nobody should ever do,
// [Tenant.Writes] whether each registration had its effect exactly once, and
// [Tenant.Changes] what became of every secret and credential. A checker that
// trusts nobody asks [Tenant.Accepts] and [Tenant.AttachedKeys] who could log
// in at this very moment.
//
// A changed secret spreads as it does at Auth0: for up to 30 s by the tenant's
// clock a login may meet the old secret, the new one, or both. [Propagation]
// says which, repeatably. [Options.Now] is that clock, and may be moved.
//
// The package shares no types with the code that talks to it, so that a
// misspelt JSON member cannot agree with itself, and it knows nothing about
// queues or functions. Documents come from a [Fetcher]; it dials nobody.
//
// # Where Auth0 is silent
//
// Auth0's public sources leave many points open and contradict each other on
// some. Each of them is a switch in [Quirks] or a text in [Options.Replies],
// with what was recorded live, or else the stricter reading, as its default.
// Nothing should depend on one side of them.
//
// # Divergences
//
//   - Access tokens come from the client credentials grant only: no users, no
//     logins, no /authorize, no organizations, no DPoP. A filter q over
//     organization grants finds nobody.
//   - There is no mutual TLS. Certificates and subject names can be stored,
//     attached and shown, and nobody can log in with them.
//   - Token quotas are those of single clients: no defaults of the tenant, none
//     of organizations. Every token counts, also those of the Management API.
//     Custom rate limit policies do not exist. All M2M tokens are free.
//   - APIs are made with [Tenant.AddAPI] and can only be read on the wire. A
//     grant may name scopes that its API defines, but any for the Management
//     API; whether Auth0 refuses others is not known. What a grant says of
//     organizations is stored and has no effect.
//   - Buckets refill at the top of each second, also those counted per minute;
//     [Quirks] has continuous refill. Requests answered with mischief take a
//     token like any other.
//   - Whatever changes is visible at once, except for secrets. Credentials and
//     the change between keys and secret have no documented delay. Nobody knows
//     how Auth0's replicas catch up; the ways of [Acceptance] are the extremes.
//   - signing_keys and the tenant log are left out. Callback URLs, addons and
//     other properties that nothing here uses are stored as they are sent,
//     with their type checked and no more.
//   - Aliases are accepted in the Management API's audience, where Auth0 wants
//     the canonical domain: a function in a container knows the tenant as
//     host.docker.internal only.
//   - Ids, members and error texts of POST /clients and of credentials are
//     modelled as far as they were recorded. Third-party clients are always
//     created strict unless permissive is asked for.
//   - A connection that is to be dropped under HTTP/2 loses its stream, not the
//     TCP connection.
//   - Documents are judged by internal/cimd with its book of Auth0's rules, in
//     its words. Violations and warnings have Auth0's wording only where a
//     recording has it.
package tenant
