package secretsmanager

// An entry is a secret as DescribeSecret and ListSecrets show it: never with a
// value, and without members that have none.
type entry struct {
	reference
	Description      string `json:",omitempty"`
	KmsKeyId         string `json:",omitempty"`
	LastChangedDate  *stamp `json:",omitempty"`
	LastAccessedDate *stamp `json:",omitempty"`
	DeletedDate      *stamp `json:",omitempty"`
	CreatedDate      *stamp `json:",omitempty"`
	Tags             []tag  `json:",omitempty"`

	RotationEnabled   *bool          `json:",omitempty"`
	RotationLambdaARN string         `json:",omitempty"`
	RotationRules     *rotationRules `json:",omitempty"`
	LastRotatedDate   *stamp         `json:",omitempty"`
	NextRotationDate  *stamp         `json:",omitempty"`

	PrimaryRegion     string              `json:",omitempty"`
	ReplicationStatus []replicationStatus `json:",omitempty"` // of DescribeSecret alone

	// One of the two: the operations name the same map differently.
	VersionIdsToStages     map[string][]string `json:",omitempty"`
	SecretVersionsToStages map[string][]string `json:",omitempty"`
}

func (s *secret) entry() entry {
	e := entry{
		reference: s.reference(), Description: s.description, KmsKeyId: s.kmsKeyID, Tags: s.tags,
		CreatedDate: stampOf(s.created), LastChangedDate: stampOf(s.changed), LastAccessedDate: stampOf(s.accessed),
	}
	if r := s.rotation; r != nil {
		enabled := r.enabled // the answer is written when r may have changed
		e.RotationEnabled, e.RotationLambdaARN, e.RotationRules = &enabled, r.function, r.rules
		if r.enabled {
			e.LastRotatedDate, e.NextRotationDate = stampOf(r.last), stampOf(r.next)
		}
	}
	switch {
	case s.primary != "":
		e.PrimaryRegion = regionIn(s.primary)
	case len(s.replicas) > 0:
		e.PrimaryRegion = regionIn(s.arn)
	}
	return e
}

// describeSecret works on a secret that is scheduled for deletion too, and
// lists versions that have a label, with a value or without.
func (c *call) describeSecret(in *secretIDInput) (any, error) {
	s, err := c.seen(in.SecretId)
	if err != nil {
		return nil, err
	}
	out := s.entry()
	out.DeletedDate = stampOf(s.deleteAfter)
	out.VersionIdsToStages = s.stages()
	out.ReplicationStatus = c.replication(s)
	return out, nil
}

type listVersionsInput struct {
	SecretId          string
	MaxResults        *int
	NextToken         string
	IncludeDeprecated bool
}

type versionEntry struct {
	VersionId        string
	VersionStages    []string `json:",omitempty"`
	CreatedDate      *stamp
	LastAccessedDate *stamp `json:",omitempty"`
	KmsKeyIds        []string
}

type listVersionsOutput struct {
	reference
	Versions  []versionEntry
	NextToken string `json:",omitempty"`
}

// listSecretVersionIDs lists versions that have a label, with a value or without:
// the reference of CancelRotateSecret sends whoever looks for a left-over
// AWSPENDING here. Those without a label come only if they are asked for.
func (c *call) listSecretVersionIDs(in *listVersionsInput) (any, error) {
	var v validation
	v.number("MaxResults", in.MaxResults, 1, maxPage)
	if err := v.err(); err != nil {
		return nil, err
	}
	s, err := c.seen(in.SecretId)
	if err != nil {
		return nil, err
	}
	var listed []*version
	for _, v := range s.inOrder() {
		if len(s.labelsOf(v.id)) > 0 || in.IncludeDeprecated && v.value != nil {
			listed = append(listed, v)
		}
	}
	q := page{of: "versions of " + s.arn, max: in.MaxResults, token: in.NextToken}
	listed, next, err := paged(q, listed, func(v *version) (string, int64) { return "", v.seq })
	if err != nil {
		return nil, err
	}
	out := listVersionsOutput{reference: s.reference(), Versions: []versionEntry{}, NextToken: next}
	for _, v := range listed {
		out.Versions = append(out.Versions, s.versionEntry(v))
	}
	return out, nil
}

func (s *secret) versionEntry(v *version) versionEntry {
	key := v.kmsKeyID
	if key == "" {
		key = "DefaultEncryptionKey"
	}
	return versionEntry{VersionId: v.id, VersionStages: s.labelsOf(v.id), CreatedDate: stampOf(v.created),
		LastAccessedDate: stampOf(v.accessed), KmsKeyIds: []string{key}}
}
