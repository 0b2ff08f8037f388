// Package sandbox is the cloud on a laptop: an Auth0 tenant, SQS, Secrets
// Manager, Lambda and an HTTP API in one process, running the functions' real binaries as
// template.yaml configures them. No account, no Docker.
//
// Everything that the functions talk to is on the wire, so the AWS CLI, any AWS
// SDK and any Auth0 SDK can talk to it too. Everything listens on loopback and
// nothing is kept when it stops, except the certificate authority and the
// built binaries in its folder.
//
// Each room (the packages below this one) lists what it does not imitate in
// its package comment. Across them: nothing checks IAM permissions or
// signatures, and metadata documents come from a host in the sandbox that
// answers for every name. So no request leaves the machine but one: a jwks_uri
// is read by the function itself, where it really is. Of the template, no pipe
// is imitated, so events stay in their queue; no custom resource, so nothing
// checks a deployment; no version, alias or gradual deployment. The queue of
// failed runs gets what a function failed at, and not what EventBridge
// Scheduler could not begin.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"clientkeeper/internal/sandbox/apigateway"
	"clientkeeper/internal/sandbox/cloudformation"
	"clientkeeper/internal/sandbox/cloudwatch"
	"clientkeeper/internal/sandbox/documents"
	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/scheduler"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/sqs"
	"clientkeeper/internal/sandbox/tenant"
)

// Ports are where the sandbox listens; 0 means a free port.
type Ports struct{ AWS, Lambda, Tenant, HTTP int }

// DefaultPorts are those that people know: LocalStack's for AWS, SAM's for
// Lambda and for HTTP APIs.
var DefaultPorts = Ports{AWS: 4566, Lambda: 3001, Tenant: 8443, HTTP: 3000}

const (
	// Version 1 of the AWS CLI ignores AWS_ENDPOINT_URL for SQS in the regions
	// of which it knows an old host name. It knows none for this one.
	region    = "eu-central-2"
	account   = "123456789012"
	stackName = "clientkeeper"
)

// Options say how to start. Dir and Source are required.
type Options struct {
	// Dir takes what the sandbox writes: the environment file, the tenant's
	// certificate, the binaries. One sandbox at a time can have it.
	Dir string
	// Source is the repository's root: template.yaml, functions/ and events/.
	Source string
	Ports  Ports
	// Parameters of the template, instead of the sandbox's own values.
	Parameters map[string]string
	// Plan is the tenant's, as tenant.PlanNamed knows it; empty is enterprise.
	Plan string
	// Mischief is what tenant.ParseMischief reads; empty is none.
	Mischief string
	Seed     uint64
	// Window is how long the tenant accepts an old and a new secret, now this
	// and now that; zero is 2 s. Auth0 says up to 30.
	Window time.Duration
	// Latency makes the tenant as slow as recordings of real ones.
	Latency bool
	// Crash is asked before each invocation whether its process is to die.
	Crash func(function string) lambda.Crash
	// Line is told each line that a function writes, one at a time. It must
	// not keep the bytes.
	Line func(line []byte)
	// Step is told each step of each rotation, when it has ended.
	Step func(secretsmanager.StepEvent)
	// Clock is that of Secrets Manager and CloudWatch; nil means time.Now. The
	// functions have their own.
	Clock func() time.Time
	// Progress is told what is going on while the sandbox starts.
	Progress func(text string)
}

// A Sandbox is running. Its rooms may be used directly.
type Sandbox struct {
	Tenant    *tenant.Tenant
	SQS       *sqs.Service
	Secrets   *secretsmanager.Service
	Lambda    *lambda.Service
	Scheduler *scheduler.Service
	API       *apigateway.API // nil if the template has no HTTP API
	Documents *documents.Host
	Stack     *cloudformation.Stack
	Journal   *Journal
	// CloudWatch has the metrics that the functions write.
	CloudWatch *cloudwatch.Service

	// Addresses; APIURL is empty if the template has no HTTP API.
	AWSURL, LambdaURL, APIURL string
	// EnvFile is the file to source in a shell.
	EnvFile string

	options    Options
	management credential   // the functions', which is rotated
	developer  credential   // the same for people, which is not
	caller     credential   // a client that may call the HTTP API
	past       atomic.Int64 // how far Secrets Manager's clock is behind, while old secrets are made
	pollers    []*lambda.Poller
	steps      steps
	calls      calls
	// Taken before anything is built, so that a taken port is told at once.
	lambdaPort, apiPort net.Listener
	closers             []func() error // in the order of starting
	closing             sync.Once
	closeErr            error
}

// credential is the management client's.
type credential struct{ id, secret, arn string }

// Start starts everything and returns when all of it answers. On an error
// nothing is left running.
func Start(ctx context.Context, o Options) (_ *Sandbox, err error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Dir == "" {
		return nil, errors.New("the sandbox has no folder to write to; name one with -dir")
	}
	if o.Dir, err = filepath.Abs(o.Dir); err == nil {
		err = os.MkdirAll(o.Dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("the sandbox's folder cannot be made: %w; name another with -dir", err)
	}
	s := &Sandbox{options: o, Journal: newJournal(o.Line), steps: steps{tell: o.Step}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, step := range []func(context.Context) error{
		s.takeFolder, s.startAWS, s.startDocuments, s.startTenant, s.makeCaller, s.readTemplate, s.takePorts, s.createQueues, s.createSecrets, s.buildFunctions, s.startLambda, s.startAPI, s.mapQueues, s.enableRotation, s.writeEnv, s.startScheduler,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close stops everything, the last thing started first. It may be called more
// than once.
func (s *Sandbox) Close() error {
	s.closing.Do(func() {
		var errs []error
		for i := len(s.closers) - 1; i >= 0; i-- {
			errs = append(errs, s.closers[i]())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

func (s *Sandbox) onClose(f func() error) { s.closers = append(s.closers, f) }

// listen takes a port on loopback, or says who may have it.
func listen(ctx context.Context, what string, port int) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("port %d for %s cannot be had (%w); is another sandbox running? Stop it, or let this one find free ports with -port 0", port, what, err)
	}
	return l, nil
}

// serve answers HTTP on l until Close.
func (s *Sandbox) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	s.onClose(func() error {
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
}
