package sqs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// A receipt is what a receipt handle stands for: the nth receive of a message
// from a queue.
type receipt struct {
	queue   string // ARN
	message string
	number  int
}

// handle makes the handle of m's latest receipt. It is signed, so that nothing
// but what was handed out is accepted.
func (s *Service) handle(q *queue, m *message) string {
	text := strings.Join([]string{q.arn, m.id, strconv.Itoa(m.receipt)}, " ")
	return base64.StdEncoding.EncodeToString(append(s.sign(text), text...))
}

const signature = 16 // bytes

func (s *Service) sign(text string) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write([]byte(text))
	return mac.Sum(nil)[:signature]
}

// open reads a handle that q gave out.
func (s *Service) open(q *queue, handle *string) (receipt, *apiError) {
	if handle == nil || *handle == "" {
		return receipt{}, missing("ReceiptHandle")
	}
	raw, err := base64.StdEncoding.DecodeString(*handle)
	if err != nil || len(raw) < signature {
		return receipt{}, invalidHandle(*handle)
	}
	text := string(raw[signature:])
	parts := strings.Split(text, " ")
	if !hmac.Equal(raw[:signature], s.sign(text)) || len(parts) != 3 || parts[0] != q.arn {
		return receipt{}, invalidHandle(*handle)
	}
	number, err := strconv.Atoi(parts[2])
	if err != nil {
		return receipt{}, invalidHandle(*handle)
	}
	return receipt{parts[0], parts[1], number}, nil
}
