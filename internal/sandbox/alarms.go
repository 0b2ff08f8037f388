package sandbox

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/sandbox/apigateway"
	"clientkeeper/internal/sandbox/cloudformation"
	"clientkeeper/internal/sandbox/cloudwatch"
	"clientkeeper/internal/sandbox/lambda"
)

// Ringing are the template's alarms that ring now, by their logical ids, each
// with the values that make it ring. It looks at the queues once, as AWS does
// every minute.
func (s *Sandbox) Ringing() map[string]string {
	s.lookAtQueues()
	out := map[string]string{}
	for _, a := range s.Stack.Alarms {
		if state, story := s.CloudWatch.Judge(s.alarm(a)); state == cloudwatch.Ringing {
			out[a.LogicalID] = strings.TrimSpace(story)
		}
	}
	return out
}

// Alarm is an alarm of the template by its logical id, as it is judged here. The
// zero Alarm: there is none.
func (s *Sandbox) Alarm(id string) cloudwatch.Alarm {
	for _, a := range s.Stack.Alarms {
		if a.LogicalID == id {
			return s.alarm(a)
		}
	}
	return cloudwatch.Alarm{}
}

// alarm is an alarm of the template as it is judged here, where functions go by
// their logical ids.
func (s *Sandbox) alarm(a cloudformation.Alarm) cloudwatch.Alarm {
	out := cloudwatch.Alarm{Statistic: a.Statistic, Period: a.Period, Periods: a.Periods, Datapoints: a.Datapoints,
		Threshold: a.Threshold, Comparison: a.Comparison, Missing: a.Missing}
	for _, series := range a.Series {
		dimensions := maps.Clone(series.Dimensions)
		for _, f := range s.Stack.Functions {
			for _, name := range []string{"Function", "FunctionName"} {
				if dimensions[name] == f.Name {
					dimensions[name] = f.LogicalID
				}
			}
		}
		out.Series = append(out.Series, cloudwatch.Series{Namespace: series.Namespace, Metric: series.Metric, Dimensions: dimensions})
	}
	return out
}

// lookAtQueues takes the metrics that SQS itself has of its queues. (Amazon SQS
// Developer Guide, "Available CloudWatch metrics".)
func (s *Sandbox) lookAtQueues() {
	for _, q := range s.SQS.Queues() {
		of := func(metric string) cloudwatch.Series {
			return cloudwatch.Series{Namespace: "AWS/SQS", Metric: metric, Dimensions: map[string]string{"QueueName": q.Name}}
		}
		s.CloudWatch.Put(of("ApproximateNumberOfMessagesVisible"), float64(q.Visible))
		messages, _ := s.SQS.Messages(q.Name)
		var oldest time.Duration
		for _, m := range messages {
			oldest = max(oldest, s.now().Sub(m.SentAt))
		}
		s.CloudWatch.Put(of("ApproximateAgeOfOldestMessage"), oldest.Seconds())
	}
}

// invoked takes the metrics that Lambda itself has of its functions. (AWS Lambda
// Developer Guide, "Types of metrics for Lambda functions".)
func (s *Sandbox) invoked(e lambda.Event) {
	if e.Type != lambda.Report {
		return
	}
	of := func(metric string) cloudwatch.Series {
		return cloudwatch.Series{Namespace: "AWS/Lambda", Metric: metric, Dimensions: map[string]string{"FunctionName": e.Function}}
	}
	s.CloudWatch.Put(of("Invocations"), 1)
	if e.Status != lambda.Success {
		s.CloudWatch.Put(of("Errors"), 1)
	}
}

// answered takes the metrics that API Gateway itself has of an HTTP API. (Amazon
// API Gateway Developer Guide, "Monitor CloudWatch metrics for HTTP APIs".)
func (s *Sandbox) answered(api string, a apigateway.Access) {
	for _, dimensions := range []map[string]string{{"ApiId": api}, {"ApiId": api, "Stage": "$default"}} {
		put := func(metric string, value float64) {
			s.CloudWatch.Put(cloudwatch.Series{Namespace: "AWS/ApiGateway", Metric: metric, Dimensions: dimensions}, value)
		}
		put("Count", 1)
		put("Latency", float64(a.Latency.Milliseconds()))
		put("IntegrationLatency", float64(a.IntegrationLatency.Milliseconds()))
		switch {
		case a.Status >= 500:
			put("5xx", 1)
		case a.Status >= 400:
			put("4xx", 1)
		}
	}
}

// givenUp sends an asynchronous event that was given up to its function's
// destination for failures. (AWS Lambda Developer Guide, "Capturing records of
// Lambda asynchronous invocations".)
func (s *Sandbox) givenUp(d lambda.DeadLetter) {
	for _, f := range s.Stack.Functions {
		if f.OnFailure == "" || s.functionARN(f.LogicalID) != d.Function {
			continue
		}
		record, err := json.Marshal(map[string]any{
			"version": "1.0", "timestamp": s.now().UTC().Format(time.RFC3339Nano),
			"requestContext": map[string]any{"requestId": d.RequestID, "functionArn": d.Function + ":$LATEST",
				"condition": d.Condition, "approximateInvokeCount": d.Attempts},
			"requestPayload": asJSON(d.Payload), "responsePayload": asJSON(d.Response),
			"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		})
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		url := s.AWSURL + "/" + account + "/" + f.OnFailure[strings.LastIndex(f.OnFailure, ":")+1:]
		_, _ = awssqs.NewFromConfig(s.configOf(f.LogicalID)).SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(record))})
	}
}

func asJSON(text []byte) json.RawMessage {
	if !json.Valid(text) {
		return json.RawMessage("null")
	}
	return text
}

// asyncRetries are the waits before each further try of an asynchronous event:
// seconds here for Lambda's minutes.
func asyncRetries(f cloudformation.Function) []time.Duration {
	return []time.Duration{time.Second, 2 * time.Second}[:2-f.FewerRetries]
}

func (s *Sandbox) now() time.Time {
	if s.options.Clock != nil {
		return s.options.Clock()
	}
	return time.Now()
}
