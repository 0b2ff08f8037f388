package sqs

import (
	"slices"
	"time"
)

// maxVisibility is the longest that a message can be hidden, in seconds: also
// in total, counted from its receive.
const maxVisibility = 43200

// check refuses what is out of range, and says how long the receive may wait.
func (in *receiveIn) check() *apiError {
	for _, names := range [][]string{in.AttributeNames, in.SystemNames} {
		for _, name := range names {
			if !systemAttributeNames[name] {
				return unknownAttribute(clip(name))
			}
		}
	}
	if in.Max != nil && (*in.Max < 1 || *in.Max > 10) {
		return invalidValue(*in.Max, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	if in.Wait != nil && (*in.Wait < 0 || *in.Wait > 20) {
		return invalidValue(*in.Wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	}
	if in.Visibility != nil {
		return checkTimeout(*in.Visibility)
	}
	return nil
}

func checkTimeout(seconds int) *apiError {
	if seconds < 0 || seconds > maxVisibility {
		return invalidValue(seconds, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
	}
	return nil
}

func orElse(p *int, normal int) int {
	if p == nil {
		return normal
	}
	return *p
}

// receiveMessage is a short poll, or, with a wait, a long one: it answers as
// soon as there is a message, and takes none once the client has gone.
func (s *Service) receiveMessage(c *call, in *receiveIn) (*receiveOut, *apiError) {
	if err := in.check(); err != nil {
		return nil, err
	}
	duplicate := c.fault.Duplicate
	var deadline time.Time
	for {
		s.lock()
		q, err := s.queueAt(c, in.URL)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		wait := time.Duration(orElse(in.Wait, q.settings.numbers["ReceiveMessageWaitTimeSeconds"])) * time.Second
		if deadline.IsZero() {
			deadline = time.Now().Add(wait)
		}
		out, err := s.receive(q, in, duplicate, wait > 0)
		if err != nil || len(out) > 0 {
			s.mu.Unlock()
			return &receiveOut{out}, err
		}
		if !s.pause(c.ctx, q, deadline) {
			return &receiveOut{}, nil
		}
		if c.ctx.Err() != nil {
			return &receiveOut{}, nil // nobody is there to take a message
		}
	}
}

// receive takes what q has to give. The caller holds s.mu.
func (s *Service) receive(q *queue, in *receiveIn, duplicate, long bool) ([]received, *apiError) {
	now := s.now()
	most := orElse(in.Max, 1)
	if room := s.options.MaxInFlight - q.counts[inFlight]; room < most {
		if most = max(room, 0); most == 0 && !q.settings.fifo && !long {
			return nil, overLimit()
		}
	}
	hidden := time.Duration(orElse(in.Visibility, q.settings.numbers["VisibilityTimeout"])) * time.Second
	var taken []*message
	for m := q.line.first(); m != nil && len(taken) < most; m = q.line.first() {
		taken = s.takeFrom(q, m, now, hidden, most, taken)
	}
	out := make([]received, len(taken))
	for i, m := range taken {
		out[i] = s.render(q, m, in)
		if duplicate && !q.settings.fifo {
			m.visibleAt = now
			q.show(m)
		}
	}
	return out, nil
}

// takeFrom takes m or moves it to the dead-letter queue. Of a FIFO queue it
// goes on with the rest of m's group, in order, while there is room.
func (s *Service) takeFrom(q *queue, m *message, now time.Time, hidden time.Duration, most int, taken []*message) []*message {
	g := m.group
	for m != nil && m.state == visible && len(taken) < most {
		if !q.exhausted(m) || !s.deadLetter(q, m) {
			q.take(m, now, hidden)
			taken = append(taken, m)
		}
		if g == nil {
			break
		}
		m = g.line.first()
	}
	return taken
}

// render is m as its receiver sees it.
func (s *Service) render(q *queue, m *message, in *receiveIn) received {
	out := received{ID: m.id, Handle: s.handle(q, m), MD5Body: m.md5Body, Body: m.body}
	if names := slices.Concat(in.AttributeNames, in.SystemNames); len(names) > 0 {
		out.Attributes = m.systemAttributes(q.settings.fifo)
		for name := range out.Attributes {
			if !slices.Contains(names, "All") && !slices.Contains(names, name) {
				delete(out.Attributes, name)
			}
		}
	}
	if len(m.attributes) > 0 && len(in.MessageNames) > 0 {
		out.MessageAttributes = selectAttributes(m.attributes, in.MessageNames)
		out.MD5Attributes = md5Attributes(out.MessageAttributes)
	}
	return out
}
