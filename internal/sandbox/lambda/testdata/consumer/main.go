// Command consumer is a function behind a queue: what it does with a message
// is what the message's body says. For tests of the sandbox.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func handle(_ context.Context, raw json.RawMessage) (any, error) {
	fmt.Println("EVENT " + string(raw))
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	var answer events.SQSEventResponse
	for _, m := range e.Records {
		what, rest, _ := strings.Cut(m.Body, " ")
		switch what {
		case "error":
			return nil, errors.New("the whole batch")
		case "exit":
			os.Exit(1)
		case "slow":
			time.Sleep(150 * time.Millisecond)
		case "await":
			await(rest)
		case "hang":
			select {}
		case "fail":
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return answer, nil
}

// await waits for a file.
func await(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func main() { lambda.Start(handle) }
