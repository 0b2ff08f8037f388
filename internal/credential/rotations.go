package credential

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// The states of a [Rotation].
const (
	Running    = "running"
	Succeeded  = "succeeded"
	Superseded = "superseded" // it succeeded, and a later one has taken its place
	Failed     = "failed"
)

// givenUp is how long a rotation may take: Secrets Manager tries several times,
// each try 15 minutes at most.
const givenUp = time.Hour

// unseen is how long a rotation that was started may not be seen yet.
const unseen = time.Minute

// StartRotation starts a rotation of a client's secret and does not wait for it.
// The same operation, resumed, starts the same one. One that is under way already is
// [fault.Conflict] with the reason "rotation_in_progress"; a paused one "paused".
// Where the last one ended within the floor, it is [fault.RateLimited] with
// "rotated_recently" and the time to wait; to make a client rotates nothing.
func (s *Service) StartRotation(ctx context.Context, op Operation, clientID string) (Rotation, error) {
	_, there, err := s.open(ctx, clientID)
	switch {
	case err != nil:
		return Rotation{}, err
	case there.ARN == "":
		return Rotation{}, conflict("client_not_managed", "the client has no managed secret to rotate", "take it over with clientkeeper adopt")
	case there.Paused:
		return Rotation{}, conflict("paused", "the secret's rotation is paused", "resume it with clientkeeper resume")
	case !there.RotationEnabled:
		return Rotation{}, conflict("rotation_disabled", "rotation of the secret is switched off", "see clientkeeper doctor")
	}
	token := op.token("rotation")
	r := Rotation{ClientID: clientID, SecretARN: there.ARN, State: Running, Started: s.now().UTC().Truncate(time.Second)}
	r.ID = rotationID(there.ARN, token, r.Started)
	_, begun := there.Stages[token]
	switch {
	case begun && op.Resumed:
		return r, nil
	case begun: // the record of that request has expired since
		return Rotation{}, conflict("key_of_earlier_rotation", "the Idempotency-Key was used for an earlier rotation of this secret", "send a new key with a new request")
	}
	if err := s.tooSoon(there); err != nil {
		return Rotation{}, err
	}
	err = s.Store.Rotate(ctx, there.ARN, token)
	if err == nil || fault.KindOf(err) != fault.Conflict {
		return r, err
	}
	now, readErr := s.Store.Describe(ctx, there.ARN)
	if _, begun := now.Stages[token]; readErr == nil && begun {
		return r, nil // an answer was lost
	}
	return Rotation{}, underWay()
}

func underWay() error {
	return &fault.Error{Kind: fault.Conflict, Op: "credential.rotate", Reason: "rotation_in_progress", RetryAfter: time.Minute,
		Detail: "another rotation of the secret is under way", Next: "wait for its end; clientkeeper doctor tells if it is stuck"}
}

// tooSoon keeps callers from using up the versions that Secrets Manager keeps of
// a secret, after which nobody can rotate it. While a rotation is under way,
// Secrets Manager is not even asked: it may end before the question gets there.
func (s *Service) tooSoon(there Stored) error {
	left := there.Rotated.Add(s.Floor).Sub(s.now())
	pending := labelled(there, "AWSPENDING")
	switch {
	case there.Rotated.IsZero() || left <= 0:
		return nil
	case pending != "" && pending != labelled(there, "AWSCURRENT"):
		return underWay()
	}
	return &fault.Error{Kind: fault.RateLimited, Op: "credential.rotate", Reason: "rotated_recently", RetryAfter: min(left, s.Floor),
		Detail: fmt.Sprintf("the secret was rotated less than %.0f minutes ago", s.Floor.Minutes()),
		Next:   "wait; in an emergency, whoever runs clientkeeper can use clientkeeper rotate or revoke"}
}

// Rotation tells how far a rotation is, by the labels of its version.
func (s *Service) Rotation(ctx context.Context, id string) (Rotation, error) {
	arn, token, started, ok := parseRotationID(id)
	missing := &fault.Error{Kind: fault.NotFound, Op: "credential.rotation", Reason: "rotation_not_found",
		Detail: "there is no such rotation", Next: "use the id that the start of a rotation answered"}
	if !ok {
		return Rotation{}, missing
	}
	there, err := s.Store.Describe(ctx, arn)
	switch {
	case err != nil && (fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Denied || fault.KindOf(err) == fault.Invalid):
		return Rotation{}, missing
	case err != nil:
		return Rotation{}, err
	case there.ARN != arn || !there.Managed || there.ClientID == "" || there.Deleted: // a part of an ARN finds a secret, too; a signing secret is no client's
		return Rotation{}, missing
	}
	r := Rotation{ID: id, ClientID: there.ClientID, SecretARN: there.ARN, Started: started}
	r.State, err = s.state(ctx, there, token, started)
	if err == nil && r.State == "" {
		return Rotation{}, missing
	}
	return r, err
}

// state is the table of a version's labels; empty if there never was such a
// version.
func (s *Service) state(ctx context.Context, there Stored, token string, started time.Time) (string, error) {
	labels := there.Stages[token]
	switch {
	case slices.Contains(labels, "AWSCURRENT"):
		return Succeeded, nil
	case slices.Contains(labels, "AWSPENDING") && s.now().Sub(started) < givenUp:
		return Running, nil
	case slices.Contains(labels, "AWSPENDING"):
		return Failed, nil
	case slices.Contains(labels, "AWSPREVIOUS"):
		return Superseded, nil
	}
	history, err := s.Store.History(ctx, there.ARN)
	if err != nil {
		return "", err
	}
	made, known := history[token]
	switch {
	case known && history[labelled(there, "AWSCURRENT")].After(made):
		return Superseded, nil
	case known:
		return Failed, nil
	case s.now().Sub(started) < unseen:
		return Running, nil
	}
	// A version that never got a value is gone when its label is.
	return Failed, nil
}

func labelled(there Stored, label string) string {
	for id, labels := range there.Stages {
		if slices.Contains(labels, label) {
			return id
		}
	}
	return ""
}

const rotationMark = "r1"

func rotationID(arn, token string, started time.Time) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{rotationMark, token, strconv.FormatInt(started.Unix(), 10), arn}, "|")))
}

func parseRotationID(id string) (arn, token string, started time.Time, ok bool) {
	if len(id) > 1024 {
		return "", "", started, false
	}
	text, err := base64.RawURLEncoding.DecodeString(id)
	parts := strings.SplitN(string(text), "|", 4)
	if err != nil || len(parts) != 4 || parts[0] != rotationMark || len(parts[1]) != 32 || !printable(parts[3]) || !strings.HasPrefix(parts[3], "arn:") {
		return "", "", started, false
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	arn, token, started = parts[3], parts[1], time.Unix(seconds, 0).UTC()
	return arn, token, started, err == nil && rotationID(arn, token, started) == id
}
