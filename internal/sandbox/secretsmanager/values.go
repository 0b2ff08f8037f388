package secretsmanager

import (
	"encoding/base64"

	secrettext "clientkeeper/internal/secret"
)

type putInput struct {
	SecretId           string
	ClientRequestToken string
	SecretString       *secrettext.Value
	SecretBinary       *secrettext.Value
	VersionStages      []string
	RotationToken      *secrettext.Value
}

type putOutput struct {
	versionOutput
	VersionStages []string `json:",omitempty"`
}

func (in *putInput) check() (*value, error) {
	if err := checkToken(in.ClientRequestToken); err != nil {
		return nil, err
	}
	var v validation
	v.labels("VersionStages", in.VersionStages)
	if in.RotationToken != nil {
		v.text("RotationToken", in.RotationToken.Reveal(), 36, 256)
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	given, err := readValue(in.SecretString, in.SecretBinary)
	if err == nil && given == nil {
		err = invalidRequest("You must provide either SecretString or SecretBinary.")
	}
	return given, err
}

// putSecretValue adds a version, or fills the one that a rotation left empty.
// Repeated with the same value it does nothing, not even to labels.
func (c *call) putSecretValue(in *putInput) (any, error) {
	given, err := in.check()
	if err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	if old := s.versions[in.ClientRequestToken]; old != nil && old.value != nil {
		if !old.value.equal(given) {
			return nil, tokenInUse(s.arn)
		}
		return s.putOutput(old.id), nil
	}
	if err := c.store(s, in, given); err != nil {
		return nil, err
	}
	return s.putOutput(in.ClientRequestToken), nil
}

func (c *call) store(s *secret, in *putInput, given *value) error {
	if err := s.checkLabelQuota(in.VersionStages...); err != nil {
		return err
	}
	id := in.ClientRequestToken
	if s.versions[id] == nil {
		if err := s.makeRoom(c.service.options.MaxVersions, c.now); err != nil {
			return err
		}
		c.change(s)
		s.versions[id] = c.newVersion(s, id, given)
	} else {
		c.change(s)
		s.versions[id].value = given
	}
	s.place(id, in.VersionStages)
	c.renewed(s, id)
	return nil
}

func (s *secret) putOutput(id string) putOutput {
	return putOutput{versionOutput{s.reference(), id}, s.labelsOf(id)}
}

type stageInput struct {
	SecretId            string
	VersionStage        string
	RemoveFromVersionId string
	MoveToVersionId     string
}

func (c *call) updateSecretVersionStage(in *stageInput) (any, error) {
	var v validation
	v.text("VersionStage", in.VersionStage, 1, maxLabel)
	v.versionID("RemoveFromVersionId", in.RemoveFromVersionId)
	v.versionID("MoveToVersionId", in.MoveToVersionId)
	if err := v.err(); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := s.checkMove(in.VersionStage, in.RemoveFromVersionId, in.MoveToVersionId); err != nil {
		return nil, err
	}
	c.change(s)
	s.moveLabel(in.VersionStage, in.MoveToVersionId)
	return s.reference(), nil
}

type getInput struct {
	SecretId     string
	VersionId    string
	VersionStage string
}

type valueOutput struct {
	reference
	VersionId     string
	SecretString  *string  `json:",omitempty"`
	SecretBinary  *string  `json:",omitempty"`
	VersionStages []string `json:",omitempty"`
	CreatedDate   *stamp
}

func (c *call) getSecretValue(in *getInput) (any, error) {
	var v validation
	v.versionID("VersionId", in.VersionId)
	if in.VersionStage != "" {
		v.text("VersionStage", in.VersionStage, 1, maxLabel)
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	s, err := c.seen(in.SecretId)
	if err != nil {
		return nil, err
	}
	return c.read(s, in.VersionId, in.VersionStage)
}

// read returns a value. It is the only thing that counts as access.
func (c *call) read(s *secret, id, label string) (any, error) {
	if s.deleted() {
		return nil, markedForDeletion()
	}
	v, err := s.choose(id, label)
	if err != nil {
		return nil, err
	}
	c.accessed(s.name, v.id)
	out := valueOutput{reference: s.reference(), VersionId: v.id, VersionStages: s.labelsOf(v.id),
		CreatedDate: stampOf(v.created)}
	text := v.value.data.Reveal()
	if v.value.binary {
		text = base64.StdEncoding.EncodeToString([]byte(text))
		out.SecretBinary = &text
	} else {
		out.SecretString = &text
	}
	return out, nil
}

// choose finds the version that has both the id and the label, as far as they
// are given; with neither, the current one. A version without a value is as
// good as none.
func (s *secret) choose(id, label string) (*version, error) {
	if id == "" {
		if label == "" {
			label = current
		}
		v := s.versions[s.labels[label]]
		if v == nil || v.value == nil {
			return nil, noLabel(label)
		}
		return v, nil
	}
	v := s.versions[id]
	switch {
	case v == nil:
		return nil, noVersion(id)
	case label != "" && s.labels[label] != id:
		return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	case v.value == nil:
		return nil, noVersion(id)
	}
	return v, nil
}

// accessed notes the day on the secret itself, which may be newer than what
// the reader saw.
func (c *call) accessed(name, id string) {
	s := c.region.secrets[name]
	s.accessed = day(c.now)
	if v := s.versions[id]; v != nil {
		v.accessed = day(c.now)
	}
}
