package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Settings are a queue's configurable attributes. A settings value is never
// changed after it is made; SetQueueAttributes makes another.
type settings struct {
	fifo    bool
	values  map[string]string // as rendered; an absent name is not set
	numbers map[string]int
	redrive *redrivePolicy // nil means no dead-letter queue
	allow   *redriveAllow  // nil means that any queue may dead-letter to this one
}

// numeric are the attributes that count something, with their limits and
// defaults (API Reference, CreateQueue).
var numeric = map[string]struct{ low, high, normal int }{
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, maxBytes, maxBytes},
	"MessageRetentionPeriod":        {60, 1209600, 345600},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"VisibilityTimeout":             {0, 43200, 30},
	"KmsDataKeyReusePeriodSeconds":  {60, 86400, 300},
}

// maxBytes limits a message, and all messages of one batch, to 1 MiB.
const maxBytes = 1 << 20

// choices are the attributes that are one of a few words. Those marked fifo
// exist on FIFO queues only; the first word is the default.
var choices = map[string]struct {
	fifo  bool
	words []string
}{
	"SqsManagedSseEnabled":      {false, []string{"true", "false"}},
	"FifoQueue":                 {true, []string{"true"}},
	"ContentBasedDeduplication": {true, []string{"false", "true"}},
	"DeduplicationScope":        {true, []string{"queue", "messageGroup"}},
	"FifoThroughputLimit":       {true, []string{"perQueue", "perMessageGroupId"}},
}

// newSettings are the defaults with given on top.
func newSettings(fifo bool, given map[string]string) (settings, *apiError) {
	s := settings{fifo: fifo, values: map[string]string{}, numbers: map[string]int{}}
	for name, n := range numeric {
		s.numbers[name] = n.normal
		if name != "KmsDataKeyReusePeriodSeconds" {
			s.values[name] = strconv.Itoa(n.normal)
		}
	}
	for name, c := range choices {
		if fifo || !c.fifo {
			s.values[name] = c.words[0]
		}
	}
	return s.with(given)
}

// with is a copy of s in which given is set.
func (s settings) with(given map[string]string) (settings, *apiError) {
	s.values, s.numbers = maps.Clone(s.values), maps.Clone(s.numbers)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := s.set(name, given[name]); err != nil {
			return settings{}, err
		}
	}
	if s.values["FifoThroughputLimit"] == "perMessageGroupId" && s.values["DeduplicationScope"] != "messageGroup" {
		return settings{}, invalidAttribute("FifoThroughputLimit",
			"The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	return s, s.encrypt(given)
}

func (s *settings) set(name, value string) *apiError {
	if n, ok := numeric[name]; ok {
		v, ok := between(value, n.low, n.high)
		if !ok {
			return invalidAttribute(name, "")
		}
		s.numbers[name] = v
		s.values[name] = strconv.Itoa(v)
		return nil
	}
	if c, ok := choices[name]; ok {
		return s.choose(name, value, c.fifo, c.words)
	}
	switch name {
	case "Policy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalidAttribute(name, "")
		}
	case "RedrivePolicy":
		return s.setRedrive(value)
	case "RedriveAllowPolicy":
		return s.setAllow(value)
	case "KmsMasterKeyId":
	default:
		return unknownAttribute(clip(name)) // also those that are read only
	}
	s.keep(name, value)
	return nil
}

func (s *settings) choose(name, value string, fifo bool, words []string) *apiError {
	switch {
	case fifo && !s.fifo:
		return unknownAttribute(name)
	case name == "FifoQueue" && value != "true":
		return invalidAttribute(name, "Modifying queue type is not supported.")
	case !slices.Contains(words, value):
		return invalidAttribute(name, "")
	}
	s.values[name] = value
	return nil
}

// keep sets a text attribute; an empty one is taken away.
func (s *settings) keep(name, value string) {
	if value == "" {
		delete(s.values, name)
		return
	}
	s.values[name] = value
}

// encrypt settles which kind of server-side encryption the queue shows: one at
// a time, and naming a KMS key turns the other off.
func (s *settings) encrypt(given map[string]string) *apiError {
	if given["KmsMasterKeyId"] != "" {
		if given["SqsManagedSseEnabled"] == "true" {
			return &apiError{"InvalidAttributeName", "InvalidAttributeName", 400,
				"You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."}
		}
		s.values["SqsManagedSseEnabled"] = "false"
	}
	if given["SqsManagedSseEnabled"] == "true" {
		delete(s.values, "KmsMasterKeyId")
	}
	delete(s.values, "KmsDataKeyReusePeriodSeconds")
	if s.values["KmsMasterKeyId"] != "" {
		s.values["KmsDataKeyReusePeriodSeconds"] = strconv.Itoa(s.numbers["KmsDataKeyReusePeriodSeconds"])
	}
	return nil
}

func (s settings) retention() time.Duration { return s.seconds("MessageRetentionPeriod") }

func (s settings) seconds(name string) time.Duration {
	return time.Duration(s.numbers[name]) * time.Second
}

// differs names an attribute of given that s has another value for, or is
// empty. CreateQueue of a queue that exists asks this.
func (s settings) differs(given settings, names map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if s.values[name] != given.values[name] {
			return name
		}
	}
	return ""
}

// attributes renders everything that GetQueueAttributes knows about q.
func (q *queue) attributes() map[string]string {
	out := maps.Clone(q.settings.values)
	out["QueueArn"] = q.arn
	out["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	out["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
	out["ApproximateNumberOfMessages"] = strconv.Itoa(q.counts[visible])
	out["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(q.counts[inFlight])
	out["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(q.counts[delayed])
	return out
}

// queueAttributeNames are those that GetQueueAttributes may be asked for.
var queueAttributeNames = []string{
	"All", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
	"ContentBasedDeduplication", "CreatedTimestamp", "DeduplicationScope", "DelaySeconds", "FifoQueue",
	"FifoThroughputLimit", "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "LastModifiedTimestamp",
	"MaximumMessageSize", "MessageRetentionPeriod", "Policy", "QueueArn", "ReceiveMessageWaitTimeSeconds",
	"RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
}
