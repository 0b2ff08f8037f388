package secretsmanager

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A replica is a secret in another region that follows its primary, a while
// later. Until the first state of the primary has arrived there is no secret.
type replica struct {
	region    string
	kmsKeyID  string
	overwrite bool
	failed    bool
	updates   []update // on their way, the oldest first
	secret    *secret  // in the other region, or nil
}

// An update is the state of a primary on its way to a replica.
type update struct {
	arrives time.Time
	state   *secret
}

type replicaRegion struct{ Region, KmsKeyId string }

type replicateInput struct {
	SecretId                    string
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
}

type unreplicateInput struct {
	SecretId             string
	RemoveReplicaRegions []string
}

type replicationStatus struct {
	Region           string
	KmsKeyId         string
	Status           string
	StatusMessage    string `json:",omitempty"`
	LastAccessedDate *stamp `json:",omitempty"`
}

type replicationOutput struct {
	ARN               string
	ReplicationStatus []replicationStatus
}

var regionName = regexp.MustCompile(`^([a-z]+-)+\d+$`)

// checkReplicaRegions checks a list that may be left out, but not be empty.
func checkReplicaRegions(home string, regions []replicaRegion) error {
	var v validation
	if regions != nil {
		v.size("AddReplicaRegions", len(regions), 1, 100)
	}
	for _, r := range regions {
		v.text("Region", r.Region, 1, maxRegion)
		v.text("KmsKeyId", r.KmsKeyId, 0, maxKeyID)
		if !regionName.MatchString(r.Region) {
			v.add("Region", "Member must satisfy regular expression pattern: "+regionName.String())
		}
	}
	if err := v.err(); err != nil {
		return err
	}
	seen := map[string]bool{home: true}
	for _, r := range regions {
		if seen[r.Region] {
			return invalidParameter("Invalid replica region.")
		}
		seen[r.Region] = true
	}
	return nil
}

// replicateSecretToRegions adds replicas. Named again, one that failed is tried
// again.
func (c *call) replicateSecretToRegions(in *replicateInput) (any, error) {
	var v validation
	v.given("AddReplicaRegions", in.AddReplicaRegions != nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := checkReplicaRegions(c.region.name, in.AddReplicaRegions); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, r := range in.AddReplicaRegions {
		if old := s.replicaIn(r.Region); old != nil && !old.failed {
			return nil, invalidRequest("The secret is replicated to %s already.", r.Region)
		}
	}
	c.replicate(s, in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	return replicationOutput{s.arn, c.replication(s)}, nil
}

func (c *call) replicate(s *secret, regions []replicaRegion, overwrite bool) {
	if len(regions) == 0 {
		return
	}
	c.change(s)
	c.service.replicating = true
	for _, r := range regions {
		s.replicas = slices.DeleteFunc(slices.Clone(s.replicas), func(old *replica) bool { return old.region == r.Region })
		s.replicas = append(s.replicas, &replica{region: r.Region, kmsKeyID: keyID(&r.KmsKeyId), overwrite: overwrite})
	}
}

// removeRegionsFromReplication deletes replicas.
func (c *call) removeRegionsFromReplication(in *unreplicateInput) (any, error) {
	var v validation
	v.size("RemoveReplicaRegions", len(in.RemoveReplicaRegions), 1, 100)
	if err := v.err(); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, name := range in.RemoveReplicaRegions {
		if s.replicaIn(name) == nil {
			return nil, invalidParameter("The secret isn't replicated to %s.", name)
		}
	}
	c.change(s)
	for _, name := range in.RemoveReplicaRegions {
		if gone := s.replicaIn(name); gone != nil && gone.secret != nil {
			delete(c.service.region(name).secrets, s.name)
		}
		s.replicas = slices.DeleteFunc(slices.Clone(s.replicas), func(r *replica) bool { return r.region == name })
	}
	return replicationOutput{s.arn, c.replication(s)}, nil
}

// stopReplicationToReplica, called where the replica is, makes it a secret in
// its own right.
func (c *call) stopReplicationToReplica(in *secretIDInput) (any, error) {
	s, err := c.found(in.SecretId)
	if err != nil {
		return nil, err
	}
	if s.primary == "" {
		return nil, invalidRequest("The secret isn't a replica.")
	}
	if p := c.service.region(regionIn(s.primary)).find(s.primary, c.now); p != nil {
		p.replicas = slices.DeleteFunc(slices.Clone(p.replicas), func(r *replica) bool { return r.region == c.region.name })
	}
	s.primary = ""
	return struct{ ARN string }{s.arn}, nil
}

func (s *secret) replicaIn(region string) *replica {
	for _, r := range s.replicas {
		if r.region == region {
			return r
		}
	}
	return nil
}

// replication is what DescribeSecret says of each replica.
func (c *call) replication(s *secret) []replicationStatus {
	var out []replicationStatus
	for _, r := range s.replicas {
		e := replicationStatus{Region: r.region, KmsKeyId: r.kmsKeyID, Status: "InSync", StatusMessage: "Replication succeeded"}
		if e.KmsKeyId == "" {
			e.KmsKeyId = defaultKey
		}
		switch {
		case r.failed:
			e.Status, e.StatusMessage = "Failed", "Secret with this name already exists in this region"
		case len(r.updates) > 0 || slices.Contains(c.changed, s) || r.secret == nil:
			e.Status, e.StatusMessage = "InProgress", ""
		}
		if r.secret != nil {
			e.LastAccessedDate = stampOf(r.secret.accessed)
		}
		out = append(out, e)
	}
	return out
}

// undeletable says why a secret may not be deleted at all. It may be nil.
func (s *secret) undeletable() error {
	switch {
	case s == nil:
		return nil
	case s.primary != "":
		return invalidRequest("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	case len(s.replicas) > 0:
		var regions []string
		for _, r := range s.replicas {
			regions = append(regions, r.region)
		}
		return invalidRequest("You can't delete secret %s that still has replica regions [%s].", s.name, strings.Join(regions, ", "))
	}
	return nil
}

// copyToReplicas sends what a call has changed on its way.
func (c *call) copyToReplicas() {
	for _, s := range c.changed {
		for _, r := range s.replicas {
			state := s.clone()
			state.rotation, state.replicas = nil, nil
			r.updates = append(r.updates, update{c.now.Add(c.service.options.ReplicationLag), state})
		}
	}
	if len(c.changed) > 0 {
		c.service.arrive(c.now)
	}
}

// arrive lets replicas have what is due. The caller holds s.mu.
func (s *Service) arrive(now time.Time) {
	if !s.replicating {
		return // which saves every request a look at every secret
	}
	for _, r := range s.regions {
		for _, x := range r.secrets {
			for _, to := range x.replicas {
				s.arriveAt(x, to, now)
			}
		}
	}
}

func (s *Service) arriveAt(primary *secret, to *replica, now time.Time) {
	var state *secret
	for len(to.updates) > 0 && !now.Before(to.updates[0].arrives) {
		state, to.updates = to.updates[0].state, to.updates[1:]
	}
	if state == nil || to.failed {
		return
	}
	there := s.region(to.region)
	if to.secret == nil {
		if there.named(primary.name, now) != nil && !to.overwrite {
			to.failed, to.updates = true, nil
			return
		}
		arn := strings.Replace(primary.arn, ":"+regionIn(primary.arn)+":", ":"+to.region+":", 1)
		to.secret = &secret{arn: arn, name: primary.name, kmsKeyID: to.kmsKeyID, seq: s.next(), created: now,
			primary: primary.arn, policy: state.policy}
		there.secrets[primary.name] = to.secret
	}
	// A policy is copied once, like the user guide says of what is not data.
	to.secret.description, to.secret.tags, to.secret.changed = state.description, state.tags, state.changed
	to.secret.versions, to.secret.labels = to.secret.merge(state), maps.Clone(state.labels)
}

// merge takes versions over from a primary, but for when they were read.
func (s *secret) merge(state *secret) map[string]*version {
	versions := make(map[string]*version, len(state.versions))
	for id, v := range state.versions {
		copied := *v
		copied.kmsKeyID, copied.accessed = s.kmsKeyID, time.Time{}
		if old := s.versions[id]; old != nil {
			copied.accessed = old.accessed
		}
		versions[id] = &copied
	}
	return versions
}
