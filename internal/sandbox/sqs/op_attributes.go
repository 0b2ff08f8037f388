package sqs

import (
	"maps"
	"slices"
	"unicode/utf8"
)

func (s *Service) getAttributes(c *call, in *getAttributesIn) (*getAttributesOut, *apiError) {
	for _, name := range in.Names {
		if !slices.Contains(queueAttributeNames, name) {
			return nil, unknownAttribute(clip(name))
		}
	}
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	out := q.attributes()
	if !slices.Contains(in.Names, "All") {
		maps.DeleteFunc(out, func(name, _ string) bool { return !slices.Contains(in.Names, name) })
	}
	return &getAttributesOut{out}, nil
}

func (s *Service) setAttributes(c *call, in *setAttributesIn) (*empty, *apiError) {
	if len(in.Attributes) == 0 {
		return nil, missing("Attribute.Name")
	}
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	set, err := q.settings.with(in.Attributes)
	if err != nil {
		return nil, err
	}
	if _, ok := in.Attributes["RedrivePolicy"]; ok {
		if err := s.checkTarget(q.arn, set); err != nil {
			return nil, err
		}
	}
	q.settings, q.modified = set, now
	q.settle(now) // a shorter retention counts for messages that are there
	return &empty{}, nil
}

const maxTags = 50

// checkTags applies the Developer Guide's "Amazon SQS queue tags".
func checkTags(tags map[string]string) *apiError {
	for key, value := range tags {
		if n := utf8.RuneCountInString(key); n < 1 || n > 128 || utf8.RuneCountInString(value) > 256 {
			return invalidParameter("Tag keys must be between 1 and 128 characters in length, and tag values at most 256.")
		}
	}
	if len(tags) > maxTags {
		return invalidParameter("Too many tags added for queue: at most %d are allowed.", maxTags)
	}
	return nil
}

func (s *Service) tagQueue(c *call, in *tagQueueIn) (*empty, *apiError) {
	if len(in.Tags) == 0 {
		return nil, missing("Tags")
	}
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(q.tags)
	maps.Copy(tags, in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	q.tags = tags
	return &empty{}, nil
}

func (s *Service) untagQueue(c *call, in *untagQueueIn) (*empty, *apiError) {
	if len(in.Keys) == 0 {
		return nil, missing("TagKeys")
	}
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	for _, key := range in.Keys {
		delete(q.tags, key)
	}
	return &empty{}, nil
}

func (s *Service) listTags(c *call, in *queueIn) (*listTagsOut, *apiError) {
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	return &listTagsOut{maps.Clone(q.tags)}, nil
}
