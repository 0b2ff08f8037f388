package sandbox

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sync"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// A Line is what register-client says of one message.
type Line struct {
	Message          string   `json:"message"`
	Level            string   `json:"level"`
	Timestamp        string   `json:"timestamp"`
	MessageID        string   `json:"message_id"`
	OriginID         string   `json:"origin_id"` // of the message that it is a copy of, if it is one
	Outcome          string   `json:"outcome"`
	ExternalClientID string   `json:"external_client_id"`
	ClientID         string   `json:"client_id"`
	Reason           string   `json:"reason"`
	Err              string   `json:"err"`
	RetryIn          string   `json:"retry_in"`
	Warnings         []string `json:"warnings"`
	Violations       []string `json:"violations"`
	TenantCalls      int      `json:"tenant_calls"`
	DurationMS       int      `json:"duration_ms"`
	Receives         int      `json:"receives"`
}

// Final reports whether the message will not be seen again.
func (l Line) Final() bool {
	switch l.Outcome {
	case "created", "updated", "previewed", "rejected":
		return true
	}
	return false
}

// A Journal collects the lines of messages from what the functions write, and
// hunts it for secrets. Of a sandbox that stays up it keeps the latest.
type Journal struct {
	tell func([]byte)

	mu      sync.Mutex
	lines   map[string][]Line // by the id of the first of a message's copies
	order   []string          // the ids, by their first line
	keep    int               // how many messages
	changed chan struct{}     // closed and replaced at every line
	hunted  [][]byte
	leaks   int
}

const (
	journalMessages = 10_000
	journalLines    = 200    // of one message
	journalSteps    = 50_000 // of rotations
)

// expect makes room for so many messages beside others.
func (j *Journal) expect(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep = max(j.keep, n+journalMessages)
}

// token is any JWT, an access token or an assertion. Its first letters alone come
// up by chance in ids of clients.
var token = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)

// hunt makes the journal look for a secret.
func (j *Journal) hunt(secret string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hunted = append(j.hunted, []byte(secret))
}

// leaky reports whether text holds a hunted secret or a token. The caller
// holds the lock.
func (j *Journal) leaky(text []byte) bool {
	for _, s := range j.hunted {
		if bytes.Contains(text, s) {
			return true
		}
	}
	return token.Match(text)
}

// Leaks is how many lines held a secret.
func (j *Journal) Leaks() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.leaks
}

func newJournal(tell func([]byte)) *Journal {
	return &Journal{tell: tell, lines: map[string][]Line{}, keep: journalMessages, changed: make(chan struct{})}
}

func (j *Journal) line(text []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.leaky(text) {
		j.leaks++
	}
	if j.tell != nil {
		j.tell(text)
	}
	var l Line
	if json.Unmarshal(text, &l) != nil || l.MessageID == "" {
		return
	}
	id := or(l.OriginID, l.MessageID)
	j.note(id, l)
	close(j.changed)
	j.changed = make(chan struct{})
}

// note keeps a line, in place of the oldest if there are enough. The caller
// holds the lock.
func (j *Journal) note(id string, l Line) {
	if _, known := j.lines[id]; !known {
		j.order = append(j.order, id)
	}
	j.lines[id] = latestOf(append(j.lines[id], l), journalLines)
	for len(j.order) > j.keep {
		delete(j.lines, j.order[0])
		j.order = j.order[1:]
	}
}

// latestOf is the end of a list that has grown by one. It is moved only now and
// then, and so may be a little longer than n.
func latestOf[T any](list []T, n int) []T {
	if len(list) < n+n/4 {
		return list
	}
	return append([]T(nil), list[len(list)-n:]...)
}

// Of are the lines of one message so far, and a channel that is closed when
// there are more lines of any.
func (j *Journal) Of(messageID string) ([]Line, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Line(nil), j.lines[messageID]...), j.changed
}

// All are the lines of every message, by its id.
func (j *Journal) All() map[string][]Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make(map[string][]Line, len(j.lines))
	for id, lines := range j.lines {
		out[id] = append([]Line(nil), lines...)
	}
	return out
}

// steps remembers the steps of rotations, by secret.
type steps struct {
	tell func(secretsmanager.StepEvent)

	mu  sync.Mutex
	all []secretsmanager.StepEvent
}

func (t *steps) add(e secretsmanager.StepEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = latestOf(append(t.all, e), journalSteps)
	if t.tell != nil {
		t.tell(e)
	}
}

// of are the steps that made a version of a secret.
func (t *steps) of(arn, version string) []secretsmanager.StepEvent {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []secretsmanager.StepEvent
	for _, e := range t.all {
		if e.ARN == arn && e.Token == version {
			out = append(out, e)
		}
	}
	return out
}
