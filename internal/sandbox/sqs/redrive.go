package sqs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A redrivePolicy says where messages go that nobody could handle.
type redrivePolicy struct {
	target string // ARN
	limit  int    // receives from the queue before the message is moved
}

// defaultReceives is maxReceiveCount where the policy does not say.
const defaultReceives = 10

// setRedrive reads a RedrivePolicy. Whether its target exists and fits is for
// [Service.checkTarget], which can see other queues.
func (s *settings) setRedrive(value string) *apiError {
	s.redrive = nil
	s.keep("RedrivePolicy", value)
	if value == "" {
		return nil
	}
	refuse := func(reason string) *apiError { return invalidValue(clip(value), "RedrivePolicy", reason) }
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &members) != nil || members == nil {
		return refuse("Redrive policy is not a valid JSON map.")
	}
	for name := range members {
		if name != "deadLetterTargetArn" && name != "maxReceiveCount" {
			return refuse("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
		}
	}
	policy := redrivePolicy{limit: defaultReceives}
	if json.Unmarshal(members["deadLetterTargetArn"], &policy.target) != nil {
		return refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	if len(strings.Split(policy.target, ":")) != 6 || !strings.HasPrefix(policy.target, "arn:") {
		return refuse("Invalid value for deadLetterTargetArn.")
	}
	if raw, ok := members["maxReceiveCount"]; ok {
		text := strings.Trim(string(raw), `"`) // a number, or one in quotes
		if policy.limit, ok = between(text, 1, 1000); !ok {
			return refuse("Invalid value for maxReceiveCount: " + text + ", valid values are from 1 to 1000 both inclusive.")
		}
	}
	s.redrive = &policy
	s.values["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, policy.target, policy.limit)
	return nil
}

// A redriveAllow says which queues may use a queue as their dead-letter queue.
type redriveAllow struct {
	permission string
	sources    []string
}

func (s *settings) setAllow(value string) *apiError {
	s.allow = nil
	s.keep("RedriveAllowPolicy", value)
	if value == "" {
		return nil
	}
	refuse := func(reason string) *apiError { return invalidValue(clip(value), "RedriveAllowPolicy", reason) }
	var policy struct {
		Permission string   `json:"redrivePermission"`
		Sources    []string `json:"sourceQueueArns"`
	}
	if json.Unmarshal([]byte(value), &policy) != nil {
		return refuse("Redrive allow policy is not a valid JSON map.")
	}
	byQueue := policy.Permission == "byQueue"
	switch {
	case !byQueue && policy.Permission != "allowAll" && policy.Permission != "denyAll":
		return refuse("redrivePermission must be one of allowAll, denyAll, byQueue.")
	case !byQueue && policy.Sources != nil:
		return refuse("sourceQueueArns can be specified only when redrivePermission is byQueue.")
	case byQueue && (len(policy.Sources) == 0 || len(policy.Sources) > 10):
		return refuse("sourceQueueArns must name 1 to 10 queues.")
	}
	s.allow = &redriveAllow{policy.Permission, policy.Sources}
	return nil
}

// permits reports whether source may dead-letter to the queue.
func (a *redriveAllow) permits(source string) bool {
	return a == nil || a.permission == "allowAll" || a.permission == "byQueue" && slices.Contains(a.sources, source)
}

// checkTarget refuses a redrive policy whose target cannot serve the queue
// that arn names: it must exist in the same region and account, be of the same
// type, and allow it. The caller holds s.mu.
func (s *Service) checkTarget(arn string, set settings) *apiError {
	if set.redrive == nil {
		return nil
	}
	refuse := func(reason string) *apiError {
		return invalidValue(clip(set.values["RedrivePolicy"]), "RedrivePolicy", reason)
	}
	home, _, _ := cutLast(arn, ":")
	there, _, _ := cutLast(set.redrive.target, ":")
	if home != there {
		return refuse("Dead-letter queue must be in the same account and region as the source.")
	}
	target := s.byARN(set.redrive.target)
	switch {
	case target == nil:
		return refuse("Dead letter target does not exist.")
	case target.settings.fifo != set.fifo:
		return refuse("Dead-letter queue must be same type of queue as the source.")
	case !target.settings.allow.permits(arn):
		return refuse("Queue does not have permission to use the dead-letter queue.")
	}
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// deadLetter moves m, which has been received often enough, to the queue that
// its redrive policy names. It reports false, and does nothing, if that queue
// is gone. The message keeps its id, its contents, its times and its receive
// count; on a FIFO queue retention starts again and the deduplication id
// becomes the message id (Developer Guide, "Using dead-letter queues").
func (s *Service) deadLetter(q *queue, m *message) bool {
	target := s.byARN(q.settings.redrive.target)
	if target == nil {
		return false
	}
	now := s.now()
	q.drop(m)
	q.tally.DeadLettered++
	target.tally.Adopted++
	m.source, m.state, m.tries, m.visibleAt = q.arn, delayed, 0, now
	if q.settings.fifo {
		m.keptSince, m.dedupID = now, m.id
	}
	target.put(m, now)
	return true
}

// exhausted reports whether the next receive of m would be one too many.
func (q *queue) exhausted(m *message) bool {
	return q.settings.redrive != nil && m.tries >= q.settings.redrive.limit
}
