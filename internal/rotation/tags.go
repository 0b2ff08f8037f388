package rotation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// The tags of a managed secret. They are the only record of what is managed.
const (
	TagManaged  = "clientkeeper:managed"   // "true"
	TagTenant   = "clientkeeper:tenant"    // the tenant's domain
	TagClientID = "clientkeeper:client-id" // the client whose credential it is
	TagKind     = "clientkeeper:kind"      // client_secret (default), private_key_jwt or webhook_secret
	TagStrategy = "clientkeeper:strategy"  // local (default) or tenant-generated
	TagInterval = "clientkeeper:interval"  // a Go duration, or days as 30d
	TagOverlap  = "clientkeeper:overlap"   // how long an old key stays attached; default 24h
	TagPaused   = "clientkeeper:paused"    // "true" or the reason
	TagKeySize  = "clientkeeper:key-size"  // 2048 (default), 3072 or 4096
	TagAlg      = "clientkeeper:alg"       // RS256 (default), RS384 or PS256
	TagAudience = "clientkeeper:audience"  // what the trial login asks for; default the Management API
	TagAdopted  = "clientkeeper:adopted"   // RFC 3339: since when it is managed
	TagFinished = "clientkeeper:finished"  // RFC 3339: when the doctor last made a version current
)

// The values of [TagKind] and [TagStrategy].
const (
	KindSecret        = "client_secret"
	KindKey           = "private_key_jwt"
	KindWebhook       = "webhook_secret" // of no client: see signing.go
	StrategyLocal     = "local"
	StrategyGenerated = "tenant-generated"
)

// Settings are the tags of a managed secret, read.
type Settings struct {
	Managed  bool
	Tenant   string
	ClientID string        // empty for KindWebhook
	Kind     string        // KindSecret, KindKey or KindWebhook
	Strategy string        // StrategyLocal or StrategyGenerated
	Interval time.Duration // zero: on no schedule of ours
	Overlap  time.Duration
	Paused   string // empty: not paused
	KeySize  int
	Alg      string
	Audience string
	Adopted  time.Time
	Finished time.Time // by the doctor; zero: never
}

// defaultOverlap is how long an old key stays attached.
const defaultOverlap = 24 * time.Hour

// OfTenant reports whether a secret with these tags may be of the tenant with
// this domain: whether they name it, or none. An empty domain is any.
func OfTenant(tags map[string]string, domain string) bool {
	t := tenantOf(tags)
	return t == "" || domain == "" || t == domain
}

// tenantOf is the domain as the configuration has it. A template has it as
// somebody wrote it.
func tenantOf(tags map[string]string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(tags[TagTenant])), ":443")
}

// ParseTags reads the tags of a secret. What is missing has its default; the
// client's id has none. Invalid names every tag that is wrong.
func ParseTags(tags map[string]string) (Settings, error) {
	s := Settings{
		Managed: tags[TagManaged] == "true", Tenant: tenantOf(tags), ClientID: tags[TagClientID],
		Kind: cmp.Or(tags[TagKind], KindSecret), Strategy: cmp.Or(tags[TagStrategy], StrategyLocal),
		Alg: cmp.Or(tags[TagAlg], "RS256"), Audience: tags[TagAudience], Overlap: defaultOverlap,
	}
	if p := tags[TagPaused]; p != "false" {
		s.Paused = p
	}
	size, err := strconv.Atoi(cmp.Or(tags[TagKeySize], "2048"))
	s.KeySize = size
	wrong := []string{}
	check := func(name string, ok bool) {
		if !ok {
			wrong = append(wrong, name)
		}
	}
	check(TagKeySize, err == nil && slices.Contains([]int{2048, 3072, 4096}, size))
	if s.Kind == KindWebhook {
		s.ClientID = ""
	}
	check(TagClientID, s.ClientID != "" || s.Kind == KindWebhook)
	check(TagKind, s.Kind == KindSecret || s.Kind == KindKey || s.Kind == KindWebhook)
	check(TagStrategy, s.Strategy == StrategyLocal || s.Strategy == StrategyGenerated)
	check(TagAlg, slices.Contains([]string{"RS256", "RS384", "PS256"}, s.Alg))
	check(TagInterval, span(tags[TagInterval], &s.Interval))
	check(TagOverlap, span(tags[TagOverlap], &s.Overlap))
	check(TagAdopted, moment(tags[TagAdopted], &s.Adopted))
	check(TagFinished, moment(tags[TagFinished], &s.Finished))
	if len(wrong) > 0 {
		return Settings{}, &fault.Error{Kind: fault.Invalid, Op: "rotation.tags", Reason: "bad_tags",
			Detail: "missing or wrong: " + strings.Join(wrong, ", "), Next: "correct the secret's tags"}
	}
	return s, nil
}

// moment reads a time; empty text leaves it zero.
func moment(text string, at *time.Time) bool {
	if text == "" {
		return true
	}
	var err error
	*at, err = time.Parse(time.RFC3339, text)
	return err == nil
}

// span reads a Go duration, or whole days as in 30d, which time.ParseDuration
// does not know. Empty text leaves the default.
func span(text string, d *time.Duration) bool {
	if text == "" {
		return true
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		*d = time.Duration(n) * 24 * time.Hour
		return err == nil && n >= 0 && n <= 3650
	}
	v, err := time.ParseDuration(text)
	*d = v
	return err == nil && v >= 0 && v <= 3650*24*time.Hour
}
