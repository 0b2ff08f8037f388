package secretsmanager

import (
	"slices"

	secrettext "clientkeeper/internal/secret"
)

type createInput struct {
	Name                        string
	ClientRequestToken          string
	Description                 *string
	KmsKeyId                    *string
	SecretString                *secrettext.Value
	SecretBinary                *secrettext.Value
	Tags                        []tag
	AddReplicaRegions           []replicaRegion
	Type                        *string
	CrossAccountPrimaryARN      *string
	ForceOverwriteReplicaSecret bool
}

type versionOutput struct {
	reference
	VersionId string `json:",omitempty"`
}

type createOutput struct {
	versionOutput
	ReplicationStatus []replicationStatus `json:",omitempty"`
}

func (in *createInput) check() error {
	if err := checkToken(in.ClientRequestToken); err != nil {
		return err
	}
	if err := checkName(in.Name); err != nil {
		return err
	}
	if err := checkMetadata(in.Description, in.KmsKeyId); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if in.CrossAccountPrimaryARN != nil {
		return notImitated("Replication across accounts")
	}
	if in.Type != nil && *in.Type != "" {
		return notImitated("A managed external secret")
	}
	return nil
}

func checkMetadata(description, key *string) error {
	var v validation
	if description != nil {
		v.text("Description", *description, 0, maxDescription)
	}
	if key != nil {
		v.text("KmsKeyId", *key, 0, maxKeyID)
	}
	return v.err()
}

// createSecret makes a secret, with its first version if there is a value. The
// same call made twice, which is what a lost answer leads to, is made once.
func (c *call) createSecret(in *createInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	first, err := readValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if err := checkReplicaRegions(c.region.name, in.AddReplicaRegions); err != nil {
		return nil, err
	}
	if old := c.region.named(in.Name, c.now); old != nil {
		return c.createAgain(old, in.ClientRequestToken, first)
	}
	s := &secret{
		arn: c.region.newARN(in.Name), name: in.Name, kmsKeyID: keyID(in.KmsKeyId), tags: slices.Clone(in.Tags),
		seq: c.service.next(), created: c.now, changed: c.now,
		versions: map[string]*version{}, labels: map[string]string{},
	}
	if in.Description != nil {
		s.description = *in.Description
	}
	c.cast(s, func() *secret { return nil })
	c.region.secrets[in.Name] = s
	out := versionOutput{reference: s.reference()}
	if first != nil {
		s.versions[in.ClientRequestToken] = c.newVersion(s, in.ClientRequestToken, first)
		s.place(in.ClientRequestToken, nil)
		out.VersionId = in.ClientRequestToken
	}
	c.replicate(s, in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	return createOutput{out, c.replication(s)}, nil
}

// createAgain decides about a name that is taken.
func (c *call) createAgain(old *secret, token string, first *value) (any, error) {
	if old.deleted() {
		return nil, invalidRequest("You can't create this secret because a secret with this name is already " +
			"scheduled for deletion.")
	}
	v := old.versions[token]
	switch {
	case v == nil:
		return nil, exists("The operation failed because the secret %s already exists.", old.name)
	case !v.value.equal(first):
		return nil, tokenInUse(old.arn)
	}
	return versionOutput{old.reference(), token}, nil
}

type updateInput struct {
	SecretId           string
	ClientRequestToken string
	Description        *string
	KmsKeyId           *string
	SecretString       *secrettext.Value
	SecretBinary       *secrettext.Value
	Type               *string
}

// updateSecret changes metadata, the value, or both. A token that is already a
// version's id is an error even with the same value, unlike in putSecretValue.
func (c *call) updateSecret(in *updateInput) (any, error) {
	v, err := in.check()
	if err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	if v != nil {
		if s.versions[in.ClientRequestToken] != nil {
			return nil, tokenInUse(s.arn)
		}
		if err := s.makeRoom(c.service.options.MaxVersions, c.now); err != nil {
			return nil, err
		}
	}
	c.change(s)
	if in.Description != nil {
		s.description = *in.Description
	}
	if in.KmsKeyId != nil {
		s.rekey(keyID(in.KmsKeyId))
	}
	if v == nil {
		return versionOutput{reference: s.reference()}, nil
	}
	s.versions[in.ClientRequestToken] = c.newVersion(s, in.ClientRequestToken, v)
	s.place(in.ClientRequestToken, nil)
	c.renewed(s, in.ClientRequestToken)
	return versionOutput{s.reference(), in.ClientRequestToken}, nil
}

func (in *updateInput) check() (*value, error) {
	if in.Type != nil && *in.Type != "" {
		return nil, notImitated("A managed external secret")
	}
	v, err := readValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if v != nil || in.ClientRequestToken != "" {
		if err := checkToken(in.ClientRequestToken); err != nil {
			return nil, err
		}
	}
	return v, checkMetadata(in.Description, in.KmsKeyId)
}

// rekey makes a key the one of the secret and of the versions that the service
// encrypts again: those with a label of its own.
func (s *secret) rekey(key string) {
	s.kmsKeyID = key
	for _, label := range []string{current, pending, previous} {
		if v := s.versions[s.labels[label]]; v != nil {
			v.kmsKeyID = key
		}
	}
}
