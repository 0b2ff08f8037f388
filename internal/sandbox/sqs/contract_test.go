package sqs_test

import (
	"os"
	"testing"

	"clientkeeper/internal/sandbox/sqs"
)

// The contract is what SQS promises, asked over HTTP. It runs against this
// package and, if CLIENTKEEPER_SQS_ENDPOINT is set, against that endpoint
// instead, without the cases that moto is known not to honour: where two
// strangers agree on the rest, neither has misread it alone.

// A contractCase is one behaviour. Slow cases move the clock further than a test can
// wait, so they run only where the clock can be moved.
type contractCase struct {
	id, name string
	slow     bool
	run      func(*testing.T, *room)
}

func TestContract(t *testing.T) {
	endpoint := os.Getenv("CLIENTKEEPER_SQS_ENDPOINT")
	seen := map[string]bool{}
	for _, part := range [][]contractCase{
		receiveCases, sendCases, batchCases, deadLetterCases, fifoCases, queueCases, permissionCases, moveCases, wireCases,
	} {
		for _, c := range part {
			if seen[c.id] {
				t.Fatalf("two cases are called %s", c.id)
			}
			seen[c.id] = true
			t.Run(c.id+" "+c.name, func(t *testing.T) {
				t.Parallel()
				switch {
				case endpoint == "":
					c.run(t, newRoom(t, sqs.Options{}))
				case motoDiffers[c.id] != "":
					t.Skip("moto differs:", motoDiffers[c.id])
				case c.slow:
					t.Skip("needs a clock that can be moved")
				default:
					c.run(t, &room{endpoint: endpoint, client: newClient(endpoint)})
				}
			})
		}
	}
	for id := range motoDiffers {
		if !seen[id] {
			t.Errorf("motoDiffers names %s, which is no case", id)
		}
	}
}
