package sqs

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	running   = "RUNNING"
	completed = "COMPLETED"
	cancelled = "CANCELLED"
	failing   = "FAILED"
)

// A moveTask moves messages out of a dead-letter queue, one at a time at its
// rate. Nothing runs: whoever locks the service makes the steps that are due.
type moveTask struct {
	id, source  string // source is an ARN
	destination string // ARN; empty means where each message came from
	rate        int    // messages per second; zero means all at once
	started     time.Time
	toMove      int
	moved       int
	status      string
	reason      string
}

// due is when the next message is to be moved; zero if none is.
func (t *moveTask) due() time.Time {
	if t.status != running {
		return time.Time{}
	}
	if t.rate == 0 {
		return t.started
	}
	return t.started.Add(time.Duration(t.moved+1) * time.Second / time.Duration(t.rate))
}

func (s *Service) advanceTasks(now time.Time) {
	for _, t := range s.tasks {
		for t.status == running && !t.due().After(now) {
			t.status, t.reason = s.step(t, now)
		}
	}
}

// step moves one message, and says what that makes of the task. A moved
// message is a new one: it has another id and was never received.
func (s *Service) step(t *moveTask, now time.Time) (status, reason string) {
	from := s.byARN(t.source)
	if from == nil {
		return failing, codePrefix + "NonExistentQueue"
	}
	from.settle(now)
	m := from.line.first()
	if m == nil || t.moved >= t.toMove {
		return completed, ""
	}
	destination := t.destination
	if destination == "" {
		destination = m.source
	}
	if destination == "" {
		return failing, "CouldNotDetermineMessageSource"
	}
	to := s.byARN(destination)
	if to == nil {
		return failing, codePrefix + "NonExistentQueue"
	}
	from.drop(m)
	from.tally.Redriven++
	to.tally.Adopted++
	t.moved++
	to.put(&message{
		content: m.content, id: uuid.NewString(), sender: m.sender,
		sentAt: now, keptSince: now, visibleAt: now,
	}, now)
	if t.moved == t.toMove {
		return completed, ""
	}
	return running, ""
}

func (s *Service) startMove(_ *call, in *startMoveIn) (*startMoveOut, *apiError) {
	if in.Source == nil || *in.Source == "" {
		return nil, missing("SourceArn")
	}
	if in.Rate != nil && (*in.Rate < 1 || *in.Rate > 500) {
		return nil, invalidValue(*in.Rate, "MaxNumberOfMessagesPerSecond", "Must be an integer from 1 to 500.")
	}
	now := s.lock()
	defer s.mu.Unlock()
	from, err := s.movable(*in.Source, in.Destination)
	if err != nil {
		return nil, err
	}
	from.settle(now)
	t := &moveTask{
		id: uuid.NewString(), source: from.arn, destination: in.Destination, rate: orElse(in.Rate, 0),
		started: now, toMove: from.counts[visible], status: running,
	}
	s.tasks = append(s.tasks, t)
	s.advanceTasks(now)
	s.forget(t.source)
	for _, q := range s.queues {
		q.wake() // the task may be what a receiver waits for next
	}
	return &startMoveOut{t.handle()}, nil
}

// movable finds the source of a task that may be started.
func (s *Service) movable(source, destination string) (*queue, *apiError) {
	from := s.byARN(source)
	if from == nil {
		return nil, noSuchResource("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	serves := func(q *queue) bool { return q.settings.redrive != nil && q.settings.redrive.target == source }
	if len(s.names(serves)) == 0 {
		return nil, invalidParameter("Source queue must be configured as a Dead Letter Queue.")
	}
	if destination != "" {
		to := s.byARN(destination)
		switch {
		case to == nil:
			return nil, noSuchResource("The resource that you specified for the DestinationArn parameter doesn't exist.")
		case to == from:
			return nil, invalidParameter("Source queue arn and destination queue arn can not be the same.")
		case to.settings.fifo != from.settings.fifo:
			return nil, invalidParameter("Source and destination queue must be of the same type.")
		}
	}
	if slices.ContainsFunc(s.tasks, func(t *moveTask) bool { return t.source == source && t.status == running }) {
		return nil, invalidParameter("There is already a task running. Only one active task is allowed for a source queue " +
			"arn at a given time.")
	}
	return from, nil
}

// maxTasks is how many tasks of one source can be listed.
const maxTasks = 10

// forget drops the oldest tasks of a source beyond those that can be listed.
func (s *Service) forget(source string) {
	n := 0
	for i := len(s.tasks) - 1; i >= 0; i-- {
		if s.tasks[i].source != source {
			continue
		}
		if n++; n > maxTasks {
			s.tasks = slices.Delete(s.tasks, i, i+1)
		}
	}
}

// A taskHandle is what is inside the handle of a task, as on AWS.
type taskHandle struct {
	ID     string `json:"taskId"`
	Source string `json:"sourceArn"`
}

func (t *moveTask) handle() string {
	raw, _ := json.Marshal(taskHandle{t.id, t.source}) // two strings always marshal
	return base64.StdEncoding.EncodeToString(raw)
}

func (s *Service) cancelMove(_ *call, in *cancelMoveIn) (*cancelMoveOut, *apiError) {
	if in.Handle == nil || *in.Handle == "" {
		return nil, missing("TaskHandle")
	}
	var handle taskHandle
	raw, err := base64.StdEncoding.DecodeString(*in.Handle)
	if err != nil || json.Unmarshal(raw, &handle) != nil || handle.ID == "" {
		return nil, invalidParameter("Value for parameter TaskHandle is invalid.")
	}
	s.lock()
	defer s.mu.Unlock()
	if s.byARN(handle.Source) == nil {
		return nil, noSuchResource("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	for _, t := range s.tasks {
		if t.id != handle.ID || t.source != handle.Source {
			continue
		}
		if t.status != running {
			return nil, invalidParameter("Only active tasks can be cancelled.")
		}
		t.status = cancelled
		return &cancelMoveOut{t.moved}, nil
	}
	return nil, noSuchResource("Task does not exist.")
}

func (s *Service) listMoves(_ *call, in *listMovesIn) (*listMovesOut, *apiError) {
	if in.Source == nil || *in.Source == "" {
		return nil, missing("SourceArn")
	}
	most := orElse(in.MaxResults, 1)
	if most < 1 || most > maxTasks {
		return nil, invalidValue(most, "MaxResults", "Must be an integer from 1 to 10.")
	}
	s.lock()
	defer s.mu.Unlock()
	if s.byARN(*in.Source) == nil {
		return nil, noSuchResource("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	out := &listMovesOut{Results: []taskOut{}}
	for _, t := range slices.Backward(s.tasks) {
		if t.source == *in.Source && len(out.Results) < most {
			out.Results = append(out.Results, t.out())
		}
	}
	return out, nil
}

func (t *moveTask) out() taskOut {
	out := taskOut{
		Status: t.status, Source: t.source, Destination: t.destination, Rate: t.rate,
		Moved: t.moved, ToMove: t.toMove, Reason: t.reason, Started: t.started.UnixMilli(),
	}
	if t.status == running {
		out.Handle = t.handle()
	}
	return out
}
