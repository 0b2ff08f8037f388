// Command handler is a function that does what its event says, for tests of
// the sandbox.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Size int    `json:"size"`
	Text string `json:"text"`
	MS   int    `json:"ms"`
}

// seen is what the function can tell about its invocation.
type seen struct {
	PID           int               `json:"pid"`
	Invocations   int               `json:"invocations"`
	RequestID     string            `json:"request_id"`
	ARN           string            `json:"arn"`
	TenantID      string            `json:"tenant_id"`
	TraceID       string            `json:"trace_id"`
	ClientContext map[string]string `json:"client_context"`
	RemainingMS   int64             `json:"remaining_ms"`
	Env           []string          `json:"env"`
	Child         int               `json:"child,omitempty"`
}

type MyErr struct{}

func (*MyErr) Error() string { return "mine" }

var invocations int

func handle(ctx context.Context, e event) (any, error) {
	invocations++
	fmt.Println(e.Text)
	switch e.Do {
	case "error":
		return nil, errors.New("x")
	case "my error":
		return nil, &MyErr{}
	case "wrapped error":
		return nil, fmt.Errorf("outer: %w", &MyErr{})
	case "panic":
		panic("x")
	case "exit":
		os.Exit(3)
	case "exit quietly":
		os.Exit(0)
	case "nil":
		return nil, nil
	case "big":
		return strings.Repeat("x", e.Size), nil
	case "sleep":
		time.Sleep(time.Duration(e.MS) * time.Millisecond)
	case "await":
		await(e.Text)
	case "post":
		return post(e.Text)
	case "child":
		return child(ctx)
	}
	return look(ctx), nil
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

func look(ctx context.Context) seen {
	s := seen{PID: os.Getpid(), Invocations: invocations, Env: os.Environ(), TraceID: os.Getenv("_X_AMZN_TRACE_ID")}
	if c, ok := lambdacontext.FromContext(ctx); ok {
		s.RequestID, s.ARN, s.TenantID, s.ClientContext = c.AwsRequestID, c.InvokedFunctionArn, c.TenantID, c.ClientContext.Custom
	}
	if end, ok := ctx.Deadline(); ok {
		s.RemainingMS = time.Until(end).Milliseconds()
	}
	return s
}

// post calls the Runtime API out of turn and returns how it answers.
func post(path string) (string, error) {
	req, err := http.NewRequest("POST", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+path, strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	req.Header.Set("Lambda-Extension-Name", "late")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		ErrorType string `json:"errorType"`
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	return fmt.Sprint(res.StatusCode, " ", answer.ErrorType), err
}

// child leaves a process behind that would outlive this one.
func child(ctx context.Context) (seen, error) {
	cmd := exec.Command("/bin/sleep", "600")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Start()
	s := look(ctx)
	if err == nil {
		s.Child = cmd.Process.Pid
	}
	return s, err
}

func main() {
	fmt.Println("init begins")
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(5)
	case "hang":
		select {}
	case "report":
		_, _ = http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error",
			"application/json", strings.NewReader(`{"errorType":"Config.Bad","errorMessage":"no queue"}`))
		select {}
	case "exit at first": // the file tells the second start from the first
		if _, err := os.Stat(os.Getenv("MARK")); err != nil {
			_ = os.WriteFile(os.Getenv("MARK"), nil, 0o600)
			os.Exit(5)
		}
	case "sigterm":
		lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() {
			fmt.Println("terminating")
			os.Exit(0)
		}))
	case "deaf to sigterm":
		lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() { fmt.Println("not now") }))
	}
	lambda.Start(handle)
}
