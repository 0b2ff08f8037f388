package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// API configures functions/api.
type API struct {
	Tenant Tenant
	// AllowedHosts, WarningsAreFatal, PreviewFirst and Provenance are as in
	// [RegisterClient], and should have the same values: a registration is
	// made here while its caller waits, and there when it does not. A JWKS URI
	// is read from an allowed host alone, too.
	AllowedHosts                               []string
	WarningsAreFatal, PreviewFirst, Provenance bool
	// QueueURL is the registrations queue. (REGISTRATIONS_QUEUE_URL)
	QueueURL string
	// RotationFunction is the ARN of functions/rotate-secret, which rotates
	// the secrets that are made. (ROTATION_FUNCTION_ARN)
	RotationFunction string
	// SecretPrefix begins the names of the secrets that are made; not
	// clientkeeper/, which is for the product's own. (SECRET_PREFIX, default
	// clients/)
	SecretPrefix string
	// SecretsKey is the KMS key of the secrets that are made; empty means the
	// AWS managed key. (SECRETS_KEY_ARN)
	SecretsKey string
	// AnyClient lets callers give credentials to clients that clientkeeper
	// does not manage, too. (ANY_CLIENT, default false)
	AnyClient bool
	// AllowedAudiences are the identifiers of the APIs that a caller may give its
	// clients grants for; * alone means every API of the tenant, and empty none.
	// Never the Management API and this one. (ALLOWED_AUDIENCES)
	AllowedAudiences []string
	// Audience is this API's own, which tokens of callers have to be for; register
	// an API with this identifier in the tenant. No grant is given for it,
	// whoever calls. (API_AUDIENCE, default https://clientkeeper/api)
	Audience string
	// EventsQueueURL is as in [RegisterClient]. (EVENTS_QUEUE_URL)
	EventsQueueURL string
}

// LoadAPI is as [LoadRegisterClient].
func LoadAPI(getenv func(string) string) (API, error) {
	e := env{get: getenv}
	c := e.api()
	return c, e.err("api")
}

func (e *env) api() API {
	c := API{
		Tenant:           e.tenant(),
		AllowedHosts:     e.hosts("ALLOWED_HOSTS"),
		WarningsAreFatal: e.flag("WARNINGS_ARE_FATAL"),
		PreviewFirst:     e.flag("PREVIEW_FIRST"),
		Provenance:       e.flag("PROVENANCE"),
		QueueURL:         e.url("REGISTRATIONS_QUEUE_URL"),
		RotationFunction: e.arn("ROTATION_FUNCTION_ARN", "lambda", "the ARN of functions/rotate-secret"),
		SecretPrefix:     e.secretPrefix("SECRET_PREFIX", "clients/"),
		AnyClient:        e.flag("ANY_CLIENT"),
		AllowedAudiences: e.audiences("ALLOWED_AUDIENCES"),
		Audience:         cmp.Or(strings.TrimSpace(e.get("API_AUDIENCE")), "https://clientkeeper/api"),
		EventsQueueURL:   e.eventsQueue(),
	}
	if strings.TrimSpace(e.get("SECRETS_KEY_ARN")) != "" {
		c.SecretsKey = e.arn("SECRETS_KEY_ARN", "kms", "the ARN of a KMS key")
	}
	return c
}

// Webhook configures functions/webhook.
type Webhook struct {
	// QueueURL is the registrations queue. (REGISTRATIONS_QUEUE_URL)
	QueueURL string
	// Secret is the ARN or name of the secret with the signing secret, whose
	// value is {"whsec": "whsec_..."}. (WEBHOOK_SECRET_ARN)
	Secret string
}

// LoadWebhook is as [LoadRegisterClient].
func LoadWebhook(getenv func(string) string) (Webhook, error) {
	e := env{get: getenv}
	c := Webhook{
		QueueURL: e.url("REGISTRATIONS_QUEUE_URL"),
		Secret:   e.required("WEBHOOK_SECRET_ARN", "the ARN of the secret with the webhooks' signing secret"),
	}
	return c, e.err("webhook")
}

// arn takes an ARN of a service.
func (e *env) arn(name, service, meaning string) string {
	v := e.required(name, meaning)
	if parts := strings.SplitN(v, ":", 6); v != "" && (len(parts) != 6 || parts[0] != "arn" || parts[2] != service || parts[5] == "") {
		e.wrong(name, "is not %s", meaning)
	}
	return v
}

// audienceText is an API's identifier, and nothing that looks like a pattern.
var audienceText = regexp.MustCompile(`^[!-)+-~]{1,600}$`)

// audiences takes identifiers as they are: they are compared as text, and none
// of them stands for several.
func (e *env) audiences(name string) []string {
	out := parts(e.get(name))
	if slices.Equal(out, []string{"*"}) {
		return out
	}
	for _, v := range out {
		if !audienceText.MatchString(v) {
			e.wrong(name, "is neither * alone nor identifiers of APIs with commas")
			break
		}
	}
	return out
}

// prefixText is the beginning of a secret's name, in whole parts. (AWS Secrets
// Manager API Reference, "CreateSecret".)
var prefixText = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{0,199}/$`)

func (e *env) secretPrefix(name, fallback string) string {
	v := strings.TrimSpace(e.get(name))
	switch {
	case v == "":
		return fallback
	case !prefixText.MatchString(v):
		e.wrong(name, "is not 1 to 200 letters, digits and /_+=.@- with a slash at the end")
	case strings.HasPrefix(v, "clientkeeper/"):
		e.wrong(name, "begins with clientkeeper/, where the product keeps its own")
	}
	return v
}
