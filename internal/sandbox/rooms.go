package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/sandbox/cloudformation"
	"clientkeeper/internal/sandbox/cloudwatch"
	"clientkeeper/internal/sandbox/documents"
	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/scheduler"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/sqs"
	"clientkeeper/internal/sandbox/tenant"
)

// silent is for servers whose clients hang up on purpose.
var silent = log.New(io.Discard, "", 0)

// managementScopes are what the management client of the sandbox may do.
var managementScopes = []string{
	"read:clients", "create:clients", "update:clients", "delete:clients", "read:client_keys", "update:client_keys",
	"read:client_credentials", "create:client_credentials", "update:client_credentials", "delete:client_credentials",
	"read:rules", "read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants",
	"read:resource_servers",
}

// The APIs of the tenant beside its own: the functions', and one for clients
// to be made for.
const apiAudience = "https://clientkeeper/api"

var apiScopes = []string{
	"clients:create", "clients:read", "credentials:write", "credentials:read", "rotations:start", "rotations:read",
	"registrations:create",
}

// startAWS serves SQS and Secrets Manager on one port, as an AWS endpoint does
// for a tool that is given just one.
func (s *Sandbox) startAWS(ctx context.Context) error {
	l, err := listen(ctx, "AWS", s.options.Ports.AWS)
	if err != nil {
		return err
	}
	s.AWSURL = "http://" + l.Addr().String()
	s.SQS = sqs.New(sqs.Options{Region: region, Account: account})
	s.CloudWatch = cloudwatch.New(cloudwatch.Options{Now: s.now})
	s.Secrets = secretsmanager.New(secretsmanager.Options{Region: region, AccountID: account, Now: s.secretsNow, Rotation: secretsmanager.Rotation{
		Invoke: s.invokeStep, MayInvoke: s.hasFunction, OnStep: s.steps.add,
	}})
	s.Scheduler = scheduler.New(scheduler.Options{Region: region, AccountID: account, Invoke: s.invokeScheduled})
	s.onClose(func() error { s.Secrets.Close(); return nil })
	s.onClose(func() error { s.Scheduler.Close(); return nil })
	s.serve(l, http.HandlerFunc(s.aws))
	s.onClose(func() error { s.SQS.Close(); return nil })
	return nil
}

func (s *Sandbox) aws(w http.ResponseWriter, r *http.Request) {
	if err := s.calls.note(s, r); err != nil {
		http.Error(w, "the request broke off", http.StatusBadRequest)
		return
	}
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager."):
		s.Secrets.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/schedule"):
		s.Scheduler.ServeHTTP(w, r)
	default:
		s.SQS.ServeHTTP(w, r)
	}
}

func (s *Sandbox) startDocuments(context.Context) error {
	host, err := documents.Start()
	if err != nil {
		return err
	}
	s.Documents = host
	s.onClose(host.Close)
	return documents.Seed(host)
}

// fetcher is how the tenant reads documents: by the same guard as production,
// in the sandbox's own web.
type fetcher struct{ client *safehttp.Client }

func (f fetcher) Fetch(ctx context.Context, url string, limit int64) (tenant.Fetched, error) {
	r, err := f.client.Get(ctx, safehttp.Request{URL: url, MaxBytes: limit})
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return tenant.Fetched{}, errors.New(e.Detail) // a sentence, for whoever asked for a preview
	}
	if err != nil {
		return tenant.Fetched{}, err
	}
	return tenant.Fetched{Body: r.Body, ContentType: "application/json"}, nil
}

func (s *Sandbox) startTenant(ctx context.Context) error {
	plan, err := tenant.PlanNamed(or(s.options.Plan, "enterprise"))
	if err != nil {
		return err
	}
	mischief, err := tenant.ParseMischief(s.options.Mischief, s.options.Seed)
	if err != nil {
		return err
	}
	port := s.options.Ports.Tenant
	var latency tenant.Latency
	if s.options.Latency {
		latency = tenant.RecordedLatency
	}
	s.Tenant, err = tenant.New(tenant.Options{
		Latency:  latency,
		Domain:   fmt.Sprintf("localhost:%d", port),
		Aliases:  []string{"127.0.0.1", "host.docker.internal"},
		Plan:     plan,
		CIMD:     true,
		CADir:    s.options.Dir,
		Mischief: mischief,
		Seed:     s.options.Seed,
		LogSize:  100_000,
		Fetcher: fetcher{safehttp.New(safehttp.Config{
			Resolve: s.Documents.Resolve, Dial: s.Documents.Dial, Roots: s.Documents.Roots(), Timeout: 2 * time.Second, PerOrigin: 64,
		})},
	})
	if err != nil {
		return err
	}
	if err := s.Tenant.SetPropagation(tenant.Propagation{Window: s.window(), Accept: tenant.AcceptEither}); err != nil {
		return err
	}
	if err := s.Tenant.Listen(fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		return fmt.Errorf("port %d for the tenant cannot be had (%w); is another sandbox running? Stop it, or let this one find free ports with -port 0", port, err)
	}
	s.Tenant.AddAPI(apiAudience, apiScopes...)
	s.Tenant.AddAPI(audience, "read:orders", "write:orders")
	s.serveTenant()
	return s.makeManagementClient()
}

func (s *Sandbox) serveTenant() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Tenant.Serve(ctx) }()
	s.onClose(func() error { cancel(); return <-done })
}

// makeManagementClient stores the credential where functions look for it.
func (s *Sandbox) makeManagementClient() error {
	s.management.id, s.management.secret = s.Tenant.AddManagementClient(managementScopes...)
	// A name of its own: tools that know clients by their names want one each.
	s.developer.id, s.developer.secret = s.Tenant.AddClient("developer")
	s.Tenant.AddGrant(s.developer.id, s.Tenant.Audience(), managementScopes...)
	s.Journal.hunt(s.management.secret)
	s.Journal.hunt(s.developer.secret)
	text, err := json.Marshal(map[string]string{
		"client_id": s.management.id, "client_secret": s.management.secret,
		"issuer": "https://" + s.Tenant.Domain() + "/", "token_endpoint": "https://" + s.Tenant.Domain() + "/oauth/token",
	})
	if err != nil {
		return err
	}
	s.management.arn, err = s.Secrets.Put("clientkeeper/management", string(text), map[string]string{
		"clientkeeper:managed": "true", "clientkeeper:tenant": s.Tenant.Domain(), "clientkeeper:client-id": s.management.id, "clientkeeper:interval": "30d",
	})
	return err
}

func (s *Sandbox) caFile() string { return filepath.Join(s.options.Dir, "ca.pem") }

// parameters are the template's, as they fit a laptop: retries within seconds.
func (s *Sandbox) parameters() map[string]string {
	p := map[string]string{
		"Auth0Domain":         s.Tenant.Domain(),
		"Auth0CAFile":         s.caFile(),
		"ManagementSecretArn": s.management.arn,
		"AllowedHosts":        "vscode.dev,client.dev,claude.ai,chatgpt.com,zed.dev,opencode.ai,*.example.com,*.example.net",
		"AllowedAudiences":    audience,
		"MaxTries":            "3",
		"RetryBaseDelay":      "1s",
		"RetryMaxDelay":       "2s",
		"PropagationWindow":   s.window().String(),
		"SigningSpread":       s.window().String(),
	}
	maps.Copy(p, s.options.Parameters)
	return p
}

func (s *Sandbox) readTemplate(context.Context) error {
	const name = "template.yaml"
	text, err := os.ReadFile(filepath.Join(s.options.Source, name))
	if err != nil {
		return fmt.Errorf("%w; start the sandbox in the repository's root, or name it with -source", err)
	}
	s.Stack, err = cloudformation.Read(text, cloudformation.Options{
		File: name, StackName: stackName, Region: region, AccountID: account, Parameters: s.parameters(),
		QueueURL: func(queue string) string { return s.AWSURL + "/" + account + "/" + queue },
		// Lambda here knows functions by their logical ids, as sam local does.
		FunctionARN: func(logicalID, _ string) string { return s.functionARN(logicalID) },
	})
	return err
}

// awsConfig is how the sandbox's own clients reach its AWS.
func (s *Sandbox) awsConfig() aws.Config { return s.configOf("test") }

// configOf is how somebody with an access key id reaches it.
func (s *Sandbox) configOf(accessKeyID string) aws.Config {
	return awsrequest.Config(aws.Config{
		Region: region, BaseEndpoint: &s.AWSURL,
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "test", ""),
	})
}

func (s *Sandbox) createQueues(ctx context.Context) error {
	client := awssqs.NewFromConfig(s.awsConfig())
	for _, q := range s.Stack.Queues {
		if _, err := client.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: &q.Name, Attributes: q.Attributes}); err != nil {
			return fmt.Errorf("queue %s: %w", q.LogicalID, err)
		}
	}
	return nil
}

func (s *Sandbox) startLambda(context.Context) error {
	s.LambdaURL = "http://" + s.lambdaPort.Addr().String()
	s.Lambda = lambda.New(lambda.Options{
		Region: region, AccountID: account, Crash: s.options.Crash,
		Line: func(_, _ string, line []byte) {
			s.Journal.line(line)
			s.CloudWatch.Line(line)
		},
		Platform: s.invoked, DeadLetter: s.givenUp,
	})
	s.onClose(func() error { s.Lambda.Close(); return nil })
	s.serve(s.lambdaPort, s.Lambda)
	for _, f := range s.Stack.Functions {
		env := maps.Clone(f.Env)
		env["AWS_ENDPOINT_URL"] = s.AWSURL
		env["AWS_LAMBDA_LOG_FORMAT"], env["AWS_LAMBDA_LOG_LEVEL"] = f.LogFormat, f.LogLevel
		// By its logical id, as sam local names functions.
		err := s.Lambda.Register(lambda.Function{
			Name: f.LogicalID, Binary: s.binary(f), Env: env, Timeout: f.Timeout, MemoryMB: f.MemoryMB,
			MaxConcurrency: max(f.ReservedConcurrency, 0), AccessKeyID: f.LogicalID, AsyncRetries: asyncRetries(f),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Sandbox) mapQueues(ctx context.Context) error {
	for _, f := range s.Stack.Functions {
		for _, e := range f.SQSEvents {
			if !e.Enabled {
				continue
			}
			p, err := s.Lambda.Map(ctx, lambda.Mapping{
				Function: f.LogicalID, QueueURL: e.QueueURL, QueueARN: e.QueueARN, BatchSize: e.BatchSize, BatchingWindow: e.Window,
				MaximumConcurrency: e.MaximumConcurrency, ReportBatchItemFailures: e.ReportBatchItemFailures,
			}, awssqs.NewFromConfig(s.configOf(f.LogicalID)))
			if err != nil {
				return fmt.Errorf("event %s of %s: %w", e.LogicalID, f.LogicalID, err)
			}
			s.pollers = append(s.pollers, p)
		}
	}
	return nil
}

// queueNamed is a queue of the stack by its logical id.
func (s *Sandbox) queueNamed(logicalID string) cloudformation.Queue {
	for _, q := range s.Stack.Queues {
		if q.LogicalID == logicalID {
			return q
		}
	}
	return cloudformation.Queue{}
}

// The queues of registrations.
func (s *Sandbox) registrations() cloudformation.Queue { return s.queueNamed("RegistrationsQueue") }
func (s *Sandbox) deadLetters() cloudformation.Queue {
	return s.queueNamed("RegistrationsDeadLetterQueue")
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
