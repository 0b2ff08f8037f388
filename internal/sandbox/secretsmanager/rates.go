package secretsmanager

import (
	"time"

	"golang.org/x/time/rate"
)

// quotas are the documented requests per second, in groups that share one, as
// the user guide's page "AWS Secrets Manager quotas" lists them. An operation
// that is not here is not limited.
var quotas = map[string]struct {
	group     string
	perSecond int
}{
	"PutSecretValue":               {"put", 50},
	"UpdateSecret":                 {"put", 50},
	"UpdateSecretVersionStage":     {"put", 50},
	"ReplicateSecretToRegions":     {"put", 50},
	"RemoveRegionsFromReplication": {"put", 50},
	"StopReplicationToReplica":     {"put", 50},
	"RotateSecret":                 {"rotate", 50},
	"CancelRotateSecret":           {"rotate", 50},
	"GetSecretValue":               {"get", 10_000},
	"DescribeSecret":               {"get", 10_000},
	"BatchGetSecretValue":          {"batch", 100},
	"PutResourcePolicy":            {"policy", 50},
	"GetResourcePolicy":            {"policy", 50},
	"DeleteResourcePolicy":         {"policy", 50},
	"ValidateResourcePolicy":       {"policy", 50},
}

// rates are token buckets that hold one second's worth, per region and group.
type rates struct{ buckets map[string]*rate.Limiter }

func (r *rates) allow(regionName, op string, now time.Time) bool {
	q, limited := quotas[op]
	if !limited {
		return true
	}
	key := regionName + " " + q.group
	b := r.buckets[key]
	if b == nil {
		if r.buckets == nil {
			r.buckets = map[string]*rate.Limiter{}
		}
		b = rate.NewLimiter(rate.Limit(q.perSecond), q.perSecond)
		r.buckets[key] = b
	}
	return b.AllowN(now, 1)
}
