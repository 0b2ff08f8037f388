package secretsmanager

import (
	"slices"
	"strings"
)

type tagInput struct {
	SecretId string
	Tags     []tag
}

type untagInput struct {
	SecretId string
	TagKeys  []string
}

// checkTags minds sizes, the prefix that belongs to AWS, and a key named twice.
func checkTags(tags []tag) error {
	var v validation
	seen := map[string]bool{}
	for _, t := range tags {
		v.text("Key", t.Key, 1, maxTagKey)
		v.text("Value", t.Value, 0, maxTagValue)
	}
	if err := v.err(); err != nil {
		return err
	}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return invalidParameter("Tag keys can't start with aws:.")
		}
		if seen[t.Key] {
			return invalidParameter("A tag key was given more than once.")
		}
		seen[t.Key] = true
	}
	return checkTagCount(tags)
}

func checkTagCount(tags []tag) error {
	if len(tags) > maxTags {
		return invalidParameter("A secret can have at most %d tags.", maxTags)
	}
	return nil
}

// tagResource adds tags and replaces the values of those that are there.
func (c *call) tagResource(in *tagInput) (any, error) {
	var v validation
	v.given("Tags", in.Tags != nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	after := slices.Clone(s.tags)
	for _, t := range in.Tags {
		if i := slices.IndexFunc(after, func(old tag) bool { return old.Key == t.Key }); i >= 0 {
			after[i].Value = t.Value
		} else {
			after = append(after, t)
		}
	}
	if err := checkTagCount(after); err != nil {
		return nil, err
	}
	c.change(s)
	s.tags = after
	return struct{}{}, nil
}

// untagResource removes tags; one that is not there is no error.
func (c *call) untagResource(in *untagInput) (any, error) {
	var v validation
	v.given("TagKeys", in.TagKeys != nil)
	for _, k := range in.TagKeys {
		v.text("TagKeys", k, 1, maxTagKey)
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	c.change(s)
	s.tags = slices.DeleteFunc(slices.Clone(s.tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	return struct{}{}, nil
}
