package secretsmanager

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	secrettext "clientkeeper/internal/secret"
)

// A SecretView is a secret without its values.
type SecretView struct {
	Region      string
	ARN         string
	Name        string
	Description string
	Tags        map[string]string
	Created     time.Time
	Changed     time.Time
	// DeleteAfter is the end of the recovery window; zero if there is none.
	DeleteAfter time.Time
	// Rotating says that a rotation is in progress, between its attempts too.
	Rotating bool
	// RotationEnabled, LastRotated and NextRotation are as DescribeSecret has
	// them: the times are zero unless rotation is enabled.
	RotationEnabled           bool
	LastRotated, NextRotation time.Time
	// PrimaryRegion is set for a replica.
	PrimaryRegion string
	// Versions run from the oldest to the newest.
	Versions []VersionView
}

// A VersionView is a version without its value.
type VersionView struct {
	ID       string
	Stages   []string // sorted; none means deprecated
	HasValue bool
	Created  time.Time
}

// Snapshot shows every secret as it really is, whatever readers see, sorted by
// region and name. It holds no values.
func (s *Service) Snapshot() []SecretView {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []SecretView
	for _, r := range s.regions {
		for _, x := range r.all(s.options.Now()) {
			out = append(out, x.view(r.name))
		}
	}
	slices.SortFunc(out, func(a, b SecretView) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (s *secret) view(region string) SecretView {
	v := SecretView{Region: region, ARN: s.arn, Name: s.name, Description: s.description, Tags: map[string]string{},
		Created: s.created, Changed: s.changed, DeleteAfter: s.deleteAfter}
	if r := s.rotation; r != nil && r.enabled {
		v.RotationEnabled, v.LastRotated, v.NextRotation, v.Rotating = true, r.last, r.next, r.job != nil
	}
	if s.primary != "" {
		v.PrimaryRegion = regionIn(s.primary)
	}
	for _, t := range s.tags {
		v.Tags[t.Key] = t.Value
	}
	for _, x := range s.inOrder() {
		v.Versions = append(v.Versions, VersionView{x.id, s.labelsOf(x.id), x.value != nil, x.created})
	}
	return v
}

// Put stores a value under a name in the default region, as a new secret or a
// new current version, adds tags, and returns the secret's ARN. It follows the
// rules of the operations that it stands for, and its errors are theirs; no
// mischief befalls it.
func (s *Service) Put(name, text string, tags map[string]string) (string, error) {
	list := []tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag{k, tags[k]})
	}
	given, token := secrettext.New(text), uuid.NewString()
	out, err := s.run("", s.options.Region, Fault{}, func(c *call) (any, error) {
		old := c.region.named(name, c.now)
		if old == nil {
			return c.createSecret(&createInput{Name: name, ClientRequestToken: token, SecretString: &given, Tags: list})
		}
		if _, err := c.tagResource(&tagInput{SecretId: old.arn, Tags: list}); err != nil {
			return nil, err
		}
		return c.updateSecret(&updateInput{SecretId: old.arn, ClientRequestToken: token, SecretString: &given})
	})
	if err != nil {
		return "", err
	}
	s.afterRequest()
	if created, ok := out.(createOutput); ok {
		return created.ARN, nil
	}
	return out.(versionOutput).ARN, nil
}
