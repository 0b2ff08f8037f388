package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// awsConfigText makes the AWS CLI fit for the sandbox: version 1 would fetch a
// message body that is a URL, version 2 would open a pager.
const awsConfigText = "[default]\ncli_follow_urlparam = false\ncli_pager =\n"

func (s *Sandbox) awsConfigFile() string { return filepath.Join(s.options.Dir, "aws-config") }

// variable is what the template gives to the functions that know a variable.
func (s *Sandbox) variable(name string) string {
	for _, f := range s.Stack.Functions {
		if v, ok := f.Env[name]; ok {
			return v
		}
	}
	return ""
}

// writeEnv writes the file that a shell sources to point ordinary tools at the
// sandbox. It comes last: once it is there, everything answers. Beside what
// tools need it holds the functions' own variables, for sam local, which hands
// in those of the shell.
func (s *Sandbox) writeEnv(context.Context) error {
	if err := writeAtomically(s.caFile(), s.Tenant.CAPEM()); err != nil {
		return err
	}
	if err := writeAtomically(s.awsConfigFile(), []byte(awsConfigText)); err != nil {
		return err
	}
	variables := [][2]string{
		{"AWS_ENDPOINT_URL", s.AWSURL},
		{"AWS_ACCESS_KEY_ID", "test"},
		{"AWS_SECRET_ACCESS_KEY", "test"},
		{"AWS_REGION", region},
		{"AWS_DEFAULT_REGION", region}, // what the AWS CLI of version 1 and boto3 read
		{"AWS_CONFIG_FILE", s.awsConfigFile()},
		{"AUTH0_DOMAIN", s.Tenant.Domain()},
		{"AUTH0_CLIENT_ID", s.developer.id},
		{"AUTH0_CLIENT_SECRET", s.developer.secret},
		{"AUTH0_CA_FILE", s.caFile()},
		{"NODE_EXTRA_CA_CERTS", s.caFile()},
		{"LAMBDA_ENDPOINT_URL", s.LambdaURL},
		{"REGISTRATIONS_QUEUE_URL", s.registrations().URL},
		{"REGISTRATIONS_DLQ_URL", s.deadLetters().URL},
		{"AUTH0_MANAGEMENT_SECRET_ARN", s.management.arn},
		{"ROTATE_SECRET_FUNCTION_ARN", s.functionARN("RotateSecretFunction")},
	}
	if s.API != nil {
		variables = append(variables, [][2]string{
			{"API_URL", s.APIURL}, {"API_AUDIENCE", apiAudience}, {"API_CLIENT_ID", s.caller.id}, {"API_CLIENT_SECRET", s.caller.secret},
		}...)
	}
	if url := s.webhookURL(); url != "" {
		variables = append(variables, [2]string{"WEBHOOK_URL", url}, [2]string{"WEBHOOK_SECRET_ARN", s.variable("WEBHOOK_SECRET_ARN")})
	}
	for _, name := range []string{"ALLOWED_HOSTS", "MAX_TRIES", "RETRY_BASE_DELAY", "RETRY_MAX_DELAY", "PROPAGATION_WINDOW", "ROTATION_FUNCTION_ARN", "SECRET_PREFIX", "ALLOWED_AUDIENCES"} {
		variables = append(variables, [2]string{name, s.variable(name)})
	}
	var b strings.Builder
	b.WriteString("# For a shell to source, as long as the sandbox runs.\n")
	// A profile of the user's own would win over the keys, and lead to AWS.
	b.WriteString("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	s.onClose(s.removeEnv)
	return writeAtomically(s.EnvFile, []byte(b.String()))
}

// removeEnv takes the environment file away when what it points to is gone.
func (s *Sandbox) removeEnv() error {
	if err := os.Remove(s.EnvFile); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
