package secretsmanager

import "time"

type deleteInput struct {
	SecretId                   string
	RecoveryWindowInDays       *int
	ForceDeleteWithoutRecovery bool
}

type deleteOutput struct {
	reference
	DeletionDate *stamp
}

func (in *deleteInput) check() error {
	if in.ForceDeleteWithoutRecovery && in.RecoveryWindowInDays != nil {
		return invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	}
	if n := in.RecoveryWindowInDays; n != nil && (*n < 7 || *n > 30) {
		return invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	return checkSecretID(in.SecretId)
}

// deleteSecret schedules a deletion, or deletes at once. To force the deletion
// of what is not there is a success.
func (c *call) deleteSecret(in *deleteInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s := c.region.find(in.SecretId, c.now)
	if err := s.undeletable(); err != nil {
		return nil, err
	}
	if in.ForceDeleteWithoutRecovery {
		gone := reference{ARN: c.region.newARN(in.SecretId), Name: in.SecretId}
		if s != nil {
			gone = s.reference()
			delete(c.region.secrets, s.name)
			c.service.engine.stirred = true
		}
		return deleteOutput{gone, stampOf(c.now)}, nil
	}
	if s == nil {
		return nil, noSecret()
	}
	if s.deleted() {
		return nil, markedForDeletion()
	}
	days := 30
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	c.change(s)
	c.service.engine.stirred = true // a rotation in progress goes on when the secret is restored
	s.deletedAt, s.deleteAfter = c.now, c.now.Add(time.Duration(days)*24*time.Hour)
	return deleteOutput{s.reference(), stampOf(s.deleteAfter)}, nil
}

// restoreSecret ends a recovery window. Without one it does nothing.
func (c *call) restoreSecret(in *secretIDInput) (any, error) {
	s, err := c.found(in.SecretId)
	if err != nil {
		return nil, err
	}
	if s.deleted() {
		c.change(s)
		s.deletedAt, s.deleteAfter = time.Time{}, time.Time{}
		c.service.engine.stirred = true
	}
	return s.reference(), nil
}
