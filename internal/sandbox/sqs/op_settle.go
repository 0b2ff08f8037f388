package sqs

import "time"

// What a receiver does with a message in the end: delete it, or decide when it
// is seen again.

func (s *Service) deleteMessage(c *call, in *deleteIn) (*empty, *apiError) {
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.delete(c, q, in.Handle)
}

func (s *Service) deleteMessageBatch(c *call, in *deleteBatchIn) (*deleteBatchOut, *apiError) {
	if err := checkBatch("DeleteMessageBatchRequestEntry", in.Entries, handleID); err != nil {
		return nil, err
	}
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	done, not := each(in.Entries, func(e handleEntry) *apiError { return s.delete(c, q, e.Handle) })
	return &deleteBatchOut{done, not}, nil
}

// delete deletes the message of a handle. Of a standard queue, the latest
// handle deletes even after its time, and an older one succeeds and does
// nothing; of a FIFO queue both have expired. What is gone already is fine.
func (s *Service) delete(c *call, q *queue, handle *string) *apiError {
	r, err := s.open(q, handle)
	if err != nil {
		return err
	}
	m := q.messages[r.message]
	if m == nil {
		return nil
	}
	current := r.number == m.receipt
	if q.settings.fifo && (!current || m.state != inFlight) {
		return expiredHandle(*handle)
	}
	switch {
	case !current:
	case c.fault.Duplicate && !q.settings.fifo:
		m.visibleAt = s.now()
		q.show(m)
	default:
		q.drop(m)
		q.tally.Deleted++
	}
	return nil
}

func (s *Service) changeVisibility(c *call, in *visibilityIn) (*empty, *apiError) {
	if in.Timeout == nil {
		return nil, missing("VisibilityTimeout")
	}
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.change(q, in.Handle, *in.Timeout)
}

func (s *Service) changeVisibilityBatch(c *call, in *visibilityBatchIn) (*visibilityBatchOut, *apiError) {
	if err := checkBatch("ChangeMessageVisibilityBatchRequestEntry", in.Entries, handleID); err != nil {
		return nil, err
	}
	s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	done, not := each(in.Entries, func(e handleEntry) *apiError { return s.change(q, e.Handle, orElse(e.Timeout, 0)) })
	return &visibilityBatchOut{done, not}, nil
}

// change hides the message of a handle for so many seconds from now, in all no
// longer than 12 hours since its receive. For this receipt only: the next
// receive uses the queue's own timeout.
func (s *Service) change(q *queue, handle *string, seconds int) *apiError {
	if err := checkTimeout(seconds); err != nil {
		return err
	}
	r, err := s.open(q, handle)
	if err != nil {
		return err
	}
	m := q.messages[r.message]
	if m == nil {
		return invalidValue(clip(*handle), "ReceiptHandle",
			"Message does not exist or is not available for visibility timeout change.")
	}
	now, current := s.now(), r.number == m.receipt
	if q.settings.fifo && (!current || m.state != inFlight) {
		return expiredHandle(*handle)
	}
	elapsed := int(now.Sub(m.receivedAt) / time.Second)
	if elapsed+seconds > maxVisibility {
		return invalidValue(seconds, "VisibilityTimeout",
			"Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	if !current {
		return nil
	}
	m.visibleAt = now.Add(time.Duration(seconds) * time.Second)
	if seconds == 0 {
		q.show(m)
	} else {
		q.hide(m, inFlight)
	}
	return nil
}
