package secretsmanager

// BeginRotation is the seam that the rotation engine will use.
func (s *Service) BeginRotation(secretID, token string) error {
	return s.beginRotation(secretID, token)
}
