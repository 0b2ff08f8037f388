package secretsmanager

import (
	"cmp"
	"crypto/rand"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	secrettext "clientkeeper/internal/secret"
)

// A region holds the secrets of one region, by name.
type region struct {
	name    string
	account string
	secrets map[string]*secret
}

// A secret is metadata, versions, and the label of each version that has one.
// That labels map to versions, and not versions to labels, is what keeps a
// label on one version.
type secret struct {
	arn, name   string
	description string
	kmsKeyID    string // empty for the key that AWS manages
	tags        []tag
	policy      string
	seq         int64

	created, changed, accessed time.Time
	deletedAt, deleteAfter     time.Time // zero unless scheduled for deletion

	versions map[string]*version
	labels   map[string]string // staging label to version id

	rotation *rotation  // nil if it was never configured
	replicas []*replica // of a primary
	primary  string     // ARN of the primary, for a replica

	shadow *shadow // what readers still see, if anything
}

// A version is an immutable value. It has none between the start of a rotation
// and the first PutSecretValue with its id.
type version struct {
	id       string
	value    *value
	kmsKeyID string
	seq      int64

	created, accessed time.Time
}

// A value is a string or, if binary is set, bytes.
type value struct {
	data   secrettext.Value
	binary bool
}

func (v *value) equal(w *value) bool {
	return v != nil && w != nil && v.binary == w.binary && v.data.Equal(w.data)
}

type tag struct {
	Key   string
	Value string
}

func (r *region) partition() string {
	switch {
	case strings.HasPrefix(r.name, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(r.name, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (r *region) arnPrefix() string {
	return "arn:" + r.partition() + ":secretsmanager:" + r.name + ":" + r.account + ":secret:"
}

// newARN ends in six random characters, so that a secret which is created
// again under an old name is not open to those who could read the old one.
func (r *region) newARN(name string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	suffix := make([]byte, 6)
	for i := range suffix {
		suffix[i] = alphabet[randomBelow(len(alphabet))]
	}
	return r.arnPrefix() + name + "-" + string(suffix)
}

// randomBelow is uniform in [0, n).
func randomBelow(n int) int {
	i, _ := rand.Int(rand.Reader, big.NewInt(int64(n))) // the reader never fails
	return int(i.Int64())
}

var arnSuffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// find looks a secret up by name, by ARN, or by an ARN without its suffix. An
// ARN that ends like a suffix is taken for a whole one, which is why the API
// reference warns against names that do. Secrets whose recovery window is over
// are gone.
func (r *region) find(id string, now time.Time) *secret {
	name := id
	if strings.HasPrefix(id, "arn:") {
		rest, ok := strings.CutPrefix(id, r.arnPrefix())
		if !ok {
			return nil
		}
		name = arnSuffix.ReplaceAllString(rest, "")
		if name != rest {
			if s := r.named(name, now); s != nil && s.arn == id {
				return s
			}
			return nil
		}
	}
	return r.named(name, now)
}

// regionIn is the region that an ARN names.
func regionIn(arn string) string { return strings.Split(arn, ":")[3] }

func (r *region) named(name string, now time.Time) *secret {
	s := r.secrets[name]
	if s != nil && !s.deleteAfter.IsZero() && !now.Before(s.deleteAfter) {
		delete(r.secrets, name)
		return nil
	}
	return s
}

// all lists the secrets in the order of their creation.
func (r *region) all(now time.Time) []*secret {
	var out []*secret
	for _, name := range slices.Collect(maps.Keys(r.secrets)) {
		if s := r.named(name, now); s != nil {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *secret) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

func (s *secret) deleted() bool { return !s.deleteAfter.IsZero() }

// clone is deep enough that no change to s shows in it.
func (s *secret) clone() *secret {
	c := *s
	c.shadow = nil
	c.tags = slices.Clone(s.tags)
	c.labels = maps.Clone(s.labels)
	c.rotation = s.rotation.clone()
	c.replicas = slices.Clone(s.replicas)
	c.versions = make(map[string]*version, len(s.versions))
	for id, v := range s.versions {
		copied := *v
		c.versions[id] = &copied
	}
	return &c
}

// inOrder lists the versions from the oldest to the newest.
func (s *secret) inOrder() []*version {
	return slices.SortedFunc(maps.Values(s.versions), func(a, b *version) int { return cmp.Compare(a.seq, b.seq) })
}
