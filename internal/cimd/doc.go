// Package cimd judges Client ID Metadata Documents: the URL that is a client's
// id, the JSON document behind it, the key set that the document points to, and
// the addresses that any of these may lead to.
//
// Two rule books are told apart. [Draft] is
// draft-ietf-oauth-client-id-metadata-document with the RFCs it leans on (3986,
// 6749, 7517, 7591, 8252, 8259, 9700), what the Model Context Protocol demands
// on top, and prudence where all of them are silent. [Auth0] is what Auth0
// documents for manual registration ("Register Applications with CIMD"): most
// of the same, stricter about URLs and required members, and indifferent to the
// members that it ignores. Each rule is declared once, in rules_*.go, with what
// either book makes of it. Where Auth0's pages leave a question open, the
// stricter of the readings that their words allow is taken, and [Finding.Open]
// says so. The exception is localhost as the redirect URI of a native
// application: half of the clients in the wild have one, so it gets a warning.
//
// A judgement is a list of [Findings]; its [Verdict] follows from it. A finding
// has a slug that programs may act upon, a sentence that names what is wrong
// and where, and the next action. What is judged was written by strangers, so
// a text quotes little of it, escaped and cut, and never a user name in a URL
// or a value that is private or secret.
//
// The package is pure. It fetches nothing, resolves nothing, has no clock, and
// so knows nothing about status codes, media types, redirects or caching.
package cimd
