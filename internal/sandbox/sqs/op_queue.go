package sqs

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// quiet is how long a deleted queue's name stays taken, and how long after a
// purge the next may follow.
const quiet = 60 * time.Second

func checkName(name *string, fifo bool) *apiError {
	if name == nil || *name == "" {
		return missing("QueueName")
	}
	stem, suffixed := strings.CutSuffix(*name, ".fifo")
	if fifo && (!suffixed || len(*name) > 80 || !queueName.MatchString(stem)) {
		return invalidParameter("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, " +
			"must end with .fifo suffix and be 1 to 80 in length.")
	}
	if !fifo && !queueName.MatchString(*name) {
		return invalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

func (s *Service) createQueue(c *call, in *createQueueIn) (*queueURLOut, *apiError) {
	fifo := in.Attributes["FifoQueue"] == "true"
	if err := checkName(in.Name, fifo); err != nil {
		return nil, err
	}
	set, err := newSettings(fifo, in.Attributes)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	at := place{c.region, *in.Name}
	now := s.lock()
	defer s.mu.Unlock()
	if q := s.queues[at]; q != nil {
		if name := q.settings.differs(set, in.Attributes); name != "" {
			return nil, &apiError{"QueueNameExists", "QueueAlreadyExists", 400,
				"A queue already exists with the same name and a different value for attribute " + name}
		}
		return &queueURLOut{s.url(c, q)}, nil
	}
	if gone, ok := s.deleted[at]; ok && now.Before(gone.Add(quiet)) {
		return nil, batchError("QueueDeletedRecently",
			"You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	if err := s.checkTarget(s.arn(at), set); err != nil {
		return nil, err
	}
	delete(s.deleted, at)
	q := newQueue(at.name, at.region, s.arn(at), set, now)
	maps.Copy(q.tags, in.Tags)
	s.queues[at] = q
	return &queueURLOut{s.url(c, q)}, nil
}

// url is where the client that made the call finds q.
func (s *Service) url(c *call, q *queue) string {
	return c.base + "/" + s.options.Account + "/" + q.name
}

func (s *Service) getQueueURL(c *call, in *getQueueURLIn) (*queueURLOut, *apiError) {
	if in.Name == nil || *in.Name == "" {
		return nil, missing("QueueName")
	}
	s.lock()
	defer s.mu.Unlock()
	q := s.queues[place{c.region, *in.Name}]
	if q == nil || in.Owner != "" && in.Owner != s.options.Account {
		return nil, noSuchQueue()
	}
	return &queueURLOut{s.url(c, q)}, nil
}

func (s *Service) deleteQueue(c *call, in *queueIn) (*empty, *apiError) {
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	at := place{q.region, q.name}
	delete(s.queues, at)
	s.deleted[at] = now
	q.deleted = true
	q.wake()
	return &empty{}, nil
}

func (s *Service) purgeQueue(c *call, in *queueIn) (*empty, *apiError) {
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	if !q.purged.IsZero() && now.Before(q.purged.Add(quiet)) {
		return nil, &apiError{"PurgeQueueInProgress", codePrefix + "PurgeQueueInProgress", 403,
			"Only one PurgeQueue operation on " + q.name + " is allowed every 60 seconds."}
	}
	q.purge(now)
	return &empty{}, nil
}

func (s *Service) listQueues(c *call, in *listQueuesIn) (*listQueuesOut, *apiError) {
	s.lock()
	defer s.mu.Unlock()
	names := s.names(func(q *queue) bool { return q.region == c.region && strings.HasPrefix(q.name, in.Prefix) })
	page, token, err := page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &listQueuesOut{s.urls(c, page), token}, nil
}

func (s *Service) listSources(c *call, in *listSourcesIn) (*listSourcesOut, *apiError) {
	s.lock()
	defer s.mu.Unlock()
	dlq, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	names := s.names(func(q *queue) bool { return q.settings.redrive != nil && q.settings.redrive.target == dlq.arn })
	page, token, err := page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &listSourcesOut{s.urls(c, page), token}, nil
}

// names are those of the queues that satisfy match, sorted.
func (s *Service) names(match func(*queue) bool) []string {
	var names []string
	for at, q := range s.queues {
		if match(q) {
			names = append(names, at.name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *Service) urls(c *call, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = c.base + "/" + s.options.Account + "/" + name
	}
	return out
}

// page cuts sorted names after the one that token stands for. Only a caller
// that sets most gets a token for the rest; without, 1,000 are all it sees.
func page(names []string, most *int, token string) ([]string, string, *apiError) {
	const limit = 1000
	n := limit
	if most != nil {
		if n = *most; n < 1 || n > limit {
			return nil, "", invalidValue(n, "MaxResults", "Must be an integer from 1 to 1000.")
		}
	}
	if token != "" {
		last, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", invalidParameter("Invalid or expired next token.")
		}
		at, found := slices.BinarySearch(names, string(last))
		if found {
			at++
		}
		names = names[at:]
	}
	if len(names) <= n {
		return names, "", nil
	}
	next := ""
	if most != nil {
		next = base64.URLEncoding.EncodeToString([]byte(names[n-1]))
	}
	return names[:n], next, nil
}
