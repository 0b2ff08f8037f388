package rotation

import "time"

// NextDue is when a secret should be rotated next. Zero: its tags say nothing
// about that, or make no sense.
func NextDue(s Secret) time.Time {
	settings, err := ParseTags(s.Tags)
	if err != nil || settings.Interval == 0 || settings.Paused != "" {
		return time.Time{}
	}
	return dueAt(s, settings, Policy{})
}
