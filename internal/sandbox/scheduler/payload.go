package scheduler

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// envelope is the event of a schedule without an input of its own. Its detail
// is a string that holds an object, which events of EventBridge rules do not
// have.
type envelope struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     string   `json:"detail"`
}

// payload is what the target gets in one attempt.
func (s *Service) payload(d *delivery, executionID string) []byte {
	arn, at := s.arn(d.Schedule), d.scheduled.UTC().Format(time.RFC3339)
	if d.Target.Input != "" {
		return []byte(strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", arn,
			"<aws.scheduler.scheduled-time>", at,
			"<aws.scheduler.execution-id>", executionID,
			"<aws.scheduler.attempt-number>", strconv.Itoa(d.attempt),
		).Replace(d.Target.Input))
	}
	text, err := json.Marshal(envelope{
		Version: "0", ID: uuid.NewString(), DetailType: "Scheduled Event", Source: "aws.scheduler",
		Account: s.opts.AccountID, Time: at, Region: s.opts.Region, Resources: []string{arn}, Detail: "{}",
	})
	if err != nil {
		panic("scheduler: an event that is no JSON: " + err.Error()) // a bug here, never input
	}
	return text
}

// newExecutionID has the documented form: 16 hexadecimal digits.
func newExecutionID() string {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw) // never fails, says its documentation
	return hex.EncodeToString(raw)
}
