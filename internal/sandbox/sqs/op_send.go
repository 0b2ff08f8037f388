package sqs

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// senderID is the user id of whoever sends: signatures are not looked at, so
// all are the same.
const senderID = "AIDASANDBOXSANDBOX000"

var fifoID = regexp.MustCompile("^[A-Za-z0-9!-/:-@\\[-`{-~]{1,128}$")

// content checks what can be checked of an entry without its queue, and does
// the sums.
func (e *entry) content() (content, *apiError) {
	if e.Body == nil || *e.Body == "" {
		return content{}, missing("MessageBody")
	}
	if !validText(*e.Body) {
		return content{}, invalidContents()
	}
	if err := checkAttributes(e.Attributes); err != nil {
		return content{}, err
	}
	if err := checkSystem(e.System); err != nil {
		return content{}, err
	}
	if e.Delay != nil && (*e.Delay < 0 || *e.Delay > 900) {
		return content{}, invalidValue(*e.Delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
	}
	out := content{
		body: *e.Body, attributes: e.Attributes, delay: e.Delay,
		size:          len(*e.Body) + size(e.Attributes),
		md5Body:       md5Text(*e.Body),
		md5Attributes: md5Attributes(e.Attributes),
		md5System:     md5Attributes(e.System),
	}
	if trace, ok := e.System["AWSTraceHeader"]; ok {
		out.trace = *trace.StringValue
	}
	for _, id := range []struct {
		name string
		from *string
		to   *string
	}{{"MessageGroupId", e.GroupID, &out.groupID}, {"MessageDeduplicationId", e.DedupID, &out.dedupID}} {
		if id.from == nil {
			continue
		}
		if !fifoID.MatchString(*id.from) {
			return content{}, invalidValue(clip(*id.from), id.name,
				id.name+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
		}
		*id.to = *id.from
	}
	return out, nil
}

// accepts refuses what the queue's type and size do not allow.
func (q *queue) accepts(c content) *apiError {
	if limit := q.settings.numbers["MaximumMessageSize"]; c.size > limit {
		return invalidParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", limit)
	}
	if !q.settings.fifo {
		if c.dedupID != "" {
			return invalidValue(c.dedupID, "MessageDeduplicationId",
				"The request include parameter that is not valid for this queue type.")
		}
		return nil
	}
	if c.delay != nil && *c.delay != 0 {
		return invalidValue(*c.delay, "DelaySeconds", "The request include parameter that is not valid for this queue type.")
	}
	return nil
}

// identified refuses a message that a FIFO queue could not place.
func (q *queue) identified(c content) *apiError {
	switch {
	case !q.settings.fifo:
		return nil
	case c.groupID == "":
		return missing("MessageGroupId")
	case c.dedupID == "" && q.settings.values["ContentBasedDeduplication"] != "true":
		return invalidParameter("The queue should either have ContentBasedDeduplication enabled or " +
			"MessageDeduplicationId provided explicitly")
	}
	return nil
}

// send enqueues c, or recognizes it as sent before, and gives the answer.
func (q *queue) send(c content, now time.Time) sendOut {
	out := sendOut{MD5Body: c.md5Body, MD5Attributes: c.md5Attributes, MD5System: c.md5System}
	if q.settings.fifo {
		if c.dedupID == "" {
			sum := sha256.Sum256([]byte(c.body)) // of the body alone, never the attributes
			c.dedupID = hex.EncodeToString(sum[:])
		}
		if seen, ok := q.memory.recall(q.dedupKey(c), now); ok {
			q.tally.Deduplicated++
			out.MessageID, out.Sequence = seen.id, sequenceNumber(seen.sequence)
			return out
		}
	}
	delay := q.settings.seconds("DelaySeconds")
	if c.delay != nil && !q.settings.fifo {
		delay = time.Duration(*c.delay) * time.Second
	}
	m := &message{
		content: c, id: uuid.NewString(), sender: senderID,
		sentAt: now, keptSince: now, visibleAt: now.Add(delay),
	}
	q.put(m, now)
	q.tally.Sent++
	if q.settings.fifo {
		q.memory.remember(q.dedupKey(c), m, now)
		out.Sequence = sequenceNumber(m.sequence)
	}
	out.MessageID = m.id
	return out
}

func (s *Service) sendMessage(c *call, in *sendIn) (*sendOut, *apiError) {
	content, err := in.content()
	if err != nil {
		return nil, err
	}
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	if err := q.accepts(content); err != nil {
		return nil, err
	}
	if err := q.identified(content); err != nil {
		return nil, err
	}
	out := q.send(content, now)
	return &out, nil
}

func (s *Service) sendMessageBatch(c *call, in *sendBatchIn) (*sendBatchOut, *apiError) {
	if err := checkBatch("SendMessageBatchRequestEntry", in.Entries, func(e entry) *string { return e.ID }); err != nil {
		return nil, err
	}
	contents := make([]content, len(in.Entries))
	errs := make([]*apiError, len(in.Entries))
	total := 0
	for i := range in.Entries {
		contents[i], errs[i] = in.Entries[i].content()
		total += in.Entries[i].size()
	}
	if total > maxBytes {
		return nil, batchError("BatchRequestTooLong",
			"Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxBytes, total)
	}
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	for i, content := range contents {
		if errs[i] != nil {
			continue
		}
		if err := q.identified(content); err != nil { // fails the batch, and always under this code
			return nil, invalidParameter("%s", err.message)
		}
		errs[i] = q.accepts(content)
	}
	return q.sendAll(in.Entries, contents, errs, now), nil
}

func (q *queue) sendAll(entries []entry, contents []content, errs []*apiError, now time.Time) *sendBatchOut {
	out := &sendBatchOut{Successful: []sendOut{}}
	for i, e := range entries {
		if errs[i] != nil {
			out.Failed = append(out.Failed, failed(*e.ID, errs[i]))
			continue
		}
		sent := q.send(contents[i], now)
		sent.ID = *e.ID
		out.Successful = append(out.Successful, sent)
	}
	return out
}

// size counts an entry towards its batch, good or bad.
func (e *entry) size() int {
	n := size(e.Attributes)
	if e.Body != nil {
		n += len(*e.Body)
	}
	return n
}
