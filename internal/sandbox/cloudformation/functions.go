package cloudformation

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	maxTimeout     = 900       // seconds
	maxMemory      = 10240     // megabytes
	maxEnvironment = 4 << 10   // bytes
	unreserved     = -1        // ReservedConcurrency without a reservation
	maxConcurrency = 1_000_000 // above any account's
	lambdaRetries  = 2         // of an asynchronous event, unless the template says less
)

// function reads an AWS::Serverless::Function; the defaults are SAM's.
func (r *resolver) function(res *resource) Function {
	p := r.propertiesOf(res)
	name, _ := r.name(res)
	p.read["FunctionName"] = true
	f := Function{
		LogicalID:           res.id,
		Name:                name,
		ARN:                 r.options.FunctionARN(res.id, name),
		Folder:              folder(res.id),
		Timeout:             time.Duration(p.int("Timeout", 3, 1, maxTimeout)) * time.Second,
		MemoryMB:            p.int("MemorySize", 128, 128, maxMemory),
		Architecture:        r.architecture(p),
		ReservedConcurrency: p.int("ReservedConcurrentExecutions", unreserved, 0, maxConcurrency),
	}
	f.Alias, _ = p.string("AutoPublishAlias")
	r.runtime(p)
	logging := p.object("LoggingConfig")
	f.LogFormat = or(oneOf(logging, "LogFormat", "Text", "JSON"), "Text")
	f.LogLevel = or(oneOf(logging, "ApplicationLogLevel", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"), "INFO")
	logging.done()
	environment := p.object("Environment")
	f.Env = r.environment(environment.object("Variables"))
	environment.done()
	r.events(&f, p.object("Events"))
	r.asynchronous(&f, p.object("EventInvokeConfig"))
	p.done()
	return f
}

// asynchronous reads what becomes of asynchronous events that fail.
func (r *resolver) asynchronous(f *Function, config *properties) {
	f.FewerRetries = lambdaRetries - config.int("MaximumRetryAttempts", lambdaRetries, 0, lambdaRetries)
	destinations := config.object("DestinationConfig")
	failure := destinations.object("OnFailure")
	if oneOf(failure, "Type", "SQS") == "SQS" {
		f.OnFailure, _ = failure.string("Destination")
	}
	failure.done()
	destinations.done()
	config.done()
}

// runtime refuses what the sandbox cannot run: it starts Go binaries.
func (r *resolver) runtime(p *properties) {
	if runtime, ok := p.string("Runtime"); ok && !strings.HasPrefix(runtime, "provided.") {
		p.wrong(p.at("Runtime"), "Runtime", "must be provided.al2023: the sandbox runs Go binaries")
	}
	p.string("Handler")
	p.string("CodeUri")
	p.string("Description")
}

func (r *resolver) architecture(p *properties) string {
	list := p.strings("Architectures")
	if len(list) == 0 {
		return "x86_64"
	}
	if len(list) > 1 || list[0] != "x86_64" && list[0] != "arm64" {
		p.wrong(p.at("Architectures"), "Architectures", "must be one of arm64 and x86_64")
	}
	return list[0]
}

// oneOf is a member that must be one of a few words; empty if it is absent.
func oneOf(p *properties, key string, words ...string) string {
	s, ok := p.string(key)
	if ok && !slices.Contains(words, s) {
		p.wrong(p.at(key), key, "must be one of %s", strings.Join(words, ", "))
		return ""
	}
	return s
}

var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// reserved are the names that Lambda sets itself and refuses ("Using Lambda
// environment variables", Reserved environment variables).
var reserved = regexp.MustCompile(`^(_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|` +
	`AWS_LAMBDA_(FUNCTION_(NAME|MEMORY_SIZE|VERSION)|INITIALIZATION_TYPE|LOG_(GROUP|STREAM)_NAME|RUNTIME_API)|` +
	`AWS_(ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR))$`)

func (r *resolver) environment(p *properties) map[string]string {
	env := map[string]string{}
	size := 0
	for k := range entries(p.node) {
		value, ok := p.string(k.Value)
		if !ok {
			continue
		}
		switch {
		case reserved.MatchString(k.Value):
			p.wrong(k, k.Value, "is a variable that Lambda sets itself")
		case !variableName.MatchString(k.Value):
			p.wrong(k, k.Value, "is not a variable's name: a letter, then letters, digits and _")
		}
		env[k.Value] = value
		size += len(k.Value) + len(value)
	}
	if size > maxEnvironment {
		p.r.mistakes.add(p.line, "%s is larger than %d bytes", p.path, maxEnvironment)
	}
	return env
}

// events reads the events of the types SQS, ScheduleV2 and HttpApi.
func (r *resolver) events(f *Function, events *properties) {
	for k := range entries(events.node) {
		event := events.object(k.Value)
		switch kind, _ := event.string("Type"); kind {
		case "SQS":
			if e, ok := r.sqsEvent(k, event.object("Properties")); ok {
				f.SQSEvents = append(f.SQSEvents, e)
			}
			event.done()
		case "ScheduleV2":
			if e, ok := r.schedule(k, event.object("Properties")); ok {
				f.Schedules = append(f.Schedules, e)
			}
			event.done()
		case "HttpApi":
			r.httpAPIEvent(f.LogicalID, k, event.object("Properties"))
			event.done()
		default:
			r.ignore(k.Line, "%s.%s: %s event", events.path, k.Value, or(kind, "untyped"))
		}
	}
}

// schedule reads one event of type ScheduleV2. Whether its expression can be
// understood is the scheduler's to say.
func (r *resolver) schedule(id *yaml.Node, p *properties) (Schedule, bool) {
	e := Schedule{LogicalID: id.Value, Enabled: oneOf(p, "State", "ENABLED", "DISABLED") != "DISABLED"}
	e.Name, _ = p.string("Name")
	e.Name = or(e.Name, r.options.StackName+"-"+id.Value)
	e.Input, _ = p.string("Input")
	expression, ok := p.string("ScheduleExpression")
	p.done()
	if !ok {
		r.mistakes.add(id.Line, "%s has no ScheduleExpression", p.path)
		return e, false
	}
	e.Expression = expression
	return e, true
}

// sqsEvent reads one event; the limits are those of CreateEventSourceMapping.
func (r *resolver) sqsEvent(id *yaml.Node, p *properties) (SQSEvent, bool) {
	e := SQSEvent{
		LogicalID: id.Value,
		BatchSize: p.int("BatchSize", 10, 1, 10_000),
		Window:    time.Duration(p.int("MaximumBatchingWindowInSeconds", 0, 0, 300)) * time.Second,
		Enabled:   p.bool("Enabled", true),
	}
	scaling := p.object("ScalingConfig")
	e.MaximumConcurrency = scaling.int("MaximumConcurrency", 0, 2, 1000)
	scaling.done()
	for _, kind := range p.strings("FunctionResponseTypes") {
		if kind != "ReportBatchItemFailures" {
			p.wrong(p.at("FunctionResponseTypes"), "FunctionResponseTypes", "can only be ReportBatchItemFailures")
		}
		e.ReportBatchItemFailures = true
	}
	if e.BatchSize > 10 && e.Window == 0 {
		p.wrong(p.at("BatchSize"), "BatchSize", "above 10 needs MaximumBatchingWindowInSeconds of at least 1")
	}
	arn, ok := p.string("Queue")
	p.done()
	if !ok {
		r.mistakes.add(id.Line, "%s has no Queue", p.path)
		return e, false
	}
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" || parts[5] == "" {
		p.wrong(p.at("Queue"), "Queue", "must be the ARN of a queue")
		return e, false
	}
	e.QueueARN, e.QueueURL = arn, r.options.QueueURL(parts[5])
	return e, true
}
