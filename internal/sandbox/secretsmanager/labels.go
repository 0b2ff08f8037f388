package secretsmanager

import (
	"maps"
	"slices"
	"time"
)

// The labels that mean something to the service.
const (
	current  = "AWSCURRENT"
	pending  = "AWSPENDING"
	previous = "AWSPREVIOUS"
)

// labelsOf returns the labels of a version, sorted: AWS documents no order.
func (s *secret) labelsOf(id string) []string {
	var out []string
	for label, at := range s.labels {
		if at == id {
			out = append(out, label)
		}
	}
	slices.Sort(out)
	return out
}

// stages maps every labelled version to its labels.
func (s *secret) stages() map[string][]string {
	out := map[string][]string{}
	for _, id := range s.labels {
		if out[id] == nil {
			out[id] = s.labelsOf(id)
		}
	}
	return out
}

// attach puts a label on a version and takes it from any other. AWSPREVIOUS
// follows AWSCURRENT to the version it left.
func (s *secret) attach(label, id string) {
	if old, ok := s.labels[current]; ok && label == current && old != id {
		s.labels[previous] = old
	}
	s.labels[label] = id
}

// place labels a version that was just given its value. Without stages it
// becomes the current one, and so it does if no version is.
func (s *secret) place(id string, stages []string) {
	old, ok := s.labels[current]
	makeCurrent := len(stages) == 0 || !ok || slices.Contains(stages, current)
	for _, label := range stages {
		if label != current {
			s.attach(label, id)
		}
	}
	if !makeCurrent {
		return
	}
	if ok && old != id && s.labels[pending] == old {
		delete(s.labels, pending)
	}
	s.attach(current, id)
}

// checkLabelQuota holds the documented limit of 20 labels across all versions.
// AWSCURRENT and AWSPREVIOUS, which come by themselves, are not counted, so that
// a call may ask for as many as its list may have.
func (s *secret) checkLabelQuota(asked ...string) error {
	labels := slices.AppendSeq(slices.Clone(asked), maps.Keys(s.labels))
	labels = slices.DeleteFunc(labels, func(l string) bool { return l == current || l == previous })
	slices.Sort(labels)
	if len(slices.Compact(labels)) > maxLabels {
		return limitExceeded("A secret can have at most %d staging labels across all its versions.", maxLabels)
	}
	return nil
}

// moveLabel is UpdateSecretVersionStage, once [secret.checkMove] has agreed.
func (s *secret) moveLabel(label, to string) {
	if to == "" {
		delete(s.labels, label)
		return
	}
	s.attach(label, to)
}

// checkMove makes moving a label a compare-and-swap: one that is attached moves
// only if the caller names the version that has it.
func (s *secret) checkMove(label, from, to string) error {
	holder, attached := s.labels[label]
	switch {
	case from == "" && to == "":
		return invalidParameter("You must provide MoveToVersionId, RemoveFromVersionId, or both.")
	case to != "" && s.versions[to] == nil:
		return noVersion(to)
	case attached && from == "" && holder != to:
		return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently "+
			"attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, holder)
	case from != "" && holder != from:
		return invalidParameter("Staging label %s is not attached to the version in RemoveFromVersionId.", label)
	case to == "" && label == current:
		return invalidParameter("You can only move staging label AWSCURRENT to a different secret version. " +
			"It can't be completely removed.")
	case to == "":
		return nil
	}
	return s.checkLabelQuota(label)
}

// makeRoom keeps the number of versions below limit, so that one more fits. It
// purges the oldest versions without labels, but none younger than a day.
func (s *secret) makeRoom(limit int, now time.Time) error {
	const kept = 24 * time.Hour
	for _, v := range s.inOrder() {
		if len(s.versions) < limit {
			return nil
		}
		if len(s.labelsOf(v.id)) == 0 && now.Sub(v.created) >= kept {
			delete(s.versions, v.id)
		}
	}
	if len(s.versions) < limit {
		return nil
	}
	return limitExceeded("You have exceeded the maximum number of versions for this secret: %d.", limit)
}
