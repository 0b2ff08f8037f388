package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Check compares what became of the played messages with what has to become
// of them: what the function says, what is in the tenant, and what is in the
// queues. It returns a sentence for each thing that is not as it should be.
func (s *Sandbox) Check(ctx context.Context, all []*Played) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	letters := s.deadLettersByMessage()
	for _, p := range all {
		p.check(say)
		switch {
		case p.Direct:
		case p.Last.Outcome == "rejected":
			checkLetter(say, p, letters[p.MessageID])
		case len(letters[p.MessageID]) > 0:
			say("%s: the message is in the dead-letter queue, though it was %s", p.Case, p.Last.Outcome)
		}
		if p.Last.Outcome == "created" || p.Last.Outcome == "updated" {
			s.checkClient(say, p)
		}
	}
	for url, writes := range s.Tenant.AllWrites() {
		if writes.Created != 1 {
			say("%s was created %d times", url, writes.Created)
		}
	}
	wrong = append(wrong, s.Tenant.Violations()...)
	if n := s.Leaks(); n > 0 {
		say("%d lines or dead letters hold a secret", n)
	}
	if err := s.Drain(ctx); err != nil {
		say("the queue is not empty: %v", err)
	}
	return wrong
}

func (p *Played) check(say func(string, ...any)) {
	switch {
	case len(p.want.outcomes) == 0:
		say("%s: nothing is expected of this message; say in the sandbox what has to become of it", p.Case)
	case !slices.Contains(p.want.outcomes, p.Last.Outcome):
		say("%s: the message was %s (%s), not %s", p.Case, or(p.Last.Outcome, "never heard of"), p.Last.Err, strings.Join(p.want.outcomes, " or "))
	case p.Last.Reason != p.want.reason:
		say("%s: rejected for %s, not %s", p.Case, p.Last.Reason, p.want.reason)
	case p.want.warns && len(p.Last.Warnings) == 0:
		say("%s: no warning was shown", p.Case)
	case p.want.reason == "document_invalid" && len(p.Last.Violations) == 0:
		say("%s: no violation was shown", p.Case)
	}
}

// A Letter is a message in the dead-letter queue.
type Letter struct {
	Body, Reason, Detail string
	// Origin is the id of the message that it is a copy of.
	Origin string
	Kind   string // of the failure, such as "invalid"
}

func (s *Sandbox) deadLettersByMessage() map[string][]Letter {
	out := map[string][]Letter{}
	for _, l := range s.Letters() {
		out[l.Origin] = append(out[l.Origin], l)
	}
	return out
}

// Letters are what is in the dead-letter queue, without receiving it.
func (s *Sandbox) Letters() []Letter {
	messages, _ := s.SQS.Messages(s.deadLetters().Name)
	var out []Letter
	for _, m := range messages {
		l := Letter{Body: m.Body, Origin: m.ID}
		var origin struct {
			MessageID string `json:"message_id"`
			Kind      string `json:"kind"`
		}
		l.Reason, l.Detail = m.Attributes["clientkeeper.reason"], m.Attributes["clientkeeper.detail"]
		if json.Unmarshal([]byte(m.Attributes["clientkeeper.origin"]), &origin) == nil && origin.MessageID != "" {
			l.Origin, l.Kind = origin.MessageID, origin.Kind
		}
		out = append(out, l)
	}
	return out
}

// Leaks is how many lines of the functions, and how many dead letters, held the
// management client's secret or a token.
func (s *Sandbox) Leaks() int {
	n := s.Journal.Leaks()
	s.Journal.mu.Lock()
	defer s.Journal.mu.Unlock()
	for _, l := range s.Letters() {
		if s.Journal.leaky([]byte(l.Body + " " + l.Reason + " " + l.Detail + " " + l.Origin)) {
			n++
		}
	}
	return n
}

func checkLetter(say func(string, ...any), p *Played, letters []Letter) {
	switch {
	case len(letters) != 1:
		say("%s: the message is in the dead-letter queue %d times", p.Case, len(letters))
	case letters[0].Body != p.Body:
		say("%s: the dead letter's body is not the message's", p.Case)
	case letters[0].Reason != p.want.reason || letters[0].Detail == "":
		say("%s: the dead letter says %q, not %q", p.Case, letters[0].Reason, p.want.reason)
	}
}

func (s *Sandbox) checkClient(say func(string, ...any), p *Played) {
	client, ok := s.Tenant.FindByExternalID(p.Last.ExternalClientID)
	switch {
	case !ok:
		say("%s: %s is not in the tenant", p.Case, p.Last.ExternalClientID)
	case client.ID != p.Last.ClientID:
		say("%s: the tenant knows the client as %s, the function as %s", p.Case, client.ID, p.Last.ClientID)
	case client.AuthMethod == "private_key_jwt" && len(client.KeyIDs) == 0:
		say("%s: the client uses private_key_jwt but has no key", p.Case)
	}
}

// Drain waits, within a minute, until no message is left in a mapped queue.
func (s *Sandbox) Drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, p := range s.pollers {
		if err := p.Idle(ctx); err != nil {
			return err
		}
	}
	return nil
}
