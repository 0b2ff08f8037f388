// Package cloudformation reads a SAM template, so that the sandbox runs what
// the template says and nothing has to be said twice.
//
// [Read] takes the template's text and the values of its parameters and returns
// a [Stack]: the functions, the queues they read, their HTTP APIs and the secrets, with every
// parameter, condition, intrinsic function and Globals section resolved, as
// the requests that create them need it. It checks what CloudFormation, SQS
// and Lambda would refuse (a parameter outside its pattern, a batch size that
// needs a window, a visibility timeout below the function's timeout) and
// reports all mistakes at once, each with its line. The values of parameters
// are never repeated in a message.
//
// What the sandbox does not imitate, be it a resource type, a property, an
// event source or an intrinsic function, is no mistake: it is left out and
// named in [Stack.Ignored].
//
// A function's folder is not in a template. By convention it is the logical id
// without "Function", in kebab case: RegisterClientFunction is
// functions/register-client. The Makefile builds by the same convention.
//
// The package starts nothing, reads no file and knows none of the other rooms.
//
// # Divergences
//
//   - Generated names are <stack>-<logical id>, without a random ending.
//   - Ref of a resource that is not imitated is such a generated name.
//   - Resources that SAM itself adds (RegisterClientFunctionRole, ...) cannot
//     be referred to.
//   - Only SQS, ScheduleV2 and HttpApi events are read; of an HTTP API no
//     OpenAPI definition, domain or Lambda authorizer. IgnoreGlobals, nested stacks, Rules, dynamic
//     references ({{resolve:...}}) and SSM parameter types are not.
//   - Fn::FindInMap takes no default value; Fn::Base64, Fn::Cidr, Fn::GetAZs,
//     Fn::ImportValue, Fn::Transform and the language extensions are ignored,
//     and so is each property that would need them.
//   - A pattern that Go's regular expressions cannot express (look-around, for
//     one) is not checked; it is named in Ignored.
//   - Numbers keep their spelling: 0x10 stays 0x10.
package cloudformation

import (
	"fmt"
	"time"
)

// Options are the surroundings of a stack. The zero value is the sandbox's
// default: stack clientkeeper in us-east-1, account 123456789012.
type Options struct {
	// File is the template's name in messages; empty means template.yaml.
	File string
	// StackName, Region and AccountID are what the pseudo parameters give.
	StackName, Region, AccountID string
	// Parameters are the values of parameters, by name. A parameter that is
	// not here has its default.
	Parameters map[string]string
	// QueueURL makes the URL of a queue from its name; nil means
	// http://127.0.0.1:4566/<account>/<name>.
	QueueURL func(name string) string
	// FunctionARN makes the ARN of a function; nil means that of its name.
	FunctionARN func(logicalID, name string) string
	// SecretARN makes the ARN of a secret from its name; nil means an ARN
	// without the six random characters, which Secrets Manager takes too.
	SecretARN func(name string) string
}

// A Stack is what a template asks for, resolved.
type Stack struct {
	Name      string
	Functions []Function // in the template's order
	// Queues are in the order to create them in: a dead-letter queue comes
	// before the queues that name it.
	Queues   []Queue
	Secrets  []Secret          // in the template's order
	HTTPAPIs []HTTPAPI         // in the template's order, SAM's own last
	Alarms   []Alarm           `json:",omitempty"` // in the template's order
	Outputs  map[string]string // by name
	// Ignored names what the template asks for and the sandbox does not
	// imitate, in the template's order, such as
	// "template.yaml:12: RegisterClientRole: AWS::IAM::Role".
	Ignored []string
}

// A Function is an AWS::Serverless::Function.
type Function struct {
	LogicalID string
	Name      string // FunctionName, or <stack>-<logical id>
	ARN       string
	Folder    string // such as functions/register-client
	Timeout   time.Duration
	MemoryMB  int
	// Architecture is arm64 or x86_64.
	Architecture string
	Env          map[string]string
	// LogFormat (Text or JSON) and LogLevel are what the function sees as
	// AWS_LAMBDA_LOG_FORMAT and, with JSON, AWS_LAMBDA_LOG_LEVEL.
	LogFormat, LogLevel string
	// ReservedConcurrency is negative if none is reserved: zero stops the
	// function.
	ReservedConcurrency int
	SQSEvents           []SQSEvent // in the template's order
	Schedules           []Schedule // in the template's order
	// FewerRetries is how many of Lambda's two further tries of an
	// asynchronous event are left out; OnFailure is the ARN of the queue for
	// events that are given up, or empty.
	FewerRetries int    `json:",omitempty"`
	OnFailure    string `json:",omitempty"`
	// Alias leads to the newest version, which is the only one here; empty:
	// there is none.
	Alias string `json:",omitempty"`
}

// A Schedule is a schedule of EventBridge Scheduler that invokes its function.
type Schedule struct {
	LogicalID  string
	Name       string // as in the template, or <stack>-<logical id>
	Expression string // such as rate(15 minutes)
	Input      string // the event; empty means Scheduler's own envelope
	Enabled    bool
}

// An SQSEvent is an event source mapping from a queue to its function.
type SQSEvent struct {
	LogicalID string
	QueueARN  string
	QueueURL  string
	BatchSize int
	Window    time.Duration // MaximumBatchingWindowInSeconds
	// MaximumConcurrency is zero if there is no maximum.
	MaximumConcurrency      int
	ReportBatchItemFailures bool
	Enabled                 bool
}

// A Queue is an AWS::SQS::Queue.
type Queue struct {
	LogicalID string
	Name      string
	URL       string
	ARN       string
	FIFO      bool
	// Attributes are those that the template sets, as CreateQueue takes them.
	Attributes map[string]string
}

// maxTemplate is CloudFormation's limit for a template in S3 ("Understand
// CloudFormation quotas").
const maxTemplate = 1 << 20

// Read resolves a template. The error, if any, joins every mistake that was
// found, each as "file:line: what is wrong", and comes without a Stack.
func Read(text []byte, o Options) (*Stack, error) {
	o = o.withDefaults()
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("%s: larger than %d bytes", o.File, maxTemplate)
	}
	r := newResolver(o)
	r.parse(text)
	if r.mistakes.none() {
		r.readParameters()
		r.readConditions()
		r.mergeGlobals()
	}
	if !r.mistakes.none() {
		return nil, r.mistakes.err()
	}
	s := r.stack()
	if !r.mistakes.none() {
		return nil, r.mistakes.err()
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	or := func(s *string, fallback string) {
		if *s == "" {
			*s = fallback
		}
	}
	or(&o.File, "template.yaml")
	or(&o.StackName, "clientkeeper")
	or(&o.Region, "us-east-1")
	or(&o.AccountID, "123456789012")
	if o.QueueURL == nil {
		account := o.AccountID
		o.QueueURL = func(name string) string { return "http://127.0.0.1:4566/" + account + "/" + name }
	}
	if o.FunctionARN == nil {
		prefix := "arn:aws:lambda:" + o.Region + ":" + o.AccountID + ":function:"
		o.FunctionARN = func(_, name string) string { return prefix + name }
	}
	if o.SecretARN == nil {
		region, account := o.Region, o.AccountID
		o.SecretARN = func(name string) string {
			return "arn:aws:secretsmanager:" + region + ":" + account + ":secret:" + name
		}
	}
	return o
}
