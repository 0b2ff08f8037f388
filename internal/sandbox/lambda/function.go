package lambda

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Version is the only version of a function there is.
const Version = "$LATEST"

// Function is a Lambda function: a binary and its settings.
type Function struct {
	Name string
	// ARN is made from the name when empty.
	ARN string
	// Binary is the path of the executable, which Lambda calls bootstrap.
	Binary string
	// Env is what the template declares. Nothing comes from the host.
	Env map[string]string
	// AccessKeyID tells whose the function's calls are; empty means that of
	// the [Options].
	AccessKeyID string
	// Timeout bounds one invocation; default 3 s, as in Lambda.
	Timeout time.Duration
	// InitTimeout bounds the time from process start to the first request for
	// an event; default 10 s, as in Lambda.
	InitTimeout time.Duration
	// MemoryMB is reported to the function, not enforced; default 128.
	MemoryMB int
	// MaxConcurrency is the reserved concurrency; zero means no limit.
	MaxConcurrency int
	// AsyncRetries are the waits before each retry of an asynchronous
	// invocation that failed. Nil means Lambda's one and two minutes; empty
	// means no retry.
	AsyncRetries []time.Duration
}

var (
	functionName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
)

// reserved are the variables that Lambda sets and functions may not declare.
// Source: AWS, "Working with Lambda environment variables".
var reserved = []string{
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE",
	"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	"AWS_LAMBDA_MAX_CONCURRENCY", // would make one process take several events
}

// complete fills in the defaults and refuses what Lambda would refuse. Values
// of variables are never part of an error: they may be secrets.
func (f Function) complete(o Options) (Function, error) {
	setDefault(&f.ARN, fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", o.Region, o.AccountID, f.Name))
	if f.Timeout == 0 {
		f.Timeout = 3 * time.Second
	}
	if f.InitTimeout == 0 {
		f.InitTimeout = 10 * time.Second
	}
	if f.MemoryMB == 0 {
		f.MemoryMB = 128
	}
	if f.AsyncRetries == nil {
		f.AsyncRetries = []time.Duration{time.Minute, 2 * time.Minute}
	}
	f.Env = maps.Clone(f.Env)

	if !functionName.MatchString(f.Name) {
		return f, fmt.Errorf("lambda: %q is no name for a function: 1 to 64 letters, digits, - and _", f.Name)
	}
	if err := errors.Join(f.checkLimits(), f.checkEnv(), f.resolveBinary()); err != nil {
		return f, fmt.Errorf("lambda: function %s: %w", f.Name, err)
	}
	return f, nil
}

func (f *Function) checkLimits() error {
	if f.Timeout < 0 || f.Timeout > 15*time.Minute {
		return fmt.Errorf("timeout %s is not within 15 minutes", f.Timeout)
	}
	if f.InitTimeout < 0 || f.MemoryMB < 0 || f.MaxConcurrency < 0 {
		return errors.New("a limit is negative")
	}
	return nil
}

func (f *Function) checkEnv() error {
	var errs []error
	size := 0
	for _, k := range slices.Sorted(maps.Keys(f.Env)) {
		size += len(k) + len(f.Env[k])
		if !variableName.MatchString(k) {
			errs = append(errs, fmt.Errorf("variable %q: a name is a letter, then letters, digits and _", k))
		}
		if slices.Contains(reserved, k) {
			errs = append(errs, fmt.Errorf("variable %s is reserved by Lambda", k))
		}
		if strings.Contains(f.Env[k], "\x00") {
			errs = append(errs, fmt.Errorf("variable %s holds a zero byte", k))
		}
	}
	if size > 4096 {
		errs = append(errs, fmt.Errorf("environment variables take %d bytes; Lambda allows 4096", size))
	}
	return errors.Join(errs...)
}

// resolveBinary makes the path absolute, because the process starts in the
// binary's own folder.
func (f *Function) resolveBinary() error {
	path, err := filepath.Abs(f.Binary)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", path)
	}
	f.Binary = path
	return nil
}

// environ is the whole environment of one process. For an OS-only runtime
// there is no AWS_EXECUTION_ENV, and the trace id comes with each event.
// Source: AWS, "Working with Lambda environment variables".
func (f *Function) environ(o Options, runtimeAPI, logStream string) []string {
	root := filepath.Dir(f.Binary)
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"AWS_REGION=" + o.Region,
		"AWS_DEFAULT_REGION=" + o.Region,
		"AWS_ACCESS_KEY_ID=" + cmp.Or(f.AccessKeyID, o.AccessKeyID),
		"AWS_SECRET_ACCESS_KEY=" + o.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + o.SessionToken,
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + logStream,
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"LAMBDA_TASK_ROOT=" + root,
		"LAMBDA_RUNTIME_DIR=" + root,
		"_HANDLER=bootstrap",
		"TZ=:UTC",
		"LANG=en_US.UTF-8",
	}
	for _, k := range slices.Sorted(maps.Keys(f.Env)) {
		env = append(env, k+"="+f.Env[k])
	}
	return env
}
