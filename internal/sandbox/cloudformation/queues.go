package cloudformation

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// numbers are the numeric attributes of a queue and their limits
// (SetQueueAttributes).
var numbers = []struct {
	name      string
	low, high int
}{
	{"DelaySeconds", 0, 900},
	{"KmsDataKeyReusePeriodSeconds", 60, 86_400},
	{"MaximumMessageSize", 1024, 1 << 20},
	{"MessageRetentionPeriod", 60, 1_209_600},
	{"ReceiveMessageWaitTimeSeconds", 0, 20},
	{"VisibilityTimeout", 0, 43_200},
}

// queue reads an AWS::SQS::Queue.
func (r *resolver) queue(res *resource) Queue {
	p := r.propertiesOf(res)
	name, _ := r.name(res)
	p.read["QueueName"] = true
	q := Queue{LogicalID: res.id, Name: name, URL: r.options.QueueURL(name), ARN: r.arn("sqs", name),
		FIFO: p.bool("FifoQueue", false), Attributes: map[string]string{}}
	if q.FIFO != strings.HasSuffix(name, ".fifo") && name != "" {
		r.mistakes.add(res.line, "%s: the name of a FIFO queue, and of no other, ends with .fifo", res.id)
	}
	if q.FIFO {
		q.Attributes["FifoQueue"] = "true"
	}
	for _, n := range numbers {
		if v := p.int(n.name, -1, n.low, n.high); v >= 0 {
			q.Attributes[n.name] = strconv.Itoa(v)
		}
	}
	for _, name := range []string{"ContentBasedDeduplication", "SqsManagedSseEnabled"} {
		if lookup(p.node, name) != nil {
			q.Attributes[name] = strconv.FormatBool(p.bool(name, false))
		}
	}
	for _, name := range []string{"DeduplicationScope", "FifoThroughputLimit", "KmsMasterKeyId"} {
		if v, ok := p.string(name); ok {
			q.Attributes[name] = v
		}
	}
	r.redrive(p, q)
	p.done()
	return q
}

// redrive adds the two policies, which CreateQueue takes as JSON.
func (r *resolver) redrive(p *properties, q Queue) {
	if policy := p.object("RedrivePolicy"); policy.node != nil {
		target, ok := policy.string("deadLetterTargetArn")
		if !ok {
			r.mistakes.add(policy.line, "%s has no deadLetterTargetArn", policy.path)
		}
		q.Attributes["RedrivePolicy"] = encode(struct {
			Target string `json:"deadLetterTargetArn"`
			Max    int    `json:"maxReceiveCount"`
		}{target, policy.int("maxReceiveCount", 10, 1, 1000)})
		policy.done()
	}
	if allow := p.object("RedriveAllowPolicy"); allow.node != nil {
		q.Attributes["RedriveAllowPolicy"] = encode(struct {
			Permission string   `json:"redrivePermission"`
			Sources    []string `json:"sourceQueueArns,omitempty"`
		}{oneOf(allow, "redrivePermission", "allowAll", "denyAll", "byQueue"), allow.strings("sourceQueueArns")})
		allow.done()
	}
}

// encode writes a struct of strings and numbers, which cannot fail.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("cloudformation: " + err.Error())
	}
	return string(b)
}

// deadLetterARN is the target of a queue's redrive policy, or empty.
func (q Queue) deadLetterARN() string {
	var policy struct {
		Target string `json:"deadLetterTargetArn"`
	}
	_ = json.Unmarshal([]byte(q.Attributes["RedrivePolicy"]), &policy) // absent is empty
	return policy.Target
}

// visibility is the queue's visibility timeout, 30 seconds unless it is set.
func (q Queue) visibility() time.Duration {
	seconds, err := strconv.Atoi(q.Attributes["VisibilityTimeout"])
	if err != nil {
		seconds = 30
	}
	return time.Duration(seconds) * time.Second
}
